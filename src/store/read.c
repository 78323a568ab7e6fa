/*
 * read.c - sessions read back: every row becomes the struct that was pushed, to the byte.
 *
 * Events lie in one table for each type, sorted by number; reading a source merges them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/schema.h"

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

/* A column of the fixed part. */
static enum status take_field(const struct field *f, sqlite3_stmt *s, int at, uint8_t *record)
{
    uint8_t *p = record + f->offset;
    const char *text;
    size_t n;
    switch (f->kind) {
    case FIELD_I32:
    case FIELD_U32:
    case FIELD_I64:
        number_put(p, f->kind, sqlite3_column_int64(s, at));
        return ST_OK;
    case FIELD_TEXT:
        text = (const char *)sqlite3_column_text(s, at);
        n = (size_t)sqlite3_column_bytes(s, at);
        return text != NULL && text_copy((char *)p, f->size, (struct text){text, n}) ? ST_OK
                                                                                     : ST_MALFORMED;
    case FIELD_BYTES:
        if (sqlite3_column_bytes(s, at) != (int)f->size) {
            return ST_MALFORMED;
        }
        memcpy(p, sqlite3_column_blob(s, at), f->size);
        return ST_OK;
    case FIELD_GRID:
        text = (const char *)sqlite3_column_text(s, at);
        return text != NULL ? grid_from_text(text, (struct grid *)(void *)p) : ST_MALFORMED;
    case FIELD_LEVELS:
    case FIELD_ROWS:
    case FIELD_RAW:
        return ST_OK;
    }
    return ST_OK;
}

static enum status take_tail(const struct layout *l, sqlite3_stmt *s, struct rebuild *b)
{
    const struct field *f = &l->fields[l->n_fields - 1];
    if (f->kind != FIELD_LEVELS && f->kind != FIELD_ROWS && f->kind != FIELD_RAW) {
        return ST_OK;
    }
    int at = (int)l->n_fields + 1;
    uint64_t tail = layout_tail(l, b->p);
    const void *blob = sqlite3_column_blob(s, at);
    size_t len = (size_t)sqlite3_column_bytes(s, at);
    /* A level takes at least two bytes; nothing is allocated for numbers that cannot be true. */
    if (f->kind == FIELD_LEVELS ? len < tail / 8 : len != tail) {
        return ST_MALFORMED;
    }
    size_t size = ev_round8((size_t)(l->size + tail));
    enum status st = rebuild_room(b, size);
    if (st != ST_OK) {
        return st;
    }
    memset(b->p + l->size, 0, size - l->size);
    if (f->kind == FIELD_LEVELS) {
        return levels_decode(blob, len, (struct level *)(void *)(b->p + l->size),
                             tail / sizeof(struct level));
    }
    if (len > 0) {
        memcpy(b->p + f->offset, blob, len);
    }
    return ST_OK;
}

/* The row on which s stands. Columns: source, then the fields. */
static enum status rebuild_row(const struct layout *l, sqlite3_stmt *s, struct rebuild *b)
{
    enum status st = rebuild_room(b, l->size);
    if (st != ST_OK) {
        return st;
    }
    memset(b->p, 0, l->size);
    struct rec *head = (struct rec *)(void *)b->p;
    head->type = l->type;
    head->source = (uint16_t)sqlite3_column_int64(s, 1);
    for (uint32_t i = 0; i < l->n_fields && st == ST_OK; i++) {
        st = take_field(&l->fields[i], s, (int)i + 2, b->p);
    }
    if (st == ST_OK) {
        st = take_tail(l, s, b);
    }
    if (st == ST_OK) {
        head = (struct rec *)(void *)b->p;
        head->size = ev_round8((size_t)(l->size + layout_tail(l, b->p)));
    }
    return st;
}

/* --- reading --- */

static enum status open_read(const char *path, sqlite3 **ret_db, struct err *err)
{
    sqlite3 *db = NULL;
    int version = 0;
    enum status st = ST_OK;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        st = err_set(err, ST_NOT_FOUND, "%s", db != NULL ? sqlite3_errmsg(db) : "out of memory");
    }
    if (st == ST_OK) {
        sqlite3_busy_timeout(db, 2000);
        st = schema_version(db, &version, err);
    }
    if (st == ST_OK && version == 0) {
        st = err_set(err, ST_NOT_FOUND, "the database is empty");
    }
    if (st != ST_OK) {
        sqlite3_close(db);
        return err_prefix(err, st, "cannot read the database %s", path);
    }
    *ret_db = db;
    return ST_OK;
}

/* A statement over one table, in order; source < 0: all. */
static enum status select_all(sqlite3 *db, const struct layout *l, int64_t session, int source,
                              sqlite3_stmt **ret, struct err *err)
{
    struct buf sql;
    buf_init(&sql, 8192);
    buf_str(&sql, "SELECT ");
    schema_columns(l, &sql);
    buf_printf(&sql, " FROM %s WHERE session=?%s ORDER BY %s", l->table,
               source >= 0 ? " AND source=?" : "", l->key[0] != '\0' ? l->key : "n");
    int rc = sql.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(db, sql.p, -1, ret, NULL);
    buf_finish(&sql);
    if (rc != SQLITE_OK) {
        return err_set(err, ST_IO, "reading %s: %s", l->table, sqlite3_errmsg(db));
    }
    sqlite3_bind_int64(*ret, 1, session);
    if (source >= 0) {
        sqlite3_bind_int(*ret, 2, source);
    }
    return ST_OK;
}

/* ST_END behind the last row. */
static enum status next_row(sqlite3 *db, const struct layout *l, sqlite3_stmt *s, struct err *err)
{
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        return rc == SQLITE_ROW ? ST_OK : ST_END;
    }
    return err_set(err, ST_IO, "reading %s: %s", l->table, sqlite3_errmsg(db));
}

static enum status hand_over(const struct layout *l, sqlite3_stmt *s, struct rebuild *b,
                             store_record_fn fn, void *self, struct err *err)
{
    enum status st = rebuild_row(l, s, b);
    if (st != ST_OK) {
        return err_set(err, st, "a row of table %s does not make a whole record", l->table);
    }
    st = fn(self, b->p);
    return st == ST_OK ? ST_OK : err_set(err, st, "reading was ended: %s", status_text(st));
}

enum status store_read_records(const char *path, int64_t session, uint16_t type, store_record_fn fn,
                               void *self, struct err *err)
{
    const struct layout *l = layout_of(type);
    if (l == NULL) {
        return err_set(err, ST_INVALID, "there is no record type %u", type);
    }
    sqlite3 *db = NULL;
    enum status st = open_read(path, &db, err);
    if (st != ST_OK) {
        return st;
    }
    struct rebuild b = {NULL, 0};
    sqlite3_stmt *s = NULL;
    st = select_all(db, l, session, -1, &s, err);
    while (st == ST_OK) {
        st = next_row(db, l, s, err);
        if (st == ST_OK) {
            st = hand_over(l, s, &b, fn, self, err);
        }
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    free(b.p);
    return st == ST_END ? ST_OK : st;
}

/* --- one source of events --- */

#define EVENT_TYPES (EV_TYPE_MAX - 1)

struct merge {
    sqlite3 *db;
    sqlite3_stmt *s[EVENT_TYPES]; /* NULL: at its end */
};

#define ORD_COLUMN 2 /* behind session and source */

static enum status merge_step(struct merge *m, size_t i, struct err *err)
{
    enum status st = next_row(m->db, layout_of((uint16_t)(i + 1)), m->s[i], err);
    if (st == ST_END) {
        sqlite3_finalize(m->s[i]);
        m->s[i] = NULL;
        return ST_OK;
    }
    return st;
}

static enum status merge_begin(struct merge *m, int64_t session, enum ev_source source,
                               struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < EVENT_TYPES && st == ST_OK; i++) {
        const struct layout *l = layout_of((uint16_t)(i + 1));
        st = select_all(m->db, l, session, (int)source, &m->s[i], err);
        if (st == ST_OK) {
            st = merge_step(m, i, err);
        }
    }
    return st;
}

static void merge_finish(struct merge *m)
{
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        sqlite3_finalize(m->s[i]);
    }
}

/* The table with the lowest number, EVENT_TYPES at the end. */
static size_t merge_lowest(const struct merge *m)
{
    size_t best = EVENT_TYPES;
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        if (m->s[i] != NULL &&
            (best == EVENT_TYPES || sqlite3_column_int64(m->s[i], ORD_COLUMN) <
                                        sqlite3_column_int64(m->s[best], ORD_COLUMN))) {
            best = i;
        }
    }
    return best;
}

enum status store_read_events(const char *path, int64_t session, enum ev_source source,
                              store_event_fn fn, void *self, struct err *err)
{
    struct merge m;
    memset(&m, 0, sizeof m);
    enum status st = open_read(path, &m.db, err);
    if (st != ST_OK) {
        return st;
    }
    struct rebuild b = {NULL, 0};
    st = merge_begin(&m, session, source, err);
    while (st == ST_OK) {
        size_t i = merge_lowest(&m);
        if (i == EVENT_TYPES) {
            break;
        }
        const struct layout *l = layout_of((uint16_t)(i + 1));
        st = rebuild_row(l, m.s[i], &b);
        if (st != ST_OK) {
            st = err_set(err, st, "a row of table %s does not make a whole event", l->table);
            break;
        }
        st = fn(self, (const struct ev *)(const void *)b.p);
        st = st == ST_OK ? merge_step(&m, i, err)
                         : err_set(err, st, "reading was ended: %s", status_text(st));
    }
    merge_finish(&m);
    sqlite3_close(m.db);
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

static const char *session_text(sqlite3_stmt *s, int at)
{
    const char *text = (const char *)sqlite3_column_text(s, at);
    return text != NULL ? text : "";
}

static enum status give_session(sqlite3_stmt *s, store_session_fn fn, void *self)
{
    struct store_session row = {
        .id = sqlite3_column_int64(s, 0),
        .began = sqlite3_column_int64(s, 1),
        .ended = sqlite3_column_int64(s, 2),
        .outcome = session_text(s, 3),
        .build = session_text(s, 4),
        .policy = session_text(s, 5),
        .exchange = session_text(s, 6),
        .config = session_text(s, 7),
        .rows = (uint64_t)sqlite3_column_int64(s, 8),
        .lost = (uint64_t)sqlite3_column_int64(s, 9),
    };
    return fn(self, &row);
}

enum status store_read_sessions(const char *path, store_session_fn fn, void *self, struct err *err)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    enum status st = open_read(path, &db, err);
    if (st != ST_OK) {
        return st;
    }
    int rc = sqlite3_prepare_v2(db,
                                "SELECT id, began, ended, coalesce(outcome, 'running'), build, "
                                "policy, exchange, config, rows, lost FROM session ORDER BY id",
                                -1, &s, NULL);
    for (rc = rc == SQLITE_OK ? sqlite3_step(s) : rc; st == ST_OK && rc == SQLITE_ROW;
         rc = sqlite3_step(s)) {
        st = give_session(s, fn, self);
    }
    if (st != ST_OK) {
        st = err_set(err, st, "reading was ended: %s", status_text(st));
    } else if (rc != SQLITE_DONE) {
        st = err_set(err, ST_IO, "reading the sessions: %s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
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
        return err_set(err, ST_NOT_FOUND, "the database %s has no session", path);
    }
    *ret_session = st == ST_OK ? last : *ret_session;
    return st;
}
