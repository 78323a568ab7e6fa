#include "wire_input.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "capture/capture.h"
#include "wire/frame.h"

#define PADDING 64

static struct wire_decoder decoder; /* of the one thread there is */

static void *take(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static void add(struct wire_input *in, struct buf *all, struct text msg, struct digest *hash)
{
    static const char zeros[PADDING];
    in->at[in->n] = all->n;
    in->len[in->n] = msg.n;
    in->n++;
    buf_add(all, msg.p, msg.n);
    buf_add(all, zeros, sizeof zeros);
    digest_add(hash, msg.p, msg.n);
}

static bool contains(struct text msg, const char *type)
{
    return memmem(msg.p, msg.n, type, strlen(type)) != NULL;
}

static bool load_file(struct wire_input *in, const char *path, const char *type, size_t max,
                      struct buf *all, struct digest *hash)
{
    struct capture *cap = NULL;
    struct err err;
    if (capture_open(path, 0, &cap, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    struct capture_line line;
    while (in->n < max && capture_next(cap, &line) == ST_OK) {
        if (contains(line.msg, type)) {
            add(in, all, line.msg, hash);
        }
    }
    capture_close(cap);
    return in->n > 0;
}

/* Deltas and trades of the usual form with random numbers; snapshots of 40 levels a side. */
static void generate(struct wire_input *in, const char *type, size_t max, struct buf *all,
                     struct digest *hash)
{
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < max; i++) {
        struct buf m;
        buf_init(&m, 1 << 20);
        unsigned px = 1 + (unsigned)rng_below(&rng, 99);
        unsigned qty = 1 + (unsigned)rng_below(&rng, 100000);
        const char *side = rng_below(&rng, 2) != 0 ? "yes" : "no";
        if (strstr(type, "delta") != NULL) {
            buf_printf(&m,
                       "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":%zu,\"msg\":{"
                       "\"market_ticker\":\"KXGENERATED-26DEC24-T%u\",\"market_id\":"
                       "\"03137cd9-ae15-4c2c-afd9-9c88e467ceb9\",\"price_dollars\":\"0.%02u00\","
                       "\"delta_fp\":\"%s%u.%02u\",\"side\":\"%s\",\"ts\":"
                       "\"2026-12-24T12:00:00.%06uZ\",\"ts_ms\":%zu}}",
                       7000000 + i, px, px, rng_below(&rng, 2) != 0 ? "-" : "", qty / 100,
                       qty % 100, side, (unsigned)rng_below(&rng, 1000000), 1798113600000 + i);
        } else if (strstr(type, "trade") != NULL) {
            buf_printf(&m,
                       "{\"type\":\"trade\",\"sid\":2,\"seq\":%zu,\"msg\":{\"trade_id\":"
                       "\"c0d829d2-4e7f-54bd-b561-6e3e75a99cc1\",\"market_ticker\":"
                       "\"KXGENERATED-26DEC24-T%u\",\"yes_price_dollars\":\"0.%02u00\","
                       "\"no_price_dollars\":\"0.%02u00\",\"count_fp\":\"%u.%02u\",\"taker_side\":"
                       "\"%s\",\"taker_outcome_side\":\"%s\",\"taker_book_side\":\"ask\",\"ts\":"
                       "1798113600,\"ts_ms\":%zu}}",
                       500000 + i, px, px, 100 - px, qty / 100, qty % 100, side, side,
                       1798113600000 + i);
        } else {
            buf_str(&m, "{\"type\":\"orderbook_snapshot\",\"sid\":1,\"seq\":1,\"msg\":{"
                        "\"market_ticker\":\"KXGENERATED-26DEC24-T1\",\"market_id\":"
                        "\"03137cd9-ae15-4c2c-afd9-9c88e467ceb9\"");
            for (int s = 0; s < 2; s++) {
                buf_printf(&m, ",\"%s_dollars_fp\":[", s == 0 ? "yes" : "no");
                for (unsigned k = 1; k <= 40; k++) {
                    buf_printf(&m, "%s[\"0.%02u00\",\"%u.%02u\"]", k > 1 ? "," : "", k,
                               (unsigned)rng_below(&rng, 3000), (unsigned)rng_below(&rng, 100));
                }
                buf_char(&m, ']');
            }
            buf_str(&m, "}}");
        }
        add(in, all, (struct text){m.p, m.n}, hash);
        buf_finish(&m);
    }
}

bool wire_input_load(struct wire_input *in, const char *path, const char *type, size_t max)
{
    if (decoder.levels == NULL && wire_decoder_init(&decoder, 20000) != ST_OK) {
        exit(1);
    }
    *in = (struct wire_input){.source = path != NULL ? path : "generated, seed 1"};
    in->at = take(calloc(max, sizeof *in->at));
    in->len = take(calloc(max, sizeof *in->len));
    struct buf all;
    struct digest hash;
    buf_init(&all, (size_t)1 << 32);
    digest_init(&hash);
    bool ok = true;
    if (path != NULL) {
        ok = load_file(in, path, type, max, &all, &hash);
    } else {
        generate(in, type, max, &all, &hash);
    }
    in->bytes = take(all.p);
    digest_text(&hash, in->hash);
    return ok && !all.failed;
}

void wire_input_free(struct wire_input *in)
{
    free(in->bytes);
    free(in->at);
    free(in->len);
}

static long long sum(const struct wire_msg *m)
{
    long long v = (long long)(m->sid + m->seq) + m->ts_ms;
    switch (m->type) {
    case WIRE_DELTA:
        return v + m->u.delta.px + m->u.delta.qty + (long long)m->u.delta.ticker.n +
               (long long)m->u.delta.side;
    case WIRE_TRADE:
        return v + m->u.trade.yes_px + m->u.trade.qty + (long long)m->u.trade.ticker.n +
               (long long)m->u.trade.trade_id.n + (long long)m->u.trade.taker;
    case WIRE_SNAPSHOT:
        v += (long long)m->u.snapshot.ticker.n;
        for (uint32_t i = 0; i < m->u.snapshot.n_yes; i++) {
            v += m->u.snapshot.yes[i].px + m->u.snapshot.yes[i].qty;
        }
        for (uint32_t i = 0; i < m->u.snapshot.n_no; i++) {
            v += m->u.snapshot.no[i].px + m->u.snapshot.no[i].qty;
        }
        return v;
    case WIRE_FILL:
    case WIRE_OTHER:
    default:
        return v;
    }
}

static void must(enum status st)
{
    if (st != ST_OK) {
        fprintf(stderr, "bench_wire: %s\n", status_text(st));
        exit(1);
    }
}

long long wire_input_hot(const struct wire_input *in, size_t i)
{
    struct wire_msg m;
    must(wire_decode(&decoder, in->bytes + in->at[i], in->len[i], &m, NULL));
    return sum(&m);
}

long long wire_input_jansson(const struct wire_input *in, size_t i)
{
    struct wire_msg m;
    struct frame_doc *doc = NULL;
    must(frame_decode_hot(&decoder, in->bytes + in->at[i], in->len[i], &m, &doc));
    long long v = sum(&m);
    frame_doc_free(doc);
    return v;
}

double wire_input_clock(void)
{
    return (double)clock_mono() / 1e9;
}
