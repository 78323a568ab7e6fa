/*
 * layout.c - the tables' layouts, and the three values that are no plain column.
 *
 * Levels: for each level two numbers, the price's difference from the level before (the first from
 * 0) and the count, each zigzag and in groups of 7 bits, the lowest first. A book of cents takes
 * about 4 bytes a level.
 */
#include "store/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define F(s, name_, kind_, member)                                                                 \
    {                                                                                              \
        name_, kind_, offsetof(struct s, member), sizeof(((struct s *)0)->member)                  \
    }
#define I32(s, m)   F(s, #m, FIELD_I32, m)
#define U32(s, m)   F(s, #m, FIELD_U32, m)
#define I64(s, m)   F(s, #m, FIELD_I64, m)
#define TXT(s, m)   F(s, #m, FIELD_TEXT, m)
#define BYTES(s, m) F(s, #m, FIELD_BYTES, m)
#define EV(s)                                                                                      \
    F(s, "ord", FIELD_I64, h.ord), F(s, "mkt", FIELD_U32, h.mkt), F(s, "conn", FIELD_U32, h.conn), \
        F(s, "sid", FIELD_I64, h.sid), F(s, "seq", FIELD_I64, h.seq),                              \
        F(s, "ts_ms", FIELD_I64, h.ts_ms), F(s, "recv_wall", FIELD_I64, h.recv_wall),              \
        F(s, "recv_mono", FIELD_I64, h.recv_mono)
#define REC(s) F(s, "mkt", FIELD_U32, h.mkt), F(s, "wall", FIELD_I64, h.wall)

static const struct field market[] = {
    EV(ev_market),
    TXT(ev_market, ticker),
    I32(ev_market, status),
    I32(ev_market, exchange_index),
    I32(ev_market, fee_type),
    I32(ev_market, fee_mult_micros),
    I64(ev_market, close_time),
    I64(ev_market, volume_24h),
    I32(ev_market, result),
    I64(ev_market, settle_px),
    I64(ev_market, waived),
    I32(ev_market, series_fee_type),
    I32(ev_market, series_fee_mult_micros),
    F(ev_market, "grid", FIELD_GRID, grid),
};
static const struct field snapshot[] = {
    EV(ev_snapshot),
    U32(ev_snapshot, n_yes),
    U32(ev_snapshot, n_no),
    {"levels", FIELD_LEVELS, sizeof(struct ev_snapshot), 0},
};
static const struct field delta[] = {EV(ev_delta), U32(ev_delta, side), I64(ev_delta, px),
                                     I64(ev_delta, qty), U32(ev_delta, flags)};
static const struct field trade[] = {EV(ev_trade),          U32(ev_trade, taker),
                                     I64(ev_trade, yes_px), I64(ev_trade, qty),
                                     U32(ev_trade, block),  TXT(ev_trade, trade_id)};
static const struct field mark[] = {EV(ev_mark), I64(ev_mark, code), TXT(ev_mark, reason)};
static const struct field fill[] = {
    EV(ev_fill),
    TXT(ev_fill, ticker),
    U32(ev_fill, outcome),
    I64(ev_fill, yes_px),
    I64(ev_fill, qty),
    I64(ev_fill, fee),
    I64(ev_fill, post_position),
    U32(ev_fill, is_taker),
    I32(ev_fill, exchange_index),
    I32(ev_fill, subaccount),
    TXT(ev_fill, trade_id),
    TXT(ev_fill, order_id),
    TXT(ev_fill, client_id),
};
static const struct field user_order[] = {
    EV(ev_user_order),
    TXT(ev_user_order, ticker),
    U32(ev_user_order, status),
    U32(ev_user_order, outcome),
    I64(ev_user_order, yes_px),
    I64(ev_user_order, initial),
    I64(ev_user_order, filled),
    I64(ev_user_order, remaining),
    I64(ev_user_order, taker_cost),
    I64(ev_user_order, maker_cost),
    I64(ev_user_order, taker_fees),
    I64(ev_user_order, maker_fees),
    I64(ev_user_order, created_ms),
    I64(ev_user_order, updated_ms),
    I32(ev_user_order, exchange_index),
    I32(ev_user_order, subaccount),
    TXT(ev_user_order, order_id),
    TXT(ev_user_order, client_id),
    TXT(ev_user_order, reason),
};
static const struct field position[] = {
    EV(ev_position),        TXT(ev_position, ticker),   I64(ev_position, position),
    I64(ev_position, cost), I64(ev_position, realized), I64(ev_position, fees),
};
static const struct field answer[] = {
    EV(ev_answer),
    I64(ev_answer, req_id),
    U32(ev_answer, op),
    U32(ev_answer, outcome),
    I32(ev_answer, http_status),
    U32(ev_answer, flags),
    I64(ev_answer, signed_wall),
    I64(ev_answer, as_of),
    I64(ev_answer, sent_mono),
    TXT(ev_answer, order_id),
    TXT(ev_answer, client_id),
    TXT(ev_answer, error_code),
    I64(ev_answer, filled),
    I64(ev_answer, remaining),
    I64(ev_answer, average_px),
    I64(ev_answer, engine_ms),
    I64(ev_answer, balance),
    I64(ev_answer, portfolio_value),
    I64(ev_answer, read_capacity),
    I64(ev_answer, read_rate),
    I64(ev_answer, write_capacity),
    I64(ev_answer, write_rate),
    U32(ev_answer, row_kind),
    U32(ev_answer, row_size),
    U32(ev_answer, n_rows),
    U32(ev_answer, n_yes),
    {"rows", FIELD_ROWS, sizeof(struct ev_answer), 0},
};
static const struct field command[] = {EV(ev_command), U32(ev_command, command),
                                       U32(ev_command, flags), TXT(ev_command, reason)};

static const struct field turn[] = {
    REC(rec_turn),
    I64(rec_turn, turn),
    I64(rec_turn, mono),
    F(rec_turn, "taken_command", FIELD_U32, taken[EV_SRC_COMMAND]),
    F(rec_turn, "taken_private", FIELD_U32, taken[EV_SRC_PRIVATE]),
    F(rec_turn, "taken_answer", FIELD_U32, taken[EV_SRC_ANSWER]),
    F(rec_turn, "taken_market", FIELD_U32, taken[EV_SRC_MARKET]),
};
_Static_assert(EV_SRC_MAX == 4, "a turn row has a column for each source");
static const struct field decision[] = {
    REC(rec_decision),
    I64(rec_decision, turn),
    I64(rec_decision, number),
    I64(rec_decision, last_ord),
    I64(rec_decision, book_version),
    U32(rec_decision, action),
    U32(rec_decision, verdict),
    F(rec_decision, "sharing", FIELD_U32, shared),
    I64(rec_decision, order_number),
    I64(rec_decision, obs_hash),
    F(rec_decision, "check_name", FIELD_TEXT, check),
    I64(rec_decision, risk_value),
    I64(rec_decision, risk_limit),
    BYTES(rec_decision, logits),
    BYTES(rec_decision, probs),
    BYTES(rec_decision, obs),
};
static const struct field order_step[] = {
    REC(rec_order),
    I64(rec_order, number),
    TXT(rec_order, ticker),
    TXT(rec_order, from_name),
    TXT(rec_order, event_name),
    TXT(rec_order, to_name),
    TXT(rec_order, reason),
    U32(rec_order, outcome),
    U32(rec_order, is_buy),
    I64(rec_order, yes_px),
    I64(rec_order, qty),
    I64(rec_order, filled),
    I64(rec_order, reserved),
    TXT(rec_order, client_id),
    TXT(rec_order, order_id),
    U32(rec_order, from_state),
    U32(rec_order, event),
    U32(rec_order, to_state),
};
static const struct field applied_fill[] = {
    REC(rec_applied_fill),           I64(rec_applied_fill, order_number),
    TXT(rec_applied_fill, ticker),   U32(rec_applied_fill, outcome),
    I64(rec_applied_fill, yes_px),   I64(rec_applied_fill, qty),
    I64(rec_applied_fill, fee),      U32(rec_applied_fill, is_taker),
    U32(rec_applied_fill, via),      TXT(rec_applied_fill, trade_id),
    TXT(rec_applied_fill, order_id),
};
static const struct field reconciliation[] = {
    REC(rec_reconcile),         TXT(rec_reconcile, ticker),    I64(rec_reconcile, ours),
    I64(rec_reconcile, theirs), U32(rec_reconcile, in_flight), U32(rec_reconcile, adopted),
    U32(rec_reconcile, kind),   TXT(rec_reconcile, reason),
};
static const struct field fee_drift[] = {
    REC(rec_fee_drift),
    TXT(rec_fee_drift, ticker),
    I64(rec_fee_drift, order_number),
    U32(rec_fee_drift, outcome),
    I64(rec_fee_drift, yes_px),
    I64(rec_fee_drift, qty),
    U32(rec_fee_drift, is_taker),
    I64(rec_fee_drift, fee),
    I64(rec_fee_drift, ours),
    I32(rec_fee_drift, fee_type),
    I32(rec_fee_drift, fee_mult_micros),
    TXT(rec_fee_drift, trade_id),
    TXT(rec_fee_drift, order_id),
};
static const struct field settlement[] = {
    REC(rec_settled),           TXT(rec_settled, ticker), I64(rec_settled, position),
    I64(rec_settled, yes_px),   I64(rec_settled, cost),   I64(rec_settled, paid),
    I64(rec_settled, realized),
};
static const struct field restored[] = {
    REC(rec_restored),           I64(rec_restored, number),
    U32(rec_restored, kind),     TXT(rec_restored, ticker),
    U32(rec_restored, outcome),  U32(rec_restored, is_buy),
    I64(rec_restored, yes_px),   I64(rec_restored, qty),
    I64(rec_restored, reserved), TXT(rec_restored, client_id),
    TXT(rec_restored, order_id), TXT(rec_restored, reason),
};
static const struct field refused[] = {
    REC(rec_refused),
    I64(rec_refused, call),
    U32(rec_refused, kind),
    TXT(rec_refused, status),
};
static const struct field account[] = {
    REC(rec_account),
    TXT(rec_account, ticker),
    I64(rec_account, position),
    I64(rec_account, cost),
    I64(rec_account, realized),
    I64(rec_account, fees),
    I64(rec_account, cash_total),
    I64(rec_account, cash_reserved),
    I64(rec_account, pv_mid),
    I64(rec_account, pv_exit),
};
static const struct field raw[] = {
    REC(rec_raw),
    I64(rec_raw, ord),
    U32(rec_raw, kind),
    U32(rec_raw, len),
    {"bytes", FIELD_RAW, offsetof(struct rec_raw, bytes), 0},
};
static const struct field gap[] = {
    REC(rec_gap),          I64(rec_gap, lost),   I64(rec_gap, sid), I64(rec_gap, seq_expected),
    I64(rec_gap, seq_got), TXT(rec_gap, reason),
};

static const struct field worth[] = {
    REC(rec_mark),           I64(rec_mark, cash_total), I64(rec_mark, cash_reserved),
    I64(rec_mark, pv_mid),   I64(rec_mark, pv_exit),    I64(rec_mark, pv_exchange),
    U32(rec_mark, pv_known), U32(rec_mark, positions),  U32(rec_mark, open_orders),
};

#define LAYOUT(type_, table_, key_, struct_, fields_)                                              \
    {                                                                                              \
        type_, table_, key_, sizeof(struct struct_), fields_, sizeof fields_ / sizeof fields_[0]   \
    }
#define EVENT_KEY "source, ord"

static const struct layout all[] = {
    LAYOUT(EV_MARKET, "market", EVENT_KEY, ev_market, market),
    LAYOUT(EV_SNAPSHOT, "snapshot", EVENT_KEY, ev_snapshot, snapshot),
    LAYOUT(EV_DELTA, "delta", EVENT_KEY, ev_delta, delta),
    LAYOUT(EV_TRADE, "trade", EVENT_KEY, ev_trade, trade),
    LAYOUT(EV_STALE, "stale", EVENT_KEY, ev_mark, mark),
    LAYOUT(EV_LINK, "link", EVENT_KEY, ev_mark, mark),
    LAYOUT(EV_FILL, "fill", EVENT_KEY, ev_fill, fill),
    LAYOUT(EV_USER_ORDER, "user_order", EVENT_KEY, ev_user_order, user_order),
    LAYOUT(EV_POSITION, "position", EVENT_KEY, ev_position, position),
    LAYOUT(EV_ANSWER, "answer", EVENT_KEY, ev_answer, answer),
    LAYOUT(EV_COMMAND, "command", EVENT_KEY, ev_command, command),
    LAYOUT(EV_CLOCK, "clock", EVENT_KEY, ev_mark, mark),
    LAYOUT(REC_TURN, "turn", "turn", rec_turn, turn),
    LAYOUT(REC_DECISION, "decision", "number", rec_decision, decision),
    LAYOUT(REC_ORDER, "order_step", "", rec_order, order_step),
    LAYOUT(REC_APPLIED, "applied_fill", "", rec_applied_fill, applied_fill),
    LAYOUT(REC_RECONCILE, "reconciliation", "", rec_reconcile, reconciliation),
    LAYOUT(REC_POSITION, "account", "", rec_account, account),
    LAYOUT(REC_RAW, "raw", "", rec_raw, raw),
    LAYOUT(REC_GAP, "gap", "", rec_gap, gap),
    LAYOUT(REC_CONN, "conn", "", rec_raw, raw),
    LAYOUT(REC_FEE_DRIFT, "fee_drift", "", rec_fee_drift, fee_drift),
    LAYOUT(REC_SETTLED, "settlement", "", rec_settled, settlement),
    LAYOUT(REC_RESTORED, "restored", "", rec_restored, restored),
    LAYOUT(REC_REFUSED, "refused_call", "", rec_refused, refused),
    LAYOUT(REC_MARK, "worth", "", rec_mark, worth),
};
_Static_assert(sizeof all / sizeof all[0] <= LAYOUTS_MAX, "room in arrays by layout");
_Static_assert(EV_TYPE_MAX == 13 && REC_TYPE_MAX == REC_BASE + 15, "every type has a layout");

const struct layout *layouts(size_t *ret_n)
{
    *ret_n = sizeof all / sizeof all[0];
    return all;
}

const struct layout *layout_of(uint16_t type)
{
    /* The types of both enums stand in the table in order, without holes. */
    size_t n_ev = EV_TYPE_MAX - 1;
    if (type > EV_NONE && type < EV_TYPE_MAX) {
        return &all[type - 1];
    }
    if (type > REC_BASE && type < REC_TYPE_MAX) {
        return &all[n_ev + type - REC_BASE - 1];
    }
    return NULL;
}

void layout_columns(const struct layout *l, struct buf *out)
{
    buf_str(out, "session, source");
    for (uint32_t i = 0; i < l->n_fields; i++) {
        buf_printf(out, ", %s", l->fields[i].name);
    }
}

uint64_t layout_tail(const struct layout *l, const void *record)
{
    if (l->type == EV_SNAPSHOT) {
        const struct ev_snapshot *s = record;
        return ((uint64_t)s->n_yes + s->n_no) * sizeof(struct level);
    }
    if (l->type == EV_ANSWER) {
        const struct ev_answer *a = record;
        return (uint64_t)a->n_rows * a->row_size;
    }
    if (l->type == REC_RAW || l->type == REC_CONN) {
        return ((const struct rec_raw *)record)->len;
    }
    return 0;
}

uint32_t layout_bytes(const struct field *f, const void *record)
{
    const uint8_t *p = (const uint8_t *)record + f->offset;
    uint8_t any = 0;
    for (uint32_t i = 0; i < f->size; i++) {
        any |= p[i];
    }
    return any != 0 ? f->size : 0;
}

static bool field_valid(const struct field *f, const void *record)
{
    const uint8_t *p = (const uint8_t *)record + f->offset;
    if (f->kind == FIELD_TEXT) {
        return memchr(p, '\0', f->size) != NULL;
    }
    return f->kind != FIELD_GRID || ((const struct grid *)(const void *)p)->n <= GRID_RANGES_MAX;
}

void layout_delete(int64_t session, struct buf *out)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        buf_printf(out, "DELETE FROM %s WHERE session=%" PRId64 "; ", all[i].table, session);
    }
    buf_printf(out, "DELETE FROM session WHERE id=%" PRId64, session);
}

bool layout_valid(const struct layout *l, const void *record)
{
    uint32_t size;
    memcpy(&size, record, sizeof size);
    if (size < l->size) {
        return false;
    }
    uint64_t want = l->size + layout_tail(l, record);
    if (want > UINT32_MAX - 8 || size != ev_round8((size_t)want)) {
        return false;
    }
    for (uint32_t i = 0; i < l->n_fields; i++) {
        if (!field_valid(&l->fields[i], record)) {
            return false;
        }
    }
    return true;
}

/* --- levels --- */

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t u)
{
    return (int64_t)((u >> 1) ^ (0 - (u & 1)));
}

static size_t put(uint8_t *out, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    return n;
}

/* Bytes used, 0 when the number is cut or too long. */
static size_t get(const uint8_t *p, size_t len, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t n = 0; n < len && n < 10; n++) {
        v |= (uint64_t)(p[n] & 0x7f) << (7 * n);
        if ((p[n] & 0x80) == 0) {
            *ret = v;
            return n == 9 && p[n] > 1 ? 0 : n + 1;
        }
    }
    return 0;
}

size_t levels_encoded_max(uint64_t n)
{
    return (size_t)n * 20;
}

size_t levels_encode(const struct level *levels, uint64_t n, uint8_t *out)
{
    size_t len = 0;
    uint64_t before = 0;
    for (uint64_t i = 0; i < n; i++) {
        len += put(out + len, zigzag((int64_t)((uint64_t)levels[i].px - before)));
        len += put(out + len, zigzag(levels[i].qty));
        before = (uint64_t)levels[i].px;
    }
    return len;
}

enum status levels_decode(const uint8_t *p, size_t len, struct level *levels, uint64_t n)
{
    uint64_t before = 0;
    size_t at = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t px = 0, qty = 0;
        size_t a = get(p + at, len - at, &px);
        size_t b = a > 0 ? get(p + at + a, len - at - a, &qty) : 0;
        if (b == 0) {
            return ST_MALFORMED;
        }
        at += a + b;
        before += (uint64_t)unzigzag(px);
        levels[i] = (struct level){(px_t)before, unzigzag(qty)};
    }
    return at == len ? ST_OK : ST_MALFORMED;
}

/* --- grid --- */

void grid_to_text(const struct grid *grid, char buf[GRID_TEXT_MAX])
{
    int n = snprintf(buf, GRID_TEXT_MAX, "%" PRId32, grid->levels);
    for (uint32_t i = 0; i < grid->n && i < GRID_RANGES_MAX; i++) {
        const struct grid_range *r = &grid->r[i];
        n += snprintf(buf + n, (size_t)(GRID_TEXT_MAX - n),
                      " %" PRId64 ":%" PRId64 ":%" PRId64 ":%" PRId32, r->start, r->end, r->step,
                      r->before);
    }
}

/* A grid that others can look prices up in, or none. */
static bool grid_sound(const struct grid *g)
{
    struct grid made;
    if (g->n == 0) {
        return g->levels == 0;
    }
    if (grid_init(&made, g->r, g->n) != ST_OK || made.levels != g->levels) {
        return false;
    }
    for (uint32_t i = 0; i < g->n; i++) {
        if (made.r[i].before != g->r[i].before) {
            return false;
        }
    }
    return true;
}

enum status grid_from_text(const char *s, struct grid *ret_grid)
{
    struct grid g;
    memset(&g, 0, sizeof g);
    int used = 0;
    if (sscanf(s, "%" SCNd32 "%n", &g.levels, &used) != 1) {
        return ST_MALFORMED;
    }
    for (s += used; *s != '\0'; s += used) {
        if (g.n == GRID_RANGES_MAX) {
            return ST_MALFORMED;
        }
        struct grid_range *r = &g.r[g.n++];
        if (sscanf(s, " %" SCNd64 ":%" SCNd64 ":%" SCNd64 ":%" SCNd32 "%n", &r->start, &r->end,
                   &r->step, &r->before, &used) != 4) {
            return ST_MALFORMED;
        }
    }
    if (!grid_sound(&g)) {
        return ST_MALFORMED;
    }
    *ret_grid = g;
    return ST_OK;
}
