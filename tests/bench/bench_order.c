/*
 * bench_order.c - from a decision's request to the bytes of the signed HTTP request: the gateway's
 * logic, the signature, and the request's text, with signatures made ahead, with signatures made
 * now, and with none at all (the floor), for each kind of key, in one run.
 *
 * The three take turns, so that a slow moment of the machine hits all. What fills the book of
 * signatures lies outside the timed part, as it lies on another thread in the program.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/ensure.h"
#include "exchange/sigbook.h"
#include "net/keys.h"

#define N     400
#define PATH  "/trade-api/v2/portfolio/events/orders"
#define WALL0 (INT64_C(1781159364) * NS_PER_SEC)
#define KEYID "c6f1f2a6-5c3e-4c3f-9d3e-000000000001"

enum how { AHEAD, NOW, NONE, HOWS };

static int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static void nothing(void *self, const struct ev *ev)
{
    (void)self;
    (void)ev;
}

static struct gw_request create_of(uint32_t i)
{
    struct gw_request q = {.size = sizeof q,
                           .op = GW_CREATE,
                           .req_id = i + 1,
                           .order_number = i + 1,
                           .outcome = SIDE_YES,
                           .tif = GW_GTC,
                           .yes_px = 4700,
                           .qty = 10 * QTY_ONE};
    snprintf(q.ticker, sizeof q.ticker, "KXGOLD15M-26AUG102115-15");
    snprintf(q.client_id, sizeof q.client_id, "01234567-89ab-cdef-0000-%012u", i);
    return q;
}

struct bench {
    struct signer signer;
    struct sigbook *book;
    struct gateway *gw;
    wall_ns_t wall;
    mono_ns_t now;
    uint32_t sent;
    struct buf bytes;
};

static void refill(struct bench *b)
{
    struct sigbook_job job;
    char sig[SIGNATURE_MAX];
    while (sigbook_job(b->book, b->wall, &job)) {
        ensure(signer_sign(&b->signer, job.ts_ms, job.method, job.path, sig, sizeof sig) == ST_OK);
        sigbook_done(b->book, &job, sig);
    }
}

/* One request, from the order's intent to its bytes; nanoseconds. */
static int64_t one(struct bench *b, enum how how)
{
    char sig[SIGNATURE_MAX] = "";
    struct http_req req;
    struct gw_request q = create_of(b->sent++);
    b->wall += 5 * NS_PER_MS;
    b->now += 200 * NS_PER_MS; /* tokens enough */
    refill(b);
    int64_t t0 = clock_ns();
    ensure(gateway_submit(b->gw, &q, b->now, b->wall) == ST_OK);
    ensure(gateway_next(b->gw, b->now, &req) == ST_OK);
    int64_t ts_ms = b->wall / NS_PER_MS;
    if (how == AHEAD) {
        ensure(sigbook_take(b->book, "POST", req.path, b->wall, &ts_ms, sig));
    } else if (how == NOW) {
        ensure(signer_sign(&b->signer, ts_ms, "POST", req.path, sig, sizeof sig) == ST_OK);
    }
    buf_clear(&b->bytes);
    buf_printf(&b->bytes,
               "POST %s HTTP/1.1\r\nHost: external-api.kalshi.com\r\nKALSHI-ACCESS-KEY: %s\r\n"
               "KALSHI-ACCESS-TIMESTAMP: %lld\r\nKALSHI-ACCESS-SIGNATURE: %s\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
               req.path, KEYID, (long long)ts_ms, sig, req.body_len, req.body);
    int64_t ns = clock_ns() - t0;
    ensure(!b->bytes.failed);
    struct http_resp resp = {
        .id = req.id, .fate = HTTP_ANSWERED, .status = 400, .body = "{}", .body_len = 2};
    gateway_http_done(b->gw, &resp, b->now, b->wall);
    return ns;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct figures {
    int64_t p50[HOWS], p99[HOWS];
};

static void measure(struct bench *b, struct figures *ret)
{
    static int64_t ns[HOWS][N];
    for (int i = 0; i < N; i++) {
        for (int how = 0; how < HOWS; how++) {
            ns[how][i] = one(b, (enum how)how);
        }
    }
    for (int how = 0; how < HOWS; how++) {
        qsort(ns[how], N, sizeof ns[how][0], by_value);
        ret->p50[how] = ns[how][N / 2];
        ret->p99[how] = ns[how][N * 99 / 100];
    }
}

static bool bench(enum key_kind kind, int bits, const char *folder, struct figures *ret)
{
    struct bench b = {.wall = WALL0, .now = NS_PER_SEC};
    struct buf secret, open;
    struct err err = {0};
    char path[256];
    buf_init(&secret, KEY_PEM_MAX);
    buf_init(&open, KEY_PEM_MAX);
    buf_init(&b.bytes, 1 << 16);
    snprintf(path, sizeof path, "%s/%d-%d.key", folder, (int)kind, bits);
    ensure(key_make(kind, bits, &secret, &open, &err) == ST_OK);
    FILE *f = fopen(path, "w");
    bool ok = f != NULL && fchmod(fileno(f), 0600) == 0 &&
              fwrite(secret.p, 1, secret.n, f) == secret.n && fclose(f) == 0;
    struct key *key = NULL;
    ok = ok && key_load(path, KEYID, &key, &err) == ST_OK;
    (void)unlink(path);
    if (ok) {
        struct gateway_config gc = gateway_config_default();
        struct gateway_out out = {NULL, nothing};
        b.signer = key_signer(key);
        ensure(gateway_create(&gc, &out, &b.gw) == ST_OK);
        ensure(sigbook_create(8, 4 * NS_PER_SEC, &b.book) == ST_OK);
        ensure(sigbook_keep(b.book, "POST", PATH, 4) == ST_OK);
        measure(&b, ret);
        sigbook_destroy(b.book);
        gateway_destroy(b.gw);
    } else {
        fprintf(stderr, "bench_order: %s\n", err.text);
    }
    key_destroy(key);
    explicit_bzero(secret.p, secret.n);
    buf_finish(&secret);
    buf_finish(&open);
    buf_finish(&b.bytes);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum key_kind kind;
        int bits;
    } kinds[] = {
        {"RSA-2048", KEY_RSA, 2048}, {"RSA-4096", KEY_RSA, 4096}, {"Ed25519", KEY_ED25519, 0}};
    char folder[] = "/tmp/deltaflow-bench-XXXXXX";
    bool json = argc == 3 && strcmp(argv[1], "--json") == 0;
    FILE *out = json ? fopen(argv[2], "w") : NULL;
    if ((json && out == NULL) || mkdtemp(folder) == NULL) {
        perror("bench_order");
        return 1;
    }
    printf("order: decision's request to signed bytes, %d of each in turns (p50, p99)\n", N);
    int failed = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct figures f;
        if (!bench(kinds[i].kind, kinds[i].bits, folder, &f)) {
            failed = 1;
            break;
        }
        printf("  %-9s signed ahead %6" PRId64 " %6" PRId64 " ns   signed now %8" PRId64
               " %8" PRId64 " ns   unsigned %6" PRId64 " %6" PRId64 " ns\n",
               kinds[i].name, f.p50[AHEAD], f.p99[AHEAD], f.p50[NOW], f.p99[NOW], f.p50[NONE],
               f.p99[NONE]);
        if (json) {
            fprintf(out,
                    "%s{\"name\":\"order to signed bytes, %s\",\"ns\":%" PRId64
                    ",\"p99_ns\":%" PRId64
                    ",\"peer\":\"the same, signed when needed\",\"peer_ns\":%" PRId64
                    ",\"ratio\":%.3f,\"unsigned_ns\":%" PRId64 ",\"runs\":%d}",
                    i > 0 ? "," : "{\"results\":[", kinds[i].name, f.p50[AHEAD], f.p99[AHEAD],
                    f.p50[NOW], (double)f.p50[NOW] / (double)f.p50[AHEAD], f.p50[NONE], N);
        }
    }
    (void)rmdir(folder);
    if (json) {
        fprintf(out, "]}\n");
        failed |= fclose(out) != 0;
    }
    return failed;
}
