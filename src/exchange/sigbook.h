/*
 * sigbook.h - signatures made ahead, since an RSA signature takes longer than all else on an
 * order's way (kalshi-api.md section 3.1: the body is not signed, so what is signed is known
 * before).
 *
 * For each method and path that is kept, a small ring of unused signatures, each for a millisecond
 * of its own, used once, and thrown away when it is age_max old, well inside the exchange's clock
 * window. Plain code without clock or lock: whoever has the time asks for the next job, signs it,
 * and brings it back, so that signing never holds up who takes (net/sign_ahead.h does that with a
 * thread). Owner: one thread, or one lock.
 */
#ifndef EXCHANGE_SIGBOOK_H
#define EXCHANGE_SIGBOOK_H

#include "exchange/exchange.h"

#define SIG_PATH_MAX 160
#define SIG_WANT_MAX 32

struct sigbook;

/* Room for so many paths; age_max at least 100 ms. ST_INVALID, ST_NOMEM. */
enum status sigbook_create(uint32_t paths_max, wall_ns_t age_max, struct sigbook **ret) MUST_CHECK;
void sigbook_destroy(struct sigbook *b); /* NULL is fine */

/*
 * Keep want signatures (at most SIG_WANT_MAX) of a method and path from now on; 0: no more. When
 * the book is full, the path that was kept longest and wants the fewest goes. ST_LIMIT: a text that
 * is too long, or want; it is signed when it is needed then.
 */
enum status sigbook_keep(struct sigbook *b, const char *method, const char *path,
                         uint32_t want) MUST_CHECK;

/* One signature to make. */
struct sigbook_job {
    uint32_t slot, gen; /* of the book */
    int64_t ts_ms;
    char method[8];
    char path[SIG_PATH_MAX];
};
/* True: there is one; the path with the fewest left comes first. */
bool sigbook_job(struct sigbook *b, wall_ns_t wall, struct sigbook_job *ret);
/* Bring it back, signed; NULL: it failed. What is no longer wanted is thrown away. */
void sigbook_done(struct sigbook *b, const struct sigbook_job *job, const char *sig);
/* When the next job may be there, if nothing is taken or kept until then; NS_NEVER. */
wall_ns_t sigbook_due(const struct sigbook *b);

/* An unused signature, the oldest that is young enough. False: none; *ret_ts_ms is then a
 * millisecond that no signature of the path has, to be signed now. sig has SIGNATURE_MAX bytes. */
bool sigbook_take(struct sigbook *b, const char *method, const char *path, wall_ns_t wall,
                  int64_t *ret_ts_ms, char *sig);

struct sigbook_stats {
    uint64_t taken, missed, expired, dropped; /* dropped: made for a path that is gone */
    uint32_t paths, ready;
};
struct sigbook_stats sigbook_stats(const struct sigbook *b);

#endif
