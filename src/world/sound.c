/* sound.c - see sound.h. */
#include "world/sound.h"

#include <stddef.h>
#include <string.h>

#include "bus/record.h"

enum rule_kind {
    RULE_PX,    /* int64, within two dollars */
    RULE_QTY,   /* int64, within QTY_LIMIT */
    RULE_POST,  /* the same, or QTY_UNKNOWN */
    RULE_USD,   /* int64, within USD_LIMIT */
    RULE_TIME,  /* int64 nanoseconds from 1970, or of a clock since boot */
    RULE_MS,    /* int64 milliseconds, far from overflow */
    RULE_BELOW, /* uint32, below limit */
    RULE_TEXT   /* limit bytes, ended by NUL */
};

struct rule {
    const char *name;
    enum rule_kind kind;
    uint32_t offset, limit;
};

#define R(kind, type, field)                                                                       \
    {                                                                                              \
#field, RULE_##kind, offsetof(struct type, field), 0                                       \
    }
#define BELOW(type, field, limit_)                                                                 \
    {                                                                                              \
#field, RULE_BELOW, offsetof(struct type, field), limit_                                   \
    }
#define TEXTS(type, field)                                                                         \
    {                                                                                              \
#field, RULE_TEXT, offsetof(struct type, field), sizeof(((struct type *)0)->field)         \
    }
#define TIME_MAX (INT64_MAX / 2)
#define MS_MAX   (INT64_MAX / 4)

static const struct rule head[] = {R(MS, ev, ts_ms), R(TIME, ev, recv_wall),
                                   R(TIME, ev, recv_mono)};
static const struct rule market[] = {
    TEXTS(ev_market, ticker),
    BELOW(ev_market, status, MARKET_FINALIZED + 1),
    BELOW(ev_market, fee_type, FEE_NONE + 1),
    BELOW(ev_market, fee_mult_micros, INT32_MAX),
    R(TIME, ev_market, close_time),
    R(QTY, ev_market, volume_24h),
    BELOW(ev_market, result, RESULT_SCALAR + 1),
    R(PX, ev_market, settle_px),
    R(TIME, ev_market, waived),
    BELOW(ev_market, series_fee_type, FEE_NONE + 1),
    BELOW(ev_market, series_fee_mult_micros, INT32_MAX),
};
static const struct rule delta[] = {
    R(PX, ev_delta, px),
    R(QTY, ev_delta, qty),
    BELOW(ev_delta, side, 2),
};
static const struct rule trade[] = {
    R(PX, ev_trade, yes_px),
    R(QTY, ev_trade, qty),
    BELOW(ev_trade, taker, 2),
    TEXTS(ev_trade, trade_id),
};
static const struct rule mark[] = {R(MS, ev_mark, code), TEXTS(ev_mark, reason)};
static const struct rule fill[] = {
    R(PX, ev_fill, yes_px),          R(QTY, ev_fill, qty),       R(USD, ev_fill, fee),
    R(POST, ev_fill, post_position), BELOW(ev_fill, outcome, 2), TEXTS(ev_fill, ticker),
    TEXTS(ev_fill, trade_id),        TEXTS(ev_fill, order_id),   TEXTS(ev_fill, client_id),
};
static const struct rule user_order[] = {
    R(PX, ev_user_order, yes_px),
    R(QTY, ev_user_order, initial),
    R(QTY, ev_user_order, filled),
    R(QTY, ev_user_order, remaining),
    R(USD, ev_user_order, taker_cost),
    R(USD, ev_user_order, maker_cost),
    R(USD, ev_user_order, taker_fees),
    R(USD, ev_user_order, maker_fees),
    R(MS, ev_user_order, created_ms),
    R(MS, ev_user_order, updated_ms),
    BELOW(ev_user_order, status, XORDER_EXECUTED + 1),
    BELOW(ev_user_order, outcome, 2),
    TEXTS(ev_user_order, ticker),
    TEXTS(ev_user_order, order_id),
    TEXTS(ev_user_order, client_id),
    TEXTS(ev_user_order, reason),
};
static const struct rule position[] = {
    R(QTY, ev_position, position), R(USD, ev_position, cost),  R(USD, ev_position, realized),
    R(USD, ev_position, fees),     TEXTS(ev_position, ticker),
};
static const struct rule answer[] = {
    BELOW(ev_answer, op, GW_OP_MAX),    BELOW(ev_answer, outcome, GW_OUTCOME_MAX),
    R(TIME, ev_answer, signed_wall),    R(TIME, ev_answer, as_of),
    R(TIME, ev_answer, sent_mono),      TEXTS(ev_answer, order_id),
    TEXTS(ev_answer, client_id),        TEXTS(ev_answer, error_code),
    R(POST, ev_answer, filled),         R(POST, ev_answer, remaining),
    R(PX, ev_answer, average_px),       R(USD, ev_answer, balance),
    R(USD, ev_answer, portfolio_value), BELOW(ev_answer, row_kind, GW_ROW_LEVEL + 1),
};
static const struct rule command[] = {TEXTS(ev_command, reason)};
static const struct rule turn[] = {R(TIME, rec_turn, h.wall), R(TIME, rec_turn, mono)};
static const struct rule restored[] = {
    R(TIME, rec_restored, h.wall),  BELOW(rec_restored, kind, RESTORED_KIND_MAX),
    R(PX, rec_restored, yes_px),    R(QTY, rec_restored, qty),
    R(USD, rec_restored, reserved), TEXTS(rec_restored, ticker),
    TEXTS(rec_restored, client_id), TEXTS(rec_restored, order_id),
    TEXTS(rec_restored, reason),
};
static const struct rule refused[] = {TEXTS(rec_refused, status)};
static const struct rule level[] = {R(PX, level, px), R(QTY, level, qty)};

#define RULES(rules) rules, sizeof rules / sizeof rules[0]

static bool within(int64_t v, int64_t limit)
{
    return v >= -limit && v <= limit;
}

static bool holds(const struct rule *r, const uint8_t *record)
{
    int64_t v;
    uint32_t u;
    const uint8_t *p = record + r->offset;
    switch (r->kind) {
    case RULE_TEXT:
        return memchr(p, '\0', r->limit) != NULL;
    case RULE_BELOW:
        memcpy(&u, p, sizeof u);
        return u < r->limit;
    case RULE_PX:
    case RULE_QTY:
    case RULE_POST:
    case RULE_USD:
    case RULE_TIME:
    case RULE_MS:
        break;
    }
    memcpy(&v, p, sizeof v);
    switch (r->kind) {
    case RULE_PX:
        return within(v, 2 * PX_ONE);
    case RULE_QTY:
        return within(v, QTY_LIMIT);
    case RULE_POST:
        return v == QTY_UNKNOWN || within(v, QTY_LIMIT);
    case RULE_USD:
        return within(v, USD_LIMIT);
    case RULE_TIME:
        return v >= 0 && v <= TIME_MAX;
    case RULE_MS:
        return within(v, MS_MAX);
    case RULE_TEXT:
    case RULE_BELOW:
        break;
    }
    return true;
}

static const char *fault_of(const void *record, const struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!holds(&rules[i], record)) {
            return rules[i].name;
        }
    }
    return NULL;
}

static const char *grid_fault(const struct grid *grid)
{
    struct grid again;
    bool good = grid->n <= GRID_RANGES_MAX && grid_init(&again, grid->r, grid->n) == ST_OK &&
                memcmp(&again, grid, sizeof again) == 0;
    return good ? NULL : "grid";
}

static const char *rows_fault(const void *rows, uint64_t n, size_t size, const struct rule *rules,
                              size_t n_rules)
{
    const char *fault = NULL;
    for (uint64_t i = 0; i < n && fault == NULL; i++) {
        fault = fault_of((const uint8_t *)rows + i * size, rules, n_rules);
    }
    return fault;
}

static const char *market_fault(const struct ev_market *m)
{
    const char *fault = fault_of(m, RULES(market));
    return fault != NULL ? fault : grid_fault(&m->grid);
}

static const char *market_rows_fault(const struct ev_market *rows, uint64_t n)
{
    const char *fault = NULL;
    for (uint64_t i = 0; i < n && fault == NULL; i++) {
        fault = market_fault(&rows[i]);
    }
    return fault;
}

static const char *answer_rows_fault(const struct ev_answer *a)
{
    size_t size = ev_row_size(a->row_kind);
    if (a->n_rows == 0) {
        return NULL;
    }
    if (size == 0 || a->row_size != size || a->n_rows > (a->h.size - sizeof *a) / size) {
        return "row_size";
    }
    const void *rows = ev_answer_rows(a);
    switch ((enum gw_row)a->row_kind) {
    case GW_ROW_ORDER:
        return rows_fault(rows, a->n_rows, size, RULES(user_order));
    case GW_ROW_FILL:
        return rows_fault(rows, a->n_rows, size, RULES(fill));
    case GW_ROW_POSITION:
        return rows_fault(rows, a->n_rows, size, RULES(position));
    case GW_ROW_MARKET:
        return market_rows_fault(rows, a->n_rows);
    case GW_ROW_LEVEL:
        return a->n_yes > a->n_rows ? "n_yes" : rows_fault(rows, a->n_rows, size, RULES(level));
    case GW_ROW_NONE:
        break;
    }
    return NULL;
}

static const char *snapshot_fault(const struct ev_snapshot *s)
{
    uint64_t n = (uint64_t)s->n_yes + s->n_no;
    if (n > (s->h.size - sizeof *s) / sizeof(struct level)) {
        return "n_yes";
    }
    return rows_fault(s->levels, n, sizeof(struct level), RULES(level));
}

static const char *body_fault(const struct ev *ev)
{
    const char *fault;
    switch ((enum ev_type)ev->type) {
    case EV_MARKET:
        return market_fault((const struct ev_market *)ev);
    case EV_SNAPSHOT:
        return snapshot_fault((const struct ev_snapshot *)ev);
    case EV_DELTA:
        return fault_of(ev, RULES(delta));
    case EV_TRADE:
        return fault_of(ev, RULES(trade));
    case EV_STALE:
    case EV_LINK:
    case EV_CLOCK:
        return fault_of(ev, RULES(mark));
    case EV_FILL:
        return fault_of(ev, RULES(fill));
    case EV_USER_ORDER:
        return fault_of(ev, RULES(user_order));
    case EV_POSITION:
        return fault_of(ev, RULES(position));
    case EV_ANSWER:
        fault = fault_of(ev, RULES(answer));
        return fault != NULL ? fault : answer_rows_fault((const struct ev_answer *)ev);
    case EV_COMMAND:
        return fault_of(ev, RULES(command));
    case EV_NONE:
    case EV_TYPE_MAX:
        break;
    }
    return "type";
}

const char *record_fault(const void *record)
{
    const struct rec *rec = record;
    if (rec->type < REC_BASE) {
        const char *fault = fault_of(record, RULES(head));
        return fault != NULL ? fault : body_fault(record);
    }
    return rec->type == REC_TURN       ? fault_of(record, RULES(turn))
           : rec->type == REC_RESTORED ? fault_of(record, RULES(restored))
           : rec->type == REC_REFUSED  ? fault_of(record, RULES(refused))
                                       : NULL;
}
