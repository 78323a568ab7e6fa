/* orders_doc.c - docs/ORDERS.md, made from the transition table. */
#include "base/bytes.h"
#include "orders/order_state.h"

static const char *const states[ORDER_STATE_MAX] = {
    [ORDER_INTENDED] = "passed the risk gate; nothing has happened yet",
    [ORDER_STORED] = "in the order journal, not given to the gateway yet",
    [ORDER_SENT] = "the gateway has it, no answer",
    [ORDER_RESTING] = "on the book, nothing filled that we know of",
    [ORDER_PART] = "part filled, the rest is on the book",
    [ORDER_AMEND_SENT] = "an amend is under way: old or new terms hold",
    [ORDER_CANCEL_SENT] = "a cancel is under way",
    [ORDER_UNKNOWN] = "it may or may not be at the exchange: settled by reading",
    [ORDER_FILLED] = "done: all of it",
    [ORDER_CANCELLED] = "done: the rest was cancelled",
    [ORDER_REJECTED] = "done: certainly never at the exchange",
    [ORDER_EXPIRED] = "done: expiry, or close of the market",
};

void orders_document(struct buf *out)
{
    size_t n = 0;
    const struct order_row *rows = order_rows(&n);
    buf_str(out, "# The life of an order\n\n"
                 "Made from the table in `src/orders/order_state.c` (target `orders_doc`); the "
                 "program applies that table and nothing else. A pair of "
                 "state and event that is not here is an error: it changes nothing, is recorded "
                 "and counted.\n\n"
                 "An order that is open is reserved in cash at its limit with the worst fee, and "
                 "counts against every limit of risk. A fill is a "
                 "fact in every state: each trade id moves cash and position once.\n\n"
                 "| state | open | meaning |\n|---|---|---|\n");
    for (int i = 0; i < ORDER_STATE_MAX; i++) {
        buf_printf(out, "| %s | %s | %s |\n", order_state_name((enum order_state)i),
                   order_state_open((enum order_state)i) ? "yes" : "no", states[i]);
    }
    buf_str(
        out,
        "\n| state | event | next state | cash, risk, exposure | why |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "| %s | %s | %s | %s | %s |\n", order_state_name(rows[i].from),
                   order_event_name(rows[i].event), order_state_name(rows[i].to),
                   order_effect(&rows[i]), rows[i].why);
    }
}
