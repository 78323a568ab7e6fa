/*
 * pg_resolve.h - addresses of a server's names, looked up on a thread of its own.
 *
 * libpq looks names up itself, and blocks in that as long as the resolver does. With hostaddr
 * beside host it looks nothing up, and takes the name for what it checks: certificate, password
 * file.
 */
#ifndef STORE_PG_RESOLVE_H
#define STORE_PG_RESOLVE_H

#include "base/bytes.h"
#include "base/timefmt.h"

/* Lists as libpq takes them, of the same length: each address with the name and port it is of. */
struct pg_hosts {
    struct buf host, hostaddr, port; /* port: empty when one, or none, is for all */
};
void pg_hosts_init(struct pg_hosts *h);
void pg_hosts_finish(struct pg_hosts *h);

struct pg_wait {
    mono_ns_t most_ns;
    void (*idle)(void *self); /* called every few milliseconds meanwhile; NULL: nobody minds */
    void *idle_self;
};

/*
 * host and port: lists as in libpq's options, port may be NULL. Names that are paths of sockets or
 * numbers are kept as they are; of a name that has several addresses each is listed, in the
 * resolver's order; names without any are left out.
 * ST_NOT_FOUND: nothing is left; ST_TIMEOUT: the resolver has not answered; both with err's text.
 * ST_STATE: nothing needs to be looked up, or the lists do not fit each other, which libpq says
 * best. ST_NOMEM, ST_IO: no memory, no thread.
 */
enum status pg_resolve(const char *host, const char *port, const struct pg_wait *wait,
                       struct pg_hosts *ret_hosts, struct err *err) MUST_CHECK;

#endif
