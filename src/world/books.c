/* books.c - see books.h. */
#include "world/books.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64U

struct entry {
    struct book *book; /* NULL: no EV_MARKET yet */
    bool seen, stale;
    const char *ticker;
    uint64_t snapshots, deltas, trades;
};

struct books {
    const struct session *s;
    struct cursor at;
    uint64_t left; /* events before the first hole */
    struct entry *markets;
    uint32_t n, cap;
    struct books_stats stats;
};

enum status books_create(const struct session *session, struct books **ret_books)
{
    struct books *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return ST_NOMEM;
    }
    b->s = session;
    books_rewind(b);
    *ret_books = b;
    return ST_OK;
}

void books_rewind(struct books *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        book_destroy(b->markets[i].book);
    }
    b->n = 0;
    b->at = cursor_of(&b->s->events[EV_SRC_MARKET]);
    b->left = b->s->events[EV_SRC_MARKET].whole;
    b->stats = (struct books_stats){0};
}

void books_destroy(struct books *b)
{
    if (b != NULL) {
        books_rewind(b);
        free(b->markets);
        free(b);
    }
}

static enum status entry_of(struct books *b, uint32_t mkt, struct entry **ret, struct err *err)
{
    if (mkt >= SESSION_MARKETS_MAX) {
        return err_set(err, ST_MALFORMED, "table market: index %" PRIu32 " is out of reach", mkt);
    }
    if (mkt >= b->cap) {
        uint32_t cap = b->cap == 0 ? FIRST_ROOM : b->cap;
        while (cap <= mkt) {
            cap *= 2;
        }
        struct entry *grown = realloc(b->markets, cap * sizeof *grown);
        if (grown == NULL) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        b->markets = grown;
        b->cap = cap;
    }
    while (b->n <= mkt) {
        b->markets[b->n++] = (struct entry){.ticker = ""};
    }
    *ret = &b->markets[mkt];
    return ST_OK;
}

static enum status on_market(struct books *b, const struct ev_market *ev, struct err *err)
{
    struct entry *m = NULL;
    enum status st = entry_of(b, ev->h.mkt, &m, err);
    if (st != ST_OK) {
        return st;
    }
    if (m->book == NULL) {
        m->stale = true;
        m->ticker = ev->ticker;
        return book_create(&ev->grid, &m->book) == ST_OK
                   ? ST_OK
                   : err_set(err, ST_NOMEM, "no memory for the book of %s", ev->ticker);
    }
    uint32_t dropped = 0;
    if (!grid_equal(book_grid(m->book), &ev->grid)) {
        if (book_regrid(m->book, &ev->grid, &dropped) != ST_OK) {
            return err_set(err, ST_NOMEM, "no memory for the book of %s", ev->ticker);
        }
        m->stale = m->stale || dropped > 0;
    }
    return ST_OK;
}

static void on_snapshot(struct books *b, struct entry *m, const struct ev_snapshot *ev)
{
    b->stats.snapshots++;
    m->snapshots++;
    m->seen = true;
    m->stale =
        book_snapshot(m->book, ev->levels, ev->n_yes, ev->levels + ev->n_yes, ev->n_no) != ST_OK;
    b->stats.changes += !m->stale;
    b->stats.contradictions += m->stale;
}

static inline void on_delta(struct books *b, struct entry *m, const struct ev_delta *ev)
{
    b->stats.deltas++;
    m->deltas++;
    if (m->stale) {
        b->stats.stale_deltas++;
        return;
    }
    if (book_apply(m->book, (enum side)ev->side, ev->px, ev->qty) == ST_OK) {
        b->stats.changes++;
    } else {
        m->stale = true;
        b->stats.contradictions++;
    }
}

static void on_mark(struct books *b, const struct ev *ev)
{
    bool all = ev->type == EV_LINK ? ((const struct ev_mark *)ev)->code == 0 : ev->mkt == MKT_ALL;
    if (!all && ev->type == EV_STALE && ev->mkt < b->n) {
        b->markets[ev->mkt].stale = true;
    }
    for (uint32_t i = 0; all && i < b->n; i++) {
        b->markets[i].stale = true;
    }
}

/* Whatever is no delta of a market with a book. */
static enum status on_other(struct books *b, const struct ev *ev, struct err *err)
{
    if (ev->type == EV_MARKET) {
        return on_market(b, (const struct ev_market *)ev, err);
    }
    if (ev->type == EV_STALE || ev->type == EV_LINK) {
        on_mark(b, ev);
        return ST_OK;
    }
    if (ev->mkt >= b->n || b->markets[ev->mkt].book == NULL) {
        return ST_OK; /* as the engine: an event of no market is passed over */
    }
    struct entry *m = &b->markets[ev->mkt];
    if (ev->type == EV_SNAPSHOT) {
        on_snapshot(b, m, (const struct ev_snapshot *)ev);
    } else if (ev->type == EV_TRADE) {
        b->stats.trades++;
        m->trades++;
    }
    return ST_OK;
}

enum status books_run(struct books *b, uint64_t n, struct err *err)
{
    uint64_t todo = n < b->left ? n : b->left;
    b->left -= todo;
    b->stats.events += todo;
    for (uint64_t i = 0; i < todo; i++) {
        const struct ev *ev = cursor_next(&b->at);
        if (ev->type == EV_DELTA && ev->mkt < b->n && b->markets[ev->mkt].book != NULL) {
            on_delta(b, &b->markets[ev->mkt], (const struct ev_delta *)ev);
            continue;
        }
        enum status st = on_other(b, ev, err);
        if (st != ST_OK) {
            return st;
        }
    }
    return b->left > 0 ? ST_OK : ST_END;
}

const struct books_stats *books_stats(const struct books *b)
{
    return &b->stats;
}

uint32_t books_count(const struct books *b)
{
    return b->n;
}

bool books_market(const struct books *b, uint32_t mkt, struct books_market *ret)
{
    if (mkt >= b->n || b->markets[mkt].book == NULL) {
        return false;
    }
    const struct entry *m = &b->markets[mkt];
    *ret = (struct books_market){.ticker = m->ticker,
                                 .book = m->book,
                                 .seen = m->seen,
                                 .stale = m->stale,
                                 .snapshots = m->snapshots,
                                 .deltas = m->deltas,
                                 .trades = m->trades};
    return true;
}
