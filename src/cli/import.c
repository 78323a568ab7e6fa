/*
 * import.c - see import.h.
 *
 * A recording does not tell its markets' price grids. Each message is therefore decoded once more
 * before the session gets it: a market that is new is announced (EV_MARKET, active, whole cents),
 * and again with a finer grid when a price needs it, before the event that brings that price.
 *
 * The store's ring never refuses here: it is drained when it is half full, and a database that is
 * locked is waited for.
 */
#include "cli/import.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capture.h"
#include "cli/build_id.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/store_start.h"
#include "wire/msg.h"

#define RING_BYTES   ((size_t)32 << 20)
#define FLUSH_ROWS   8192
#define EARLY_BYTES  ((size_t)16 << 20) /* of lines before the first that has a time */
#define GIVE_UP_NS   (60 * NS_PER_SEC)  /* a database that takes nothing for so long */
#define WAIT_US      50000
#define WAITING_MANY 100000 /* rows in the store's memory; then the recording waits */

struct known_market {
    struct ev_market info; /* as announced last */
    px_t step;             /* of its even grid */
};

/* A line whose time is not known yet. */
struct early_line {
    uint64_t number;
    size_t at, n;
    const char *fault; /* constant text; NULL: it is a message */
};

struct import {
    struct import_config config;
    struct feed *feed;
    struct wire_decoder decoder;
    struct store *store;
    struct ring *ring;
    struct known_market *markets; /* config.markets_max */
    struct import_counts counts;
    uint64_t pushed, since_flush;
    uint64_t turn;
    uint32_t taken; /* events since the last turn row */
    wall_ns_t time; /* of the message under way; 0: none had one yet */
    mono_ns_t mono; /* the same, never going back */
    bool dead;      /* the database takes nothing any more */
    /* of the file under way */
    bool opened;
    struct early_line *early;
    size_t n_early, cap_early;
    struct buf early_text;
};

/* --- into the store --- */

static uint64_t waiting(const struct import *im)
{
    const struct store_stats *s = store_stats(im->store);
    uint64_t gone = s->rows + s->lost;
    return im->pushed > gone ? im->pushed - gone : 0;
}

static void drain(struct import *im)
{
    im->since_flush = 0;
    uint64_t failures = store_stats(im->store)->failures;
    store_flush(im->store, im->time, clock_mono());
    mono_ns_t since = clock_mono();
    uint64_t before = waiting(im);
    while (store_stats(im->store)->failures != failures && waiting(im) > WAITING_MANY &&
           !interrupt_asked()) {
        usleep(WAIT_US);
        (void)store_work(im->store, im->time, clock_mono());
        if (waiting(im) < before) {
            before = waiting(im);
            since = clock_mono();
        }
        if (clock_mono() - since > GIVE_UP_NS) {
            im->dead = true;
            return;
        }
        cli_progress("import: waiting for the database, rows: %llu",
                     (unsigned long long)waiting(im));
    }
}

static void put(struct import *im, const void *record, uint32_t size)
{
    if (ring_used(im->ring) + size > ring_capacity(im->ring) / 2 || im->since_flush >= FLUSH_ROWS) {
        drain(im);
    }
    if (ring_push(im->ring, record, size) == ST_OK) {
        im->pushed++;
        im->since_flush++;
    }
}

static void put_turn(struct import *im)
{
    if (im->taken == 0) {
        return;
    }
    struct rec_turn t = {
        .h = {.size = sizeof t, .type = REC_TURN, .mkt = MKT_NONE, .wall = im->time},
        .turn = ++im->turn,
        .mono = im->mono,
    };
    t.taken[EV_SRC_MARKET] = im->taken;
    im->taken = 0;
    put(im, &t, sizeof t);
}

/* --- what the session does --- */

static enum status take_event(void *self, const struct ev *ev)
{
    struct import *im = self;
    if (ev->type == EV_MARKET && ev->mkt < im->config.markets_max) {
        im->markets[ev->mkt].info = *(const struct ev_market *)(const void *)ev;
    }
    im->taken++;
    put(im, ev, ev->size);
    return ST_OK;
}

static void take_record(void *self, const struct rec *rec)
{
    put(self, rec, rec->size);
}

static enum status send_nothing(void *self, const char *text, size_t n)
{
    (void)self;
    (void)text;
    (void)n;
    return ST_CLOSED;
}

static void never_reconnect(void *self, const char *reason)
{
    (void)self;
    (void)reason;
}

/* --- grids --- */

static px_t common_step(px_t a, px_t b)
{
    while (b != 0) {
        px_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static px_t step_with(px_t step, px_t px)
{
    return px > 0 && px < PX_ONE ? common_step(step, px) : step;
}

static px_t step_of(const struct wire_msg *msg, px_t step)
{
    if (msg->type == WIRE_DELTA) {
        return step_with(step, msg->u.delta.px);
    }
    if (msg->type == WIRE_SNAPSHOT) {
        const struct wire_snapshot *s = &msg->u.snapshot;
        for (uint32_t i = 0; i < s->n_yes; i++) {
            step = step_with(step, s->yes[i].px);
        }
        for (uint32_t i = 0; i < s->n_no; i++) {
            step = step_with(step, s->no[i].px);
        }
    }
    return step; /* a trade may be at a price at which nothing can rest */
}

static bool announce(struct import *im, struct ev_market *info, px_t step)
{
    struct grid_range all = {0, PX_ONE, step, 0};
    if (grid_init(&info->grid, &all, 1) != ST_OK) {
        return false;
    }
    return feed_add_market(im->feed, info, im->mono, im->time) == ST_OK;
}

static void announce_market(struct import *im, const struct wire_msg *msg, struct text ticker)
{
    uint32_t mkt = feed_find(im->feed, ticker);
    if (mkt != MKT_NONE) {
        struct known_market *m = &im->markets[mkt];
        px_t step = step_of(msg, m->step);
        struct ev_market info = m->info;
        if (step != m->step && announce(im, &info, step)) {
            m->step = step;
        }
        return;
    }
    struct ev_market info;
    memset(&info, 0, sizeof info);
    info.status = MARKET_ACTIVE;
    px_t step = step_of(msg, PX_CENT);
    if (!text_copy(info.ticker, sizeof info.ticker, ticker) || !announce(im, &info, step)) {
        im->counts.not_followed++;
        return;
    }
    im->markets[feed_find(im->feed, ticker)].step = step;
}

/* --- messages --- */

/* The market of a hot message, and the exchange's time of it (0: none). */
static bool look_into(struct import *im, struct text msg, struct wire_msg *ret,
                      struct text *ret_ticker)
{
    if (wire_decode(&im->decoder, msg.p, msg.n, ret, NULL) != ST_OK) {
        return false;
    }
    *ret_ticker = ret->type == WIRE_SNAPSHOT ? ret->u.snapshot.ticker
                  : ret->type == WIRE_DELTA  ? ret->u.delta.ticker
                  : ret->type == WIRE_TRADE  ? ret->u.trade.ticker
                                             : TEXT("");
    return ret_ticker->n > 0;
}

static bool is_json(struct text line)
{
    json_t *root = json_loadb(line.p, line.n, JSON_DECODE_ANY, NULL);
    json_decref(root);
    return root != NULL;
}

static void set_time(struct import *im, wall_ns_t t)
{
    im->time = t;
    im->mono = t > im->mono ? t : im->mono;
    im->counts.first = im->counts.first == 0 ? t : im->counts.first;
    im->counts.last = t;
}

static void open_connection(struct import *im)
{
    if (!im->opened) {
        im->opened = true;
        feed_open(im->feed, im->mono, im->time);
        put_turn(im);
    }
}

/* One line; its time is set. */
static void take_message(struct import *im, const char *path, uint64_t number, struct text msg,
                         const char *fault, const struct import_told *told)
{
    struct wire_msg decoded;
    struct text ticker;
    if (fault == NULL && look_into(im, msg, &decoded, &ticker)) {
        announce_market(im, &decoded, ticker);
    }
    enum status st = feed_frame(im->feed, msg.p, msg.n, im->mono, im->time);
    put_turn(im);
    if (fault != NULL || st == ST_MALFORMED) {
        im->counts.malformed++;
        im->counts.messages += is_json(msg);
        told->malformed(told->self, path, number,
                        fault != NULL ? fault : "not a message of its type");
        return;
    }
    im->counts.messages++;
}

/* The lines that came before any time was known get the first one. */
static void take_early(struct import *im, const char *path, const struct import_told *told)
{
    open_connection(im);
    for (size_t i = 0; i < im->n_early; i++) {
        const struct early_line *e = &im->early[i];
        take_message(im, path, e->number, (struct text){im->early_text.p + e->at, e->n}, e->fault,
                     told);
    }
    im->n_early = 0;
    buf_clear(&im->early_text);
}

static bool keep_early(struct import *im, const struct capture_line *line)
{
    if (im->n_early == im->cap_early) {
        size_t cap = im->cap_early == 0 ? 64 : im->cap_early * 2;
        struct early_line *more = realloc(im->early, cap * sizeof *more);
        if (more == NULL) {
            return false;
        }
        im->early = more;
        im->cap_early = cap;
    }
    size_t at = im->early_text.n;
    buf_add(&im->early_text, line->msg.p, line->msg.n);
    if (im->early_text.failed) {
        return false;
    }
    im->early[im->n_early++] = (struct early_line){line->number, at, line->msg.n, line->fault};
    return true;
}

/* False: the line has no time, and none before it has. */
static bool time_of(struct import *im, const struct capture_line *line, wall_ns_t *ret)
{
    struct wire_msg decoded;
    struct text ticker;
    if (line->fault == NULL && line->has_recv) {
        *ret = line->recv;
        return true;
    }
    if (line->fault == NULL && look_into(im, line->msg, &decoded, &ticker) && decoded.ts_ms > 0 &&
        decoded.ts_ms < INT64_MAX / NS_PER_MS) {
        *ret = decoded.ts_ms * NS_PER_MS;
        return true;
    }
    *ret = im->time;
    return im->time != 0;
}

static enum status take_line(struct import *im, const char *path, const struct capture_line *line,
                             const struct import_told *told)
{
    wall_ns_t t = 0;
    if (!time_of(im, line, &t)) {
        if (im->early_text.n < EARLY_BYTES) {
            return keep_early(im, line) ? ST_OK : ST_NOMEM;
        }
        t = clock_wall(); /* this recording has no times */
    }
    set_time(im, t);
    if (!im->opened) {
        take_early(im, path, told);
    }
    take_message(im, path, line->number, line->msg, line->fault, told);
    return ST_OK;
}

enum status import_file(struct import *im, const char *path, const struct import_told *told,
                        uint64_t *ret_line, struct err *err)
{
    struct capture *cap = NULL;
    enum status st = capture_open(path, 0, &cap, err);
    if (st != ST_OK) {
        return st;
    }
    capture_stop_when(cap, interrupt_asked);
    struct capture_line line;
    im->opened = im->time != 0;
    if (im->opened) {
        feed_open(im->feed, im->mono, im->time);
        put_turn(im);
    }
    st = capture_next(cap, &line);
    while (st == ST_OK || st == ST_MALFORMED) {
        *ret_line = line.number;
        st = take_line(im, path, &line, told);
        if (st == ST_OK && im->dead) {
            st = ST_UNREACHABLE;
        }
        if (st == ST_OK && !told->go_on(told->self, path, line.number)) {
            st = ST_CLOSED;
        }
        st = st == ST_OK ? capture_next(cap, &line) : st;
    }
    if (im->n_early > 0) {
        set_time(im, clock_wall());
        take_early(im, path, told);
    }
    if (im->opened) {
        feed_close(im->feed, st == ST_CLOSED ? "interrupted" : "end of file", im->mono, im->time);
        put_turn(im);
    }
    if (st != ST_END && st != ST_CLOSED) {
        const char *why = capture_error(cap);
        st = err_set(err, st, "%s%s%s", why[0] != '\0' ? "" : path, why[0] != '\0' ? "" : ": ",
                     why[0] != '\0'         ? why
                     : st == ST_UNREACHABLE ? "the database takes no rows any more"
                                            : status_text(st));
    }
    capture_close(cap);
    return st == ST_END ? ST_OK : st;
}

/* --- life --- */

static void destroy(struct import *im)
{
    feed_destroy(im->feed);
    wire_decoder_finish(&im->decoder);
    ring_destroy(im->ring);
    buf_finish(&im->early_text);
    free(im->early);
    free(im->markets);
    free(im);
}

static bool asked_to_stop(void *unused)
{
    (void)unused;
    return interrupt_asked();
}

static enum status build(struct import *im, struct err *err)
{
    struct feed_config fc = feed_config_default();
    fc.seq_check = im->config.seq_check;
    fc.use_yes_price = im->config.use_yes_price;
    fc.repair = false;
    fc.lifecycle = true;
    fc.markets_max = im->config.markets_max;
    fc.levels_max = im->config.levels_max;
    struct feed_out out = {im, take_event, take_record, send_nothing, never_reconnect};
    im->markets = calloc(im->config.markets_max, sizeof *im->markets);
    if (im->markets == NULL || feed_create(&fc, &out, &im->feed) != ST_OK ||
        wire_decoder_init(&im->decoder, im->config.levels_max) != ST_OK ||
        ring_create(RING_BYTES, &im->ring) != ST_OK) {
        return err_set(err, ST_NOMEM, "no memory for %u markets and a ring of %zu bytes",
                       im->config.markets_max, RING_BYTES);
    }
    struct store_config sc = store_config_default();
    sc.path = im->config.path;
    sc.rows_max = FLUSH_ROWS;
    sc.config_json = im->config.config_json;
    sc.build = build_text();
    sc.policy = "hold"; /* what a replay of it asks */
    sc.exchange = im->config.exchange;
    sc.limited = true; /* a signal is heard while its disk hangs */
    enum status st = store_start(&sc, clock_wall(), asked_to_stop, NULL, &im->store, err);
    if (st == ST_OK) {
        store_add_ring(im->store, im->ring);
    }
    return st;
}

enum status import_open(const struct import_config *config, struct import **ret, struct err *err)
{
    struct import *im = calloc(1, sizeof *im);
    if (im == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    im->config = *config;
    buf_init(&im->early_text, EARLY_BYTES + CAPTURE_LINE_MAX + 1);
    enum status st = build(im, err);
    if (st != ST_OK) {
        destroy(im);
        return st;
    }
    *ret = im;
    return ST_OK;
}

int64_t import_session(const struct import *im)
{
    return store_session(im->store);
}

static struct import_counts counts_of(const struct import *im)
{
    struct import_counts c = im->counts;
    const struct feed_stats *f = feed_stats(im->feed);
    const struct store_stats *s = store_stats(im->store);
    c.unknown = f->unknown;
    c.snapshots = f->snapshots;
    c.deltas = f->deltas;
    c.trades = f->trades;
    c.gaps = f->gaps;
    c.duplicates = f->duplicates;
    c.markets = feed_market_count(im->feed);
    c.rows = s->rows;
    c.lost = s->lost;
    return c;
}

struct import_counts import_finish(struct import *im)
{
    (void)store_finish(im->store, im->time);
    return counts_of(im);
}

void import_close(struct import *im, const char *outcome)
{
    store_close(im->store, outcome, clock_wall());
    destroy(im);
}
