/*
 * session.h - a recorded session in memory: every input of the engine, and what came of it.
 *
 * Records lie back to back as they were pushed into the store, in one arena for each source of
 * events and for each type of record. What is added is checked: numbers rise, and values are such
 * as the program's own decoders let through, so that damaged rows cannot harm who replays them.
 * Owner: one thread.
 */
#ifndef WORLD_SESSION_H
#define WORLD_SESSION_H

#include <stddef.h>

#include "bus/record.h"

/* Records, each beginning with its size; grows up to what the session allows. */
struct arena {
    uint8_t *p;
    size_t n, cap;
    uint64_t records;
    uint64_t last;  /* number of the last record, of those that are numbered */
    uint64_t whole; /* records before the first hole in the numbers */
};

#define SESSION_ROWS (REC_TYPE_MAX - REC_BASE)

/* Zeroed is an empty session without limit. */
struct session {
    int64_t id;
    wall_ns_t began, ended;                             /* ended 0: it was not closed */
    char *outcome, *build, *policy, *exchange, *config; /* owned; NULL where nobody said */
    struct arena events[EV_SRC_MAX];
    struct arena rows[SESSION_ROWS]; /* by rec_type - REC_BASE */
    size_t bytes, bytes_max;         /* of all records; 0: no limit */
    size_t *markets; /* [n_markets]: where the first EV_MARKET of each is, plus one; 0: nowhere */
    uint32_t n_markets;
};

void session_finish(struct session *s);

/*
 * Copy a record to the end of its arena. ST_MALFORMED: a value that no decoder of ours lets
 * through, or a number that does not rise; err names the record and the field. ST_LIMIT: bytes_max.
 * ST_NOMEM.
 */
enum status session_add(struct session *s, const void *record, struct err *err) MUST_CHECK;

/* True: the process that recorded it ended without closing it, or still runs. */
bool session_is_open(const struct session *s);

static inline struct arena *session_rows(struct session *s, enum rec_type type)
{
    return &s->rows[type - REC_BASE];
}

/* A walk over an arena, valid while nothing is added. */
struct cursor {
    const uint8_t *at, *end;
};

static inline struct cursor cursor_of(const struct arena *a)
{
    /* No arithmetic on NULL: an arena that is empty has no memory. */
    return (struct cursor){a->p, a->p == NULL ? NULL : a->p + a->n};
}

static inline struct cursor session_cursor(const struct session *s, enum rec_type type)
{
    return cursor_of(&s->rows[type - REC_BASE]);
}

/* NULL at the end. */
static inline const void *cursor_peek(const struct cursor *c)
{
    return c->at == c->end ? NULL : c->at;
}

static inline void cursor_pass(struct cursor *c)
{
    c->at += ((const struct rec *)(const void *)c->at)->size;
}

static inline const void *cursor_next(struct cursor *c)
{
    const void *record = cursor_peek(c);
    if (record != NULL) {
        cursor_pass(c);
    }
    return record;
}

#define SESSION_MARKETS_MAX (1U << 20)

/* Ticker of a market as its first EV_MARKET names it; "" for MKT_NONE and unknown ones. Valid while
 * nothing is added. */
const char *session_ticker(const struct session *s, uint32_t mkt);

/*
 * The gap row of the store that tells why records are missing: numbers from first up to, not
 * including, next of a source (of events), or of turns or decisions (type). NULL: no row says so.
 */
const struct rec_gap *session_event_gap(const struct session *s, enum ev_source source,
                                        uint64_t first, uint64_t next);
const struct rec_gap *session_row_gap(const struct session *s, enum rec_type type, uint64_t first,
                                      uint64_t next);

#endif
