/*
 * match_state.h - an engine taken apart into rows, and put together again: for state that lives
 * longer than the process.
 *
 * What is kept: counters, money, accounts, positions, markets with grid and fees, order groups with
 * what they matched lately, and books: each level's anonymous size with its gaps, and every open
 * order whole, in its place. Ids are never used twice: a loaded engine goes on above the highest.
 * What is not kept: the last match_result, and sums that follow from the rest.
 *
 * Reading rows allocates only in the buf given. A loader must go through the tables in their order:
 * engine, accounts, markets, positions, groups, books, each in rising keys, then
 * match_load_end(). Loading is for a fresh match_create(); after any error it can only be
 * destroyed. Loaders take no value on trust: ST_MALFORMED with a text says what is wrong.
 */
#ifndef MATCH_MATCH_STATE_H
#define MATCH_MATCH_STATE_H

#include "base/rows.h"
#include "match/match.h"

enum match_table {
    MATCH_T_ENGINE,    /* one row, key 0 */
    MATCH_T_ACCOUNTS,  /* key: account, from 0: nobody's */
    MATCH_T_MARKETS,   /* key: market */
    MATCH_T_POSITIONS, /* key: account << 32 | place in its list */
    MATCH_T_GROUPS,    /* key: place in the list of groups */
    MATCH_T_BOOKS,     /* key: market */
    MATCH_T_MAX
};
extern const struct row_table match_tables[MATCH_T_MAX];

struct match_kept_engine {
    uint64_t next_trade, next_order; /* above all that were used */
    uint32_t free_group;             /* the first group that was deleted and may be one again */
    usd_t fees, cut, deposits;
};
struct match_kept_account {
    uint32_t owner; /* the account whose subaccount this is; itself when it is none */
    usd_t cash, fees;
};
struct match_kept_market {
    struct text grid; /* encoded; in the buf given to match_state_market() */
    int32_t taker_e4, maker_e4;
    int64_t mult_micros;
    int32_t maker_early_e4;
    mono_ns_t early_ns;
    wall_ns_t waived_until;
    bool recorded, halted, closed, settled;
    int32_t access;
    qty_t anon_pos;
};
struct match_kept_group {
    uint32_t gen; /* of its id */
    bool live, triggered;
    uint32_t account;
    qty_t limit;
    uint32_t next_free;  /* of one that is not live */
    struct text matched; /* encoded; in the buf given to match_state_group() */
};
struct match_kept_book {
    struct text levels; /* encoded; in the buf given to match_state_book() */
};

void match_state_engine(const struct match *m, struct match_kept_engine *ret);
uint32_t match_state_accounts(const struct match *m); /* how many, nobody's included */
void match_state_account(const struct match *m, uint32_t account, struct match_kept_account *ret);
uint32_t match_state_markets(const struct match *m);
void match_state_market(const struct match *m, uint32_t market, struct buf *scratch,
                        struct match_kept_market *ret);
void match_state_book(const struct match *m, uint32_t market, struct buf *scratch,
                      struct match_kept_book *ret);
uint32_t match_state_groups(const struct match *m); /* deleted ones included */
void match_state_group(const struct match *m, uint32_t group, struct buf *scratch,
                       struct match_kept_group *ret);
/* Positions are read with match_position_at(). */

enum status match_load_engine(struct match *m, const struct match_kept_engine *row,
                              struct err *err) MUST_CHECK;
enum status match_load_account(struct match *m, uint64_t key, const struct match_kept_account *row,
                               struct err *err) MUST_CHECK;
enum status match_load_market(struct match *m, uint64_t key, const struct match_kept_market *row,
                              struct err *err) MUST_CHECK;
enum status match_load_position(struct match *m, uint64_t key, const struct match_position *row,
                                struct err *err) MUST_CHECK;
enum status match_load_group(struct match *m, uint64_t key, const struct match_kept_group *row,
                             struct err *err) MUST_CHECK;
enum status match_load_book(struct match *m, uint64_t key, const struct match_kept_book *row,
                            struct err *err) MUST_CHECK;
/* Joins what belongs together and checks every invariant. */
enum status match_load_end(struct match *m, struct err *err) MUST_CHECK;

/* All rows of the engine, hashed: equal for engines that nobody could tell apart. For tests. */
void match_state_digest(const struct match *m, struct digest *d);

#endif
