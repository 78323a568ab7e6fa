/*
 * rig.h - a shell and an actor for tests of the feed sessions.
 *
 * It keeps the commands that were sent, can refuse events and commands, and applies events to
 * books as the actor does: a book is good from its snapshot until it is marked stale.
 */
#ifndef TESTS_UNIT_FEED_RIG_H
#define TESTS_UNIT_FEED_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"
#include "feed/feed.h"

#define RIG_MARKETS  8
#define RIG_COMMANDS 4096
#define RIG_EVENTS   65536

struct rig_event {
    uint16_t type;
    uint32_t mkt;
    int64_t code;
    uint64_t seq;
    char reason[REASON_MAX];
};

struct rig {
    struct feed *feed;
    struct fill_listener *fl;
    mono_ns_t now;
    /* actor */
    struct book *books[RIG_MARKETS];
    bool good[RIG_MARKETS];
    bool link;
    uint64_t ord;
    uint32_t contradictions; /* a good book refused a delta */
    uint32_t unannounced;    /* an event of a market before its EV_MARKET */
    struct rig_event *events;
    uint32_t n_events;
    union {
        struct ev h;
        struct ev_fill fill;
        struct ev_user_order order;
        struct ev_position position;
        struct ev_trade trade;
        struct ev_delta delta;
        struct ev_market market;
    } last;
    struct level last_levels[64]; /* of the last snapshot */
    uint32_t last_yes, last_no;
    /* refusals */
    bool full;
    int64_t full_at, full_for; /* refuse offers [full_at, full_at + full_for) */
    int64_t offers;
    bool send_blocked;
    /* shell */
    char *commands[RIG_COMMANDS];
    uint32_t n_commands;
    uint32_t reconnects;
    char reconnect_reason[REASON_MAX];
    uint32_t raw, gaps, conn_records;
    struct rec_gap gap; /* the last one */
};

static inline void rig_apply(struct rig *r, const struct ev *ev)
{
    const void *p = ev;
    bool one = ev->mkt < RIG_MARKETS;
    struct book *book = one ? r->books[ev->mkt] : NULL;
    if (ev->type == EV_MARKET) {
        const struct ev_market *m = p;
        if (book == NULL) {
            assert_int_equal(book_create(&m->grid, &r->books[ev->mkt]), ST_OK);
        } else {
            assert_int_equal(book_regrid(book, &m->grid, NULL), ST_OK);
        }
        return;
    }
    if (ev->source == EV_SRC_MARKET && one && book == NULL) {
        r->unannounced++;
        return;
    }
    if (ev->type == EV_SNAPSHOT) {
        const struct ev_snapshot *s = p;
        assert_int_equal(ev->size, ev_round8(sizeof *s + (s->n_yes + s->n_no) * 16));
        r->last_yes = s->n_yes;
        r->last_no = s->n_no;
        if (s->n_yes + s->n_no <= 64) {
            memcpy(r->last_levels, s->levels, (s->n_yes + s->n_no) * sizeof(struct level));
        }
        enum status st = book_snapshot(book, s->levels, s->n_yes, s->levels + s->n_yes, s->n_no);
        r->good[ev->mkt] = st == ST_OK;
    } else if (ev->type == EV_DELTA && r->good[ev->mkt]) {
        const struct ev_delta *d = p;
        if (book_apply(book, (enum side)d->side, d->px, d->qty) != ST_OK) {
            r->contradictions++;
            r->good[ev->mkt] = false;
        }
    } else if (ev->type == EV_STALE) {
        for (uint32_t i = 0; i < RIG_MARKETS; i++) {
            r->good[i] = r->good[i] && ev->mkt != MKT_ALL && ev->mkt != i;
        }
    }
}

static inline enum status rig_emit(void *self, const struct ev *ev)
{
    struct rig *r = self;
    int64_t offer = r->offers++;
    if (r->full || (offer >= r->full_at && offer < r->full_at + r->full_for)) {
        return ST_FULL;
    }
    assert_true(ev->size % 8 == 0 && ev->size >= sizeof *ev);
    assert_int_equal(ev->ord, r->ord + 1); /* without holes */
    r->ord = ev->ord;
    if (r->n_events < RIG_EVENTS) {
        struct rig_event *e = &r->events[r->n_events++];
        *e = (struct rig_event){.type = ev->type, .mkt = ev->mkt, .seq = ev->seq};
        if (ev->type == EV_STALE || ev->type == EV_LINK || ev->type == EV_CLOCK) {
            const struct ev_mark *m = (const void *)ev;
            e->code = m->code;
            memcpy(e->reason, m->reason, sizeof e->reason);
        }
    }
    if (ev->type == EV_LINK) {
        const struct ev_mark *m = (const void *)ev;
        assert_true(r->link != (m->code == 1)); /* it always alternates */
        r->link = m->code == 1;
    }
    if (ev->size <= sizeof r->last) {
        memcpy(&r->last, ev, ev->size);
    }
    rig_apply(r, ev);
    return ST_OK;
}

static inline void rig_record(void *self, const struct rec *rec)
{
    struct rig *r = self;
    assert_true(rec->size % 8 == 0);
    r->raw += rec->type == REC_RAW;
    r->gaps += rec->type == REC_GAP;
    if (rec->type == REC_GAP) {
        memcpy(&r->gap, rec, sizeof r->gap);
    }
    r->conn_records += rec->type == REC_CONN;
}

/* The last gap row names one message that is missing. */
static inline void rig_gap_is(const struct rig *r, uint64_t sid, uint64_t seq)
{
    assert_int_equal(r->gap.sid, sid);
    assert_int_equal(r->gap.seq_expected, seq);
    assert_int_equal(r->gap.seq_got, seq + 1);
    assert_int_equal(r->gap.lost, 1);
}

static inline enum status rig_send(void *self, const char *text, size_t n)
{
    struct rig *r = self;
    if (r->send_blocked) {
        return ST_FULL;
    }
    assert_true(r->n_commands < RIG_COMMANDS);
    r->commands[r->n_commands++] = strndup(text, n);
    return ST_OK;
}

static inline void rig_reconnect(void *self, const char *reason)
{
    struct rig *r = self;
    r->reconnects++;
    snprintf(r->reconnect_reason, sizeof r->reconnect_reason, "%s", reason);
}

static inline struct feed_config rig_config(void)
{
    struct feed_config c = feed_config_default();
    c.markets_max = RIG_MARKETS;
    c.levels_max = 256;
    c.data_timeout_ns = 30 * NS_PER_SEC;
    c.repair_timeout_ns = 5 * NS_PER_SEC;
    c.reply_timeout_ns = 10 * NS_PER_SEC;
    return c;
}

static inline void rig_init(struct rig *r, const struct feed_config *config)
{
    memset(r, 0, sizeof *r);
    r->now = 1000 * NS_PER_SEC;
    r->events = calloc(RIG_EVENTS, sizeof *r->events);
    assert_non_null(r->events);
    struct feed_out out = {r, rig_emit, rig_record, rig_send, rig_reconnect};
    assert_int_equal(feed_create(config, &out, &r->feed), ST_OK);
}

static inline void rig_finish(struct rig *r)
{
    assert_int_equal(r->unannounced, 0);
    feed_destroy(r->feed);
    fill_listener_destroy(r->fl);
    for (uint32_t i = 0; i < RIG_MARKETS; i++) {
        book_destroy(r->books[i]);
    }
    for (uint32_t i = 0; i < r->n_commands; i++) {
        free(r->commands[i]);
    }
    free(r->events);
}

static inline enum status rig_market(struct rig *r, const char *ticker)
{
    struct ev_market m;
    memset(&m, 0, sizeof m);
    snprintf(m.ticker, sizeof m.ticker, "%s", ticker);
    m.grid = grid_cents();
    m.status = MARKET_ACTIVE;
    return feed_add_market(r->feed, &m, r->now, r->now);
}

static inline enum status rig_frame(struct rig *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static inline enum status rig_frame(struct rig *r, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return feed_frame(r->feed, text, (size_t)n, r->now, r->now);
}

static inline void rig_tick(struct rig *r, mono_ns_t after)
{
    r->now += after;
    feed_tick(r->feed, r->now, r->now);
}

/* The n-th last command, "" when there is none. */
static inline const char *rig_command(const struct rig *r, uint32_t back)
{
    return back < r->n_commands ? r->commands[r->n_commands - 1 - back] : "";
}

static inline const struct rig_event *rig_event(const struct rig *r, uint32_t back)
{
    static const struct rig_event none;
    return back < r->n_events ? &r->events[r->n_events - 1 - back] : &none;
}

static inline uint32_t rig_count(const struct rig *r, enum ev_type type)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_events; i++) {
        n += r->events[i].type == type;
    }
    return n;
}

/* --- the exchange's frames --- */

static inline void rig_subscribed(struct rig *r, unsigned id, const char *channel, unsigned sid)
{
    rig_frame(r, "{\"type\":\"subscribed\",\"id\":%u,\"msg\":{\"channel\":\"%s\",\"sid\":%u}}\n",
              id, channel, sid);
}

static inline enum status rig_snapshot(struct rig *r, unsigned sid, unsigned seq,
                                       const char *ticker, const char *yes, const char *no)
{
    return rig_frame(r,
                     "{\"type\":\"orderbook_snapshot\",\"sid\":%u,\"seq\":%u,\"msg\":{"
                     "\"market_ticker\":\"%s\",\"market_id\":\"x\",\"yes_dollars_fp\":[%s],"
                     "\"no_dollars_fp\":[%s]}}",
                     sid, seq, ticker, yes, no);
}

static inline enum status rig_delta(struct rig *r, unsigned sid, unsigned seq, const char *ticker,
                                    const char *side, const char *px, const char *qty)
{
    return rig_frame(r,
                     "{\"type\":\"orderbook_delta\",\"sid\":%u,\"seq\":%u,\"msg\":{"
                     "\"market_ticker\":\"%s\",\"market_id\":\"x\",\"price_dollars\":\"%s\","
                     "\"delta_fp\":\"%s\",\"side\":\"%s\",\"ts_ms\":1781159489957}}",
                     sid, seq, ticker, px, qty, side);
}

static inline enum status rig_trade(struct rig *r, unsigned sid, unsigned seq, const char *ticker)
{
    return rig_frame(r,
                     "{\"type\":\"trade\",\"sid\":%u,\"seq\":%u,\"msg\":{\"trade_id\":\"t-1\","
                     "\"market_ticker\":\"%s\",\"yes_price_dollars\":\"0.4700\","
                     "\"no_price_dollars\":\"0.5300\",\"count_fp\":\"2.00\","
                     "\"taker_side\":\"no\",\"taker_outcome_side\":\"no\","
                     "\"taker_book_side\":\"ask\",\"ts\":1,\"ts_ms\":1781159489957}}",
                     sid, seq, ticker);
}

#define RIG_YES "[\"0.4700\",\"3.00\"]"
#define RIG_NO  "[\"0.4800\",\"2.00\"]"

/* Two markets A and B, open, subscribed as sids 1 and 2, both books good; next seq of sid 1 is 3.
 */
static inline void rig_standing(struct rig *r, const struct feed_config *config)
{
    rig_init(r, config);
    assert_int_equal(rig_market(r, "A"), ST_OK);
    assert_int_equal(rig_market(r, "B"), ST_OK);
    feed_open(r->feed, r->now, r->now);
    rig_subscribed(r, 1, "orderbook_delta", 1);
    rig_subscribed(r, 1, "trade", 2);
    rig_snapshot(r, 1, 1, "A", RIG_YES, RIG_NO);
    rig_snapshot(r, 1, 2, "B", RIG_YES, RIG_NO);
    assert_true(r->good[0] && r->good[1]);
}

#endif
