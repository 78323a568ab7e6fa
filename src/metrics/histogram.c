#include "metrics/metrics.h"

/*
 * Values below 2^SUB have a bucket each. Above, a value with its highest bit at 2^e falls into
 * group e - SUB + 1, and the SUB bits below the highest are its step in the group: the buckets of a
 * group are 2^(e - SUB) wide.
 */
#define SUB_COUNT (UINT64_C(1) << HIST_SUB_BITS)

static unsigned bucket_of(uint64_t v)
{
    if (v < SUB_COUNT) {
        return (unsigned)v;
    }
    unsigned e = 63U - (unsigned)__builtin_clzll(v);
    unsigned shift = e - HIST_SUB_BITS;
    return ((shift + 1) << HIST_SUB_BITS) + (unsigned)((v >> shift) - SUB_COUNT);
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(unsigned i)
{
    if (i < SUB_COUNT) {
        return i;
    }
    unsigned shift = (i >> HIST_SUB_BITS) - 1;
    uint64_t step = SUB_COUNT + (i & (SUB_COUNT - 1));
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

static uint64_t get(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_acquire);
}

/* One writer: no read-modify-write is needed. */
static void add(_Atomic uint64_t *v, uint64_t n)
{
    uint64_t old = atomic_load_explicit(v, memory_order_relaxed);
    atomic_store_explicit(v, old + n, memory_order_release);
}

void hist_record(struct histogram *h, int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    add(&h->buckets[bucket_of(v)], 1);
    add(&h->sum, v);
    if (v > atomic_load_explicit(&h->max, memory_order_relaxed)) {
        atomic_store_explicit(&h->max, v, memory_order_release);
    }
    add(&h->count, 1); /* last: who reads a count finds at least so many in the buckets */
}

int64_t hist_quantile(const struct histogram *h, double q)
{
    uint64_t count = get(&h->count);
    uint64_t max = get(&h->max);
    if (count == 0) {
        return 0;
    }
    if (!(q < 1.0)) {
        return (int64_t)max;
    }
    /* The smallest bucket with at least q of all values at or below it. */
    double exact = q > 0 ? q * (double)count : 0;
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact || rank == 0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += get(&h->buckets[i]);
        if (seen >= rank) {
            uint64_t top = bucket_top(i);
            return (int64_t)(top < max ? top : max);
        }
    }
    return (int64_t)max;
}

struct hist_summary hist_summary(const struct histogram *h)
{
    struct hist_summary s = {.count = get(&h->count)};
    if (s.count != 0) {
        s.mean = (int64_t)(get(&h->sum) / s.count);
        s.p50 = hist_quantile(h, 0.5);
        s.p90 = hist_quantile(h, 0.9);
        s.p99 = hist_quantile(h, 0.99);
        s.p999 = hist_quantile(h, 0.999);
        s.p9999 = hist_quantile(h, 0.9999);
        s.max = (int64_t)get(&h->max);
    }
    return s;
}

void hist_merge(struct histogram *into, const struct histogram *from)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        uint64_t n = get(&from->buckets[i]);
        if (n != 0) {
            add(&into->buckets[i], n);
            count += n;
        }
    }
    add(&into->sum, get(&from->sum));
    uint64_t max = get(&from->max);
    if (max > get(&into->max)) {
        atomic_store_explicit(&into->max, max, memory_order_release);
    }
    add(&into->count, count);
}
