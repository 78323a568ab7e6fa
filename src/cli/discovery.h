/*
 * discovery.h - which markets to follow: named ones, a file of them, or what the exchange lists
 * (series, event, status).
 *
 * Asks over REST with a connection of its own, from the main thread, before the run starts and
 * again while it runs.
 */
#ifndef CLI_DISCOVERY_H
#define CLI_DISCOVERY_H

#include "bus/event.h"
#include "config/options.h"

struct discovery;

/* ST_INVALID, ST_NOT_FOUND, ST_DENIED...: addresses, key, markets file; err names them. o must
 * outlive it. */
enum status discovery_create(const struct run_options *o, struct discovery **ret_d,
                             struct err *err) MUST_CHECK;
void discovery_destroy(struct discovery *d); /* NULL is fine */

/*
 * Ask now and wait for the answer. Each market that passes goes to fn (a status other than ST_OK
 * stops and is returned). ST_NOT_FOUND: a market that was asked for by name does not exist, err
 * names it. ST_UNREACHABLE: no answer. ST_DENIED: the exchange refuses key, signature or clock.
 */
typedef enum status (*discovery_fn)(void *self, const struct ev_market *m);
enum status discovery_ask(struct discovery *d, discovery_fn fn, void *self,
                          struct err *err) MUST_CHECK;

#endif
