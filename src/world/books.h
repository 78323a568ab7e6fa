/*
 * books.h - the books of a recorded session and nothing else: no windows, no policy, no orders.
 *
 * The same rules as the engine's: a snapshot replaces, a delta adds, what contradicts the book
 * makes it stale until its next snapshot, and so do the feed's marks. Owner: one thread.
 */
#ifndef WORLD_BOOKS_H
#define WORLD_BOOKS_H

#include "book/book.h"
#include "world/session.h"

struct books_stats {
    uint64_t events, changes; /* changes: snapshots and deltas that a book took */
    uint64_t snapshots, deltas, trades;
    uint64_t stale_deltas;   /* not applied: the book was not to be trusted */
    uint64_t contradictions; /* refused by the book */
};

/* A market at the cursor's place. */
struct books_market {
    const char *ticker; /* of its last EV_MARKET; lives as long as the session */
    const struct book *book;
    bool seen, stale;
    uint64_t snapshots, deltas, trades;
};

struct books;

/* session is borrowed. ST_NOMEM. */
enum status books_create(const struct session *session, struct books **ret_books) MUST_CHECK;
void books_destroy(struct books *b); /* NULL is fine */

/*
 * Apply up to n market events. ST_OK: there are more; ST_END: there are none, or a hole in their
 * numbers follows. ST_MALFORMED: a market's grid is none, or its index is out of reach; ST_NOMEM.
 */
enum status books_run(struct books *b, uint64_t n, struct err *err) MUST_CHECK;
/* Back to the beginning, with empty books. */
void books_rewind(struct books *b);

const struct books_stats *books_stats(const struct books *b);
uint32_t books_count(const struct books *b);
/* False: the index was not used. */
bool books_market(const struct books *b, uint32_t mkt, struct books_market *ret);

#endif
