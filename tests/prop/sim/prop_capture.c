/*
 * Recorded flow never fills what it could not have filled: a client places and cancels random
 * orders through whole recordings, under each queue model, and its fills are held against what the
 * recording holds, read by this test's own few lines (zstd's command and jansson).
 *
 * For each of its orders of an outcome at own price p, from its arrival to its end:
 * - fills as maker are at most what was traded with bids of that outcome at prices up to p, plus
 *   what was bid for the other outcome at prices that cross p. Trade through: strictly below p, and
 *   strictly crossing.
 * - At p itself an order stands behind the size that it found there: what trades at p fill is at
 *   most what was removed at p less that size. Pessimistic: only trades, and a level that shrinks
 *   below what is ahead, bring it forward; what trades fill is what goes beyond that.
 * - All orders up to p together are filled at most by all that volume: nothing fills twice.
 * Fills as taker at a price are at most all that was ever offered there.
 */
#include "unit/sim/sim_fixture.h"

#include <unistd.h>

#include "base/rng.h"
#include "match/match.h"

#define CENTS      100
#define ORDERS_MAX 4000
#define SETTLES_MS 1000 /* a trade and its removal are so close together */

enum kind { TRADED, ADDED, REMOVED, REBASED };

struct event {
    int64_t ms; /* receive time */
    enum kind kind;
    int side; /* whose bids: 0 YES, 1 NO */
    int cents;
    qty_t qty;
};

struct tape_copy {
    struct event *v;
    size_t n, cap;
    int64_t first_ms;
    qty_t offered[2][CENTS + 1]; /* all that ever stood there */
};

struct placed {
    char id[40];
    int side, cents;
    int64_t from_ms, to_ms;
    qty_t ahead; /* recorded size at its price when it came */
    bool clean;  /* nobody took from that level, and no snapshot since: ahead is exact */
    qty_t maker;
};

static void keep(struct tape_copy *t, struct event e)
{
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 4096 : t->cap * 2;
        t->v = realloc(t->v, t->cap * sizeof *t->v);
        assert_non_null(t->v);
    }
    t->v[t->n++] = e;
    if (e.kind == ADDED || e.kind == REBASED) {
        t->offered[e.side][e.cents] += e.qty;
    }
}

static int cents_of(const char *s)
{
    px_t px = 0;
    assert_int_equal(px_parse(s, strlen(s), &px), ST_OK);
    assert_int_equal(px % PX_CENT, 0);
    return (int)(px / PX_CENT);
}

static qty_t qty_of(const char *s)
{
    qty_t q = 0;
    assert_int_equal(qty_parse(s, strlen(s), &q), ST_OK);
    return q;
}

static void read_snapshot(struct tape_copy *t, json_t *msg, int64_t ms)
{
    static const char *const keys[] = {"yes_dollars_fp", "no_dollars_fp"};
    keep(t, (struct event){ms, REBASED, 0, 0, 0}); /* everything before is gone */
    for (int s = 0; s < 2; s++) {
        json_t *lv = json_object_get(msg, keys[s]);
        for (size_t i = 0; i < json_array_size(lv); i++) {
            json_t *row = json_array_get(lv, i);
            keep(t,
                 (struct event){ms, REBASED, s, cents_of(json_string_value(json_array_get(row, 0))),
                                qty_of(json_string_value(json_array_get(row, 1)))});
        }
    }
}

static void read_line(struct tape_copy *t, json_t *j)
{
    json_t *event = json_object_get(j, "event");
    json_t *msg = json_object_get(event, "msg");
    int64_t ms = json_integer_value(json_object_get(j, "recv_ms"));
    const char *type = fix_text(event, "type");
    t->first_ms = t->first_ms == 0 ? ms : t->first_ms;
    if (strcmp(type, "orderbook_snapshot") == 0) {
        read_snapshot(t, msg, ms);
    } else if (strcmp(type, "orderbook_delta") == 0) {
        qty_t d = qty_of(fix_text(msg, "delta_fp"));
        int s = strcmp(fix_text(msg, "side"), "yes") != 0;
        keep(t, (struct event){ms, d > 0 ? ADDED : REMOVED, s,
                               cents_of(fix_text(msg, "price_dollars")), d > 0 ? d : -d});
    } else if (strcmp(type, "trade") == 0) {
        int s = strcmp(fix_text(msg, "taker_side"), "yes") == 0; /* the maker's */
        keep(t, (struct event){
                    ms, TRADED, s,
                    cents_of(fix_text(msg, s == 0 ? "yes_price_dollars" : "no_price_dollars")),
                    qty_of(fix_text(msg, "count_fp"))});
    }
}

static void read_tape(struct tape_copy *t, const char *path)
{
    static char line[1 << 20];
    char command[600];
    snprintf(command, sizeof command, "zstd -dcqf '%s'", path);
    FILE *in = popen(command, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        json_t *j = json_loads(line, 0, NULL);
        assert_non_null(j);
        read_line(t, j);
        json_decref(j);
    }
    pclose(in);
    assert_true(t->n > 1000);
}

/* --- the client --- */

struct client {
    struct fix f;
    const struct tape_copy *t;
    struct peer *p;             /* follows its orders */
    bool careful;               /* never takes, and has few orders at a time */
    size_t read;                /* events up to now */
    qty_t book[2][CENTS + 1];   /* the recorded one */
    bool touched[2][CENTS + 1]; /* the client took from it */
    struct placed *o;
    size_t n;
    int64_t now_ms;
    wall_ns_t start;
};

/* Recorded size that arrives across an order of the client fills it and is not shown. */
static void mark_crossed(struct client *c, const struct event *e)
{
    for (size_t i = 0; i < c->n && e->kind != REMOVED; i++) {
        const struct placed *o = &c->o[i];
        if (o->to_ms == INT64_MAX && o->side != e->side && o->cents + e->cents >= CENTS) {
            c->touched[e->side][e->cents] = true;
        }
    }
}

/* Which orders are filled, from the client's own messages. */
static void hear(struct client *c)
{
    for (size_t i = 0; i < json_array_size(c->p->frames); i++) {
        json_t *j = json_array_get(c->p->frames, i);
        for (size_t k = c->n; k > 0 && strcmp(fix_text(j, "msg/status"), "executed") == 0; k--) {
            if (strcmp(c->o[k - 1].id, fix_text(j, "msg/order_id")) == 0) {
                c->o[k - 1].to_ms = c->now_ms;
            }
        }
    }
    json_array_clear(c->p->frames);
}

static void follow(struct client *c)
{
    c->now_ms = c->t->first_ms + (c->f.wall - c->start) / NS_PER_MS;
    for (; c->read < c->t->n && c->t->v[c->read].ms <= c->now_ms; c->read++) {
        const struct event *e = &c->t->v[c->read];
        if (e->kind == REBASED && e->cents == 0) {
            memset(c->book, 0, sizeof c->book);
            for (size_t i = 0; i < c->n; i++) {
                c->o[i].clean &= c->o[i].to_ms != INT64_MAX;
            }
        } else if (e->kind != TRADED) {
            qty_t *q = &c->book[e->side][e->cents];
            *q += e->kind == REMOVED ? -e->qty : e->qty;
            c->touched[e->side][e->cents] &= *q != 0; /* a level that was empty is as recorded */
            mark_crossed(c, e);
        }
    }
}

static int best_of(const struct client *c, int side)
{
    int p = CENTS - 1;
    while (p > 0 && c->book[side][p] == 0) {
        p--;
    }
    return p;
}

static void place(struct client *c, struct rng *r)
{
    char body[512];
    int side = (int)rng_below(r, 2);
    int cents = best_of(c, side) + 3 - (int)rng_below(r, 8);
    bool ioc = rng_below(r, 6) == 0 && !c->careful;
    cents = c->careful ? best_of(c, side) - (int)rng_below(r, 3) : cents;
    cents = cents < 1 ? 1 : cents > 99 ? 99 : cents;
    int yes_cents = side == 0 ? cents : CENTS - cents;
    snprintf(body, sizeof body,
             "{\"ticker\":\"%s\",\"side\":\"%s\",\"count\":\"%d.%02d\",\"price\":\"0.%02d00\","
             "\"time_in_force\":\"%s\",\"post_only\":%s,\"self_trade_prevention_type\":\"maker\"}",
             sim_market(c->f.sim, 0), side == 0 ? "bid" : "ask", 1 + (int)rng_below(r, 300),
             (int)rng_below(r, 100), yes_cents, ioc ? "immediate_or_cancel" : "good_till_canceled",
             c->careful ? "true" : "false");
    follow(c);
    int status = fix_request(&c->f, KEY_A, "POST", "/portfolio/events/orders", body);
    assert_true(status == 201 || status == 400);
    if (status != 201 || c->n == ORDERS_MAX) {
        return;
    }
    struct placed *o = &c->o[c->n++];
    *o = (struct placed){.side = side, .cents = cents, .from_ms = c->now_ms, .to_ms = INT64_MAX};
    snprintf(o->id, sizeof o->id, "%s", fix_text(c->f.body, "order_id"));
    o->ahead = c->book[side][cents];
    o->clean = !c->touched[side][cents];
    if (strcmp(fix_text(c->f.body, "fill_count"), "0.00") != 0) { /* it took: those levels differ */
        for (int p = CENTS - cents; p < CENTS; p++) {
            c->touched[1 - side][p] = true;
        }
    }
}

static void cancel_one(struct client *c, struct rng *r)
{
    char path[128];
    size_t live = c->careful ? 4 : 20;
    if (c->n == 0) {
        return;
    }
    struct placed *o = &c->o[c->n - 1 - rng_below(r, c->n < live ? c->n : live)];
    follow(c);
    snprintf(path, sizeof path, "/portfolio/events/orders/%s", o->id);
    if (fix_request(&c->f, KEY_A, "DELETE", path, NULL) == 200) {
        o->to_ms = c->now_ms;
    }
}

/* --- what the recording could have filled --- */

struct queue { /* of an order that stands at the end of its level */
    qty_t size, ahead;
    qty_t reached; /* traded beyond what was ahead */
};

static void queue_follow(struct queue *q, const struct event *e)
{
    if (e->kind == TRADED) {
        qty_t eaten = e->qty < q->ahead ? e->qty : q->ahead;
        q->ahead -= eaten;
        q->reached += e->qty - eaten;
    } else {
        q->size += e->kind == REMOVED ? -e->qty : e->qty;
        q->ahead = q->ahead < q->size ? q->ahead : q->size;
    }
}

static qty_t could_fill(const struct client *c, const struct placed *o, enum match_queue model)
{
    bool strict = model == MATCH_QUEUE_TRADE_THROUGH;
    qty_t through = 0; /* trades below p, and opposite size that crosses */
    qty_t at = 0;      /* trades at p */
    qty_t removed = 0; /* at p */
    struct queue queue = {o->ahead, o->ahead, 0};
    for (size_t i = 0; i < c->t->n; i++) {
        const struct event *e = &c->t->v[i];
        if (e->ms <= o->from_ms || (o->to_ms != INT64_MAX && e->ms > o->to_ms + SETTLES_MS)) {
            continue;
        }
        int cross = e->cents + o->cents - CENTS;
        if (e->side == o->side && e->cents == o->cents) {
            queue_follow(&queue, e);
            at += e->kind == TRADED ? e->qty : 0;
            removed += e->kind == REMOVED ? e->qty : 0;
        } else if (e->side == o->side) {
            through += e->kind == TRADED && e->cents < o->cents ? e->qty : 0;
        } else if (e->kind == ADDED || e->kind == REBASED) {
            through += cross > 0 || (cross == 0 && !strict) ? e->qty : 0;
        }
    }
    if (strict || !o->clean) {
        return strict ? through : through + at;
    }
    qty_t passed = removed > o->ahead ? removed - o->ahead : 0;
    passed = passed < at ? passed : at;
    return through +
           (model == MATCH_QUEUE_PESSIMISTIC && queue.reached < passed ? queue.reached : passed);
}

static void take_fills(struct client *c, json_t *d, qty_t taken[2][CENTS + 1])
{
    json_t *fills = json_object_get(d, "fills");
    for (size_t i = 0; i < json_array_size(fills); i++) {
        json_t *x = json_array_get(fills, i);
        qty_t q = qty_of(fix_text(x, "count"));
        int side = strcmp(fix_text(x, "outcome"), "yes") != 0;
        int yes = cents_of(fix_text(x, "yes_price"));
        if (json_is_true(json_object_get(x, "is_taker"))) {
            taken[1 - side][side == 0 ? CENTS - yes : yes] += q; /* the bids it met */
            continue;
        }
        size_t k = 0;
        while (k < c->n && strcmp(c->o[k].id, fix_text(x, "order_id")) != 0) {
            k++;
        }
        assert_true(k < c->n);
        assert_int_equal(c->o[k].cents, side == 0 ? yes : CENTS - yes);
        c->o[k].maker += q;
    }
}

static void check_together(const struct client *c, enum match_queue model)
{
    for (int side = 0; side < 2; side++) {
        for (int p = 1; p < CENTS; p++) {
            qty_t filled = 0;
            for (size_t i = 0; i < c->n; i++) {
                filled += c->o[i].side == side && c->o[i].cents <= p ? c->o[i].maker : 0;
            }
            struct placed all = {.side = side, .cents = p, .to_ms = INT64_MAX};
            assert_true(filled <= could_fill(c, &all, model));
        }
    }
}

static void check(struct client *c, enum match_queue model)
{
    static qty_t taken[2][CENTS + 1];
    size_t makers = 0;
    qty_t all = 0;
    memset(taken, 0, sizeof taken);
    json_t *d = fix_dump(&c->f);
    take_fills(c, d, taken);
    for (size_t i = 0; i < c->n; i++) {
        const struct placed *o = &c->o[i];
        makers += o->maker > 0;
        all += o->maker;
        qty_t most = o->maker > 0 ? could_fill(c, o, model) : 0;
        if (o->maker > most) {
            fail_msg(
                "order %zu of outcome %d at %d, %lld to %lld: filled %lld, the recording had %lld",
                i, o->side, o->cents, (long long)o->from_ms, (long long)o->to_ms,
                (long long)o->maker, (long long)most);
        }
    }
    check_together(c, model);
    for (int p = 1; p < CENTS; p++) {
        assert_true(taken[0][p] <= c->t->offered[0][p] && taken[1][p] <= c->t->offered[1][p]);
    }
    print_message("model %d: %zu orders, %zu filled as maker, %lld contracts\n", (int)model, c->n,
                  makers, (long long)(all / QTY_ONE));
    assert_true(c->n > 200 && makers > 15);
    json_decref(d);
}

static void client_trades_through(const char *path, const struct tape_copy *t,
                                  enum match_queue model, uint64_t seed)
{
    struct sim_config k = sim_config_default();
    struct client c = {.t = t};
    struct rng r;
    rng_init(&r, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    k.captures = &path;
    k.n_captures = 1;
    k.queue_model = (int)model;
    k.wait_for_client = false;
    k.balance = 1000000 * USD_ONE;
    k.read_rate = k.read_capacity = k.write_rate = k.write_capacity = 1000000000;
    c.f = fix_make(k);
    c.o = calloc(ORDERS_MAX, sizeof *c.o);
    assert_non_null(c.o);
    c.careful = seed % 2 == 0;
    c.p = fix_connect(&c.f, KEY_A);
    fix_frame(&c.f, c.p,
              "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"user_orders\"]}}");
    fix_advance(&c.f, 0);
    c.start = c.f.wall;
    while (!sim_finished(c.f.sim)) {
        fix_advance(&c.f, (1 + (mono_ns_t)rng_below(&r, 500)) * NS_PER_MS);
        follow(&c);
        hear(&c);
        if (rng_below(&r, 5) >= (c.careful ? 3 : 2)) {
            place(&c, &r);
        } else {
            cancel_one(&c, &r);
        }
    }
    check(&c, model);
    fix_disconnect(&c.f, c.p);
    free(c.o);
    fix_end(&c.f);
}

static void through(const char *name, enum match_queue model)
{
    char path[512];
    if (!shared_path(name, path, sizeof path)) {
        skip();
    }
    struct tape_copy t = {0};
    read_tape(&t, path);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        client_trades_through(path, &t, model, seed + 10 * (uint64_t)model);
    }
    free(t.v);
}

#define QUIET     "data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst"
#define RECONNECT "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102030-30.jsonl.zst"

static void pessimistic_fills_are_in_the_recording(void **state)
{
    (void)state;
    through(QUIET, MATCH_QUEUE_PESSIMISTIC);
    through(RECONNECT, MATCH_QUEUE_PESSIMISTIC);
}

static void proportional_fills_are_in_the_recording(void **state)
{
    (void)state;
    through(QUIET, MATCH_QUEUE_PROPORTIONAL);
    through(RECONNECT, MATCH_QUEUE_PROPORTIONAL);
}

static void trade_through_fills_are_in_the_recording(void **state)
{
    (void)state;
    through(QUIET, MATCH_QUEUE_TRADE_THROUGH);
    through(RECONNECT, MATCH_QUEUE_TRADE_THROUGH);
}

/* A recording of generated flow: five minutes of one market, with its close. */
static void record(char *path)
{
    struct sim_config k = sim_config_default();
    k.markets = 1;
    k.rate = 40;
    k.seed = 12;
    k.duration_ns = 300 * NS_PER_SEC;
    struct fix f = fix_make(k);
    struct peer *p = fix_connect(&f, KEY_A);
    char text[512];
    snprintf(text, sizeof text,
             "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":[\"orderbook_delta\","
             "\"trade\"],\"market_ticker\":\"%s\"}}",
             sim_market(f.sim, 0));
    fix_frame(&f, p, text);
    FILE *out = fdopen(mkstemp(path), "w");
    assert_non_null(out);
    while (!sim_finished(f.sim)) {
        for (size_t i = 0; i < json_array_size(p->frames); i++) {
            json_t *j = json_array_get(p->frames, i);
            if (strcmp(fix_text(j, "type"), "subscribed") != 0) {
                char *frame = json_dumps(j, JSON_COMPACT);
                fprintf(out, "{\"recv_ms\":%lld,\"event\":%s}\n", (long long)(f.wall / NS_PER_MS),
                        frame);
                free(frame);
            }
        }
        json_array_clear(p->frames);
        mono_ns_t next = sim_deadline(f.sim);
        fix_advance(&f, next > f.now ? next - f.now : 0);
    }
    fclose(out);
    fix_disconnect(&f, p);
    fix_end(&f);
}

static void fills_of_a_generated_recording_are_in_it_too(void **state)
{
    (void)state;
    char path[] = "/tmp/prop-capture-XXXXXX";
    struct tape_copy t = {0};
    record(path);
    read_tape(&t, path);
    for (int model = MATCH_QUEUE_PESSIMISTIC; model <= MATCH_QUEUE_TRADE_THROUGH; model++) {
        for (uint64_t seed = 31; seed <= 32; seed++) {
            client_trades_through(path, &t, (enum match_queue)model, seed);
        }
    }
    free(t.v);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pessimistic_fills_are_in_the_recording),
        cmocka_unit_test(proportional_fills_are_in_the_recording),
        cmocka_unit_test(trade_through_fills_are_in_the_recording),
        cmocka_unit_test(fills_of_a_generated_recording_are_in_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
