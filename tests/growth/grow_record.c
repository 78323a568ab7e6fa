/*
 * grow_record.c - records the busiest recorded market, many times over, for hours of virtual time,
 * and looks whether memory grows: frames -> feed -> ring -> store -> SQLite, or a null back end.
 *
 * grow_record [--seconds S] [--markets N] [--null] [--keep FILE]. The window of the recording is
 * repeated for S seconds of virtual time, each frame once for each of the markets, at the
 * recording's own pace. The store works every STEP_NS and is told virtual time.
 * What is resident (/proc/self/statm) and what is allocated (malloc's own count) is read when a
 * tenth of the time is over, but not before WARM_ROWS rows (by then caches are full), and then
 * every virtual second behind a flush; at no time may it be more than RESIDENT_MAX and HEAP_MAX
 * above the first figure. At the end every row must be there, in order. Exit status: 0; 1 something
 * is wrong; 2 usage; 77 no shared data.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "feed/feed.h"
#include "growth/frames.h"
#include "growth/null_backend.h"
#include "store/layout.h"
#include "store/store.h"

#define STEP_NS    (10 * NS_PER_MS)
#define RING_BYTES ((size_t)16 << 20)
#define WARM_ROWS  400000U /* fills SQLite's page cache of 16 MiB */
/* What memory may grow by: heap by what one batch needs for its moment; what is resident by what
 * the longest burst has left in malloc's hands. */
#define RESIDENT_MAX ((int64_t)4 << 20)
#define HEAP_MAX     ((int64_t)48 << 10)

/* Bytes: when it was warm, at most since then, at the end. */
struct figure {
    int64_t warm, most, end;
};

struct growth {
    uint32_t markets;
    mono_ns_t length;
    bool null;
    const char *keep;
    char path[256];
    struct frames *frames;
    struct feed *feed;
    struct ring *ring;
    struct store *store;
    struct null_backend backend;
    mono_ns_t now, worked;        /* virtual, since the beginning */
    uint64_t pushed[LAYOUTS_MAX]; /* by store_type_index() */
    uint64_t rows, turn;
    uint32_t taken; /* events since the last turn row */
    struct figure resident, heap;
    mono_ns_t warm_at, sampled; /* warm_at 0: not yet */
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "grow_record: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
    exit(1);
}

/* --- memory --- */

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED
#include <sanitizer/allocator_interface.h>
static int64_t heap_now(void)
{
    return (int64_t)__sanitizer_get_current_allocated_bytes();
}
/* What is freed stays in quarantine for a while: what is resident says nothing. */
static int64_t resident_now(void)
{
    return heap_now();
}
#else
#include <malloc.h>
static int64_t heap_now(void)
{
    struct mallinfo2 m = mallinfo2();
    return (int64_t)(m.uordblks + m.hblkhd);
}

static int64_t resident_now(void)
{
    int64_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL || fscanf(f, "%*d %" SCNd64, &pages) != 1) {
        die("cannot read /proc/self/statm", "");
    }
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}
#endif

static void see(struct figure *f, int64_t bytes, bool warm)
{
    f->warm = warm ? bytes : f->warm;
    f->most = warm || bytes > f->most ? bytes : f->most;
    f->end = bytes;
}

static void sample(struct growth *g)
{
    bool warm = g->warm_at == 0 && g->now >= g->length / 10 && g->rows >= WARM_ROWS;
    g->warm_at = warm ? g->now : g->warm_at;
    see(&g->resident, resident_now(), warm);
    see(&g->heap, heap_now(), warm);
    g->sampled = g->now;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%" PRId64 " s of %" PRId64 " s, %" PRIu64 " rows, %.1f MiB ",
                g->now / NS_PER_SEC, g->length / NS_PER_SEC, g->rows,
                (double)g->resident.end / 1048576.0);
    }
}

/* --- into the store --- */

static void push(struct growth *g, const void *record, uint32_t size)
{
    if (ring_push(g->ring, record, size) != ST_OK) {
        die("the ring is full", "");
    }
    g->pushed[store_type_index(((const struct rec *)record)->type)]++;
    g->rows++;
}

static enum status take_event(void *self, const struct ev *ev)
{
    struct growth *g = self;
    push(g, ev, ev->size);
    g->taken++;
    return ST_OK;
}

static void take_record(void *self, const struct rec *rec)
{
    push(self, rec, rec->size);
}

static enum status send_nothing(void *self, const char *text, size_t n)
{
    (void)self;
    (void)text;
    (void)n;
    return ST_OK;
}

static void never_reconnect(void *self, const char *reason)
{
    (void)self;
    die("the feed wants to reconnect", reason);
}

static mono_ns_t virtual_mono(void *self)
{
    return ((struct growth *)self)->now;
}

static void virtual_sleep(void *self, mono_ns_t ns)
{
    ((struct growth *)self)->now += ns;
}

static wall_ns_t wall_of(const struct growth *g)
{
    return frames_first(g->frames) + g->now;
}

/* As a turn of the actor, then one of the store's thread. */
static void work(struct growth *g)
{
    struct rec_turn t = {
        .h = {.size = sizeof t, .type = REC_TURN, .mkt = MKT_NONE, .wall = wall_of(g)},
        .turn = g->turn + 1,
        .mono = g->now,
    };
    if (g->taken > 0) {
        t.taken[EV_SRC_MARKET] = g->taken;
        push(g, &t, sizeof t);
        g->turn++;
        g->taken = 0;
    }
    (void)store_work(g->store, wall_of(g), g->now);
    g->worked = g->now;
    if (g->now - g->sampled >= NS_PER_SEC) {
        store_flush(g->store, wall_of(g), g->now); /* a burst may wait: it is no growth */
        sample(g);
    }
}

/* --- the run --- */

static void open_all(struct growth *g)
{
    struct store_config config = store_config_default();
    struct feed_config feed = feed_config_default();
    struct feed_out out = {g, take_event, take_record, send_nothing, never_reconnect};
    struct err err = {0};
    config.path = g->path;
    config.threads = false;
    config.time = (struct store_time){virtual_mono, virtual_sleep, g};
    if (g->null) {
        null_backend_init(&g->backend);
        config.backend = &g->backend.b;
    }
    feed.markets_max = g->markets;
    feed.repair = false;
    if (store_open(&config, wall_of(g), &g->store, &err) != ST_OK) {
        die("cannot open the store", err.text);
    }
    if (ring_create(RING_BYTES, &g->ring) != ST_OK || feed_create(&feed, &out, &g->feed) != ST_OK) {
        die("out of memory", "");
    }
    store_add_ring(g->store, g->ring);
}

static void follow(struct growth *g)
{
    for (uint32_t i = 0; i < g->markets; i++) {
        struct ev_market m;
        memset(&m, 0, sizeof m);
        m.status = MARKET_ACTIVE;
        snprintf(m.ticker, sizeof m.ticker, "%s", frames_ticker(g->frames, i));
        if (grid_named(&m.grid, "deci_cent") != ST_OK ||
            feed_add_market(g->feed, &m, g->now, wall_of(g)) != ST_OK) {
            die("cannot follow a market", m.ticker);
        }
    }
    feed_open(g->feed, g->now, wall_of(g));
}

static void run(struct growth *g)
{
    uint64_t pass = 0;
    for (size_t i = 0;; i++) {
        if (i == frames_count(g->frames)) {
            i = 0;
            pass++;
        }
        mono_ns_t at = (mono_ns_t)pass * frames_window(g->frames) + frames_at(g->frames, i);
        if (at >= g->length) {
            break;
        }
        while (at - g->worked >= STEP_NS) {
            g->now = g->worked + STEP_NS;
            work(g);
        }
        g->now = at;
        for (uint32_t m = 0; m < g->markets; m++) {
            struct text text = frames_text(g->frames, i, m, pass);
            if (feed_frame(g->feed, text.p, text.n, g->now, wall_of(g)) != ST_OK) {
                die("a frame was not understood", text.p);
            }
        }
    }
    g->now = g->length;
    work(g);
}

/* --- what must be true at the end --- */

static uint64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW) {
        die(sql, sqlite3_errmsg(db));
    }
    uint64_t n = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return n;
}

static void rows_are_there(const struct growth *g)
{
    sqlite3 *db = NULL;
    size_t n = 0;
    const struct layout *l = layouts(&n);
    if (sqlite3_open(g->path, &db) != SQLITE_OK) {
        die("cannot open the database", sqlite3_errmsg(db));
    }
    for (size_t i = 0; i < n; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", l[i].table);
        if (number(db, sql) != g->pushed[store_type_index(l[i].type)]) {
            die("rows are missing in the table", l[i].table);
        }
    }
    sqlite3_close(db);
}

static void judge_memory(const char *what, const struct figure *f, int64_t growth_max)
{
    if (f->most - f->warm > growth_max) {
        fprintf(stderr,
                "grow_record: %s grew by %" PRId64 " KiB, from %" PRId64 " KiB (allowed %" PRId64
                " KiB)\n",
                what, (f->most - f->warm) / 1024, f->warm / 1024, growth_max / 1024);
        exit(1);
    }
}

static void judge(const struct growth *g)
{
    const struct feed_stats *f = feed_stats(g->feed);
    if (f->gaps + f->duplicates + f->malformed + f->unknown + f->not_taken > 0) {
        die("the feed was disturbed", "");
    }
    if (g->null && (g->backend.rows != g->rows || g->backend.out_of_order != 0 ||
                    g->backend.progress != g->rows || !g->backend.closed)) {
        die("rows are missing or out of order", "");
    }
    if (!g->null) {
        rows_are_there(g);
    }
    if (g->warm_at == 0) {
        die("too short to be warm", "");
    }
    judge_memory("resident memory", &g->resident, RESIDENT_MAX);
    judge_memory("what is allocated", &g->heap, HEAP_MAX);
}

static void report_memory(const char *what, const struct figure *f, mono_ns_t warm_at)
{
    printf("%s: %.3f MiB at %.0f s, at most %.3f MiB later, %.3f MiB at the end\n", what,
           (double)f->warm / 1048576.0, (double)warm_at / 1e9, (double)f->most / 1048576.0,
           (double)f->end / 1048576.0);
}

static void report(const struct growth *g, mono_ns_t took)
{
    double s = (double)took / 1e9, v = (double)g->length / 1e9;
    printf("%.0f s of %u markets into %s: %" PRIu64 " rows, %.0f a virtual second (%.1f for each "
           "market)\n",
           v, g->markets, g->null ? "nothing" : "SQLite", g->rows, (double)g->rows / v,
           (double)g->rows / v / g->markets);
    printf("took %.1f s: %.0f rows/s, %.1f times real time\n", s, (double)g->rows / s, v / s);
    report_memory("resident", &g->resident, g->warm_at);
    report_memory("allocated", &g->heap, g->warm_at);
}

static void db_remove(const struct growth *g)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3 && !g->null && g->keep == NULL; i++) {
        char file[300];
        snprintf(file, sizeof file, "%s%s", g->path, tails[i]);
        (void)unlink(file);
    }
}

static void usage(void)
{
    fprintf(stderr, "usage: grow_record [--seconds S] [--markets 1..%d] [--null] [--keep FILE]\n",
            FRAMES_MARKETS_MAX);
    exit(2);
}

static void parse(struct growth *g, int argc, char **argv)
{
    const char *dir = getenv("TMPDIR");
    g->markets = FRAMES_MARKETS_MAX;
    g->length = 1800 * NS_PER_SEC;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--null") == 0) {
            g->null = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
            g->length = strtoll(argv[++i], NULL, 10) * NS_PER_SEC;
        } else if (i + 1 < argc && strcmp(argv[i], "--markets") == 0) {
            g->markets = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--keep") == 0) {
            g->keep = argv[++i];
        } else {
            usage();
        }
    }
    if (g->length <= 0 || g->markets == 0 || g->markets > FRAMES_MARKETS_MAX) {
        usage();
    }
    snprintf(g->path, sizeof g->path, "%s/deltaflow-grow-%d.sqlite", dir != NULL ? dir : "/tmp",
             (int)getpid());
    if (g->keep != NULL) {
        snprintf(g->path, sizeof g->path, "%s", g->keep);
    }
}

int main(int argc, char **argv)
{
    static struct growth g;
    struct err err = {0};
    parse(&g, argc, argv);
    log_set_level(LOG_ERROR);
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* the kernel makes none of them resident later */
    enum status st = frames_load(&g.frames, &err);
    if (st == ST_NOT_FOUND) {
        return 77;
    }
    if (st != ST_OK) {
        die("cannot read the recording", err.text);
    }
    open_all(&g);
    follow(&g);
    mono_ns_t began = clock_mono();
    run(&g);
    uint64_t lost = store_finish(g.store, wall_of(&g));
    mono_ns_t took = clock_mono() - began;
    sample(&g);
    if (lost != 0) {
        die("the store lost rows", "");
    }
    store_close(g.store, "done", wall_of(&g));
    report(&g, took);
    judge(&g);
    db_remove(&g);
    feed_destroy(g.feed);
    ring_destroy(g.ring);
    frames_free(g.frames);
    return 0;
}
