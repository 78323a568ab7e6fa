/*
 * sign_ahead.h - a thread that makes signatures before they are needed (exchange/sigbook.h).
 *
 * The thread has a key of its own and signs outside the lock; whoever takes a signature holds the
 * lock for the copy of one. Any thread may call keep and take.
 */
#ifndef NET_SIGN_AHEAD_H
#define NET_SIGN_AHEAD_H

#include "exchange/sigbook.h"

struct sign_ahead;

/* signer belongs to the thread from now on, until destroy. Errors of sigbook_create; ST_IO: no
 * thread. */
enum status sign_ahead_create(const struct signer *signer, uint32_t paths_max, wall_ns_t age_max,
                              struct sign_ahead **ret) MUST_CHECK;
void sign_ahead_destroy(struct sign_ahead *s); /* NULL is fine; waits for the thread */

/* As of sigbook.h. */
enum status sign_ahead_keep(struct sign_ahead *s, const char *method, const char *path,
                            uint32_t want) MUST_CHECK;
bool sign_ahead_take(struct sign_ahead *s, const char *method, const char *path, int64_t *ret_ts_ms,
                     char *sig);
struct sigbook_stats sign_ahead_stats(struct sign_ahead *s);

#endif
