/*
 * The gate asked without an engine in front of it: what the engine never asks for because it looks
 * first is refused here all the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "orders/orders.h"

#define WALL (INT64_C(1780000000) * NS_PER_SEC)

struct desk {
    struct orders *orders;
    struct book *book;
    uint32_t left; /* requests */
    mono_ns_t now;
};

static enum status on_submit(void *self, const struct gw_request *req)
{
    (void)req;
    ((struct desk *)self)->left++;
    return ST_OK;
}

static void open_desk(struct desk *d)
{
    *d = (struct desk){.now = NS_PER_SEC};
    struct orders_config c = orders_config_default();
    c.markets_max = 4;
    c.orders_max = 64;
    c.trades_max = 256;
    c.from_config = true;
    c.cash_start = 100 * USD_ONE;
    struct orders_sinks sinks = {.gateway = {d, on_submit}};
    assert_int_equal(orders_create(&c, &sinks, &d->orders), ST_OK);
    orders_turn(d->orders, d->now, WALL);
    struct ev_market m = {.ticker = "M", .grid = grid_cents(), .status = MARKET_ACTIVE};
    assert_int_equal(orders_market(d->orders, 0, &m), ST_OK);
    assert_int_equal(book_create(&m.grid, &d->book), ST_OK);
    const struct level yes = {4000, 100 * QTY_ONE};
    const struct level no = {5500, 100 * QTY_ONE};
    assert_int_equal(book_snapshot(d->book, &yes, 1, &no, 1), ST_OK);
    orders_book(d->orders, 0, d->book);
}

static void close_desk(struct desk *d)
{
    orders_destroy(d->orders);
    book_destroy(d->book);
}

static void refused(struct desk *d, const struct orders_view *view, const char *check)
{
    struct orders_result r = orders_intend(d->orders, 0, ACT_BUY_YES, view);
    assert_int_equal(r.verdict, VERDICT_REFUSED);
    assert_string_equal(r.check, check);
    assert_int_equal(d->left, 0);
    assert_int_equal(orders_open(d->orders), 0);
}

static void what_is_wrong_with_the_market_is_refused_by_name(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d);
    struct orders_view good = {.book = d.book, .tradable = true};
    struct orders_view v = good;
    v.tradable = false; /* closed, stale or crossed */
    refused(&d, &v, "market_state");
    v = good;
    v.lagging = true;
    refused(&d, &v, "lagging");
    v = good;
    v.unchecked = true;
    refused(&d, &v, "scale_unchecked");
    assert_int_equal(orders_intend(d.orders, 0, ACT_BUY_YES, &good).verdict, VERDICT_SENT);
    assert_int_equal(d.left, 1);
    close_desk(&d);
}

static void a_close_is_held_up_by_them_too(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d);
    struct ev_fill f = {.yes_px = 4500,
                        .qty = 10 * QTY_ONE,
                        .post_position = QTY_UNKNOWN,
                        .outcome = SIDE_YES,
                        .ticker = "M",
                        .trade_id = "t1",
                        .order_id = "o1"};
    orders_fill(d.orders, &f, EV_SRC_PRIVATE);
    d.left = 0;
    struct orders_view v = {.book = d.book, .tradable = true, .lagging = true};
    assert_string_equal(orders_close(d.orders, 0, &v).check, "lagging");
    v = (struct orders_view){.book = d.book, .tradable = false};
    assert_string_equal(orders_close(d.orders, 0, &v).check, "market_state");
    assert_int_equal(d.left, 0);
    orders_halt(d.orders, "a person", false); /* this does not hold it up */
    v.tradable = true;
    assert_int_equal(orders_close(d.orders, 0, &v).verdict, VERDICT_SENT);
    assert_int_equal(d.left, 1);
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_the_market_is_refused_by_name),
        cmocka_unit_test(a_close_is_held_up_by_them_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
