#include "sim/flow_stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/idmap.h"
#include "sim/tape.h"

#define SUB_BITS     8 /* 256 steps for each power of two: 0.4 % */
#define BUCKETS      ((64 - SUB_BITS + 1) << SUB_BITS)
#define LAG_MIN      (-2000) /* ms; recorders' clocks run ahead of the exchange's, too */
#define LAG_MAX      10000
#define WINDOWS      4
#define SAMPLES_MAX  600 /* of one silence: a minute */
#define LEVELS_START 32u

static const int64_t window_ms[WINDOWS] = {10, 100, 1000, 10000};

/* Values that are not negative, with weights, log-linear. */
struct dist {
    uint64_t n;
    uint64_t bucket[BUCKETS];
};

struct window { /* counts of messages in times of equal length */
    int64_t bin;
    uint64_t in_bin, peak;
    double squares;
};

struct pace {            /* one clock of a market */
    int64_t first, last; /* ms */
    struct window w[WINDOWS];
};

struct side_book { /* rising by price */
    struct level *lv;
    uint32_t n, cap;
    qty_t total;
};

struct followed {
    struct side_book side[2];
    struct pace recv, stamp;
    uint64_t messages;
    wall_ns_t next_sample;
    int64_t delta_stamp; /* of the delta before: ts_ms, side, whether it removed */
    enum side delta_side;
    bool delta_removed;
};

struct flow_stats {
    struct followed *m;
    uint32_t n, max;
    struct idmap by_ticker;
    struct dist gap, spread, best, total, levels, size, trade;
    uint64_t lag[LAG_MAX - LAG_MIN + 1], n_lag;
    uint64_t deltas, trades, fractional, adds, amends, yes, taker_yes, stamps, messages, samples,
        two_sided, unsound;
};

const struct flow_figure_info *flow_figure_info(enum flow_figure f)
{
    static const struct flow_figure_info info[FLOW_FIGURE_MAX] = {
#define FLOW_INFO(id, name_, unit_, decimals_, text_) {#name_, unit_, text_, decimals_},
        FLOW_FIGURES(FLOW_INFO)
#undef FLOW_INFO
    };
    return &info[f];
}

/* --- distributions --- */

static uint32_t bucket_of(uint64_t v)
{
    if (v < (1u << SUB_BITS)) {
        return (uint32_t)v;
    }
    uint32_t top = 63u - (uint32_t)__builtin_clzll(v);
    uint32_t shift = top - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (uint32_t)((v >> shift) & ((1u << SUB_BITS) - 1));
}

static double bucket_value(uint32_t b)
{
    if (b < (2u << SUB_BITS)) {
        return b;
    }
    uint32_t shift = (b >> SUB_BITS) - 1;
    uint64_t low = ((uint64_t)(b & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS)) << shift;
    return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
}

static void dist_add(struct dist *d, int64_t v, uint64_t weight)
{
    d->bucket[bucket_of(v > 0 ? (uint64_t)v : 0)] += weight;
    d->n += weight;
}

static double dist_at(const struct dist *d, double q)
{
    if (d->n == 0) {
        return NAN;
    }
    double want = q * (double)d->n;
    uint64_t before = 0;
    uint32_t b = 0;
    while (b + 1 < BUCKETS && (double)(before + d->bucket[b]) <= want) {
        before += d->bucket[b++];
    }
    while (d->bucket[b] == 0 && b > 0) {
        b--;
    }
    return bucket_value(b);
}

static double lag_at(const struct flow_stats *s, double q)
{
    uint64_t before = 0;
    int i = 0;
    while (i < LAG_MAX - LAG_MIN && (double)(before + s->lag[i]) <= q * (double)s->n_lag) {
        before += s->lag[i++];
    }
    return s->n_lag > 0 ? (double)(i + LAG_MIN) : (double)NAN;
}

/* --- pace --- */

static void window_end(struct window *w)
{
    w->squares += (double)w->in_bin * (double)w->in_bin;
    w->peak = w->in_bin > w->peak ? w->in_bin : w->peak;
    w->in_bin = 0;
}

static void pace_add(struct pace *p, int64_t ms, bool first)
{
    p->first = first ? ms : p->first;
    p->last = first || ms > p->last ? ms : p->last; /* ts_ms may step back a little */
    for (int i = 0; i < WINDOWS; i++) {
        struct window *w = &p->w[i];
        int64_t bin = (p->last - p->first) / window_ms[i];
        if (bin != w->bin) {
            window_end(w);
            w->bin = bin;
        }
        w->in_bin++;
    }
}

/* Index of dispersion over whole windows; the last one, cut short, counts too. */
static double dispersion(const struct pace *p, int i, uint64_t messages)
{
    struct window w = p->w[i];
    double bins = (double)(w.bin + 1);
    window_end(&w);
    double mean = (double)messages / bins;
    return bins < 2 ? NAN : (w.squares / bins - mean * mean) / mean;
}

static double peak(const struct pace *p, int i)
{
    struct window w = p->w[i];
    window_end(&w);
    return (double)w.peak;
}

/* --- books --- */

static uint32_t find(const struct side_book *b, px_t px)
{
    uint32_t lo = 0;
    uint32_t hi = b->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (b->lv[mid].px < px) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool grow(struct side_book *b, uint32_t n)
{
    if (n <= b->cap) {
        return true;
    }
    uint32_t cap = b->cap == 0 ? LEVELS_START : b->cap;
    while (cap < n) {
        cap *= 2;
    }
    struct level *lv = realloc(b->lv, cap * sizeof *lv);
    if (lv == NULL) {
        return false;
    }
    b->lv = lv;
    b->cap = cap;
    return true;
}

/* False: no memory. *unsound counts what would go below zero. */
static bool apply(struct side_book *b, px_t px, qty_t qty, uint64_t *unsound)
{
    uint32_t i = find(b, px);
    bool there = i < b->n && b->lv[i].px == px;
    qty_t now = (there ? b->lv[i].qty : 0) + qty;
    if (now < 0) {
        (*unsound)++;
        now = 0;
    }
    b->total += now - (there ? b->lv[i].qty : 0);
    if (now > 0 && there) {
        b->lv[i].qty = now;
    } else if (now > 0) {
        if (!grow(b, b->n + 1)) {
            return false;
        }
        memmove(&b->lv[i + 1], &b->lv[i], (b->n - i) * sizeof *b->lv);
        b->lv[i] = (struct level){.px = px, .qty = now};
        b->n++;
    } else if (there) {
        memmove(&b->lv[i], &b->lv[i + 1], (b->n - i - 1) * sizeof *b->lv);
        b->n--;
    }
    return true;
}

static bool replace(struct side_book *b, const struct level *lv, uint32_t n)
{
    uint64_t unsound = 0;
    b->n = 0;
    b->total = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!apply(b, lv[i].px, lv[i].qty, &unsound)) {
            return false;
        }
    }
    return true;
}

static void sample(struct flow_stats *s, const struct followed *f, uint64_t weight)
{
    bool both = f->side[0].n > 0 && f->side[1].n > 0;
    s->samples += weight;
    s->two_sided += both ? weight : 0;
    if (both) {
        px_t bid = f->side[0].lv[f->side[0].n - 1].px;
        px_t no = f->side[1].lv[f->side[1].n - 1].px;
        dist_add(&s->spread, PX_ONE - bid - no, weight);
    }
    for (int i = 0; i < 2; i++) {
        const struct side_book *b = &f->side[i];
        if (b->n > 0) {
            dist_add(&s->best, b->lv[b->n - 1].qty, weight);
            dist_add(&s->total, b->total, weight);
            dist_add(&s->levels, b->n, weight);
        }
    }
}

/* The book stood as it is since the last look. */
static void samples_until(struct flow_stats *s, struct followed *f, wall_ns_t recv)
{
    if (f->messages == 0) {
        f->next_sample = recv + FLOW_SAMPLE_NS;
        return;
    }
    if (recv < f->next_sample) {
        return;
    }
    int64_t n = (recv - f->next_sample) / FLOW_SAMPLE_NS + 1;
    f->next_sample += n * FLOW_SAMPLE_NS;
    sample(s, f, (uint64_t)(n < SAMPLES_MAX ? n : SAMPLES_MAX));
}

/* --- messages --- */

static enum status follow(struct flow_stats *s, struct text ticker, struct followed **ret)
{
    uint32_t i = idmap_get(&s->by_ticker, ticker);
    if (i == IDMAP_NONE) {
        if (s->n == s->max) {
            return ST_LIMIT;
        }
        struct followed *m = realloc(s->m, (s->n + 1) * sizeof *m);
        if (m == NULL) {
            return ST_NOMEM;
        }
        s->m = m;
        enum status st = idmap_put(&s->by_ticker, ticker, s->n);
        if (st != ST_OK) {
            return st;
        }
        i = s->n++;
        m[i] = (struct followed){0};
    }
    *ret = &s->m[i];
    return ST_OK;
}

static bool take_delta(struct flow_stats *s, struct followed *f, const struct wire_msg *m)
{
    const struct wire_delta *d = &m->u.delta;
    qty_t size = d->qty < 0 ? -d->qty : d->qty;
    s->deltas++;
    s->fractional += size % QTY_ONE != 0;
    s->adds += d->qty > 0;
    s->yes += d->side == SIDE_YES;
    s->amends += d->qty > 0 && f->delta_removed && f->delta_stamp == m->ts_ms &&
                 f->delta_side == d->side && m->ts_ms != 0;
    f->delta_removed = d->qty < 0;
    f->delta_stamp = m->ts_ms;
    f->delta_side = d->side;
    dist_add(&s->size, size, 1);
    return apply(&f->side[d->side == SIDE_YES ? 0 : 1], d->px, d->qty, &s->unsound);
}

static void take_trade(struct flow_stats *s, const struct wire_trade *t)
{
    s->trades++;
    s->taker_yes += t->taker == SIDE_YES;
    dist_add(&s->trade, t->qty, 1);
}

static void take_time(struct flow_stats *s, struct followed *f, int64_t recv_ms, int64_t stamp_ms)
{
    if (f->messages > 0) {
        dist_add(&s->gap, recv_ms - f->recv.last, 1);
    }
    s->stamps += f->messages == 0 || stamp_ms != f->stamp.last;
    pace_add(&f->recv, recv_ms, f->messages == 0);
    pace_add(&f->stamp, stamp_ms, f->messages == 0);
    f->messages++;
    s->messages++;
}

enum status flow_stats_take(struct flow_stats *s, const struct wire_msg *m, wall_ns_t recv)
{
    struct text ticker = tape_ticker(m);
    struct followed *f = NULL;
    if (ticker.n == 0) {
        return ST_OK;
    }
    enum status st = follow(s, ticker, &f);
    if (st != ST_OK) {
        return st;
    }
    if (recv != 0 && m->ts_ms != 0) {
        int64_t lag = recv / NS_PER_MS - m->ts_ms;
        lag = lag < LAG_MIN ? LAG_MIN : lag > LAG_MAX ? LAG_MAX : lag;
        s->lag[lag - LAG_MIN]++;
        s->n_lag++;
    }
    recv = recv != 0 ? recv : m->ts_ms * NS_PER_MS;
    recv = recv != 0 ? recv : f->recv.last * NS_PER_MS; /* neither: that of the message before */
    samples_until(s, f, recv);
    int64_t recv_ms = recv / NS_PER_MS;
    int64_t stamp_ms = m->ts_ms != 0 ? m->ts_ms : f->messages > 0 ? f->stamp.last : recv_ms;
    take_time(s, f, recv_ms, stamp_ms);
    bool ok = true;
    if (m->type == WIRE_DELTA) {
        ok = take_delta(s, f, m);
    } else if (m->type == WIRE_TRADE) {
        take_trade(s, &m->u.trade);
    } else {
        const struct wire_snapshot *b = &m->u.snapshot;
        ok = replace(&f->side[0], b->yes, b->n_yes) && replace(&f->side[1], b->no, b->n_no);
    }
    return ok ? ST_OK : ST_NOMEM;
}

/* --- figures --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Of the values that are numbers; sorts them. */
static double median(double *v, uint32_t n)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isnan(v[i])) {
            v[k++] = v[i];
        }
    }
    qsort(v, k, sizeof *v, by_value);
    return k == 0 ? NAN : k % 2 == 1 ? v[k / 2] : (v[k / 2 - 1] + v[k / 2]) / 2;
}

static double seconds_of(const struct followed *f)
{
    return (double)(f->recv.last - f->recv.first) / 1e3;
}

static double most(const double *v, uint32_t n)
{
    double x = NAN;
    for (uint32_t i = 0; i < n; i++) {
        x = isnan(x) || v[i] > x ? v[i] : x;
    }
    return x;
}

static void paces(const struct flow_stats *s, double *v, struct flow_figures *r)
{
    double seconds = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        seconds += seconds_of(&s->m[i]);
        double own = seconds_of(&s->m[i]);
        v[i] = own > 0 ? (double)s->m[i].messages / own : NAN;
    }
    r->v[FLOW_SECONDS] = s->n > 0 ? seconds / s->n : NAN;
    r->v[FLOW_RATE_MEAN] = seconds > 0 ? (double)s->messages / seconds : NAN;
    r->v[FLOW_RATE_MAX] = most(v, s->n);
    r->v[FLOW_RATE_MEDIAN] = median(v, s->n);
    static const struct {
        int window;
        enum flow_figure most, middle;
    } peaks[] = {{2, FLOW_PEAK_1S, FLOW_PEAK_1S_MEDIAN},
                 {0, FLOW_PEAK_10MS, FLOW_PEAK_10MS_MEDIAN}};
    for (size_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < s->n; i++) {
            v[i] = peak(&s->m[i].recv, peaks[k].window);
        }
        r->v[peaks[k].most] = most(v, s->n);
        r->v[peaks[k].middle] = median(v, s->n);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        v[i] = peak(&s->m[i].stamp, 0);
    }
    r->v[FLOW_PEAK_10MS_STAMP] = median(v, s->n);
    for (int w = 0; w < WINDOWS; w++) {
        for (uint32_t i = 0; i < s->n; i++) {
            v[i] = dispersion(&s->m[i].recv, w, s->m[i].messages);
        }
        r->v[FLOW_IDC_10MS + w] = median(v, s->n);
        for (uint32_t i = 0; i < s->n; i++) {
            v[i] = dispersion(&s->m[i].stamp, w, s->m[i].messages);
        }
        r->v[FLOW_IDC_STAMP_10MS + w] = median(v, s->n);
    }
}

static double share(uint64_t a, uint64_t of)
{
    return of > 0 ? (double)a / (double)of : NAN;
}

static void quantiles(const struct flow_stats *s, struct flow_figures *r)
{
    const struct {
        enum flow_figure f;
        const struct dist *d;
        double q, unit;
    } rows[] = {
        {FLOW_GAP_P50, &s->gap, .5, 1},
        {FLOW_GAP_P75, &s->gap, .75, 1},
        {FLOW_GAP_P90, &s->gap, .9, 1},
        {FLOW_GAP_P99, &s->gap, .99, 1},
        {FLOW_GAP_P999, &s->gap, .999, 1},
        {FLOW_SPREAD_P25, &s->spread, .25, PX_ONE},
        {FLOW_SPREAD_P50, &s->spread, .5, PX_ONE},
        {FLOW_SPREAD_P75, &s->spread, .75, PX_ONE},
        {FLOW_SPREAD_P95, &s->spread, .95, PX_ONE},
        {FLOW_BEST_P25, &s->best, .25, QTY_ONE},
        {FLOW_BEST_P50, &s->best, .5, QTY_ONE},
        {FLOW_BEST_P75, &s->best, .75, QTY_ONE},
        {FLOW_BEST_P95, &s->best, .95, QTY_ONE},
        {FLOW_TOTAL_P25, &s->total, .25, QTY_ONE},
        {FLOW_TOTAL_P50, &s->total, .5, QTY_ONE},
        {FLOW_TOTAL_P75, &s->total, .75, QTY_ONE},
        {FLOW_LEVELS_P5, &s->levels, .05, 1},
        {FLOW_LEVELS_P25, &s->levels, .25, 1},
        {FLOW_LEVELS_P50, &s->levels, .5, 1},
        {FLOW_LEVELS_P75, &s->levels, .75, 1},
        {FLOW_LEVELS_P95, &s->levels, .95, 1},
        {FLOW_SIZE_P25, &s->size, .25, QTY_ONE},
        {FLOW_SIZE_P50, &s->size, .5, QTY_ONE},
        {FLOW_SIZE_P75, &s->size, .75, QTY_ONE},
        {FLOW_SIZE_P95, &s->size, .95, QTY_ONE},
        {FLOW_SIZE_P99, &s->size, .99, QTY_ONE},
        {FLOW_TRADE_P25, &s->trade, .25, QTY_ONE},
        {FLOW_TRADE_P50, &s->trade, .5, QTY_ONE},
        {FLOW_TRADE_P75, &s->trade, .75, QTY_ONE},
        {FLOW_TRADE_P95, &s->trade, .95, QTY_ONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        r->v[rows[i].f] = dist_at(rows[i].d, rows[i].q) / rows[i].unit;
    }
}

enum status flow_stats_figures(struct flow_stats *s, struct flow_figures *ret)
{
    double *v = malloc((s->n + 1) * sizeof *v);
    if (v == NULL) {
        return ST_NOMEM;
    }
    for (int i = 0; i < FLOW_FIGURE_MAX; i++) {
        ret->v[i] = NAN;
    }
    ret->unsound = s->unsound;
    ret->v[FLOW_MARKETS] = s->n;
    ret->v[FLOW_MESSAGES] = (double)s->messages;
    paces(s, v, ret);
    quantiles(s, ret);
    ret->v[FLOW_FRACTIONAL] = share(s->fractional, s->deltas);
    ret->v[FLOW_TRADES] = share(s->trades, s->deltas + s->trades);
    ret->v[FLOW_ADDS] = share(s->adds, s->deltas);
    ret->v[FLOW_AMENDS] = share(s->amends, s->deltas);
    ret->v[FLOW_YES] = share(s->yes, s->deltas);
    ret->v[FLOW_TAKER_YES] = share(s->taker_yes, s->trades);
    ret->v[FLOW_PER_STAMP] = share(s->messages, s->stamps);
    ret->v[FLOW_TWO_SIDED] = share(s->two_sided, s->samples);
    ret->v[FLOW_LAG_P25] = lag_at(s, .25);
    ret->v[FLOW_LAG_P50] = lag_at(s, .5);
    ret->v[FLOW_LAG_P75] = lag_at(s, .75);
    ret->v[FLOW_LAG_P95] = lag_at(s, .95);
    free(v);
    return ST_OK;
}

enum status flow_stats_create(uint32_t max_markets, struct flow_stats **ret)
{
    struct flow_stats *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return ST_NOMEM;
    }
    s->max = max_markets;
    enum status st = idmap_init(&s->by_ticker, max_markets);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    *ret = s;
    return ST_OK;
}

void flow_stats_destroy(struct flow_stats *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->m[i].side[0].lv);
        free(s->m[i].side[1].lv);
    }
    idmap_finish(&s->by_ticker);
    free(s->m);
    free(s);
}
