/*
 * Each row of the transition table, met by an engine: a short script of what happens to one order
 * brings it into the row's state, and one more thing happens. That must lead to the state that is
 * written here, and to no table error. (rows of `intended` and `stored`: test_orders.c)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TEN (10 * QTY_ONE)

struct scene {
    struct rig r;
    struct gw_request create, amend, cancel;
    qty_t filled;
    uint32_t trades;
};

static void take_requests(struct scene *s)
{
    const struct gw_request *q = NULL;
    while ((q = rig_request(&s->r)) != NULL) {
        if (q->op == GW_CREATE) {
            s->create = *q;
        } else if (q->op == GW_AMEND) {
            s->amend = *q;
        } else if (q->op == GW_CANCEL) {
            s->cancel = *q;
        }
    }
}

/* An answer that is not the last word: a gateway may answer late, after it gave up. */
static void answer(struct scene *s, const struct gw_request *q, enum gw_outcome outcome,
                   qty_t filled, qty_t remaining)
{
    assert_int_not_equal(q->req_id, 0);
    struct ev_answer a = rig_answer_to(q, outcome);
    a.flags = GW_ANSWER_MORE;
    a.filled = filled;
    a.remaining = remaining;
    if (outcome == GW_OK) {
        snprintf(a.order_id, sizeof a.order_id, "o1");
    }
    rig_answer(&s->r, &a);
}

static void seen(struct scene *s, enum xorder_status status, qty_t filled, const char *reason)
{
    struct ev_user_order row = rig_order_row("o1", s->create.client_id, status, filled);
    snprintf(row.reason, sizeof row.reason, "%s", reason);
    rig_event(&s->r, &row.h, EV_USER_ORDER, EV_SRC_PRIVATE, sizeof row);
}

static void fill(struct scene *s, qty_t qty)
{
    char trade[16];
    snprintf(trade, sizeof trade, "t%u", ++s->trades);
    s->filled += qty;
    rig_fill(&s->r, trade, "o1", s->create.client_id, SIDE_YES, 4500, qty, 100000);
}

static void command(struct scene *s, enum command what)
{
    struct ev_command c = {.h = {.mkt = MKT_NONE}, .command = what};
    rig_event(&s->r, &c.h, EV_COMMAND, EV_SRC_COMMAND, sizeof c);
}

/* The order is looked for, and a read that must show it does not. */
static void absent(struct scene *s)
{
    const struct gw_request *q = NULL;
    for (int i = 0; q == NULL && i < 10; i++) {
        rig_wait(&s->r, 100 * RIG_MS);
        q = rig_request(&s->r);
    }
    assert_non_null(q);
    assert_int_equal(q->op, GW_LIST_ORDERS);
    struct ev_answer a = rig_answer_to(q, GW_OK);
    a.as_of = RIG_WALL + s->r.now + 1000 * NS_PER_SEC;
    rig_answer(&s->r, &a);
}

static void happen(struct scene *s, char what)
{
    switch (what) {
    case 'c': /* sent */
        rig_act(&s->r, ACT_BUY_YES);
        break;
    case 'm': /* moved */
        s->r.action = ACT_BUY_YES;
        rig_book(&s->r, 4000, 5300);
        s->r.action = ACT_HOLD;
        break;
    case 'C': /* cancelled */
        command(s, CMD_CANCEL_ALL);
        break;
    /* the create's answer */
    case 'a':
        answer(s, &s->create, GW_OK, 0, TEN);
        break;
    case 'A':
        answer(s, &s->create, GW_OK, 300, TEN - 300);
        break;
    case 'F':
        answer(s, &s->create, GW_OK, TEN, 0);
        break;
    case 'K':
        answer(s, &s->create, GW_OK, 0, 0);
        break;
    case 'R':
        answer(s, &s->create, GW_REJECTED, 0, 0);
        break;
    case 'U':
        answer(s, &s->create, GW_UNKNOWN, 0, 0);
        break;
    /* the amend's answer */
    case 'o':
        answer(s, &s->amend, GW_OK, QTY_UNKNOWN, QTY_UNKNOWN);
        break;
    case 'O':
        answer(s, &s->amend, GW_OK, 300, TEN - 300);
        break;
    case 'z':
        answer(s, &s->amend, GW_OK, TEN, 0);
        break;
    case 'n':
        answer(s, &s->amend, GW_NOT_SENT, 0, 0);
        break;
    case 'u':
        s->r.gateway_full = true; /* the cancel that follows waits */
        answer(s, &s->amend, GW_UNKNOWN, 0, 0);
        s->r.gateway_full = false;
        break;
    /* the cancel's answer */
    case 'y':
        answer(s, &s->cancel, GW_OK, 0, TEN - s->filled);
        break;
    case 'w':
        answer(s, &s->cancel, GW_NOT_SENT, 0, 0);
        break;
    case 'q':
        answer(s, &s->cancel, GW_UNKNOWN, 0, 0);
        break;
    /* the user channel */
    case 'r':
        seen(s, XORDER_RESTING, 0, "");
        break;
    case 'p':
        seen(s, XORDER_RESTING, 300, "");
        break;
    case 'f':
        seen(s, XORDER_EXECUTED, TEN, "Trade");
        break;
    case 'g': /* without its count */
        seen(s, XORDER_EXECUTED, 0, "Trade");
        break;
    case 'k':
        seen(s, XORDER_CANCELED, s->filled, "");
        break;
    case 'e':
        seen(s, XORDER_CANCELED, s->filled, "ExpiryCancel");
        break;
    case '3':
        fill(s, 300);
        break;
    case 'x':
        fill(s, TEN - s->filled);
        break;
    case 's':
        absent(s);
        break;
    default:
        fail_msg("nothing is called '%c'", what);
    }
    take_requests(s);
}

struct row {
    const char *before;
    char then;
    enum order_state from, to;
};
static const struct row rows[] = {
    /* ack_resting */
    {"c", 'a', ORDER_SENT, ORDER_RESTING},
    {"ca", 'a', ORDER_RESTING, ORDER_RESTING},
    {"cp", 'a', ORDER_PART, ORDER_PART},
    {"cam", 'a', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"caC", 'a', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cU", 'a', ORDER_UNKNOWN, ORDER_RESTING},
    {"cf", 'a', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'a', ORDER_CANCELLED, ORDER_CANCELLED},
    {"ce", 'a', ORDER_EXPIRED, ORDER_EXPIRED},
    /* ack_part */
    {"c", 'A', ORDER_SENT, ORDER_PART},
    {"ca", 'A', ORDER_RESTING, ORDER_PART},
    {"ca3", 'A', ORDER_PART, ORDER_PART},
    {"cam", 'A', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"caC", 'A', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cU", 'A', ORDER_UNKNOWN, ORDER_PART},
    {"cf", 'A', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'A', ORDER_CANCELLED, ORDER_CANCELLED},
    {"ce", 'A', ORDER_EXPIRED, ORDER_EXPIRED},
    /* ack_filled */
    {"c", 'F', ORDER_SENT, ORDER_FILLED},
    {"cr", 'F', ORDER_RESTING, ORDER_FILLED},
    {"c3", 'F', ORDER_PART, ORDER_FILLED},
    {"crC", 'F', ORDER_CANCEL_SENT, ORDER_FILLED},
    {"cU", 'F', ORDER_UNKNOWN, ORDER_FILLED},
    {"cf", 'F', ORDER_FILLED, ORDER_FILLED},
    /* ack_cancelled */
    {"c", 'K', ORDER_SENT, ORDER_CANCELLED},
    {"cr", 'K', ORDER_RESTING, ORDER_CANCELLED},
    {"cp", 'K', ORDER_PART, ORDER_CANCELLED},
    {"crC", 'K', ORDER_CANCEL_SENT, ORDER_CANCELLED},
    {"cU", 'K', ORDER_UNKNOWN, ORDER_CANCELLED},
    {"ck", 'K', ORDER_CANCELLED, ORDER_CANCELLED},
    {"ce", 'K', ORDER_EXPIRED, ORDER_EXPIRED},
    /* rejected */
    {"c", 'R', ORDER_SENT, ORDER_REJECTED},
    /* unknown */
    {"c", 'U', ORDER_SENT, ORDER_UNKNOWN},
    {"cr", 'U', ORDER_RESTING, ORDER_RESTING},
    {"cp", 'U', ORDER_PART, ORDER_UNKNOWN},
    {"cam", 'U', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"crC", 'U', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cf", 'U', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'U', ORDER_CANCELLED, ORDER_CANCELLED},
    {"ce", 'U', ORDER_EXPIRED, ORDER_EXPIRED},
    /* fill_part */
    {"c", '3', ORDER_SENT, ORDER_PART},
    {"ca", '3', ORDER_RESTING, ORDER_PART},
    {"ca3", '3', ORDER_PART, ORDER_PART},
    {"cam", '3', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"caC", '3', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cU", '3', ORDER_UNKNOWN, ORDER_UNKNOWN},
    {"cf", '3', ORDER_FILLED, ORDER_FILLED},
    {"ck", '3', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cR", '3', ORDER_REJECTED, ORDER_PART},
    {"ce", '3', ORDER_EXPIRED, ORDER_EXPIRED},
    /* fill_all */
    {"c", 'x', ORDER_SENT, ORDER_FILLED},
    {"ca", 'x', ORDER_RESTING, ORDER_FILLED},
    {"ca3", 'x', ORDER_PART, ORDER_FILLED},
    {"cam", 'x', ORDER_AMEND_SENT, ORDER_FILLED},
    {"caC", 'x', ORDER_CANCEL_SENT, ORDER_FILLED},
    {"cU", 'x', ORDER_UNKNOWN, ORDER_FILLED},
    {"cf", 'x', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'x', ORDER_CANCELLED, ORDER_FILLED},
    {"cR", 'x', ORDER_REJECTED, ORDER_FILLED},
    {"ce", 'x', ORDER_EXPIRED, ORDER_FILLED},
    /* amend_sent */
    {"ca", 'm', ORDER_RESTING, ORDER_AMEND_SENT},
    {"ca3", 'm', ORDER_PART, ORDER_AMEND_SENT},
    /* amend_ok */
    {"camo", 'o', ORDER_RESTING, ORDER_RESTING},
    {"cam", 'o', ORDER_AMEND_SENT, ORDER_RESTING},
    {"camC", 'o', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"camg", 'o', ORDER_FILLED, ORDER_FILLED},
    {"camk", 'o', ORDER_CANCELLED, ORDER_CANCELLED},
    {"came", 'o', ORDER_EXPIRED, ORDER_EXPIRED},
    /* amend_ok_part */
    {"camo", 'O', ORDER_RESTING, ORDER_PART},
    {"cam3o", 'O', ORDER_PART, ORDER_PART},
    {"cam", 'O', ORDER_AMEND_SENT, ORDER_PART},
    {"camC", 'O', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"camf", 'O', ORDER_FILLED, ORDER_FILLED},
    {"camk", 'O', ORDER_CANCELLED, ORDER_CANCELLED},
    {"came", 'O', ORDER_EXPIRED, ORDER_EXPIRED},
    /* amend_filled */
    {"camo", 'z', ORDER_RESTING, ORDER_FILLED},
    {"cam3o", 'z', ORDER_PART, ORDER_FILLED},
    {"cam", 'z', ORDER_AMEND_SENT, ORDER_FILLED},
    {"camC", 'z', ORDER_CANCEL_SENT, ORDER_FILLED},
    {"camf", 'z', ORDER_FILLED, ORDER_FILLED},
    {"camk", 'z', ORDER_CANCELLED, ORDER_FILLED},
    {"came", 'z', ORDER_EXPIRED, ORDER_FILLED},
    /* amend_failed */
    {"camo", 'n', ORDER_RESTING, ORDER_RESTING},
    {"camop", 'n', ORDER_PART, ORDER_PART},
    {"cam", 'n', ORDER_AMEND_SENT, ORDER_RESTING},
    {"camC", 'n', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"camf", 'n', ORDER_FILLED, ORDER_FILLED},
    {"camk", 'n', ORDER_CANCELLED, ORDER_CANCELLED},
    {"came", 'n', ORDER_EXPIRED, ORDER_EXPIRED},
    /* amend_failed_part */
    {"cam3o", 'n', ORDER_PART, ORDER_PART},
    {"cam3", 'n', ORDER_AMEND_SENT, ORDER_PART},
    {"cam3C", 'n', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cam3f", 'n', ORDER_FILLED, ORDER_FILLED},
    {"cam3k", 'n', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cam3e", 'n', ORDER_EXPIRED, ORDER_EXPIRED},
    /* amend_unclear */
    {"camo", 'u', ORDER_RESTING, ORDER_RESTING},
    {"cam3o", 'u', ORDER_PART, ORDER_PART},
    {"cam", 'u', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"camC", 'u', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"camf", 'u', ORDER_FILLED, ORDER_FILLED},
    {"camk", 'u', ORDER_CANCELLED, ORDER_CANCELLED},
    {"came", 'u', ORDER_EXPIRED, ORDER_EXPIRED},
    /* cancel_sent */
    {"ca", 'C', ORDER_RESTING, ORDER_CANCEL_SENT},
    {"ca3", 'C', ORDER_PART, ORDER_CANCEL_SENT},
    {"cam", 'C', ORDER_AMEND_SENT, ORDER_CANCEL_SENT},
    /* cancel_ok */
    {"caC", 'y', ORDER_CANCEL_SENT, ORDER_CANCELLED},
    {"caCk", 'y', ORDER_CANCELLED, ORDER_CANCELLED},
    {"caCe", 'y', ORDER_EXPIRED, ORDER_EXPIRED},
    /* cancel_failed */
    {"caC", 'w', ORDER_CANCEL_SENT, ORDER_RESTING},
    {"caCf", 'w', ORDER_FILLED, ORDER_FILLED},
    {"caCk", 'w', ORDER_CANCELLED, ORDER_CANCELLED},
    {"caCe", 'w', ORDER_EXPIRED, ORDER_EXPIRED},
    /* cancel_failed_part */
    {"ca3C", 'w', ORDER_CANCEL_SENT, ORDER_PART},
    {"ca3Cf", 'w', ORDER_FILLED, ORDER_FILLED},
    {"ca3Ck", 'w', ORDER_CANCELLED, ORDER_CANCELLED},
    {"ca3Ce", 'w', ORDER_EXPIRED, ORDER_EXPIRED},
    /* cancel_unclear */
    {"caC", 'q', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"caCf", 'q', ORDER_FILLED, ORDER_FILLED},
    {"caCk", 'q', ORDER_CANCELLED, ORDER_CANCELLED},
    {"caCe", 'q', ORDER_EXPIRED, ORDER_EXPIRED},
    /* seen_resting */
    {"c", 'r', ORDER_SENT, ORDER_RESTING},
    {"ca", 'r', ORDER_RESTING, ORDER_RESTING},
    {"cp", 'r', ORDER_PART, ORDER_PART},
    {"cam", 'r', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"caC", 'r', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cU", 'r', ORDER_UNKNOWN, ORDER_RESTING},
    {"cf", 'r', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'r', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cR", 'r', ORDER_REJECTED, ORDER_RESTING},
    {"ce", 'r', ORDER_EXPIRED, ORDER_EXPIRED},
    /* seen_part */
    {"c", 'p', ORDER_SENT, ORDER_PART},
    {"ca", 'p', ORDER_RESTING, ORDER_PART},
    {"ca3", 'p', ORDER_PART, ORDER_PART},
    {"cam", 'p', ORDER_AMEND_SENT, ORDER_AMEND_SENT},
    {"caC", 'p', ORDER_CANCEL_SENT, ORDER_CANCEL_SENT},
    {"cU", 'p', ORDER_UNKNOWN, ORDER_PART},
    {"cf", 'p', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'p', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cR", 'p', ORDER_REJECTED, ORDER_PART},
    {"ce", 'p', ORDER_EXPIRED, ORDER_EXPIRED},
    /* seen_filled */
    {"c", 'f', ORDER_SENT, ORDER_FILLED},
    {"ca", 'f', ORDER_RESTING, ORDER_FILLED},
    {"ca3", 'f', ORDER_PART, ORDER_FILLED},
    {"cam", 'f', ORDER_AMEND_SENT, ORDER_FILLED},
    {"caC", 'f', ORDER_CANCEL_SENT, ORDER_FILLED},
    {"cU", 'f', ORDER_UNKNOWN, ORDER_FILLED},
    {"cf", 'f', ORDER_FILLED, ORDER_FILLED},
    {"ck", 'f', ORDER_CANCELLED, ORDER_FILLED},
    {"cR", 'f', ORDER_REJECTED, ORDER_FILLED},
    {"ce", 'f', ORDER_EXPIRED, ORDER_FILLED},
    /* seen_cancelled */
    {"c", 'k', ORDER_SENT, ORDER_CANCELLED},
    {"ca", 'k', ORDER_RESTING, ORDER_CANCELLED},
    {"ca3", 'k', ORDER_PART, ORDER_CANCELLED},
    {"cam", 'k', ORDER_AMEND_SENT, ORDER_CANCELLED},
    {"caC", 'k', ORDER_CANCEL_SENT, ORDER_CANCELLED},
    {"cU", 'k', ORDER_UNKNOWN, ORDER_CANCELLED},
    {"ck", 'k', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cR", 'k', ORDER_REJECTED, ORDER_CANCELLED},
    {"ce", 'k', ORDER_EXPIRED, ORDER_EXPIRED},
    /* seen_expired */
    {"c", 'e', ORDER_SENT, ORDER_EXPIRED},
    {"ca", 'e', ORDER_RESTING, ORDER_EXPIRED},
    {"ca3", 'e', ORDER_PART, ORDER_EXPIRED},
    {"cam", 'e', ORDER_AMEND_SENT, ORDER_EXPIRED},
    {"caC", 'e', ORDER_CANCEL_SENT, ORDER_EXPIRED},
    {"cU", 'e', ORDER_UNKNOWN, ORDER_EXPIRED},
    {"ck", 'e', ORDER_CANCELLED, ORDER_CANCELLED},
    {"cR", 'e', ORDER_REJECTED, ORDER_EXPIRED},
    {"ce", 'e', ORDER_EXPIRED, ORDER_EXPIRED},
    /* absent */
    {"cU", 's', ORDER_UNKNOWN, ORDER_REJECTED},
};
#define ROWS (sizeof rows / sizeof rows[0])

static struct order_view order(const struct scene *s)
{
    struct order_view v;
    assert_true(orders_find(engine_orders(s->r.engine), 1, &v));
    return v;
}

/* Reserve and counts follow from its state and its fills. NULL: they do. */
static const char *counts_wrong(const struct scene *s, enum order_state state)
{
    const struct orders *o = engine_orders(s->r.engine);
    const struct order_view v = order(s);
    bool open = order_state_open(state);
    if (orders_open(o) != open) {
        return "it counts as open, or not, wrongly";
    }
    if (v.filled != s->filled || orders_account(o)->holdings[0].position != s->filled) {
        return "its fills are not counted once";
    }
    if (open && v.reserved < usd_of(4500, TEN - v.filled)) {
        return "it reserves too little";
    }
    return orders_account(o)->cash_reserved != v.reserved ? "something else is reserved" : NULL;
}

static uint32_t meet(const struct row *w)
{
    struct scene s = {.filled = 0};
    struct engine_config c = rig_config();
    c.orders.unknown_halt_count = 0;
    c.orders.back_off_min = 50 * RIG_MS;
    rig_start(&s.r, &c);
    rig_open(&s.r);
    for (const char *p = w->before; *p != '\0'; p++) {
        happen(&s, *p);
    }
    enum order_state from = order(&s).state;
    happen(&s, w->then);
    enum order_state to = order(&s).state;
    uint64_t errors = orders_stats(engine_orders(s.r.engine))->table_errors;
    const char *wrong = counts_wrong(&s, w->to);
    bool good = from == w->from && to == w->to && errors == 0 && wrong == NULL;
    if (!good) {
        print_error("\"%s\", then '%c': %s to %s, not %s to %s; %llu table errors%s%s\n", w->before,
                    w->then, order_state_name(from), order_state_name(to),
                    order_state_name(w->from), order_state_name(w->to), (unsigned long long)errors,
                    wrong != NULL ? "; " : "", wrong != NULL ? wrong : "");
    }
    rig_finish(&s.r);
    return !good;
}

static void each_row_is_met_and_leads_where_it_must(void **state)
{
    (void)state;
    uint32_t wrong = 0;
    for (size_t i = 0; i < ROWS; i++) {
        wrong += meet(&rows[i]);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_met_and_leads_where_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
