/*
 * match_int.h - what the files of match/ share.
 *
 * A level's queue, front first, is: gap and order of the first user, gap and order of the second,
 * ..., tail. Gaps and tail are anonymous size. So a new order takes the tail as its gap, a taker
 * works on the head only, and a recorded removal works from the back.
 */
#ifndef MATCH_MATCH_INT_H
#define MATCH_MATCH_INT_H

#include "match/match.h"

#define NONE       UINT32_MAX
#define PAGE_BITS  6
#define PAGE       (1u << PAGE_BITS)
#define WORDS_MAX  160            /* of 64 levels: 9,999 prices at most */
#define FEE_GRAIN  ((usd_t)100)   /* 0.0001 dollar: direct members */
#define FEE_REBATE ((usd_t)10000) /* one cent */
#define USD_CENT   ((usd_t)10000)

__extension__ typedef __int128 wide_t;

struct slot { /* an order's place in memory */
    struct match_order o;
    uint32_t gen;
    bool live, in_book;
    uint32_t prev, next;   /* in the level, by time; next also links free slots */
    uint32_t aprev, anext; /* of the account */
    qty_t gap;             /* anonymous size between the previous order and this one */
    qty_t early;           /* of gap, already removed by recorded deltas stamped early_ts */
    int64_t early_ts;
};

struct mlevel {
    qty_t anon;  /* gaps and tail */
    qty_t tail;  /* anonymous size behind the last order */
    qty_t users; /* orders of users */
    qty_t taken; /* recorded size that users took */
    uint32_t head, last;
};

struct mside {
    struct mlevel **pages;
    uint64_t *bits; /* levels with anonymous size or orders */
    uint32_t n_words;
    uint32_t count; /* levels in bits */
};

struct market {
    struct grid grid;
    struct match_fees fees;
    bool recorded, halted, closed, settled;
    struct mside side[2];
    qty_t anon_pos;  /* nobody's position, YES positive */
    qty_t open_long; /* sum of positive positions: pairs that hold a dollar each */
};

struct account {
    struct match_account pub;
    uint32_t *pos_of; /* market -> index in positions, NONE */
    uint32_t pos_of_cap;
    struct match_position *positions;
    uint32_t positions_cap;
    uint32_t first; /* open orders */
};

struct match {
    struct match_config config;
    struct market *markets;
    uint32_t n_markets, markets_cap;
    struct account *accounts; /* [0] is nobody's: cash only */
    uint32_t n_accounts;
    struct slot *slots;
    uint32_t n_slots, slots_cap, free;
    uint32_t first_gen, top_gen; /* of ids: of a new slot, above an earlier process; highest */
    uint32_t n_open;
    uint64_t next_trade;
    wall_ns_t next_expiry;
    qty_t *scratch; /* one snapshot side, by level */
    usd_t fees, cut;

    struct match_delta *deltas;
    struct match_trade *trades;
    struct match_fill *fills;
    struct match_order *updates;
    uint32_t n_deltas, n_trades, n_fills, n_updates;
    uint32_t cap_deltas, cap_trades, cap_fills, cap_updates;
};

static inline px_t own_to_yes(enum side side, px_t px)
{
    return side == SIDE_YES ? px : PX_ONE - px;
}
static inline qty_t qty_min(qty_t a, qty_t b)
{
    return a < b ? a : b;
}
static inline qty_t qty_abs(qty_t a)
{
    return a < 0 ? -a : a;
}
/* What a position holds of an outcome. */
static inline qty_t held(qty_t position, enum side outcome)
{
    qty_t q = outcome == SIDE_YES ? position : -position;
    return q > 0 ? q : 0;
}

/* --- match_out.c: the result lists; running out of memory ends the process, as a lost fill is lost
 * money --- */
void out_clear(struct match *m);
void out_delta(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
               const struct slot *by);
uint64_t out_trade(struct match *m, uint32_t market, enum side taker, px_t yes_px, qty_t qty);
void out_fill(struct match *m, const struct match_fill *fill);
void out_update(struct match *m, const struct match_order *o); /* replaces an earlier one */

/* --- match_book.c: levels and queues --- */
struct mlevel *level_at(const struct match *m, uint32_t market, enum side side, int32_t index);
struct mlevel *level_make(struct match *m, uint32_t market, enum side side, int32_t index);
/* Keep the bitmap true after a level changed. */
void level_touch(struct match *m, uint32_t market, enum side side, int32_t index);
int32_t side_best(const struct match *m, uint32_t market, enum side side); /* -1: none */
int32_t side_below(const struct match *m, uint32_t market, enum side side, int32_t index);
int32_t side_above(const struct match *m, uint32_t market, enum side side, int32_t index);
void queue_append(struct match *m, struct mlevel *l, uint32_t slot);
void queue_unlink(struct match *m, struct mlevel *l, uint32_t slot);
/* Take anonymous size off a level from behind, or in proportion; marks what users' queues lost. */
void queue_remove(struct match *m, struct mlevel *l, qty_t qty, int64_t ts_ms, enum match_queue q);

/* --- match_money.c --- */
struct match_position *position_make(struct match *m, uint32_t account, uint32_t market);
struct match_position *position_find(const struct match *m, uint32_t account, uint32_t market);
/* Open size changed by qty contracts of cost at side. */
void reserve_change(struct match *m, uint32_t account, struct match_position *p, enum side side,
                    qty_t qty, usd_t cost);
usd_t reserve_if(const struct match_position *p, enum side side, qty_t qty, usd_t cost);
/* Can an order pay qty at its own price px, fee included, and have slack left? */
bool fill_affordable(const struct match *m, const struct match_order *o, px_t px, qty_t qty,
                     bool taker, usd_t slack);
void fill_user(struct match *m, struct match_order *o, uint64_t trade, px_t px, qty_t qty,
               bool taker, wall_ns_t now);
void fill_anon(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty);

/* --- match_order.c --- */
uint32_t slot_of(const struct match *m, uint64_t id); /* NONE: not open */
/* Take an open order off the book and end it. shown: with a delta. Returns what was left. */
qty_t order_end(struct match *m, uint32_t slot, enum match_reason reason, bool shown,
                wall_ns_t now);
/* A resting order at its level was hit for qty; the caller has told the trade. */
void order_hit(struct match *m, uint32_t slot, uint64_t trade, qty_t qty, wall_ns_t now);
void order_free(struct match *m, uint32_t slot);
void account_link(struct match *m, uint32_t slot); /* newest first */

#endif
