/* pg_proxy.h - something between the store and the server that loses what is said at COMMIT. */
#ifndef TESTS_STORE_PG_PROXY_H
#define TESTS_STORE_PG_PROXY_H

#include <stddef.h>

enum proxy_mode {
    PROXY_PASS,
    PROXY_COMMIT_LOST, /* COMMIT does not arrive; the connection is cut at both sides */
    PROXY_ANSWER_LOST, /* COMMIT has counted, its answer does not arrive; cut at both sides */
    PROXY_HALF_OPEN    /* COMMIT does not arrive; only the client's side is cut: the server waits */
};

/* Listens on a socket in folder/proxy and passes on to the server in folder, one connection after
 * the other. A mode other than PROXY_PASS ends with the first COMMIT it meets. */
void pg_proxy_start(const char *folder);
void pg_proxy_stop(void);
void pg_proxy_mode(enum proxy_mode mode);
/* How often it has lost something. */
unsigned pg_proxy_lost(void);

#endif
