/*
 * real_quiet.c - what must hold when nothing is under way.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "world/real_int.h"

#define LEVELS 2048
#define OPEN   64

/* False, and why is kept. */
#define MUST(r, cond, ...)                                                                         \
    if (!(cond)) {                                                                                 \
        real_forbid(r, __VA_ARGS__);                                                               \
        return false;                                                                              \
    }

/* --- books --- */

static bool same_side(struct real *r, uint32_t mkt, const struct book *book, enum side side)
{
    static struct level levels[LEVELS];
    uint32_t n = truth_levels(r->sim, r->markets[mkt].ticker, side, levels, LEVELS);
    r->checked[CHECK_BOOKS]++;
    MUST(r, n == book_levels(book, side), "market %u: a book of %u levels, exchange %u", mkt,
         book_levels(book, side), n)
    for (uint32_t i = 0; i < n; i++) {
        qty_t here = book_qty(book, side, levels[i].px);
        MUST(r, here == levels[i].qty,
             "market %u: %" PRId64 " contracts at %" PRId64 ", exchange %" PRId64, mkt, here,
             levels[i].px, levels[i].qty)
    }
    return true;
}

static bool books_agree(struct real *r)
{
    if (truth_flow_until(r->sim) > r->now) {
        return true; /* they never stand still */
    }
    for (uint32_t i = 0; i < r->n_markets; i++) {
        struct engine_market m;
        bool there = engine_market(r->engine, i, &m);
        MUST(r, there && m.seen && !m.stale, "market %u: no book after a quiet period", i)
        if (!same_side(r, i, m.book, SIDE_YES) || !same_side(r, i, m.book, SIDE_NO)) {
            return false;
        }
    }
    return true;
}

/* --- money --- */

static bool account_agrees(struct real *r)
{
    const struct orders *o = engine_orders(r->engine);
    const struct account *a = orders_account(o);
    for (uint32_t i = 0; i < r->n_markets; i++) {
        struct truth_position p = truth_position(r->sim, r->markets[i].ticker);
        const struct holding *h = &a->holdings[orders_holding(o, i)];
        r->checked[CHECK_POSITIONS]++;
        MUST(r, p.qty == h->position, "market %u: position %" PRId64 ", exchange %" PRId64, i,
             h->position, p.qty)
        MUST(r, p.cost == h->cost, "market %u: cost %" PRId64 ", exchange %" PRId64, i, h->cost,
             p.cost)
        if (i == 0 && r->settled && r->generation != r->settled_with) {
            continue; /* it had paid and gone when this process asked: its history is not told */
        }
        r->checked[CHECK_FEES]++;
        MUST(r, p.fees == h->fees, "market %u: fees %" PRId64 ", exchange %" PRId64, i, h->fees,
             p.fees)
        MUST(r, p.realized == h->realized, "market %u: realized %" PRId64 ", exchange %" PRId64, i,
             h->realized, p.realized)
    }
    r->checked[CHECK_CASH]++;
    MUST(r, a->cash_total == truth_cash(r->sim), "cash %" PRId64 ", exchange %" PRId64,
         a->cash_total, truth_cash(r->sim))
    return true;
}

/* --- orders --- */

/* What rests there is open here, with the same terms, and nothing else is. */
static bool resting_agrees(struct real *r)
{
    const struct orders *o = engine_orders(r->engine);
    struct order_view views[REAL_MARKETS][OPEN];
    uint32_t n[REAL_MARKETS] = {0};
    uint32_t there = truth_open(r->sim);
    struct truth_order t;
    const char *id = "";
    r->checked[CHECK_RESTING]++;
    MUST(r, there == orders_open(o), "%u orders open here, %u rest at the exchange", orders_open(o),
         there)
    for (uint32_t i = 0; i < r->n_markets; i++) {
        n[i] = orders_open_of(o, i, views[i], OPEN);
    }
    for (uint32_t k = 0; k < there && truth_open_order(r->sim, k, &t, &id); k++) {
        const struct order_view *v = NULL;
        for (uint32_t i = 0; i < r->n_markets && v == NULL; i++) {
            for (uint32_t j = 0; j < n[i] && v == NULL; j++) {
                v = strcmp(views[i][j].client_id, id) == 0 ? &views[i][j] : NULL;
            }
        }
        r->checked[CHECK_RESTING]++;
        MUST(r, v != NULL, "order %s rests and is not known here", id)
        MUST(r, v->yes_px == t.yes_px && v->filled == t.filled && v->qty - v->filled == t.remaining,
             "order %s: %" PRId64 " of %" PRId64 " at %" PRId64 ", exchange %" PRId64
             " and %" PRId64 " left at %" PRId64,
             id, v->filled, v->qty, v->yes_px, t.filled, t.remaining, t.yes_px)
    }
    return true;
}

static bool orders_agree(struct real *r)
{
    uint32_t here = 0;
    for (uint32_t i = 0; i < r->n_known; i++) {
        const struct known_order *k = &r->known[i];
        struct truth_order t = {0};
        bool there = truth_order(r->sim, k->client_id, &t);
        here += there;
        r->checked[CHECK_KEPT]++;
        MUST(r, !there || k->arrived, "order %s came by itself", k->client_id)
        /* The last records of a process that died may be missing; then a later one has settled it,
         * or it was settled and nothing of it was left to say. Of one that the journal lost with
         * the power and that rests no more, the fills are nobody's. */
        r->checked[CHECK_FILLS]++;
        MUST(r, !k->recorded || !k->ended || k->lost || k->filled == (there ? t.filled : 0),
             "order %s: filled %" PRId64 ", exchange %" PRId64, k->client_id, k->filled,
             (there ? t.filled : 0))
    }
    MUST(r, here == truth_orders(r->sim), "the exchange has %u orders, we know %u",
         truth_orders(r->sim), here)
    return true;
}

static bool counts_agree(struct real *r)
{
    struct orders_stats st = r->stats;
    const struct orders_stats *now = orders_stats(engine_orders(r->engine));
    MUST(r, st.table_errors + now->table_errors == 0, "an event that is not in the table")
    MUST(r, st.revived + now->revived == 0, "an order taken for absent was there")
    MUST(r, st.fee_drifts + now->fee_drifts == 0, "fees differ from our formula")
    MUST(r, truth_self_trades(r->sim) == 0, "own orders met")
    return true;
}

static bool all_is_over(struct real *r)
{
    const struct orders *o = engine_orders(r->engine);
    MUST(r, truth_open(r->sim) == 0, "%u orders rest at the exchange", truth_open(r->sim))
    MUST(r, orders_open(o) == 0, "%u orders open here", orders_open(o))
    MUST(r, orders_account(o)->cash_reserved == 0, "reserved %" PRId64,
         orders_account(o)->cash_reserved)
    uint64_t left = client_unsettled(r);
    r->checked[CHECK_KEPT]++;
    MUST(r, left == 0, "%" PRIu64 " orders are not settled in the journal", left)
    return true;
}

/* --- the rest --- */

static bool database_sound(struct real *r)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool sound = false;
    r->own_disk_use = true;
    if (sqlite3_open_v2("run.db", &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        sound = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    r->own_disk_use = false;
    r->checked[CHECK_SOUND]++;
    MUST(r, sound, "SQLite finds the database damaged")
    return true;
}

static bool memory_bounded(struct real *r)
{
    r->checked[CHECK_MEMORY]++;
    for (int s = 0; s < EV_SRC_MAX; s++) {
        MUST(r, ring_used_max(r->events[s]) <= ring_capacity(r->events[s]), "a ring of the actor")
    }
    MUST(r, gateway_open(r->gateway) <= gateway_config_default().queue_max + 16,
         "%u requests at the gateway", gateway_open(r->gateway))
    MUST(r, r->repairs.cap <= 4096, "%u repairs at once", r->repairs.cap)
    return true;
}

bool quiet_agrees(struct real *r, bool last)
{
    r->count[REAL_QUIETS]++;
    bool good = counts_agree(r) && account_agrees(r) && orders_agree(r) && resting_agrees(r) &&
                memory_bounded(r) && books_agree(r);
    if (good && r->store != NULL) {
        r->disk_ns = 0;
        store_flush(r->store, real_wall(r), r->now);
        store_check(r);
        good = r->why[0] == '\0' && (!last || database_sound(r));
    }
    return good && (!last || all_is_over(r));
}
