/*
 * bench_store_pg.c - rows a second from a ring through the store into PostgreSQL, against
 * `psql \copy` of the same rows as CSV and in the binary format.
 *
 * bench_store_pg [--json FILE] [--rows N]. Run in the top folder. The server is started here, with
 * Debian's settings (fsync and synchronous_commit on), on a unix socket, its data under /tmp. Each
 * run writes into the same empty table, behind a CHECKPOINT; medians of RUNS rounds, peers and ours
 * in turn. A thread of its own pushes our rows as fast as the ring has room; our transactions are
 * as the store makes them. psql's time is its own \timing, without its start. CPU time stands
 * beside it, for machines that are shared: of the writer (psql, or this program) and of all the
 * server's processes. Exit status 77: no PostgreSQL.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "pg_server.h"
#include "store/layout.h"
#include "store/pg_copy.h"
#include "store/store.h"

#define RUNS 9

struct took {
    int64_t wall_ns, client_ns, server_ns;
};

static bool serving;
static uint64_t transactions; /* of the last run */

static void die(const char *what)
{
    fprintf(stderr, "bench_store_pg: %s\n", what);
    if (serving) {
        pg_server_stop();
    }
    exit(1);
}

/* The rows of bench_store. */
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

static void sql(const char *url, const char *text)
{
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, text);
    ExecStatusType st = PQresultStatus(r);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
        die(PQerrorMessage(c));
    }
    PQclear(r);
    PQfinish(c);
}

static int64_t count_rows(const char *url)
{
    PGconn *c = PQconnectdb(url);
    PGresult *r = PQexec(c, "SELECT count(*) FROM delta");
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        die(PQerrorMessage(c));
    }
    int64_t n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    PQfinish(c);
    return n;
}

static void make_empty(const char *url)
{
    sql(url, "TRUNCATE delta");
    sql(url, "CHECKPOINT");
}

/* --- CPU time --- */

static int64_t ticks_ns(unsigned long long ticks)
{
    return (int64_t)ticks * (1000000000 / sysconf(_SC_CLK_TCK));
}

/* Of the server's main process with all its children, those that ended too. */
static int64_t server_cpu(void)
{
    char command[200];
    unsigned long long sum = 0;
    long pid = pg_server_pid();
    snprintf(command, sizeof command,
             "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/([^)]*)/x/' | awk '$1 == %ld {n += $14 + "
             "$15 + $16 + $17} $4 == %ld {n += $14 + $15} END {print n}'",
             pid, pid);
    FILE *f = popen(command, "r");
    if (f == NULL || fscanf(f, "%llu", &sum) != 1 || pclose(f) != 0) {
        die("cannot read the server's CPU time");
    }
    return ticks_ns(sum);
}

static int64_t cpu_of(int who)
{
    struct rusage u;
    (void)getrusage(who, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_SEC +
           ((int64_t)u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* --- ours --- */

static struct store *open_store(const char *url, struct ring **ring)
{
    struct store_config config = store_config_default();
    struct store *s = NULL;
    struct err err;
    config.path = url;
    if (store_open(&config, 1, &s, &err) != ST_OK) {
        die(err.text);
    }
    if (ring_create((size_t)16 << 20, ring) != ST_OK) {
        die("no ring");
    }
    store_add_ring(s, *ring);
    return s;
}

struct producer {
    struct ring *ring;
    const struct ev_delta *v;
    size_t n;
};

/* As fast as the ring has room, as the thread that receives would. */
static void *produce(void *self)
{
    const struct producer *p = self;
    size_t most = ring_capacity(p->ring) / 2;
    for (size_t i = 0; i < p->n;) {
        if (ring_used(p->ring) > most) {
            usleep(200);
            continue;
        }
        for (size_t k = 0; k < 1000 && i < p->n; k++, i++) {
            if (ring_push(p->ring, &p->v[i], sizeof p->v[i]) != ST_OK) {
                die("ring full");
            }
        }
    }
    return NULL;
}

/* From the first push to the last row's COMMIT. */
static struct took run_ours(const struct ev_delta *v, size_t n, const char *url)
{
    pthread_t thread;
    struct producer p = {.v = v, .n = n};
    struct store *s = open_store(url, &p.ring);
    const struct store_stats *stats = store_stats(s);
    int64_t server = server_cpu(), client = cpu_of(RUSAGE_SELF);
    mono_ns_t began = clock_mono();
    if (pthread_create(&thread, NULL, produce, &p) != 0) {
        die("no thread");
    }
    while (stats->rows < n) {
        if (store_work(s, 1, clock_mono()) == 0) {
            usleep(200);
        }
        if (stats->failures > 0 || stats->lost > 0) {
            die("rows are missing");
        }
    }
    struct took took = {.wall_ns = clock_mono() - began};
    took.client_ns = cpu_of(RUSAGE_SELF) - client;
    took.server_ns = server_cpu() - server;
    transactions = stats->batches;
    (void)pthread_join(thread, NULL);
    store_close(s, "done", 2);
    ring_destroy(p.ring);
    return took;
}

/* --- the peers --- */

static void write_csv(const struct ev_delta *v, size_t n, const char *file)
{
    FILE *f = fopen(file, "w");
    for (size_t i = 0; f != NULL && i < n; i++) {
        const struct ev_delta *d = &v[i];
        fprintf(f, "1,%u,%lld,%u,%u,%lld,%lld,%lld,%lld,%lld,%u,%lld,%lld,%u\n", d->h.source,
                (long long)d->h.ord, d->h.mkt, d->h.conn, (long long)d->h.sid, (long long)d->h.seq,
                (long long)d->h.ts_ms, (long long)d->h.recv_wall, (long long)d->h.recv_mono,
                d->side, (long long)d->px, (long long)d->qty, d->flags);
    }
    if (f == NULL || fclose(f) != 0) {
        die("cannot write the CSV file");
    }
}

static void write_binary(const struct ev_delta *v, size_t n, const char *file)
{
    FILE *f = fopen(file, "w");
    struct buf b;
    struct pg_encoder e;
    buf_init(&b, (size_t)1 << 30);
    pg_encoder_init(&e);
    pg_copy_header(&b);
    for (size_t i = 0; i < n; i++) {
        if (pg_copy_row(&e, layout_of(EV_DELTA), 1, &v[i], &b) != ST_OK) {
            die("out of memory");
        }
    }
    pg_copy_trailer(&b);
    if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0) {
        die("cannot write the binary file");
    }
    buf_finish(&b);
    pg_encoder_finish(&e);
}

/* What psql says under \timing. */
static struct took run_psql(const char *url, const char *file, const char *format)
{
    char command[1200], line[200];
    double ms = -1;
    snprintf(command, sizeof command,
             "psql -X -q '%s' -c '\\timing on' -c \"\\\\copy delta (session, source, ord, mkt, "
             "conn, sid, seq, ts_ms, recv_wall, recv_mono, side, px, qty, flags) from '%s' with "
             "(format %s)\"",
             url, file, format);
    int64_t server = server_cpu(), client = cpu_of(RUSAGE_CHILDREN);
    FILE *f = popen(command, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        (void)sscanf(line, "Time: %lf ms", &ms);
    }
    if (f == NULL || pclose(f) != 0 || ms < 0) {
        die("psql fails");
    }
    struct took took = {.wall_ns = (int64_t)(ms * 1e6),
                        .client_ns = cpu_of(RUSAGE_CHILDREN) - client};
    took.server_ns = server_cpu() - server;
    return took;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double per_row(const struct took v[RUNS], size_t n, size_t offset)
{
    int64_t sorted[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        memcpy(&sorted[i], (const char *)&v[i] + offset, sizeof sorted[i]);
    }
    qsort(sorted, RUNS, sizeof *sorted, compare);
    return (double)sorted[RUNS / 2] / (double)n;
}

struct way {
    const char *text, *name;
    struct took runs[RUNS];
    double wall, client, server; /* medians, ns a row */
};

static void take_medians(struct way *w, size_t n)
{
    w->wall = per_row(w->runs, n, offsetof(struct took, wall_ns));
    w->client = per_row(w->runs, n, offsetof(struct took, client_ns));
    w->server = per_row(w->runs, n, offsetof(struct took, server_ns));
}

enum { CSV, BINARY, OURS, WAYS };

static void write_json(const char *file, const struct way *w, const char *hash)
{
    FILE *f = fopen(file, "w");
    if (f == NULL) {
        die("cannot write the JSON file");
    }
    fprintf(f, "{\"results\":[");
    for (int i = 0; i < OURS; i++) {
        fprintf(
            f,
            "%s{\"name\":\"store_pg_row_%s\",\"ns\":%.1f,\"cpu_ns\":%.1f,\"server_cpu_ns\":%.1f,"
            "\"peer\":\"%s\",\"peer_ns\":%.1f,\"peer_cpu_ns\":%.1f,\"peer_server_cpu_ns\":%.1f,"
            "\"ratio\":%.3f,\"input_hash\":\"%s\",\"runs\":%d}",
            i > 0 ? "," : "", w[i].name, w[OURS].wall, w[OURS].client, w[OURS].server, w[i].text,
            w[i].wall, w[i].client, w[i].server, w[i].wall / w[OURS].wall, hash, RUNS);
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
            die("usage: bench_store_pg [--json FILE] [--rows N]");
        }
    }
    char hash[33], url[256], csv_file[128], binary_file[128];
    static struct way w[WAYS] = {{.text = "psql copy, csv", .name = "csv"},
                                 {.text = "psql copy, binary", .name = "binary"},
                                 {.text = "ring, store_work", .name = "ours"}};
    log_set_level(LOG_ERROR);
    if (!pg_server_start("")) {
        return 77;
    }
    serving = true;
    pg_server_url(url, sizeof url);
    struct ring *ring = NULL;
    store_close(open_store(url, &ring), "done", 2); /* makes the tables */
    ring_destroy(ring);
    struct ev_delta *v = make_deltas(n, hash);
    snprintf(csv_file, sizeof csv_file, "%s/rows.csv", pg_server_folder());
    snprintf(binary_file, sizeof binary_file, "%s/rows.bin", pg_server_folder());
    write_csv(v, n, csv_file);
    write_binary(v, n, binary_file);
    for (int i = 0; i < RUNS; i++) {
        for (int k = 0; k < WAYS; k++) {
            int way = (i + k) % WAYS; /* each is the first of a round in its turn */
            make_empty(url);
            w[way].runs[i] = way == OURS     ? run_ours(v, n, url)
                             : way == BINARY ? run_psql(url, binary_file, "binary")
                                             : run_psql(url, csv_file, "csv");
            if (count_rows(url) != (int64_t)n) {
                die("rows are missing");
            }
        }
    }
    printf("%-40s %8s %10s %12s %12s %6s\n", "deltas into PostgreSQL", "ns/row", "rows/s",
           "writer's CPU", "server's CPU", "ratio");
    for (int i = 0; i < WAYS; i++) {
        take_medians(&w[i], n);
        printf("%-40s %8.0f %10.0f %12.0f %12.0f %6.2f\n", w[i].text, w[i].wall, 1e9 / w[i].wall,
               w[i].client, w[i].server, w[CSV].wall / w[i].wall);
    }
    printf("input %s, %zu rows, median of %d runs; our last in %" PRIu64
           " transactions; fsync and synchronous_commit on\n",
           hash, n, RUNS, transactions);
    if (json != NULL) {
        write_json(json, w, hash);
    }
    free(v);
    pg_server_stop();
    return 0;
}
