/*
 * wire_compare.h - two decoded messages, field by field, for tests and the fuzz target.
 */
#ifndef TESTS_WIRE_COMPARE_H
#define TESTS_WIRE_COMPARE_H

#include "wire/msg.h"

static inline const char *compare_snapshot(const struct wire_snapshot *a,
                                           const struct wire_snapshot *b)
{
    if (!text_equal(a->ticker, b->ticker)) {
        return "ticker";
    }
    if (a->n_yes != b->n_yes || a->n_no != b->n_no) {
        return "number of levels";
    }
    for (uint32_t i = 0; i < a->n_yes; i++) {
        if (a->yes[i].px != b->yes[i].px || a->yes[i].qty != b->yes[i].qty) {
            return "yes level";
        }
    }
    for (uint32_t i = 0; i < a->n_no; i++) {
        if (a->no[i].px != b->no[i].px || a->no[i].qty != b->no[i].qty) {
            return "no level";
        }
    }
    return NULL;
}

static inline const char *compare_delta(const struct wire_delta *a, const struct wire_delta *b)
{
    return !text_equal(a->ticker, b->ticker)         ? "ticker"
           : !text_equal(a->client_id, b->client_id) ? "client_id"
           : a->px != b->px                          ? "px"
           : a->qty != b->qty                        ? "qty"
           : a->side != b->side                      ? "side"
                                                     : NULL;
}

static inline const char *compare_trade(const struct wire_trade *a, const struct wire_trade *b)
{
    return !text_equal(a->ticker, b->ticker)       ? "ticker"
           : !text_equal(a->trade_id, b->trade_id) ? "trade_id"
           : a->yes_px != b->yes_px                ? "yes_px"
           : a->qty != b->qty                      ? "qty"
           : a->taker != b->taker                  ? "taker"
           : a->block != b->block                  ? "block"
                                                   : NULL;
}

static inline const char *compare_fill(const struct wire_fill *a, const struct wire_fill *b)
{
    return !text_equal(a->ticker, b->ticker)              ? "ticker"
           : !text_equal(a->trade_id, b->trade_id)        ? "trade_id"
           : !text_equal(a->order_id, b->order_id)        ? "order_id"
           : !text_equal(a->client_id, b->client_id)      ? "client_id"
           : a->yes_px != b->yes_px                       ? "yes_px"
           : a->qty != b->qty                             ? "qty"
           : a->fee != b->fee || a->has_fee != b->has_fee ? "fee"
           : a->outcome != b->outcome                     ? "outcome"
           : a->is_taker != b->is_taker                   ? "is_taker"
           : a->has_post_position != b->has_post_position ? "has_post_position"
           : a->post_position != b->post_position         ? "post_position"
           : a->exchange_index != b->exchange_index       ? "exchange_index"
           : a->subaccount != b->subaccount               ? "subaccount"
                                                          : NULL;
}

/* NULL when both say the same, else the name of the first field that differs. */
static inline const char *compare_messages(const struct wire_msg *a, const struct wire_msg *b)
{
    if (a->type != b->type || a->sid != b->sid || a->seq != b->seq || a->id != b->id) {
        return a->type != b->type ? "type" : "sid, seq or id";
    }
    if (a->type == WIRE_OTHER) {
        return NULL;
    }
    if (a->ts_ms != b->ts_ms || a->sending_ts_ms != b->sending_ts_ms) {
        return "ts_ms or sending_ts_ms";
    }
    switch (a->type) {
    case WIRE_SNAPSHOT:
        return compare_snapshot(&a->u.snapshot, &b->u.snapshot);
    case WIRE_DELTA:
        return compare_delta(&a->u.delta, &b->u.delta);
    case WIRE_TRADE:
        return compare_trade(&a->u.trade, &b->u.trade);
    case WIRE_FILL:
        return compare_fill(&a->u.fill, &b->u.fill);
    case WIRE_OTHER:
    default:
        return NULL;
    }
}

#endif
