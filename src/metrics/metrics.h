/*
 * metrics.h - counters and latency histograms. One writer each; any thread may read.
 *
 * A histogram is log-linear: 2^5 linear steps for each power of two of nanoseconds, so that a
 * percentile is at most 3.2 % off; constant memory, no allocation.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
    _Atomic uint64_t v; /* one writer: load, add, release-store */
};

static inline void counter_add(struct counter *c, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&c->v, memory_order_relaxed);
    atomic_store_explicit(&c->v, v + n, memory_order_release);
}
static inline uint64_t counter_get(const struct counter *c)
{
    return atomic_load_explicit(&c->v, memory_order_acquire);
}

#define HIST_SUB_BITS 5
#define HIST_BUCKETS  ((64 - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct histogram {
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t max;
    _Atomic uint64_t buckets[HIST_BUCKETS];
};

void hist_record(struct histogram *h, int64_t ns); /* negative counts as 0 */

/* Upper bound of the bucket that holds quantile q (0..1); 0 when empty. q = 1 gives max exactly. */
int64_t hist_quantile(const struct histogram *h, double q);

struct hist_summary {
    uint64_t count;
    int64_t mean, p50, p90, p99, p999, p9999, max; /* ns */
};
struct hist_summary hist_summary(const struct histogram *h);
void hist_merge(struct histogram *into, const struct histogram *from);

#endif
