/* replay_steps.c - the steps of a replay, one line each; see replay_say.h. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/replay_say.h"
#include "cli/run_engine.h"

static const char *action_name(uint32_t action)
{
    return action < ACTION_COUNT ? action_names[action] : "?";
}

static const char *verdict_name(uint32_t verdict)
{
    return verdict < VERDICT_MAX ? verdict_names[verdict] : "?";
}

static void text_amounts(char px[MONEY_TEXT_MAX], px_t p, char qty[MONEY_TEXT_MAX], qty_t q)
{
    px_format(p, px);
    qty_format(q, qty);
}

static void text_decision(const struct rec_decision *d, const char *ticker,
                          const struct policy_out *other, struct buf *out)
{
    buf_printf(out, "turn %" PRIu64 " decision %" PRIu64 " %s %s", d->turn, d->number, ticker,
               action_name(d->action));
    if (other != NULL) {
        bool same = other->action == d->action;
        buf_printf(out, " other %s%s", action_name(other->action), same ? "" : " DIFFERS");
    }
    buf_printf(out, " %s", verdict_name(d->verdict));
    if (d->check[0] != '\0') {
        buf_printf(out, " (%.*s)", (int)sizeof d->check, d->check);
    }
}

static void text_order(const struct rec_order *o, struct buf *out)
{
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX], filled[MONEY_TEXT_MAX];
    text_amounts(px, o->yes_px, qty, o->qty);
    qty_format(o->filled, filled);
    buf_printf(out, "order %" PRIu64 " %s %s -> %s (%s) %s %s yes_price %s count %s filled %s",
               o->number, o->ticker, o->from_name, o->to_name, o->event_name,
               o->is_buy != 0 ? "buy" : "sell", o->outcome == SIDE_YES ? "yes" : "no", px, qty,
               filled);
}

static void text_fill(const struct rec_applied_fill *f, struct buf *out)
{
    char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX], fee[MONEY_TEXT_MAX];
    text_amounts(px, f->yes_px, qty, f->qty);
    usd_format(f->fee, fee);
    buf_printf(out, "fill %s order %" PRIu64 " %s yes_price %s count %s fee %s", f->ticker,
               f->order_number, f->outcome == SIDE_YES ? "yes" : "no", px, qty, fee);
}

static void text_account(const struct rec_account *a, struct buf *out)
{
    char position[MONEY_TEXT_MAX], cash[MONEY_TEXT_MAX], pv[MONEY_TEXT_MAX];
    qty_format(a->position, position);
    usd_format(a->cash_total, cash);
    usd_format(a->pv_mid, pv);
    buf_printf(out, "account %s position %s cash %s pv_mid %s", a->ticker, position, cash, pv);
}

void replay_step_text(const struct session *s, const struct rec *rec,
                      const struct policy_out *other, struct buf *out)
{
    char when[TIME_TEXT_MAX];
    time_format(rec->wall, when);
    size_t before = out->n;
    buf_printf(out, "%s ", when);
    switch (rec->type) {
    case REC_DECISION:
        text_decision((const struct rec_decision *)rec, session_ticker(s, rec->mkt), other, out);
        break;
    case REC_ORDER:
        text_order((const struct rec_order *)rec, out);
        break;
    case REC_APPLIED:
        text_fill((const struct rec_applied_fill *)rec, out);
        break;
    case REC_POSITION:
        text_account((const struct rec_account *)rec, out);
        break;
    default:
        out->n = before;
        return;
    }
    buf_char(out, '\n');
}

/* --- JSON --- */

static void json_text(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, ",\"%s\":", key);
    buf_json_str(out, text_of(value));
}

static void json_px(struct buf *out, const char *key, px_t px)
{
    char t[MONEY_TEXT_MAX];
    px_format(px, t);
    buf_printf(out, ",\"%s\":\"%s\"", key, t);
}

static void json_qty(struct buf *out, const char *key, qty_t qty)
{
    char t[MONEY_TEXT_MAX];
    qty_format(qty, t);
    buf_printf(out, ",\"%s\":\"%s\"", key, t);
}

static void json_usd(struct buf *out, const char *key, usd_t usd)
{
    char t[MONEY_TEXT_MAX];
    usd_format(usd, t);
    buf_printf(out, ",\"%s\":\"%s\"", key, t);
}

/* JSON has no NaN and no infinity. */
static void json_floats(struct buf *out, const char *key, const float *v)
{
    buf_printf(out, ",\"%s\":[", key);
    for (uint32_t i = 0; i < ACTION_COUNT; i++) {
        bool finite = v[i] - v[i] == 0.0F;
        buf_str(out, i == 0 ? "" : ",");
        if (finite) {
            buf_printf(out, "%.9g", (double)v[i]);
        } else {
            buf_str(out, "null");
        }
    }
    buf_char(out, ']');
}

static void json_decision(const struct rec_decision *d, const struct policy_out *other,
                          struct buf *out)
{
    buf_printf(out,
               ",\"number\":%" PRIu64 ",\"turn\":%" PRIu64 ",\"ord\":%" PRIu64
               ",\"book_version\":%" PRIu64
               ",\"action\":\"%s\",\"verdict\":\"%s\",\"order\":%" PRIu64
               ",\"obs_hash\":\"%016" PRIx64 "\"",
               d->number, d->turn, d->last_ord, d->book_version, action_name(d->action),
               verdict_name(d->verdict), d->order_number, d->obs_hash);
    json_text(out, "check", d->check);
    json_floats(out, "logits", d->logits);
    json_floats(out, "probs", d->probs);
    if (other != NULL) {
        buf_printf(out, ",\"other\":{\"action\":\"%s\",\"agrees\":%s", action_name(other->action),
                   other->action == d->action ? "true" : "false");
        json_floats(out, "logits", other->logits);
        json_floats(out, "probs", other->probs);
        buf_char(out, '}');
    }
}

static void json_order(const struct rec_order *o, struct buf *out)
{
    buf_printf(out, ",\"number\":%" PRIu64 ",\"action\":\"%s\",\"outcome\":\"%s\"", o->number,
               o->is_buy != 0 ? "buy" : "sell", o->outcome == SIDE_YES ? "yes" : "no");
    json_text(out, "from", o->from_name);
    json_text(out, "event", o->event_name);
    json_text(out, "to", o->to_name);
    json_text(out, "reason", o->reason);
    json_text(out, "client_id", o->client_id);
    json_text(out, "order_id", o->order_id);
    json_px(out, "yes_price", o->yes_px);
    json_qty(out, "count", o->qty);
    json_qty(out, "filled", o->filled);
    json_usd(out, "reserved", o->reserved);
}

static void json_fill(const struct rec_applied_fill *f, struct buf *out)
{
    buf_printf(out, ",\"order\":%" PRIu64 ",\"outcome\":\"%s\",\"is_taker\":%s", f->order_number,
               f->outcome == SIDE_YES ? "yes" : "no", f->is_taker != 0 ? "true" : "false");
    json_text(out, "trade_id", f->trade_id);
    json_px(out, "yes_price", f->yes_px);
    json_qty(out, "count", f->qty);
    json_usd(out, "fee", f->fee);
}

static void json_account(const struct rec_account *a, struct buf *out)
{
    json_qty(out, "position", a->position);
    json_usd(out, "cost", a->cost);
    json_usd(out, "realized", a->realized);
    json_usd(out, "fees", a->fees);
    json_usd(out, "cash_total", a->cash_total);
    json_usd(out, "cash_reserved", a->cash_reserved);
    json_usd(out, "pv_mid", a->pv_mid);
    json_usd(out, "pv_exit", a->pv_exit);
}

static void json_head(struct buf *out, const char *step, wall_ns_t wall, const char *ticker)
{
    char when[TIME_TEXT_MAX];
    time_format(wall, when);
    buf_printf(out, "{\"step\":\"%s\",\"time\":\"%s\",\"market\":", step, when);
    buf_json_str(out, text_of(ticker));
}

void replay_step_json(const struct session *s, const struct rec *rec,
                      const struct policy_out *other, struct buf *out)
{
    switch (rec->type) {
    case REC_DECISION:
        json_head(out, "decision", rec->wall, session_ticker(s, rec->mkt));
        json_decision((const struct rec_decision *)rec, other, out);
        break;
    case REC_ORDER:
        json_head(out, "order", rec->wall, ((const struct rec_order *)rec)->ticker);
        json_order((const struct rec_order *)rec, out);
        break;
    case REC_APPLIED:
        json_head(out, "fill", rec->wall, ((const struct rec_applied_fill *)rec)->ticker);
        json_fill((const struct rec_applied_fill *)rec, out);
        break;
    case REC_POSITION:
        json_head(out, "account", rec->wall, ((const struct rec_account *)rec)->ticker);
        json_account((const struct rec_account *)rec, out);
        break;
    default:
        return;
    }
    buf_str(out, "}\n");
}
