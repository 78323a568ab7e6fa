/*
 * net_fixture.h - a server on loopback with a scripted application behind it, and keys on both
 * sides. All on the test's thread: the server works only when a test pumps it.
 */
#ifndef TESTS_INTEG_NET_FIXTURE_H
#define TESTS_INTEG_NET_FIXTURE_H

#include "net/http_client.h"
#include "net/keys.h"
#include "net/server.h"

/* One request as the application saw it. */
struct seen {
    char method[16], path[256], query[512], body[512], content_type[64];
    bool signature_good;
};

struct fixture {
    char dir[64];
    struct ca_files ca;
    struct key *rsa, *ed;
    struct signer rsa_signer, ed_signer;
    struct verifier *verifier;
    struct server *server;
    struct sim_out out;
    char url[128], ws_url[128];
    /* script of the HTTP side */
    int status;
    const char *answer;
    mono_ns_t delay;
    bool drop;      /* close without an answer */
    int drop_after; /* ... from this request on; 0: never */
    uint32_t requests;
    struct seen last;
    /* script of the WebSocket side */
    int refuse; /* status for upgrades, 0: accept */
    uint32_t opens, closes, frames;
    bool greet; /* send a frame while the upgrade is being accepted */
    void *peer; /* of the newest connection */
    bool upgrade_signed;
    char last_frame[256];
    uint32_t to_push, pushed; /* numbered frames to send as fast as they are taken */
    size_t push_bytes;
    uint32_t full;
};

void fixture_start(struct fixture *f, const char *address);
void fixture_stop(struct fixture *f);
void fixture_pump(struct fixture *f); /* a turn of the server that does not wait */

#endif
