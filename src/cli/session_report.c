#include "cli/session_report.h"

#include <stdlib.h>
#include <string.h>

#define MARKETS_MAX 1000000U
#define ORDERS_MAX  100000000U

struct reading {
    struct report *r;
    bool (*go_on)(void *self);
    void *self;
    struct idmap tickers; /* of account marks: markets that are not followed have no index */
};

/* Sums of numbers that a damaged database may hold: they wrap, and mean nothing then. */
static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* --- markets --- */

static struct report_market *market_new(struct report *r)
{
    if (r->n_markets == r->cap_markets) {
        uint32_t cap = r->cap_markets == 0 ? 64 : r->cap_markets * 2;
        struct report_market *more = realloc(r->markets, cap * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        r->markets = more;
        r->cap_markets = cap;
    }
    struct report_market *m = &r->markets[r->n_markets++];
    memset(m, 0, sizeof *m);
    return m;
}

/* By index; NULL with *ret_st ST_OK: it makes no sense. */
static struct report_market *market_at(struct report *r, uint32_t mkt, enum status *ret_st)
{
    *ret_st = ST_OK;
    if (mkt >= MARKETS_MAX) {
        return NULL;
    }
    while (r->n_markets <= mkt) {
        if (market_new(r) == NULL) {
            *ret_st = ST_NOMEM;
            return NULL;
        }
    }
    return &r->markets[mkt];
}

static void make_stale(struct report_market *m, mono_ns_t mono)
{
    if (m->based && m->stale_since == 0) {
        m->stale_since = mono;
        m->stale_marks++;
    }
}

static void make_good(struct report_market *m, mono_ns_t mono)
{
    if (m->stale_since != 0 && mono > m->stale_since) {
        m->stale_ns = plus(m->stale_ns, minus(mono, m->stale_since));
    }
    m->stale_since = 0;
    m->based = true;
}

static void all_stale(struct report *r, mono_ns_t mono)
{
    for (uint32_t i = 0; i < r->n_markets; i++) {
        make_stale(&r->markets[i], mono);
    }
}

/* --- market data --- */

static void take_pace(struct report *r, const struct ev *ev)
{
    mono_ns_t since = minus(ev->recv_mono, r->last_mono);
    if (r->last_mono != 0 && r->link_up && since > r->silence) {
        r->silence = since;
        r->silence_at = ev->recv_wall;
    }
    if (r->last_mono != 0 && r->link_up && since > NS_PER_SEC) {
        r->silences++;
    }
    r->last_mono = ev->recv_mono;
    uint64_t second = (uint64_t)(ev->recv_wall / NS_PER_SEC);
    r->in_second = second == r->second ? r->in_second + 1 : 1;
    r->second = second;
    if (r->in_second > r->in_second_max) {
        r->in_second_max = r->in_second;
        r->in_second_at = (wall_ns_t)(second * (uint64_t)NS_PER_SEC);
    }
}

static void take_lag(struct report *r, const struct ev *ev)
{
    if (ev->ts_ms <= 0 || ev->ts_ms > INT64_MAX / NS_PER_MS) {
        return;
    }
    int64_t ahead = 0;
    if (__builtin_mul_overflow(r->clock_ahead, NS_PER_MS, &ahead)) {
        return;
    }
    int64_t lag = minus(minus(ev->recv_wall, ev->ts_ms * NS_PER_MS), ahead);
    r->lag_negative += lag < 0;
    hist_record(&r->lag, lag);
}

static enum status take_data(struct report *r, const struct ev *ev)
{
    enum status st;
    struct report_market *m = market_at(r, ev->mkt, &st);
    r->snapshots += ev->type == EV_SNAPSHOT;
    r->deltas += ev->type == EV_DELTA;
    r->trades += ev->type == EV_TRADE;
    r->first = r->first == 0 ? ev->recv_wall : r->first;
    r->last = ev->recv_wall;
    take_pace(r, ev);
    take_lag(r, ev);
    if (m == NULL) {
        return st;
    }
    m->snapshots += ev->type == EV_SNAPSHOT;
    m->deltas += ev->type == EV_DELTA;
    m->trades += ev->type == EV_TRADE;
    m->first = m->first == 0 ? ev->recv_wall : m->first;
    m->last = ev->recv_wall;
    if (ev->type == EV_SNAPSHOT) {
        make_good(m, ev->recv_mono);
    }
    return ST_OK;
}

static void take_link(struct report *r, const struct ev_mark *m)
{
    bool up = m->code != 0;
    r->links_up += up;
    r->links_down += !up;
    if (!up) {
        all_stale(r, m->h.recv_mono);
        r->down_since = m->h.recv_mono;
    } else if (r->down_since != 0 && m->h.recv_mono > r->down_since) {
        r->down_ns = plus(r->down_ns, minus(m->h.recv_mono, r->down_since));
        r->down_since = 0;
    }
    r->link_up = up;
    r->last_mono = 0; /* silence begins with the first message */
}

static void take_clock(struct report *r, const struct ev_mark *m)
{
    r->clock_ahead = m->code;
    r->clock_min = r->clocks == 0 || m->code < r->clock_min ? m->code : r->clock_min;
    r->clock_max = r->clocks == 0 || m->code > r->clock_max ? m->code : r->clock_max;
    r->clocks++;
}

static enum status take_market_event(struct reading *x, const struct ev *ev)
{
    struct report *r = x->r;
    enum status st = ST_OK;
    const struct ev_mark *mark = (const struct ev_mark *)(const void *)ev;
    struct report_market *m = NULL;
    r->mono_end = ev->recv_mono > r->mono_end ? ev->recv_mono : r->mono_end;
    switch ((enum ev_type)ev->type) {
    case EV_SNAPSHOT:
    case EV_DELTA:
    case EV_TRADE:
        return take_data(r, ev);
    case EV_MARKET:
        m = market_at(r, ev->mkt, &st);
        if (m != NULL && !m->counted) {
            m->counted = true;
            memcpy(m->ticker, ((const struct ev_market *)(const void *)ev)->ticker, TICKER_MAX);
            m->ticker[TICKER_MAX - 1] = '\0';
            st = idmap_put(&x->tickers, text_of(m->ticker), ev->mkt);
        }
        return st;
    case EV_STALE:
        r->marks_stale++;
        m = ev->mkt < r->n_markets ? &r->markets[ev->mkt] : NULL;
        if (m != NULL) {
            make_stale(m, ev->recv_mono);
        } else if (ev->mkt == MKT_ALL) {
            all_stale(r, ev->recv_mono);
        }
        return ST_OK;
    case EV_LINK:
        take_link(r, mark);
        return ST_OK;
    case EV_CLOCK:
        take_clock(r, mark);
        return ST_OK;
    case EV_NONE:
    case EV_FILL:
    case EV_USER_ORDER:
    case EV_POSITION:
    case EV_ANSWER:
    case EV_COMMAND:
    case EV_TYPE_MAX:
        break;
    }
    return ST_OK;
}

/* --- the rest --- */

static void take_gap(struct report *r, const struct rec_gap *g)
{
    if (r->gaps < REPORT_GAPS) {
        r->first_gaps[r->gaps] = *g;
        r->first_gaps[r->gaps].reason[REASON_MAX - 1] = '\0';
    }
    r->gaps++;
    r->gaps_seq += g->sid != 0;
    r->lost = (uint64_t)plus((int64_t)r->lost, (int64_t)g->lost);
}

static void count_check(struct report *r, const char check[REASON_MAX])
{
    for (size_t i = 0; i < REPORT_REASONS; i++) {
        if (r->checks[i].n == 0) {
            memcpy(r->checks[i].name, check, REASON_MAX);
            r->checks[i].name[REASON_MAX - 1] = '\0';
        }
        if (strncmp(r->checks[i].name, check, REASON_MAX - 1) == 0) {
            r->checks[i].n++;
            return;
        }
    }
}

static void take_decision(struct report *r, const struct rec_decision *d)
{
    r->decisions++;
    if (d->action < ACTION_COUNT) {
        r->actions[d->action]++;
    }
    if (d->verdict < VERDICT_MAX) {
        r->verdicts[d->verdict]++;
    }
    if (d->verdict == VERDICT_REFUSED || d->verdict == VERDICT_ERROR) {
        count_check(r, d->check);
    }
}

static enum status take_order(struct report *r, const struct rec_order *o)
{
    struct text key = {(const char *)&o->number, sizeof o->number};
    uint32_t before = idmap_get(&r->order_states, key);
    if (o->to_state >= ORDER_STATE_MAX) {
        return ST_OK;
    }
    if (before == IDMAP_NONE) {
        r->orders++;
    } else {
        r->orders_by_state[before]--;
    }
    r->orders_by_state[o->to_state]++;
    return idmap_put(&r->order_states, key, o->to_state);
}

static void take_fill(struct report *r, const struct rec_applied_fill *f)
{
    r->fills++;
    r->fills_taker += f->is_taker != 0;
    r->fills_foreign += f->order_number == 0;
    r->contracts = plus(r->contracts, f->qty);
    r->fees = plus(r->fees, f->fee);
}

static void take_reconcile(struct report *r, const struct rec_reconcile *c)
{
    if (c->kind == RECONCILE_CASH && strncmp(c->reason, "start", 5) == 0) {
        r->has_account = true;
        r->cash_start = r->cash_end = c->theirs;
    }
    if (c->adopted == 0) {
        return;
    }
    if (c->kind == RECONCILE_CASH) {
        r->cash_adoptions++;
        r->cash_adopted = plus(r->cash_adopted, minus(c->theirs, c->ours));
        r->cash_end = c->theirs;
    } else if (c->kind == RECONCILE_POSITION) {
        r->positions_adopted++;
    }
}

static enum status take_account(struct reading *x, const struct rec_account *a)
{
    struct report *r = x->r;
    char ticker[TICKER_MAX];
    memcpy(ticker, a->ticker, sizeof ticker);
    ticker[TICKER_MAX - 1] = '\0';
    uint32_t at = idmap_get(&x->tickers, text_of(ticker));
    if (at == IDMAP_NONE) {
        at = r->n_markets;
        struct report_market *fresh = market_new(r);
        if (fresh == NULL || idmap_put(&x->tickers, text_of(ticker), at) != ST_OK) {
            return ST_NOMEM;
        }
        memcpy(fresh->ticker, ticker, sizeof ticker);
    }
    struct report_market *m = &r->markets[at];
    if (!m->marked) {
        m->marked = true;
        m->realized_before = a->realized;
        m->fees_before = a->fees;
    }
    m->realized = a->realized;
    m->fees = a->fees;
    m->cost = a->cost;
    m->position = a->position;
    r->cash_end = a->cash_total;
    return ST_OK;
}

static void take_worth(struct report *r, const struct rec_mark *m)
{
    if (!r->has_worth) {
        r->worth_first = *m;
    }
    r->has_worth = true;
    r->worth_last = *m;
    r->cash_end = m->cash_total;
}

static enum status take_record(void *self, const void *record)
{
    struct reading *x = self;
    struct report *r = x->r;
    const struct rec *head = record;
    if (!x->go_on(x->self)) {
        return ST_CLOSED;
    }
    if (store_type_index(head->type) < 32) {
        r->by_type[store_type_index(head->type)]++;
    }
    switch ((enum rec_type)head->type) {
    case REC_GAP:
        take_gap(r, record);
        break;
    case REC_RAW:
        r->unknown += ((const struct rec_raw *)record)->kind == 0;
        r->malformed += ((const struct rec_raw *)record)->kind == 1;
        break;
    case REC_TURN:
        r->turns++;
        break;
    case REC_DECISION:
        take_decision(r, record);
        break;
    case REC_ORDER:
        return take_order(r, record);
    case REC_APPLIED:
        take_fill(r, record);
        break;
    case REC_RECONCILE:
        take_reconcile(r, record);
        break;
    case REC_SETTLED:
        r->settlements++;
        r->paid = plus(r->paid, ((const struct rec_settled *)record)->paid);
        break;
    case REC_FEE_DRIFT:
        r->fee_drifts++;
        break;
    case REC_POSITION:
        return take_account(x, record);
    case REC_MARK:
        take_worth(r, record);
        break;
    case REC_CONN:
    case REC_RESTORED:
    case REC_REFUSED:
    case REC_BASE:
    case REC_TYPE_MAX:
        break;
    }
    return ST_OK;
}

static enum status take_event(void *self, const struct ev *ev)
{
    struct reading *x = self;
    if (!x->go_on(x->self)) {
        return ST_CLOSED;
    }
    if (store_type_index(ev->type) < 32) {
        x->r->by_type[store_type_index(ev->type)]++;
    }
    if (ev->type == EV_ANSWER) {
        x->r->answers++;
        x->r->answers_bad += ((const struct ev_answer *)(const void *)ev)->outcome != GW_OK;
    }
    return ev->source == EV_SRC_MARKET ? take_market_event(x, ev) : ST_OK;
}

static void finish_stale(struct report *r)
{
    for (uint32_t i = 0; i < r->n_markets; i++) {
        struct report_market *m = &r->markets[i];
        if (m->stale_since != 0 && r->mono_end > m->stale_since) {
            m->stale_ns = plus(m->stale_ns, minus(r->mono_end, m->stale_since));
        }
    }
    if (r->down_since != 0 && r->mono_end > r->down_since) {
        r->down_ns = plus(r->down_ns, minus(r->mono_end, r->down_since));
    }
}

enum status report_read(const char *path, int64_t session, bool (*go_on)(void *self), void *self,
                        struct report *ret, struct err *err)
{
    static const enum ev_source sources[] = {EV_SRC_MARKET, EV_SRC_PRIVATE, EV_SRC_ANSWER,
                                             EV_SRC_COMMAND};
    struct reading x = {.r = ret, .go_on = go_on, .self = self};
    memset(ret, 0, sizeof *ret);
    enum status st = idmap_init(&x.tickers, MARKETS_MAX);
    st = st == ST_OK ? idmap_init(&ret->order_states, ORDERS_MAX) : st;
    if (st != ST_OK) {
        (void)err_set(err, st, "out of memory");
    }
    for (size_t i = 0; st == ST_OK && i < sizeof sources / sizeof sources[0]; i++) {
        st = store_read_events(path, session, sources[i], take_event, &x, err);
    }
    for (uint16_t type = REC_BASE + 1; st == ST_OK && type < REC_TYPE_MAX; type++) {
        st = store_read_records(path, session, type, take_record, &x, err);
    }
    finish_stale(ret);
    idmap_finish(&x.tickers);
    return st;
}

void report_finish(struct report *r)
{
    free(r->markets);
    idmap_finish(&r->order_states);
}

usd_t report_realized(const struct report *r)
{
    usd_t sum = 0;
    for (uint32_t i = 0; i < r->n_markets; i++) {
        sum = plus(sum, minus(r->markets[i].realized, r->markets[i].realized_before));
    }
    return sum;
}
