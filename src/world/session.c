/* session.c - see session.h. */
#include "world/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "world/sound.h"

#define ARENA_FIRST ((size_t)64 << 10)

void session_finish(struct session *s)
{
    for (size_t i = 0; i < EV_SRC_MAX; i++) {
        free(s->events[i].p);
    }
    for (size_t i = 0; i < SESSION_ROWS; i++) {
        free(s->rows[i].p);
    }
    free(s->markets);
    free(s->outcome);
    free(s->build);
    free(s->policy);
    free(s->exchange);
    free(s->config);
    *s = (struct session){0};
}

bool session_is_open(const struct session *s)
{
    return s->outcome == NULL || store_outcome_broken(s->outcome) ||
           strcmp(s->outcome, "running") == 0;
}

static enum status room(struct session *s, struct arena *a, size_t size, struct err *err)
{
    if (s->bytes_max > 0 && size > s->bytes_max - s->bytes) {
        return err_set(err, ST_LIMIT, "the session takes more than %zu MB of memory",
                       s->bytes_max / 1000000);
    }
    if (a->cap - a->n >= size) {
        return ST_OK;
    }
    size_t cap = a->cap == 0 ? ARENA_FIRST : a->cap;
    while (cap - a->n < size) {
        if (cap > SIZE_MAX / 2) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        cap *= 2;
    }
    uint8_t *grown = realloc(a->p, cap); /* of large blocks the kernel moves pages, not bytes */
    if (grown == NULL && a->n + size < cap - cap / 4) { /* a limit of ours: less may do */
        cap = a->n + size + a->n / 16;
        grown = realloc(a->p, cap);
    }
    if (grown == NULL) {
        return err_set(err, ST_NOMEM, "out of memory after %zu MB of the session",
                       s->bytes / 1000000);
    }
    a->p = grown;
    a->cap = cap;
    return ST_OK;
}

/* The number that rises in an arena; 0: its records have none. */
static uint64_t number_of(const void *record)
{
    const struct rec *rec = record;
    if (rec->type < REC_BASE) {
        return ((const struct ev *)record)->ord;
    }
    return rec->type == REC_TURN       ? ((const struct rec_turn *)record)->turn
           : rec->type == REC_DECISION ? ((const struct rec_decision *)record)->number
                                       : 0;
}

static bool is_numbered(uint16_t type)
{
    return type < REC_BASE || type == REC_TURN || type == REC_DECISION;
}

/* Where the market's name stands. */
static enum status note_market(struct session *s, const struct ev_market *m, size_t at,
                               struct err *err)
{
    if (m->h.mkt >= SESSION_MARKETS_MAX) {
        return err_set(err, ST_MALFORMED, "number %" PRIu64 ": impossible value of mkt", m->h.ord);
    }
    if (m->h.mkt >= s->n_markets) {
        uint32_t n = s->n_markets == 0 ? 64 : s->n_markets;
        while (n <= m->h.mkt) {
            n *= 2;
        }
        size_t *grown = realloc(s->markets, n * sizeof *grown);
        if (grown == NULL) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
        memset(grown + s->n_markets, 0, (n - s->n_markets) * sizeof *grown);
        s->markets = grown;
        s->n_markets = n;
    }
    s->markets[m->h.mkt] = s->markets[m->h.mkt] == 0 ? at + 1 : s->markets[m->h.mkt];
    return ST_OK;
}

enum status session_add(struct session *s, const void *record, struct err *err)
{
    const struct rec *rec = record;
    bool event = rec->type < REC_BASE;
    struct arena *a = NULL;
    if (event && rec->source < EV_SRC_MAX) {
        a = &s->events[rec->source];
    } else if (rec->type > REC_BASE && rec->type < REC_TYPE_MAX) {
        a = &s->rows[rec->type - REC_BASE];
    }
    if (a == NULL) {
        return err_set(err, ST_MALFORMED, "a record of type %u and source %u", rec->type,
                       rec->source);
    }
    const char *field = record_fault(record);
    uint64_t number = number_of(record);
    if (field != NULL) {
        return err_set(err, ST_MALFORMED, "number %" PRIu64 ": impossible value of %s",
                       is_numbered(rec->type) ? number : a->records + 1, field);
    }
    if (is_numbered(rec->type) && (number <= a->last || number > INT64_MAX)) {
        return err_set(err, ST_MALFORMED, "number %" PRIu64 " comes after %" PRIu64, number,
                       a->last);
    }
    enum status st = room(s, a, rec->size, err);
    if (st == ST_OK && rec->type == EV_MARKET && rec->source == EV_SRC_MARKET) {
        st = note_market(s, record, a->n, err);
    }
    if (st != ST_OK) {
        return st;
    }
    memcpy(a->p + a->n, record, rec->size);
    a->n += rec->size;
    s->bytes += rec->size;
    a->whole += a->whole == a->records && number == a->last + 1;
    a->records++;
    a->last = number;
    return ST_OK;
}

const char *session_ticker(const struct session *s, uint32_t mkt)
{
    if (mkt >= s->n_markets || s->markets[mkt] == 0) {
        return "";
    }
    const void *market = s->events[EV_SRC_MARKET].p + s->markets[mkt] - 1;
    return ((const struct ev_market *)market)->ticker;
}

/* --- gap rows --- */

/* Rows that the feed writes tell of messages that never came; the engine did not see those. */
static bool of_store(const struct rec_gap *gap)
{
    return strncmp(gap->reason, "store: ", 7) == 0;
}

/* The store's word for what it lost, where it could tell. */
static bool mentions(const struct rec_gap *gap, const char *word)
{
    return memmem(gap->reason, strnlen(gap->reason, sizeof gap->reason), word, strlen(word)) !=
           NULL;
}

/* It could not: any number may be among them. */
static bool of_anything(const struct rec_gap *gap)
{
    return mentions(gap, "record") || mentions(gap, "row refused");
}

static bool overlaps(const struct rec_gap *gap, uint64_t first, uint64_t next)
{
    return gap->seq_got == 0 || (gap->seq_expected < next && gap->seq_got > first);
}

const struct rec_gap *session_event_gap(const struct session *s, enum ev_source source,
                                        uint64_t first, uint64_t next)
{
    struct cursor c = session_cursor(s, REC_GAP);
    for (const struct rec_gap *gap = cursor_next(&c); gap != NULL; gap = cursor_next(&c)) {
        bool events = mentions(gap, "events") || mentions(gap, "market data");
        bool here = events && gap->h.source == source && overlaps(gap, first, next);
        if (of_store(gap) && (here || of_anything(gap))) {
            return gap;
        }
    }
    return NULL;
}

const struct rec_gap *session_row_gap(const struct session *s, enum rec_type type, uint64_t first,
                                      uint64_t next)
{
    const char *word = type == REC_TURN ? "turns" : type == REC_DECISION ? "decisions" : "records";
    struct cursor c = session_cursor(s, REC_GAP);
    for (const struct rec_gap *gap = cursor_next(&c); gap != NULL; gap = cursor_next(&c)) {
        bool here = mentions(gap, word) && overlaps(gap, first, next);
        if (of_store(gap) && (here || of_anything(gap))) {
            return gap;
        }
    }
    return NULL;
}
