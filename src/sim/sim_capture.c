/*
 * sim_capture.c - a recording as the source of the market.
 *
 * The file is read once before it starts: which markets there are, the coarsest price grid that
 * holds their prices, whether a market's first book message is a snapshot, and where its last book
 * content stands. Then it is read again at its own pace:
 * - A message is due at start + (its time - the first time) / speed. Its time is the recorder's
 *   receive time, else ts_ms, else that of the message before. With speed 0 the reader sets the
 *   pace: the source stops while a connection has a backlog, and (wait_for_client) while nobody
 *   follows a book.
 * - Times that are served are shifted and divided the same way; with speed 0 they are the present.
 * - The first snapshot of a market is its book before the start, so that a subscriber's first
 *   snapshot is the recorded one.
 * - Users' orders live between the recorded ones; match/match.h tells how.
 * - An empty snapshot after which no book content follows is the market's close; another empty or
 *   full one is a new base (reconnect of the recorder).
 * Messages are made anew from the decoded numbers: fresh sids, seq without holes.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "sim/sim_int.h"
#include "wire/msg.h"

#define LEVELS_CAP 20000u

struct scan { /* what the first reading finds of a market */
    char ticker[TICKER_MAX], id[UUID_TEXT];
    bool any, snapshot_first, fine, fine_middle, centi;
    uint64_t last_content; /* line of the last book message that is not an empty snapshot */
    uint32_t market;
    bool preloaded, skip_next_snapshot;
};

struct capture_source {
    struct capture *file;
    struct wire_decoder dec;
    struct scan *scans;
    uint32_t n_scans, scans_cap;
    struct idmap by_ticker;

    bool started, pending;
    struct wire_msg msg; /* the next message, when pending */
    uint64_t line;
    uint32_t scan;
    bool has_first;
    wall_ns_t first, last, at; /* recorded times: of the first message, of the last one, of msg */
    wall_ns_t start_wall;
    mono_ns_t start;
    mono_ns_t lap; /* loop_capture: how long the laps before took, in recorded time */
};

/* --- the first reading --- */

static struct text ticker_of(const struct wire_msg *m)
{
    switch (m->type) {
    case WIRE_SNAPSHOT:
        return m->u.snapshot.ticker;
    case WIRE_DELTA:
        return m->u.delta.ticker;
    case WIRE_TRADE:
        return m->u.trade.ticker;
    case WIRE_FILL:
    case WIRE_OTHER:
        break;
    }
    return (struct text){"", 0};
}

static void scan_px(struct scan *s, px_t px)
{
    bool fine = px % PX_CENT != 0;
    s->fine |= fine;
    s->fine_middle |= fine && px > 1000 && px < 9000;
    s->centi |= px % 10 != 0;
}

static void scan_msg(struct scan *s, const struct wire_msg *m, uint64_t line)
{
    if (m->type == WIRE_TRADE) {
        scan_px(s, m->u.trade.yes_px);
        return;
    }
    if (m->type == WIRE_DELTA) {
        scan_px(s, m->u.delta.px);
        s->last_content = line;
    } else {
        const struct wire_snapshot *b = &m->u.snapshot;
        for (uint32_t i = 0; i < b->n_yes; i++) {
            scan_px(s, b->yes[i].px);
        }
        for (uint32_t i = 0; i < b->n_no; i++) {
            scan_px(s, b->no[i].px);
        }
        s->snapshot_first |= !s->any;
        s->last_content = b->n_yes + b->n_no > 0 ? line : s->last_content;
    }
    s->any = true;
}

/* The coarsest usual structure that holds the recorded prices. */
static const char *structure_of(const struct scan *s)
{
    if (s->centi) {
        return "center_centi_edge_centi_cent";
    }
    return !s->fine ? "linear_cent" : s->fine_middle ? "deci_cent" : "tapered_deci_cent";
}

static void scan_id(struct scan *s, struct text msg)
{
    json_t *root = json_loadb(msg.p, msg.n, 0, NULL);
    const char *id = json_string_value(json_object_get(json_object_get(root, "msg"), "market_id"));
    if (id != NULL) {
        (void)text_copy(s->id, sizeof s->id, text_of(id));
    }
    json_decref(root);
}

static enum status scan_find(struct capture_source *c, struct text ticker, struct err *err,
                             struct scan **ret)
{
    uint32_t i = idmap_get(&c->by_ticker, ticker);
    if (i == IDMAP_NONE) {
        i = c->n_scans;
        if (ticker.n == 0 || ticker.n >= TICKER_MAX) {
            return err_set(err, ST_INVALID, "recording: ticker is empty or longer than %d",
                           TICKER_MAX - 1);
        }
        if (!sim_grow((void **)&c->scans, c->n_scans, &c->scans_cap, sizeof *c->scans)) {
            return err_set(err, ST_NOMEM, "no memory for the recording's markets");
        }
        enum status st = idmap_put(&c->by_ticker, ticker, i);
        if (st != ST_OK) {
            return err_set(err, st, "recording: %s", status_text(st));
        }
        c->scans[c->n_scans++] = (struct scan){0};
        text_copy(c->scans[i].ticker, TICKER_MAX, ticker);
    }
    *ret = &c->scans[i];
    return ST_OK;
}

/* The next message about a market; lines that are none are skipped. */
static enum status read_msg(struct capture_source *c, struct capture_line *line, struct wire_msg *m,
                            uint64_t *errors)
{
    for (;;) {
        enum status st = capture_next(c->file, line);
        if (st == ST_MALFORMED) {
            (*errors)++;
            continue;
        }
        if (st != ST_OK) {
            return st;
        }
        if (wire_decode(&c->dec, line->msg.p, line->msg.n, m, NULL) != ST_OK) {
            (*errors)++;
            continue;
        }
        if (ticker_of(m).n > 0) {
            return ST_OK;
        }
    }
}

static enum status first_reading(struct sim *sim, struct capture_source *c, struct err *err)
{
    struct capture_line line;
    struct wire_msg m;
    uint64_t errors = 0;
    enum status st = capture_open(sim->config.capture, 0, &c->file, err);
    if (st != ST_OK) {
        return st;
    }
    for (st = read_msg(c, &line, &m, &errors); st == ST_OK; st = read_msg(c, &line, &m, &errors)) {
        struct scan *s = NULL;
        st = scan_find(c, ticker_of(&m), err, &s);
        if (st != ST_OK) {
            return st;
        }
        if (s->id[0] == '\0' && m.type != WIRE_TRADE) {
            scan_id(s, line.msg);
        }
        scan_msg(s, &m, line.number);
    }
    if (st != ST_END) {
        return err_set(err, st, "%s",
                       capture_error(c->file)[0] != '\0' ? capture_error(c->file)
                                                         : status_text(st));
    }
    capture_close(c->file);
    c->file = NULL;
    if (c->n_scans == 0) {
        return err_set(err, ST_MALFORMED, "%s: no book or trade message in this recording",
                       sim->config.capture);
    }
    return ST_OK;
}

static enum status add_markets(struct sim *sim, struct capture_source *c, struct err *err)
{
    for (uint32_t i = 0; i < c->n_scans; i++) {
        struct scan *s = &c->scans[i];
        struct grid grid;
        enum status st = grid_named(&grid, structure_of(s));
        if (st != ST_OK) {
            return err_set(err, st, "price structure %s", structure_of(s));
        }
        st = sim_add_market(sim, s->ticker, s->id, &grid, structure_of(s), true, &s->market, err);
        if (st != ST_OK) {
            return st;
        }
        sim->markets[s->market].closes = sim->wall + 3600 * NS_PER_SEC;
    }
    return ST_OK;
}

/* First snapshots become the books before the start. */
static enum status preload(struct sim *sim, struct capture_source *c, struct err *err)
{
    struct capture_line line;
    struct wire_msg m;
    uint64_t errors = 0;
    uint32_t left = 0;
    for (uint32_t i = 0; i < c->n_scans; i++) {
        left += c->scans[i].snapshot_first;
    }
    enum status st = capture_open(sim->config.capture, 0, &c->file, err);
    while (st == ST_OK && left > 0) {
        st = read_msg(c, &line, &m, &errors);
        uint32_t i = st == ST_OK ? idmap_get(&c->by_ticker, ticker_of(&m)) : IDMAP_NONE;
        if (i == IDMAP_NONE || m.type != WIRE_SNAPSHOT || c->scans[i].preloaded) {
            continue;
        }
        struct scan *s = &c->scans[i];
        left -= s->snapshot_first;
        s->preloaded = true;
        s->skip_next_snapshot = s->snapshot_first;
        if (s->snapshot_first &&
            match_rec_snapshot(sim->match, s->market, m.u.snapshot.yes, m.u.snapshot.n_yes,
                               m.u.snapshot.no, m.u.snapshot.n_no, sim->wall) != ST_OK) {
            sim->count.clamped++;
        }
    }
    capture_close(c->file);
    c->file = NULL;
    return st == ST_OK || st == ST_END ? ST_OK : err_set(err, st, "the recording cannot be read");
}

enum status capture_source_create(struct sim *sim, struct err *err)
{
    struct capture_source *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the recording");
    }
    sim->capture = c;
    enum status st = idmap_init(&c->by_ticker, 200000);
    st = st == ST_OK ? wire_decoder_init(&c->dec, LEVELS_CAP) : st;
    if (st != ST_OK) {
        return err_set(err, st, "no memory for the recording");
    }
    st = first_reading(sim, c, err);
    st = st == ST_OK ? add_markets(sim, c, err) : st;
    st = st == ST_OK ? preload(sim, c, err) : st;
    return st == ST_OK ? capture_open(sim->config.capture, 0, &c->file, err) : st;
}

void capture_source_destroy(struct capture_source *c)
{
    if (c == NULL) {
        return;
    }
    capture_close(c->file);
    wire_decoder_finish(&c->dec);
    idmap_finish(&c->by_ticker);
    free(c->scans);
    free(c);
}

/* --- the second reading --- */

static mono_ns_t scaled(const struct sim *sim, int64_t recorded)
{
    return sim->config.speed == 1 ? recorded : (mono_ns_t)((double)recorded / sim->config.speed);
}

/* When a recorded time is now. */
static wall_ns_t shifted(const struct sim *sim, wall_ns_t recorded)
{
    const struct capture_source *c = sim->capture;
    if (sim->config.speed == 0) {
        return sim->wall;
    }
    return c->start_wall + scaled(sim, recorded - c->first + c->lap);
}

static mono_ns_t due_of(const struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    return sim->config.speed == 0 ? 0 : c->start + scaled(sim, c->at - c->first + c->lap);
}

static bool next_lap(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct err err;
    capture_close(c->file);
    c->file = NULL;
    if (!sim->config.loop_capture ||
        capture_open(sim->config.capture, 0, &c->file, &err) != ST_OK) {
        sim->finished = true;
        return false;
    }
    c->lap += c->last - c->first + NS_PER_SEC;
    c->last = c->first;
    return true;
}

/* Make the next message pending. False: there is none. */
static bool fetch(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct capture_line line;
    if (c->pending || sim->finished) {
        return c->pending;
    }
    enum status st = read_msg(c, &line, &c->msg, &sim->count.source_errors);
    if (st != ST_OK) {
        sim->count.source_errors += st != ST_END;
        return next_lap(sim) && fetch(sim);
    }
    wall_ns_t at = line.has_recv ? line.recv : c->msg.ts_ms * NS_PER_MS;
    if (!c->has_first && at != 0) {
        c->has_first = true;
        c->first = at;
        c->last = at;
    }
    c->at = at > c->last ? at : c->last;
    c->last = c->at;
    c->line = line.number;
    c->scan = idmap_get(&c->by_ticker, ticker_of(&c->msg));
    c->pending = true;
    return true;
}

/* The engine's time of a message, shifted. */
static wall_ns_t event_time(const struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    return shifted(sim, c->msg.ts_ms != 0 ? c->msg.ts_ms * NS_PER_MS : c->at);
}

static void play_snapshot(struct sim *sim, struct scan *s, wall_ns_t at)
{
    struct capture_source *c = sim->capture;
    const struct wire_snapshot *b = &c->msg.u.snapshot;
    bool empty = b->n_yes + b->n_no == 0;
    if (s->skip_next_snapshot) {
        s->skip_next_snapshot = false;
        return;
    }
    if (empty && c->line > s->last_content && !sim->config.loop_capture) {
        if (sim->markets[s->market].status == M_ACTIVE) {
            sim_close_market(sim, s->market, at);
        } else {
            emit_snapshot_all(sim, s->market); /* some closes come twice */
        }
        return;
    }
    if (match_rec_snapshot(sim->match, s->market, b->yes, b->n_yes, b->no, b->n_no, at) != ST_OK) {
        sim->count.clamped++;
    }
    emit_deltas(sim, at);
    emit_after_deltas(sim, at);
    emit_snapshot_all(sim, s->market);
    emit_tickers(sim, s->market, at);
}

static void play_trade(struct sim *sim, const struct scan *s, wall_ns_t at)
{
    const struct wire_trade *m = &sim->capture->msg.u.trade;
    struct strade t = {.market = s->market,
                       .taker = m->taker,
                       .yes_px = m->yes_px,
                       .qty = m->qty,
                       .at = at,
                       .block = m->block};
    if (!text_copy(t.id, sizeof t.id, m->trade_id)) {
        sim_uuid(sim, "recorded trade", sim->n_trades, t.id);
    }
    emit_trade(sim, &t);
    enum side maker = side_other(m->taker);
    px_t px = maker == SIDE_YES ? m->yes_px : PX_ONE - m->yes_px;
    if (!m->block) {
        match_rec_trade(sim->match, s->market, maker, px, m->qty, sim->capture->msg.ts_ms, at);
        emit_deltas(sim, at);
        emit_after_deltas(sim, at);
    }
    emit_tickers(sim, s->market, at);
}

static void play(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    struct scan *s = &c->scans[c->scan];
    wall_ns_t at = event_time(sim);
    c->pending = false;
    sim->count.source_messages++;
    if (c->msg.type == WIRE_SNAPSHOT) {
        play_snapshot(sim, s, at);
    } else if (c->msg.type == WIRE_TRADE) {
        play_trade(sim, s, at);
    } else if (c->msg.type == WIRE_DELTA && sim->markets[s->market].status == M_ACTIVE) {
        const struct wire_delta *d = &c->msg.u.delta;
        if (match_rec_delta(sim->match, s->market, d->side, d->px, d->qty, c->msg.ts_ms, at) !=
            ST_OK) {
            sim->count.clamped++;
        }
        emit_result(sim, at);
    }
}

static bool held_back(const struct sim *sim)
{
    const struct sim_config *k = &sim->config;
    if (k->wait_for_client && !sim->client_came) {
        return true;
    }
    return k->speed == 0 && (sim->blocked || (k->wait_for_client && sim->subs_of[CH_BOOK] == 0));
}

void capture_source_tick(struct sim *sim)
{
    struct capture_source *c = sim->capture;
    if (!c->started && !held_back(sim)) {
        c->started = true;
        c->start = sim->now;
        c->start_wall = sim->wall;
    }
    for (uint32_t i = 0; i < TICK_MESSAGES && !held_back(sim); i++) {
        if (!fetch(sim) || due_of(sim) > sim->now) {
            return;
        }
        play(sim);
    }
}

mono_ns_t capture_source_deadline(const struct sim *sim)
{
    const struct capture_source *c = sim->capture;
    if (sim->finished || held_back(sim)) {
        return NS_NEVER;
    }
    return c->started && c->pending ? due_of(sim) : sim->now;
}
