/*
 * outcomes.h - how recorded markets ended, from answers of the exchange that say so.
 *
 * Read are lines of JSON of any shape: every object in them with a ticker (ticker or market_ticker)
 * and a result of yes or no counts, bodies kept as text included: answers to GET events and
 * markets, market_lifecycle_v2 messages, or plain {"ticker":..,"result":..}. A later one replaces
 * an earlier one. Owner: one thread.
 */
#ifndef SIM_OUTCOMES_H
#define SIM_OUTCOMES_H

#include "base/idmap.h"

#define OUTCOMES_MAX 1000000u

struct outcomes {
    struct idmap by_ticker; /* 1: yes, 0: no */
};

enum status outcomes_init(struct outcomes *o) MUST_CHECK; /* ST_NOMEM */
void outcomes_finish(struct outcomes *o);                 /* a zeroed one is fine */

/* Take what one JSON text tells; *ret_n is how many results that were. ST_MALFORMED: not JSON.
 * ST_LIMIT: OUTCOMES_MAX. ST_NOMEM. */
enum status outcomes_take(struct outcomes *o, struct text json, size_t *ret_n) MUST_CHECK;

/* A file of them, one a line, .zst too. ST_MALFORMED: a line is no JSON, or no result in the whole
 * file; else as capture_open(). err has file and line. */
enum status outcomes_read(struct outcomes *o, const char *path, struct err *err) MUST_CHECK;

/* False: not known. */
bool outcomes_get(const struct outcomes *o, struct text ticker, bool *ret_yes);

#endif
