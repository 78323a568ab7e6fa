/*
 * prop_replay.c - recordings of the exchange through client and book, against a slow model of them
 * that reads the same lines with jansson; equal after every message.
 *
 * The default run takes a few gold windows, the two with a reconnect among them; DELTAFLOW_LONG=1
 * takes all.
 */
#include <glob.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/capture.h"
#include "feed/feed.h"
#include "prop/book/slow_book.h"
#include "shared_data.h"

#define MARKETS 16

struct replay {
    struct feed *feed;
    struct book *books[MARKETS];
    uint64_t snapshots, deltas, trades, refused;
    /* model */
    char tickers[MARKETS][64];
    uint32_t n;
    uint64_t negative, crossed, slow_snapshots, slow_deltas, slow_trades;
    bool yes_scale;
};

static struct slow_book slow[MARKETS];

/* --- the fast side --- */

static void make_room(struct book *book, px_t px)
{
    struct grid fine;
    if (grid_index(book_grid(book), px) < 0 && px > 0 && px < PX_ONE) {
        assert_int_equal(grid_named(&fine, "center_centi_edge_centi_cent"), ST_OK);
        uint32_t dropped = 9;
        assert_int_equal(book_regrid(book, &fine, &dropped), ST_OK);
        assert_int_equal(dropped, 0);
    }
}

static enum status take(void *self, const struct ev *ev)
{
    struct replay *r = self;
    const void *p = ev;
    if (ev->mkt >= MARKETS) {
        return ST_OK;
    }
    if (ev->type == EV_MARKET) {
        const struct ev_market *m = p;
        assert_int_equal(book_create(&m->grid, &r->books[ev->mkt]), ST_OK);
    } else if (ev->type == EV_SNAPSHOT) {
        const struct ev_snapshot *s = p;
        for (uint32_t i = 0; i < s->n_yes + s->n_no; i++) {
            make_room(r->books[ev->mkt], s->levels[i].px);
        }
        r->snapshots++;
        r->refused += book_snapshot(r->books[ev->mkt], s->levels, s->n_yes, s->levels + s->n_yes,
                                    s->n_no) != ST_OK;
    } else if (ev->type == EV_DELTA) {
        const struct ev_delta *d = p;
        make_room(r->books[ev->mkt], d->px);
        r->deltas++;
        r->refused += book_apply(r->books[ev->mkt], (enum side)d->side, d->px, d->qty) != ST_OK;
    } else if (ev->type == EV_TRADE) {
        r->trades++;
    }
    return ST_OK;
}

static enum status send_nothing(void *self, const char *text, size_t n)
{
    (void)self;
    (void)text;
    (void)n;
    fail_msg("an offline session sends nothing");
    return ST_CLOSED;
}

static void no_reconnect(void *self, const char *reason)
{
    (void)self;
    fail_msg("an offline session does not reconnect: %s", reason);
}

/* --- the slow side --- */

/* "0.4700" or 47 (legacy cents, whole contracts) in units of 1/scale. */
static int64_t number(const json_t *v, double scale, int64_t legacy)
{
    if (json_is_string(v)) {
        double x = strtod(json_string_value(v), NULL) * scale;
        return (int64_t)(x < 0 ? x - 0.5 : x + 0.5);
    }
    assert_true(json_is_integer(v));
    return json_integer_value(v) * legacy;
}

static const json_t *either(const json_t *msg, const char *key, const char *legacy_key)
{
    const json_t *v = json_object_get(msg, key);
    return v != NULL ? v : json_object_get(msg, legacy_key);
}

static void slow_snapshot(struct replay *r, struct slow_book *b, const json_t *msg)
{
    static const char *const keys[2][2] = {{"yes_dollars_fp", "yes"}, {"no_dollars_fp", "no"}};
    slow_clear(b);
    r->slow_snapshots++;
    for (int side = 0; side < 2; side++) {
        const json_t *levels = either(msg, keys[side][0], keys[side][1]);
        for (size_t i = 0; i < json_array_size(levels); i++) {
            const json_t *l = json_array_get(levels, i);
            px_t px = number(json_array_get(l, 0), 1e4, 100);
            px = side == 1 && r->yes_scale ? 10000 - px : px;
            assert_true(slow_add(b, side, px, number(json_array_get(l, 1), 1e2, 100)));
        }
    }
}

static void slow_delta(struct replay *r, struct slow_book *b, const json_t *msg)
{
    int side = strcmp(json_string_value(json_object_get(msg, "side")), "no") == 0;
    px_t px = number(either(msg, "price_dollars", "price"), 1e4, 100);
    px = side == 1 && r->yes_scale ? 10000 - px : px;
    r->slow_deltas++;
    r->negative += !slow_add(b, side, px, number(either(msg, "delta_fp", "delta"), 1e2, 100));
}

/* Index of the market the message was about, MARKETS when about none. */
static uint32_t slow_message(struct replay *r, const char *s, size_t n)
{
    json_t *root = json_loadb(s, n, 0, NULL);
    assert_non_null(root);
    const json_t *msg = json_object_get(root, "msg");
    const char *type = json_string_value(json_object_get(root, "type"));
    const char *ticker = json_string_value(json_object_get(msg, "market_ticker"));
    bool snapshot = strcmp(type, "orderbook_snapshot") == 0;
    bool delta = strcmp(type, "orderbook_delta") == 0;
    bool trade = strcmp(type, "trade") == 0;
    uint32_t i = MARKETS;
    if (snapshot || delta || trade) {
        for (i = 0; i < r->n && strcmp(r->tickers[i], ticker) != 0; i++) {
        }
        if (i == r->n) {
            assert_true(r->n < MARKETS);
            snprintf(r->tickers[r->n++], sizeof r->tickers[0], "%s", ticker);
        }
        if (snapshot) {
            slow_snapshot(r, &slow[i], msg);
        } else if (delta) {
            slow_delta(r, &slow[i], msg);
        }
        r->slow_trades += trade;
        r->crossed += slow_crossed(&slow[i]);
    }
    json_decref(root);
    return i;
}

/* --- one file --- */

static void replay_file(const char *path)
{
    static struct replay r;
    memset(&r, 0, sizeof r);
    memset(slow, 0, sizeof slow);
    r.yes_scale = strstr(path, "use_yes_price_true") != NULL;
    struct feed_config config = feed_config_default();
    config.repair = false;
    config.use_yes_price = r.yes_scale;
    config.markets_max = MARKETS;
    struct feed_out out = {&r, take, NULL, send_nothing, no_reconnect};
    assert_int_equal(feed_create(&config, &out, &r.feed), ST_OK);
    struct capture *cap;
    struct err err;
    assert_int_equal(capture_open(path, 0, &cap, &err), ST_OK);
    feed_open(r.feed, 0, 0);
    struct capture_line line;
    uint64_t lines = 0;
    enum status st;
    for (st = capture_next(cap, &line); st == ST_OK; st = capture_next(cap, &line)) {
        uint32_t mkt = slow_message(&r, line.msg.p, line.msg.n);
        assert_int_equal(feed_frame(r.feed, line.msg.p, line.msg.n, 0, 0), ST_OK);
        if (mkt < MARKETS && !slow_equal(&slow[mkt], r.books[mkt])) {
            fail_msg("%s:%llu: book differs", path, (unsigned long long)line.number);
        }
        lines++;
    }
    assert_int_equal(st, ST_END);
    assert_int_equal(r.negative, 0);
    assert_int_equal(r.crossed, 0);
    assert_int_equal(r.refused, 0);
    assert_int_equal(feed_stats(r.feed)->duplicates, 0);
    assert_int_equal(r.snapshots, r.slow_snapshots);
    assert_int_equal(r.deltas, r.slow_deltas);
    assert_int_equal(r.trades, r.slow_trades);
    assert_true(lines > 0);
    printf("%s: %llu messages, %u markets, %llu gaps, equal after each\n", strrchr(path, '/') + 1,
           (unsigned long long)lines, r.n, (unsigned long long)feed_stats(r.feed)->gaps);
    capture_close(cap);
    feed_destroy(r.feed);
    for (uint32_t i = 0; i < MARKETS; i++) {
        book_destroy(r.books[i]);
    }
}

static void replay_all(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        if (!shared_path(names[i], path, sizeof path)) {
            skip();
        }
        replay_file(path);
    }
}

static void small_files_keep_equal_books(void **state)
{
    (void)state;
    static const char *const names[] = {
        "data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst",
        "data/kalshi/ws/demo_default_no_scale_2026-06-11.jsonl",
        "data/kalshi/ws/demo_use_yes_price_true_2026-06-11.jsonl",
        "data/kalshi/ws/demo_perps_private_lifecycle_2026-06-12.jsonl",
        "data/kalshi/ws/prod_one_sided_snapshot_2026-08-24.jsonl",
        "data/kalshi/ws_legacy_cents/INXD-23AUG31-B4512.morning.jsonl.zst"};
    replay_all(names, sizeof names / sizeof names[0]);
}

static void gold_windows_keep_equal_books(void **state)
{
    (void)state;
    static const char *const names[] = {
        "data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst",
        "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102030-30.jsonl.zst",
        "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102130-30.jsonl.zst"};
    const char *more = getenv("DELTAFLOW_LONG");
    if (more == NULL || more[0] == '\0') {
        replay_all(names, sizeof names / sizeof names[0]);
        return;
    }
    char dir[4096], pattern[4200];
    if (!shared_path("data/kalshi/ws/gold15m", dir, sizeof dir)) {
        skip();
    }
    snprintf(pattern, sizeof pattern, "%s/*.jsonl.zst", dir);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        replay_file(found.gl_pathv[i]);
    }
    printf("%zu windows\n", found.gl_pathc);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_files_keep_equal_books),
        cmocka_unit_test(gold_windows_keep_equal_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
