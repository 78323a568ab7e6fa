/*
 * wslight.h - a WebSocket client over TLS of few lines, for tests that must see what a library
 * hides: raw frames, cut frames, pings that nobody answers, compressed bytes; and for load.
 */
#ifndef TESTS_WSLIGHT_H
#define TESTS_WSLIGHT_H

#include <openssl/ssl.h>

#include "exchange/exchange.h"

#define WSL_CONT  0
#define WSL_TEXT  1
#define WSL_CLOSE 8
#define WSL_PING  9
#define WSL_PONG  10

struct wslight {
    SSL *ssl;
    int fd; /* -1: closed */
    unsigned char *rx;
    size_t n, cap, from;
    uint64_t masks;
    int http_status; /* of the upgrade */
    char head[2048]; /* the answer's head */
};

/* A context that trusts ca_file alone. */
SSL_CTX *wsl_context(const char *ca_file);
/*
 * Connect and upgrade, blocking. signer NULL: unsigned. extra: header lines ending in CRLF, or "".
 * False: no connection, or http_status is not 101. The socket does not block afterwards.
 */
bool wsl_open(struct wslight *w, SSL_CTX *ctx, const char *host, int port,
              const struct signer *signer, const char *extra);
void wsl_close(struct wslight *w); /* without a closing handshake */
/* All of it, waiting for the socket when it must. */
bool wsl_send(struct wslight *w, int opcode, const char *s, size_t n);

struct wsl_frame {
    int opcode;
    bool rsv1, fin;
    unsigned char *p; /* valid until the next call */
    size_t n;
};
/* Read what is there. 1: a frame; 0: none now; -1: the connection has ended. */
int wsl_read(struct wslight *w, struct wsl_frame *ret);
size_t wsl_unread(const struct wslight *w); /* bytes of a frame that has not come whole */

#endif
