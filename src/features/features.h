/*
 * features.h - books and points to the 52 numbers the policy reads (features.md is the definition).
 *
 * This is the only door between integers and floating point. Live, replay, backtest and training
 * call these functions with the same history rule: every accepted snapshot or delta is a point,
 * whether or not the policy is asked. Double arithmetic in the written order, with base/fmath.h;
 * one rounding to float at the end. No allocation, no clock.
 */
#ifndef FEATURES_FEATURES_H
#define FEATURES_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "book/book.h"

#define FEATURE_COUNT   52
#define FEATURE_HISTORY 10 /* points before the current one */

extern const char *const feature_names[FEATURE_COUNT];

/* What the market features need of a book; sizes in 1e-2 contract, prices in 1e-4 USD, 0 where a
 * side is empty. */
struct feature_book {
    bool any; /* false: no snapshot yet (the fixed vector of features.md section 3) */
    px_t yes_bid, yes_ask, no_bid, no_ask;
    qty_t yes_bids, yes_asks, no_bids, no_asks; /* V(YB), V(YA), V(NB), V(NA) */
    uint32_t n_yes_bids, n_yes_asks, n_no_bids, n_no_asks;
    qty_t yes_top3,
        no_top3; /* sum of the three largest sizes of YB and YA together, of NB and NA together */
};

/* mirror: 10000 (asks are 1 - bid), or 9900 for models trained on the prototype's data (quirk 1
 * option). */
void feature_book_of(const struct book *book, px_t mirror, struct feature_book *ret);

/* The same without the two sums of largest sizes, which take a walk over all levels and are needed
 * only when the policy is asked: they are -1 until feature_window_complete. */
void feature_book_ends(const struct book *book, px_t mirror, struct feature_book *ret);

/* The same from levels, for books that come as four ladders with asks of their own (golden files).
 * Each may be in any order; prices 1..PX_ONE - 1 and sizes > 0. */
struct feature_levels {
    const struct level *yes_bids, *yes_asks, *no_bids, *no_asks;
    uint32_t n_yes_bids, n_yes_asks, n_no_bids, n_no_asks;
};
void feature_book_of_levels(const struct feature_levels *levels, struct feature_book *ret);

/* One point of a market's stream: with its three derived numbers. */
struct feature_point {
    int64_t t_ms;
    double activity;
    double mid; /* YES mid in cents; valid when has_mid */
    bool has_mid;
};

/* The last mids of a market's stream and the momentum that follows from them. Zeroed is empty. */
struct feature_mids {
    double last[3]; /* newest last; the first `n` from the right are set */
    uint32_t n;
    bool moved;      /* there are three, and the older change is more than 0.001 cents */
    double momentum; /* 0 unless moved */
};

/* A market's window: the current point and up to FEATURE_HISTORY before it. Plain data; zeroed is
 * empty. */
struct feature_window {
    struct feature_point points[FEATURE_HISTORY + 1]; /* ring */
    uint32_t head;                                    /* index of the current point */
    uint32_t n;                                       /* points held, current included */
    double time_gap, momentum;                        /* of the current point */
    struct feature_mids mids;
    double ln_total;         /* ln(1 + total volume) of the current point's book */
    uint64_t version;        /* rises with every point */
    int64_t clock_offset_ms; /* added to a point's time for features 22 and 23 (quirk 11); 0: UTC */
    struct feature_book book; /* after the current point */
};

/*
 * A change was accepted: the book is as in b, at t_ms (already max(previous point, exchange's
 * ts_ms, or receive time)). Computes the point's derived numbers per market.
 */
void feature_window_add(struct feature_window *w, const struct feature_book *b, int64_t t_ms);

/* The same with derived numbers given from outside (the session-wide option of quirk 10, and the
 * golden file). */
void feature_window_add_derived(struct feature_window *w, const struct feature_book *b,
                                int64_t t_ms, double time_gap, double activity, double momentum);

/* Before feature_build or feature_cached, when points came through feature_book_ends: fill in the
 * sums from the book, which still is as it was at the current point (and keeps its largest). */
void feature_window_complete(struct feature_window *w, struct book *book, px_t mirror);

/*
 * The session-wide numbers of quirk 10: all markets that changed in one millisecond are one point,
 * and gap, activity and momentum are the session's. For each point: begin, add each of its markets,
 * end; then feature_window_add_derived for each of them with the results below.
 */
struct feature_session {
    struct feature_mids *markets; /* the caller's, zeroed, one for each market of the session */
    uint32_t n_markets;
    bool any;                            /* there was a point before */
    int64_t t_ms;                        /* of the current point */
    qty_t volume;                        /* of the current point's markets */
    uint32_t in_point;                   /* number of them */
    double time_gap, activity, momentum; /* results, set by feature_session_end */
};
void feature_session_begin(struct feature_session *s, int64_t t_ms);
void feature_session_add(struct feature_session *s, uint32_t mkt, const struct feature_book *b);
void feature_session_end(struct feature_session *s);

/* YES mid of a book in cents; false when a side is empty. */
bool feature_mid(const struct feature_book *b, double *ret_mid);

/* One position of the account. Contracts and cents are doubles here; feature_position() makes them
 * of integers. */
struct feature_position {
    uint32_t mkt;
    double position; /* contracts, YES positive */
    double cost;     /* cents */
};

struct feature_account {
    double pv, cash; /* cents */
    const struct feature_position *positions;
    uint32_t n_positions; /* in a stated order; pass non-flat entries only (quirk 18) */
    double orders[5];     /* features 47..51, see feature_orders */
    uint64_t version;     /* rises with every change of any of the above; part of the cache's key */
};

struct feature_position feature_position(uint32_t mkt, qty_t position, usd_t cost);
double feature_cents(usd_t usd);

/* Our open orders in one market, for features 47..51. Prices as sent (in their own outcome), 0:
 * none open. */
struct feature_orders {
    px_t oldest_buy_px, oldest_sell_px; /* limit price of the oldest open buy and sell, in the
                                           order's own outcome */
    bool has_buy, has_sell;
    int64_t newest_ms; /* when the newest open order was placed */
};
void feature_orders(const struct feature_orders *o, const struct feature_book *b, int64_t now_ms,
                    double ret[5]);

/* The 52 numbers for the window's current point in market mkt. */
void feature_build(const struct feature_window *w, uint32_t mkt, const struct feature_account *a,
                   float ret[FEATURE_COUNT]);

/* The features that follow from the four prices alone: most changes are to deeper levels. */
#define FEATURES_OF_PRICES 11
struct feature_prices {
    bool valid;
    px_t yes_bid, yes_ask, no_bid, no_ask; /* of f */
    double f[FEATURES_OF_PRICES];          /* 0 to 7, 18 to 20 */
};

/*
 * A cache for one market, keyed by versions: (window, account). Market and temporal features are
 * kept while the window's version is the same, portfolio features while the account's is too.
 * Zeroed is empty.
 */
struct feature_cache {
    struct feature_prices prices;
    uint64_t window_version, account_version;
    bool valid;
    float obs[FEATURE_COUNT];
    double f6; /* the YES mid used for position values */
};
const float *feature_cached(struct feature_cache *c, const struct feature_window *w, uint32_t mkt,
                            const struct feature_account *a);

#endif
