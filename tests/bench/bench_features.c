/*
 * bench_features.c - nanoseconds for the observation, the rings and the histograms.
 *
 * The observation's peer is tests/features_slow.h: the same arithmetic as plain loops that go over
 * the levels again, with the C library's log and tanh. The ring's peer is a queue under a mutex.
 * All run in the same process, turn by turn, and the median of the runs is printed. Inputs come
 * from a fixed seed.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "bus/event.h"
#include "bus/ring.h"
#include "features_slow.h"
#include "metrics/metrics.h"

#define POINTS     256
#define RUNS       11
#define ROUNDS     20
#define RING_BYTES (1 << 16)
#define RECORDS    200000

static volatile float sink;

/* One market's stream with the book and the window after each point. */
struct stream {
    struct book *books[POINTS];
    struct feature_book summary[POINTS];
    struct slow_point slow[POINTS];
    struct feature_window window[POINTS];
    struct feature_position positions[3];
    struct feature_account account;
    char input_hash[33];
};

static struct stream stream;

/* About twelve levels a side near 45 cents, as a liquid market has. */
static uint32_t random_ladder(struct rng *rng, px_t best, struct level *ret, struct digest *d)
{
    uint32_t n = 0;
    for (px_t px = best; px > 0 && n < 12; px -= PX_CENT * (px_t)(1 + rng_below(rng, 2))) {
        ret[n++] = (struct level){px, (qty_t)(100 + rng_below(rng, 90000))};
    }
    digest_add(d, ret, n * sizeof *ret);
    return n;
}

static void add_point(struct stream *s, int i, struct rng *rng, struct digest *d)
{
    struct level yes[12], no[12];
    px_t bid = PX_CENT * (px_t)(42 + rng_below(rng, 6));
    uint32_t n_yes = random_ladder(rng, bid, yes, d);
    uint32_t n_no =
        random_ladder(rng, PX_ONE - bid - PX_CENT * (px_t)(1 + rng_below(rng, 3)), no, d);
    struct grid grid = grid_cents();
    if (book_create(&grid, &s->books[i]) != ST_OK ||
        book_snapshot(s->books[i], yes, n_yes, no, n_no) != ST_OK) {
        fprintf(stderr, "bench_features: cannot make a book\n");
        exit(1);
    }
    struct slow_point *p = &s->slow[i];
    p->t_ms = 1764900000000 + 700 * (int64_t)i;
    memcpy(p->book.yb.levels, yes, n_yes * sizeof *yes);
    memcpy(p->book.nb.levels, no, n_no * sizeof *no);
    p->book.yb.n = n_yes;
    p->book.nb.n = n_no;
    slow_mirror(&p->book.nb, PX_ONE, &p->book.ya);
    slow_mirror(&p->book.yb, PX_ONE, &p->book.na);
    feature_book_of(s->books[i], PX_ONE, &s->summary[i]);
    s->window[i] = i > 0 ? s->window[i - 1] : (struct feature_window){0};
    feature_window_add(&s->window[i], &s->summary[i], p->t_ms);
}

static void setup(struct stream *s)
{
    struct rng rng;
    struct digest d;
    rng_init(&rng, 20261123);
    digest_init(&d);
    for (int i = 0; i < POINTS; i++) {
        add_point(s, i, &rng, &d);
    }
    s->positions[0] = feature_position(1, 3000, 13500000);
    s->positions[1] = feature_position(2, -5000, 20000000);
    s->positions[2] = feature_position(3, 1200, 700000);
    s->account = (struct feature_account){
        .pv = 10000, .cash = 6580, .positions = s->positions, .n_positions = 3};
    digest_text(&d, s->input_hash);
}

static void build_all(const struct stream *s)
{
    float f[FEATURE_COUNT];
    for (int i = 0; i < POINTS; i++) {
        feature_build(&s->window[i], 1, &s->account, f);
        sink = f[8];
    }
}

/* What a change that the policy is asked about costs beside the book's own update, at worst: with
 * nothing kept from the change before, neither the largest sizes nor the prices' features. */
static void change_all(const struct stream *s)
{
    float f[FEATURE_COUNT];
    struct feature_window w = {0};
    for (int i = 0; i < POINTS; i++) {
        struct feature_book b;
        feature_book_of(s->books[i], PX_ONE, &b);
        feature_window_add(&w, &b, s->slow[i].t_ms);
        feature_build(&w, 1, &s->account, f);
        sink = f[8];
    }
}

/* A change that the policy is not asked about. */
static void point_all(const struct stream *s)
{
    struct feature_book b;
    struct feature_window w = {0};
    for (int i = 0; i < POINTS; i++) {
        feature_book_ends(s->books[i], PX_ONE, &b);
        feature_window_add(&w, &b, s->slow[i].t_ms);
        sink = (float)w.momentum;
    }
}

static void tops_all(const struct stream *s)
{
    qty_t yes[BOOK_LARGEST], no[BOOK_LARGEST];
    for (int i = 0; i < POINTS; i++) {
        book_top_sizes(s->books[i], SIDE_YES, yes, BOOK_LARGEST);
        book_top_sizes(s->books[i], SIDE_NO, no, BOOK_LARGEST);
        sink = (float)(yes[0] + no[0]);
    }
}

static void slow_all(const struct stream *s)
{
    float f[FEATURE_COUNT];
    bool tie;
    for (int i = 0; i < POINTS; i++) {
        slow_observe(s->slow, i + 1, 1, &s->account, f, &tie);
        sink = f[8];
    }
}

/* --- rings --- */

static struct ring *ring;

static struct ev_delta delta_event(void)
{
    return (struct ev_delta){.h = {.size = sizeof(struct ev_delta), .type = EV_DELTA}};
}

static void ring_round(const struct stream *s)
{
    (void)s;
    struct ev_delta ev = delta_event();
    for (int i = 0; i < POINTS; i++) {
        if (ring_push(ring, &ev, ev.h.size) != ST_OK) {
            abort();
        }
        const struct ev_delta *got = ring_peek(ring);
        sink = (float)got->px;
        ring_pop(ring);
    }
}

/* The peer: the same copies, into and out of an array under a mutex. */
static struct {
    pthread_mutex_t lock;
    struct ev_delta records[RING_BYTES / 128];
    uint64_t head, tail;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define QUEUE_RECORDS (sizeof queue.records / sizeof queue.records[0])

static bool queue_push(const struct ev_delta *ev)
{
    pthread_mutex_lock(&queue.lock);
    bool room = queue.tail - queue.head < QUEUE_RECORDS;
    if (room) {
        queue.records[queue.tail++ % QUEUE_RECORDS] = *ev;
    }
    pthread_mutex_unlock(&queue.lock);
    return room;
}

static bool queue_pop(struct ev_delta *ret)
{
    pthread_mutex_lock(&queue.lock);
    bool any = queue.head < queue.tail;
    if (any) {
        *ret = queue.records[queue.head++ % QUEUE_RECORDS];
    }
    pthread_mutex_unlock(&queue.lock);
    return any;
}

static void queue_round(const struct stream *s)
{
    (void)s;
    struct ev_delta ev = delta_event();
    for (int i = 0; i < POINTS; i++) {
        struct ev_delta got;
        if (!queue_push(&ev) || !queue_pop(&got)) {
            abort();
        }
        sink = (float)got.px;
    }
}

static void *ring_producer(void *arg)
{
    (void)arg;
    struct ev_delta ev = delta_event();
    for (int i = 0; i < RECORDS; i++) {
        ev.h.ord = (uint64_t)i;
        while (ring_push(ring, &ev, ev.h.size) != ST_OK) {
            sched_yield();
        }
    }
    return NULL;
}

static void *queue_producer(void *arg)
{
    (void)arg;
    struct ev_delta ev = delta_event();
    for (int i = 0; i < RECORDS; i++) {
        ev.h.ord = (uint64_t)i;
        while (!queue_push(&ev)) {
            sched_yield();
        }
    }
    return NULL;
}

static bool ring_take(struct ev_delta *ret)
{
    const struct ev_delta *got = ring_peek(ring);
    if (got == NULL) {
        return false;
    }
    *ret = *got;
    ring_pop(ring);
    return true;
}

/* Nanoseconds a record from one thread to another, with both always busy. */
static double two_threads(void *(*producer)(void *), bool (*take)(struct ev_delta *))
{
    pthread_t thread;
    mono_ns_t from = clock_mono();
    if (pthread_create(&thread, NULL, producer, NULL) != 0) {
        abort();
    }
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct ev_delta got;
        while (!take(&got)) {
            sched_yield();
        }
        if (got.h.ord != i) {
            abort();
        }
    }
    pthread_join(thread, NULL);
    return (double)(clock_mono() - from) / RECORDS;
}

/* --- histogram --- */

static struct histogram histogram;

static void histogram_round(const struct stream *s)
{
    for (int i = 0; i < POINTS; i++) {
        hist_record(&histogram, s->summary[i].yes_bids);
    }
}

/* --- the table --- */

enum what {
    BUILD,
    CHANGE,
    SLOW,
    POINT,
    TOPS,
    RING,
    QUEUE,
    HIST,
    ROUND_WHATS,
    RING_THREADS = ROUND_WHATS,
    QUEUE_THREADS,
    WHATS
};

static void (*const round_of[ROUND_WHATS])(const struct stream *) = {
    build_all, change_all, slow_all, point_all, tops_all, ring_round, queue_round, histogram_round};

static const struct {
    const char *name;
    enum what ours;
    const char *peer;
    enum what theirs; /* WHATS: none */
} rows[] = {
    {"52 features of a window's point", BUILD, "plain loops, libm", SLOW},
    {"a change: new point, then 52 features", CHANGE, "plain loops, libm", SLOW},
    {"  of this: the new point", POINT, NULL, WHATS},
    {"  of this: largest sizes of 24 levels", TOPS, NULL, WHATS},
    {"ring: push and pop of a delta", RING, "queue under a mutex", QUEUE},
    {"ring: a delta from thread to thread", RING_THREADS, "queue under a mutex", QUEUE_THREADS},
    {"histogram: record", HIST, NULL, WHATS},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct stream *s, double median[WHATS])
{
    static double ns[WHATS][RUNS];
    for (int run = 0; run < RUNS; run++) {
        for (int w = 0; w < ROUND_WHATS; w++) {
            mono_ns_t from = clock_mono();
            for (int i = 0; i < ROUNDS; i++) {
                round_of[w](s);
            }
            ns[w][run] = (double)(clock_mono() - from) / (ROUNDS * POINTS);
        }
        ns[RING_THREADS][run] = two_threads(ring_producer, ring_take);
        ns[QUEUE_THREADS][run] = two_threads(queue_producer, queue_pop);
    }
    for (int w = 0; w < WHATS; w++) {
        qsort(ns[w], RUNS, sizeof ns[w][0], by_value);
        median[w] = ns[w][RUNS / 2];
    }
}

/* A figure means nothing when the two compute different things. */
static bool agrees(const struct stream *s)
{
    for (int i = 0; i < POINTS; i++) {
        float got[FEATURE_COUNT], want[FEATURE_COUNT];
        bool tie;
        feature_build(&s->window[i], 1, &s->account, got);
        slow_observe(s->slow, i + 1, 1, &s->account, want, &tie);
        for (int k = 0; k < FEATURE_COUNT; k++) {
            if (!(fabsf(got[k] - want[k]) <= 1e-6F) && !(tie && (k == 27 || k == 28))) {
                fprintf(stderr, "bench_features: %s differs from the peer's\n", feature_names[k]);
                return false;
            }
        }
    }
    return true;
}

static bool write_json(const char *path, const struct stream *s, const double median[WHATS])
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        perror(path);
        return false;
    }
    fprintf(f, "{\"results\":[");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(f, "%s{\"name\":\"%s\",\"ns\":%.1f,", i > 0 ? "," : "",
                rows[i].name + strspn(rows[i].name, " "), median[rows[i].ours]);
        if (rows[i].peer != NULL) {
            fprintf(f, "\"peer\":\"%s\",\"peer_ns\":%.1f,\"ratio\":%.2f,", rows[i].peer,
                    median[rows[i].theirs], median[rows[i].theirs] / median[rows[i].ours]);
        } else {
            fprintf(f, "\"peer\":null,\"peer_ns\":null,\"ratio\":null,");
        }
        fprintf(f, "\"input_hash\":\"%s\",\"runs\":%d}", s->input_hash, RUNS);
    }
    fprintf(f, "]}\n");
    return fclose(f) == 0;
}

static void print_table(const struct stream *s, const double median[WHATS])
{
    printf("features: median of %d runs, input %s\n", RUNS, s->input_hash);
    printf("  %-40s %8s  %-20s %8s %7s\n", "", "ns", "peer", "ns", "ratio");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        printf("  %-40s %8.1f", rows[i].name, median[rows[i].ours]);
        if (rows[i].peer != NULL) {
            printf("  %-20s %8.1f %6.1fx", rows[i].peer, median[rows[i].theirs],
                   median[rows[i].theirs] / median[rows[i].ours]);
        }
        putchar('\n');
    }
    printf("  thread to thread: %.1f million records/s of %zu bytes\n", 1e3 / median[RING_THREADS],
           sizeof(struct ev_delta));
}

int main(int argc, char **argv)
{
    double median[WHATS];
    setup(&stream);
    if (ring_create(RING_BYTES, &ring) != ST_OK || !agrees(&stream)) {
        return 1;
    }
    measure(&stream, median);
    print_table(&stream, median);
    ring_destroy(ring);
    for (int i = 0; i < POINTS; i++) {
        book_destroy(stream.books[i]);
    }
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        return write_json(argv[2], &stream, median) ? 0 : 1;
    }
    return argc == 1 ? 0 : 2;
}
