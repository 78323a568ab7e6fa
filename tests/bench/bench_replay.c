/*
 * bench_replay.c - a loaded session into books, and through the engine with observations and the
 * 64x64 policy; loading it from a database.
 *
 * Peers, each in the same run and of the same changes: books, a dense array for each market whose
 * best is found by stepping; the engine, that array with the observation taken from the levels by
 * plain loops and the network as plain scalar loops with the C library's functions; loading, a loop
 * of sqlite3_step over the same rows, and read(2) of the whole file, which the kernel holds in
 * memory or, "from the disk", not. Medians of RUNS runs, ours and the peer's turn by turn. The
 * replay compares each decision with the recorded one, bit for bit, and ends the program when one
 * differs.
 *
 * bench_replay [--json FILE] [--changes N]
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "bench/plain_book.h"
#include "bench/plain_policy.h"
#include "bench/replay_session.h"
#include "features_slow.h"
#include "world/ask.h"
#include "world/books.h"
#include "world/load.h"
#include "world/verify.h"

#define RUNS    5
#define MARKETS 20
#define WINDOW  64 /* points of a market that the peer keeps */

static void die(const char *what)
{
    fprintf(stderr, "bench_replay: %s\n", what);
    exit(1);
}

struct result {
    const char *name, *peer;
    double ours, theirs; /* ns for each change or row */
};
static struct result results[8];
static size_t n_results;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof *v, by_value);
    return v[RUNS / 2];
}

static void report(const char *name, double *ours, const char *peer, double *theirs)
{
    results[n_results++] = (struct result){name, peer, median(ours), median(theirs)};
}

/* Time of this core that was ours: what other programs of the machine take is not in it. */
static mono_ns_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* --- books --- */

static double books_once(struct books *b, uint64_t changes)
{
    struct err err = {0};
    books_rewind(b);
    mono_ns_t began = cpu_ns();
    if (books_run(b, UINT64_MAX, &err) != ST_END) {
        die("the books end early");
    }
    double took = (double)(cpu_ns() - began);
    if (books_stats(b)->contradictions != 0 || books_stats(b)->changes != changes) {
        die("the books did not take every change");
    }
    return took / (double)changes;
}

static void plain_snapshot(struct plain *p, const struct ev_snapshot *e)
{
    plain_clear(p);
    for (uint32_t i = 0; i < e->n_yes + e->n_no; i++) {
        uint32_t side = i < e->n_yes ? SIDE_YES : SIDE_NO;
        (void)plain_apply(p, side, e->levels[i].px, e->levels[i].qty);
    }
}

static double plain_books_once(const struct session *s, struct plain *plain, uint64_t changes)
{
    struct cursor c = cursor_of(&s->events[EV_SRC_MARKET]);
    mono_ns_t began = cpu_ns();
    for (const struct ev *ev = cursor_next(&c); ev != NULL; ev = cursor_next(&c)) {
        struct plain *p = &plain[ev->mkt];
        if (ev->type == EV_DELTA) {
            const struct ev_delta *d = (const struct ev_delta *)ev;
            if (!plain_apply(p, d->side, d->px, d->qty)) {
                die("the plain books refuse a change");
            }
        } else if (ev->type == EV_SNAPSHOT) {
            plain_snapshot(p, (const struct ev_snapshot *)ev);
        } else {
            p->grid = ((const struct ev_market *)ev)->grid;
        }
    }
    return (double)(cpu_ns() - began) / (double)changes;
}

static void bench_books(const struct session *s, uint64_t changes)
{
    double ours[RUNS], theirs[RUNS];
    struct books *b = NULL;
    struct plain *plain = calloc(MARKETS, sizeof *plain);
    if (plain == NULL || books_create(s, &b) != ST_OK) {
        die("out of memory");
    }
    for (int r = -1; r < RUNS; r++) {
        double a = books_once(b, changes);
        double p = plain_books_once(s, plain, changes);
        if (r >= 0) {
            ours[r] = a;
            theirs[r] = p;
        }
    }
    for (uint32_t i = 0; i < MARKETS; i++) {
        struct books_market m;
        for (uint32_t side = 0; side < 2; side++) {
            const struct plain_side *x = &plain[i].side[side];
            px_t best = x->best < 0 ? 0 : grid_px(&plain[i].grid, x->best);
            if (!books_market(b, i, &m) || book_best(m.book, (enum side)side) != best ||
                book_total(m.book, (enum side)side) != x->total) {
                die("ours and the peer's books differ");
            }
        }
    }
    report("books", ours, "dense arrays", theirs);
    books_destroy(b);
    free(plain);
}

/* --- the engine --- */

struct again {
    struct verify verify;
    struct asker asker;
};

static void on_record(void *self, const struct rec *rec)
{
    struct again *a = self;
    verify_record(&a->verify, rec);
}

static void on_turn(void *self, const struct rec_turn *turn, bool happened)
{
    struct again *a = self;
    verify_turn(&a->verify, turn, happened);
}

static void on_asked(void *self, uint32_t mkt, const float *obs, const struct rec_decision *d)
{
    struct again *a = self;
    verify_question(&a->verify, mkt, obs, d);
    asker_add(&a->asker, obs, d);
}

static void on_answer(void *self, const struct rec_decision *d, const struct policy_out *out)
{
    struct again *a = self;
    verify_answer(&a->verify, d, out);
}

static double replay_once(const struct session *s, struct policy *policy, uint64_t changes)
{
    static struct again a;
    struct replay_config c = {.engine = bench_engine(MARKETS), .answers = ANSWERS_RECORDED};
    struct replay_sinks sinks = {&a, on_turn, on_record, on_asked};
    struct verify_config vc = {0};
    struct replay *r = NULL;
    struct err err = {0};
    if (replay_create(s, &c, &sinks, &r, &err) != ST_OK) {
        die(err.text);
    }
    verify_init(&a.verify, s, r, &vc);
    a.asker = (struct asker){.policy = policy, .self = &a, .answered = on_answer};
    mono_ns_t began = cpu_ns();
    enum status st = ST_OK;
    while (st == ST_OK) {
        st = replay_turn(r, &err);
    }
    asker_flush(&a.asker);
    double took = (double)(cpu_ns() - began);
    if (replay_status(r)->end != REPLAY_COMPLETE || a.verify.differs ||
        verify_compared(&a.verify, REC_DECISION) != s->rows[REC_DECISION - REC_BASE].records) {
        die("the replay differs from the record");
    }
    replay_destroy(r);
    return took / (double)changes;
}

/* The peer's market: its ladder, and its last points as features_slow.h wants them. */
struct plain_market {
    struct plain book;
    struct slow_point points[WINDOW];
    int n;
};

static void slow_side_of(const struct plain_side *side, struct slow_side *ret)
{
    ret->n = 0;
    for (int i = 0; i < 99; i++) {
        if (side->qty[i] > 0) {
            ret->levels[ret->n++] = (struct level){(i + 1) * PX_CENT, side->qty[i]};
        }
    }
}

static float plain_step(struct plain_market *m, const struct ev *ev, const struct plain_layer *net)
{
    static const struct feature_account account;
    float obs[FEATURE_COUNT], h1[64], h2[64], logits[5], probs[5];
    bool tie = false;
    if (m->n == WINDOW) { /* as many as momentum and history need */
        memmove(m->points, m->points + WINDOW - 14, 14 * sizeof m->points[0]);
        m->n = 14;
    }
    struct slow_point *p = &m->points[m->n++];
    p->t_ms = ev->ts_ms;
    slow_side_of(&m->book.side[0], &p->book.yb);
    slow_side_of(&m->book.side[1], &p->book.nb);
    slow_mirror(&p->book.nb, PX_ONE, &p->book.ya);
    slow_mirror(&p->book.yb, PX_ONE, &p->book.na);
    slow_observe(m->points, m->n, 1, &account, obs, &tie);
    plain_layer(&net[0], obs, h1, true);
    plain_layer(&net[1], h1, h2, true);
    plain_layer(&net[2], h2, logits, false);
    return plain_softmax(logits, probs);
}

static volatile float sink;

/* Every change of the first n. */
static double plain_engine_once(const struct session *s, struct plain_market *markets,
                                const struct plain_layer *net, uint64_t n)
{
    struct cursor c = cursor_of(&s->events[EV_SRC_MARKET]);
    uint64_t done = 0;
    mono_ns_t began = cpu_ns();
    for (const struct ev *ev = cursor_next(&c); ev != NULL && done < n; ev = cursor_next(&c)) {
        struct plain_market *m = &markets[ev->mkt];
        if (ev->type == EV_MARKET) {
            m->n = 0;
            m->book.grid = ((const struct ev_market *)ev)->grid;
            continue;
        }
        if (ev->type == EV_DELTA) {
            const struct ev_delta *d = (const struct ev_delta *)ev;
            (void)plain_apply(&m->book, d->side, d->px, d->qty);
        } else {
            plain_snapshot(&m->book, (const struct ev_snapshot *)ev);
        }
        sink = plain_step(m, ev, net);
        done++;
    }
    return (double)(cpu_ns() - began) / (double)n;
}

static void make_net(struct plain_layer net[3])
{
    static const int sizes[3][2] = {{64, FEATURE_COUNT}, {64, 64}, {5, 64}};
    struct rng rng;
    rng_init(&rng, 3);
    for (int l = 0; l < 3; l++) {
        int n = sizes[l][0] * sizes[l][1];
        net[l] = (struct plain_layer){sizes[l][1], sizes[l][0], calloc((size_t)n, sizeof(float)),
                                      calloc((size_t)sizes[l][0], sizeof(float))};
        for (int i = 0; net[l].w != NULL && i < n; i++) {
            net[l].w[i] = (float)(rng_unit(&rng) - 0.5);
        }
    }
}

static void bench_engine_replay(const struct session *s, struct policy *policy, uint64_t changes)
{
    double ours[RUNS], theirs[RUNS];
    struct plain_layer net[3];
    struct plain_market *markets = calloc(MARKETS, sizeof *markets);
    uint64_t some = changes < 20000 ? changes : 20000;
    make_net(net);
    if (markets == NULL) {
        die("out of memory");
    }
    for (int r = -1; r < RUNS; r++) {
        double a = replay_once(s, policy, changes);
        double p = plain_engine_once(s, markets, net, some);
        if (r >= 0) {
            ours[r] = a;
            theirs[r] = p;
        }
    }
    report("observations, 64x64 policy, compared", ours, "scalar loops, libm", theirs);
    for (int l = 0; l < 3; l++) {
        free(net[l].w);
        free(net[l].b);
    }
    free(markets);
}

/* --- loading --- */

/* now: cpu_ns, or the clock where the disk is waited for. */
static double load_once(const char *path, const struct session *want, uint64_t rows,
                        mono_ns_t (*now)(void))
{
    struct session s = {0};
    struct err err = {0};
    mono_ns_t began = now();
    if (session_load(path, 0, LOAD_ALL, &s, NULL, NULL, &err) != ST_OK) {
        die(err.text);
    }
    double took = (double)(now() - began);
    if (s.bytes != want->bytes) {
        die("what was loaded is not what was stored");
    }
    session_finish(&s);
    return took / (double)rows;
}

/* Every column of every row of the tables that the session fills. */
static double select_once(const char *path, uint64_t rows)
{
    static const char *const tables[] = {"market", "snapshot", "delta", "turn", "decision"};
    sqlite3 *db = NULL;
    uint64_t n = 0;
    int64_t sum = 0;
    mono_ns_t began = cpu_ns();
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        die("the peer cannot open the database");
    }
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        char sql[128];
        sqlite3_stmt *q = NULL;
        snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE session=1", tables[t]);
        if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
            die(sqlite3_errmsg(db));
        }
        int columns = sqlite3_column_count(q);
        while (sqlite3_step(q) == SQLITE_ROW) {
            n++;
            for (int i = 0; i < columns; i++) {
                int type = sqlite3_column_type(q, i);
                sum += type == SQLITE_INTEGER ? sqlite3_column_int64(q, i)
                                              : sqlite3_column_bytes(q, i);
            }
        }
        sqlite3_finalize(q);
    }
    sqlite3_close(db);
    sink = (float)sum;
    if (n != rows) {
        die("the peer sees another number of rows");
    }
    return (double)(cpu_ns() - began) / (double)rows;
}

static double read_once(const char *path, uint64_t rows, mono_ns_t (*now)(void))
{
    static char block[1 << 20];
    uint64_t sum = 0;
    mono_ns_t began = now();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t n = read(fd, block, sizeof block); n > 0; n = read(fd, block, sizeof block)) {
        sum += (uint64_t)block[0];
    }
    (void)close(fd);
    sink = (float)sum;
    return (double)(now() - began) / (double)rows;
}

/* The kernel gives back what it holds of the file: the next reader waits for the disk. */
static void make_cold(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) {
        die("the file cannot be made cold");
    }
    (void)close(fd);
}

static void bench_load(const struct session *s)
{
    double ours[RUNS], theirs[RUNS], file[RUNS], again[RUNS], cold[RUNS], disk[RUNS];
    char path[256], tail[300];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/deltaflow-bench-replay-%d.sqlite", dir != NULL ? dir : "/tmp",
             (int)getpid());
    bench_store(s, path);
    uint64_t rows = s->events[EV_SRC_MARKET].records + s->rows[REC_TURN - REC_BASE].records +
                    s->rows[REC_DECISION - REC_BASE].records;
    for (int r = -1; r < RUNS; r++) {
        double a = load_once(path, s, rows, cpu_ns);
        double p = select_once(path, rows);
        double f = read_once(path, rows, cpu_ns);
        make_cold(path);
        double c = load_once(path, s, rows, clock_mono);
        make_cold(path);
        double d = read_once(path, rows, clock_mono);
        if (r >= 0) {
            cold[r] = c;
            disk[r] = d;
            ours[r] = a;
            again[r] = a;
            theirs[r] = p;
            file[r] = f;
        }
    }
    report("loading, a row", ours, "sqlite3's own SELECT loop", theirs);
    report("loading, a row", again, "read(2) of the file", file);
    report("loading, a row, from the disk", cold, "read(2) from the disk", disk);
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(tail, sizeof tail, "%s%s", path, tails[i]);
        (void)unlink(tail);
    }
}

/* --- output --- */

static bool write_json(const char *path, const char *hash)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        perror(path);
        return false;
    }
    fprintf(f, "{\"results\":[");
    for (size_t i = 0; i < n_results; i++) {
        const struct result *x = &results[i];
        fprintf(f,
                "%s{\"name\":\"replay: %s\",\"ns\":%.2f,\"per_s\":%.0f,\"peer\":\"%s\","
                "\"peer_ns\":%.2f,\"ratio\":%.3f,\"input_hash\":\"%s\",\"runs\":%d}",
                i > 0 ? "," : "", x->name, x->ours, 1e9 / x->ours, x->peer, x->theirs,
                x->theirs / x->ours, hash, RUNS);
    }
    fprintf(f, "]}\n");
    return fclose(f) == 0;
}

static void input_hash(const struct session *s, char hash[33])
{
    struct digest d;
    digest_init(&d);
    digest_add(&d, s->events[EV_SRC_MARKET].p, s->events[EV_SRC_MARKET].n);
    digest_text(&d, hash);
}

int main(int argc, char **argv)
{
    const char *json = NULL;
    uint64_t changes = 300000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0) {
            json = argv[i + 1];
        } else if (strcmp(argv[i], "--changes") == 0) {
            changes = strtoull(argv[i + 1], NULL, 10);
        }
    }
    log_set_level(LOG_ERROR);
    struct session s = {0};
    struct policy_config pc = {.kind = "ppo", .model = DEMO_MODEL};
    struct policy *policy = NULL;
    struct err err = {0};
    char hash[33];
    if (policy_create(&pc, &policy, &err) != ST_OK) {
        die(err.text);
    }
    bench_flow(&s, MARKETS, changes, 1);
    input_hash(&s, hash);
    bench_books(&s, changes + MARKETS);
    bench_record(&s, MARKETS, policy);
    bench_engine_replay(&s, policy, changes + MARKETS);
    bench_load(&s);
    printf("replay: %" PRIu64 " changes of %d markets, %" PRIu64
           " decisions, %.0f MB in memory; medians of %d runs\n",
           changes, MARKETS, s.rows[REC_DECISION - REC_BASE].records, (double)s.bytes / 1e6, RUNS);
    for (size_t i = 0; i < n_results; i++) {
        const struct result *x = &results[i];
        printf("  %-38s %8.1f ns %7.2f M/s  %-26s %8.1f ns %6.2fx\n", x->name, x->ours,
               1e3 / x->ours, x->peer, x->theirs, x->theirs / x->ours);
    }
    policy_destroy(policy);
    session_finish(&s);
    return json == NULL || write_json(json, hash) ? 0 : 1;
}
