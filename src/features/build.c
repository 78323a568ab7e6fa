/*
 * build.c - the 52 numbers, group by group, in the order of features.md. Doubles until the end,
 * evaluated as written there.
 */
#include "features/features.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/fmath.h"

#define MARKET_END    21
#define TEMPORAL_END  35
#define PORTFOLIO_END 47
#define LN_10001      9.210440366976517 /* ln 10001 */

const char *const feature_names[FEATURE_COUNT] = {
    "best_yes_bid_norm",
    "best_yes_ask_norm",
    "best_no_bid_norm",
    "best_no_ask_norm",
    "yes_spread_norm",
    "no_spread_norm",
    "yes_mid_price_norm",
    "no_mid_price_norm",
    "yes_volume_norm",
    "no_volume_norm",
    "total_volume_norm",
    "volume_imbalance",
    "yes_side_imbalance",
    "no_side_imbalance",
    "yes_book_depth_norm",
    "no_book_depth_norm",
    "yes_liquidity_concentration",
    "no_liquidity_concentration",
    "arbitrage_opportunity",
    "market_efficiency",
    "cross_side_efficiency",
    "time_since_last_update",
    "time_of_day_norm",
    "day_of_week_norm",
    "current_activity_score",
    "activity_change",
    "update_frequency",
    "activity_burst_indicator",
    "quiet_period_indicator",
    "activity_trend",
    "price_momentum",
    "volatility_regime",
    "activity_consistency",
    "price_stability",
    "activity_persistence",
    "cash_ratio",
    "position_ratio",
    "position_count_norm",
    "average_position_size_norm",
    "long_position_ratio",
    "short_position_ratio",
    "net_position_bias",
    "position_concentration",
    "largest_position_norm",
    "unrealized_pnl_ratio",
    "position_diversity",
    "leverage",
    "has_open_buy",
    "has_open_sell",
    "buy_distance_from_mid",
    "sell_distance_from_mid",
    "time_since_order",
};

/* --- small arithmetic --- */

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

static double clamp(double x, double low, double high)
{
    return least(most(x, low), high);
}

static double magnitude(double x)
{
    return __builtin_fabs(x);
}

/*
 * The stated order of summation: below eight values left to right; from eight on eight partial sums
 * over the full groups, combined in pairs, then the left-over values one by one. n <= 11 here, so
 * there is one full group at most.
 */
static double sum_of(const double *x, uint32_t n)
{
    uint32_t i = 1;
    double sum = x[0];
    if (n >= 8) {
        sum = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
        i = 8;
    }
    for (; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

/* Mean and population standard deviation of 1 to 11 values. */
static double mean_and_std(const double *x, uint32_t n, double *ret_std)
{
    double mean = sum_of(x, n) / (double)n;
    double squares[FEATURE_HISTORY + 1];
    for (uint32_t i = 0; i < n; i++) {
        squares[i] = (x[i] - mean) * (x[i] - mean);
    }
    *ret_std = sqrt(sum_of(squares, n) / (double)n);
    return mean;
}

/* --- market: 0 to 20 --- */

static const double no_book[MARKET_END] = {0.49, 0.51, 0.49, 0.51, 0.02, 0.02, 0.5,
                                           0.5,  0.01, 0.01, 0.01, 0,    0,    0,
                                           0.1,  0.1,  0.5,  0.5,  0,    1,    1};

static double price_norm(px_t px)
{
    return px > 0 ? (double)px / 100.0 / 100.0 : 0.5;
}

static double spread_norm(px_t bid, px_t ask)
{
    return bid > 0 && ask > 0 ? clamp((double)(ask - bid) / 100.0 / 100.0, 0.001, 0.99) : 0.1;
}

static double mid_norm(px_t bid, px_t ask)
{
    return bid > 0 && ask > 0 ? clamp((double)(bid + ask) / 100.0 / 2.0 / 100.0, 0.01, 0.99) : 0.5;
}

static double volume_norm(qty_t volume)
{
    return least(fm_log(1.0 + (double)volume / 100.0) / LN_10001, 1.0);
}

static double share(qty_t part, qty_t whole, double otherwise)
{
    return whole != 0 ? (double)part / (double)whole : otherwise;
}

/* Features 0 to 7 and 18 to 20. */
static void prices(const struct feature_book *b, struct feature_prices *p)
{
    if (p->valid && p->yes_bid == b->yes_bid && p->yes_ask == b->yes_ask &&
        p->no_bid == b->no_bid && p->no_ask == b->no_ask) {
        return;
    }
    double yes_mid = mid_norm(b->yes_bid, b->yes_ask);
    double no_mid = mid_norm(b->no_bid, b->no_ask);
    double arbitrage = magnitude(yes_mid + no_mid - 1.0);
    *p = (struct feature_prices){
        .valid = true,
        .yes_bid = b->yes_bid,
        .yes_ask = b->yes_ask,
        .no_bid = b->no_bid,
        .no_ask = b->no_ask,
        .f = {price_norm(b->yes_bid), price_norm(b->yes_ask), price_norm(b->no_bid),
              price_norm(b->no_ask), spread_norm(b->yes_bid, b->yes_ask),
              spread_norm(b->no_bid, b->no_ask), yes_mid, no_mid, arbitrage,
              most(0.0, 1.0 - arbitrage),
              most(0.0, 1.0 - 5.0 * magnitude(yes_mid - (1.0 - no_mid)))},
    };
}

static void market(const struct feature_window *w, struct feature_prices *p, double f[MARKET_END])
{
    const struct feature_book *b = &w->book;
    if (!b->any) {
        memcpy(f, no_book, sizeof no_book);
        return;
    }
    assert(b->yes_top3 >= 0); /* complete, see feature_window_complete */
    qty_t yes = b->yes_bids + b->yes_asks;
    qty_t no = b->no_bids + b->no_asks;
    prices(b, p);
    memcpy(f, p->f, 8 * sizeof *f);
    f[8] = volume_norm(yes);
    f[9] = no == yes ? f[8] : volume_norm(no); /* equal with the true mirror */
    f[10] = least(w->ln_total / LN_10001, 1.0);
    f[11] = share(yes - no, yes + no, 0.0);
    f[12] = share(b->yes_bids - b->yes_asks, yes, 0.0);
    f[13] = share(b->no_bids - b->no_asks, no, 0.0);
    f[14] = least((double)(b->n_yes_bids + b->n_yes_asks) / 20.0, 1.0);
    f[15] = least((double)(b->n_no_bids + b->n_no_asks) / 20.0, 1.0);
    f[16] = share(b->yes_top3, yes, 0.5);
    f[17] = share(b->no_top3, no, 0.5);
    memcpy(f + 18, p->f + 8, 3 * sizeof *f);
}

/* --- temporal: 21 to 34 --- */

/* The window laid out oldest first: H, then c at index n. */
struct series {
    uint32_t n; /* points in H */
    double a[FEATURE_HISTORY + 1];
    double m[FEATURE_HISTORY + 1];
    bool has_mid[FEATURE_HISTORY + 1];
    int64_t t_ms[FEATURE_HISTORY + 1];
};

static void lay_out(const struct feature_window *w, struct series *s)
{
    s->n = w->n - 1;
    uint32_t at = w->head + (FEATURE_HISTORY + 1) - s->n;
    at = at > FEATURE_HISTORY ? at - (FEATURE_HISTORY + 1) : at;
    for (uint32_t i = 0; i <= s->n; i++) {
        const struct feature_point *p = &w->points[at];
        s->a[i] = p->activity;
        s->m[i] = p->mid;
        s->has_mid[i] = p->has_mid;
        s->t_ms[i] = p->t_ms;
        at = at == FEATURE_HISTORY ? 0 : at + 1;
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void time_of_week(int64_t t_ms, double *ret_hour_norm, double *ret_day_norm)
{
    int64_t hours = floor_div(t_ms, 3600000);
    int64_t days = floor_div(hours, 24);
    int64_t hour = hours - days * 24;
    int64_t weekday = days + 3 - floor_div(days + 3, 7) * 7; /* 1970-01-01 was a Thursday */
    *ret_hour_norm = hour >= 9 && hour <= 16 ? (double)(hour - 9) / 7.0 : 0.0;
    *ret_day_norm = (double)weekday / 6.0;
}

static double update_frequency(const struct series *s)
{
    uint32_t j = s->n < 5 ? s->n : 5;
    double seconds = (double)(s->t_ms[s->n] - s->t_ms[s->n - j]) / 1000.0;
    return least((double)j / most(seconds, 1.0) / 2.0, 1.0);
}

/* Least squares against 0, 1, ..., n. */
static double activity_slope(const struct series *s, double mean)
{
    double middle = (double)s->n / 2.0;
    double products = 0.0;
    double squares = 0.0;
    for (uint32_t i = 0; i <= s->n; i++) {
        double x = (double)i - middle;
        products += x * (s->a[i] - mean);
        squares += x * x;
    }
    return products / squares;
}

/* |mid - previous mid| of points first .. last, leaving out pairs where either has none. */
static uint32_t mid_changes(const struct series *s, uint32_t first, uint32_t last, double *ret)
{
    uint32_t n = 0;
    for (uint32_t i = first; i <= last; i++) {
        if (s->has_mid[i] && s->has_mid[i - 1]) {
            ret[n++] = magnitude(s->m[i] - s->m[i - 1]);
        }
    }
    return n;
}

static double volatility(const struct series *s)
{
    double changes[5];
    uint32_t n = mid_changes(s, s->n - 4, s->n, changes);
    if (n == 0) {
        return 0.1;
    }
    double std;
    (void)mean_and_std(changes, n, &std);
    return least(std / 5.0, 1.0);
}

static double consistency(const struct series *s)
{
    double std;
    (void)mean_and_std(s->a + s->n - 5, 6, &std);
    return most(0.0, 1.0 - std / 0.3);
}

/* The current point is left out. */
static double stability(const struct series *s)
{
    double changes[3];
    uint32_t first = s->n == 3 ? 1 : s->n - 3;
    uint32_t n = mid_changes(s, first, s->n - 1, changes);
    return n == 0 ? 0.5 : most(0.0, 1.0 - sum_of(changes, n) / (double)n / 5.0);
}

static double persistence(const struct series *s)
{
    double now = s->a[s->n];
    uint32_t count = 1;
    for (uint32_t back = 1; back <= 9 && back <= s->n; back++) {
        if (!(magnitude(s->a[s->n - back] - now) <= 0.1)) {
            break;
        }
        count++;
    }
    return least((double)count / 10.0, 1.0);
}

static void temporal(const struct feature_window *w, double f[TEMPORAL_END])
{
    struct series s;
    lay_out(w, &s);
    uint32_t n = s.n;
    double now = s.a[n];
    f[21] = least(most(w->time_gap, 0.0) / 300.0, 1.0);
    time_of_week(s.t_ms[n] + w->clock_offset_ms, &f[22], &f[23]);
    f[24] = now;
    f[25] = n >= 1 ? fm_tanh(now - s.a[n - 1]) : 0.0;
    f[26] = 0.1;
    f[27] = f[28] = f[29] = 0.0;
    f[30] = w->momentum;
    f[31] = 0.1;
    f[32] = f[33] = 0.5;
    f[34] = 0.0;
    if (n >= 2) {
        double std;
        double mean = mean_and_std(s.a, n + 1, &std);
        f[26] = update_frequency(&s);
        f[27] = now > mean + 1.5 * std ? 1.0 : 0.0;
        f[28] = now < mean - 1.0 * std ? 1.0 : 0.0;
        f[29] = n >= 4 ? fm_tanh(10.0 * activity_slope(&s, mean)) : 0.0;
    }
    if (n >= 3) {
        f[33] = stability(&s);
        f[34] = persistence(&s);
    }
    if (n >= 5) {
        f[31] = volatility(&s);
        f[32] = consistency(&s);
    }
}

/* --- portfolio: 35 to 46 --- */

/* One pass over the account's entries. */
struct holdings {
    uint32_t n, n_long, n_short; /* without flat entries */
    double net, gross, value, value_largest, gain;
    double largest; /* signed, the first of the largest magnitude */
};

static struct holdings hold(const struct feature_account *a, uint32_t mkt, double mid)
{
    struct holdings h = {0};
    for (uint32_t i = 0; i < a->n_positions; i++) {
        const struct feature_position *p = &a->positions[i];
        double size = magnitude(p->position);
        if (!(size > 0)) {
            continue;
        }
        /* NO positions at the YES mid, others at 50 cents: quirk 13, kept. */
        double value = size * (p->mkt == mkt ? mid * 100.0 : 50.0);
        h.n++;
        h.n_long += p->position > 0;
        h.n_short += p->position < 0;
        h.net += p->position;
        h.gross += size;
        h.value += value;
        h.value_largest = most(h.value_largest, value);
        h.gain += value - p->cost;
        if (size > magnitude(h.largest)) {
            h.largest = p->position;
        }
    }
    return h;
}

/* Flat entries count in K, and in nothing else. */
static double diversity(const struct feature_account *a, double gross)
{
    if (!(gross > 0)) {
        return 0.0;
    }
    if (a->n_positions == 1) {
        return 1.0;
    }
    double herfindahl = 0.0;
    for (uint32_t i = 0; i < a->n_positions; i++) {
        double part = magnitude(a->positions[i].position) / gross;
        herfindahl += part * part;
    }
    double even = 1.0 / (double)a->n_positions;
    return 1.0 - (herfindahl - even) / (1.0 - even);
}

static void portfolio(const struct feature_account *a, uint32_t mkt, double mid,
                      double f[FEATURE_COUNT])
{
    memset(f + TEMPORAL_END, 0, (PORTFOLIO_END - TEMPORAL_END) * sizeof *f);
    if (!(a->pv > 0.01)) {
        f[35] = 1.0;
        return;
    }
    f[35] = clamp(a->cash / a->pv, 0.0, 1.0);
    f[36] = clamp((a->pv - a->cash) / a->pv, 0.0, 1.0);
    struct holdings h = hold(a, mkt, mid);
    if (h.n == 0) {
        return;
    }
    double n = (double)h.n;
    f[37] = least(n / 10.0, 1.0);
    f[38] = least(h.gross / n / 1000.0, 1.0);
    f[39] = (double)h.n_long / n;
    f[40] = (double)h.n_short / n;
    f[41] = fm_tanh(h.net / h.gross);
    f[42] = least(h.value_largest / a->pv, 1.0);
    f[43] = least(h.largest / 1000.0, 1.0);
    f[44] = fm_tanh(h.gain / a->pv);
    f[45] = diversity(a, h.gross);
    f[46] = least(h.value / a->pv, 2.0) / 2.0;
}

/* --- orders: 47 to 51 --- */

static double distance(px_t px, double mid)
{
    return least(magnitude(mid - (double)px / 100.0) / 100.0, 1.0);
}

void feature_orders(const struct feature_orders *o, const struct feature_book *b, int64_t now_ms,
                    double ret[5])
{
    double mid = 50.0;
    (void)feature_mid(b, &mid);
    bool any = o->has_buy || o->has_sell;
    ret[0] = o->has_buy ? 1.0 : 0.0;
    ret[1] = o->has_sell ? 1.0 : 0.0;
    ret[2] = o->has_buy ? distance(o->oldest_buy_px, mid) : 0.0;
    ret[3] = o->has_sell ? distance(o->oldest_sell_px, mid) : 0.0;
    ret[4] = any ? clamp((double)(now_ms - o->newest_ms) / 1000.0 / 300.0, 0.0, 1.0) : 0.0;
}

struct feature_position feature_position(uint32_t mkt, qty_t position, usd_t cost)
{
    return (struct feature_position){mkt, (double)position / 100.0, feature_cents(cost)};
}

double feature_cents(usd_t usd)
{
    return (double)usd / 10000.0;
}

/* --- the vector --- */

/* The rules for what is not a number or too large, after the one rounding. */
static float confine(float v)
{
    if (v != v) {
        return 0.0F;
    }
    if (isinf(v)) {
        return v > 0 ? 1.0F : -1.0F;
    }
    return v > 2.0F ? 2.0F : v < -2.0F ? -2.0F : v;
}

static void finish_range(const double *f, uint32_t from, uint32_t to, float *ret)
{
    /* As integers, sizes of floats are ordered, with infinity and NaN above all others. */
    uint32_t largest = 0;
    for (uint32_t i = from; i < to; i++) {
        ret[i] = (float)f[i];
        uint32_t size;
        memcpy(&size, &ret[i], sizeof size);
        size &= INT32_MAX;
        largest = size > largest ? size : largest;
    }
    if (largest <= 0x40000000) { /* 2.0F: nearly always */
        return;
    }
    for (uint32_t i = from; i < to; i++) {
        ret[i] = confine(ret[i]);
    }
}

static void build_market(const struct feature_window *w, struct feature_prices *p,
                         float ret[FEATURE_COUNT], double *ret_mid)
{
    assert(w->n > 0); /* there is a current point */
    double f[TEMPORAL_END];
    market(w, p, f);
    temporal(w, f);
    finish_range(f, 0, TEMPORAL_END, ret);
    *ret_mid = f[6];
}

static void build_account(const struct feature_account *a, uint32_t mkt, double mid,
                          float ret[FEATURE_COUNT])
{
    double f[FEATURE_COUNT];
    portfolio(a, mkt, mid, f);
    memcpy(f + PORTFOLIO_END, a->orders, sizeof a->orders);
    finish_range(f, TEMPORAL_END, FEATURE_COUNT, ret);
}

void feature_build(const struct feature_window *w, uint32_t mkt, const struct feature_account *a,
                   float ret[FEATURE_COUNT])
{
    double mid;
    struct feature_prices p = {0};
    build_market(w, &p, ret, &mid);
    build_account(a, mkt, mid, ret);
}

const float *feature_cached(struct feature_cache *c, const struct feature_window *w, uint32_t mkt,
                            const struct feature_account *a)
{
    bool same_window = c->valid && c->window_version == w->version;
    if (!same_window) {
        build_market(w, &c->prices, c->obs, &c->f6);
    }
    if (!same_window || c->account_version != a->version) {
        build_account(a, mkt, c->f6, c->obs);
    }
    c->window_version = w->version;
    c->account_version = a->version;
    c->valid = true;
    return c->obs;
}
