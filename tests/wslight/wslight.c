#include "wslight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PATH       "/trade-api/ws/v2"
#define READ_BYTES ((size_t)64 << 10)

SSL_CTX *wsl_context(const char *ca_file)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

static int dial(const char *host, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
        connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static bool send_upgrade(struct wslight *w, const char *host, const struct signer *signer,
                         const char *extra)
{
    char text[6000];
    char auth[SIGNATURE_MAX + 300] = "";
    if (signer != NULL) {
        char sig[SIGNATURE_MAX];
        int64_t ms = clock_wall() / NS_PER_MS;
        if (signer_sign(signer, ms, "GET", PATH, sig, sizeof sig) != ST_OK) {
            return false;
        }
        snprintf(auth, sizeof auth,
                 "KALSHI-ACCESS-KEY: %s\r\nKALSHI-ACCESS-TIMESTAMP: %lld\r\n"
                 "KALSHI-ACCESS-SIGNATURE: %s\r\n",
                 signer->key_id, (long long)ms, sig);
    }
    int n = snprintf(text, sizeof text,
                     "GET " PATH " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n%s%s\r\n",
                     host, auth, extra);
    return n > 0 && n < (int)sizeof text && SSL_write(w->ssl, text, n) == n;
}

/* The head, byte by byte: what follows it is frames. */
static bool read_head(struct wslight *w)
{
    size_t n = 0;
    while (n + 1 < sizeof w->head && SSL_read(w->ssl, w->head + n, 1) == 1) {
        n++;
        if (n >= 4 && memcmp(w->head + n - 4, "\r\n\r\n", 4) == 0) {
            w->head[n] = '\0';
            return sscanf(w->head, "HTTP/1.1 %d", &w->http_status) == 1;
        }
    }
    return false;
}

bool wsl_open(struct wslight *w, SSL_CTX *ctx, const char *host, int port,
              const struct signer *signer, const char *extra)
{
    memset(w, 0, sizeof *w);
    w->masks = 0x9e3779b97f4a7c15u;
    w->fd = dial(host, port);
    if (w->fd < 0) {
        return false;
    }
    w->ssl = SSL_new(ctx);
    if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1 || SSL_connect(w->ssl) != 1 ||
        !send_upgrade(w, host, signer, extra) || !read_head(w) || w->http_status != 101) {
        wsl_close(w);
        return false;
    }
    fcntl(w->fd, F_SETFL, fcntl(w->fd, F_GETFL) | O_NONBLOCK);
    return true;
}

void wsl_close(struct wslight *w)
{
    SSL_free(w->ssl);
    w->ssl = NULL;
    if (w->fd >= 0) {
        close(w->fd);
    }
    w->fd = -1;
    free(w->rx);
    w->rx = NULL;
    w->n = w->cap = w->from = 0;
}

static bool write_all(struct wslight *w, const unsigned char *p, size_t n)
{
    while (n > 0) {
        int k = SSL_write(w->ssl, p, n < INT32_MAX ? (int)n : INT32_MAX);
        if (k > 0) {
            p += k;
            n -= (size_t)k;
            continue;
        }
        int e = SSL_get_error(w->ssl, k);
        struct pollfd fd = {w->fd, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 0};
        if ((e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) || poll(&fd, 1, 120000) < 1) {
            return false;
        }
    }
    return true;
}

bool wsl_send(struct wslight *w, int opcode, const char *s, size_t n)
{
    unsigned char *f = malloc(n + 14);
    if (f == NULL || w->fd < 0) {
        free(f);
        return false;
    }
    size_t at = 2;
    f[0] = (unsigned char)(0x80 | opcode);
    if (n < 126) {
        f[1] = (unsigned char)(0x80 | n);
    } else {
        size_t len = n <= 0xffff ? 2 : 8;
        f[1] = len == 2 ? 0xfe : 0xff;
        for (size_t i = 0; i < len; i++) {
            f[at++] = (unsigned char)((uint64_t)n >> (8 * (len - 1 - i)));
        }
    }
    unsigned char mask[4];
    w->masks = w->masks * 6364136223846793005u + 1442695040888963407u;
    memcpy(mask, &w->masks, 4);
    memcpy(f + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < n; i++) {
        f[at + i] = (unsigned char)s[i] ^ mask[i & 3];
    }
    bool good = write_all(w, f, at + n);
    free(f);
    return good;
}

/* Bytes of the frame at the front, 0: its head has not come. */
static size_t frame_bytes(const struct wslight *w, size_t *ret_head)
{
    size_t have = w->n - w->from;
    if (have < 2) {
        return 0;
    }
    const unsigned char *p = w->rx + w->from;
    size_t n = p[1] & 0x7f;
    size_t len = n < 126 ? 0 : n == 126 ? 2 : 8;
    if (have < 2 + len) {
        return 0;
    }
    if (len > 0) {
        n = 0;
        for (size_t i = 0; i < len; i++) {
            n = n << 8 | p[2 + i];
        }
    }
    *ret_head = 2 + len;
    return 2 + len + n;
}

/* False: the connection has ended. */
static bool read_more(struct wslight *w, bool *ret_some)
{
    if (w->from > 0 && w->from == w->n) {
        w->from = w->n = 0;
    } else if (w->from > READ_BYTES) {
        memmove(w->rx, w->rx + w->from, w->n - w->from);
        w->n -= w->from;
        w->from = 0;
    }
    if (w->cap - w->n < READ_BYTES) {
        unsigned char *p = realloc(w->rx, w->cap * 2 + 2 * READ_BYTES);
        if (p == NULL) {
            return false;
        }
        w->rx = p;
        w->cap = w->cap * 2 + 2 * READ_BYTES;
    }
    int k = SSL_read(w->ssl, w->rx + w->n, (int)(w->cap - w->n));
    *ret_some = k > 0;
    w->n += k > 0 ? (size_t)k : 0;
    int e = k > 0 ? SSL_ERROR_NONE : SSL_get_error(w->ssl, k);
    return k > 0 || e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

int wsl_read(struct wslight *w, struct wsl_frame *ret)
{
    size_t head = 0;
    if (w->fd < 0) {
        return -1;
    }
    for (;;) {
        size_t n = frame_bytes(w, &head);
        if (n > 0 && w->n - w->from >= n) {
            unsigned char *p = w->rx + w->from;
            *ret = (struct wsl_frame){p[0] & 0x0f, (p[0] & 0x40) != 0, (p[0] & 0x80) != 0, p + head,
                                      n - head};
            w->from += n;
            return 1;
        }
        bool some = false;
        if (!read_more(w, &some)) {
            return -1;
        }
        if (!some) {
            return 0;
        }
    }
}

size_t wsl_unread(const struct wslight *w)
{
    return w->n - w->from;
}
