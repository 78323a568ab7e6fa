/*
 * fuzz_match.c - the matching engine under operations, times and switches that the input chooses,
 * on two native markets and a recorded one.
 *
 * Whatever comes, after each operation: every invariant of match_check() holds, money over all
 * accounts is what was put in, the deltas that were told make the book that is there, fills pay no
 * negative fee and add up with the trades, and a refused order changes nothing.
 *
 * Input: four bytes of switches, then for each operation a byte and what it needs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "match/match.h"

#define MARKETS    3
#define RECORDED   2 /* the last one */
#define ACCOUNTS   5
#define OWNERS     3
#define START_CASH (50 * USD_ONE)
#define KEPT       16
#define OPS_MAX    600

struct input {
    const uint8_t *p;
    size_t n;
};

struct world {
    struct match *m;
    wall_ns_t now;
    usd_t deposits;
    uint64_t ids[KEPT], groups[4];
    uint32_t next;
    bool settled[MARKETS], closed[MARKETS];
    struct grid grid[MARKETS];
    qty_t told[MARKETS][2][PX_ONE];
    bool unknown[MARKETS]; /* told is to be read from the book: after a snapshot or a close */
};

static uint8_t take(struct input *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->p++;
}

static px_t take_px(const struct world *w, struct input *in, uint32_t market)
{
    const struct grid *g = &w->grid[market];
    uint8_t x = take(in);
    if (x == 255) { /* any price at all */
        return (px_t)take(in) << 8 | take(in);
    }
    /* Near the middle, so that orders meet. */
    int32_t i = g->levels / 2 + (int32_t)(x % 16) - 8;
    return grid_px(g, i < 0 ? 0 : i >= g->levels ? g->levels - 1 : i);
}

static qty_t take_qty(struct input *in)
{
    uint8_t x = take(in);
    return x == 255 ? (qty_t)take(in) << 32 : x >= 128 ? (x - 127) * QTY_ONE : x;
}

static enum side take_side(struct input *in)
{
    return take(in) & 1 ? SIDE_NO : SIDE_YES;
}

/* --- what must hold --- */

static void read_book(struct world *w, uint32_t market)
{
    static struct level lv[PX_ONE];
    memset(w->told[market], 0, sizeof w->told[market]);
    for (int s = 0; s < 2; s++) {
        size_t n = match_levels(w->m, market, (enum side)s, lv, PX_ONE);
        for (size_t i = 0; i < n; i++) {
            w->told[market][s][lv[i].px] = lv[i].qty;
        }
    }
    w->unknown[market] = false;
}

static void check_result(struct world *w)
{
    struct match_result r = match_result(w->m);
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        const struct match_delta *d = &r.deltas[i];
        ensure(d->market < MARKETS && d->px > 0 && d->px < PX_ONE && d->qty != 0);
        w->told[d->market][d->side][d->px] += d->qty;
    }
    for (uint32_t i = 0; i < r.n_deltas; i++) {
        const struct match_delta *d = &r.deltas[i];
        ensure(w->unknown[d->market] || w->told[d->market][d->side][d->px] ==
                                            match_level_qty(w->m, d->market, d->side, d->px));
    }
    qty_t traded = 0;
    qty_t takers = 0;
    qty_t makers = 0;
    for (uint32_t i = 0; i < r.n_trades; i++) {
        ensure(r.trades[i].qty > 0 && r.trades[i].yes_px > 0 && r.trades[i].yes_px < PX_ONE);
        traded += r.trades[i].qty;
    }
    for (uint32_t i = 0; i < r.n_fills; i++) {
        ensure(r.fills[i].fee >= 0 && r.fills[i].qty > 0);
        *(r.fills[i].is_taker ? &takers : &makers) += r.fills[i].qty;
    }
    ensure(takers <= traded && makers <= traded);
    for (uint32_t i = 0; i < r.n_updates; i++) {
        const struct match_order *o = &r.updates[i];
        ensure((o->status == MATCH_RESTING) == (match_order_get(w->m, o->id) != NULL));
        ensure((o->status == MATCH_RESTING) == (o->remaining > 0));
        ensure(o->filled + o->remaining <= o->initial);
    }
    for (uint32_t k = 0; k < MARKETS; k++) {
        if (w->unknown[k]) {
            read_book(w, k);
        }
    }
}

static void check_world(const struct world *w)
{
    const char *why = NULL;
    if (!match_check(w->m, &why)) {
        fprintf(stderr, "match_check: %s\n", why);
        abort();
    }
    struct match_money s = match_money(w->m);
    ensure(s.cash + s.anon_cash + s.collateral + s.fees + s.cut - s.deposits ==
           OWNERS * START_CASH);
    ensure(s.deposits == w->deposits);
    for (uint32_t k = 0; k < RECORDED; k++) {
        px_t yes = match_best(w->m, k, SIDE_YES);
        px_t no = match_best(w->m, k, SIDE_NO);
        ensure(yes == 0 || no == 0 || yes + no < PX_ONE);
    }
}

/* --- operations --- */

static void place(struct world *w, struct input *in)
{
    uint8_t how = take(in);
    uint8_t flags = take(in);
    struct match_request r = {
        .account = take(in) % (ACCOUNTS + 2),
        .market = (how >> 2) % (MARKETS + 1),
        .side = (how & 1) != 0 ? SIDE_NO : SIDE_YES,
        .tif = (enum match_tif)((how >> 4) % 3),
        .stp = (how & 2) != 0 ? MATCH_STP_MAKER : MATCH_STP_TAKER,
        .post_only = (flags & 1) != 0,
        .reduce_only = (flags & 2) != 0,
        .cancel_on_pause = (flags & 4) != 0,
        .group = (flags & 8) != 0 ? w->groups[(flags >> 4) & 3] : 0,
        .tag = how,
    };
    r.px = take_px(w, in, r.market < MARKETS ? r.market : 0);
    r.qty = take_qty(in);
    r.expires = (flags & 128) != 0 ? w->now + take(in) * NS_PER_MS : 0;
    struct match_money before = match_money(w->m);
    uint64_t id = 0;
    enum match_verdict v = match_place(w->m, &r, w->now, &id);
    struct match_result out = match_result(w->m);
    if (v == MATCH_ACCEPTED) {
        ensure(id != 0 && out.n_updates > 0);
        const struct match_order *o = &out.updates[out.n_updates - 1];
        ensure(r.tif == MATCH_GTC || o->status != MATCH_RESTING);
        w->ids[w->next++ % KEPT] = id;
    } else {
        struct match_money after = match_money(w->m);
        ensure(out.n_deltas + out.n_trades + out.n_fills + out.n_updates + out.n_triggered == 0);
        ensure(before.cash == after.cash && before.fees == after.fees);
    }
}

static void change(struct world *w, struct input *in)
{
    uint64_t id = w->ids[take(in) % KEPT];
    uint8_t how = take(in);
    qty_t reduced = 0;
    enum match_verdict v = MATCH_ACCEPTED;
    const struct match_order *o = match_order_get(w->m, id);
    uint32_t market = o != NULL ? o->market : 0;
    if (how < 64) {
        (void)!match_cancel(w->m, id, (enum match_reason)(how % MATCH_BECAUSE_MAX), w->now,
                            &reduced);
    } else if (how < 128) {
        (void)!match_decrease(w->m, id, take_qty(in), w->now);
    } else {
        struct match_amendment a = {.px = take_px(w, in, market), .total = take_qty(in)};
        a.has_expires = (how & 1) != 0;
        a.expires = a.has_expires && (how & 2) != 0 ? w->now + take(in) * NS_PER_MS : 0;
        enum status st = match_amend_order(w->m, id, &a, w->now, &v);
        ensure(st != ST_OK || o != NULL);
        ensure(st != ST_INVALID || v != MATCH_ACCEPTED);
    }
}

static void group(struct world *w, struct input *in)
{
    uint8_t how = take(in);
    uint64_t *g = &w->groups[how & 3];
    qty_t limit = take_qty(in);
    uint64_t made = 0;
    switch ((how >> 2) % 5) {
    case 0:
        if (match_group_get(w->m, *g) == NULL &&
            match_group_create(w->m, 1 + (how >> 5) % ACCOUNTS, limit, &made) == ST_OK) {
            *g = made;
        }
        break;
    case 1:
        (void)!match_group_trigger(w->m, *g, w->now);
        break;
    case 2:
        (void)!match_group_reset(w->m, *g, w->now);
        break;
    case 3:
        (void)!match_group_limit(w->m, *g, limit, w->now);
        break;
    default:
        (void)!match_group_delete(w->m, *g, w->now);
        break;
    }
}

static void anonymous(struct world *w, struct input *in)
{
    uint8_t how = take(in);
    uint32_t market = how % RECORDED;
    enum side side = take_side(in);
    px_t px = take_px(w, in, market);
    qty_t qty = take_qty(in);
    if ((how & 8) != 0) {
        qty_t had = match_anon_qty(w->m, market, side, px);
        ensure(match_anon_remove(w->m, market, side, px, qty) <= had);
    } else {
        qty_t took = match_anon_place(w->m, market, side, px, qty, (how & 4) != 0, w->now);
        ensure(took >= 0 && took <= (qty > 0 ? qty : 0));
    }
}

static void snapshot(struct world *w, struct input *in)
{
    struct level lv[2][4];
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < 4; i++) {
            lv[s][i] = (struct level){take_px(w, in, RECORDED), take_qty(in)};
        }
    }
    size_t n = take(in);
    (void)!match_rec_snapshot(w->m, RECORDED, lv[0], n % 5, lv[1], (n >> 4) % 5, w->now);
    w->unknown[RECORDED] = true;
}

static void recorded(struct world *w, struct input *in)
{
    uint8_t how = take(in);
    if (how >= 240) {
        snapshot(w, in);
        return;
    }
    enum side side = (how & 1) != 0 ? SIDE_NO : SIDE_YES;
    px_t px = take_px(w, in, RECORDED);
    qty_t qty = take_qty(in);
    int64_t ts = w->now / NS_PER_MS - (how & 2);
    if ((how & 4) != 0) {
        match_rec_trade(w->m, RECORDED, side, px, qty, ts, w->now);
        struct match_result r = match_result(w->m);
        qty_t filled = 0;
        for (uint32_t i = 0; i < r.n_fills; i++) {
            ensure(!r.fills[i].is_taker);
            filled += r.fills[i].qty;
        }
        ensure(filled <= qty);
    } else if (qty > 0) {
        (void)!match_rec_delta(w->m, RECORDED, side, px, (how & 8) != 0 ? -qty : qty, ts, w->now);
    }
}

static void life(struct world *w, struct input *in)
{
    static const char *const structures[] = {"linear_cent", "deci_cent", "tapered_deci_cent",
                                             "center_half_edge_quint_cent"};
    uint8_t how = take(in);
    uint32_t k = how % MARKETS;
    struct match_fees fees;
    switch ((how >> 2) % 8) {
    case 0:
        match_access(w->m, k, (enum match_access)((how >> 5) % 3), w->now);
        break;
    case 1:
        match_cancel_market(w->m, k, MATCH_BECAUSE_HALT, w->now);
        break;
    case 2:
        if (grid_named(&w->grid[k], structures[(how >> 5) & 3]) == ST_OK) {
            ensure(match_set_grid(w->m, k, &w->grid[k], w->now) == ST_OK);
        }
        break;
    case 3:
        ensure(match_fees_named("quadratic_with_combo_maker_fees", (how >> 5) * 400000, &fees) ==
               ST_OK);
        fees.waived_until = (how & 128) != 0 ? w->now + NS_PER_SEC : 0;
        match_set_fees(w->m, k, &fees);
        break;
    case 4:
        match_halt(w->m, k, (how & 128) != 0);
        break;
    case 5:
        if ((how & 128) != 0 && !w->settled[k]) {
            match_close(w->m, k, w->now);
            w->closed[k] = true;
            w->unknown[k] = true;
        }
        break;
    case 6:
        if (w->closed[k] && !w->settled[k] && (how & 128) != 0) {
            match_settle(w->m, k, (px_t)take(in) * PX_ONE / 255, w->now);
            w->settled[k] = true;
        }
        break;
    default:
        if (w->closed[k] && !w->settled[k]) {
            match_reopen(w->m, k);
            w->closed[k] = false;
        }
        break;
    }
}

static void cash(struct world *w, struct input *in)
{
    uint8_t how = take(in);
    usd_t amount = ((usd_t)take(in) - 64) * USD_ONE / 4;
    uint32_t account = 1 + how % ACCOUNTS;
    if ((how & 128) != 0) {
        (void)!match_transfer(w->m, account, (how >> 3) % (ACCOUNTS + 2), amount);
    } else if (match_deposit(w->m, account, amount) == ST_OK) {
        w->deposits += amount;
    }
}

/* false: the input is at its end. */
static bool step(struct world *w, struct input *in)
{
    if (in->n == 0) {
        return false;
    }
    uint8_t what = take(in);
    w->now += (what >> 4) * (what >> 4) * 20 * NS_PER_MS;
    match_expire(w->m, INT64_MIN); /* an empty result: some calls do not start one */
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
    case 3:
        place(w, in);
        break;
    case 4:
    case 5:
        change(w, in);
        break;
    case 6:
        group(w, in);
        break;
    case 7:
        anonymous(w, in);
        break;
    case 8:
    case 9:
        recorded(w, in);
        break;
    case 10:
        life(w, in);
        break;
    default:
        if ((what & 16) != 0) {
            cash(w, in);
        } else if ((what & 32) != 0) {
            (void)match_cancel_all(w->m, 1 + take(in) % ACCOUNTS, w->now);
        } else {
            match_expire(w->m, w->now);
            ensure(match_next_expiry(w->m) > w->now);
        }
        break;
    }
    return true;
}

static void world_make(struct world *w, struct input *in)
{
    uint8_t a = take(in);
    uint8_t b = take(in);
    struct match_config c = {
        .max_markets = MARKETS,
        .max_accounts = ACCOUNTS,
        .max_orders = 1 + take(in) % 64U,
        .max_owner_orders = take(in) % 16U,
        .queue = (enum match_queue)(a % 3),
        .entry = (b & 1) != 0 ? MATCH_ENTRY_CASH : MATCH_ENTRY_RESTING,
        .post_only_cancels = (b & 2) != 0,
        .fok_cancels = (b & 4) != 0,
        .self_per_account = (b & 8) != 0,
        .grain = (b & 16) != 0 ? 10000 : 0,
    };
    ensure(match_create(&c, &w->m) == ST_OK);
    struct match_fees fees;
    ensure(match_fees_named("quadratic_with_maker_fees", 1000000, &fees) == ST_OK);
    for (uint32_t k = 0; k < MARKETS; k++) {
        uint32_t at = 0;
        w->grid[k] = grid_cents();
        ensure(match_add_market(w->m, &w->grid[k], &fees, k == RECORDED, &at) == ST_OK);
    }
    for (uint32_t i = 1; i <= ACCOUNTS; i++) {
        uint32_t at = 0;
        ensure((i <= OWNERS ? match_add_account(w->m, START_CASH, &at)
                            : match_add_subaccount(w->m, i - OWNERS, &at)) == ST_OK);
    }
    w->now = NS_PER_SEC;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct world *w = calloc(1, sizeof *w);
    ensure(w != NULL);
    world_make(w, &in);
    for (int i = 0; i < OPS_MAX && step(w, &in); i++) {
        check_result(w);
        check_world(w);
    }
    match_destroy(w->m);
    free(w);
    return 0;
}
