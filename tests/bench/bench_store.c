/*
 * bench_store.c - rows a second from a ring through the store into SQLite and back, against
 * SQLite's own ways to do the same in the same run; and what a batch of 100 rows costs.
 *
 * bench_store [--json FILE] [--rows N]. Seeded records (store_input.h); peers and ours in turn,
 * medians of RUNS runs. CPU time stands beside the time that passed, for machines that are shared.
 * Files lie under TMPDIR or /tmp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/record.h"
#include "store/store.h"
#include "store_input.h"
#include "store_peers.h"

#define RUNS    5
#define BATCHES 2000
#define PUSHED  20000 /* records between two turns of the store */

enum way { OURS, LOOP, IMPORT, MIX_OURS, MIX_LOOP, READ_OURS, READ_SELECT, READ_FILE, WAYS };

static const struct {
    const char *text, *name; /* name in the JSON file; NULL: a peer */
    enum way peer;
} ways[WAYS] = {
    [OURS] = {"deltas: ring, store, 20000 a batch", "store_row", LOOP},
    [LOOP] = {"deltas: sqlite3 insert loop in one transaction", NULL, OURS},
    [IMPORT] = {"deltas: sqlite3 shell, .import of CSV", NULL, OURS},
    [MIX_OURS] = {"mix: ring, store, 20000 a batch", "store_mix_row", MIX_LOOP},
    [MIX_LOOP] = {"mix: sqlite3 insert loop in one transaction", NULL, MIX_OURS},
    [READ_OURS] = {"reading: store_read_events", "store_read_row", READ_SELECT},
    [READ_SELECT] = {"reading: sqlite3 SELECT loop", NULL, READ_OURS},
    [READ_FILE] = {"reading: read(2) of the file", NULL, READ_OURS},
};

struct results {
    struct took runs[WAYS][RUNS];
    struct took median[WAYS];
    int64_t file_bytes;
    int64_t batch[BATCHES]; /* sorted */
};

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void tmp_path(char path[256], const char *name)
{
    const char *dir = getenv("TMPDIR");
    snprintf(path, 256, "%s/deltaflow-bench-%d-%s", dir != NULL ? dir : "/tmp", (int)getpid(),
             name);
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
    if (ring_create((size_t)32 << 20, ring) != ST_OK) {
        die("no ring");
    }
    store_add_ring(s, *ring);
    return s;
}

static void push(struct ring *ring, const void *record)
{
    if (ring_push(ring, record, ((const struct rec *)record)->size) != ST_OK) {
        die("ring full");
    }
}

/* The ring is pushed to by the same thread, and that is counted too. */
static struct took run_ours(const char *path, const struct input *in)
{
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    struct took t = took_begin();
    for (size_t i = 0; i < in->n;) {
        for (size_t k = 0; k < PUSHED && i < in->n; k++, i++) {
            push(ring, in->records[i]);
        }
        (void)store_work(s, 1, clock_mono());
    }
    store_flush(s, 1, clock_mono());
    t = took_end(t);
    if (store_stats(s)->rows != in->n || store_stats(s)->lost != 0) {
        die("rows are missing");
    }
    store_close(s, "done", 2);
    ring_destroy(ring);
    return t;
}

/* An empty database as the store makes it. */
static void make_tables(const char *path)
{
    struct ring *ring = NULL;
    store_close(open_store(path, &ring), "done", 2);
    ring_destroy(ring);
}

static struct took run_loop(const char *path, const struct input *in)
{
    make_tables(path);
    struct took t = peer_insert_loop(path, in);
    db_remove(path);
    return t;
}

static struct took run_import(const char *path, const char *csv, const struct input *in)
{
    make_tables(path);
    struct took t = peer_import(path, csv);
    if (peer_count(path, "delta") != (int64_t)in->n) {
        die("the import misses rows");
    }
    db_remove(path);
    return t;
}

/* --- reading --- */

static enum status count_event(void *self, const struct ev *ev)
{
    (void)ev;
    ++*(size_t *)self;
    return ST_OK;
}

static struct took run_read(const char *path, const struct input *in)
{
    size_t n = 0;
    struct err err;
    struct took t = took_begin();
    if (store_read_events(path, 1, EV_SRC_MARKET, count_event, &n, &err) != ST_OK) {
        die(err.text);
    }
    t = took_end(t);
    if (n != in->n) {
        die("rows are missing when they are read");
    }
    return t;
}

/* --- a batch --- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Time of store_work with exactly one batch of 100 rows waiting, sorted. */
static void run_batches(const char *path, const struct input *in, int64_t *took)
{
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    if (in->n < (size_t)BATCHES * 100) {
        die("too few rows");
    }
    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t k = 0; k < 100; k++) {
            push(ring, in->records[b * 100 + k]);
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

/* --- all of it --- */

static void run_all(struct results *r, const struct input *deltas, const struct input *mix)
{
    char path[256], csv[256];
    tmp_path(path, "store.sqlite");
    tmp_path(csv, "rows.csv");
    peer_write_csv(csv, deltas);
    for (int i = 0; i < RUNS; i++) {
        r->runs[LOOP][i] = run_loop(path, deltas);
        r->runs[IMPORT][i] = run_import(path, csv, deltas);
        r->runs[MIX_LOOP][i] = run_loop(path, mix);
        r->runs[MIX_OURS][i] = run_ours(path, mix);
        db_remove(path);
        r->runs[OURS][i] = run_ours(path, deltas);
        r->runs[READ_FILE][i] = peer_read_file(path, &r->file_bytes);
        r->runs[READ_SELECT][i] = peer_select_loop(path, deltas->n);
        r->runs[READ_OURS][i] = run_read(path, deltas);
        db_remove(path);
    }
    run_batches(path, deltas, r->batch);
    (void)unlink(csv);
}

static void find_medians(struct results *r)
{
    for (int w = 0; w < WAYS; w++) {
        int64_t wall[RUNS], cpu[RUNS];
        for (int i = 0; i < RUNS; i++) {
            wall[i] = r->runs[w][i].wall_ns;
            cpu[i] = r->runs[w][i].cpu_ns;
        }
        qsort(wall, RUNS, sizeof wall[0], compare);
        qsort(cpu, RUNS, sizeof cpu[0], compare);
        r->median[w] = (struct took){wall[RUNS / 2], cpu[RUNS / 2]};
    }
}

static double per_row(int64_t ns, size_t n)
{
    return (double)ns / (double)n;
}

static void print(const struct results *r, const struct input *deltas, const struct input *mix)
{
    printf("%-48s %8s %12s %10s\n", "SQLite store", "ns/row", "rows/s", "CPU ns");
    for (int w = 0; w < WAYS; w++) {
        double ns = per_row(r->median[w].wall_ns, deltas->n);
        printf("%-48s %8.0f %12.0f %10.0f\n", ways[w].text, ns, 1e9 / ns,
               per_row(r->median[w].cpu_ns, deltas->n));
    }
    printf("ours is faster than the loop %.2f times, than .import %.2f times, mixed %.2f times; "
           "reading is %.2f of the SELECT loop's speed\n",
           (double)r->median[LOOP].wall_ns / (double)r->median[OURS].wall_ns,
           (double)r->median[IMPORT].wall_ns / (double)r->median[OURS].wall_ns,
           (double)r->median[MIX_LOOP].wall_ns / (double)r->median[MIX_OURS].wall_ns,
           (double)r->median[READ_SELECT].wall_ns / (double)r->median[READ_OURS].wall_ns);
    printf("batch of 100 rows: p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
           (double)r->batch[BATCHES / 2] / 1e3, (double)r->batch[BATCHES * 99 / 100] / 1e3,
           (double)r->batch[BATCHES * 999 / 1000] / 1e3, (double)r->batch[BATCHES - 1] / 1e3);
    printf("%zu rows, median of %d runs; file of %.1f bytes a delta; inputs %s, %s\n", deltas->n,
           RUNS, per_row(r->file_bytes, deltas->n), deltas->hash, mix->hash);
}

/* ns is of ours, peer_ns of the peer. */
static void json_row(FILE *f, const struct results *r, enum way ours, enum way peer,
                     const struct input *in)
{
    const struct took *a = &r->median[ours], *b = &r->median[peer];
    fprintf(f,
            "{\"name\":\"%s\",\"ns\":%.1f,\"cpu_ns\":%.1f,\"peer\":\"%s\",\"peer_ns\":%.1f,"
            "\"peer_cpu_ns\":%.1f,\"ratio\":%.3f,\"input_hash\":\"%s\",\"runs\":%d},",
            ways[ours].name, per_row(a->wall_ns, in->n), per_row(a->cpu_ns, in->n),
            strchr(ways[peer].text, ' ') + 1, per_row(b->wall_ns, in->n), per_row(b->cpu_ns, in->n),
            (double)b->wall_ns / (double)a->wall_ns, in->hash, RUNS);
}

static void write_json(const char *file, const struct results *r, const struct input *deltas,
                       const struct input *mix)
{
    FILE *f = fopen(file, "w");
    if (f == NULL) {
        die("cannot write the JSON file");
    }
    fprintf(f, "{\"results\":[");
    json_row(f, r, OURS, LOOP, deltas);
    json_row(f, r, OURS, IMPORT, deltas);
    json_row(f, r, MIX_OURS, MIX_LOOP, mix);
    json_row(f, r, READ_OURS, READ_SELECT, deltas);
    json_row(f, r, READ_OURS, READ_FILE, deltas);
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {{"p50", BATCHES / 2}, {"p99", BATCHES * 99 / 100}, {"max", BATCHES - 1}};
    for (size_t i = 0; i < 3; i++) {
        fprintf(f,
                "%s{\"name\":\"store_batch_100_%s\",\"ns\":%lld,\"peer\":null,\"peer_ns\":null,"
                "\"ratio\":null,\"input_hash\":\"%s\",\"runs\":1}",
                i > 0 ? "," : "", rows[i].name, (long long)r->batch[rows[i].at], deltas->hash);
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
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--json") == 0) {
            json = argv[i + 1];
        } else if (i + 1 < argc && strcmp(argv[i], "--rows") == 0) {
            n = (size_t)strtoull(argv[i + 1], NULL, 10);
        } else {
            die("usage: bench_store [--json FILE] [--rows N]");
        }
    }
    static struct results r;
    struct input deltas, mix;
    log_set_level(LOG_ERROR);
    input_deltas(&deltas, n);
    input_mix(&mix, n);
    run_all(&r, &deltas, &mix);
    find_medians(&r);
    print(&r, &deltas, &mix);
    if (json != NULL) {
        write_json(json, &r, &deltas, &mix);
    }
    input_finish(&deltas);
    input_finish(&mix);
    return 0;
}
