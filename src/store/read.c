/*
 * read.c - sessions read back: every row becomes the struct that was pushed, to the byte.
 *
 * Events lie in one table for each type, sorted by number; reading a source merges them. Which
 * database they come from is the reader's (reader.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/url.h"
#include "store/backend.h"
#include "store/layout.h"
#include "store/pg.h"
#include "store/process.h"
#include "store/reader.h"

/* A record that is being rebuilt. */
struct rebuild {
    uint8_t *p;
    size_t cap;
};

static enum status rebuild_room(struct rebuild *b, size_t size)
{
    if (size > b->cap) {
        uint8_t *grown = realloc(b->p, size);
        if (grown == NULL) {
            return ST_NOMEM;
        }
        b->p = grown;
        b->cap = size;
    }
    return ST_OK;
}

static void number_put(uint8_t *p, enum field_kind kind, int64_t v)
{
    int32_t i32 = (int32_t)v;
    uint32_t u32 = (uint32_t)v;
    if (kind == FIELD_I32) {
        memcpy(p, &i32, sizeof i32);
    } else if (kind == FIELD_U32) {
        memcpy(p, &u32, sizeof u32);
    } else {
        memcpy(p, &v, sizeof v);
    }
}

static enum status take_grid(struct text t, struct grid *grid)
{
    char text[GRID_TEXT_MAX];
    return t.p != NULL && text_copy(text, sizeof text, t) ? grid_from_text(text, grid)
                                                          : ST_MALFORMED;
}

/* A column of the fixed part. */
static enum status take_field(const struct field *f, const struct cell *cell, uint8_t *record)
{
    uint8_t *p = record + f->offset;
    struct text text = {cell->p, cell->n};
    switch (f->kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        number_put(p, f->kind, cell->i);
        return ST_OK;
    case FIELD_TEXT:
        return text.p != NULL && text_copy((char *)p, f->size, text) ? ST_OK : ST_MALFORMED;
    case FIELD_BYTES:
        if (text.n != f->size && text.n != 0) {
            return ST_MALFORMED;
        }
        if (text.n > 0) { /* none: zeros, as they are already */
            memcpy(p, text.p, text.n);
        }
        return ST_OK;
    case FIELD_GRID:
        return take_grid(text, (struct grid *)(void *)p);
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        return ST_OK;
    }
    return ST_OK;
}

static enum status take_tail(const struct layout *l, const struct cell *cells, struct rebuild *b)
{
    const struct field *f = &l->fields[l->n_fields - 1];
    if (f->kind != FIELD_LEVELS && f->kind != FIELD_ROWS && f->kind != FIELD_RAW) {
        return ST_OK;
    }
    const struct cell *blob = &cells[l->n_fields + 1];
    uint64_t tail = layout_tail(l, b->p);
    /* A level takes at least two bytes; nothing is allocated for numbers that cannot be true. */
    if (f->kind == FIELD_LEVELS ? blob->n < tail / 8 : blob->n != tail) {
        return ST_MALFORMED;
    }
    size_t size = ev_round8((size_t)(l->size + tail));
    enum status st = rebuild_room(b, size);
    if (st != ST_OK) {
        return st;
    }
    memset(b->p + l->size, 0, size - l->size);
    if (f->kind == FIELD_LEVELS) {
        return levels_decode((const uint8_t *)blob->p, blob->n,
                             (struct level *)(void *)(b->p + l->size), tail / sizeof(struct level));
    }
    if (blob->n > 0) {
        memcpy(b->p + f->offset, blob->p, blob->n);
    }
    return ST_OK;
}

#define COLUMNS_BEFORE 2 /* session and source */
#define ORD_COLUMN     2 /* of an event: its first field */

/* The row on which the source stands. */
static enum status rebuild_row(const struct layout *l, const struct row_source *s,
                               struct rebuild *b)
{
    const struct cell *cells = s->cells;
    enum status st = rebuild_room(b, l->size);
    if (st != ST_OK) {
        return st;
    }
    memset(b->p, 0, l->size);
    struct rec *head = (struct rec *)(void *)b->p;
    head->type = l->type;
    head->source = (uint16_t)cells[1].i;
    for (uint32_t i = 0; i < l->n_fields && st == ST_OK; i++) {
        st = take_field(&l->fields[i], &cells[i + COLUMNS_BEFORE], b->p);
    }
    if (st == ST_OK) {
        st = take_tail(l, cells, b);
    }
    if (st == ST_OK) {
        head = (struct rec *)(void *)b->p;
        head->size = ev_round8((size_t)(l->size + layout_tail(l, b->p)));
    }
    return st;
}

/* --- reading --- */

enum status reader_open(const char *path, struct reader **ret_reader, struct err *err)
{
    if (backend_is_url(path)) {
        return pg_reader_open(path, ret_reader, err);
    }
    return sqlite_reader_open(path, ret_reader, err);
}

/* The rows of one table, in order. */
struct table_rows {
    const struct layout *l;
    struct row_source *source; /* NULL: none, or at its end */
    uint64_t rows;             /* taken from it, for errors */
    enum cell_kind kinds[READER_CELLS_MAX];
};
_Static_assert(LAYOUT_FIELDS_MAX + COLUMNS_BEFORE <= READER_CELLS_MAX, "a cell for each column");

static enum cell_kind cell_of(enum field_kind kind)
{
    switch (kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        return CELL_INT;
    case FIELD_TEXT:
    case FIELD_GRID:
        return CELL_TEXT;
    case FIELD_BYTES:
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        return CELL_BYTES;
    }
    return CELL_BYTES;
}

/* source < 0: all. */
static enum status rows_select(struct table_rows *t, struct reader *r, const struct layout *l,
                               int64_t session, int source)
{
    struct buf sql;
    buf_init(&sql, 8192);
    buf_str(&sql, "SELECT ");
    layout_columns(l, &sql);
    buf_printf(&sql, " FROM %s WHERE session=%" PRId64, l->table, session);
    if (source >= 0) {
        buf_printf(&sql, " AND source=%d", source);
    }
    buf_printf(&sql, " ORDER BY %s", l->key[0] != '\0' ? l->key : "n");
    snprintf(r->error, sizeof r->error, "out of memory");
    enum status st =
        sql.failed ? ST_NOMEM
                   : r->ops->select(r, sql.p, t->kinds, l->n_fields + COLUMNS_BEFORE, &t->source);
    buf_finish(&sql);
    return st;
}

static enum status rows_open(struct table_rows *t, struct reader *r, const struct layout *l,
                             int64_t session, int source, struct err *err)
{
    t->l = l;
    t->kinds[0] = t->kinds[1] = CELL_INT;
    for (uint32_t i = 0; i < l->n_fields; i++) {
        t->kinds[i + COLUMNS_BEFORE] = cell_of(l->fields[i].kind);
    }
    enum status st = ST_UNSUPPORTED;
    if (r->ops->scan != NULL && l->key[0] != '\0') {
        st = r->ops->scan(r, l, session, source, t->kinds, &t->source);
    }
    if (st == ST_UNSUPPORTED) {
        st = rows_select(t, r, l, session, source);
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "reading %s: %s", l->table, r->error);
}

static void rows_close(struct table_rows *t)
{
    if (t->source != NULL) {
        t->source->ops->close(t->source);
        t->source = NULL;
    }
}

/* ST_END behind the last row. */
static enum status rows_next(struct table_rows *t, struct reader *r, struct err *err)
{
    enum status st = t->source->ops->next(t->source);
    t->rows += st == ST_OK;
    if (st == ST_OK || st == ST_END) {
        return st;
    }
    return err_set(err, st, "reading table %s behind row %" PRIu64 ": %s", t->l->table, t->rows,
                   r->error);
}

static enum status rows_give(const struct table_rows *t, struct rebuild *b, store_record_fn fn,
                             void *self, struct err *err)
{
    enum status st = rebuild_row(t->l, t->source, b);
    if (st != ST_OK) {
        return err_set(err, st, "row %" PRIu64 " of table %s does not make a whole record", t->rows,
                       t->l->table);
    }
    st = fn(self, b->p);
    return st == ST_OK ? ST_OK : err_set(err, st, "reading was ended: %s", status_text(st));
}

static enum status read_type(struct reader *r, const struct layout *l, int64_t session,
                             struct rebuild *b, store_record_fn fn, void *self, struct err *err)
{
    struct table_rows t = {.source = NULL};
    enum status st = rows_open(&t, r, l, session, -1, err);
    while (st == ST_OK) {
        st = rows_next(&t, r, err);
        if (st == ST_OK) {
            st = rows_give(&t, b, fn, self, err);
        }
    }
    rows_close(&t);
    return st == ST_END ? ST_OK : st;
}

enum status store_read_records(const char *path, int64_t session, uint16_t type, store_record_fn fn,
                               void *self, struct err *err)
{
    const struct layout *l = layout_of(type);
    if (l == NULL) {
        return err_set(err, ST_INVALID, "there is no record type %u", type);
    }
    struct reader *r = NULL;
    enum status st = reader_open(path, &r, err);
    if (st != ST_OK) {
        return st;
    }
    struct rebuild b = {NULL, 0};
    st = read_type(r, l, session, &b, fn, self, err);
    r->ops->close(r);
    free(b.p);
    return st;
}

enum status store_read_all(const char *path, int64_t session, store_record_fn fn, void *self,
                           struct err *err)
{
    struct reader *r = NULL;
    enum status st = reader_open(path, &r, err);
    if (st != ST_OK) {
        return st;
    }
    struct rebuild b = {NULL, 0};
    size_t n = 0;
    const struct layout *l = layouts(&n);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        st = read_type(r, &l[i], session, &b, fn, self, err);
    }
    r->ops->close(r);
    free(b.p);
    return st;
}

/* --- one source of events --- */

#define EVENT_TYPES (EV_TYPE_MAX - 1)

struct merge {
    struct table_rows t[EVENT_TYPES];
};

static enum status merge_step(struct table_rows *t, struct reader *r, struct err *err)
{
    enum status st = rows_next(t, r, err);
    if (st == ST_END) {
        rows_close(t);
        return ST_OK;
    }
    return st;
}

static enum status merge_begin(struct merge *m, struct reader *r, int64_t session,
                               enum ev_source source, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < EVENT_TYPES && st == ST_OK; i++) {
        st = rows_open(&m->t[i], r, layout_of((uint16_t)(i + 1)), session, (int)source, err);
        if (st == ST_OK) {
            st = merge_step(&m->t[i], r, err);
        }
    }
    return st;
}

static void merge_finish(struct merge *m)
{
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        rows_close(&m->t[i]);
    }
}

/* The table with the lowest number, NULL at the end. */
static struct table_rows *merge_lowest(struct merge *m)
{
    struct table_rows *best = NULL;
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        struct table_rows *t = &m->t[i];
        if (t->source != NULL &&
            (best == NULL || t->source->cells[ORD_COLUMN].i < best->source->cells[ORD_COLUMN].i)) {
            best = t;
        }
    }
    return best;
}

struct event_reader {
    store_event_fn fn;
    void *self;
};

static enum status give_event(void *self, const void *record)
{
    struct event_reader *r = self;
    return r->fn(r->self, record);
}

enum status store_read_events(const char *path, int64_t session, enum ev_source source,
                              store_event_fn fn, void *self, struct err *err)
{
    struct merge m;
    memset(&m, 0, sizeof m);
    struct reader *r = NULL;
    enum status st = reader_open(path, &r, err);
    if (st != ST_OK) {
        return st;
    }
    struct event_reader give = {fn, self};
    struct rebuild b = {NULL, 0};
    st = merge_begin(&m, r, session, source, err);
    while (st == ST_OK) {
        struct table_rows *t = merge_lowest(&m);
        if (t == NULL) {
            break;
        }
        st = rows_give(t, &b, give_event, &give, err);
        if (st == ST_OK) {
            st = merge_step(t, r, err);
        }
    }
    merge_finish(&m);
    r->ops->close(r);
    free(b.p);
    return st;
}

struct turn_reader {
    store_turn_fn fn;
    void *self;
};

static enum status give_turn(void *self, const void *record)
{
    struct turn_reader *r = self;
    return r->fn(r->self, record);
}

enum status store_read_turns(const char *path, int64_t session, store_turn_fn fn, void *self,
                             struct err *err)
{
    struct turn_reader r = {fn, self};
    return store_read_records(path, session, REC_TURN, give_turn, &r, err);
}

struct decision_reader {
    store_decision_fn fn;
    void *self;
};

static enum status give_decision(void *self, const void *record)
{
    struct decision_reader *r = self;
    return r->fn(r->self, record);
}

enum status store_read_decisions(const char *path, int64_t session, store_decision_fn fn,
                                 void *self, struct err *err)
{
    struct decision_reader r = {fn, self};
    return store_read_records(path, session, REC_DECISION, give_decision, &r, err);
}

/* --- sessions --- */

static const enum cell_kind session_kinds[] = {
    CELL_INT, CELL_INT, CELL_INT, CELL_TEXT, CELL_TEXT, CELL_TEXT, CELL_TEXT, CELL_TEXT,
    CELL_INT, CELL_INT, CELL_INT, CELL_INT,  CELL_TEXT, CELL_INT,  CELL_INT};
#define SESSION_TEXT_FIRST 3
#define SESSION_TEXTS      5

static enum status copy_text(struct rebuild *b, size_t *at, const struct cell *cell)
{
    enum status st = rebuild_room(b, *at + cell->n + 1);
    if (st == ST_OK) {
        if (cell->n > 0) {
            memcpy(b->p + *at, cell->p, cell->n);
        }
        b->p[*at + cell->n] = 0;
        *at += cell->n + 1;
    }
    return st;
}

/* A session that nobody closed, of a process of this machine that is gone. The next start writes
 * that down; until then a reader says so. A file is only written to on the machine it is on, while
 * a server's sessions may be those of others. */
static bool is_dead(const struct cell *cells, bool local)
{
    char boot[BOOT_ID_MAX];
    boot_id(boot);
    if (cells[3].n != 7 || memcmp(cells[3].p, "running", 7) != 0) {
        return false;
    }
    bool this_boot = cells[12].n == strlen(boot) && cells[12].n > 0 &&
                     memcmp(cells[12].p, boot, cells[12].n) == 0;
    return this_boot ? process_start(cells[10].i) != cells[11].i : local;
}

bool store_outcome_broken(const char *outcome)
{
    return strcmp(outcome, "broken") == 0 || strncmp(outcome, "broken:", 7) == 0;
}

/* Cells have no NUL behind them: the texts are copied into b, one behind the other. */
static enum status give_session(const struct cell *cells, bool local, struct rebuild *b,
                                store_session_fn fn, void *self)
{
    size_t start[SESSION_TEXTS], at = 0;
    for (size_t i = 0; i < SESSION_TEXTS; i++) {
        start[i] = at;
        enum status st = copy_text(b, &at, &cells[SESSION_TEXT_FIRST + i]);
        if (st != ST_OK) {
            return st;
        }
    }
    const char *texts = (const char *)b->p;
    struct store_session row = {
        .id = cells[0].i,
        .began = cells[1].i,
        .ended = cells[2].i,
        .outcome = is_dead(cells, local) ? "broken" : texts + start[0],
        .build = texts + start[1],
        .policy = texts + start[2],
        .exchange = texts + start[3],
        .config = texts + start[4],
        .rows = (uint64_t)cells[8].i,
        .lost = (uint64_t)cells[9].i,
        .has_digest = cells[13].i != 0,
        .digest = (uint64_t)cells[14].i,
    };
    return fn(self, &row);
}

static enum status give_sessions(struct reader *r, bool local, store_session_fn fn, void *self,
                                 struct err *err)
{
    struct row_source *s = NULL;
    struct rebuild b = {NULL, 0};
    enum status st = r->ops->select(
        r,
        "SELECT id, began, ended, coalesce(outcome, 'running'), build, policy, "
        "exchange, config, rows, lost, pid, pid_start, boot,"
        " CASE WHEN digest IS NULL THEN 0 ELSE 1 END, digest FROM session ORDER BY id",
        session_kinds, sizeof session_kinds / sizeof session_kinds[0], &s);
    if (st != ST_OK) {
        return err_set(err, st, "reading the sessions: %s", r->error);
    }
    for (;;) {
        st = s->ops->next(s);
        if (st != ST_OK) {
            st = st == ST_END ? ST_OK : err_set(err, st, "reading the sessions: %s", r->error);
            break;
        }
        st = give_session(s->cells, local, &b, fn, self);
        if (st != ST_OK) {
            st = err_set(err, st, "reading was ended: %s", status_text(st));
            break;
        }
    }
    s->ops->close(s);
    free(b.p);
    return st;
}

enum status store_read_sessions(const char *path, store_session_fn fn, void *self, struct err *err)
{
    struct reader *r = NULL;
    enum status st = reader_open(path, &r, err);
    if (st == ST_OK) {
        st = give_sessions(r, !backend_is_url(path), fn, self, err);
        r->ops->close(r);
    }
    return st;
}

static enum status take_id(void *self, const struct store_session *session)
{
    *(int64_t *)self = session->id;
    return ST_OK;
}

enum status store_last_session(const char *path, int64_t *ret_session, struct err *err)
{
    int64_t last = 0;
    enum status st = store_read_sessions(path, take_id, &last, err);
    if (st == ST_OK && last == 0) {
        char shown[URL_SHOWN_MAX];
        return err_set(err, ST_NOT_FOUND, "the database %s has no session",
                       url_shown(path, shown, sizeof shown));
    }
    *ret_session = st == ST_OK ? last : *ret_session;
    return st;
}
