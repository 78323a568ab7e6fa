/*
 * prop_paper_sim.c - a recorded window traded on paper and at `deltaflow sim --capture`, with the
 * same orders at the same moments.
 *
 * Two simulators play the recording. At the first, orders are placed over its REST routes. The
 * second is left alone: its frames go through the feed to a paper account without latency, which
 * gets the same orders. (Not the first one's frames: they show what our orders took, and a live
 * exchange would not show that to a paper account.)
 *
 * Equal must be, for each queue model: whether an order was taken and with which code it was
 * refused; what was filled at once; every fill in its order: order, price, count, fee, role; how
 * each order ended and why; cash, fees and positions, also after the settlement. Nothing else is
 * compared: ids and times differ by their nature, and a policy that looks at its book would decide
 * differently after its first taking fill, because only the simulator's book shows it.
 */
#include "unit/sim/sim_fixture.h"

#include "base/rng.h"
#include "feed/feed.h"
#include "paper/paper.h"

#define STEP   (200 * NS_PER_MS)
#define WINDOW "data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"
#define MAX    4000

struct fill_row {
    uint32_t order; /* our number of it */
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    bool taker;
};

struct both {
    struct fix traded, quiet;
    struct peer *peer;  /* of quiet */
    struct peer *other; /* of traded */
    size_t taken;       /* frames of quiet that the feed has */
    struct feed *feed;
    char commands[16][4096];
    uint32_t n_commands;
    struct paper *paper;
    struct rng rng;
    char ticker[TICKER_MAX];
    uint32_t n_orders;
    char sim_id[MAX][64], paper_id[MAX][ORDER_ID_MAX]; /* by our number of the order */
    const char *sim_code;
    const char *sim_order;
    qty_t sim_filled, sim_rest;
    /* the paper account's last answer, and all it told */
    struct ev_answer answer;
    struct fill_row fills[MAX];
    uint32_t n_fills;
    struct ev_user_order last[MAX];
    uint64_t refused, taken_at_once, cancels;
};

/* --- the paper side --- */

static uint32_t number_of(const char *client_id)
{
    return (uint32_t)strtoul(client_id + strlen("client-"), NULL, 10);
}

static void on_answer(void *self, const struct ev *ev)
{
    ((struct both *)self)->answer = *(const struct ev_answer *)ev;
}

static void on_private(void *self, const struct ev *ev)
{
    struct both *b = self;
    if (ev->type == EV_FILL) {
        const struct ev_fill *f = (const struct ev_fill *)ev;
        assert_true(b->n_fills < MAX);
        b->fills[b->n_fills++] =
            (struct fill_row){number_of(f->client_id), f->yes_px, f->qty, f->fee, f->is_taker != 0};
    } else if (ev->type == EV_USER_ORDER) {
        const struct ev_user_order *o = (const struct ev_user_order *)ev;
        b->last[number_of(o->client_id)] = *o;
    }
}

static enum status on_market(void *self, const struct ev *ev)
{
    struct both *b = self;
    paper_market(b->paper, ev);
    paper_tick(b->paper, ev->recv_mono, ev->recv_wall);
    return ST_OK;
}

static enum status on_command(void *self, const char *text, size_t n)
{
    struct both *b = self;
    assert_true(b->n_commands < 16 && n < sizeof b->commands[0]);
    memcpy(b->commands[b->n_commands], text, n);
    b->commands[b->n_commands++][n] = '\0';
    return ST_OK;
}

static void on_reconnect(void *self, const char *reason)
{
    (void)self;
    fail_msg("the feed reconnects: %s", reason);
}

/* What the quiet simulator has sent goes to the feed, and what that asks for goes back. */
static void pump(struct both *b)
{
    do {
        for (uint32_t i = 0; i < b->n_commands; i++) {
            fix_frame(&b->quiet, b->peer, b->commands[i]);
        }
        b->n_commands = 0;
        for (; b->taken < json_array_size(b->peer->frames); b->taken++) {
            char *text = json_dumps(json_array_get(b->peer->frames, b->taken), JSON_COMPACT);
            if (feed_frame(b->feed, text, strlen(text), b->quiet.now, b->quiet.wall) != ST_OK) {
                fail_msg("the feed does not take %s", text);
            }
            free(text);
        }
        feed_tick(b->feed, b->quiet.now, b->quiet.wall);
    } while (b->n_commands > 0);
}

static void ask_paper(struct both *b, struct gw_request q)
{
    static uint64_t id;
    q.size = sizeof q;
    q.req_id = ++id;
    memset(&b->answer, 0, sizeof b->answer);
    assert_int_equal(paper_request(b->paper, &q, b->quiet.now, b->quiet.wall), ST_OK);
    paper_tick(b->paper, b->quiet.now, b->quiet.wall);
    assert_int_equal(b->answer.req_id, q.req_id);
}

/* --- the same order on both sides --- */

static qty_t qty_at(json_t *body, const char *key)
{
    qty_t q = 0;
    const char *s = fix_text(body, key);
    assert_int_equal(qty_parse(s, strlen(s), &q), ST_OK);
    return q;
}

static void create(struct both *b, enum side outcome, px_t yes_px, qty_t qty, enum gw_tif tif,
                   bool post_only)
{
    static const char *const tifs[] = {"good_till_canceled", "immediate_or_cancel", "fill_or_kill"};
    uint32_t n = b->n_orders++;
    char px_text[MONEY_TEXT_MAX];
    char qty_text[MONEY_TEXT_MAX];
    char body[1024];
    assert_true(n < MAX);
    px_format(yes_px, px_text);
    qty_format(qty, qty_text);
    snprintf(
        body, sizeof body,
        "{\"ticker\":\"%s\",\"client_order_id\":\"client-%u\",\"side\":\"%s\",\"count\":\"%s\","
        "\"price\":\"%s\",\"time_in_force\":\"%s\",\"self_trade_prevention_type\":"
        "\"taker_at_cross\",\"post_only\":%s}",
        b->ticker, n, outcome == SIDE_YES ? "bid" : "ask", qty_text, px_text, tifs[tif],
        post_only ? "true" : "false");
    int status = fix_request(&b->traded, KEY_A, "POST", "/portfolio/events/orders", body);
    struct gw_request q = {.op = GW_CREATE,
                           .outcome = outcome,
                           .yes_px = yes_px,
                           .qty = qty,
                           .tif = tif,
                           .post_only = post_only};
    memcpy(q.ticker, b->ticker, sizeof q.ticker);
    snprintf(q.client_id, sizeof q.client_id, "client-%u", n);
    ask_paper(b, q);
    assert_int_equal(b->answer.http_status, status);
    if (status != 201) {
        assert_string_equal(b->answer.error_code, fix_text(b->traded.body, "error/code"));
        b->refused++;
        return;
    }
    assert_int_equal(b->answer.filled, qty_at(b->traded.body, "fill_count"));
    assert_int_equal(b->answer.remaining, qty_at(b->traded.body, "remaining_count"));
    if (b->answer.filled > 0) {
        px_t px = 0;
        const char *s = fix_text(b->traded.body, "average_fill_price");
        assert_int_equal(px_parse(s, strlen(s), &px), ST_OK);
        assert_int_equal(b->answer.average_px, px);
        b->taken_at_once++;
    }
    snprintf(b->sim_id[n], sizeof b->sim_id[n], "%s", fix_text(b->traded.body, "order_id"));
    memcpy(b->paper_id[n], b->answer.order_id, sizeof b->paper_id[n]);
}

static void cancel(struct both *b, uint32_t n)
{
    char path[160];
    if (b->sim_id[n][0] == '\0') {
        return;
    }
    snprintf(path, sizeof path, "/portfolio/events/orders/%s", b->sim_id[n]);
    int status = fix_request(&b->traded, KEY_A, "DELETE", path, NULL);
    struct gw_request q = {.op = GW_CANCEL};
    memcpy(q.ticker, b->ticker, sizeof q.ticker);
    memcpy(q.order_id, b->paper_id[n], sizeof q.order_id);
    ask_paper(b, q);
    assert_int_equal(b->answer.http_status, status);
    if (status == 200) {
        assert_int_equal(b->answer.remaining, qty_at(b->traded.body, "reduced_by"));
        b->cancels++;
    }
}

/* Orders around the paper account's book, which is the recording's. */
static void act(struct both *b)
{
    const struct match *m = paper_match(b->paper);
    px_t yes = match_best(m, 0, SIDE_YES);
    px_t no = match_best(m, 0, SIDE_NO);
    uint64_t what = rng_below(&b->rng, 100);
    enum side side = (enum side)rng_below(&b->rng, 2);
    qty_t qty = (qty_t)(1 + rng_below(&b->rng, 40 * QTY_ONE));
    if (yes == 0 || no == 0 || what < 40) {
        return;
    }
    px_t own = side == SIDE_YES ? yes : no;
    px_t other = PX_ONE - (side == SIDE_YES ? no : yes);
    px_t px = what < 75 ? own : what < 80 ? own - PX_CENT : other;
    if (what >= 90) {
        cancel(b, b->n_orders > 0 ? (uint32_t)rng_below(&b->rng, b->n_orders) : 0);
        return;
    }
    if (px <= 0 || px >= PX_ONE) {
        return;
    }
    enum gw_tif tif = what < 80 ? GW_GTC : (enum gw_tif)rng_below(&b->rng, 3);
    create(b, side, side == SIDE_YES ? px : PX_ONE - px, qty, tif, what % 7 == 0);
}

/* --- the comparison --- */

static usd_t usd_at(json_t *j, const char *key)
{
    usd_t v = 0;
    const char *s = fix_text(j, key);
    assert_int_equal(usd_parse(s, strlen(s), &v), ST_OK);
    return v;
}

static uint32_t number_of_sim(const struct both *b, const char *order_id)
{
    for (uint32_t i = 0; i < b->n_orders; i++) {
        if (strcmp(b->sim_id[i], order_id) == 0) {
            return i;
        }
    }
    fail_msg("an order that nobody placed: %s", order_id);
    return 0;
}

static void compare_fills(const struct both *b, json_t *fills)
{
    uint32_t n = (uint32_t)json_array_size(fills);
    for (uint32_t i = 0; i < n && i < b->n_fills; i++) {
        json_t *f = json_array_get(fills, i);
        const struct fill_row *p = &b->fills[i];
        px_t px = 0;
        const char *s = fix_text(f, "yes_price");
        assert_int_equal(px_parse(s, strlen(s), &px), ST_OK);
        if (number_of_sim(b, fix_text(f, "order_id")) != p->order || px != p->yes_px ||
            qty_at(f, "count") != p->qty || usd_at(f, "fee") != p->fee ||
            json_is_true(fix_get(f, "is_taker")) != p->taker) {
            fail_msg("fill %u differs: paper order %u px %lld qty %lld fee %lld; sim %s", i,
                     p->order, (long long)p->yes_px, (long long)p->qty, (long long)p->fee,
                     json_dumps(f, 0));
        }
    }
    assert_int_equal(b->n_fills, n);
}

static void compare_orders(const struct both *b, json_t *orders)
{
    static const char *const status[] = {[XORDER_RESTING] = "resting",
                                         [XORDER_CANCELED] = "canceled",
                                         [XORDER_EXECUTED] = "executed"};
    size_t i;
    json_t *o;
    json_array_foreach(orders, i, o)
    {
        const struct ev_user_order *p = &b->last[number_of(fix_text(o, "client_order_id"))];
        assert_string_equal(status[p->status], fix_text(o, "status"));
        assert_string_equal(p->reason, fix_text(o, "reason"));
        assert_int_equal(p->filled, qty_at(o, "filled"));
        assert_int_equal(p->remaining, qty_at(o, "remaining"));
    }
}

static void compare_account(const struct both *b, json_t *account)
{
    const struct match_account *a = paper_account(b->paper);
    assert_int_equal(a->cash, usd_at(account, "cash"));
    assert_int_equal(a->fees, usd_at(account, "fees"));
    json_t *p = fix_get(account, "positions/0");
    struct match_position ours = paper_position(b->paper, b->ticker);
    if (p == NULL) {
        assert_int_equal(ours.volume, 0);
        return;
    }
    assert_int_equal(ours.qty, qty_at(p, "position"));
    assert_int_equal(ours.cost, usd_at(p, "cost"));
    assert_int_equal(ours.realized, usd_at(p, "realized"));
}

static void compare(struct both *b)
{
    json_t *d = fix_dump(&b->traded);
    compare_fills(b, fix_get(d, "fills"));
    compare_orders(b, fix_get(d, "orders"));
    compare_account(b, fix_get(d, "accounts/0"));
    json_decref(d);
}

/* --- a run --- */

static void make(struct both *b, enum match_queue queue, const char *fee_type, uint64_t seed)
{
    static char file[1024];
    static const char *const path[] = {file};
    if (!shared_path(WINDOW, file, sizeof file)) {
        exit(77);
    }
    memset(b, 0, sizeof *b);
    rng_init(&b->rng, seed);
    struct sim_config c = sim_config_default();
    c.captures = path;
    c.n_captures = 1;
    c.speed = 1;
    c.wait_for_client = true;
    c.queue_model = (int)queue;
    c.fee_type = fee_type;
    c.balance = 10000 * USD_ONE;
    c.write_rate = c.write_capacity = 1000000;
    b->traded = fix_make(c);
    b->quiet = fix_make(c);
    snprintf(b->ticker, sizeof b->ticker, "%s", sim_market(b->quiet.sim, 0));

    struct paper_config pc = paper_config_default();
    pc.balance = 10000 * USD_ONE;
    pc.queue = queue;
    pc.order_latency = pc.answer_latency = pc.private_latency = pc.market_latency = pc.jitter = 0;
    pc.write_tokens = 0;
    struct paper_out po = {b, on_answer, on_private, NULL};
    assert_int_equal(paper_create(&pc, &po, &b->paper), ST_OK);

    struct feed_config fc = feed_config_default();
    fc.seq_check = fc.repair = fc.trades = true;
    struct feed_out fo = {b, on_market, NULL, on_command, on_reconnect};
    assert_int_equal(feed_create(&fc, &fo, &b->feed), ST_OK);
    struct ev_market m = {.status = MARKET_ACTIVE,
                          .fee_type = strcmp(fee_type, "quadratic") == 0 ? FEE_QUADRATIC
                                                                         : FEE_QUADRATIC_MAKER};
    memcpy(m.ticker, b->ticker, sizeof m.ticker);
    json_t *d = NULL;
    char text[200];
    snprintf(text, sizeof text, "/markets/%s", b->ticker);
    assert_int_equal(fix_request(&b->quiet, NULL, "GET", text, NULL), 200);
    d = b->quiet.body;
    assert_int_equal(grid_named(&m.grid, fix_text(d, "market/price_level_structure")), ST_OK);
    assert_int_equal(feed_add_market(b->feed, &m, b->quiet.now, b->quiet.wall), ST_OK);
    b->peer = fix_connect(&b->quiet, KEY_A);
    feed_open(b->feed, b->quiet.now, b->quiet.wall);
    pump(b);
    /* The same starts the recording at the traded one. */
    b->other = fix_connect(&b->traded, KEY_A);
    snprintf(text, sizeof text,
             "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\"],"
             "\"market_ticker\":\"%s\"}}",
             b->ticker);
    fix_frame(&b->traded, b->other, text);
}

static void settle(struct both *b)
{
    char path[200];
    snprintf(path, sizeof path, "/markets/%s", b->ticker);
    assert_int_equal(fix_request(&b->traded, NULL, "GET", path, NULL), 200);
    assert_string_equal(fix_text(b->traded.body, "market/status"), "finalized");
    px_t px = 0;
    const char *s = fix_text(b->traded.body, "market/settlement_value_dollars");
    assert_int_equal(px_parse(s, strlen(s), &px), ST_OK);
    assert_true(paper_settle(b->paper, b->ticker, px, b->quiet.now, b->quiet.wall));
    paper_tick(b->paper, b->quiet.now, b->quiet.wall);
}

static void trade_both(enum match_queue queue, const char *fee_type, uint64_t seed)
{
    struct both *b = calloc(1, sizeof *b);
    assert_non_null(b);
    make(b, queue, fee_type, seed);
    bool ended = false;
    for (uint32_t i = 0; i < 40000 && !ended; i++) {
        fix_advance(&b->traded, STEP);
        fix_advance(&b->quiet, STEP);
        pump(b);
        act(b);
        if (i % 500 == 0) {
            compare(b);
        }
        ended = sim_finished(b->traded.sim);
    }
    assert_true(ended);
    settle(b);
    compare(b);
    uint32_t makers = 0;
    for (uint32_t i = 0; i < b->n_fills; i++) {
        makers += !b->fills[i].taker;
    }
    print_message("seed %llu queue %d %s: %u orders, %llu refused, %llu canceled, %u fills, %u of "
                  "them resting: all equal\n",
                  (unsigned long long)seed, (int)queue, fee_type, b->n_orders,
                  (unsigned long long)b->refused, (unsigned long long)b->cancels, b->n_fills,
                  makers);
    assert_true(b->n_fills > 50 && b->cancels > 10 && b->refused > 0 && b->taken_at_once > 10);
    assert_true(makers > 0);
    assert_int_equal(paper_stats(b->paper)->contradictions, 0);
    feed_destroy(b->feed);
    paper_destroy(b->paper);
    fix_disconnect(&b->quiet, b->peer);
    fix_disconnect(&b->traded, b->other);
    fix_end(&b->traded);
    fix_end(&b->quiet);
    free(b);
}

static void pessimistic_queue(void **state)
{
    (void)state;
    trade_both(MATCH_QUEUE_PESSIMISTIC, "quadratic", 1);
}

static void proportional_queue_and_maker_fees(void **state)
{
    (void)state;
    trade_both(MATCH_QUEUE_PROPORTIONAL, "quadratic_with_maker_fees", 2);
}

static void trade_through(void **state)
{
    (void)state;
    trade_both(MATCH_QUEUE_TRADE_THROUGH, "quadratic", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pessimistic_queue),
        cmocka_unit_test(proportional_queue_and_maker_fees),
        cmocka_unit_test(trade_through),
    };
    return cmocka_run_group_tests_name("paper against sim --capture", tests, NULL, NULL);
}
