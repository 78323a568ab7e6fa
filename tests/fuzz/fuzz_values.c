/*
 * fuzz_values.c - small texts and codes: the first byte says what the rest is.
 *
 *   g grid of a database row   l levels of a snapshot's row   u address (URL)   t time (RFC 3339)
 *   p price   q count   m money   f fault of the simulator   a activation
 *
 * What is accepted must be sound, and must be the same again when it is written and read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/money.h"
#include "base/timefmt.h"
#include "net/url.h"
#include "policy/activation.h"
#include "sim/sim.h"
#include "store/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_grid(const char *s)
{
    struct grid g;
    struct grid again;
    char text[GRID_TEXT_MAX];
    if (grid_from_text(s, &g) != ST_OK) {
        return;
    }
    for (int32_t i = 0; i < g.levels; i++) {
        ensure(grid_index(&g, grid_px(&g, i)) == i);
    }
    for (px_t px = 0; g.n > 0 && px <= PX_ONE; px++) {
        ensure(grid_index(&g, px) < g.levels);
    }
    grid_to_text(&g, text);
    ensure(grid_from_text(text, &again) == ST_OK && memcmp(&g, &again, sizeof g) == 0);
}

static void try_levels(const uint8_t *p, size_t n)
{
    static struct level levels[600];
    static uint8_t out[600 * 20];
    if (n == 0) {
        return;
    }
    uint64_t want = (uint64_t)p[0] * 2;
    if (levels_decode(p + 1, n - 1, levels, want) != ST_OK) {
        return;
    }
    ensure(levels_encoded_max(want) <= sizeof out);
    size_t len = levels_encode(levels, want, out);
    static struct level again[600];
    ensure(levels_decode(out, len, again, want) == ST_OK);
    ensure(memcmp(levels, again, (size_t)want * sizeof *levels) == 0);
}

static void try_url(const char *s)
{
    struct url url;
    struct err err = {0};
    if (url_parse(s, "https", &url, &err) != ST_OK) {
        ensure(err.text[0] != '\0');
        return;
    }
    ensure(url.port > 0 && url.port < 65536 && url.host[0] != '\0');
    ensure(url.path[0] == '\0' || url.path[0] == '/');
    ensure(strncmp(url.origin, "https://", 8) == 0);
}

static void try_time(const char *s, size_t n)
{
    wall_ns_t t;
    wall_ns_t again;
    char text[TIME_TEXT_MAX];
    if (time_parse(s, n, &t) == ST_OK) {
        size_t len = time_format(t, text);
        ensure(time_parse(text, len, &again) == ST_OK);
        ensure(again <= t && t - again < NS_PER_US); /* it shows microseconds */
    }
}

static void try_money(char what, const char *s, size_t n)
{
    char text[MONEY_TEXT_MAX];
    int64_t v = 0;
    int64_t again = 0;
    enum status (*const parse)(const char *, size_t, int64_t *) = what == 'p'   ? px_parse
                                                                  : what == 'q' ? qty_parse
                                                                                : usd_parse;
    if (parse(s, n, &v) != ST_OK) {
        return;
    }
    if (what == 'p') {
        px_format(v, text);
    } else if (what == 'q') {
        qty_format(v, text);
    } else {
        usd_format(v, text);
    }
    ensure(parse(text, strlen(text), &again) == ST_OK && again == v);
}

static void try_fault(const char *s)
{
    struct sim_fault_plan plan;
    struct err err = {0};
    ensure(sim_fault_read(s, &plan, &err) == ST_OK || err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t n = size - 1;
    char *s = malloc(n + 1);
    enum activation act;
    ensure(s != NULL);
    memcpy(s, data + 1, n);
    s[n] = '\0';
    switch (data[0]) {
    case 'g':
        try_grid(s);
        break;
    case 'l':
        try_levels(data + 1, n);
        break;
    case 'u':
        try_url(s);
        break;
    case 't':
        try_time(s, n);
        break;
    case 'f':
        try_fault(s);
        break;
    case 'a':
        (void)activation_parse((struct text){s, n}, &act);
        break;
    case 'p':
    case 'q':
    case 'm':
        try_money((char)data[0], s, n);
        break;
    default:
        break;
    }
    free(s);
    return 0;
}
