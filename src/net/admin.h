/*
 * admin.h - a Unix domain socket on which a running simulator is told what to do.
 *
 * One line of JSON in, {"token":TOKEN,"do":NAME,...}; one line of JSON out, {"ok":true,...} or
 * {"ok":false,"error":TEXT}. The socket has mode 0600; the token stands in a file of mode 0600,
 * made at the first start, so that only its owner can speak. Lines, replies, clients and the time a
 * silent client may stay are bounded, and nothing here ever waits.
 *
 * Owner: one thread, the one that calls admin_work().
 */
#ifndef NET_ADMIN_H
#define NET_ADMIN_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/timefmt.h"

#define ADMIN_TOKEN_MAX 129
#define ADMIN_LINE_MAX  ((size_t)256 << 10)
#define ADMIN_REPLY_MAX ((size_t)1 << 30)

struct admin;

struct admin_stats {
    uint64_t clients, requests, refused, malformed; /* refused: wrong token */
};

/*
 * Append one JSON object without a newline to reply. action has no token any more; it is borrowed.
 */
typedef void (*admin_do_fn)(void *self, const json_t *action, struct buf *reply);

/*
 * Listen at socket_path; token_path is read, or made. A socket that a dead process left is
 * replaced. ST_EXISTS: a living process listens there. ST_LIMIT: the path is too long for a socket.
 * ST_DENIED: the token file can be read by others, or the folder not written. ST_MALFORMED: no
 * token in the file. ST_IO, ST_NOMEM.
 */
enum status admin_create(const char *socket_path, const char *token_path, admin_do_fn act,
                         void *self, struct admin **ret_admin, struct err *err) MUST_CHECK;
void admin_destroy(struct admin *admin); /* removes the socket; NULL is fine */

/* Read, act and answer as far as it goes without waiting; now is the monotonic clock. Returns how
 * many clients there are. */
uint32_t admin_work(struct admin *admin, mono_ns_t now);
const struct admin_stats *admin_stats(const struct admin *admin);

/*
 * A line of a client: its action, without the token, which the caller owns. ST_MALFORMED: no JSON
 * object with "do", or too deep. ST_DENIED: the token is missing or wrong; the comparison takes the
 * same time wherever they differ. err has what the client is told.
 */
enum status admin_parse(struct text line, const char *token, json_t **ret_action,
                        struct err *err) MUST_CHECK;

/* --- the other end --- */

/* Read a token file. ST_NOT_FOUND; ST_DENIED: others can read it; ST_MALFORMED. */
enum status admin_token(const char *token_path, char out[ADMIN_TOKEN_MAX],
                        struct err *err) MUST_CHECK;

/*
 * Send an action (the token is added) and wait for the reply line, at most wait. The caller owns
 * *ret_reply. ST_UNREACHABLE: nobody listens there. ST_TIMEOUT, ST_CLOSED, ST_MALFORMED, ST_NOMEM.
 */
enum status admin_ask(const char *socket_path, const char *token, const json_t *action,
                      mono_ns_t wait, json_t **ret_reply, struct err *err) MUST_CHECK;

#endif
