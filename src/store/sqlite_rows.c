/*
 * sqlite_rows.c - see sqlite_rows.h.
 *
 * A batch is parted by type, each part in its order. Each type has a virtual table batch_<table>,
 * which is a window on one part, and a prepared INSERT OR FAIL INTO <table> SELECT * FROM
 * batch_<table>. FAIL keeps the rows before one that breaks a key, and needs no statement journal;
 * the window then stands on that row, it is reported, and the statement goes on behind it.
 */
#include "store/sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/layout.h"

#define BATCH_MAX 4096U /* records that one statement takes */
#define OF_NONE   UINT8_MAX
_Static_assert(LAYOUTS_MAX < OF_NONE, "a number for each window");

/* What a virtual table shows. */
struct window {
    struct sqlite_rows *owner;
    const struct layout *l;
    sqlite3_stmt *insert; /* NULL: not needed yet */
    const void *const *records;
    size_t at, n; /* records[at] is the row on which it stands */
};

struct sqlite_rows {
    sqlite3 *db;
    int64_t session;
    struct window windows[LAYOUTS_MAX];
    const void *parted[BATCH_MAX]; /* the batch by type */
    uint8_t of[BATCH_MAX];         /* the window of each record, or OF_NONE */
    uint8_t *scratch;              /* encoded levels of the row on which a window stands */
    size_t scratch_cap;
};

/* --- the virtual table --- */

struct table {
    sqlite3_vtab base; /* first: SQLite is given this */
    struct window *window;
};

struct cursor {
    sqlite3_vtab_cursor base; /* first: SQLite is given this */
    struct window *window;
};

static int table_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                         sqlite3_vtab **ret_table, char **ret_error)
{
    (void)argc;
    (void)argv;
    (void)ret_error;
    struct window *w = aux;
    struct buf sql;
    buf_init(&sql, 8192);
    buf_str(&sql, "CREATE TABLE batch (");
    layout_columns(w->l, &sql);
    buf_char(&sql, ')');
    int rc = sql.failed ? SQLITE_NOMEM : sqlite3_declare_vtab(db, sql.p);
    buf_finish(&sql);
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return SQLITE_NOMEM;
    }
    t->window = w;
    *ret_table = &t->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 1; /* the whole window is the only way */
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret_cursor)
{
    struct cursor *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return SQLITE_NOMEM;
    }
    c->window = ((struct table *)table)->window;
    *ret_cursor = &c->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *cursor, int index, const char *name, int argc,
                         sqlite3_value **argv)
{
    (void)cursor; /* it begins where the window stands */
    (void)index;
    (void)name;
    (void)argc;
    (void)argv;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)cursor)->window->at++;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *cursor)
{
    const struct window *w = ((struct cursor *)cursor)->window;
    return w->at >= w->n;
}

static int cursor_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *ret_rowid)
{
    *ret_rowid = (sqlite3_int64)((struct cursor *)cursor)->window->at;
    return SQLITE_OK;
}

/* --- a column of the row --- */

static int result_levels(struct sqlite_rows *rows, sqlite3_context *ctx, const void *tail,
                         uint64_t n)
{
    size_t need = levels_encoded_max(n);
    if (need > rows->scratch_cap) {
        uint8_t *grown = realloc(rows->scratch, need);
        if (grown == NULL) {
            return SQLITE_NOMEM;
        }
        rows->scratch = grown;
        rows->scratch_cap = need;
    }
    size_t len = n > 0 ? levels_encode(tail, n, rows->scratch) : 0;
    sqlite3_result_blob64(ctx, len > 0 ? rows->scratch : (const uint8_t *)"", len, SQLITE_STATIC);
    return SQLITE_OK;
}

/* What is static lives until the row has been inserted. */
static int result_field(const struct window *w, sqlite3_context *ctx, const struct field *f)
{
    const void *record = w->records[w->at];
    const uint8_t *p = (const uint8_t *)record + f->offset;
    char grid[GRID_TEXT_MAX];
    switch (f->kind) {
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_I32:
        sqlite3_result_int64(ctx, layout_number(f, record));
        return SQLITE_OK;
    case FIELD_TEXT:
        sqlite3_result_text(ctx, (const char *)p, -1, SQLITE_STATIC);
        return SQLITE_OK;
    case FIELD_BYTES:
        sqlite3_result_blob64(ctx, p, layout_bytes(f, record), SQLITE_STATIC);
        return SQLITE_OK;
    case FIELD_GRID:
        grid_to_text((const struct grid *)(const void *)p, grid);
        sqlite3_result_text(ctx, grid, -1, SQLITE_TRANSIENT);
        return SQLITE_OK;
    case FIELD_LEVELS:
        return result_levels(w->owner, ctx, p, layout_tail(w->l, record) / sizeof(struct level));
    case FIELD_ROWS:
    case FIELD_RAW:
        sqlite3_result_blob64(ctx, p, layout_tail(w->l, record), SQLITE_STATIC);
        return SQLITE_OK;
    }
    return SQLITE_OK;
}

#define COLUMNS_BEFORE 2 /* session and source, as in layout_columns() */

static int cursor_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int at)
{
    const struct window *w = ((struct cursor *)cursor)->window;
    if (at >= COLUMNS_BEFORE) {
        return result_field(w, ctx, &w->l->fields[at - COLUMNS_BEFORE]);
    }
    /* The source stands at the same place in both headers. */
    const struct rec *head = w->records[w->at];
    sqlite3_result_int64(ctx, at == 0 ? w->owner->session : head->source);
    return SQLITE_OK;
}
_Static_assert(offsetof(struct ev, type) == offsetof(struct rec, type) &&
                   offsetof(struct ev, source) == offsetof(struct rec, source),
               "events and records begin alike");

/* Without xCreate it exists only by its name, in no schema. */
static const sqlite3_module module = {
    .xConnect = table_connect,
    .xDisconnect = table_disconnect,
    .xBestIndex = table_best_index,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

enum status sqlite_rows_create(sqlite3 *db, struct sqlite_rows **ret_rows)
{
    struct sqlite_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        return ST_NOMEM;
    }
    rows->db = db;
    size_t n = 0;
    const struct layout *l = layouts(&n);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        rows->windows[i] = (struct window){.owner = rows, .l = &l[i]};
        sqlite3_snprintf(sizeof name, name, "batch_%s", l[i].table);
        if (sqlite3_create_module(db, name, &module, &rows->windows[i]) != SQLITE_OK) {
            free(rows);
            return ST_IO;
        }
    }
    *ret_rows = rows;
    return ST_OK;
}

void sqlite_rows_destroy(struct sqlite_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    for (size_t i = 0; i < LAYOUTS_MAX; i++) {
        sqlite3_finalize(rows->windows[i].insert);
    }
    free(rows->scratch);
    free(rows);
}

/* --- a batch --- */

static enum status window_prepare(struct window *w)
{
    struct buf sql;
    buf_init(&sql, 8192);
    buf_printf(&sql, "INSERT OR FAIL INTO %s (", w->l->table);
    layout_columns(w->l, &sql);
    buf_printf(&sql, ") SELECT * FROM batch_%s", w->l->table);
    int rc = sql.failed ? SQLITE_NOMEM
                        : sqlite3_prepare_v3(w->owner->db, sql.p, -1, SQLITE_PREPARE_PERSISTENT,
                                             &w->insert, NULL);
    buf_finish(&sql);
    return rc == SQLITE_OK ? ST_OK : ST_IO;
}

/* The rest of the window, once for each row that is refused. */
static enum status window_insert(struct window *w, struct refused *refused, size_t *n_refused)
{
    enum status st = w->insert == NULL ? window_prepare(w) : ST_OK;
    while (st == ST_OK && w->at < w->n) {
        int rc = sqlite3_step(w->insert) & 0xff;
        sqlite3_reset(w->insert);
        if (rc == SQLITE_CONSTRAINT || rc == SQLITE_TOOBIG) {
            refused[(*n_refused)++] =
                (struct refused){w->records[w->at++], rc == SQLITE_TOOBIG ? ST_INVALID : ST_EXISTS};
        } else if (rc != SQLITE_DONE) {
            st = ST_IO;
        }
    }
    return st;
}

static const struct layout *layout_for(const void *record)
{
    const struct layout *l = layout_of(((const struct rec *)record)->type);
    return l != NULL && layout_valid(l, record) ? l : NULL;
}

/* Each window onto its part of the batch; what is malformed is in none. */
static void part(struct sqlite_rows *rows, const void *const *records, size_t n,
                 struct refused *refused, size_t *n_refused)
{
    size_t n_layouts = 0, before = 0;
    const struct layout *all = layouts(&n_layouts);
    for (size_t i = 0; i < n_layouts; i++) {
        rows->windows[i].n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct layout *l = layout_for(records[i]);
        rows->of[i] = l != NULL ? (uint8_t)(l - all) : OF_NONE;
        if (l != NULL) {
            rows->windows[l - all].n++;
        } else {
            refused[(*n_refused)++] = (struct refused){records[i], ST_INVALID};
        }
    }
    const void **next[LAYOUTS_MAX];
    for (size_t i = 0; i < n_layouts; i++) {
        struct window *w = &rows->windows[i];
        w->at = 0;
        w->records = next[i] = rows->parted + before;
        before += w->n;
    }
    for (size_t i = 0; i < n; i++) {
        if (rows->of[i] != OF_NONE) {
            *next[rows->of[i]]++ = records[i];
        }
    }
}

static enum status put_batch(struct sqlite_rows *rows, const void *const *records, size_t n,
                             struct refused *refused, size_t *n_refused)
{
    enum status st = ST_OK;
    part(rows, records, n, refused, n_refused);
    for (size_t i = 0; i < LAYOUTS_MAX && st == ST_OK; i++) {
        st = rows->windows[i].n > 0 ? window_insert(&rows->windows[i], refused, n_refused) : ST_OK;
    }
    return st;
}

enum status sqlite_rows_put(struct sqlite_rows *rows, int64_t session, const void *const *records,
                            size_t n, struct refused *refused, size_t *ret_n_refused)
{
    enum status st = ST_OK;
    size_t n_refused = 0;
    rows->session = session;
    while (n > 0 && st == ST_OK) {
        size_t k = n < BATCH_MAX ? n : BATCH_MAX;
        st = put_batch(rows, records, k, refused, &n_refused);
        records += k;
        n -= k;
    }
    *ret_n_refused = n_refused;
    return st;
}
