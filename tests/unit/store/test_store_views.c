/*
 * test_store_views.c - the views show the same columns and the same texts in SQLite and PostgreSQL:
 * the same records go into both, and every row of every view is compared.
 */
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "make_records.h"
#include "pg_server.h"
#include "store/layout.h"
#include "store/store.h"
#include "store/views.h"

#define EACH 60U

static uint64_t *record;

/* Amounts of which SQLite can take the absolute value. */
static void tame_numbers(const struct layout *l)
{
    for (uint32_t i = 0; i < l->n_fields; i++) {
        const struct field *f = &l->fields[i];
        int64_t v;
        if (f->kind == FIELD_I64 && strcmp(f->name, "ord") != 0 && strcmp(f->name, "turn") != 0 &&
            strcmp(f->name, "number") != 0) {
            uint8_t *p = (uint8_t *)record + f->offset;
            memcpy(&v, p, sizeof v);
            v %= INT64_C(1000000000000);
            memcpy(p, &v, sizeof v);
        }
    }
}

/* Times of our time, of which no database refuses one; actions and kinds as they come. */
static void tame(struct rng *rng, uint16_t type)
{
    tame_numbers(layout_of(type));
    if (type < REC_BASE) {
        struct ev *ev = (struct ev *)(void *)record;
        ev->recv_wall = (wall_ns_t)rng_below(rng, INT64_C(4000000000)) * NS_PER_SEC +
                        (wall_ns_t)rng_below(rng, NS_PER_SEC);
        ev->ts_ms = rng_below(rng, 4) == 0 ? 0 : (int64_t)rng_below(rng, INT64_C(4000000000000));
        ev->mkt = (uint32_t)rng_below(rng, 4);
    } else {
        struct rec *rec = (struct rec *)(void *)record;
        rec->wall = (wall_ns_t)rng_below(rng, INT64_C(4000000000)) * NS_PER_SEC +
                    (wall_ns_t)rng_below(rng, NS_PER_SEC);
        rec->mkt = (uint32_t)rng_below(rng, 4);
    }
    if (type == REC_RAW) { /* text; what is none is shown differently, see docs/POSTGRESQL.md */
        struct rec_raw *r = (struct rec_raw *)(void *)record;
        for (uint32_t i = 0; i < r->len; i++) {
            r->bytes[i] = (char)('a' + i % 26);
        }
        if (r->len >= 4) {
            memcpy(r->bytes, "\xc3\xbc\\n", 4);
        }
    }
    if (type == REC_DECISION) {
        struct rec_decision *d = (struct rec_decision *)(void *)record;
        d->action = (uint32_t)rng_below(rng, 7);
        d->verdict = (uint32_t)rng_below(rng, 9);
    }
    if (type == REC_RECONCILE) {
        ((struct rec_reconcile *)(void *)record)->kind = (uint32_t)rng_below(rng, 4);
    }
    if (type == REC_ORDER) {
        ((struct rec_order *)(void *)record)->number = rng_below(rng, 9);
    }
}

/* The same records each time. */
static void record_into(const char *path)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct ring *ring = NULL;
    struct rng rng;
    struct err err = {.text = ""};
    config.path = path;
    config.build = "b";
    config.policy = "p";
    config.exchange = "x";
    if (store_open(&config, INT64_C(1700000000123456789), &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(1 << 22, &ring), ST_OK);
    store_add_ring(s, ring);
    rng_init(&rng, 77);
    uint64_t ord = 0;
    for (uint32_t i = 0; i < EACH; i++) {
        for (uint16_t type = 1; type < REC_TYPE_MAX; type++) {
            if (layout_of(type) == NULL) {
                continue;
            }
            ord += type < REC_BASE;
            uint32_t size =
                make_record(&rng, type, EV_SRC_MARKET, type < REC_BASE ? ord : i + 1, record);
            tame(&rng, type);
            while (ring_push(ring, record, size) != ST_OK) {
                (void)store_work(s, 1, 1);
            }
        }
        store_flush(s, 1, 1);
    }
    store_close(s, "done", INT64_C(1700000001987654321));
    ring_destroy(ring);
}

/* Rows as texts, one a line, sorted. */
struct rows {
    char **v;
    size_t n;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_row(struct rows *r, const struct buf *line)
{
    assert_false(line->failed);
    r->v = realloc(r->v, (r->n + 1) * sizeof *r->v);
    assert_non_null(r->v);
    r->v[r->n++] = strdup(line->p);
}

static void finish_rows(struct rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i]);
    }
    free(r->v);
}

static void add_cell(struct buf *line, const char *text)
{
    buf_printf(line, "|%s", text != NULL ? text : "<NULL>");
}

static struct rows of_sqlite(const char *path, const char *view, struct buf *columns)
{
    struct rows r = {NULL, 0};
    char sql[100];
    struct buf line;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    buf_init(&line, 1 << 20);
    snprintf(sql, sizeof sql, "SELECT * FROM %s", view);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        add_cell(columns, sqlite3_column_name(s, i));
    }
    int rc = sqlite3_step(s);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(s)) {
        buf_clear(&line);
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            add_cell(&line, (const char *)sqlite3_column_text(s, i));
        }
        add_row(&r, &line);
    }
    assert_int_equal(rc, SQLITE_DONE);
    sqlite3_finalize(s);
    sqlite3_close(db);
    buf_finish(&line);
    return r;
}

static struct rows of_server(const char *url, const char *view, struct buf *columns)
{
    struct rows r = {NULL, 0};
    char sql[100];
    struct buf line;
    buf_init(&line, 1 << 20);
    snprintf(sql, sizeof sql, "SELECT * FROM %s", view);
    PGconn *c = PQconnectdb(url);
    PGresult *res = PQexec(c, sql);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", view, PQerrorMessage(c));
    }
    for (int i = 0; i < PQnfields(res); i++) {
        add_cell(columns, PQfname(res, i));
    }
    for (int k = 0; k < PQntuples(res); k++) {
        buf_clear(&line);
        for (int i = 0; i < PQnfields(res); i++) {
            add_cell(&line, PQgetisnull(res, k, i) ? NULL : PQgetvalue(res, k, i));
        }
        add_row(&r, &line);
    }
    PQclear(res);
    PQfinish(c);
    buf_finish(&line);
    return r;
}

static void compare_view(const char *path, const char *url, const char *view)
{
    struct buf a_columns, b_columns;
    buf_init(&a_columns, 4096);
    buf_init(&b_columns, 4096);
    struct rows a = of_sqlite(path, view, &a_columns), b = of_server(url, view, &b_columns);
    print_message("%s: %zu rows\n", view, a.n);
    assert_string_equal(a_columns.p, b_columns.p);
    assert_true(a.n > 0);
    assert_int_equal(a.n, b.n);
    qsort(a.v, a.n, sizeof *a.v, by_text);
    qsort(b.v, b.n, sizeof *b.v, by_text);
    for (size_t i = 0; i < a.n; i++) {
        assert_string_equal(a.v[i], b.v[i]);
    }
    finish_rows(&a);
    finish_rows(&b);
    buf_finish(&a_columns);
    buf_finish(&b_columns);
}

static void every_view_shows_the_same_texts(void **state)
{
    (void)state;
    char folder[64], path[DATABASE_MAX], url[DATABASE_MAX];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/s.sqlite", folder);
    pg_server_url(url, sizeof url);
    record = malloc(RECORD_ROOM);
    assert_non_null(record);
    record_into(path);
    record_into(url);
    for (size_t i = 0; i < view_count(); i++) {
        compare_view(path, url, view_name(i));
    }
    free(record);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_view_shows_the_same_texts)};
    return database_run_pg(tests, 1);
}
