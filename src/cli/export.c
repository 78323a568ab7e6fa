#include "cli/export.h"

#include <stdlib.h>
#include <string.h>

#define MARKETS_MAX 1000000U

struct exporter {
    const struct export_config *config;
    struct export_writer w;
    /* tickers by market index, as announced; "" unknown */
    char (*tickers)[TICKER_MAX];
    size_t n_tickers, cap_tickers;
    /* EXPORT_ORDERS: the last step of each, by number */
    struct order_line {
        struct rec_order last;
        wall_ns_t began;
    } * orders;
    size_t n_orders, cap_orders;
    uint64_t hashed; /* decisions of which only the hash was recorded */
};

#define C(name)                                                                                    \
    {                                                                                              \
        name, 1                                                                                    \
    }
static const struct export_column deltas[] = {C("event"), C("received"), C("sent"),   C("market"),
                                              C("side"),  C("price"),    C("change"), C("own"),
                                              C("sid"),   C("seq")};
static const struct export_column trades[] = {
    C("event"), C("received"), C("sent"),     C("market"), C("taker"), C("yes_price"),
    C("count"), C("block"),    C("trade_id"), C("sid"),    C("seq")};
static const struct export_column snapshots[] = {C("event"), C("received"), C("sent"), C("market"),
                                                 C("yes"),   C("no"),       C("sid"),  C("seq")};
static const struct export_column orders[] = {
    C("order"),   C("began"),     C("changed"), C("market"), C("action"),
    C("outcome"), C("yes_price"), C("count"),   C("filled"), C("state"),
    C("reason"),  C("client_id"), C("order_id")};
static const struct export_column fills[] = {
    C("counted"), C("market"), C("outcome"), C("yes_price"), C("count"),
    C("fee"),     C("taker"),  C("order"),   C("trade_id"),  C("order_id")};
static const struct export_column decisions[] = {C("decision"),
                                                 C("turn"),
                                                 C("at"),
                                                 C("market"),
                                                 C("action"),
                                                 C("verdict"),
                                                 C("check"),
                                                 C("shared"),
                                                 C("order"),
                                                 C("risk_value"),
                                                 C("risk_limit"),
                                                 C("last_event"),
                                                 C("book_version"),
                                                 {"logits", ACTION_COUNT},
                                                 {"probs", ACTION_COUNT},
                                                 C("observation_hash")};
static const struct export_column observations[] = {
    C("decision"), C("at"), C("market"), {"features", OBS_SIZE}, C("observation_hash")};
static const struct export_column gaps[] = {C("at"),  C("source"),       C("market"),  C("lost"),
                                            C("sid"), C("seq_expected"), C("seq_got"), C("reason")};
#undef C

static const struct {
    const char *name;
    const struct export_column *columns;
    size_t n;
    uint16_t type;
} kinds[EXPORT_WHAT_MAX] = {
#define KIND(what, columns, type)                                                                  \
    [what] = {#columns, columns, sizeof columns / sizeof columns[0], type}
    KIND(EXPORT_DELTAS, deltas, EV_DELTA),
    KIND(EXPORT_TRADES, trades, EV_TRADE),
    KIND(EXPORT_SNAPSHOTS, snapshots, EV_SNAPSHOT),
    KIND(EXPORT_ORDERS, orders, REC_ORDER),
    KIND(EXPORT_FILLS, fills, REC_APPLIED),
    KIND(EXPORT_DECISIONS, decisions, REC_DECISION),
    KIND(EXPORT_OBSERVATIONS, observations, REC_DECISION),
    KIND(EXPORT_GAPS, gaps, REC_GAP),
#undef KIND
};

const char *export_name(enum export_what what)
{
    return what < EXPORT_WHAT_MAX ? kinds[what].name : "";
}

/* --- which rows --- */

static const char *ticker_of(const struct exporter *x, uint32_t mkt)
{
    return mkt < x->n_tickers && x->tickers[mkt][0] != '\0' ? x->tickers[mkt] : NULL;
}

static bool market_wanted(const struct exporter *x, const char *ticker)
{
    const struct export_config *c = x->config;
    for (size_t i = 0; ticker != NULL && i < c->n_markets; i++) {
        if (strncmp(c->markets[i], ticker, TICKER_MAX) == 0) {
            return true;
        }
    }
    return c->n_markets == 0;
}

static bool time_wanted(const struct exporter *x, wall_ns_t t)
{
    const struct export_config *c = x->config;
    return (c->from == 0 || t >= c->from) && (c->until == 0 || t < c->until);
}

static enum status take_market(void *self, const void *record)
{
    struct exporter *x = self;
    const struct ev_market *m = record;
    if (m->h.mkt >= MARKETS_MAX) {
        return ST_OK;
    }
    while (x->n_tickers <= m->h.mkt) {
        if (x->n_tickers == x->cap_tickers) {
            size_t cap = x->cap_tickers == 0 ? 64 : x->cap_tickers * 2;
            void *more = realloc(x->tickers, cap * sizeof *x->tickers);
            if (more == NULL) {
                return ST_NOMEM;
            }
            x->tickers = more;
            x->cap_tickers = cap;
        }
        x->tickers[x->n_tickers++][0] = '\0';
    }
    memcpy(x->tickers[m->h.mkt], m->ticker, TICKER_MAX);
    x->tickers[m->h.mkt][TICKER_MAX - 1] = '\0';
    return ST_OK;
}

/* --- rows --- */

static const char *side_name(uint32_t side)
{
    return side == SIDE_YES ? "yes" : side == SIDE_NO ? "no" : NULL;
}

static wall_ns_t sent_at(const struct ev *h)
{
    return h->ts_ms > 0 && h->ts_ms < INT64_MAX / NS_PER_MS ? h->ts_ms * NS_PER_MS : 0;
}

static void event_cells(struct exporter *x, const struct ev *h)
{
    export_uint(&x->w, h->ord);
    export_time(&x->w, h->recv_wall);
    export_time(&x->w, sent_at(h));
    export_word(&x->w, ticker_of(x, h->mkt));
}

static void number_cells(struct exporter *x, const struct ev *h)
{
    export_uint(&x->w, h->sid);
    export_uint(&x->w, h->seq);
}

static void write_delta(struct exporter *x, const struct ev_delta *d)
{
    event_cells(x, &d->h);
    export_word(&x->w, side_name(d->side));
    export_px(&x->w, d->px);
    export_qty(&x->w, d->qty);
    export_bool(&x->w, (d->flags & EV_DELTA_OWN) != 0);
    number_cells(x, &d->h);
}

static void write_trade(struct exporter *x, const struct ev_trade *t)
{
    event_cells(x, &t->h);
    export_word(&x->w, side_name(t->taker));
    export_px(&x->w, t->yes_px);
    export_qty(&x->w, t->qty);
    export_bool(&x->w, t->block != 0);
    export_text(&x->w, t->trade_id, sizeof t->trade_id);
    number_cells(x, &t->h);
}

static void write_snapshot(struct exporter *x, const struct ev_snapshot *s)
{
    event_cells(x, &s->h);
    export_levels(&x->w, s->levels, s->n_yes);
    export_levels(&x->w, s->levels + s->n_yes, s->n_no);
    number_cells(x, &s->h);
}

static void write_fill(struct exporter *x, const struct rec_applied_fill *f)
{
    export_time(&x->w, f->h.wall);
    export_text(&x->w, f->ticker, sizeof f->ticker);
    export_word(&x->w, side_name(f->outcome));
    export_px(&x->w, f->yes_px);
    export_qty(&x->w, f->qty);
    export_usd(&x->w, f->fee);
    export_bool(&x->w, f->is_taker != 0);
    export_uint(&x->w, f->order_number);
    export_text(&x->w, f->trade_id, sizeof f->trade_id);
    export_text(&x->w, f->order_id, sizeof f->order_id);
}

static const char *action_name(uint32_t action)
{
    static const char *const names[] = {"hold", "buy yes", "sell yes", "buy no", "sell no"};
    return action < ACTION_COUNT ? names[action] : NULL;
}

static const char *verdict_name(uint32_t verdict)
{
    static const char *const names[] = {"hold", "throttled", "breaker", "refused",
                                        "kept", "sent",      "error"};
    return verdict < VERDICT_MAX ? names[verdict] : NULL;
}

static void hash_cell(struct exporter *x, uint64_t hash)
{
    char text[20];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    export_word(&x->w, text);
}

static void write_decision(struct exporter *x, const struct rec_decision *d)
{
    export_uint(&x->w, d->number);
    export_uint(&x->w, d->turn);
    export_time(&x->w, d->h.wall);
    export_word(&x->w, ticker_of(x, d->h.mkt));
    export_word(&x->w, action_name(d->action));
    export_word(&x->w, verdict_name(d->verdict));
    export_text(&x->w, d->check, sizeof d->check);
    export_uint(&x->w, d->shared);
    export_uint(&x->w, d->order_number);
    export_int(&x->w, d->risk_value);
    export_int(&x->w, d->risk_limit);
    export_uint(&x->w, d->last_ord);
    export_uint(&x->w, d->book_version);
    export_floats(&x->w, d->logits, ACTION_COUNT);
    export_floats(&x->w, d->probs, ACTION_COUNT);
    hash_cell(x, d->obs_hash);
}

static void write_observation(struct exporter *x, const struct rec_decision *d)
{
    export_uint(&x->w, d->number);
    export_time(&x->w, d->h.wall);
    export_word(&x->w, ticker_of(x, d->h.mkt));
    export_floats(&x->w, d->obs, OBS_SIZE);
    hash_cell(x, d->obs_hash);
}

static void write_order(struct exporter *x, const struct order_line *o)
{
    const struct rec_order *r = &o->last;
    export_uint(&x->w, r->number);
    export_time(&x->w, o->began);
    export_time(&x->w, r->h.wall);
    export_text(&x->w, r->ticker, sizeof r->ticker);
    export_word(&x->w, r->is_buy != 0 ? "buy" : "sell");
    export_word(&x->w, side_name(r->outcome));
    export_px(&x->w, r->yes_px);
    export_qty(&x->w, r->qty);
    export_qty(&x->w, r->filled);
    export_text(&x->w, r->to_name, sizeof r->to_name);
    export_text(&x->w, r->reason, sizeof r->reason);
    export_text(&x->w, r->client_id, sizeof r->client_id);
    export_text(&x->w, r->order_id, sizeof r->order_id);
}

static void write_gap(struct exporter *x, const struct rec_gap *g)
{
    static const char *const sources[] = {"command", "private", "answer", "market"};
    export_time(&x->w, g->h.wall);
    export_word(&x->w, g->h.source < EV_SRC_MAX ? sources[g->h.source] : NULL);
    export_word(&x->w, ticker_of(x, g->h.mkt));
    export_uint(&x->w, g->lost);
    export_uint(&x->w, g->sid);
    export_uint(&x->w, g->seq_expected);
    export_uint(&x->w, g->seq_got);
    export_text(&x->w, g->reason, sizeof g->reason);
}

/* Where the order is, or would be. */
static size_t place_of(const struct exporter *x, uint64_t number)
{
    size_t low = 0, high = x->n_orders;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (x->orders[mid].last.number < number) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Orders are written when all steps are known. New ones have rising numbers, but for those that
 * were restored at the start. */
static enum status keep_order(struct exporter *x, const struct rec_order *r)
{
    size_t at = place_of(x, r->number);
    if (at < x->n_orders && x->orders[at].last.number == r->number) {
        x->orders[at].last = *r;
        return ST_OK;
    }
    if (x->n_orders == x->cap_orders) {
        size_t cap = x->cap_orders == 0 ? 256 : x->cap_orders * 2;
        struct order_line *more = realloc(x->orders, cap * sizeof *more);
        if (more == NULL) {
            return ST_NOMEM;
        }
        x->orders = more;
        x->cap_orders = cap;
    }
    memmove(&x->orders[at + 1], &x->orders[at], (x->n_orders - at) * sizeof *x->orders);
    x->orders[at] = (struct order_line){*r, r->h.wall};
    x->n_orders++;
    return ST_OK;
}

static bool wanted(const struct exporter *x, const void *record)
{
    const struct ev *ev = record;
    const struct rec *rec = record;
    const char *ticker = ticker_of(x, ev->mkt);
    wall_ns_t t = ev->type < REC_BASE ? ev->recv_wall : rec->wall;
    if (rec->type == REC_ORDER) {
        return market_wanted(x, ((const struct rec_order *)record)->ticker);
    }
    if (rec->type == REC_APPLIED) {
        ticker = ((const struct rec_applied_fill *)record)->ticker;
    }
    return market_wanted(x, ticker) && time_wanted(x, t);
}

static void write_row(struct exporter *x, const void *record)
{
    export_begin(&x->w);
    switch (x->config->what) {
    case EXPORT_DELTAS:
        write_delta(x, record);
        break;
    case EXPORT_TRADES:
        write_trade(x, record);
        break;
    case EXPORT_SNAPSHOTS:
        write_snapshot(x, record);
        break;
    case EXPORT_FILLS:
        write_fill(x, record);
        break;
    case EXPORT_DECISIONS:
        write_decision(x, record);
        break;
    case EXPORT_OBSERVATIONS:
        write_observation(x, record);
        break;
    case EXPORT_GAPS:
        write_gap(x, record);
        break;
    case EXPORT_ORDERS:
    case EXPORT_WHAT_MAX:
        break;
    }
    export_end(&x->w);
}

static enum status take(void *self, const void *record)
{
    struct exporter *x = self;
    if (!x->config->go_on(x->config->self)) {
        return ST_CLOSED;
    }
    if (!wanted(x, record)) {
        return ST_OK;
    }
    if (x->config->what == EXPORT_ORDERS) {
        return keep_order(x, record);
    }
    if (x->config->what == EXPORT_OBSERVATIONS) {
        static const float none[OBS_SIZE];
        const struct rec_decision *d = record;
        if (memcmp(d->obs, none, sizeof none) == 0) {
            x->hashed++;
            return ST_OK;
        }
    }
    write_row(x, record);
    return x->w.failed ? ST_IO : ST_OK;
}

static enum status write_orders(struct exporter *x)
{
    for (size_t i = 0; i < x->n_orders && !x->w.failed; i++) {
        if (time_wanted(x, x->orders[i].began)) {
            export_begin(&x->w);
            write_order(x, &x->orders[i]);
            export_end(&x->w);
        }
    }
    return x->w.failed ? ST_IO : ST_OK;
}

static enum status markets_known(const struct exporter *x, struct err *err)
{
    const struct export_config *c = x->config;
    for (size_t i = 0; i < c->n_markets; i++) {
        bool known = false;
        for (size_t k = 0; k < x->n_tickers && !known; k++) {
            known = strcmp(c->markets[i], x->tickers[k]) == 0;
        }
        if (!known) {
            return err_set(err, ST_NOT_FOUND, "the session has no market %s", c->markets[i]);
        }
    }
    return ST_OK;
}

enum status export_session(const struct export_config *config, FILE *file,
                           struct export_counts *ret, struct err *err)
{
    struct exporter x = {.config = config};
    enum status st =
        store_read_records(config->path, config->session, EV_MARKET, take_market, &x, err);
    if (st == ST_OK) {
        st = markets_known(&x, err);
    }
    if (st == ST_OK) {
        export_rows_begin(&x.w, file, config->format, kinds[config->what].columns,
                          kinds[config->what].n);
        st = store_read_records(config->path, config->session, kinds[config->what].type, take, &x,
                                err);
    }
    if (st == ST_OK && config->what == EXPORT_ORDERS) {
        st = write_orders(&x);
    }
    if (x.w.failed) {
        st = err_set(err, ST_IO, "the rows cannot be written");
    }
    *ret = (struct export_counts){x.w.rows, x.hashed};
    export_rows_finish(&x.w);
    free(x.tickers);
    free(x.orders);
    return st;
}

static enum status take_first(void *self, const void *record)
{
    *(wall_ns_t *)self = ((const struct rec *)record)->wall;
    return ST_CLOSED; /* one is enough */
}

enum status export_first_time(const char *path, int64_t session, wall_ns_t *ret, struct err *err)
{
    *ret = 0;
    enum status st = store_read_records(path, session, REC_TURN, take_first, ret, err);
    return st == ST_CLOSED ? ST_OK : st;
}
