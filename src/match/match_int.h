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

/* Where an order is in the lists, apart from the order: neighbours change when it comes and goes,
 * and should not cost a line of memory each. */
struct link {
    uint32_t prev, next;   /* in the level, by time; next also links free slots */
    uint32_t aprev, anext; /* of the account */
    uint32_t gprev, gnext; /* of the order group, while in_book */
};

struct slot { /* an order's place in memory */
    struct match_order o;
    uint32_t gen;
    bool live, in_book;
    int32_t index;    /* of its price, while in_book */
    uint32_t heap;    /* place in the heap of expiries + 1; 0: not there */
    uint32_t told_at; /* its update in the result with number told */
    uint64_t told;
    qty_t ahead; /* see mlevel.ahead_no */
    qty_t gap;   /* anonymous size between the previous order and this one */
    qty_t early; /* of gap, already removed by recorded deltas stamped early_ts */
    int64_t early_ts;
};

struct mlevel {
    qty_t anon;  /* gaps and tail */
    qty_t tail;  /* anonymous size behind the last order */
    qty_t users; /* orders of users */
    qty_t taken; /* recorded size that users took */
    uint32_t head, last;
    uint32_t gapped;   /* no order behind this one has a gap; NONE: no order has one */
    uint64_t ahead_no; /* result in which the orders' ahead was counted */
};

struct mside {
    struct mlevel **pages;
    uint64_t *bits; /* levels with anonymous size or orders */
    uint32_t n_words;
    uint32_t count; /* levels in bits */
    int32_t best;   /* highest level in bits, -1: none */
    /* MATCH_QUEUE_TRADE_THROUGH: recorded size at the one level that would lock the book with a
     * user's order, in no sum of the level */
    qty_t withheld;
    int32_t withheld_at;
};

struct market {
    struct grid grid;
    struct match_fees fees;
    bool recorded, halted, closed, settled;
    enum match_access access;
    struct mside side[2];
    qty_t anon_pos;  /* nobody's position, YES positive */
    qty_t open_long; /* sum of positive positions: pairs that hold a dollar each */
};

/* What decides whether a fill can be paid, and what it changes of that. */
struct purse {
    usd_t cash;
    qty_t position;
    usd_t rounding;
};

struct account {
    struct match_account pub;
    uint32_t owner;        /* its first account */
    uint32_t owner_orders; /* of an owner: open orders of all his accounts */
    uint32_t owner_groups;
    uint64_t trial; /* number of the trial that purse belongs to */
    struct purse purse;
    uint32_t *pos_of; /* market -> index in positions, NONE */
    uint32_t pos_of_cap;
    struct match_position *positions;
    uint32_t positions_cap;
    uint32_t first; /* open orders */
};

struct matched { /* contracts matched in one millisecond */
    int64_t ms;
    qty_t qty;
};
struct group {
    struct match_group pub;
    uint32_t gen;
    bool live;
    uint32_t first, last; /* open orders; first also links free groups */
    struct matched *ring; /* the last 15 s, oldest at head; sum is their sum */
    uint32_t head, n, cap;
    qty_t sum;
    uint64_t trial; /* number of the trial that trial_sum belongs to */
    qty_t trial_sum;
};

struct match {
    struct match_config config;
    usd_t grain;
    struct market *markets;
    uint32_t n_markets, markets_cap;
    struct account *accounts; /* [0] is nobody's: cash only */
    uint32_t n_accounts;
    struct slot *slots;
    struct link *links; /* of slots */
    uint32_t n_slots, slots_cap, free;
    uint32_t first_gen, top_gen; /* of ids: of a new slot, above an earlier process; highest */
    uint32_t n_open;
    uint64_t next_trade;
    uint32_t *heap; /* slots of booked orders that expire, soonest first; room for slots_cap */
    uint32_t n_heap;
    struct group *groups;
    uint32_t n_groups, groups_cap, free_group;
    uint32_t tripped[2]; /* groups that passed their limits and whose orders must go: a trade can
                          * do that to the taker's and the maker's */
    uint32_t n_tripped;
    uint64_t trial; /* number of the last trial run of a fill-or-kill order */
    qty_t *scratch; /* one snapshot side, by level */
    usd_t fees, cut, deposits;

    uint64_t result_no;
    struct match_delta *deltas;
    struct match_trade *trades;
    struct match_fill *fills;
    struct match_order *updates;
    uint64_t *triggered;
    uint32_t n_deltas, n_trades, n_fills, n_updates, n_triggered;
    uint32_t cap_deltas, cap_trades, cap_fills, cap_updates, cap_triggered;
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
void out_update(struct match *m, struct slot *s); /* replaces an earlier one of this result */
void out_triggered(struct match *m, uint64_t group);

/* --- match_book.c: levels and queues --- */
struct mlevel *level_at(const struct match *m, uint32_t market, enum side side, int32_t index);
struct mlevel *level_make(struct match *m, uint32_t market, enum side side, int32_t index);
/* Make the page of a level of s; NULL: no memory. */
struct mlevel *page_make(struct mside *s, int32_t index);
enum status side_init(struct mside *s, int32_t levels) MUST_CHECK;
void side_finish(struct mside *s);
/* Keep the bitmap true after a level changed. */
void level_touch(struct match *m, uint32_t market, enum side side, int32_t index);
int32_t side_best(const struct match *m, uint32_t market, enum side side); /* -1: none */
int32_t side_below(const struct match *m, uint32_t market, enum side side, int32_t index);
int32_t side_above(const struct match *m, uint32_t market, enum side side, int32_t index);
void queue_append(struct match *m, struct mlevel *l, uint32_t slot);
void queue_unlink(struct match *m, struct mlevel *l, uint32_t slot);
/* Take anonymous size off a level from behind, or in proportion; marks what users' queues lost. */
void queue_remove(struct match *m, struct mlevel *l, qty_t qty, int64_t ts_ms, enum match_queue q);
/* Show what was withheld for a user's order of side at px, if no such order is left. */
void withheld_release(struct match *m, uint32_t market, enum side side, px_t px);

/* --- match_money.c --- */
struct match_position *position_make(struct match *m, uint32_t account, uint32_t market);
struct match_position *position_find(const struct match *m, uint32_t account, uint32_t market);
/* Open size changed by qty contracts of cost at side. */
void reserve_change(struct match *m, uint32_t account, struct match_position *p, enum side side,
                    qty_t qty, usd_t cost);
void reserve_refresh(struct match *m, uint32_t account, struct match_position *p);
usd_t reserve_if(const struct match_position *p, enum side side, qty_t qty, usd_t cost);
struct purse purse_of(const struct match *m, const struct match_order *o);
/* Pay a fill of o from a purse, fee included; false and unchanged when cash is short. */
bool purse_fill(const struct match *m, struct purse *u, const struct match_order *o, px_t px,
                qty_t qty, bool taker, wall_ns_t now);
/* Can an order pay qty at its own price px, fee included? */
bool fill_affordable(const struct match *m, const struct match_order *o, px_t px, qty_t qty,
                     bool taker, wall_ns_t now);
void fill_user(struct match *m, struct match_order *o, uint64_t trade, px_t px, qty_t qty,
               bool taker, wall_ns_t now);
void fill_anon(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty);

/* --- match_slot.c: orders in memory and in the book --- */
uint32_t slot_of(const struct match *m, uint64_t id); /* NONE: not open */
uint32_t slot_take(struct match *m);                  /* NONE: no memory */
void slot_give_back(struct match *m, uint32_t slot);  /* of an order that was not accepted */
bool slots_room(struct match *m, uint32_t n);         /* for n in all; false: no memory */
void account_link(struct match *m, uint32_t slot);    /* a new order; newest first */
/* Put an order that does not cross at the back of its level, and out again. */
void order_book(struct match *m, uint32_t slot, wall_ns_t now);
void order_unbook(struct match *m, uint32_t slot);
/* End an order. shown: with a delta if it was in the book. Returns what was left. */
qty_t order_end(struct match *m, uint32_t slot, enum match_reason reason, bool shown,
                wall_ns_t now);
/* End an order that has nothing left and is not in the book. */
void order_executed(struct match *m, uint32_t slot);
/* A resting order at its level was hit for qty; the caller has told the trade and runs
 * groups_run(). */
void order_hit(struct match *m, uint32_t slot, uint64_t trade, qty_t qty, wall_ns_t now);
void expiry_add(struct match *m, uint32_t slot); /* nothing when it never expires */
void expiry_change(struct match *m, uint32_t slot, wall_ns_t expires);

/* --- match_take.c --- */
/* Match an order that is not in the book; what is left rests or goes. An amended one showed
 * shown_before at shown_px, 0: it is new. */
void order_run(struct match *m, uint32_t slot, qty_t shown_before, px_t shown_px, wall_ns_t now);
bool crosses(const struct match *m, uint32_t market, enum side side, px_t px);
enum trial { TRIAL_FILLS, TRIAL_VOLUME, TRIAL_MONEY };
/* Would a fill-or-kill order be filled whole? An own order on the way makes it behave like an
 * immediate one, so that counts as yes. */
enum trial fok_trial(struct match *m, const struct match_order *o, wall_ns_t now);

/* --- match_group.c --- */
struct group *group_of(const struct match *m, uint64_t id); /* NULL: there is none */
void group_link(struct match *m, uint32_t slot);
void group_unlink(struct match *m, uint32_t slot);
void group_matched(struct match *m, uint64_t id, qty_t qty, wall_ns_t now);
/* Cancel the orders of groups that tripped since the last call. */
void groups_run(struct match *m, wall_ns_t now);
/* Count a match of a trial run; and has the trial passed the limit? */
void group_trial(struct match *m, uint64_t id, qty_t qty, wall_ns_t now);
bool group_trial_tripped(const struct match *m, uint64_t id);

/* --- match_state.c writes a book's bytes, match_load.c reads them --- */
#define BOOK_VERSION  2
#define ORDER_NUMBERS 24
static inline bool level_empty(const struct mlevel *l)
{
    return l->tail == 0 && l->taken == 0 && l->head == NONE;
}

#endif
