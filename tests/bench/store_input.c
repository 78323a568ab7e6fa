/* store_input.c - see store_input.h. */
#include "store_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "bus/record.h"

#define WALL_FIRST 1780000000000000000
#define LEVELS     40
#define RECORD_MAX (sizeof(struct ev_snapshot) + LEVELS * sizeof(struct level))
_Static_assert(RECORD_MAX >= sizeof(struct rec_order) && RECORD_MAX >= sizeof(struct rec_decision),
               "room for each kind");

struct making {
    struct rng rng;
    uint64_t ord, turn, decision;
    int64_t i; /* records before */
};

static struct ev header(struct making *m, uint16_t type, size_t size)
{
    uint64_t ord = ++m->ord;
    return (struct ev){.size = (uint32_t)size,
                       .type = type,
                       .source = EV_SRC_MARKET,
                       .mkt = (uint32_t)rng_below(&m->rng, 100),
                       .conn = 1,
                       .ord = ord,
                       .sid = 1,
                       .seq = ord,
                       .ts_ms = WALL_FIRST / 1000000 + m->i,
                       .recv_wall = WALL_FIRST + m->i * 1000,
                       .recv_mono = m->i * 1000};
}

static px_t any_px(struct making *m)
{
    return 100 * (1 + (px_t)rng_below(&m->rng, 99));
}

static size_t make_delta(struct making *m, void *out)
{
    struct ev_delta *d = out;
    *d = (struct ev_delta){.h = header(m, EV_DELTA, sizeof *d),
                           .px = any_px(m),
                           .qty = (qty_t)rng_below(&m->rng, 100000) - 50000,
                           .side = (uint32_t)rng_below(&m->rng, 2)};
    return sizeof *d;
}

static size_t make_trade(struct making *m, void *out)
{
    struct ev_trade *t = out;
    *t = (struct ev_trade){.h = header(m, EV_TRADE, sizeof *t),
                           .yes_px = any_px(m),
                           .qty = 1 + (qty_t)rng_below(&m->rng, 10000)};
    snprintf(t->trade_id, sizeof t->trade_id, "%08x-1111-2222-3333-%012llx",
             (unsigned)rng_below(&m->rng, UINT32_MAX), (unsigned long long)m->i);
    return sizeof *t;
}

static size_t make_snapshot(struct making *m, void *out)
{
    struct ev_snapshot *s = out;
    s->h = header(m, EV_SNAPSHOT, RECORD_MAX);
    s->n_yes = s->n_no = LEVELS / 2;
    for (uint32_t i = 0; i < LEVELS; i++) {
        s->levels[i] = (struct level){(px_t)(i % (LEVELS / 2) + 1) * 200,
                                      (qty_t)rng_below(&m->rng, 100000) + 1};
    }
    return RECORD_MAX;
}

static struct rec record_header(struct making *m, uint16_t type, size_t size)
{
    return (struct rec){.size = (uint32_t)size,
                        .type = type,
                        .mkt = (uint32_t)rng_below(&m->rng, 100),
                        .wall = WALL_FIRST + m->i * 1000};
}

static size_t make_turn(struct making *m, void *out)
{
    struct rec_turn *t = out;
    *t = (struct rec_turn){.h = record_header(m, REC_TURN, sizeof *t),
                           .turn = ++m->turn,
                           .mono = m->i * 1000,
                           .taken = {0, 0, 0, 3}};
    return sizeof *t;
}

static size_t make_decision(struct making *m, void *out)
{
    struct rec_decision *d = out;
    *d = (struct rec_decision){.h = record_header(m, REC_DECISION, sizeof *d),
                               .turn = m->turn,
                               .number = ++m->decision,
                               .last_ord = m->ord,
                               .book_version = m->ord,
                               .shared = 3,
                               .obs_hash = rng_next(&m->rng)};
    for (size_t i = 0; i < OBS_SIZE; i++) {
        d->obs[i] = (float)rng_below(&m->rng, 1000) / 1000.0F;
    }
    return sizeof *d;
}

static size_t make_step(struct making *m, void *out)
{
    struct rec_order *o = out;
    *o = (struct rec_order){.h = record_header(m, REC_ORDER, sizeof *o),
                            .number = (uint64_t)m->i,
                            .yes_px = any_px(m),
                            .qty = 100,
                            .ticker = "KXGOLD15M-26AUG102130-30",
                            .client_id = "df-0123456789abcdef-000000001",
                            .order_id = "01234567-89ab-cdef-0123-456789abcdef",
                            .from_name = "sent",
                            .to_name = "resting",
                            .event_name = "accepted"};
    return sizeof *o;
}

static size_t make_mixed(struct making *m, void *out)
{
    uint64_t at = rng_below(&m->rng, 1000);
    return at < 598   ? make_delta(m, out)
           : at < 608 ? make_trade(m, out)
           : at < 610 ? make_snapshot(m, out)
           : at < 800 ? make_turn(m, out)
           : at < 990 ? make_decision(m, out)
                      : make_step(m, out);
}

static void make(struct input *in, size_t n, size_t (*one)(struct making *, void *))
{
    struct making m = {.i = 0};
    struct digest d;
    rng_init(&m.rng, 1);
    in->n = n;
    in->bytes = calloc(n, RECORD_MAX);
    in->records = calloc(n, sizeof *in->records);
    if (in->bytes == NULL || in->records == NULL) {
        fprintf(stderr, "bench_store: out of memory\n");
        exit(1);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++, m.i++) {
        in->records[i] = in->bytes + at;
        at += one(&m, in->bytes + at);
    }
    digest_init(&d);
    digest_add(&d, in->bytes, at);
    digest_text(&d, in->hash);
}

void input_deltas(struct input *in, size_t n)
{
    in->name = "deltas";
    make(in, n, make_delta);
}

void input_mix(struct input *in, size_t n)
{
    in->name = "mix";
    make(in, n, make_mixed);
}

void input_finish(struct input *in)
{
    free(in->bytes);
    free(in->records);
}
