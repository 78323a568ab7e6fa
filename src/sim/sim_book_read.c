/*
 * sim_book_read.c - books and public trades as REST shows them.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

#define BOOKS_MAX 100u

/* --- books --- */

static void reverse(struct level *lv, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct level t = lv[i];
        lv[i] = lv[n - 1 - i];
        lv[n - 1 - i] = t;
    }
}

/* depth 0: all levels. The n best ones, rising by price (rules.book_falling: best first). */
static void write_book(struct sim *sim, struct jw *w, uint32_t market, size_t depth)
{
    jw_open(w, "orderbook_fp", '{');
    for (int s = 1; s >= 0; s--) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        size_t n = match_level_count(sim->match, market, side);
        struct level *lv = calloc(n + 1, sizeof *lv);
        n = lv != NULL ? match_levels(sim->match, market, side, lv, n) : 0;
        size_t skip = depth != 0 && depth < n ? n - depth : 0; /* the best ones are last */
        struct level *from = lv != NULL ? lv + skip : NULL;
        if (sim->config.rules.book_falling) {
            reverse(from, n - skip);
        }
        jw_levels(w, s == 0 ? "yes_dollars" : "no_dollars", from, n - skip, false);
        free(lv);
    }
    jw_close(w, '}');
}

/* False: the answer (401) is written. Books can be read unsigned unless the rule says no. */
static bool may_read(const struct read *q)
{
    if (!q->sim->config.rules.book_needs_key) {
        return true;
    }
    uint32_t user = 0;
    struct buf *body = &q->r->body;
    int status = auth_check(q->sim, &q->req->auth, "GET", q->req->path, &user, body);
    if (status != 0) {
        q->r->status = status;
    }
    return status == 0;
}

void book_read(const struct read *q, struct text ticker)
{
    int64_t depth = 0;
    uint32_t market = sim_find_market(q->sim, ticker);
    if (!may_read(q)) {
        return;
    }
    if (market == NO_INDEX) {
        reply_not_found(q->r);
        return;
    }
    if (!read_int(q, "depth", "Depth", &depth)) {
        return;
    }
    if (depth < 0 || depth > 100) {
        reply_msg(q->r, q->operation, "Depth", depth < 0 ? "gte" : "lte");
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    write_book(q->sim, &w, market, (size_t)depth);
    jw_close(&w, '}');
}

static uint32_t words_in(const char *list)
{
    uint32_t n = 0;
    for (const char *s = list; s != NULL; s = strchr(s, ',') != NULL ? strchr(s, ',') + 1 : NULL) {
        n++;
    }
    return n;
}

void books_read(const struct read *q)
{
    if (!may_read(q)) {
        return;
    }
    char *list = read_list(q->req->query, "tickers");
    if (list == NULL || list[0] == '\0' || words_in(list) > BOOKS_MAX) {
        bool none = list == NULL || list[0] == '\0';
        reply_msg(q->r, q->operation, "Tickers", none ? "required" : "max");
        free(list);
        return;
    }
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "orderbooks", '[');
    char *rest = NULL;
    for (char *s = strtok_r(list, ",", &rest); s != NULL; s = strtok_r(NULL, ",", &rest)) {
        uint32_t market = sim_find_market(q->sim, text_of(s));
        if (market != NO_INDEX) {
            jw_open(&w, NULL, '{');
            jw_str(&w, "ticker", s);
            write_book(q->sim, &w, market, 0);
            jw_close(&w, '}');
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    free(list);
}

/* --- public trades --- */

static void write_trade(struct sim *sim, struct jw *w, const struct strade *t)
{
    jw_open(w, NULL, '{');
    jw_qty(w, "count_fp", t->qty);
    jw_time(w, "created_time", t->at);
    jw_bool(w, "is_block_trade", t->block);
    jw_px(w, "no_price_dollars", PX_ONE - t->yes_px);
    jw_str(w, "taker_book_side", book_side_text(t->taker));
    jw_str(w, "taker_outcome_side", side_text(t->taker));
    if (sim->config.rules.deprecated_fields) {
        jw_str(w, "taker_side", side_text(t->taker));
    }
    jw_str(w, "ticker", sim->markets[t->market].ticker);
    jw_str(w, "trade_id", t->id);
    jw_px(w, "yes_price_dollars", t->yes_px);
    jw_close(w, '}');
}

struct trade_filter {
    bool named, has_block, block, historical;
    uint32_t market; /* when named; NO_INDEX: nobody has that ticker */
    int64_t min, max;
};

static bool trade_passes(const struct sim *sim, const struct trade_filter *f,
                         const struct strade *t)
{
    int64_t s = t->at / NS_PER_SEC;
    return (!f->named || t->market == f->market) && s >= f->min && s <= f->max &&
           (!f->has_block || t->block == f->block) && (t->at < cutoff_trades(sim)) == f->historical;
}

static bool read_trade_filter(const struct read *q, struct trade_filter *f)
{
    char ticker[TICKER_MAX];
    char text[8];
    if (query_get(q->req->query, "ticker", ticker, sizeof ticker) && ticker[0] != '\0') {
        f->named = true;
        f->market = sim_find_market(q->sim, text_of(ticker));
    }
    f->has_block = query_get(q->req->query, "is_block_trade", text, sizeof text);
    return read_int(q, "min_ts", "MinTs", &f->min) && read_int(q, "max_ts", "MaxTs", &f->max) &&
           read_bool(q, "is_block_trade", "IsBlockTrade", &f->block);
}

void trades_read(const struct read *q, bool historical)
{
    struct sim *sim = q->sim;
    struct trade_filter f = {.min = INT64_MIN, .max = INT64_MAX, .historical = historical};
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(q->req->query, q->operation, 1000, 100, q->r, &limit, &from) ||
        !read_trade_filter(q, &f)) {
        return;
    }
    uint64_t oldest = sim->n_trades > TRADES_KEPT ? sim->n_trades - TRADES_KEPT : 0;
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "trades", '[');
    for (uint64_t i = from == 0 || from > sim->n_trades ? sim->n_trades : from; i > oldest; i--) {
        const struct strade *t = &sim->trades[(i - 1) % TRADES_KEPT];
        if (!trade_passes(sim, &f, t)) {
            continue;
        }
        if (n++ == limit) {
            next = (uint32_t)i;
            break;
        }
        write_trade(sim, &w, t);
    }
    jw_close(&w, ']');
    page_end(&w, next);
    jw_close(&w, '}');
}
