/*
 * bench_store.c - rows a second from a ring through the store into SQLite, against SQLite's own
 * loop of the same INSERT in one transaction; and what a batch of 100 rows costs.
 *
 * bench_store [--json FILE] [--rows N]. The same seeded deltas each run; medians of RUNS runs,
 * peer and ours in turn. Files lie in the current folder's disk, under TMPDIR or /tmp.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "store/store.h"

#define RUNS 5

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static struct ev_delta *make_deltas(size_t n, char hash[33])
{
    struct ev_delta *v = calloc(n, sizeof *v);
    struct rng rng;
    struct digest d;
    if (v == NULL) {
        die("out of memory");
    }
    rng_init(&rng, 1);
    digest_init(&d);
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct ev_delta){.h = {.size = sizeof v[i],
                                       .type = EV_DELTA,
                                       .source = EV_SRC_MARKET,
                                       .mkt = (uint32_t)rng_below(&rng, 100),
                                       .conn = 1,
                                       .ord = i + 1,
                                       .sid = 1,
                                       .seq = i + 1,
                                       .ts_ms = 1780000000000 + (int64_t)i,
                                       .recv_wall = 1780000000000000000 + (int64_t)i * 1000,
                                       .recv_mono = (int64_t)i * 1000},
                                 .px = 100 * (1 + (px_t)rng_below(&rng, 99)),
                                 .qty = (qty_t)rng_below(&rng, 100000) - 50000,
                                 .side = (uint32_t)rng_below(&rng, 2)};
    }
    digest_add(&d, v, n * sizeof *v);
    digest_text(&d, hash);
    return v;
}

static void db_path(char path[256], const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, 256, "%s/deltaflow-bench-%d-%s.sqlite", dir != NULL ? dir : "/tmp",
             (int)getpid(), name);
}

static void db_remove(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char file[300];
        snprintf(file, sizeof file, "%s%s", path, tails[i]);
        (void)unlink(file);
    }
}

static struct store *open_store(const char *path, struct ring **ring)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err;
    config.path = path;
    if (store_open(&config, 1, &s, &err) != ST_OK) {
        die(err.text);
    }
    if (ring_create((size_t)16 << 20, ring) != ST_OK) {
        die("no ring");
    }
    store_add_ring(s, *ring);
    return s;
}

/* Nanoseconds for all rows; the ring is pushed to by the same thread. */
static int64_t run_ours(const struct ev_delta *v, size_t n, const char *path)
{
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    mono_ns_t began = clock_mono();
    for (size_t i = 0; i < n;) {
        for (size_t k = 0; k < 20000 && i < n; k++, i++) {
            if (ring_push(ring, &v[i], sizeof v[i]) != ST_OK) {
                die("ring full");
            }
        }
        (void)store_work(s, 1, clock_mono());
    }
    store_flush(s, 1, clock_mono());
    int64_t took = clock_mono() - began;
    if (store_stats(s)->rows != n || store_stats(s)->lost != 0) {
        die("rows are missing");
    }
    store_close(s, "done", 2);
    ring_destroy(ring);
    db_remove(path);
    return took;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
}

static void bind(sqlite3_stmt *s, const struct ev_delta *d)
{
    const int64_t columns[] = {1,
                               d->h.source,
                               (int64_t)d->h.ord,
                               d->h.mkt,
                               d->h.conn,
                               (int64_t)d->h.sid,
                               (int64_t)d->h.seq,
                               d->h.ts_ms,
                               d->h.recv_wall,
                               d->h.recv_mono,
                               d->side,
                               d->px,
                               d->qty,
                               d->flags};
    for (int i = 0; i < 14; i++) {
        sqlite3_bind_int64(s, i + 1, columns[i]);
    }
}

/* The same rows into the same table, by a plain loop in one transaction. */
static int64_t run_peer(const struct ev_delta *v, size_t n, const char *path)
{
    struct ring *ring = NULL;
    store_close(open_store(path, &ring), "done", 2); /* makes the tables */
    ring_destroy(ring);
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die("cannot open");
    }
    sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384;");
    if (sqlite3_prepare_v2(db,
                           "INSERT INTO delta (session, source, ord, mkt, conn, sid, seq, ts_ms, "
                           "recv_wall, recv_mono, side, px, qty, flags) VALUES "
                           "(?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                           -1, &s, NULL) != SQLITE_OK) {
        die(sqlite3_errmsg(db));
    }
    mono_ns_t began = clock_mono();
    sql(db, "BEGIN");
    for (size_t i = 0; i < n; i++) {
        bind(s, &v[i]);
        if (sqlite3_step(s) != SQLITE_DONE) {
            die(sqlite3_errmsg(db));
        }
        sqlite3_reset(s);
    }
    sql(db, "COMMIT");
    int64_t took = clock_mono() - began;
    sqlite3_finalize(s);
    sqlite3_close(db);
    db_remove(path);
    return took;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

#define BATCHES 2000

/* Time of store_work with exactly one batch of 100 rows waiting, sorted. */
static void run_batches(const struct ev_delta *v, size_t n, const char *path, int64_t *took)
{
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    if (n < (size_t)BATCHES * 100) {
        die("too few rows");
    }
    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t k = 0; k < 100; k++) {
            if (ring_push(ring, &v[b * 100 + k], sizeof *v) != ST_OK) {
                die("ring full");
            }
        }
        mono_ns_t began = clock_mono();
        (void)store_work(s, 1, began);
        took[b] = clock_mono() - began;
    }
    if (store_stats(s)->batches != BATCHES) {
        die("not one commit for each batch");
    }
    store_close(s, "done", 2);
    ring_destroy(ring);
    db_remove(path);
    qsort(took, BATCHES, sizeof *took, compare);
}

static void write_json(const char *file, double ours, double peer, const int64_t *batch,
                       const char *hash)
{
    FILE *f = fopen(file, "w");
    if (f == NULL) {
        die("cannot write the JSON file");
    }
    fprintf(f,
            "{\"results\":[{\"name\":\"store_row\",\"ns\":%.1f,\"peer\":\"sqlite3 insert loop in "
            "one transaction\",\"peer_ns\":%.1f,\"ratio\":%.3f,\"input_hash\":\"%s\",\"runs\":%d}",
            ours, peer, peer / ours, hash, RUNS);
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {{"p50", BATCHES / 2}, {"p99", BATCHES * 99 / 100}, {"max", BATCHES - 1}};
    for (size_t i = 0; i < 3; i++) {
        fprintf(f,
                ",{\"name\":\"store_batch_100_%s\",\"ns\":%lld,\"peer\":null,\"peer_ns\":null,"
                "\"ratio\":null,\"input_hash\":\"%s\",\"runs\":1}",
                rows[i].name, (long long)batch[rows[i].at], hash);
    }
    fprintf(f, "]}\n");
    if (fclose(f) != 0) {
        die("cannot write the JSON file");
    }
}

int main(int argc, char **argv)
{
    const char *json = NULL;
    size_t n = 500000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0) {
            json = argv[i + 1];
        } else if (strcmp(argv[i], "--rows") == 0) {
            n = (size_t)strtoull(argv[i + 1], NULL, 10);
        } else {
            die("usage: bench_store [--json FILE] [--rows N]");
        }
    }
    char hash[33], path[256];
    static int64_t ours[RUNS], peer[RUNS], batch[BATCHES];
    log_set_level(LOG_ERROR);
    struct ev_delta *v = make_deltas(n, hash);
    for (int i = 0; i < RUNS; i++) {
        db_path(path, "peer");
        peer[i] = run_peer(v, n, path);
        db_path(path, "ours");
        ours[i] = run_ours(v, n, path);
    }
    db_path(path, "batch");
    run_batches(v, n, path, batch);
    qsort(ours, RUNS, sizeof ours[0], compare);
    qsort(peer, RUNS, sizeof peer[0], compare);
    double a = (double)ours[RUNS / 2] / (double)n, b = (double)peer[RUNS / 2] / (double)n;
    printf("%-34s %12s %14s %8s\n", "store, deltas into SQLite", "ns/row", "rows/s", "ratio");
    printf("%-34s %12.0f %14.0f %8s\n", "sqlite3 loop, one transaction", b, 1e9 / b, "1.00");
    printf("%-34s %12.0f %14.0f %8.2f\n", "ring, store_work, 20000 a batch", a, 1e9 / a, b / a);
    printf("batch of 100 rows: p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
           (double)batch[BATCHES / 2] / 1e3, (double)batch[BATCHES * 99 / 100] / 1e3,
           (double)batch[BATCHES * 999 / 1000] / 1e3, (double)batch[BATCHES - 1] / 1e3);
    printf("input %s, %zu rows, median of %d runs\n", hash, n, RUNS);
    if (json != NULL) {
        write_json(json, a, b, batch, hash);
    }
    free(v);
    return 0;
}
