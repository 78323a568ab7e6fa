/*
 * paper_read.c - reads of the account and of the markets, and the form of answers.
 *
 * Unlike the exchange's portfolio, which may lag, a read is exact: it shows the account as it is
 * when the request is there, and says so in as_of.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "paper/paper_int.h"

struct ev_answer *paper_answer_new(const struct paper *p, const struct request *r, size_t rows)
{
    struct ev_answer *a = paper_alloc(sizeof *a + rows);
    a->h = (struct ev){.size = ev_round8(sizeof *a + rows),
                       .type = EV_ANSWER,
                       .source = EV_SRC_ANSWER,
                       .mkt = r->req.mkt};
    (void)p;
    a->req_id = r->req.req_id;
    a->op = r->req.op;
    a->signed_wall = r->sent_wall;
    a->sent_mono = r->sent;
    if (r->req.op == GW_CREATE) {
        memcpy(a->client_id, r->req.client_id, sizeof a->client_id);
    } else if (r->req.op == GW_CANCEL || r->req.op == GW_AMEND || r->req.op == GW_GET_ORDER) {
        memcpy(a->order_id, r->req.order_id, sizeof a->order_id);
    }
    return a;
}

static mono_ns_t way_back(struct paper *p)
{
    mono_ns_t way = p->config.answer_latency - p->config.market_latency;
    return (way > 0 ? way : 0) + paper_jitter(p);
}

void paper_answer_send(struct paper *p, struct ev_answer *a)
{
    paper_post(p, MAIL_ANSWER, a, p->now + way_back(p));
}

/* --- lists: rows are gathered, then handed out in as many answers as it takes --- */

struct rows {
    enum gw_row kind;
    uint32_t row_size, n, cap, n_yes;
    char *p;
};

static void row_add(struct rows *rows, const void *row)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap == 0 ? 64 : rows->cap * 2;
        char *x = realloc(rows->p, (size_t)rows->cap * rows->row_size);
        ensure_memory(x);
        rows->p = x;
    }
    memcpy(rows->p + (size_t)rows->n++ * rows->row_size, row, rows->row_size);
}

static void send_rows(struct paper *p, const struct request *r, struct rows *rows, wall_ns_t as_of)
{
    uint32_t per_part = (uint32_t)((ANSWER_BYTES - sizeof(struct ev_answer)) / rows->row_size);
    mono_ns_t due = p->now + way_back(p);
    uint32_t first = 0;
    do {
        uint32_t n = rows->n - first < per_part ? rows->n - first : per_part;
        size_t bytes = (size_t)n * rows->row_size;
        struct ev_answer *a = paper_answer_new(p, r, bytes);
        if (n > 0) {
            memcpy(a + 1, rows->p + (size_t)first * rows->row_size, bytes);
        }
        uint32_t yes_left = rows->n_yes > first ? rows->n_yes - first : 0;
        a->n_yes = yes_left < n ? yes_left : n;
        a->outcome = GW_OK;
        a->http_status = 200;
        a->as_of = as_of;
        a->row_kind = rows->kind;
        a->row_size = rows->row_size;
        a->n_rows = n;
        first += n;
        a->flags = first < rows->n ? GW_ANSWER_MORE : 0;
        paper_post(p, MAIL_ANSWER, a, due);
    } while (first < rows->n);
    free(rows->p);
}

static bool wanted(const struct request *r, const char *ticker)
{
    return r->req.ticker[0] == '\0' || strcmp(r->req.ticker, ticker) == 0;
}

static bool enough(const struct request *r, const struct rows *rows)
{
    return r->req.rows_max != 0 && rows->n >= r->req.rows_max;
}

static uint64_t oldest(uint64_t n, uint64_t kept)
{
    return n > kept ? n - kept : 0;
}

/* Newest first, as the exchange lists. */
static void list_orders(const struct paper *p, const struct request *r, struct rows *rows)
{
    for (uint64_t n = p->n_orders; n > 0 && !enough(r, rows); n--) {
        const struct porder *po = &p->orders[(n - 1) % p->config.history_max];
        if (n <= oldest(p->n_orders, p->config.history_max)) {
            break;
        }
        struct ev_user_order row;
        if (po->number == 0) {
            continue;
        }
        paper_order_row(p, po, &row);
        bool only = (r->req.flags & GW_RESTING_ONLY) != 0;
        if (wanted(r, row.ticker) && row.created_ms / 1000 >= r->req.min_ts_s &&
            (!only || row.status == XORDER_RESTING)) {
            row_add(rows, &row);
        }
    }
}

static void list_fills(const struct paper *p, const struct request *r, struct rows *rows)
{
    for (uint64_t n = p->n_fills; n > oldest(p->n_fills, p->config.history_max) && !enough(r, rows);
         n--) {
        const struct ev_fill *f = &p->fills[(n - 1) % p->config.history_max];
        if (wanted(r, f->ticker) && f->h.ts_ms / 1000 >= r->req.min_ts_s &&
            (r->req.order_id[0] == '\0' || strcmp(r->req.order_id, f->order_id) == 0)) {
            row_add(rows, f);
        }
    }
}

static void list_positions(const struct paper *p, const struct request *r, struct rows *rows)
{
    for (uint32_t i = 0; i < match_account(p->match, p->account)->n_positions && !enough(r, rows);
         i++) {
        const struct match_position *pos = match_position_at(p->match, p->account, i);
        struct ev_position row;
        if (pos->volume == 0 || pos->settled) {
            continue;
        }
        paper_position_row(p, pos, &row);
        if (wanted(r, row.ticker)) {
            row_add(rows, &row);
        }
    }
}

static bool list_names(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s != NULL; s = strchr(s, ',')) {
        s += *s == ',';
        if (strncmp(s, name, n) == 0 && (s[n] == ',' || s[n] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool status_is(const struct pmarket *m, const char *word)
{
    static const char *const words[] = {
        [MARKET_UNKNOWN] = "",          [MARKET_INITIALIZED] = "unopened",
        [MARKET_ACTIVE] = "open",       [MARKET_INACTIVE] = "paused",
        [MARKET_CLOSED] = "closed",     [MARKET_DETERMINED] = "closed",
        [MARKET_FINALIZED] = "settled",
    };
    int32_t s = m->info.status;
    return word[0] == '\0' || (s >= 0 && s <= MARKET_FINALIZED && strcmp(words[s], word) == 0);
}

/* The markets that are followed: names by prefix, as the exchange's tickers are built. */
static void list_markets(const struct paper *p, const struct request *r, struct rows *rows)
{
    for (uint32_t i = 0; i < p->n_markets && !enough(r, rows); i++) {
        const struct pmarket *m = &p->markets[i];
        const char *t = m->info.ticker;
        size_t series = strlen(r->req.series);
        size_t event = strlen(r->req.event);
        bool under =
            (series == 0 || (strncmp(t, r->req.series, series) == 0 && t[series] == '-')) &&
            (event == 0 ||
             (strncmp(t, r->req.event, event) == 0 && (t[event] == '-' || t[event] == '\0')));
        if (wanted(r, t) && under && status_is(m, r->req.status) &&
            (r->tickers == NULL || list_names(r->tickers, t))) {
            struct ev_market row = m->info;
            row.h = (struct ev){0};
            row_add(rows, &row);
        }
    }
}

static bool list_book(const struct paper *p, const struct request *r, struct rows *rows)
{
    uint32_t mkt = paper_find(p, r->req.ticker);
    if (mkt == NO_MARKET || p->markets[mkt].index == NO_MARKET) {
        return false;
    }
    uint32_t index = p->markets[mkt].index;
    for (int s = 0; s < 2; s++) {
        enum side side = s == 0 ? SIDE_YES : SIDE_NO;
        size_t n = match_level_count(p->match, index, side);
        struct level *lv = paper_alloc((n + 1) * sizeof *lv);
        n = match_levels(p->match, index, side, lv, n);
        for (size_t i = 0; i < n; i++) {
            /* The exchange's book, without our orders: they are not in it. */
            lv[i].qty = match_anon_qty(p->match, index, side, lv[i].px);
            if (lv[i].qty > 0) {
                row_add(rows, &lv[i]);
                rows->n_yes += side == SIDE_YES;
            }
        }
        free(lv);
    }
    return true;
}

/* --- single answers --- */

/* Positions at the last trade's price, without cash (sheet 15.4). */
static usd_t portfolio_value(const struct paper *p)
{
    usd_t sum = 0;
    for (uint32_t i = 0; i < match_account(p->match, p->account)->n_positions; i++) {
        const struct match_position *pos = match_position_at(p->match, p->account, i);
        px_t px = p->markets[p->mkt_of[pos->market]].last_yes_px;
        sum += pos->qty >= 0 ? usd_of(px, pos->qty) : usd_of(PX_ONE - px, -pos->qty);
    }
    return sum;
}

static void send_plain(struct paper *p, const struct request *r)
{
    struct ev_answer *a = paper_answer_new(p, r, 0);
    a->outcome = GW_OK;
    a->http_status = 200;
    if (r->req.op == GW_GET_BALANCE) {
        a->balance = match_account(p->match, p->account)->cash;
        a->portfolio_value = portfolio_value(p);
    } else if (r->req.op == GW_GET_LIMITS) {
        int64_t rate = p->config.write_tokens > 0 ? p->config.write_tokens : 1000000;
        a->write_capacity = rate;
        a->write_rate = rate;
        a->read_capacity = 1000000; /* reads never leave the process */
        a->read_rate = 1000000;
    } else {
        a->as_of = p->wall;
    }
    paper_answer_send(p, a);
}

void paper_read(struct paper *p, const struct request *r)
{
    struct rows rows = {.kind = GW_ROW_NONE};
    bool found = true;
    switch ((enum gw_op)r->req.op) {
    case GW_LIST_ORDERS:
        rows = (struct rows){.kind = GW_ROW_ORDER, .row_size = sizeof(struct ev_user_order)};
        list_orders(p, r, &rows);
        break;
    case GW_LIST_FILLS:
        rows = (struct rows){.kind = GW_ROW_FILL, .row_size = sizeof(struct ev_fill)};
        list_fills(p, r, &rows);
        break;
    case GW_LIST_POSITIONS:
        rows = (struct rows){.kind = GW_ROW_POSITION, .row_size = sizeof(struct ev_position)};
        list_positions(p, r, &rows);
        break;
    case GW_LIST_MARKETS:
        rows = (struct rows){.kind = GW_ROW_MARKET, .row_size = sizeof(struct ev_market)};
        list_markets(p, r, &rows);
        break;
    case GW_GET_BOOK:
        rows = (struct rows){.kind = GW_ROW_LEVEL, .row_size = sizeof(struct level)};
        found = list_book(p, r, &rows);
        break;
    case GW_CREATE:
    case GW_CANCEL:
    case GW_AMEND:
    case GW_GROUP_CREATE:
    case GW_GROUP_RESET:
    case GW_GET_ORDER:
    case GW_GET_BALANCE:
    case GW_GET_LIMITS:
    case GW_AS_OF:
    case GW_OP_MAX:
        send_plain(p, r);
        return;
    }
    if (!found) {
        struct ev_answer *a = paper_answer_new(p, r, 0);
        a->outcome = GW_NOT_FOUND;
        a->http_status = 404;
        (void)text_copy(a->error_code, sizeof a->error_code, TEXT("not_found"));
        paper_answer_send(p, a);
        return;
    }
    send_rows(p, r, &rows, (r->req.flags & GW_WITH_AS_OF) != 0 ? p->wall : 0);
}
