/*
 * An exchange is put together from rows of which one has another number, text or byte. It is
 * refused with a reason, or it works: every route answers, time goes on, orders come and go,
 * markets settle, and its rows can be put again. So a state file whose check sums are right and
 * whose values are not can do no harm. With an argument it names what is changed in each round.
 */
#include "unit/sim/sim_fixture.h"

#include <inttypes.h>

#include "base/rng.h"
#include "sim/sim_state.h"

#define ROWS_MAX 6000
#define ROUNDS   1200

struct kept {
    uint32_t table;
    uint64_t key;
    void *row;
};

struct rows {
    struct kept v[ROWS_MAX];
    uint32_t n;
    uint32_t bad; /* this row of v is changed when it is given */
    uint32_t column;
    struct rng *rng;
    char bytes[1 << 16]; /* of a changed text */
};

static bool loud;

/* --- rows --- */

/* Fields that no column covers are 0, as they are when the row comes from a file. */
static enum status copy_row(const struct row_table *t, const void *from, void *to, bool lend)
{
    memset(to, 0, t->size);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        struct text v = {NULL, 0};
        if (!row_is_number(c)) {
            v = row_text(c, from);
        }
        if (c->kind == ROW_BYTES && !lend) {
            char *own = malloc(v.n + 1);
            memcpy(own, v.p, v.n);
            v.p = own;
        }
        enum status st =
            row_is_number(c) ? row_set_int(c, to, row_int(c, from)) : row_set_text(c, to, v);
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

static void free_row(const struct row_table *t, void *row, bool lent)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        if (c->kind == ROW_OWNED || (c->kind == ROW_BYTES && !lent)) {
            free((char *)(uintptr_t)row_text(c, row).p);
        }
    }
    free(row);
}

static enum status keep_row(void *self, uint32_t table, uint64_t key, const void *row)
{
    struct rows *all = self;
    assert_true(all->n < ROWS_MAX);
    const struct row_table *t = sim_state_table(table);
    struct kept *k = &all->v[all->n++];
    *k = (struct kept){table, key, malloc(t->size)};
    return copy_row(t, row, k->row, false);
}

static enum status change_number(struct rows *all, const struct row_column *c, void *row)
{
    struct rng *r = all->rng;
    int64_t old = row_int(c, row);
    const int64_t values[] = {0,         1,           -1,        2,         UINT32_MAX,
                              INT32_MAX, INT32_MIN,   INT64_MAX, INT64_MIN, old + 1,
                              old - 1,   old ^ 0x100, -old,      64,        (int64_t)rng_next(r)};
    int64_t v = values[rng_below(r, sizeof values / sizeof values[0])];
    return row_set_int(c, row, v);
}

static enum status change_text(struct rows *all, const struct row_column *c, void *row)
{
    struct rng *r = all->rng;
    struct text old = row_text(c, row);
    size_t n = old.n < sizeof all->bytes - 1 ? old.n : sizeof all->bytes - 1;
    memcpy(all->bytes, old.p != NULL ? old.p : "", n);
    switch (rng_below(r, 4)) {
    case 0:
        n = c->kind == ROW_RAW ? n : rng_below(r, n + 1);
        break;
    case 1:
        n = c->kind == ROW_RAW ? n : c->size < 200 ? c->size : 200;
        memset(all->bytes, 'A', n);
        break;
    default:
        for (uint64_t k = 1 + rng_below(r, 3); n > 0 && k > 0; k--) {
            all->bytes[rng_below(r, n)] = (char)rng_next(r);
        }
    }
    if (c->kind == ROW_OWNED) {
        free((char *)(uintptr_t)old.p);
    }
    enum status st = row_set_text(c, row, (struct text){all->bytes, n});
    if (c->kind == ROW_OWNED && st != ST_OK) {
        char *none = NULL;
        memcpy((uint8_t *)row + c->offset, &none, sizeof none);
    }
    return st;
}

static enum status each(void *self, uint32_t table,
                        enum status (*take)(void *to, uint64_t key, void *row, struct err *err),
                        void *to, struct err *err)
{
    struct rows *all = self;
    const struct row_table *t = sim_state_table(table);
    enum status st = ST_OK;
    for (uint32_t i = 0; i < all->n && st == ST_OK; i++) {
        const struct kept *k = &all->v[i];
        if (k->table != table) {
            continue;
        }
        void *row = malloc(t->size);
        assert_int_equal(copy_row(t, k->row, row, true), ST_OK);
        if (i == all->bad) {
            const struct row_column *c = &t->columns[all->column];
            st = row_is_number(c) ? change_number(all, c, row) : change_text(all, c, row);
            if (st != ST_OK) {
                (void)err_set(err, ST_MALFORMED, "the field cannot hold it");
            }
        }
        st = st == ST_OK ? take(to, k->key, row, err) : st;
        if (st == ST_OK) {
            free(row); /* its texts live on */
        } else {
            free_row(t, row, true);
        }
    }
    return st;
}

/* --- an exchange with something in every table --- */

static void act(struct fix *f, const char *text)
{
    struct buf reply = {.max = 1 << 24};
    struct err err = {0};
    json_t *action = json_loads(text, 0, NULL);
    assert_non_null(action);
    (void)!sim_command(f->sim, action, f->wall, f->now, &reply, &err);
    json_decref(action);
    buf_finish(&reply);
}

static int place(struct fix *f, const char *key, const char *market, const char *side,
                 const char *price, const char *more)
{
    static unsigned serial;
    char body[700];
    snprintf(body, sizeof body,
             "{\"ticker\":\"%s\",\"client_order_id\":\"s%u\",\"side\":\"%s\",\"count\":\"7.50\","
             "\"price\":\"%s\",\"time_in_force\":\"good_till_canceled\","
             "\"self_trade_prevention_type\":\"maker\"%s}",
             market, serial++, side, price, more);
    return fix_request(f, key, "POST", "/portfolio/events/orders", body);
}

static struct sim_config config(void)
{
    struct sim_config c = sim_config_default();
    c.markets = 3;
    c.rate = 1e-9;
    c.duration_ns = 0;
    c.wait_for_client = false;
    c.read_rate = c.write_rate = c.read_capacity = c.write_capacity = 1000000;
    return c;
}

static void fill(struct fix *f)
{
    char more[100];
    act(f, "{\"do\":\"create_series\",\"series\":\"KXS\",\"title\":\"S\",\"tags\":[\"a\"]}");
    act(f, "{\"do\":\"create_event\",\"event\":\"KXS-E\",\"mutually_exclusive\":true}");
    act(f,
        "{\"do\":\"create_market\",\"market\":\"KXS-E-A\",\"close_in\":\"1h\","
        "\"yes\":[[\"0.4000\",\"25.00\"],[\"0.3900\",\"5.00\"]],\"no\":[[\"0.5000\",\"9.00\"]]}");
    act(f, "{\"do\":\"create_market\",\"market\":\"KXS-E-B\",\"close_in\":\"30s\","
           "\"market_type\":\"scalar\",\"price_level_structure\":\"deci_cent\"}");
    act(f,
        "{\"do\":\"create_market\",\"market\":\"KXS-E-C\",\"open_in\":\"1h\",\"close_in\":\"2h\"}");
    act(f, "{\"do\":\"series_fee\",\"series\":\"KXS\",\"fee_type\":\"quadratic\",\"in\":\"2m\"}");
    act(f, "{\"do\":\"fee_override\",\"event\":\"KXS-E\",\"fee_type\":"
           "\"quadratic_with_maker_fees\",\"fee_multiplier\":0.5}");
    act(f, "{\"do\":\"maintenance\",\"kind\":\"trading\",\"in\":\"3m\",\"for\":\"10s\"}");
    act(f, "{\"do\":\"deposit\",\"user\":\"" KEY_A "\",\"amount\":\"12.50\"}");
    assert_int_equal(fix_request(f, KEY_A, "POST", "/portfolio/subaccounts", "{}"), 201);
    assert_int_equal(fix_request(f, KEY_A, "POST", "/portfolio/subaccounts/transfer",
                                 "{\"client_transfer_id\":\"00000000-0000-4000-8000-000000000001\","
                                 "\"from_subaccount\":0,\"to_subaccount\":1,\"amount_cents\":500}"),
                     200);
    assert_int_equal(
        fix_request(f, KEY_A, "POST", "/portfolio/order_groups/create", "{\"contracts_limit\":60}"),
        201);
    snprintf(more, sizeof more, ",\"order_group_id\":\"%s\"", fix_text(f->body, "order_group_id"));
    assert_int_equal(place(f, KEY_A, "KXS-E-A", "bid", "0.4000", more), 201);
    assert_int_equal(place(f, KEY_B, "KXS-E-A", "ask", "0.4000", ""), 201);
    assert_int_equal(place(f, KEY_A, "KXS-E-B", "bid", "0.4500", ""), 201);
    assert_int_equal(place(f, KEY_B, "KXS-E-B", "ask", "0.4500", ""), 201);
    assert_int_equal(fix_request(f, KEY_A, "POST", "/portfolio/events/orders",
                                 "{\"ticker\":\"KXS-E-A\",\"client_order_id\":\"killed\","
                                 "\"side\":\"bid\",\"count\":\"1.00\",\"price\":\"0.0100\","
                                 "\"time_in_force\":\"fill_or_kill\","
                                 "\"self_trade_prevention_type\":\"maker\"}"),
                     409);
    for (int i = 0; i < 12; i++) {
        char price[8];
        snprintf(price, sizeof price, "0.%02d00", 36 + i);
        fix_advance(f, 7 * NS_PER_SEC);
        (void)place(f, i % 3 == 0 ? KEY_B : KEY_A, i % 4 == 0 ? "KXS-E-B" : "KXS-E-A",
                    i % 2 == 0 ? "bid" : "ask", price, i == 5 ? more : "");
        char id[64];
        snprintf(id, sizeof id, "/portfolio/events/orders/%s", fix_text(f->body, "order_id"));
        if (i % 5 == 4) {
            (void)fix_request(f, KEY_A, "DELETE", id, NULL);
        }
    }
    act(f,
        "{\"do\":\"determine\",\"market\":\"KXS-E-B\",\"result\":\"scalar\",\"value\":\"0.3300\"}");
    act(f, "{\"do\":\"settle\",\"market\":\"KXS-E-B\"}");
}

/* --- what it must bear --- */

static void use(struct fix *f)
{
    static const char *const reads[] = {"/markets",
                                        "/markets/KXS-E-A",
                                        "/markets/KXS-E-A/orderbook",
                                        "/markets/trades",
                                        "/events?with_nested_markets=true",
                                        "/events/KXS-E",
                                        "/events/fee_changes",
                                        "/series",
                                        "/series/fee_changes",
                                        "/exchange/status",
                                        "/exchange/schedule",
                                        "/historical/cutoff",
                                        "/historical/markets",
                                        "/portfolio/balance",
                                        "/portfolio/positions",
                                        "/portfolio/orders",
                                        "/portfolio/fills",
                                        "/portfolio/settlements",
                                        "/portfolio/order_groups",
                                        "/portfolio/subaccounts/balances",
                                        "/portfolio/subaccounts/transfers",
                                        "/portfolio/deposits",
                                        "/portfolio/orders/queue_positions?event_ticker=KXS-E",
                                        "/account/limits",
                                        "/api_keys"};
    char candles[200];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
            (void)fix_request(f, i % 2 == 0 ? KEY_A : KEY_B, "GET", reads[i], NULL);
            assert_true(f->resp.status < 500 || f->resp.status == 503);
        }
        snprintf(candles, sizeof candles,
                 "/series/KXS/markets/KXS-E-A/candlesticks?start_ts=%" PRId64 "&end_ts=%" PRId64
                 "&period_interval=1",
                 f->wall / NS_PER_SEC - 600, f->wall / NS_PER_SEC);
        (void)fix_request(f, KEY_A, "GET", candles, NULL);
        (void)place(f, KEY_A, "KXS-E-A", "bid", "0.6000", "");
        (void)place(f, KEY_B, "KXS-E-A", "ask", "0.3000", "");
        (void)place(f, KEY_A, "KXSIM1-S1-M01", "bid", "0.0200", "");
        (void)fix_request(f, KEY_A, "DELETE", "/portfolio/events/orders", NULL);
        (void)fix_request(f, KEY_B, "POST", "/portfolio/subaccounts", "{}");
        act(f, "{\"do\":\"determine\",\"market\":\"KXS-E-A\",\"result\":\"yes\"}");
        act(f, "{\"do\":\"users\"}");
        fix_advance(f, 200 * NS_PER_SEC);
    }
    json_decref(fix_dump(f));
}

static enum status count_row(void *self, uint32_t table, uint64_t key, const void *row)
{
    (void)table;
    (void)key;
    (void)row;
    ++*(uint32_t *)self;
    return ST_OK;
}

static void an_exchange_from_rows_of_which_one_is_wrong_is_refused_or_works(void **state)
{
    (void)state;
    struct rows *all = calloc(1, sizeof *all);
    struct rng rng;
    uint32_t refused = 0;
    uint32_t seen = 0;
    struct fix f = fix_make(config());
    fill(&f);
    sim_state_all(f.sim, &(struct sim_rows_out){all, keep_row});
    wall_ns_t wall = f.wall;
    mono_ns_t now = f.now;
    fix_end(&f);
    for (uint32_t i = 0; i < all->n; i++) {
        seen |= 1u << all->v[i].table;
    }
    for (uint32_t i = 0; sim_state_table(i) != NULL; i++) {
        assert_true(sim_state_table(i)->n_columns == 0 || (seen >> i & 1) != 0);
    }
    all->rng = &rng;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        rng_init(&rng, round);
        uint32_t table = 0;
        do { /* every table alike, however many rows it has */
            table = (uint32_t)rng_below(&rng, 32);
        } while (table >= 32 || (seen >> table & 1) == 0);
        do {
            all->bad = (uint32_t)rng_below(&rng, all->n);
        } while (all->v[all->bad].table != table);
        const struct row_table *t = sim_state_table(table);
        all->column = (uint32_t)rng_below(&rng, t->n_columns);
        struct sim_rows_in in = {all, "rows", each};
        struct sim_config c = config();
        struct err err = {0};
        c.state = &in;
        if (loud) {
            print_message("round %u: table %s, row %" PRIu64 ", %s\n", round, t->name,
                          all->v[all->bad].key, t->columns[all->column].name);
        }
        if (fix_try(&f, c, &err) != ST_OK) {
            refused++;
            assert_true(strlen(err.text) > 10);
            buf_finish(&f.resp.body);
            continue;
        }
        f.wall = wall;
        f.now = now;
        use(&f);
        uint32_t n = 0;
        sim_state_all(f.sim, &(struct sim_rows_out){&n, count_row});
        assert_true(n > 20);
        fix_end(&f);
    }
    print_message("%u of %u refused\n", refused, (unsigned)ROUNDS);
    assert_true(refused > ROUNDS / 10 && refused < ROUNDS);
    for (uint32_t i = 0; i < all->n; i++) {
        free_row(sim_state_table(all->v[i].table), all->v[i].row, false);
    }
    free(all);
}

int main(int argc, char **argv)
{
    (void)argv;
    loud = argc > 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_from_rows_of_which_one_is_wrong_is_refused_or_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
