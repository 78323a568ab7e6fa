/*
 * book.h - price levels of one market: two ladders of bids.
 *
 * A YES bid at p is a NO ask at 1 - p and the other way round, so asks are never stored. A book
 * does no I/O, reads no clock and allocates only in book_create(), book_regrid() and, on fine
 * grids, for a page touched for the first time. Owner: one thread, live the actor's. No function
 * here locks.
 */
#ifndef BOOK_BOOK_H
#define BOOK_BOOK_H

#include <stdbool.h>

#include "base/grid.h"
#include "base/money.h"
#include "base/status.h"

struct book; /* private to book.c */

/* Make an empty book on a copy of grid. The caller owns *ret_book. ST_NOMEM. */
enum status book_create(const struct grid *grid, struct book **ret_book) MUST_CHECK;
void book_destroy(struct book *book); /* NULL is fine */

/*
 * Change the grid while the market is open. Levels that are on the new grid stay, others are
 * dropped and counted in *ret_dropped (may be NULL). ST_NOMEM: unchanged.
 */
enum status book_regrid(struct book *book, const struct grid *grid,
                        uint32_t *ret_dropped) MUST_CHECK;
const struct grid *book_grid(const struct book *book);

/*
 * Replace the book by n_yes and n_no bids (in any order, each price at most once). An empty one is
 * fine: a market's close. ST_INVALID: a price off the grid, a price twice, a size <= 0, or a
 * crossed book (best yes + best no >= 1 USD): the book is then empty and wrong until the next
 * snapshot. ST_NOMEM likewise.
 */
enum status book_snapshot(struct book *book, const struct level *yes, uint32_t n_yes,
                          const struct level *no, uint32_t n_no) MUST_CHECK;

/*
 * Add qty contracts (may be negative) to the bid level at px. A level that reaches 0 is gone.
 * ST_INVALID: px is off the grid, or the level would fall below zero: the book is unchanged, and
 * wrong until the next snapshot. ST_NOMEM: a page of a fine grid. A delta may cross the book for a
 * moment (the other side of a match is under way): see book_crossed.
 */
enum status book_apply(struct book *book, enum side side, px_t px, qty_t qty) MUST_CHECK;

/* Drop all levels. */
void book_clear(struct book *book);

/* Best bid of a side in 1e-4 USD, 0 when the side is empty; and its size. */
px_t book_best(const struct book *book, enum side side);
qty_t book_best_qty(const struct book *book, enum side side);

/* Best ask of an outcome: 1 USD - best bid of the other; 0 when there is none. */
px_t book_ask(const struct book *book, enum side side);

/* Both sides have a level. */
bool book_two_sided(const struct book *book);
/* Best yes + best no >= 1 USD. */
bool book_crossed(const struct book *book);

/* Size at a price; 0 when there is no level or the price is off the grid. */
qty_t book_qty(const struct book *book, enum side side, px_t px);

/* Sum of sizes and number of levels of a side, kept as the book changes. */
qty_t book_total(const struct book *book, enum side side);
uint32_t book_levels(const struct book *book, enum side side);

/* The n largest sizes of a side, largest first (zeros where there are fewer levels). n <= 8. */
void book_top_sizes(const struct book *book, enum side side, qty_t *ret, uint32_t n);

/* The BOOK_LARGEST largest sizes, as above. They are kept until a change may touch them, so that
 * asking after each change hardly ever looks at all levels. Valid until the book changes. */
#define BOOK_LARGEST 3
const qty_t *book_largest(struct book *book, enum side side);

/* Copy up to cap levels of a side, best first; returns how many. */
uint32_t book_depth(const struct book *book, enum side side, struct level *ret, uint32_t cap);

/* The contracts of `side` bids at px or better: what a seller of that outcome could get down to px.
 */
qty_t book_depth_to(const struct book *book, enum side side, px_t px);

/* Rises by one with every accepted change, and when a refused snapshot leaves the book empty. */
uint64_t book_version(const struct book *book);

/* Hash of the levels: equal books on equal prices have equal hashes, whatever happened before. */
uint64_t book_hash(const struct book *book);

/* Bytes that this book takes. */
size_t book_memory(const struct book *book);

#endif
