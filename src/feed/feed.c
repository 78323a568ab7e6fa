/*
 * feed.c - the market data session: its life, its timers, and what the actor must be told.
 *
 * DESIGN. The session holds, for each market, where its book stands on the way from stale to good
 * (enum book_state), and for each sid the last sequence number. Frames move these states; what has
 * to be sent follows from them in feed_pump(), which is called after everything that may have
 * changed a state and tries again later what could not be sent.
 *
 * The actor's ring may be full at any event. A market announcement, a stale mark and the state of
 * the link must reach the actor, and before any later event they are about: they are kept as flags
 * ("due") and flushed first. A book event that was not taken makes its market stale: from then on
 * nothing of that market is offered until EV_STALE got through, and only then is a snapshot asked
 * for, so that a full ring is not made fuller by repairs. A trade that was not taken is lost and
 * counted, since nothing can bring it back and no book depends on it.
 */
#include "feed/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "feed/feed_int.h"

#define RAW_MAX  ((size_t)1 << 20)  /* of a frame kept raw; the rest is cut */
#define RAW_KEPT ((size_t)16 << 10) /* room for so much is taken at the start */

struct feed_config feed_config_default(void)
{
    return (struct feed_config){
        .seq_check = true,
        .repair = true,
        .use_yes_price = false,
        .trades = true,
        .markets_max = 10000,
        .levels_max = 20000,
        .data_timeout_ns = 30 * NS_PER_SEC,
        .repair_timeout_ns = 5 * NS_PER_SEC,
        .reply_timeout_ns = 10 * NS_PER_SEC,
    };
}

/* --- life --- */

static enum status take_memory(struct feed *f)
{
    uint32_t max = f->config.markets_max;
    /* calloc leaves pages of markets that never come untouched. */
    f->markets = calloc(max, sizeof *f->markets);
    f->marks.at = calloc(max, sizeof *f->marks.at);
    f->wants.at = calloc(max, sizeof *f->wants.at);
    f->tickers = calloc(max, sizeof *f->tickers);
    f->snapshot =
        calloc(1, sizeof *f->snapshot + (size_t)f->config.levels_max * sizeof(struct level));
    if (f->markets == NULL || f->marks.at == NULL || f->wants.at == NULL || f->tickers == NULL ||
        f->snapshot == NULL) {
        return ST_NOMEM;
    }
    if (!buf_reserve(&f->raw, sizeof(struct rec_raw) + RAW_KEPT + 8)) {
        return ST_NOMEM;
    }
    enum status st = idmap_init(&f->by_ticker, max);
    return st == ST_OK ? wire_decoder_init(&f->decoder, f->config.levels_max) : st;
}

enum status feed_create(const struct feed_config *config, const struct feed_out *out,
                        struct feed **ret_feed)
{
    if (config->markets_max == 0 || config->levels_max == 0) {
        return ST_INVALID;
    }
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return ST_NOMEM;
    }
    f->config = *config;
    f->out = *out;
    f->next_id = 1;
    f->repair_deadline = f->retry_at = NS_NEVER;
    buf_init(&f->command, FEED_SUBSCRIBE_MAX);
    buf_init(&f->raw, sizeof(struct rec_raw) + RAW_MAX + 8);
    enum status st = take_memory(f);
    if (st != ST_OK) {
        feed_destroy(f);
        return st;
    }
    *ret_feed = f;
    return ST_OK;
}

void feed_destroy(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    free(feed->markets);
    free(feed->marks.at);
    free(feed->wants.at);
    free(feed->tickers);
    free(feed->snapshot);
    idmap_finish(&feed->by_ticker);
    wire_decoder_finish(&feed->decoder);
    buf_finish(&feed->command);
    buf_finish(&feed->raw);
    free(feed);
}

/* --- events and records out --- */

void feed_stamp(const struct feed *f, struct ev *h, enum ev_type type, size_t size, uint32_t mkt)
{
    *h = (struct ev){.size = ev_round8(size),
                     .type = (uint16_t)type,
                     .source = EV_SRC_MARKET,
                     .mkt = mkt,
                     .conn = f->conn,
                     .recv_wall = f->wall,
                     .recv_mono = f->now};
}

/* Numbers have no holes: an event that was not taken gives its number to the next one. */
bool feed_put(struct feed *f, struct ev *ev)
{
    ev->ord = f->ord + 1;
    if (f->out.emit(f->out.self, ev) != ST_OK) {
        f->retry_at = f->now + FEED_RETRY_NS;
        return false;
    }
    f->ord++;
    return true;
}

bool feed_put_mark(struct feed *f, enum ev_type type, uint32_t mkt, int64_t code,
                   const char *reason)
{
    struct ev_mark mark;
    memset(&mark, 0, sizeof mark);
    feed_stamp(f, &mark.h, type, sizeof mark, mkt);
    mark.code = code;
    cut(mark.reason, sizeof mark.reason, reason);
    return feed_put(f, &mark.h);
}

void feed_record_raw(struct feed *f, enum rec_type type, uint32_t kind, const char *s, size_t n)
{
    if (f->out.record == NULL) {
        return;
    }
    struct rec_raw head;
    memset(&head, 0, sizeof head);
    size_t kept = n < RAW_MAX ? n : RAW_MAX;
    buf_clear(&f->raw);
    if (!buf_reserve(&f->raw, sizeof head + kept + 8)) {
        kept = kept < RAW_KEPT ? kept : RAW_KEPT; /* no memory: more is cut */
    }
    head.h = (struct rec){.size = ev_round8(sizeof head + kept),
                          .type = (uint16_t)type,
                          .source = EV_SRC_MARKET,
                          .mkt = MKT_NONE,
                          .wall = f->wall};
    head.len = (uint32_t)kept;
    head.kind = kind;
    head.ord = f->ord;
    buf_clear(&f->raw);
    buf_add(&f->raw, &head, sizeof head);
    buf_add(&f->raw, s, kept);
    buf_add(&f->raw, "\0\0\0\0\0\0\0", head.h.size - sizeof head - kept);
    if (!f->raw.failed) {
        f->out.record(f->out.self, (const struct rec *)(const void *)f->raw.p);
    }
}

void feed_record_gap(struct feed *f, uint32_t mkt, const struct stream *stream, uint64_t expected,
                     uint64_t got, const char *reason)
{
    if (f->out.record == NULL) {
        return;
    }
    struct rec_gap gap;
    memset(&gap, 0, sizeof gap);
    gap.h = (struct rec){.size = ev_round8(sizeof gap),
                         .type = REC_GAP,
                         .source = EV_SRC_MARKET,
                         .mkt = mkt,
                         .wall = f->wall};
    gap.lost = got > expected ? got - expected : 0;
    gap.sid = stream != NULL ? stream->sid : 0;
    gap.seq_expected = expected;
    gap.seq_got = got;
    cut(gap.reason, sizeof gap.reason, reason);
    f->out.record(f->out.self, &gap.h);
}

/* --- marks: what the actor must be told, when there is room --- */

void feed_set_book(struct feed *f, uint32_t mkt, enum book_state state)
{
    struct feed_market *m = &f->markets[mkt];
    f->asked -= m->book == BOOK_ASKED;
    f->asked += state == BOOK_ASKED;
    m->book = (uint8_t)state;
}

static void queue_mark(struct feed *f, uint32_t mkt)
{
    if (!f->markets[mkt].in_marks) {
        f->markets[mkt].in_marks = true;
        f->marks.at[(f->marks.head + f->marks.n++) % f->config.markets_max] = mkt;
    }
}

static bool link_due(const struct feed *f)
{
    return (f->missed_down && f->told_link) || f->told_link != f->open;
}

bool feed_gated(const struct feed *f, uint32_t mkt)
{
    return f->all_stale_due != NULL || link_due(f) || f->markets[mkt].in_marks;
}

static bool flush_all_stale(struct feed *f)
{
    if (f->all_stale_due == NULL) {
        return true;
    }
    if (!feed_put_mark(f, EV_STALE, MKT_ALL, 0, f->all_stale_due)) {
        return false;
    }
    f->all_stale_due = NULL;
    feed_want_all(f);
    return true;
}

static bool flush_link(struct feed *f)
{
    if (f->told_link && (f->missed_down || !f->open)) {
        if (!feed_put_mark(f, EV_LINK, MKT_NONE, 0, f->down_reason)) {
            return false;
        }
        f->told_link = false;
    }
    f->missed_down = false;
    if (!f->told_link && f->open) {
        if (!feed_put_mark(f, EV_LINK, MKT_NONE, 1, "open")) {
            return false;
        }
        f->told_link = true;
    }
    return true;
}

static bool flush_market(struct feed *f, uint32_t mkt)
{
    struct feed_market *m = &f->markets[mkt];
    if (m->announce_due) {
        struct ev_market info = m->info;
        feed_stamp(f, &info.h, EV_MARKET, sizeof info, mkt);
        if (!feed_put(f, &info.h)) {
            return false;
        }
        m->announce_due = false;
    }
    if (m->stale_due) {
        if (!feed_put_mark(f, EV_STALE, mkt, 0, m->stale_reason)) {
            return false;
        }
        m->stale_due = false;
        feed_want(f, mkt);
    }
    return true;
}

bool feed_flush_marks(struct feed *f)
{
    if (!flush_all_stale(f) || !flush_link(f)) {
        return false;
    }
    while (f->marks.n > 0) {
        uint32_t mkt = f->marks.at[f->marks.head];
        if (!flush_market(f, mkt)) {
            return false;
        }
        f->markets[mkt].in_marks = false;
        f->marks.head = (f->marks.head + 1) % f->config.markets_max;
        f->marks.n--;
    }
    return true;
}

void feed_mark_stale(struct feed *f, uint32_t mkt, const char *reason)
{
    struct feed_market *m = &f->markets[mkt];
    m->stale_due = true;
    m->stale_reason = reason;
    feed_set_book(f, mkt, BOOK_WAITING);
    queue_mark(f, mkt);
    feed_flush_marks(f);
}

void feed_record_lost(struct feed *f, uint32_t mkt, uint64_t sid, uint64_t seq, const char *reason)
{
    struct stream s = {.sid = sid};
    bool numbered = sid != 0 && seq != 0;
    feed_record_gap(f, mkt, numbered ? &s : NULL, numbered ? seq : 0, numbered ? seq + 1 : 0,
                    reason);
}

void feed_lost(struct feed *f, uint32_t mkt, uint64_t sid, uint64_t seq)
{
    f->stats.not_taken++;
    feed_record_lost(f, mkt, sid, seq, "event not taken: the actor's ring is full");
    f->markets[mkt].known = true; /* there was a book: its repair may be insisted on */
    if (f->all_stale_due != NULL) {
        feed_set_book(f, mkt, BOOK_WAITING); /* the mark that is due covers it */
    } else {
        feed_mark_stale(f, mkt, "event not taken");
    }
}

void feed_stale_all(struct feed *f, const char *reason)
{
    for (uint32_t i = 0; i < f->market_count; i++) {
        feed_set_book(f, i, BOOK_WAITING);
    }
    f->wants.n = 0;
    for (uint32_t i = 0; i < f->market_count; i++) {
        f->markets[i].in_wants = false;
    }
    if (f->market_count > 0) {
        f->all_stale_due = reason;
        feed_flush_marks(f);
    }
}

/* --- markets --- */

static bool same_info(const struct ev_market *a, const struct ev_market *b)
{
    return grid_equal(&a->grid, &b->grid) && a->status == b->status &&
           a->exchange_index == b->exchange_index && a->fee_type == b->fee_type &&
           a->fee_mult_micros == b->fee_mult_micros && a->close_time == b->close_time &&
           a->result == b->result && a->settle_px == b->settle_px && a->waived == b->waived &&
           a->series_fee_type == b->series_fee_type &&
           a->series_fee_mult_micros == b->series_fee_mult_micros;
}

static void announce(struct feed *f, uint32_t mkt)
{
    f->markets[mkt].announce_due = true;
    queue_mark(f, mkt);
    feed_flush_marks(f);
}

void feed_change_market(struct feed *f, uint32_t mkt, const struct ev_market *info)
{
    if (!same_info(&f->markets[mkt].info, info)) {
        f->markets[mkt].info = *info;
        announce(f, mkt);
    }
}

enum status feed_add_market(struct feed *feed, const struct ev_market *market, mono_ns_t now,
                            wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    struct text ticker = {market->ticker, strnlen(market->ticker, TICKER_MAX)};
    if (ticker.n == 0 || ticker.n == TICKER_MAX) {
        return ST_INVALID;
    }
    uint32_t mkt = idmap_get(&feed->by_ticker, ticker);
    if (mkt != IDMAP_NONE) {
        const struct ev_market *old = &feed->markets[mkt].info;
        struct ev_market info = *market;
        /* A list may be older than what the session told of settlement and fees. */
        if (old->status == MARKET_FINALIZED) {
            info.status = old->status;
        }
        if (info.result == RESULT_NONE || (old->status == MARKET_FINALIZED && old->result != 0)) {
            info.result = old->result;
            info.settle_px = old->settle_px;
        }
        if (old->series_fee_mult_micros != 0) {
            info.fee_type = old->fee_type;
            info.fee_mult_micros = old->fee_mult_micros;
            info.series_fee_type = old->series_fee_type;
            info.series_fee_mult_micros = old->series_fee_mult_micros;
        }
        feed_change_market(feed, mkt, &info);
        return ST_OK;
    }
    mkt = feed->market_count;
    if (mkt >= feed->config.markets_max) {
        return ST_LIMIT;
    }
    enum status st = idmap_put(&feed->by_ticker, ticker, mkt);
    if (st != ST_OK) {
        return st;
    }
    feed->markets[mkt] = (struct feed_market){.info = *market, .book = BOOK_WAITING};
    feed->market_count++;
    announce(feed, mkt);
    if (feed->open && feed->config.repair) {
        feed->retry_at = now; /* feed_tick names all that came meanwhile in one command */
    }
    return ST_OK;
}

uint32_t feed_find(const struct feed *feed, struct text ticker)
{
    return idmap_get(&feed->by_ticker, ticker); /* IDMAP_NONE is MKT_NONE */
}
_Static_assert(IDMAP_NONE == MKT_NONE, "feed_find passes it on");

const char *feed_ticker(const struct feed *feed, uint32_t mkt)
{
    return mkt < feed->market_count ? feed->markets[mkt].info.ticker : NULL;
}

uint32_t feed_market_count(const struct feed *feed)
{
    return feed->market_count;
}

/* --- connection --- */

static void forget_connection(struct feed *f)
{
    f->stream_count = f->seen_count = 0;
    memset(f->subs, 0, sizeof f->subs);
    f->life = (struct life_channel){0};
    f->sub_id = 0;
    f->sub_not_before = f->now;
    f->resubscribed = false;
    f->repair_deadline = NS_NEVER;
    for (uint32_t i = 0; i < f->market_count; i++) {
        f->markets[i].known = false;
        f->markets[i].tries = 0;
    }
}

static void go_down(struct feed *f, const char *reason)
{
    f->open = false;
    f->echo_id = 0;
    f->missed_down = true;
    strncpy(f->down_reason, reason, sizeof f->down_reason - 1);
    forget_connection(f);
    feed_record_raw(f, REC_CONN, 2, reason, strlen(reason));
    feed_stale_all(f, f->down_reason);
    feed_flush_marks(f);
}

void feed_open(struct feed *feed, mono_ns_t now, wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    if (feed->open) {
        go_down(feed, "opened again");
    }
    feed->open = true;
    feed->conn++;
    feed->last_frame = now;
    forget_connection(feed);
    feed_record_raw(feed, REC_CONN, 2, "open", 4);
    feed_flush_marks(feed);
    feed_pump(feed);
}

void feed_close(struct feed *feed, const char *reason, mono_ns_t now, wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    if (feed->open) {
        go_down(feed, reason);
    }
}

void feed_drop(struct feed *f, const char *reason)
{
    f->stats.reconnects++;
    log_warn("feed", "reconnecting reason=\"%s\"", reason);
    go_down(f, reason);
    f->out.reconnect(f->out.self, reason);
}

void feed_heartbeat(struct feed *feed, mono_ns_t now)
{
    feed->last_frame = now;
}

/* --- time --- */

void feed_repair(struct feed *feed, uint32_t mkt, mono_ns_t now, wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    if (!feed->open || mkt >= feed->market_count || feed->markets[mkt].book != BOOK_GOOD) {
        return; /* a snapshot is under way already, or comes with the next subscription */
    }
    struct feed_market *m = &feed->markets[mkt];
    if (m->since != 0 && now - m->since < feed->config.repair_timeout_ns) {
        /* A book that contradicts every snapshot must not turn into a stream of requests. */
        feed_set_book(feed, mkt, BOOK_LATER);
        mono_ns_t due = m->since + feed->config.repair_timeout_ns;
        feed->repair_deadline = due < feed->repair_deadline ? due : feed->repair_deadline;
        return;
    }
    feed_set_book(feed, mkt, BOOK_WAITING);
    feed_want(feed, mkt);
    feed_pump(feed);
}

void feed_tick(struct feed *feed, mono_ns_t now, wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    feed->retry_at = NS_NEVER;
    feed_flush_marks(feed);
    if (!feed->open || !feed->config.repair) {
        return;
    }
    if (now - feed->last_frame >= feed->config.data_timeout_ns) {
        feed_drop(feed, "no data");
        return;
    }
    if (feed->sub_id != 0 && now >= feed->sub_deadline) {
        feed_drop(feed, "subscribe not answered");
        return;
    }
    for (int ch = 0; ch < CH_MAX; ch++) {
        if (feed->subs[ch].add_id != 0 && now >= feed->subs[ch].add_deadline) {
            feed_drop(feed, "add_markets not answered");
            return;
        }
    }
    feed_check_repairs(feed);
    if (now - feed->book_heard >= feed->config.data_timeout_ns) {
        feed_probe(feed);
    }
    if (feed->open) {
        feed_pump(feed);
    }
}

mono_ns_t feed_deadline(const struct feed *feed)
{
    mono_ns_t t = feed->retry_at;
    if (feed->open && feed->config.repair) {
        mono_ns_t data = feed->last_frame + feed->config.data_timeout_ns;
        mono_ns_t ask = feed_ask_deadline(feed);
        t = data < t ? data : t;
        t = ask < t ? ask : t;
    }
    return t;
}

const struct feed_stats *feed_stats(const struct feed *feed)
{
    return &feed->stats;
}
