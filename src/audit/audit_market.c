/*
 * audit_market.c - sequence numbers, and books rebuilt from snapshots and deltas.
 *
 * seq counts per connection and sid over every message of the subscription; those that are no
 * market events (answers to commands, unknown types) are raw rows, which say behind which event
 * they came. So raw rows and events together must count without holes, but for what the feed named.
 *
 * A book is good from a snapshot until something makes it stale: a mark, a lost link, or a
 * contradiction, which is told once. Behind contiguous deltas a snapshot must show what the book
 * is; an empty one is how a close looks on the wire, and what follows it begins anew.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_int.h"

/* --- raw rows --- */

enum status audit_raw(struct audit *a, const struct rec_raw *r)
{
    if (r->h.source != EV_SRC_MARKET || r->len == 0 || r->bytes[0] != '{') {
        return ST_OK;
    }
    json_t *root = json_loadb(r->bytes, r->len, 0, NULL);
    json_int_t sid = json_integer_value(json_object_get(root, "sid"));
    json_int_t seq = json_integer_value(json_object_get(root, "seq"));
    json_decref(root);
    if (sid <= 0 || seq <= 0) {
        return ST_OK; /* it has none, or cannot be read: then its number is missing, and named */
    }
    if (!audit_room(&a->raws, a->n_raws, &a->cap_raws, sizeof *a->raws)) {
        return ST_NOMEM;
    }
    a->raws[a->n_raws++] = (struct audit_raw){r->ord, (uint64_t)sid, (uint64_t)seq};
    return ST_OK;
}

static int by_ord(const void *x, const void *y)
{
    const struct audit_raw *p = x, *q = y;
    return p->ord != q->ord ? (p->ord < q->ord ? -1 : 1) : (p->seq < q->seq ? -1 : p->seq > q->seq);
}

/* --- sequence --- */

static int by_sid(const void *x, const void *y)
{
    const struct audit_seq_gap *p = x, *q = y;
    if (p->sid != q->sid) {
        return p->sid < q->sid ? -1 : 1;
    }
    return p->expected < q->expected ? -1 : p->expected > q->expected;
}

/* Sorted, and what touches is one: each message that was lost has a row of its own. */
static void merge_gaps(struct audit *a)
{
    size_t n = 0;
    if (a->n_seq_gaps > 0) {
        qsort(a->seq_gaps, a->n_seq_gaps, sizeof *a->seq_gaps, by_sid);
    }
    for (size_t i = 0; i < a->n_seq_gaps; i++) {
        const struct audit_seq_gap *g = &a->seq_gaps[i];
        struct audit_seq_gap *last = n > 0 ? &a->seq_gaps[n - 1] : NULL;
        if (last != NULL && last->sid == g->sid && g->expected <= last->got) {
            last->got = g->got > last->got ? g->got : last->got;
        } else {
            a->seq_gaps[n++] = *g;
        }
    }
    a->n_seq_gaps = n;
    a->gaps_merged = true;
}

/* [expected, got) of the sid is named as missing. */
static bool gaps_named(struct audit *a, uint64_t sid, uint64_t expected, uint64_t got)
{
    if (!a->gaps_merged) {
        merge_gaps(a);
    }
    struct audit_seq_gap key = {sid, expected, got};
    size_t low = 0, high = a->n_seq_gaps; /* the last one that does not begin behind it */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (by_sid(&a->seq_gaps[mid], &key) <= 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    const struct audit_seq_gap *g = low > 0 ? &a->seq_gaps[low - 1] : NULL;
    return g != NULL && g->sid == sid && got <= g->got;
}

static struct audit_stream *stream_of(struct audit *a, uint64_t sid, uint64_t seq)
{
    for (uint32_t i = 0; i < a->n_streams; i++) {
        if (a->streams[i].sid == sid) {
            return &a->streams[i];
        }
    }
    if (a->n_streams == AUDIT_STREAMS) {
        a->n_streams = 0; /* no connection has so many: begin anew */
    }
    struct audit_stream *s = &a->streams[a->n_streams++];
    *s = (struct audit_stream){.sid = sid, .last = a->config.from_start && !a->hole ? 0 : seq - 1};
    for (size_t i = 0; i < sizeof a->pending / sizeof a->pending[0]; i++) {
        if (a->pending[i].sid == sid) {
            s->last = a->pending[i].seq;
            a->pending[i].sid = 0;
        }
    }
    return s;
}

static void raw_seq(struct audit *a, const struct audit_raw *r)
{
    struct audit_stream *s = stream_of(a, r->sid, r->seq);
    if (r->seq == s->last + 1 || !s->data || gaps_named(a, r->sid, s->last + 1, r->seq)) {
        s->last = r->seq;
        return;
    }
    if (r->seq <= s->last) { /* of a connection whose first event is still to come */
        size_t n = sizeof a->pending / sizeof a->pending[0], at = 0;
        for (size_t i = 0; i < n; i++) {
            at = a->pending[i].sid == r->sid ? i : at;
        }
        a->pending[at] = *r;
        return;
    }
    char place[AUDIT_PLACE];
    snprintf(place, sizeof place, "raw frame behind event %" PRIu64 ", sid %" PRIu64, r->ord,
             r->sid);
    audit_found(a, AUDIT_SEQ, place, "seq %" PRIu64 " follows %" PRIu64 ", and no gap row says so",
                r->seq, s->last);
    s->last = r->seq;
}

static void take_raws(struct audit *a, uint64_t before_ord)
{
    if (a->raw_at == 0 && a->n_raws > 0) {
        qsort(a->raws, a->n_raws, sizeof *a->raws, by_ord);
    }
    while (a->raw_at < a->n_raws && a->raws[a->raw_at].ord < before_ord) {
        raw_seq(a, &a->raws[a->raw_at++]);
    }
}

static void place_of(const struct audit *a, const struct ev *ev, char place[AUDIT_PLACE])
{
    const char *ticker = ev->mkt < a->n_markets ? a->markets[ev->mkt].ticker : "";
    snprintf(place, AUDIT_PLACE,
             "%s%s%sevent %" PRIu64 ", connection %u, sid %" PRIu64 ", seq %" PRIu64,
             ticker[0] != '\0' ? "market " : "", ticker, ticker[0] != '\0' ? ", " : "", ev->ord,
             ev->conn, ev->sid, ev->seq);
}

static void event_seq(struct audit *a, const struct ev *ev)
{
    if (ev->sid == 0 || ev->seq == 0) {
        return;
    }
    struct audit_stream *s = stream_of(a, ev->sid, ev->seq);
    bool again = ev->type == EV_SNAPSHOT && ev->seq == s->last; /* an answer to get_snapshot */
    s->data = true;
    if (ev->seq == s->last + 1 || again) {
        s->last = ev->seq;
        return;
    }
    char place[AUDIT_PLACE];
    place_of(a, ev, place);
    if (ev->seq <= s->last) {
        audit_found(a, AUDIT_SEQ, place, "it comes behind seq %" PRIu64, s->last);
    } else if (!gaps_named(a, ev->sid, s->last + 1, ev->seq)) {
        audit_found(a, AUDIT_SEQ, place, "it follows seq %" PRIu64 ", and no gap row says so",
                    s->last);
    }
    s->last = ev->seq;
}

static void new_connection(struct audit *a, uint32_t conn)
{
    a->conn = conn;
    a->n_streams = 0;
    a->hole = false;
}

/* --- books --- */

static bool grid_good(const struct grid *g)
{
    struct grid again;
    return g->n <= GRID_RANGES_MAX && grid_init(&again, g->r, g->n) == ST_OK &&
           grid_equal(&again, g) && again.levels == g->levels;
}

static enum status announced(struct audit *a, const struct ev_market *ev)
{
    char place[AUDIT_PLACE];
    snprintf(place, sizeof place, "event %" PRIu64 ", market %u", ev->h.ord, ev->h.mkt);
    struct text ticker = audit_text(ev->ticker, sizeof ev->ticker);
    if (ev->h.mkt >= AUDIT_MARKETS_MAX || ticker.n == 0 || ticker.n == TICKER_MAX ||
        !grid_good(&ev->grid)) {
        audit_found(a, AUDIT_MARKET, place, "an announcement without ticker or price grid");
        return ST_OK;
    }
    while (a->n_markets <= ev->h.mkt) {
        if (!audit_room(&a->markets, a->n_markets, &a->cap_markets, sizeof *a->markets)) {
            return ST_NOMEM;
        }
        memset(&a->markets[a->n_markets++], 0, sizeof *a->markets);
    }
    struct audit_market *m = &a->markets[ev->h.mkt];
    if (m->book == NULL) {
        memcpy(m->ticker, ticker.p, ticker.n);
        return book_create(&ev->grid, &m->book);
    }
    if (!text_equal(audit_text(m->ticker, sizeof m->ticker), ticker)) {
        audit_found(a, AUDIT_MARKET, place, "announced as %.*s, it was %s before", (int)ticker.n,
                    ticker.p, m->ticker);
        return ST_OK;
    }
    if (grid_equal(book_grid(m->book), &ev->grid)) {
        return ST_OK;
    }
    uint32_t dropped = 0;
    enum status st = book_regrid(m->book, &ev->grid, &dropped);
    if (st == ST_OK && dropped > 0 && m->good) {
        m->good = false;
        audit_found(a, AUDIT_MARKET, place, "%u levels are not on the market's new grid", dropped);
    }
    return st;
}

static bool same_side(const struct book *b, enum side side, const struct level *l, uint32_t n)
{
    bool same = book_levels(b, side) == n;
    for (uint32_t i = 0; i < n && same; i++) {
        same = book_qty(b, side, l[i].px) == l[i].qty;
    }
    return same;
}

static enum status snapshot(struct audit *a, struct audit_market *m, const struct ev_snapshot *ev)
{
    char place[AUDIT_PLACE];
    place_of(a, &ev->h, place);
    const struct level *yes = ev->levels, *no = ev->levels + ev->n_yes;
    bool empty = ev->n_yes + ev->n_no == 0;
    /* Where seq is not looked at, a number that goes back is a new connection. */
    bool restarted = !a->config.seq_check && ev->h.sid == m->sid && ev->h.seq <= m->seq;
    bool judged = m->good && !empty && !m->emptied && !restarted && m->conn == ev->h.conn;
    if (judged && (!same_side(m->book, SIDE_YES, yes, ev->n_yes) ||
                   !same_side(m->book, SIDE_NO, no, ev->n_no))) {
        audit_found(a, AUDIT_BOOK_DIFFERS, place,
                    "the book of the deltas has %u and %u levels, the snapshot %u and %u, or other "
                    "sizes",
                    book_levels(m->book, SIDE_YES), book_levels(m->book, SIDE_NO), ev->n_yes,
                    ev->n_no);
    }
    enum status st = book_snapshot(m->book, yes, ev->n_yes, no, ev->n_no);
    m->good = st == ST_OK;
    m->emptied = empty;
    m->crossed = false;
    if (st == ST_INVALID) {
        audit_found(a, AUDIT_BOOK_SNAPSHOT, place,
                    "a price is off the grid or comes twice, a size is not above zero, or it is "
                    "crossed");
        return ST_OK;
    }
    return st;
}

static enum status delta(struct audit *a, struct audit_market *m, const struct ev_delta *ev)
{
    char place[AUDIT_PLACE];
    m->emptied = false;
    if (!m->good) {
        return ST_OK;
    }
    place_of(a, &ev->h, place);
    if (m->crossed && (ev->h.ts_ms == 0 || ev->h.ts_ms > m->crossed_ts)) {
        m->good = false;
        audit_found(a, AUDIT_BOOK_CROSSED, place, "the book is crossed since %" PRId64 " ms",
                    m->crossed_ts);
        return ST_OK;
    }
    enum status st =
        ev->side > SIDE_NO ? ST_INVALID : book_apply(m->book, (enum side)ev->side, ev->px, ev->qty);
    if (st == ST_INVALID) {
        char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
        px_format(ev->px, px);
        qty_format(ev->qty, qty);
        qty_format(ev->side <= SIDE_NO ? book_qty(m->book, (enum side)ev->side, ev->px) : 0, have);
        m->good = false;
        audit_found(a, AUDIT_BOOK_DELTA, place, "%s at %s %s, where the book has %s", qty,
                    ev->side == SIDE_YES ? "yes" : "no", px, have);
        return ST_OK;
    }
    if (!book_crossed(m->book)) {
        m->crossed = false;
    } else if (!m->crossed) {
        m->crossed = true;
        m->crossed_ts = ev->h.ts_ms;
    }
    return st;
}

static void stale(struct audit *a, uint32_t mkt)
{
    for (uint32_t i = 0; i < a->n_markets; i++) {
        if (mkt == i || mkt == MKT_ALL || mkt == MKT_NONE) {
            a->markets[i].good = false;
        }
    }
}

void audit_market_hole(struct audit *a)
{
    stale(a, MKT_ALL);
    a->n_streams = 0;
    a->hole = true;
    memset(a->pending, 0, sizeof a->pending);
}

static enum status book_event(struct audit *a, const struct ev *ev)
{
    char place[AUDIT_PLACE];
    struct audit_market *m = ev->mkt < a->n_markets ? &a->markets[ev->mkt] : NULL;
    if (m == NULL || m->book == NULL) {
        place_of(a, ev, place);
        audit_found(a, AUDIT_MARKET, place, "market %u was not announced", ev->mkt);
        return ST_OK;
    }
    enum status st = ST_OK;
    if (ev->type == EV_SNAPSHOT) {
        st = snapshot(a, m, (const struct ev_snapshot *)(const void *)ev);
    } else if (ev->type == EV_DELTA) {
        st = delta(a, m, (const struct ev_delta *)(const void *)ev);
    } else {
        return ST_OK;
    }
    m->sid = ev->sid;
    m->seq = ev->seq;
    m->conn = ev->conn;
    return st;
}

enum status audit_market_event(struct audit *a, const struct ev *ev)
{
    if (ev->type == EV_NONE || ev->type >= EV_TYPE_MAX) {
        return ST_OK;
    }
    take_raws(a, ev->ord);
    if (ev->conn != a->conn) {
        new_connection(a, ev->conn);
    }
    if (ev->type == EV_MARKET) {
        return announced(a, (const struct ev_market *)(const void *)ev);
    }
    const struct ev_mark *mark = (const struct ev_mark *)(const void *)ev;
    if (ev->type == EV_STALE) {
        stale(a, ev->mkt);
    } else if (ev->type == EV_LINK && mark->code == 0) {
        stale(a, MKT_ALL);
    } else if (ev->type == EV_SNAPSHOT || ev->type == EV_DELTA || ev->type == EV_TRADE) {
        event_seq(a, ev);
        return book_event(a, ev);
    }
    return ST_OK;
}

void audit_market_free(struct audit *a)
{
    for (size_t i = 0; i < a->n_markets; i++) {
        book_destroy(a->markets[i].book);
    }
    free(a->markets);
}
