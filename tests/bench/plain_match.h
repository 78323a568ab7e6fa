/*
 * plain_match.h - the rules of match.h as one writes them first, for bench_match: each side of a
 * book is an array of orders sorted by price and time, positions are a table of accounts and
 * markets, there are no levels, no free lists and no groups. Shares no code with match/ but the
 * structs that results are told in, so that results can be compared.
 *
 * Knows what the bench asks for: GTC, IOC, FOK, post-only, both self-trade modes, cancel, decrease,
 * amend, entry check, netting, collateral, fees with the rounding accumulator.
 */
#ifndef TESTS_BENCH_PLAIN_MATCH_H
#define TESTS_BENCH_PLAIN_MATCH_H

#include "match/match.h"

struct plain;

/* Accounts count from 1, all with the same cash, each its own owner. NULL: no memory. max_orders:
 * placed in all. */
struct plain *plain_create(uint32_t markets, uint32_t accounts, uint32_t max_orders, usd_t cash,
                           const struct grid *grid, const struct match_fees *fees);
void plain_destroy(struct plain *p);

/* As match_place() and so on; ids count from 1. */
enum match_verdict plain_place(struct plain *p, const struct match_request *r, wall_ns_t now,
                               uint64_t *ret_id);
enum status plain_cancel(struct plain *p, uint64_t id, wall_ns_t now);
enum status plain_decrease(struct plain *p, uint64_t id, qty_t remaining, wall_ns_t now);
enum status plain_amend(struct plain *p, uint64_t id, px_t px, qty_t total, wall_ns_t now,
                        enum match_verdict *ret_verdict);

struct match_result plain_result(const struct plain *p);
usd_t plain_cash(const struct plain *p, uint32_t account);
usd_t plain_reserved(const struct plain *p, uint32_t account);
qty_t plain_position(const struct plain *p, uint32_t account, uint32_t market);

#endif
