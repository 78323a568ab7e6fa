/*
 * prop_rest.c - random requests of two users with two subaccounts each; again and again what the
 * routes tell must fit together:
 *
 * - an order's fills add up to its counts, costs and fees;
 * - the fills of a market add up to the position, what was traded, and its fees;
 * - cash is what was there at the start, less what fills cost and their fees, plus a dollar for
 * each pair of YES and NO;
 * - resting orders are those that have a place in a queue; the dump's money adds up.
 *
 * Each world draws its rules from its seed. DELTAFLOW_SEED repeats a run.
 */
#include <inttypes.h>

#include "base/rng.h"
#include "unit/sim/rest_fixture.h"

#define WORLDS     6
#define OPERATIONS 4000
#define CHECK      500

#define N_MARKETS 3
static const char *const markets[N_MARKETS] = {MARKET, OTHER, ALIEN};
static const char *const users[2] = {KEY_A, KEY_B};

struct world {
    struct fix f;
    struct rng rng;
    uint64_t seed;
    uint32_t op, n_client;
    char order[2][8][64]; /* some ids of each user, old ones too */
    char group[2][64];
};

static uint64_t pick(struct world *w, uint64_t n)
{
    return rng_below(&w->rng, n);
}

/* A request whose status may be anything but a server's error. */
static int ask(struct world *w, int user, const char *method, const char *path, const char *body)
{
    int status = fix_request(&w->f, users[user], method, path, body);
    if (status >= 500 && status != 503) {
        fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %u: %s %s: %d %s", w->seed, w->op, method,
                 path, status, w->f.resp.body.p);
    }
    return status;
}

static void keep_order(struct world *w, int user)
{
    const char *id = fix_text(w->f.body, "order_id");
    if (strlen(id) == 36) {
        snprintf(w->order[user][pick(w, 8)], 64, "%s", id);
    }
}

static const char *create_body(struct world *w, int user)
{
    static const char *const tifs[] = {GTC, GTC, GTC, IOC, FOK};
    char client[16];
    char count[16];
    char price[16];
    char more[256];
    bool sub = pick(w, 3) == 0;
    bool group = w->group[user][0] != '\0' && pick(w, 4) == 0;
    snprintf(client, sizeof client, "c%u", pick(w, 30) == 0 ? 1 : w->n_client++);
    snprintf(count, sizeof count, "%u.%02u", (unsigned)pick(w, 12),
             (unsigned)(pick(w, 3) == 0 ? pick(w, 100) : 0));
    snprintf(price, sizeof price, "0.%02u", (unsigned)(40 + pick(w, 20)));
    snprintf(more, sizeof more, "%s%s%s%s%s%s%s", pick(w, 8) == 0 ? ",\"post_only\":true" : "",
             pick(w, 12) == 0 ? ",\"reduce_only\":true" : "", sub ? ",\"subaccount\":1" : "",
             pick(w, 6) == 0 ? ",\"expiration_time\":1795420860" : "",
             group ? ",\"order_group_id\":\"" : "", group ? w->group[user] : "", group ? "\"" : "");
    const char *text =
        order_text(markets[pick(w, N_MARKETS)], client, pick(w, 2) == 0 ? "bid" : "ask", count,
                   price, tifs[pick(w, 5)], more);
    if (pick(w, 4) == 0) { /* the other self-trade mode */
        char *stp = strstr(text, "\"taker_at_cross\"");
        if (stp != NULL) {
            memcpy(stp, "\"maker\"         ", 16);
        }
    }
    return text;
}

static void change(struct world *w, int user)
{
    char path[256];
    char body[512];
    const char *id = w->order[user][pick(w, 8)];
    const char *sub = pick(w, 3) == 0 ? "?subaccount=1" : "";
    if (id[0] == '\0') {
        return;
    }
    switch (pick(w, 3)) {
    case 0:
        snprintf(path, sizeof path, "/portfolio/events/orders/%s%s", id, sub);
        ask(w, user, "DELETE", path, NULL);
        break;
    case 1:
        snprintf(path, sizeof path, "/portfolio/events/orders/%s/decrease%s", id, sub);
        snprintf(body, sizeof body, "{\"%s\":\"%u.50\"}",
                 pick(w, 2) == 0 ? "reduce_by" : "reduce_to", (unsigned)pick(w, 6));
        ask(w, user, "POST", path, body);
        break;
    default:
        snprintf(path, sizeof path, "/portfolio/events/orders/%s/amend%s", id, sub);
        snprintf(body, sizeof body,
                 "{\"ticker\":\"%s\",\"side\":\"%s\",\"price\":\"0.%02u\",\"count\":\"%u.00\"}",
                 markets[pick(w, N_MARKETS)], pick(w, 2) == 0 ? "bid" : "ask",
                 (unsigned)(40 + pick(w, 20)), (unsigned)pick(w, 15));
        ask(w, user, "POST", path, body);
    }
}

static void use_group(struct world *w, int user)
{
    static const char *const ends[] = {"/reset", "/trigger", "/limit"};
    char path[256];
    if (w->group[user][0] == '\0' || pick(w, 6) == 0) {
        if (ask(w, user, "POST", "/portfolio/order_groups/create", "{\"contracts_limit\":20}") ==
            201) {
            snprintf(w->group[user], 64, "%s", fix_text(w->f.body, "order_group_id"));
        }
        return;
    }
    snprintf(path, sizeof path, "/portfolio/order_groups/%s%s", w->group[user], ends[pick(w, 3)]);
    ask(w, user, "PUT", path, "{\"contracts_limit\":15}");
}

static void move_money(struct world *w, int user)
{
    char body[256];
    bool back = pick(w, 2) == 0;
    snprintf(body, sizeof body,
             "{\"client_transfer_id\":\"00000000-0000-4000-8000-%012u\",\"from_subaccount\":%d,"
             "\"to_subaccount\":%d,\"amount_cents\":%u}",
             w->op, back, !back, (unsigned)pick(w, 30000) + 1);
    ask(w, user, "POST", "/portfolio/subaccounts/transfer", body);
}

static void batch(struct world *w, int user)
{
    char body[4096] = "{\"orders\":[";
    for (uint64_t i = 0; i < 3; i++) {
        strcat(body, i == 0 ? "" : ",");
        strcat(body, create_body(w, user));
    }
    strcat(body, "]}");
    ask(w, user, "POST", "/portfolio/events/orders/batched", body);
}

static void operate(struct world *w)
{
    int user = (int)pick(w, 2);
    switch (pick(w, 20)) {
    case 0:
        use_group(w, user);
        break;
    case 1:
        move_money(w, user);
        break;
    case 2:
        batch(w, user);
        break;
    case 3:
        fix_advance(&w->f, (mono_ns_t)pick(w, 3000) * NS_PER_MS);
        break;
    case 4:
        ask(w, user, "DELETE",
            pick(w, 2) == 0 ? "/portfolio/events/orders?subaccount=1"
                            : "/portfolio/events/orders?subaccount=0",
            NULL);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
        change(w, user);
        break;
    default:
        ask(w, user, "POST", "/portfolio/events/orders", create_body(w, user));
        keep_order(w, user);
    }
}

/* --- checks --- */

static int64_t units(const json_t *j, const char *key,
                     enum status (*parse)(const char *, size_t, int64_t *))
{
    const char *s = json_string_value(json_object_get(j, key));
    int64_t v = 0;
    assert_non_null(s);
    assert_int_equal(parse(s, strlen(s), &v), ST_OK);
    return v;
}

/* All rows of a list, page by page, with a limit that does not divide it. */
static json_t *all_rows(struct world *w, int user, const char *path, const char *list)
{
    json_t *all = json_array();
    char page[512];
    snprintf(page, sizeof page, "%s%climit=37", path, strchr(path, '?') != NULL ? '&' : '?');
    for (;;) {
        char cursor[64];
        assert_int_equal(ask(w, user, "GET", page, NULL), 200);
        json_array_extend(all, json_object_get(w->f.body, list));
        snprintf(cursor, sizeof cursor, "%s", fix_text(w->f.body, "cursor"));
        if (cursor[0] == '\0') {
            return all;
        }
        snprintf(page, sizeof page, "%s%climit=37&cursor=%s", path,
                 strchr(path, '?') != NULL ? '&' : '?', cursor);
    }
}

struct sums {
    qty_t gross[2]; /* contracts of YES, of NO */
    usd_t cost, fees;
};

static void add_fill(struct sums *s, const json_t *fill)
{
    bool yes = strcmp(json_string_value(json_object_get(fill, "outcome_side")), "yes") == 0;
    qty_t n = units(fill, "count_fp", qty_parse);
    px_t px = units(fill, yes ? "yes_price_dollars" : "no_price_dollars", px_parse);
    s->gross[yes ? 0 : 1] += n;
    s->cost += usd_of(px, n);
    s->fees += units(fill, "fee_cost", usd_parse);
}

#define same(w_, a_, b_)                                                                           \
    do {                                                                                           \
        int64_t x_ = (a_);                                                                         \
        int64_t y_ = (b_);                                                                         \
        if (x_ != y_) {                                                                            \
            fail_msg("DELTAFLOW_SEED=%" PRIu64 ", operation %u: " #a_ " is %" PRId64               \
                     ", not %" PRId64,                                                             \
                     (w_)->seed, (w_)->op, x_, y_);                                                \
        }                                                                                          \
    } while (0)

static void check_orders(struct world *w, const json_t *orders, const json_t *fills)
{
    size_t i;
    size_t k;
    json_t *o;
    json_t *f;
    json_array_foreach(orders, i, o)
    {
        struct sums s = {0};
        const char *id = json_string_value(json_object_get(o, "order_id"));
        json_array_foreach(fills, k, f)
        {
            if (strcmp(json_string_value(json_object_get(f, "order_id")), id) == 0) {
                add_fill(&s, f);
            }
        }
        same(w, units(o, "fill_count_fp", qty_parse), s.gross[0] + s.gross[1]);
        same(w,
             units(o, "taker_fill_cost_dollars", usd_parse) +
                 units(o, "maker_fill_cost_dollars", usd_parse),
             s.cost);
        same(w,
             units(o, "taker_fees_dollars", usd_parse) + units(o, "maker_fees_dollars", usd_parse),
             s.fees);
        bool resting = strcmp(json_string_value(json_object_get(o, "status")), "resting") == 0;
        same(w, units(o, "remaining_count_fp", qty_parse) > 0, resting);
    }
}

/* Returns the pairs of YES and NO that gave back their dollar. */
static qty_t check_position(struct world *w, const json_t *positions, const json_t *fills, int sub,
                            const char *ticker)
{
    struct sums s = {0};
    size_t i;
    json_t *j;
    json_array_foreach(fills, i, j)
    {
        if (json_integer_value(json_object_get(j, "subaccount_number")) == sub &&
            strcmp(json_string_value(json_object_get(j, "ticker")), ticker) == 0) {
            add_fill(&s, j);
        }
    }
    bool found = false;
    json_array_foreach(positions, i, j)
    {
        if (strcmp(json_string_value(json_object_get(j, "ticker")), ticker) == 0) {
            found = true;
            same(w, units(j, "position_fp", qty_parse), s.gross[0] - s.gross[1]);
            same(w, units(j, "total_traded_dollars", usd_parse), s.cost);
            same(w, units(j, "fees_paid_dollars", usd_parse), s.fees);
        }
    }
    same(w, found, s.gross[0] + s.gross[1] > 0);
    return s.gross[0] < s.gross[1] ? s.gross[0] : s.gross[1];
}

static void check_user(struct world *w, int user)
{
    json_t *orders = all_rows(w, user, "/portfolio/orders", "orders");
    json_t *fills = all_rows(w, user, "/portfolio/fills", "fills");
    check_orders(w, orders, fills);
    usd_t cash = 1000 * USD_ONE;
    size_t resting = 0;
    size_t queued = 0;
    size_t i;
    json_t *j;
    json_array_foreach(fills, i, j)
    {
        struct sums s = {0};
        add_fill(&s, j);
        cash -= s.cost + s.fees;
    }
    usd_t told = 0;
    for (int sub = 0; sub < 2; sub++) {
        char path[256];
        snprintf(path, sizeof path, "/portfolio/positions?subaccount=%d", sub);
        json_t *positions = all_rows(w, user, path, "market_positions");
        for (int k = 0; k < N_MARKETS; k++) {
            cash += usd_of(PX_ONE, check_position(w, positions, fills, sub, markets[k]));
        }
        json_decref(positions);
        snprintf(path, sizeof path, "/portfolio/balance?subaccount=%d", sub);
        assert_int_equal(ask(w, user, "GET", path, NULL), 200);
        told += usd_of(units(w->f.body, "balance_dollars", px_parse), QTY_ONE);
        snprintf(path, sizeof path,
                 "/portfolio/orders/queue_positions?market_tickers=" MARKET "," OTHER "," ALIEN
                 "&subaccount=%d",
                 sub);
        assert_int_equal(ask(w, user, "GET", path, NULL), 200);
        queued += json_array_size(json_object_get(w->f.body, "queue_positions"));
    }
    json_array_foreach(orders, i, j)
    {
        resting += strcmp(json_string_value(json_object_get(j, "status")), "resting") == 0;
    }
    same(w, told, cash);
    same(w, (int64_t)queued, (int64_t)resting);
    json_decref(orders);
    json_decref(fills);
}

static void check_money(struct world *w)
{
    static const char *const parts[] = {"cash", "anonymous_cash", "collateral", "fees", "cut"};
    json_t *d = fix_dump(&w->f);
    const json_t *money = json_object_get(d, "money");
    usd_t sum = 0;
    for (size_t i = 0; i < 5; i++) {
        sum += units(money, parts[i], usd_parse);
    }
    same(w, sum - units(money, "deposits", usd_parse), 2 * 1000 * USD_ONE);
    json_decref(d);
}

static void run_world(uint64_t seed)
{
    struct world w = {.seed = seed};
    struct sim_config c = sim_config_default();
    rng_init(&w.rng, seed);
    c.rules.post_only_cross = (int)pick(&w, 2);
    c.rules.fok_kill = (int)pick(&w, 2);
    c.rules.client_order_id_reuse = (int)pick(&w, 2);
    c.rules.entry_cash = pick(&w, 3) == 0;
    c.rules.grain_cent = pick(&w, 3) == 0;
    c.rules.self_per_subaccount = pick(&w, 2) == 0;
    c.fee_type = pick(&w, 2) == 0 ? "quadratic" : "quadratic_with_maker_fees";
    w.f = rest_with(c);
    for (int user = 0; user < 2; user++) {
        assert_int_equal(ask(&w, user, "POST", "/portfolio/subaccounts", "{}"), 201);
    }
    for (w.op = 1; w.op <= OPERATIONS; w.op++) {
        operate(&w);
        if (w.op % CHECK == 0) {
            check_user(&w, 0);
            check_user(&w, 1);
            check_money(&w);
        }
    }
    fix_end(&w.f);
}

static void what_the_routes_tell_fits_together(void **state)
{
    (void)state;
    const char *text = getenv("DELTAFLOW_SEED");
    if (text != NULL) {
        run_world(strtoull(text, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        printf("seed %" PRIu64 "\n", seed);
        run_world(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_routes_tell_fits_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
