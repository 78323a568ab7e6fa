#include <stdlib.h>

#include "orders/fees.h"
#include "paper_rig.h"

static const struct ev_answer *answered(const struct rig *r, uint64_t id)
{
    const struct ev_answer *a = rig_answer(r, id);
    assert_non_null(a);
    return a;
}

static const struct ev_answer *done(const struct rig *r, uint64_t id)
{
    const struct ev_answer *a = answered(r, id);
    assert_int_equal(a->outcome, GW_OK);
    return a;
}

static void refused(const struct rig *r, uint64_t id, int status, const char *code)
{
    const struct ev_answer *a = answered(r, id);
    assert_int_equal(a->outcome, status == 404 && a->op != GW_CREATE ? GW_NOT_FOUND : GW_REJECTED);
    assert_int_equal(a->http_status, status);
    assert_string_equal(a->error_code, code);
}

/* --- taking --- */

static void a_taker_pays_the_displayed_price_and_the_fee_of_the_series(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3,58:2"); /* YES asks: 2 at 42, 3 at 45 */
    uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 45, 4));
    const struct ev_answer *a = done(&r, id);
    assert_int_equal(a->http_status, 201);
    assert_int_equal(a->filled, 4 * QTY_ONE);
    assert_int_equal(a->remaining, 0);
    assert_int_equal(a->average_px, (2 * 4200 + 2 * 4500) / 4);
    assert_string_equal(a->order_id, "paper-0000000000000abc-1");
    assert_int_equal(rig_count(&r, EV_FILL), 2);
    struct fee_rule rule = {FEE_QUADRATIC, 1000000};
    struct fee_order fo = {0};
    usd_t fees = 0;
    for (uint32_t i = 0; i < 2; i++) {
        const struct ev_fill *f = rig_fill(&r, i);
        assert_int_equal(f->yes_px, i == 0 ? 4200 : 4500);
        assert_int_equal(f->qty, 2 * QTY_ONE);
        assert_true(f->is_taker);
        assert_int_equal(f->fee, fee_fill(&rule, &fo, true, SIDE_YES, f->yes_px, f->qty));
        assert_string_equal(f->order_id, a->order_id);
        assert_string_equal(f->client_id, "client-1");
        fees += f->fee;
    }
    assert_int_equal(paper_account(r.p)->cash,
                     100 * USD_ONE - usd_of(4200, 200) - usd_of(4500, 200) - fees);
    const struct ev_position *p = (const struct ev_position *)rig_event(&r, EV_POSITION, 0);
    assert_int_equal(p->position, 4 * QTY_ONE);
    assert_int_equal(p->fees, fees);
    assert_int_equal(rig_count(&r, EV_POSITION), 1);
    rig_end(&r);
}

static void what_we_took_is_not_there_again_until_the_exchange_shows_new_size(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 45, 3);
    q.tif = GW_IOC;
    assert_int_equal(done(&r, rig_ask(&r, q))->filled, 3 * QTY_ONE);
    q = rig_create(&r, SIDE_YES, 45, 3);
    q.tif = GW_IOC;
    assert_int_equal(done(&r, rig_ask(&r, q))->filled, 0); /* the recording still shows three */
    rig_delta(&r, 0, SIDE_NO, 55, 2);
    q = rig_create(&r, SIDE_YES, 45, 3);
    q.tif = GW_IOC;
    assert_int_equal(done(&r, rig_ask(&r, q))->filled, 2 * QTY_ONE);
    rig_end(&r);
}

static void a_fok_without_volume_and_an_ioc_end_as_the_exchange_ends_them(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 45, 4);
    q.tif = GW_FOK;
    refused(&r, rig_ask(&r, q), 409, "fill_or_kill_insufficient_resting_volume");
    q = rig_create(&r, SIDE_YES, 45, 4);
    q.tif = GW_IOC;
    const struct ev_answer *a = done(&r, rig_ask(&r, q));
    assert_int_equal(a->filled, 3 * QTY_ONE);
    assert_int_equal(a->remaining, 0);
    rig_end(&r);
}

/* --- resting: the queue --- */

/* An order rests behind 10 displayed; returns how many trades of 1 it takes until its first fill,
 * after a removal of 4 without a trade. */
static uint32_t trades_until_filled(enum match_queue queue)
{
    struct rig r;
    struct paper_config c = rig_config();
    c.queue = queue;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 40, 5));
    assert_int_equal(done(&r, id)->remaining, 5 * QTY_ONE);
    assert_int_equal(rig_count(&r, EV_USER_ORDER), 1);
    rig_delta(&r, 0, SIDE_YES, 40, 10); /* newcomers are behind */
    rig_delta(&r, 0, SIDE_YES, 40, -4);
    uint32_t n = 0;
    while (rig_count(&r, EV_FILL) == 0 && n < 40) {
        rig_wait(&r, MS);
        rig_trade(&r, 0, SIDE_NO, 40, 1);
        n++;
    }
    if (n == 40) {
        rig_trade(&r, 0, SIDE_NO, 39, 1); /* through its price */
    }
    assert_false(rig_fill(&r, 0)->is_taker);
    assert_int_equal(rig_fill(&r, 0)->fee, 0); /* quadratic: makers pay nothing */
    rig_end(&r);
    return n;
}

static void the_queue_model_says_how_soon_a_resting_order_is_reached(void **state)
{
    (void)state;
    assert_int_equal(trades_until_filled(MATCH_QUEUE_PESSIMISTIC), 11);
    uint32_t proportional = trades_until_filled(MATCH_QUEUE_PROPORTIONAL);
    assert_true(proportional < 11 && proportional > 6);
    assert_int_equal(trades_until_filled(MATCH_QUEUE_TRADE_THROUGH), 40);
}

static void size_that_crosses_a_resting_order_fills_it_as_maker(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_market(&r, 1, "KXB-1", MARKET_ACTIVE, FEE_QUADRATIC_MAKER);
    rig_snapshot(&r, 1, "40:10", "50:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 44, 2);
    memcpy(q.ticker, "KXB-1", 6);
    done(&r, rig_ask(&r, q));
    rig_delta(&r, 1, SIDE_NO, 57, 5); /* asks YES at 43: below our bid */
    const struct ev_fill *f = rig_fill(&r, 0);
    struct fee_rule rule = {FEE_QUADRATIC_MAKER, 1000000};
    struct fee_order fo = {0};
    assert_int_equal(f->yes_px, 4400);
    assert_int_equal(f->fee, fee_fill(&rule, &fo, false, SIDE_YES, 4400, 2 * QTY_ONE));
    assert_true(f->fee > 0);
    rig_end(&r);
}

/* --- latency --- */

static void an_order_meets_the_book_that_is_there_when_it_arrives(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    c.order_latency = 10 * MS;
    c.market_latency = 5 * MS;
    c.answer_latency = 20 * MS;
    c.private_latency = 8 * MS;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 45, 3));
    mono_ns_t sent = r.now;
    rig_wait(&r, 14 * MS);
    assert_int_equal(rig_count(&r, EV_FILL), 0);
    rig_delta(&r, 0, SIDE_NO, 55, -2); /* seen here before the order is there: too late for two */
    rig_wait(&r, 100 * MS);
    const struct ev_answer *a = done(&r, id);
    assert_int_equal(a->filled, QTY_ONE);
    assert_int_equal(a->sent_mono, sent);
    assert_int_equal(rig_fill(&r, 0)->h.recv_mono - sent, (10 + 8) * MS);
    assert_int_equal(a->h.recv_mono - sent, (10 + 20) * MS);
    assert_int_equal(a->engine_ms, rig_fill(&r, 0)->h.ts_ms);
    rig_end(&r);
}

static void an_answer_never_comes_before_the_book_it_rests_on(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    c.order_latency = 10 * MS;
    c.market_latency = 50 * MS;
    c.answer_latency = 5 * MS;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 45, 3));
    mono_ns_t sent = r.now;
    rig_wait(&r, 59 * MS);
    assert_null(rig_answer(&r, id));
    assert_int_equal(paper_open(r.p), 1);
    assert_int_equal(paper_deadline(r.p), sent + 60 * MS);
    rig_wait(&r, MS);
    assert_int_equal(done(&r, id)->h.recv_mono - sent, 60 * MS);
    assert_int_equal(paper_open(r.p), 0);
    rig_end(&r);
}

/* The times of 40 answers and fills, for one seed. */
static void times_of(uint64_t seed, mono_ns_t *out)
{
    struct rig r;
    struct paper_config c = rig_config();
    c.order_latency = 10 * MS;
    c.answer_latency = 10 * MS;
    c.private_latency = 10 * MS;
    c.jitter = 9 * MS;
    c.seed = seed;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:300");
    for (uint32_t i = 0; i < 20; i++) {
        rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1));
        rig_wait(&r, MS);
    }
    rig_wait(&r, 100 * MS);
    mono_ns_t last = 0;
    for (uint32_t i = 0; i < 20; i++) {
        mono_ns_t sent = answered(&r, i + 1)->sent_mono;
        out[i] = answered(&r, i + 1)->h.recv_mono;
        assert_true(out[i] - sent >= 20 * MS && out[i] - sent <= 38 * MS);
        out[20 + i] = rig_fill(&r, i)->h.recv_mono;
        assert_true(out[20 + i] >= last); /* the private session keeps its order */
        last = out[20 + i];
    }
    for (uint32_t i = 0; i < r.n; i++) {
        assert_true(i == 0 || r.said[i]->recv_mono >= r.said[i - 1]->recv_mono);
    }
    rig_end(&r);
}

static void the_seed_decides_the_jitter(void **state)
{
    (void)state;
    mono_ns_t a[40], b[40], c[40];
    times_of(7, a);
    times_of(7, b);
    times_of(8, c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void creates_wait_for_tokens_and_are_not_sent_when_that_takes_too_long(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    c.write_tokens = 100;
    c.create_wait = 100 * MS;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:300");
    for (uint32_t i = 0; i < 12; i++) {
        rig_ask(&r, rig_create(&r, SIDE_YES, 45, 1));
    }
    for (uint64_t i = 1; i <= 10; i++) {
        done(&r, i); /* the bucket was full */
    }
    assert_null(rig_answer(&r, 11)); /* waits 100 ms */
    const struct ev_answer *a = answered(&r, 12);
    assert_int_equal(a->outcome, GW_NOT_SENT);
    assert_string_equal(a->error_code, "waited_too_long");
    assert_int_equal(a->sent_mono, 0);
    rig_wait(&r, 100 * MS);
    assert_int_equal(done(&r, 11)->sent_mono, r.now);
    rig_end(&r);
}

/* --- refusals --- */

static void refusals_carry_the_exchanges_codes(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    struct gw_request q = rig_create(&r, SIDE_YES, 45, 1);
    q.yes_px = 4550;
    refused(&r, rig_ask(&r, q), 400, "invalid_price");
    q = rig_create(&r, SIDE_YES, 30, 1);
    q.qty = 0;
    refused(&r, rig_ask(&r, q), 400, "invalid_order_size");
    refused(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 30, 1000)), 400, "insufficient_balance");
    q = rig_create(&r, SIDE_YES, 45, 1);
    q.post_only = 1;
    refused(&r, rig_ask(&r, q), 400, "invalid_order");
    q = rig_create(&r, SIDE_YES, 30, 1);
    memcpy(q.ticker, "KXNONE", 7);
    refused(&r, rig_ask(&r, q), 404, "market_not_found");
    q = rig_create(&r, SIDE_YES, 30, 1);
    memcpy(q.group_id, "g", 2);
    refused(&r, rig_ask(&r, q), 404, "order_group_not_found");
    q = rig_create(&r, SIDE_YES, 30, 1);
    q.expiration_s = 5;
    refused(&r, rig_ask(&r, q), 400, "invalid_order");
    q = rig_create(&r, SIDE_YES, 30, 1);
    done(&r, rig_ask(&r, q));
    refused(&r, rig_ask(&r, q), 409, "order_already_exists");
    refused(&r, rig_cancel(&r, "paper-0000000000000abc-99"), 404, "not_found");
    refused(&r, rig_cancel(&r, "paper-00000000000000ff-1"), 404, "not_found"); /* another session */
    refused(&r, rig_cancel(&r, ""), 404, "not_found");
    assert_int_equal(paper_account(r.p)->n_orders, 1);
    rig_end(&r);
}

static void an_order_group_cancels_what_rests_when_too_much_is_matched(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:30");
    struct gw_request q = {.op = GW_GROUP_CREATE, .qty = 5 * QTY_ONE};
    const struct ev_answer *g = done(&r, rig_ask(&r, q));
    assert_int_equal(g->http_status, 201);
    assert_string_equal(g->order_id, "paper-0000000000000abc-g1");
    q = rig_create(&r, SIDE_YES, 30, 2);
    memcpy(q.group_id, g->order_id, sizeof q.group_id);
    uint64_t rests = rig_ask(&r, q);
    q = rig_create(&r, SIDE_YES, 45, 6);
    memcpy(q.group_id, g->order_id, sizeof q.group_id);
    assert_int_equal(done(&r, rig_ask(&r, q))->filled, 6 * QTY_ONE); /* over the limit of five */
    refused(&r, rig_cancel(&r, done(&r, rests)->order_id), 404, "not_found");
    q = rig_create(&r, SIDE_YES, 30, 1);
    memcpy(q.group_id, g->order_id, sizeof q.group_id);
    refused(&r, rig_ask(&r, q), 400, "exceeded_order_group_risk_limit");
    struct gw_request reset = {.op = GW_GROUP_RESET};
    memcpy(reset.order_id, g->order_id, sizeof reset.order_id);
    done(&r, rig_ask(&r, reset));
    q = rig_create(&r, SIDE_YES, 30, 1);
    memcpy(q.group_id, g->order_id, sizeof q.group_id);
    done(&r, rig_ask(&r, q));
    memcpy(reset.order_id, "paper-0000000000000abc-g2", 26);
    refused(&r, rig_ask(&r, reset), 404, "not_found");
    q = (struct gw_request){.op = GW_GROUP_CREATE};
    refused(&r, rig_ask(&r, q), 400, "invalid_parameters");
    rig_end(&r);
}

static void an_amend_keeps_the_order_and_its_fills(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:30");
    uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 30, 4));
    struct gw_request q = {.op = GW_AMEND, .outcome = SIDE_YES, .yes_px = 4500, .qty = 3 * QTY_ONE};
    memcpy(q.order_id, done(&r, id)->order_id, sizeof q.order_id);
    memcpy(q.ticker, TICKER, sizeof TICKER);
    rig_stale(&r, 0);
    refused(&r, rig_ask(&r, q), 400, "paper_book_stale");
    rig_snapshot(&r, 0, "40:10", "55:30");
    const struct ev_answer *a = done(&r, rig_ask(&r, q));
    assert_int_equal(a->filled, 3 * QTY_ONE); /* the new price takes */
    assert_string_equal(rig_fill(&r, 0)->order_id, done(&r, id)->order_id);
    refused(&r, rig_ask(&r, q), 404, "not_found");
    rig_end(&r);
}

static void a_request_that_cannot_be_is_answered_unsent(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    struct gw_request q = rig_create(&r, SIDE_YES, 30, 1);
    memset(q.client_id, 'x', sizeof q.client_id);
    const struct ev_answer *a = answered(&r, rig_ask(&r, q));
    assert_int_equal(a->outcome, GW_NOT_SENT);
    assert_string_equal(a->error_code, "bad_request_of_ours");
    rig_end(&r);
}

static void after_the_stop_no_create_leaves_and_cancels_do(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t rests = rig_ask(&r, rig_create(&r, SIDE_YES, 30, 1));
    paper_stop_orders(r.p);
    const struct ev_answer *a = answered(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 30, 1)));
    assert_int_equal(a->outcome, GW_NOT_SENT);
    assert_string_equal(a->error_code, "stopping");
    a = done(&r, rig_cancel(&r, done(&r, rests)->order_id));
    assert_int_equal(a->remaining, QTY_ONE); /* reduced by */
    refused(&r, rig_cancel(&r, done(&r, rests)->order_id), 404, "not_found");
    rig_end(&r);
}

/* --- every op --- */

static const void *rows_of(const struct ev_answer *a, enum gw_row kind, uint32_t n)
{
    assert_int_equal(a->row_kind, kind);
    assert_int_equal(a->n_rows, n);
    assert_int_equal(a->h.size, sizeof *a + n * a->row_size);
    return ev_answer_rows(a);
}

static void reads_show_orders_fills_positions_and_balance(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 45, 3)));
    uint64_t rests = rig_ask(&r, rig_create(&r, SIDE_YES, 30, 2));
    struct gw_request q = {.op = GW_LIST_ORDERS, .flags = GW_WITH_AS_OF};
    const struct ev_answer *a = done(&r, rig_ask(&r, q));
    const struct ev_user_order *o = rows_of(a, GW_ROW_ORDER, 2);
    assert_true(a->as_of > 0);
    assert_int_equal(o[0].status, XORDER_RESTING); /* newest first */
    assert_int_equal(o[0].remaining, 2 * QTY_ONE);
    assert_int_equal(o[1].status, XORDER_EXECUTED);
    assert_int_equal(o[1].taker_cost, usd_of(4500, 3 * QTY_ONE));
    q = (struct gw_request){.op = GW_LIST_ORDERS, .flags = GW_RESTING_ONLY};
    a = done(&r, rig_ask(&r, q));
    rows_of(a, GW_ROW_ORDER, 1);
    assert_int_equal(a->as_of, 0);
    q = (struct gw_request){.op = GW_LIST_ORDERS, .ticker = "KXB-1"};
    rows_of(done(&r, rig_ask(&r, q)), GW_ROW_ORDER, 0);
    q = (struct gw_request){.op = GW_GET_ORDER};
    memcpy(q.order_id, done(&r, rests)->order_id, sizeof q.order_id);
    o = rows_of(done(&r, rig_ask(&r, q)), GW_ROW_ORDER, 1);
    assert_string_equal(o->client_id, "client-2");
    q = (struct gw_request){.op = GW_LIST_FILLS};
    const struct ev_fill *f = rows_of(done(&r, rig_ask(&r, q)), GW_ROW_FILL, 1);
    assert_string_equal(f->trade_id, rig_fill(&r, 0)->trade_id);
    assert_int_equal(f->fee, rig_fill(&r, 0)->fee);
    assert_string_equal(f->client_id, ""); /* as GET fills */
    memcpy(q.order_id, done(&r, rests)->order_id, sizeof q.order_id);
    rows_of(done(&r, rig_ask(&r, q)), GW_ROW_FILL, 0);
    const struct ev_position *p =
        rows_of(done(&r, rig_op(&r, GW_LIST_POSITIONS)), GW_ROW_POSITION, 1);
    assert_int_equal(p->position, 3 * QTY_ONE);
    a = done(&r, rig_op(&r, GW_GET_BALANCE));
    assert_int_equal(a->balance, paper_account(r.p)->cash); /* resting orders do not lower it */
    rig_end(&r);
}

static void market_reads_and_limits_are_answered_too(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    rig_make(&r, &c);
    rig_market(&r, 1, "KXB-1", MARKET_ACTIVE, FEE_QUADRATIC);
    rig_snapshot(&r, 0, "39:1,40:10", "55:3");
    done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 41, 2)));
    struct gw_request q = {.op = GW_GET_BOOK, .ticker = TICKER};
    const struct ev_answer *a = done(&r, rig_ask(&r, q));
    const struct level *lv = rows_of(a, GW_ROW_LEVEL, 3); /* without our order at 41 */
    assert_int_equal(a->n_yes, 2);
    assert_int_equal(lv[1].px, 4000);
    assert_int_equal(lv[1].qty, 10 * QTY_ONE);
    memcpy(q.ticker, "KXNONE", 7);
    refused(&r, rig_ask(&r, q), 404, "not_found");
    rows_of(done(&r, rig_op(&r, GW_LIST_MARKETS)), GW_ROW_MARKET, 2);
    q = (struct gw_request){.op = GW_LIST_MARKETS, .series = "KXB", .status = "open"};
    const struct ev_market *m = rows_of(done(&r, rig_ask(&r, q)), GW_ROW_MARKET, 1);
    assert_string_equal(m->ticker, "KXB-1");
    struct {
        struct gw_request req;
        char tickers[16];
    } named = {.req = {.op = GW_LIST_MARKETS, .size = sizeof named}, .tickers = "KXC-1,KXA-1"};
    named.req.req_id = ++r.req_id;
    assert_int_equal(paper_request(r.p, &named.req, r.now, r.now), ST_OK);
    rig_wait(&r, 0);
    rows_of(done(&r, r.req_id), GW_ROW_MARKET, 1);
    assert_true(done(&r, rig_op(&r, GW_GET_LIMITS))->write_rate > 0);
    assert_true(done(&r, rig_op(&r, GW_AS_OF))->as_of > 0);
    rig_end(&r);
}

static void a_long_list_comes_in_parts(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    c.orders_max = 300;
    c.history_max = 400;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    for (uint32_t i = 0; i < 250; i++) {
        done(&r, rig_ask(&r, rig_create(&r, SIDE_YES, 1, 1)));
    }
    uint32_t before = r.n;
    uint64_t id = rig_op(&r, GW_LIST_ORDERS);
    uint32_t rows = 0;
    uint32_t parts = 0;
    for (uint32_t i = before; i < r.n; i++) {
        const struct ev_answer *a = (const struct ev_answer *)r.said[i];
        assert_int_equal(a->req_id, id);
        assert_true(a->h.size <= 48u << 10);
        rows += a->n_rows;
        parts++;
    }
    assert_int_equal(rows, 250);
    assert_true(parts > 1);
    rig_end(&r);
}

static void old_finished_orders_are_forgotten_and_open_ones_never(void **state)
{
    (void)state;
    struct rig r;
    struct paper_config c = rig_config();
    c.history_max = 60;
    rig_make(&r, &c);
    rig_snapshot(&r, 0, "40:10", "55:3");
    uint64_t first = rig_ask(&r, rig_create(&r, SIDE_YES, 10, 1));
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t id = rig_ask(&r, rig_create(&r, SIDE_YES, 11, 1));
        done(&r, rig_cancel(&r, done(&r, id)->order_id));
    }
    const struct ev_answer *a = done(&r, rig_op(&r, GW_LIST_ORDERS));
    assert_true(a->n_rows <= 60);
    done(&r, rig_cancel(&r, done(&r, first)->order_id));
    rig_end(&r);
}

static void nonsense_limits_are_refused(void **state)
{
    (void)state;
    struct paper *p = NULL;
    struct paper_out out = {0};
    struct paper_config c = rig_config();
    c.markets_max = 0;
    assert_int_equal(paper_create(&c, &out, &p), ST_INVALID);
    c = rig_config();
    c.jitter = -1;
    assert_int_equal(paper_create(&c, &out, &p), ST_INVALID);
    c = rig_config();
    c.history_max = c.orders_max;
    assert_int_equal(paper_create(&c, &out, &p), ST_INVALID);
    paper_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taker_pays_the_displayed_price_and_the_fee_of_the_series),
        cmocka_unit_test(what_we_took_is_not_there_again_until_the_exchange_shows_new_size),
        cmocka_unit_test(a_fok_without_volume_and_an_ioc_end_as_the_exchange_ends_them),
        cmocka_unit_test(the_queue_model_says_how_soon_a_resting_order_is_reached),
        cmocka_unit_test(size_that_crosses_a_resting_order_fills_it_as_maker),
        cmocka_unit_test(an_order_meets_the_book_that_is_there_when_it_arrives),
        cmocka_unit_test(an_answer_never_comes_before_the_book_it_rests_on),
        cmocka_unit_test(the_seed_decides_the_jitter),
        cmocka_unit_test(creates_wait_for_tokens_and_are_not_sent_when_that_takes_too_long),
        cmocka_unit_test(refusals_carry_the_exchanges_codes),
        cmocka_unit_test(an_order_group_cancels_what_rests_when_too_much_is_matched),
        cmocka_unit_test(an_amend_keeps_the_order_and_its_fills),
        cmocka_unit_test(a_request_that_cannot_be_is_answered_unsent),
        cmocka_unit_test(after_the_stop_no_create_leaves_and_cancels_do),
        cmocka_unit_test(reads_show_orders_fills_positions_and_balance),
        cmocka_unit_test(market_reads_and_limits_are_answered_too),
        cmocka_unit_test(a_long_list_comes_in_parts),
        cmocka_unit_test(old_finished_orders_are_forgotten_and_open_ones_never),
        cmocka_unit_test(nonsense_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
