/*
 * crash_store.c - the store's work as a program of its own, for faults.c to fail calls in.
 *
 *   crash_store FILE work [SEED]   open or create FILE, write records of every type in three
 *                                  flushes, close. After each flush a line on stdout says what was
 *                                  reported as stored: "stored SESSION ROWS".
 *   crash_store FILE away [SEED]   the same while another program holds the database: the rows go
 * to the spill file, and wait there for the next start. crash_store FILE read          read every
 * session back. crash_store FILE check [SEED]  open as a next start would, then compare every
 * session of `work` with what was pushed; prints "session ID ROWS LOST OUTCOME" each.
 *
 * Exit status: 0 done, 1 an error, which stderr tells.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/log.h"
#include "store/store.h"
#include "unit/store/make_records.h"

#define FLUSHES 3
#define EACH    1 /* records of a type and flush */

static int complain(const struct err *err)
{
    fprintf(stderr, "crash_store: %s\n", err->text);
    return 1;
}

/* --- what is pushed: the same for the same seed --- */

struct maker {
    struct rng rng;
    uint64_t ord;
    uint64_t number[REC_TYPE_MAX - REC_BASE]; /* of each type of record */
    size_t at;                                /* of the types */
};

static void maker_init(struct maker *m, uint64_t seed)
{
    memset(m, 0, sizeof *m);
    rng_init(&m->rng, seed);
}

static uint32_t maker_next(struct maker *m, void *buf)
{
    size_t n_events = 0;
    size_t n_records = 0;
    while (event_types[n_events] != 0) {
        n_events++;
    }
    while (record_types[n_records] != 0) {
        n_records++;
    }
    size_t i = m->at++ % (n_events + n_records);
    return i < n_events ? make_record(&m->rng, event_types[i], EV_SRC_MARKET, ++m->ord, buf)
                        : make_record(&m->rng, record_types[i - n_events], 0,
                                      ++m->number[record_types[i - n_events] - REC_BASE], buf);
}

static size_t per_flush(void)
{
    size_t n = 0;
    for (size_t i = 0; event_types[i] != 0; i++) {
        n++;
    }
    for (size_t i = 0; record_types[i] != 0; i++) {
        n++;
    }
    return n * EACH;
}

/* --- work --- */

/* The folder of FILE. */
static const char *folder_of(const char *path)
{
    static char folder[512];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    return folder;
}

static sqlite3 *hold(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

static int work(const char *path, uint64_t seed, bool away)
{
    static _Alignas(8) uint8_t buf[RECORD_ROOM];
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct ring *ring = NULL;
    struct err err = {0};
    struct maker m;
    sqlite3 *holder = NULL;
    config.path = path;
    config.spill = folder_of(path);
    config.build = "crash";
    config.config_json = "{}";
    config.close_wait_ns = 300 * NS_PER_MS;
    if (ring_create(1U << 22, &ring) != ST_OK) {
        err_set(&err, ST_NOMEM, "no memory for the ring");
        return complain(&err);
    }
    if (store_open(&config, 1000, &s, &err) != ST_OK) {
        ring_destroy(ring);
        return complain(&err);
    }
    store_add_ring(s, ring);
    if (away) {
        holder = hold(path);
    }
    maker_init(&m, seed);
    uint64_t refused = 0;
    for (int f = 0; f < FLUSHES; f++) {
        for (size_t i = 0; i < per_flush(); i++) {
            uint32_t size = maker_next(&m, buf);
            refused += ring_push(ring, buf, size) != ST_OK;
        }
        uint64_t before = store_stats(s)->failures;
        store_flush(s, 2000 + f, 1);
        if (store_stats(s)->failures == before) {
            dprintf(STDOUT_FILENO, "stored %" PRId64 " %" PRIu64 "\n", store_session(s),
                    store_stats(s)->rows);
        }
    }
    uint64_t lost = store_finish(s, 3000);
    int64_t session = store_session(s);
    uint64_t rows = store_stats(s)->rows + store_stats(s)->spill_left;
    store_close(s, lost == 0 ? "done" : "failed", 3000);
    sqlite3_close(holder);
    ring_destroy(ring);
    dprintf(STDOUT_FILENO, "ended %" PRId64 " %" PRIu64 " %" PRIu64 " of %zu\n", session, rows,
            lost, FLUSHES * per_flush());
    if (lost != 0 || refused != 0) {
        fprintf(stderr, "crash_store: %" PRIu64 " rows lost, %" PRIu64 " refused\n", lost, refused);
        return 1;
    }
    return 0;
}

/* --- reading, and comparing --- */

struct session {
    int64_t id;
    uint64_t lost;
    char outcome[64];
};

struct sessions {
    struct session all[64];
    size_t n;
};

static enum status on_session(void *self, const struct store_session *s)
{
    struct sessions *l = self;
    if (l->n < sizeof l->all / sizeof l->all[0]) {
        struct session *to = &l->all[l->n++];
        to->id = s->id;
        to->lost = s->lost;
        snprintf(to->outcome, sizeof to->outcome, "%s", s->outcome);
    }
    return ST_OK;
}

/* Rows of one type must be what was pushed of it, in order; some may be missing at places. */
struct compare {
    struct maker maker;
    size_t left; /* of what maker makes */
    uint16_t type;
    uint64_t rows, strange;
};

static enum status on_record(void *self, const void *record)
{
    static _Alignas(8) uint8_t buf[RECORD_ROOM];
    struct compare *c = self;
    uint32_t size = ((const struct rec *)record)->size;
    for (; c->left > 0; c->left--) {
        memset(buf, 0, sizeof(struct ev));
        uint32_t made = maker_next(&c->maker, buf);
        if (((const struct rec *)(const void *)buf)->type == c->type && made == size &&
            memcmp(buf, record, size) == 0) {
            c->left--;
            c->rows++;
            return ST_OK;
        }
    }
    c->strange += c->type != REC_GAP; /* the store adds some itself */
    return ST_OK;
}

static enum status count_rows(const char *path, int64_t session, uint64_t seed, uint64_t *ret_rows,
                              uint64_t *ret_strange, struct err *err)
{
    const uint16_t *const lists[] = {event_types, record_types};
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; lists[l][i] != 0; i++) {
            struct compare c = {.left = per_flush() * FLUSHES, .type = lists[l][i]};
            maker_init(&c.maker, seed);
            enum status st = store_read_records(path, session, c.type, on_record, &c, err);
            if (st != ST_OK) {
                return st;
            }
            *ret_rows += c.rows;
            *ret_strange += c.strange;
        }
    }
    return ST_OK;
}

static int read_all(const char *path, uint64_t seed, bool tell)
{
    struct sessions sessions = {.n = 0};
    struct err err = {0};
    if (store_read_sessions(path, on_session, &sessions, &err) != ST_OK) {
        return complain(&err);
    }
    for (size_t i = 0; i < sessions.n; i++) {
        const struct session *s = &sessions.all[i];
        uint64_t rows = 0, strange = 0;
        if (count_rows(path, s->id, seed, &rows, &strange, &err) != ST_OK) {
            return complain(&err);
        }
        if (tell) {
            printf("session %" PRId64 " %" PRIu64 " %" PRIu64 " %s\n", s->id, rows, s->lost,
                   s->outcome);
        }
        if (strange != 0) {
            err_set(&err, ST_MALFORMED, "session %" PRId64 ": %" PRIu64 " rows that nobody pushed",
                    s->id, strange);
            return complain(&err);
        }
    }
    return 0;
}

static int check(const char *path, uint64_t seed)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err = {0};
    config.path = path;
    config.spill = folder_of(path);
    config.build = "check";
    if (store_open(&config, 1000, &s, &err) != ST_OK) {
        return complain(&err);
    }
    store_close(s, "done", 1000);
    return read_all(path, seed, true);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: crash_store FILE work|away|read|check [SEED]\n");
        return 2;
    }
    log_set_level(LOG_ERROR);
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    return strcmp(argv[2], "work") == 0   ? work(argv[1], seed, false)
           : strcmp(argv[2], "away") == 0 ? work(argv[1], seed, true)
           : strcmp(argv[2], "read") == 0 ? read_all(argv[1], seed, false)
                                          : check(argv[1], seed);
}
