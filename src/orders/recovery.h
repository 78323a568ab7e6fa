/*
 * recovery.h - from the journal of previous sessions to the orders that are not settled.
 */
#ifndef ORDERS_RECOVERY_H
#define ORDERS_RECOVERY_H

#include "bus/record.h"
#include "orders/journal.h"

/* Collects what orders_config.unsettled wants. Grows as needed: it runs before trading. */
struct recovery {
    /* n, oldest first: intents without JOURNAL_DONE, and halts of markets that nobody let go */
    struct journal_record *rec;
    uint32_t n, cap;
};

/* A journal_record_fn; self is a zeroed struct recovery. ST_NOMEM. */
enum status recovery_take(void *self, const struct journal_record *rec);
/* What the journal's record (an intent, the halt of a market, a session) tells the engine, for the
 * store, and back. ST_MALFORMED: no such kind, or a session whose id is none. */
void recovery_to_record(const struct journal_record *rec, struct rec_restored *ret);
enum status recovery_of_record(const struct rec_restored *row,
                               struct journal_record *ret) MUST_CHECK;
void recovery_finish(struct recovery *r);

#endif
