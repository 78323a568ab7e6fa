/*
 * load.c READY CLIENTS SECONDS [FRAMES] - many clients that follow the order books of all markets,
 * until SECONDS have passed and each has got FRAMES.
 *
 * Each client counts seq of its subscription, so that a lost, doubled or misplaced frame is found.
 * Latency is from sending_ts_ms (the exchange's clock, the same machine) to the read. Prints one
 * JSON object; exit status 1 when a frame was missing or a connection ended.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "net/keys.h"
#include "wslight/wslight.h"

struct client {
    struct wslight ws;
    uint64_t seq, frames, snapshots, gaps, errors;
    uint64_t measured;       /* frames in the measured time */
    mono_ns_t last, longest; /* without a frame, in the measured time */
    bool open;
};

struct load {
    struct client *clients;
    int n, epoll;
    size_t n_markets;
    uint64_t frames, bytes;    /* in the measured time */
    uint64_t histogram[10001]; /* by ms */
    bool measures;
    mono_ns_t late_at; /* when a frame was last over half a second old */
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

/* --- one frame --- */

static bool number_after(const char *p, size_t n, const char *key, uint64_t *ret)
{
    const char *at = memmem(p, n, key, strlen(key));
    if (at == NULL) {
        return false;
    }
    uint64_t v = 0;
    const char *s = at + strlen(key);
    for (; s < p + n && *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *ret = v;
    return true;
}

static void note_latency(struct load *l, const char *p, size_t n, mono_ns_t now, wall_ns_t wall)
{
    uint64_t sent = 0;
    size_t tail = n < 48 ? n : 48; /* it is the last key */
    if (!number_after(p + n - tail, tail, "\"sending_ts_ms\":", &sent)) {
        return;
    }
    int64_t ms = wall / NS_PER_MS - (int64_t)sent;
    ms = ms < 0 ? 0 : ms > 10000 ? 10000 : ms;
    l->late_at = ms > 500 ? now : l->late_at;
    if (l->measures) {
        l->histogram[ms]++;
    }
}

static void on_text(struct load *l, struct client *c, const char *p, size_t n, mono_ns_t now,
                    wall_ns_t wall)
{
    static const char snapshot[] = "{\"type\":\"orderbook_snapshot\"";
    static const char delta[] = "{\"type\":\"orderbook_delta\"";
    bool is_snapshot = n > sizeof snapshot && memcmp(p, snapshot, sizeof snapshot - 1) == 0;
    bool is_delta = n > sizeof delta && memcmp(p, delta, sizeof delta - 1) == 0;
    if (!is_snapshot && !is_delta) {
        c->errors += memmem(p, n, "\"type\":\"error\"", 14) != NULL;
        return;
    }
    uint64_t seq = 0;
    size_t head = n < 80 ? n : 80;
    c->gaps += !number_after(p, head, "\"seq\":", &seq) || seq != c->seq + 1;
    c->seq = seq;
    c->frames++;
    c->snapshots += is_snapshot;
    note_latency(l, p, n, now, wall);
    if (l->measures) {
        l->frames++;
        l->bytes += n;
        c->measured++;
        mono_ns_t pause = now - c->last;
        c->longest = pause > c->longest ? pause : c->longest;
    }
    c->last = now;
}

static void drain(struct load *l, struct client *c)
{
    struct wsl_frame f;
    mono_ns_t now = clock_mono();
    wall_ns_t wall = clock_wall();
    int got = wsl_read(&c->ws, &f);
    for (; got == 1; got = wsl_read(&c->ws, &f)) {
        if (f.opcode == WSL_TEXT) {
            on_text(l, c, (const char *)f.p, f.n, now, wall);
        } else if (f.opcode == WSL_PING) {
            (void)wsl_send(&c->ws, WSL_PONG, (const char *)f.p, f.n);
        } else if (f.opcode == WSL_CLOSE) {
            got = -1;
            break;
        }
    }
    if (got < 0) {
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->ws.fd, NULL);
        c->open = false;
    }
}

static void serve(struct load *l, int wait_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(l->epoll, events, 256, wait_ms);
    for (int i = 0; i < n; i++) {
        drain(l, events[i].data.ptr);
    }
}

/* --- start --- */

static void subscribe(struct load *l, struct client *c, const json_t *markets)
{
    json_t *cmd =
        json_pack("{s:i,s:s,s:{s:[s],s:O,s:b}}", "id", 1, "cmd", "subscribe", "params", "channels",
                  "orderbook_delta", "market_tickers", markets, "use_yes_price", 0);
    char *text = json_dumps(cmd, JSON_COMPACT);
    if (text == NULL || !wsl_send(&c->ws, WSL_TEXT, text, strlen(text))) {
        fail("cannot subscribe");
    }
    free(text);
    json_decref(cmd);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->ws.fd, &e) != 0) {
        fail("cannot wait for a socket");
    }
}

static size_t still_waiting(const struct load *l)
{
    size_t n = 0;
    for (int i = 0; i < l->n; i++) {
        n += l->clients[i].open && l->clients[i].snapshots < l->n_markets;
    }
    return n;
}

static size_t without(const struct load *l, uint64_t frames)
{
    size_t n = 0;
    for (int i = 0; i < l->n; i++) {
        n += l->clients[i].open && l->clients[i].measured < frames;
    }
    return n;
}

static void say(const char *stage)
{
    printf("%s\n", stage); /* the harness looks at the exchange's memory now */
    fflush(stdout);
}

/* --- the end --- */

static int64_t percentile(const struct load *l, double p)
{
    uint64_t all = 0;
    for (int i = 0; i <= 10000; i++) {
        all += l->histogram[i];
    }
    uint64_t sum = 0;
    for (int i = 0; i <= 10000; i++) {
        sum += l->histogram[i];
        if (all > 0 && (double)sum >= p * (double)all) {
            return i;
        }
    }
    return 0;
}

static int report(const struct load *l, double connect_s, double snapshots_s, double measured_s)
{
    uint64_t gaps = 0;
    uint64_t errors = 0;
    uint64_t snapshots = 0;
    uint64_t fewest = UINT64_MAX;
    uint64_t most = 0;
    mono_ns_t stall = 0;
    int open = 0;
    for (int i = 0; i < l->n; i++) {
        const struct client *c = &l->clients[i];
        gaps += c->gaps;
        errors += c->errors;
        snapshots += c->snapshots;
        open += c->open;
        fewest = c->frames < fewest ? c->frames : fewest;
        most = c->frames > most ? c->frames : most;
        stall = c->longest > stall ? c->longest : stall;
    }
    printf("{\"clients\":%d,\"open_at_end\":%d,\"markets\":%zu,\"connect_s\":%.2f,"
           "\"snapshots\":%" PRIu64 ",\"snapshots_s\":%.2f,\"measured_s\":%.2f,\"frames\":%" PRIu64
           ",\"frames_per_s\":%.0f,\"megabytes_per_s\":%.1f,\"seq_gaps\":%" PRIu64
           ",\"errors\":%" PRIu64 ",\"frames_of_a_client\":[%" PRIu64 ",%" PRIu64
           "],\"latency_ms\":{\"p50\":%" PRId64 ",\"p90\":%" PRId64 ",\"p99\":%" PRId64
           ",\"p999\":%" PRId64 ",\"max\":%" PRId64 "},\"longest_silence_ms\":%" PRId64 "}\n",
           l->n, open, l->n_markets, connect_s, snapshots, snapshots_s, measured_s, l->frames,
           (double)l->frames / measured_s, (double)l->bytes / measured_s / 1e6, gaps, errors,
           fewest, most, percentile(l, 0.5), percentile(l, 0.9), percentile(l, 0.99),
           percentile(l, 0.999), percentile(l, 1), stall / NS_PER_MS);
    return gaps == 0 && errors == 0 && open == l->n && l->frames > 0 ? 0 : 1;
}

static double seconds_since(mono_ns_t t)
{
    return (double)(clock_mono() - t) / 1e9;
}

int main(int argc, char **argv)
{
    static struct load l;
    struct err err = {0};
    struct key *key = NULL;
    char host[64] = "";
    int port = 0;
    bool usable = argc == 4 || argc == 5;
    json_t *ready = usable ? json_load_file(argv[1], 0, NULL) : NULL;
    const char *url = json_string_value(json_object_get(ready, "ws_url"));
    if (url == NULL || sscanf(url, "wss://%63[^:]:%d", host, &port) != 2) {
        fail("usage: load READY CLIENTS SECONDS [FRAMES]");
    }
    if (key_load(json_string_value(json_object_get(ready, "key_file")),
                 json_string_value(json_object_get(ready, "key_id")), &key, &err) != ST_OK) {
        fail(err.text);
    }
    struct signer signer = key_signer(key);
    SSL_CTX *ctx = wsl_context(json_string_value(json_object_get(ready, "ca_file")));
    const json_t *markets = json_object_get(ready, "markets");
    l.n = atoi(argv[2]);
    l.n_markets = json_array_size(markets);
    l.clients = calloc((size_t)l.n, sizeof *l.clients);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (ctx == NULL || l.clients == NULL || l.epoll < 0 || l.n < 1) {
        fail("cannot start");
    }
    mono_ns_t t = clock_mono();
    for (int i = 0; i < l.n; i++) {
        if (!wsl_open(&l.clients[i].ws, ctx, host, port, &signer, "")) {
            fail("cannot connect");
        }
        l.clients[i].open = true;
    }
    double connect_s = seconds_since(t);
    say("connected");
    t = clock_mono();
    for (int i = 0; i < l.n; i++) {
        subscribe(&l, &l.clients[i], markets);
        serve(&l, 0);
    }
    while (still_waiting(&l) > 0) {
        if (seconds_since(t) > 600) {
            fail("no snapshot of all markets in ten minutes");
        }
        serve(&l, 100);
    }
    double snapshots_s = seconds_since(t);
    /* The flow began with the first reader: what came up meanwhile is worked off first. */
    l.late_at = clock_mono();
    for (mono_ns_t from = l.late_at; seconds_since(l.late_at) < 1 && seconds_since(from) < 30;) {
        serve(&l, 100);
    }
    say("snapshots");
    t = clock_mono();
    for (int i = 0; i < l.n; i++) {
        l.clients[i].last = t;
    }
    l.measures = true;
    double length = atof(argv[3]);
    uint64_t frames = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
    while (seconds_since(t) < length || (without(&l, frames) > 0 && seconds_since(t) < 600)) {
        serve(&l, 100);
    }
    double measured_s = seconds_since(t);
    say("measured");
    for (int i = 0; i < l.n; i++) {
        mono_ns_t pause = clock_mono() - l.clients[i].last;
        l.clients[i].longest = pause > l.clients[i].longest ? pause : l.clients[i].longest;
    }
    int code = report(&l, connect_s, snapshots_s, measured_s);
    for (int i = 0; i < l.n; i++) {
        wsl_close(&l.clients[i].ws);
    }
    free(l.clients);
    SSL_CTX_free(ctx);
    key_destroy(key);
    json_decref(ready);
    return code;
}
