/*
 * test_ws_index.c - who is told what, against a model that knows each subscription's markets as a
 * plain set: random commands of several connections, and after each a change of a random market.
 */
#include "ws_fixture.h"

#include "base/rng.h"

#define CONNS   6
#define LISTED  9  /* at the start */
#define MARKETS 14 /* the rest is listed on the way */
#define ROUNDS  4000

enum { BOOK, TICKER, KINDS };
static const char *const kinds[KINDS] = {"orderbook_delta", "ticker"};

struct model_sub {
    int64_t sid; /* 0: none */
    bool all;
    bool has[MARKETS]; /* taken out, when all */
};
struct model {
    struct fix f;
    struct peer *peers[CONNS];
    struct model_sub subs[CONNS][KINDS];
    int64_t sids[CONNS];
    size_t listed;
    struct rng rng;
    int price[MARKETS]; /* turns, so that each order changes the best bid */
};

static const char *name_of(struct model *m, size_t market)
{
    return market < LISTED ? ticker(&m->f, market) : q("KXLATE-27JAN01-%zu", market);
}

static size_t pick(struct model *m, size_t n)
{
    return (size_t)rng_below(&m->rng, n);
}

static bool follows(const struct model_sub *s, size_t market, size_t listed)
{
    bool all = s->all && market < listed;
    return s->sid != 0 && all != s->has[market];
}

/* Some markets, as a JSON array; marked in chosen. */
static const char *some(struct model *m, bool chosen[MARKETS])
{
    char text[1500] = "[";
    size_t n = 1 + pick(m, 4);
    memset(chosen, 0, MARKETS * sizeof chosen[0]);
    for (size_t i = 0; i < n; i++) {
        size_t k = pick(m, MARKETS);
        chosen[k] = true;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s'%s'", i > 0 ? "," : "",
                 name_of(m, k));
    }
    return q("%s]", text);
}

static void subscribe(struct model *m, size_t c, int kind)
{
    struct model_sub *s = &m->subs[c][kind];
    bool chosen[MARKETS];
    bool all = kind == TICKER && pick(m, 6) == 0;
    const char *list = some(m, chosen);
    fix_frame(&m->f, m->peers[c],
              all ? q("{'id':1,'cmd':'subscribe','params':{'channels':['%s']}}", kinds[kind])
                  : q("{'id':1,'cmd':'subscribe','params':{'channels':['%s'],'market_tickers':%s}}",
                      kinds[kind], list));
    if (s->sid == 0) {
        *s = (struct model_sub){.sid = ++m->sids[c]};
    }
    if (all) {
        memset(s->has, 0, sizeof s->has);
        s->all = true;
    }
    for (size_t k = 0; k < MARKETS && !all; k++) {
        if (chosen[k]) {
            s->has[k] = !(s->all && k < m->listed);
        }
    }
}

static void update(struct model *m, size_t c, int kind, bool add)
{
    struct model_sub *s = &m->subs[c][kind];
    bool chosen[MARKETS];
    if (s->sid == 0) {
        return;
    }
    forget(m->peers[c]);
    fix_frame(&m->f, m->peers[c],
              q("{'id':2,'cmd':'update_subscription','params':{'sid':%d,'action':'%s',"
                "'market_tickers':%s}}",
                (int)s->sid, add ? "add_markets" : "delete_markets", some(m, chosen)));
    size_t n = 0;
    for (size_t k = 0; k < MARKETS; k++) {
        if (chosen[k]) {
            s->has[k] = add != (s->all && k < m->listed);
        }
        n += s->has[k] && !(s->all && k < m->listed);
    }
    assert_string_equal(str(m->peers[c], 0, "type"), "ok");
    json_t *list = fix_get(fix_nth(m->peers[c], 0), "msg/market_tickers");
    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++) { /* each is one of the model's */
        bool found = false;
        for (size_t k = 0; k < MARKETS; k++) {
            found |=
                s->has[k] && strcmp(json_string_value(json_array_get(list, i)), name_of(m, k)) == 0;
        }
        assert_true(found);
    }
}

static void unsubscribe(struct model *m, size_t c, int kind)
{
    if (m->subs[c][kind].sid != 0) {
        fix_frame(
            &m->f, m->peers[c],
            q("{'id':3,'cmd':'unsubscribe','params':{'sids':[%d]}}", (int)m->subs[c][kind].sid));
        m->subs[c][kind] = (struct model_sub){0};
    }
}

static void reconnect(struct model *m, size_t c)
{
    fix_disconnect(&m->f, m->peers[c]);
    m->peers[c] = fix_connect(&m->f, KEY_A);
    memset(m->subs[c], 0, sizeof m->subs[c]);
    m->sids[c] = 0;
}

static void list_one(struct model *m)
{
    if (m->listed == MARKETS) {
        return;
    }
    struct buf reply = {.max = 65536};
    struct err err = {0};
    json_t *j =
        json_loads(q("{'do':'create_market','market':'%s'}", name_of(m, m->listed)), 0, NULL);
    if (sim_command(m->f.sim, j, m->f.wall, m->f.now, &reply, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(j);
    buf_finish(&reply);
    for (size_t c = 0; c < CONNS; c++) {
        for (int k = 0; k < KINDS; k++) { /* everything holds it now; who named it has it anyway */
            m->subs[c][k].has[m->listed] &= !m->subs[c][k].all;
        }
    }
    m->listed++;
    fix_advance(&m->f, NS_PER_SEC); /* it opens */
}

/* One order that changes the market's book and its best bid: who hears of it? */
static void move(struct model *m, size_t market)
{
    for (size_t c = 0; c < CONNS; c++) {
        forget(m->peers[c]);
    }
    m->f.now += NS_PER_SEC / 2;
    m->f.wall += NS_PER_SEC / 2;
    assert_int_equal(fix_request(&m->f, KEY_B, "POST", "/portfolio/events/orders",
                                 q("{'ticker':'%s','side':'ask','count':'1.00','price':'0.9900',"
                                   "'time_in_force':'good_till_canceled',"
                                   "'self_trade_prevention_type':'maker'}",
                                   name_of(m, market))),
                     201);
    const char *id = q("%s", fix_text(m->f.body, "order_id"));
    for (size_t c = 0; c < CONNS; c++) {
        size_t books = of_type(m->peers[c], "orderbook_delta");
        size_t tickers = of_type(m->peers[c], "ticker");
        assert_int_equal(books, follows(&m->subs[c][BOOK], market, m->listed));
        assert_true(tickers <= follows(&m->subs[c][TICKER], market, m->listed));
        if (market >= LISTED) { /* an empty book: its best price has changed */
            assert_int_equal(tickers, follows(&m->subs[c][TICKER], market, m->listed));
        }
    }
    assert_int_equal(
        fix_request(&m->f, KEY_B, "DELETE",
                    q("/portfolio/events/orders/%s?market_ticker=%s", id, name_of(m, market)),
                    NULL),
        200);
}

static void everybody_is_told_what_he_follows_and_nothing_else(void **state)
{
    (void)state;
    static struct model m;
    struct sim_config c = still_config();
    c.write_rate = c.write_capacity = 1000000;
    m.f = fix_make(c);
    m.listed = LISTED;
    rng_init(&m.rng, 7);
    print_message("seed 7\n");
    for (size_t i = 0; i < CONNS; i++) {
        m.peers[i] = fix_connect(&m.f, KEY_A);
    }
    for (int i = 0; i < ROUNDS; i++) {
        size_t conn = pick(&m, CONNS);
        int kind = (int)pick(&m, KINDS);
        switch (pick(&m, 12)) {
        case 0:
        case 1:
        case 2:
            subscribe(&m, conn, kind);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            update(&m, conn, kind, true);
            break;
        case 7:
        case 8:
        case 9:
            update(&m, conn, kind, false);
            break;
        case 10:
            unsubscribe(&m, conn, kind);
            break;
        default:
            if (pick(&m, 3) == 0) {
                reconnect(&m, conn);
            } else if (pick(&m, 8) == 0) {
                list_one(&m);
            }
            break;
        }
        move(&m, pick(&m, m.listed));
    }
    assert_int_equal(m.listed, MARKETS);
    for (size_t i = 0; i < CONNS; i++) {
        fix_disconnect(&m.f, m.peers[i]);
    }
    fix_end(&m.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_is_told_what_he_follows_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
