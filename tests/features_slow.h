/*
 * features_slow.h - the observation computed the obvious way: the whole stream is kept, every
 * number is taken from the levels again, with the C library's log and tanh.
 *
 * Tests compare src/features with it; the bench measures against it. Same inputs, no shared code.
 */
#ifndef TESTS_FEATURES_SLOW_H
#define TESTS_FEATURES_SLOW_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "features/features.h"

#define SLOW_LEVELS 128

/* A ladder by price in 1e-4 USD, sizes in 1e-2 contract, in no order. */
struct slow_side {
    struct level levels[SLOW_LEVELS];
    uint32_t n;
};

struct slow_book {
    struct slow_side yb, ya, nb, na;
};

struct slow_point {
    int64_t t_ms;
    struct slow_book book;
};

static inline void slow_mirror(const struct slow_side *bids, px_t mirror, struct slow_side *asks)
{
    asks->n = 0;
    for (uint32_t i = 0; i < bids->n; i++) {
        if (mirror - bids->levels[i].px > 0) {
            asks->levels[asks->n++] =
                (struct level){mirror - bids->levels[i].px, bids->levels[i].qty};
        }
    }
}

static inline double slow_volume(const struct slow_side *s)
{
    qty_t sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        sum += s->levels[i].qty;
    }
    return (double)sum / 100.0;
}

static inline double slow_max(const struct slow_side *s)
{
    px_t best = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        best = s->levels[i].px > best ? s->levels[i].px : best;
    }
    return (double)best / 100.0;
}

static inline double slow_min(const struct slow_side *s)
{
    px_t best = PX_ONE;
    for (uint32_t i = 0; i < s->n; i++) {
        best = s->levels[i].px < best ? s->levels[i].px : best;
    }
    return (double)best / 100.0;
}

static inline double slow_top3(const struct slow_side *a, const struct slow_side *b)
{
    qty_t all[2 * SLOW_LEVELS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        all[n++] = a->levels[i].qty;
    }
    for (uint32_t i = 0; i < b->n; i++) {
        all[n++] = b->levels[i].qty;
    }
    qty_t sum = 0;
    for (uint32_t k = 0; k < 3 && k < n; k++) {
        uint32_t most = k;
        for (uint32_t i = k + 1; i < n; i++) {
            most = all[i] > all[most] ? i : most;
        }
        qty_t swap = all[k];
        all[k] = all[most];
        all[most] = swap;
        sum += all[k];
    }
    return (double)sum / 100.0;
}

/* One outcome's share of the market features; where each number goes is in `at`. */
static inline void slow_outcome(const struct slow_side *bids, const struct slow_side *asks,
                                const int at[8], double *f)
{
    double v = slow_volume(bids) + slow_volume(asks);
    bool both = bids->n > 0 && asks->n > 0;
    f[at[0]] = bids->n > 0 ? slow_max(bids) / 100 : 0.5;
    f[at[1]] = asks->n > 0 ? slow_min(asks) / 100 : 0.5;
    f[at[2]] = both ? fmin(fmax((slow_min(asks) - slow_max(bids)) / 100, 0.001), 0.99) : 0.1;
    f[at[3]] = both ? fmin(fmax((slow_max(bids) + slow_min(asks)) / 2 / 100, 0.01), 0.99) : 0.5;
    f[at[4]] = fmin(log(1 + v) / log(10001), 1);
    f[at[5]] = v > 0 ? (slow_volume(bids) - slow_volume(asks)) / v : 0;
    f[at[6]] = fmin((double)(bids->n + asks->n) / 20, 1);
    f[at[7]] = v > 0 ? slow_top3(bids, asks) / v : 0.5;
}

static inline void slow_market(const struct slow_book *b, double *f)
{
    static const int yes[8] = {0, 1, 4, 6, 8, 12, 14, 16};
    static const int no[8] = {2, 3, 5, 7, 9, 13, 15, 17};
    slow_outcome(&b->yb, &b->ya, yes, f);
    slow_outcome(&b->nb, &b->na, no, f);
    double y = slow_volume(&b->yb) + slow_volume(&b->ya);
    double n = slow_volume(&b->nb) + slow_volume(&b->na);
    f[10] = fmin(log(1 + y + n) / log(10001), 1);
    f[11] = y + n > 0 ? (y - n) / (y + n) : 0;
    f[18] = fabs(f[6] + f[7] - 1);
    f[19] = fmax(0, 1 - f[18]);
    f[20] = fmax(0, 1 - 5 * fabs(f[6] - (1 - f[7])));
}

static inline double slow_activity(const struct slow_point *p)
{
    double t = slow_volume(&p->book.yb) + slow_volume(&p->book.ya) + slow_volume(&p->book.nb) +
               slow_volume(&p->book.na);
    return fmin(1, log(1 + t) / 1000);
}

static inline bool slow_mid(const struct slow_point *p, double *ret)
{
    *ret = (slow_max(&p->book.yb) + slow_min(&p->book.ya)) / 2;
    return p->book.yb.n > 0 && p->book.ya.n > 0;
}

static inline double slow_mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum / n;
}

static inline double slow_std(const double *x, int n)
{
    double m = slow_mean(x, n);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (x[i] - m) * (x[i] - m);
    }
    return sqrt(sum / n);
}

static inline double slow_momentum(const struct slow_point *points, int n)
{
    double p[3] = {0};
    int found = 0;
    for (int i = n - 1; i >= 0 && found < 3; i--) {
        if (slow_mid(&points[i], &p[2 - found])) {
            found++;
        }
    }
    double r = p[2] - p[1];
    double q = p[1] - p[0];
    return found == 3 && fabs(q) > 0.001 ? tanh((r - q) / fabs(q)) : 0;
}

/* |mid change| between neighbours of points[from .. to], where both have one. */
static inline int slow_changes(const struct slow_point *points, int from, int to, double *ret)
{
    int n = 0;
    for (int i = from + 1; i <= to; i++) {
        double a, b;
        if (slow_mid(&points[i - 1], &a) && slow_mid(&points[i], &b)) {
            ret[n++] = fabs(b - a);
        }
    }
    return n;
}

static inline double slow_slope(const double *a, int n)
{
    double middle = (double)(n - 1) / 2;
    double mean = slow_mean(a, n);
    double up = 0;
    double down = 0;
    for (int i = 0; i < n; i++) {
        up += (i - middle) * (a[i] - mean);
        down += (i - middle) * (i - middle);
    }
    return up / down;
}

/* points[0 .. n): the market's whole stream, the current point last. True in *ret_tie: the flags 27
 * and 28 hang on last bits and may differ. */
static inline void slow_temporal(const struct slow_point *points, int n, double *f, bool *ret_tie)
{
    const struct slow_point *c = &points[n - 1];
    int h = n - 1 < 10 ? n - 1 : 10;
    const struct slow_point *first = c - h;
    double a[11];
    double d[5];
    for (int i = 0; i <= h; i++) {
        a[i] = slow_activity(&first[i]);
    }
    double gap = n > 1 ? (double)(c->t_ms - points[n - 2].t_ms) / 1000 : 0;
    time_t seconds = (time_t)floor((double)c->t_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    f[21] = fmin(fmax(gap, 0) / 300, 1);
    f[22] = tm.tm_hour >= 9 && tm.tm_hour <= 16 ? (tm.tm_hour - 9) / 7.0 : 0;
    f[23] = (tm.tm_wday + 6) % 7 / 6.0;
    f[24] = a[h];
    f[25] = h >= 1 ? tanh(a[h] - a[h - 1]) : 0;
    int j = h < 5 ? h : 5;
    double span = h >= 2 ? (double)(c->t_ms - c[-j].t_ms) / 1000 : 0;
    f[26] = h >= 2 ? fmin(j / fmax(span, 1) / 2, 1) : 0.1;
    double m = slow_mean(a, h + 1);
    double s = slow_std(a, h + 1);
    f[27] = h >= 2 && a[h] > m + 1.5 * s;
    f[28] = h >= 2 && a[h] < m - s;
    *ret_tie = h >= 2 && fmin(fabs(a[h] - (m + 1.5 * s)), fabs(a[h] - (m - s))) < 1e-12;
    f[29] = h >= 4 ? tanh(10 * slow_slope(a, h + 1)) : 0;
    f[30] = slow_momentum(points, n);
    int nd = h >= 5 ? slow_changes(c - 5, 0, 5, d) : 0;
    f[31] = nd > 0 ? fmin(slow_std(d, nd) / 5, 1) : 0.1;
    f[32] = h >= 5 ? fmax(0, 1 - slow_std(a + h - 5, 6) / 0.3) : 0.5;
    int ne = h >= 3 ? slow_changes(first, h > 4 ? h - 4 : 0, h - 1, d) : 0;
    f[33] = ne > 0 ? fmax(0, 1 - slow_mean(d, ne) / 5) : 0.5;
    int streak = 1;
    for (int i = h - 1; i >= 0 && i >= h - 9 && fabs(a[i] - a[h]) <= 0.1; i--) {
        streak++;
    }
    f[34] = h >= 3 ? fmin(streak / 10.0, 1) : 0;
}

static inline void slow_portfolio(const struct feature_account *a, uint32_t mkt, double mid,
                                  double *f)
{
    memset(f + 35, 0, 12 * sizeof *f);
    if (a->pv <= 0.01) {
        f[35] = 1;
        return;
    }
    f[35] = fmin(fmax(a->cash / a->pv, 0), 1);
    f[36] = fmin(fmax((a->pv - a->cash) / a->pv, 0), 1);
    double n = 0, nlong = 0, gross = 0, net = 0, value = 0, most = 0, gain = 0, largest = 0, h = 0;
    for (uint32_t i = 0; i < a->n_positions; i++) {
        double p = a->positions[i].position;
        double v = fabs(p) * (a->positions[i].mkt == mkt ? mid * 100 : 50);
        n += p != 0;
        nlong += p > 0;
        gross += fabs(p);
        net += p;
        value += v;
        most = fmax(most, v);
        gain += p != 0 ? v - a->positions[i].cost : 0;
        largest = fabs(p) > fabs(largest) ? p : largest;
    }
    if (n == 0) {
        return;
    }
    for (uint32_t i = 0; i < a->n_positions; i++) {
        h += pow(fabs(a->positions[i].position) / gross, 2);
    }
    double k = 1.0 / a->n_positions;
    f[37] = fmin(n / 10, 1);
    f[38] = fmin(gross / n / 1000, 1);
    f[39] = nlong / n;
    f[40] = (n - nlong) / n;
    f[41] = tanh(net / gross);
    f[42] = fmin(most / a->pv, 1);
    f[43] = fmin(largest / 1000, 1);
    f[44] = tanh(gain / a->pv);
    f[45] = a->n_positions == 1 ? 1 : 1 - (h - k) / (1 - k);
    f[46] = fmin(value / a->pv, 2) / 2;
}

static inline void slow_observe(const struct slow_point *points, int n, uint32_t mkt,
                                const struct feature_account *a, float ret[FEATURE_COUNT],
                                bool *ret_tie)
{
    double f[FEATURE_COUNT];
    slow_market(&points[n - 1].book, f);
    slow_temporal(points, n, f, ret_tie);
    slow_portfolio(a, mkt, f[6], f);
    memcpy(f + 47, a->orders, sizeof a->orders);
    for (int i = 0; i < FEATURE_COUNT; i++) {
        float v = (float)f[i];
        ret[i] = fmaxf(fminf(v, 2), -2);
    }
}

#endif
