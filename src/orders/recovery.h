/*
 * recovery.h - from the journal of previous sessions to the orders that are not settled.
 */
#ifndef ORDERS_RECOVERY_H
#define ORDERS_RECOVERY_H

#include "orders/journal.h"

/* Collects what orders_config.unsettled wants. Grows as needed: it runs before trading. */
struct recovery {
    /* n, oldest first: intents without JOURNAL_DONE, and halts of markets that nobody let go */
    struct journal_record *rec;
    uint32_t n, cap;
};

/* A journal_record_fn; self is a zeroed struct recovery. ST_NOMEM. */
enum status recovery_take(void *self, const struct journal_record *rec);
void recovery_finish(struct recovery *r);

#endif
