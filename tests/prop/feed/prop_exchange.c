/*
 * prop_exchange.c - the client against a random exchange over a bad connection: frames are lost,
 * doubled and cut short, subscriptions overflow, the connection drops, the actor's ring and the
 * socket are full now and then. When that ends, the client's books are the exchange's.
 *
 * DELTAFLOW_SEED repeats a run.
 */
#include <jansson.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/rng.h"
#include "prop/book/slow_book.h"
#include "unit/feed/rig.h"

#define SUBS_MAX 256

struct xsub {
    bool live, trade;
    unsigned sid, seq;
    bool in[RIG_MARKETS];
};

struct world {
    struct rig r;
    struct rng rng;
    bool faults;
    /* the exchange */
    bool up;
    mono_ns_t up_at;
    uint32_t markets;
    struct xsub subs[SUBS_MAX];
    uint32_t n_subs;
    uint32_t taken; /* commands read */
    /* what happened */
    uint64_t lost, doubled, cut, overflows, drops;
};

static uint64_t seed = 42;
static struct slow_book truth[RIG_MARKETS];
static struct world w;
static const char *const names[RIG_MARKETS] = {"A", "B", "C", "D", "E", "F", "G", "H"};

static bool chance(uint64_t one_in)
{
    return w.faults && rng_below(&w.rng, one_in) == 0;
}

static void drop_connection(void)
{
    w.up = false;
    w.up_at = w.r.now + (mono_ns_t)rng_below(&w.rng, 2000) * NS_PER_MS;
    w.drops++;
}

static void deliver(const struct buf *frame)
{
    size_t n = frame->n;
    if (!w.up) {
        return;
    }
    if (chance(150)) {
        w.lost++;
        return;
    }
    if (chance(200)) {
        n = (size_t)rng_below(&w.rng, n);
        w.cut++;
    }
    feed_frame(w.r.feed, frame->p, n, w.r.now, w.r.now);
    if (chance(100)) {
        feed_frame(w.r.feed, frame->p, n, w.r.now, w.r.now);
        w.doubled++;
    }
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct buf b;
    buf_init(&b, 4096);
    buf_add(&b, text, (size_t)n);
    deliver(&b);
    buf_finish(&b);
}

static void add_side(struct buf *b, const char *key, const struct slow_side *s)
{
    if (s->n == 0) {
        return;
    }
    buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < s->n; i++) {
        char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
        px_format(s->levels[i].px, px);
        qty_format(s->levels[i].qty, qty);
        buf_printf(b, "%s[\"%s\",\"%s\"]", i > 0 ? "," : "", px, qty);
    }
    buf_char(b, ']');
}

static void say_snapshot(struct xsub *s, uint32_t mkt, unsigned id)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_printf(&b, "{\"type\":\"orderbook_snapshot\",\"sid\":%u,\"seq\":%u,", s->sid, ++s->seq);
    if (id != 0) {
        buf_printf(&b, "\"id\":%u,", id);
    }
    buf_printf(&b, "\"msg\":{\"market_ticker\":\"%s\",\"market_id\":\"x\"", names[mkt]);
    add_side(&b, "yes_dollars_fp", &truth[mkt].side[0]);
    add_side(&b, "no_dollars_fp", &truth[mkt].side[1]);
    buf_str(&b, "}}\n");
    deliver(&b);
    buf_finish(&b);
}

static uint32_t market_of(const json_t *name)
{
    return (uint32_t)(json_string_value(name)[0] - 'A');
}

static void on_subscribe(const json_t *params, unsigned id)
{
    const json_t *channels = json_object_get(params, "channels");
    const json_t *tickers = json_object_get(params, "market_tickers");
    for (size_t c = 0; c < json_array_size(channels); c++) {
        assert_true(w.n_subs < SUBS_MAX);
        struct xsub *s = &w.subs[w.n_subs++];
        const char *channel = json_string_value(json_array_get(channels, c));
        *s = (struct xsub){.live = true, .trade = strcmp(channel, "trade") == 0, .sid = w.n_subs};
        say("{\"type\":\"subscribed\",\"id\":%u,\"msg\":{\"channel\":\"%s\",\"sid\":%u}}", id,
            channel, s->sid);
        for (size_t i = 0; i < json_array_size(tickers); i++) {
            uint32_t mkt = market_of(json_array_get(tickers, i));
            s->in[mkt] = true;
            if (!s->trade) {
                say_snapshot(s, mkt, 0);
            }
        }
    }
}

static void on_update(const json_t *params, unsigned id)
{
    size_t sid = (size_t)json_integer_value(json_array_get(json_object_get(params, "sids"), 0));
    bool add = strcmp(json_string_value(json_object_get(params, "action")), "add_markets") == 0;
    const json_t *tickers = json_object_get(params, "market_tickers");
    struct xsub *s = sid >= 1 && sid <= w.n_subs ? &w.subs[sid - 1] : NULL;
    if (s == NULL || !s->live) {
        say("{\"type\":\"error\",\"id\":%u,\"msg\":{\"code\":7,\"msg\":\"Unknown subscription "
            "ID\"}}",
            id);
        return;
    }
    if (add) {
        say("{\"id\":%u,\"sid\":%u,\"seq\":%u,\"type\":\"ok\",\"msg\":{\"market_tickers\":[]}}", id,
            s->sid, ++s->seq);
    }
    for (size_t i = 0; i < json_array_size(tickers); i++) {
        uint32_t mkt = market_of(json_array_get(tickers, i));
        s->in[mkt] = s->in[mkt] || add;
        if (!s->trade && s->in[mkt]) {
            say_snapshot(s, mkt, add ? 0 : id);
        }
    }
}

static void on_unsubscribe(const json_t *params, unsigned id)
{
    const json_t *sids = json_object_get(params, "sids");
    for (size_t i = 0; i < json_array_size(sids); i++) {
        size_t sid = (size_t)json_integer_value(json_array_get(sids, i));
        if (sid >= 1 && sid <= w.n_subs && w.subs[sid - 1].live) {
            w.subs[sid - 1].live = false;
            say("{\"id\":%u,\"sid\":%zu,\"seq\":%u,\"type\":\"unsubscribed\"}", id, sid,
                ++w.subs[sid - 1].seq);
        }
    }
}

static void read_commands(void)
{
    while (w.up && w.taken < w.r.n_commands) {
        const char *text = w.r.commands[w.taken++];
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(root);
        unsigned id = (unsigned)json_integer_value(json_object_get(root, "id"));
        const char *cmd = json_string_value(json_object_get(root, "cmd"));
        const json_t *params = json_object_get(root, "params");
        if (strcmp(cmd, "subscribe") == 0) {
            on_subscribe(params, id);
        } else if (strcmp(cmd, "update_subscription") == 0) {
            on_update(params, id);
        } else {
            assert_string_equal(cmd, "unsubscribe");
            on_unsubscribe(params, id);
        }
        json_decref(root);
    }
}

/* Books stay below 0.50 on both sides, so they never cross. */
static void trade_or_delta(void)
{
    uint32_t mkt = (uint32_t)rng_below(&w.rng, w.markets);
    int side = (int)rng_below(&w.rng, 2);
    px_t px = PX_CENT * (px_t)(1 + rng_below(&w.rng, 49));
    qty_t qty = (qty_t)rng_below(&w.rng, 900) - 400;
    if (qty == 0 || !slow_add(&truth[mkt], side, px, qty)) {
        return;
    }
    char px_text[MONEY_TEXT_MAX], qty_text[MONEY_TEXT_MAX];
    px_format(px, px_text);
    qty_format(qty, qty_text);
    for (uint32_t i = 0; i < w.n_subs; i++) {
        struct xsub *s = &w.subs[i];
        if (!s->live || !s->in[mkt]) {
            continue;
        }
        if (!s->trade) {
            say("{\"type\":\"orderbook_delta\",\"sid\":%u,\"seq\":%u,\"msg\":{\"market_ticker\":"
                "\"%s\",\"market_id\":\"x\",\"price_dollars\":\"%s\",\"delta_fp\":\"%s\",\"side\":"
                "\"%s\"}}",
                s->sid, ++s->seq, names[mkt], px_text, qty_text, side == 0 ? "yes" : "no");
            if (chance(500)) {
                s->live = false;
                w.overflows++;
                say("{\"type\":\"error\",\"sid\":%u,\"seq\":%u,\"msg\":{\"code\":25,\"msg\":"
                    "\"Subscription buffer overflow\"}}",
                    s->sid, ++s->seq);
            }
        } else if (qty < 0) {
            rig_trade(&w.r, s->sid, ++s->seq, names[mkt]);
        }
    }
}

static void step(mono_ns_t after)
{
    w.r.now += after;
    if (!w.up && w.r.now >= w.up_at) {
        w.up = true;
        w.n_subs = 0;
        w.taken = w.r.n_commands; /* what was sent into the old connection is gone */
        feed_close(w.r.feed, "connection lost", w.r.now, w.r.now);
        feed_open(w.r.feed, w.r.now, w.r.now);
    }
    uint32_t reconnects = w.r.reconnects;
    if (feed_deadline(w.r.feed) <= w.r.now) {
        feed_tick(w.r.feed, w.r.now, w.r.now);
    }
    read_commands();
    if (w.r.reconnects != reconnects || (w.up && chance(400))) {
        drop_connection();
    }
}

static void one_world(int round)
{
    memset(&w, 0, sizeof w);
    memset(truth, 0, sizeof truth);
    rng_init(&w.rng, seed + (uint64_t)round);
    struct feed_config c = rig_config();
    rig_init(&w.r, &c);
    w.faults = true;
    while (w.markets < 2) {
        assert_int_equal(rig_market(&w.r, names[w.markets++]), ST_OK);
    }
    for (int i = 0; i < 1500; i++) {
        w.r.full = chance(w.r.full ? 2 : 60);
        w.r.send_blocked = chance(20);
        if (w.markets < RIG_MARKETS && rng_below(&w.rng, 200) == 0) {
            assert_int_equal(rig_market(&w.r, names[w.markets++]), ST_OK);
        }
        step((mono_ns_t)rng_below(&w.rng, 60) * NS_PER_MS);
        for (uint64_t n = rng_below(&w.rng, 4); n > 0; n--) {
            trade_or_delta();
        }
    }
    w.faults = w.r.full = w.r.send_blocked = false;
    for (int i = 0; i < 400; i++) {
        step(200 * NS_PER_MS);
        trade_or_delta();
    }
    step(NS_PER_SEC);
    for (uint32_t m = 0; m < w.markets; m++) {
        if (!w.r.good[m] || !slow_equal(&truth[m], w.r.books[m])) {
            fail_msg("world %d, market %s: book %s", round, names[m],
                     w.r.good[m] ? "differs" : "is not good");
        }
    }
    assert_int_equal(w.r.contradictions, 0);
    assert_true(w.r.link);
}

static void after_quiescence_the_books_are_the_exchanges(void **state)
{
    (void)state;
    struct feed_stats sum = {0};
    uint64_t drops = 0, lost = 0;
    for (int round = 0; round < 60; round++) {
        one_world(round);
        const struct feed_stats *s = feed_stats(w.r.feed);
        sum.gaps += s->gaps;
        sum.duplicates += s->duplicates;
        sum.not_taken += s->not_taken;
        sum.malformed += s->malformed;
        sum.overflows += s->overflows;
        sum.repairs += s->repairs;
        sum.resubscribes += s->resubscribes;
        sum.reconnects += s->reconnects;
        drops += w.drops;
        lost += w.lost;
        rig_finish(&w.r);
    }
    printf("lost=%llu drops=%llu gaps=%llu duplicates=%llu malformed=%llu not_taken=%llu "
           "overflows=%llu repairs=%llu resubscribes=%llu reconnects=%llu\n",
           (unsigned long long)lost, (unsigned long long)drops, (unsigned long long)sum.gaps,
           (unsigned long long)sum.duplicates, (unsigned long long)sum.malformed,
           (unsigned long long)sum.not_taken, (unsigned long long)sum.overflows,
           (unsigned long long)sum.repairs, (unsigned long long)sum.resubscribes,
           (unsigned long long)sum.reconnects);
    /* Every rule was at work. */
    assert_true(lost > 0 && drops > 0 && sum.gaps > 0 && sum.duplicates > 0 && sum.malformed > 0);
    assert_true(sum.not_taken > 0 && sum.overflows > 0 && sum.repairs > 0);
    assert_true(sum.resubscribes > 0 && sum.reconnects > 0);
}

int main(void)
{
    const char *text = getenv("DELTAFLOW_SEED");
    seed = text != NULL ? strtoull(text, NULL, 0) : seed;
    printf("seed %llu\n", (unsigned long long)seed);
    log_set_level(LOG_ERROR); /* thousands of warnings are the point here */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_quiescence_the_books_are_the_exchanges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
