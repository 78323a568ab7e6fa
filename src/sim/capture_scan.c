/*
 * capture_scan.c - the first reading of recordings: which markets there are, the coarsest price
 * grid that holds their prices, whether a market's first book message is a snapshot (that is its
 * book before the start), where its last book content stands, and results that are told.
 */
#include "sim/capture_int.h"

static void scan_px(struct scan *s, px_t px)
{
    bool fine = px % PX_CENT != 0;
    s->fine |= fine;
    s->fine_middle |= fine && px > 1000 && px < 9000;
    s->centi |= px % 10 != 0;
}

static void scan_snapshot(struct scan *s, const struct wire_snapshot *b, uint64_t order)
{
    for (uint32_t i = 0; i < b->n_yes; i++) {
        scan_px(s, b->yes[i].px);
    }
    for (uint32_t i = 0; i < b->n_no; i++) {
        scan_px(s, b->no[i].px);
    }
    s->snapshot_first |= !s->any;
    s->last_content = b->n_yes + b->n_no > 0 ? order : s->last_content;
}

static void scan_msg(struct scan *s, const struct tape_item *item)
{
    const struct wire_msg *m = &item->msg;
    s->last = item->at;
    if (m->type == WIRE_TRADE) {
        scan_px(s, m->u.trade.yes_px);
        return;
    }
    if (m->type == WIRE_DELTA) {
        scan_px(s, m->u.delta.px);
        s->last_content = item->order;
    } else {
        scan_snapshot(s, &m->u.snapshot, item->order);
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
        if (ticker.n >= TICKER_MAX) {
            return err_set(err, ST_INVALID, "recording: ticker is longer than %d", TICKER_MAX - 1);
        }
        if (!sim_grow((void **)&c->scans, c->n_scans, &c->scans_cap, sizeof *c->scans)) {
            return err_set(err, ST_NOMEM, "no memory for the recording's markets");
        }
        enum status st = idmap_put(&c->by_ticker, ticker, i);
        if (st != ST_OK) {
            return err_set(err, st, "recording: %s", status_text(st));
        }
        c->scans[c->n_scans++] = (struct scan){.ends = NS_NEVER};
        text_copy(c->scans[i].ticker, TICKER_MAX, ticker);
    }
    *ret = &c->scans[i];
    return ST_OK;
}

/* A recorded lifecycle message may tell the result. */
static enum status scan_other(struct capture_source *c, struct text text)
{
    size_t n = 0;
    if (memmem(text.p, text.n, "\"result\"", 8) == NULL) {
        return ST_OK;
    }
    enum status st = outcomes_take(&c->outcomes, text, &n);
    return st == ST_NOMEM ? st : ST_OK;
}

static enum status read_all(struct capture_source *c, struct err *err)
{
    struct tape_item item;
    enum status st = tape_next(c->tape, &item, err);
    for (; st == ST_OK; st = tape_next(c->tape, &item, err)) {
        struct text ticker = tape_ticker(&item.msg);
        struct scan *s = NULL;
        if (ticker.n == 0) {
            st = scan_other(c, item.text);
        } else {
            st = scan_find(c, ticker, err, &s);
        }
        if (st != ST_OK) {
            return st;
        }
        if (s != NULL && s->id[0] == '\0' && item.msg.type != WIRE_TRADE) {
            scan_id(s, item.text);
        }
        if (s != NULL) {
            scan_msg(s, &item);
        }
    }
    return st == ST_END ? ST_OK : st;
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
    }
    return ST_OK;
}

static void preload_one(struct sim *sim, struct scan *s, const struct wire_snapshot *b)
{
    s->preloaded = true;
    s->skip_next_snapshot = s->snapshot_first;
    if (s->snapshot_first && match_rec_snapshot(sim->match, s->market, b->yes, b->n_yes, b->no,
                                                b->n_no, sim->wall) != ST_OK) {
        sim->count.clamped++;
    }
}

/* First snapshots become the books before the start. */
static enum status preload(struct sim *sim, struct capture_source *c, struct err *err)
{
    struct tape_item item;
    uint32_t left = 0;
    for (uint32_t i = 0; i < c->n_scans; i++) {
        left += c->scans[i].snapshot_first;
    }
    enum status st = capture_tape(sim, err);
    while (st == ST_OK && left > 0) {
        st = tape_next(c->tape, &item, err);
        if (st != ST_OK || item.msg.type != WIRE_SNAPSHOT) {
            continue;
        }
        struct scan *s = &c->scans[idmap_get(&c->by_ticker, item.msg.u.snapshot.ticker)];
        if (!s->preloaded) {
            preload_one(sim, s, &item.msg.u.snapshot);
            left -= s->snapshot_first;
        }
    }
    return st == ST_END ? ST_OK : st;
}

enum status capture_scan(struct sim *sim, struct err *err)
{
    struct capture_source *c = sim->capture;
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < sim->config.n_outcomes; i++) {
        st = outcomes_read(&c->outcomes, sim->config.outcomes[i], err);
    }
    st = st == ST_OK ? capture_tape(sim, err) : st;
    st = st == ST_OK ? read_all(c, err) : st;
    st = st == ST_OK ? add_markets(sim, c, err) : st;
    return st == ST_OK ? preload(sim, c, err) : st;
}
