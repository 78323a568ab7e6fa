/*
 * bench_flow.c - how fast the generated flow can be made, and what memory it takes.
 *
 * usage: bench_flow [--json FILE] [MARKETS] [RATE] [SECONDS]. Virtual time on one core, nobody
 * subscribed: agents, engine and the simulator's own bookkeeping, without frames.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <jansson.h>

#include "base/clock.h"
#include "sim/sim.h"

static enum status no_send(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n)
{
    (void)self;
    (void)conn;
    (void)peer;
    (void)s;
    (void)n;
    return ST_OK;
}

static void no_close(void *self, struct sim_conn *conn, void *peer)
{
    (void)self;
    (void)conn;
    (void)peer;
}

static bool no(void *self, struct text key)
{
    (void)self;
    (void)key;
    return false;
}

static bool no_verify(void *self, struct text key, const char *text, size_t n, struct text sig)
{
    (void)self;
    (void)key;
    (void)text;
    (void)n;
    (void)sig;
    return false;
}

static uint64_t messages_of(const struct sim *sim)
{
    struct buf b;
    buf_init(&b, (size_t)1 << 30);
    sim_dump(sim, &b);
    json_t *j = json_loadb(b.p, b.n, 0, NULL);
    uint64_t n = (uint64_t)json_integer_value(
        json_object_get(json_object_get(j, "counters"), "source_messages"));
    json_decref(j);
    buf_finish(&b);
    return n;
}

static bool write_json(const char *path, uint32_t markets, double ns, long mb)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        return false;
    }
    fprintf(out,
            "{\"results\":[{\"name\":\"message of the generated flow, %u markets\",\"ns\":%.1f,"
            "\"runs\":1},{\"name\":\"memory of the generated flow, %u markets\",\"value\":%ld,"
            "\"unit\":\"MB\",\"runs\":1}]}\n",
            markets, ns, markets, mb);
    return fclose(out) == 0;
}

int main(int argc, char **argv)
{
    const char *json = NULL;
    if (argc > 2 && strcmp(argv[1], "--json") == 0) {
        json = argv[2];
        argc -= 2;
        argv += 2;
    }
    struct sim_config c = sim_config_default();
    struct err err = {0};
    struct sim *sim = NULL;
    c.markets = argc > 1 ? (uint32_t)atoi(argv[1]) : 5000;
    c.rate = argc > 2 ? atof(argv[2]) : 200000;
    mono_ns_t seconds = argc > 3 ? atoi(argv[3]) : 10;
    c.duration_ns = 0;
    c.wait_for_client = false;
    const struct sim_out out = {.send = no_send, .close = no_close};
    const struct sim_verifier verifier = {NULL, no_verify, no};
    wall_ns_t wall = INT64_C(1767225600) * NS_PER_SEC;
    mono_ns_t now = NS_PER_SEC;
    mono_ns_t began = clock_mono();
    if (sim_create(&c, &out, &verifier, wall, now, &sim, &err) != ST_OK) {
        fprintf(stderr, "bench_flow: %s\n", err.text);
        return 1;
    }
    mono_ns_t opened = clock_mono();
    mono_ns_t end = now + seconds * NS_PER_SEC;
    while (now < end) {
        mono_ns_t next = sim_deadline(sim);
        next = next > end ? end : next > now ? next : now;
        wall += next - now;
        now = next;
        sim_tick(sim, wall, now);
    }
    double took = (double)(clock_mono() - opened) / 1e9;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    uint64_t n = messages_of(sim);
    printf("%u markets: opened in %.2f s; %llu messages of %lld s in %.2f s: %.0f messages/s; %ld "
           "MB\n",
           c.markets, (double)(opened - began) / 1e9, (unsigned long long)n, (long long)seconds,
           took, (double)n / took, u.ru_maxrss / 1024);
    sim_destroy(sim);
    return json == NULL || write_json(json, c.markets, took * 1e9 / (double)n, u.ru_maxrss / 1024)
               ? 0
               : 1;
}
