#include "audit/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_int.h"

const char *audit_rule_name(enum audit_rule rule)
{
    static const char *const names[] = {
#define X(id, name, claim) name,
        AUDIT_RULES(X)
#undef X
    };
    return rule < AUDIT_RULE_MAX ? names[rule] : "none";
}

const char *audit_rule_claim(enum audit_rule rule)
{
    static const char *const claims[] = {
#define X(id, name, claim) claim,
        AUDIT_RULES(X)
#undef X
    };
    return rule < AUDIT_RULE_MAX ? claims[rule] : "";
}

bool audit_order(uint32_t i, struct audit_step *ret)
{
    /* Gaps before what they excuse, facts before the records that use them, answers before private
     * events: the start reads the trades that are known from then on. */
    static const struct audit_step steps[] = {
        {REC_GAP, EV_SRC_MAX},       {REC_RAW, EV_SRC_MAX},       {REC_CONN, EV_SRC_MAX},
        {REC_TURN, EV_SRC_MAX},      {REC_ORDER, EV_SRC_MAX},     {REC_APPLIED, EV_SRC_MAX},
        {REC_RECONCILE, EV_SRC_MAX}, {REC_SETTLED, EV_SRC_MAX},   {REC_MARK, EV_SRC_MAX},
        {REC_POSITION, EV_SRC_MAX},  {REC_FEE_DRIFT, EV_SRC_MAX}, {REC_RESTORED, EV_SRC_MAX},
        {REC_REFUSED, EV_SRC_MAX},   {REC_DECISION, EV_SRC_MAX},  {0, EV_SRC_ANSWER},
        {0, EV_SRC_PRIVATE},         {0, EV_SRC_COMMAND},         {0, EV_SRC_MARKET},
    };
    if (i >= sizeof steps / sizeof steps[0]) {
        return false;
    }
    *ret = steps[i];
    return true;
}

bool audit_room(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return true;
    }
    void *old = NULL;
    memcpy(&old, v, sizeof old);
    size_t more = *cap == 0 ? 64 : *cap * 2;
    void *grown = more > SIZE_MAX / size ? NULL : realloc(old, more * size);
    if (grown == NULL) {
        return false;
    }
    memcpy(v, &grown, sizeof grown);
    *cap = more;
    return true;
}

enum status audit_create(const struct audit_config *config, struct audit **ret_audit)
{
    struct audit *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return ST_NOMEM;
    }
    a->config = *config;
    a->turn_mono = INT64_MIN;
    struct idmap *maps[] = {&a->by_number, &a->by_order_id, &a->by_trade, &a->known_trades,
                            &a->tickers};
    enum status st = ST_OK;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0] && st == ST_OK; i++) {
        st = idmap_init(maps[i], AUDIT_TEXTS_MAX);
    }
    if (!config->seq_check) {
        audit_skip(a, AUDIT_SEQ, "imported without looking at seq");
    }
    if (!config->has_digest) {
        audit_skip(a, AUDIT_DIGEST, "it was recorded by a version that kept no digest");
    }
    if (!config->whole) {
        audit_skip(a, AUDIT_ROWS, "the session was cut off");
        audit_skip(a, AUDIT_FILL_SOURCE, "the session was cut off");
        audit_skip(a, AUDIT_FILL_COUNTED, "the session was cut off");
    }
    if (st != ST_OK) {
        audit_destroy(a);
        return st;
    }
    *ret_audit = a;
    return ST_OK;
}

void audit_destroy(struct audit *a)
{
    if (a == NULL) {
        return;
    }
    for (int s = 0; s < EV_SRC_MAX; s++) {
        audit_ranges_free(&a->events[s]);
    }
    audit_ranges_free(&a->turn_gaps);
    audit_ranges_free(&a->decision_gaps);
    audit_market_free(a);
    struct idmap *maps[] = {&a->by_number, &a->by_order_id, &a->by_trade, &a->known_trades,
                            &a->tickers};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        idmap_finish(maps[i]);
    }
    free(a->seq_gaps);
    free(a->turns);
    free(a->raws);
    free(a->orders);
    free(a->fills);
    free(a->paid);
    free(a->cash_rows);
    free(a->adopted);
    free(a->held);
    free(a);
}

void audit_skip(struct audit *a, enum audit_rule rule, const char *why)
{
    if (a->skipped[rule] == NULL) {
        a->skipped[rule] = why;
    }
}

const char *audit_skipped(const struct audit *a, enum audit_rule rule)
{
    return rule < AUDIT_RULE_MAX ? a->skipped[rule] : NULL;
}

const struct audit_counts *audit_counts(const struct audit *a)
{
    return &a->counts;
}

void audit_found(struct audit *a, enum audit_rule rule, const char *place, const char *fmt, ...)
{
    struct audit_finding f = {.rule = rule};
    if (a->skipped[rule] != NULL) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f.text, sizeof f.text, fmt, ap);
    va_end(ap);
    snprintf(f.place, sizeof f.place, "%s", place);
    a->counts.findings[rule]++;
    a->config.found(a->config.self, &f);
}

struct text audit_text(const char *s, size_t cap)
{
    return (struct text){s, strnlen(s, cap)};
}

uint32_t audit_ticker(struct audit *a, const char ticker[TICKER_MAX])
{
    struct text t = audit_text(ticker, TICKER_MAX);
    uint32_t i = idmap_get(&a->tickers, t);
    if (i != IDMAP_NONE) {
        return i;
    }
    i = a->n_tickers;
    while (a->cap_held <= i) {
        size_t before = a->cap_held;
        if (!audit_room(&a->held, a->cap_held, &a->cap_held, sizeof *a->held)) {
            return IDMAP_NONE;
        }
        memset(a->held + before, 0, (a->cap_held - before) * sizeof *a->held);
    }
    if (idmap_put(&a->tickers, t, i) != ST_OK) {
        return IDMAP_NONE;
    }
    a->n_tickers++;
    return i;
}

static enum status take_event(struct audit *a, const struct ev *ev)
{
    if (ev->source >= EV_SRC_MAX) {
        return ST_OK; /* read by source: it cannot be */
    }
    a->counts.events[ev->source]++;
    audit_event_number(a, ev);
    if (ev->source == EV_SRC_MARKET) {
        return audit_market_event(a, ev);
    }
    if (ev->type == EV_FILL) {
        return audit_told_fill(a, (const struct ev_fill *)(const void *)ev, ev->recv_wall, false);
    }
    if (ev->type == EV_ANSWER) {
        return audit_answer(a, (const struct ev_answer *)(const void *)ev);
    }
    return ST_OK;
}

_Static_assert(REC_TYPE_MAX == REC_BASE + 15, "audit_order() has a step for each type");

enum status audit_take(struct audit *a, const void *record)
{
    const struct rec *head = record;
    a->counts.records++;
    a->digest ^= record_digest(record);
    if (head->type < REC_BASE) {
        return take_event(a, record);
    }
    switch ((enum rec_type)head->type) {
    case REC_GAP:
        return audit_gap(a, record);
    case REC_RAW:
    case REC_CONN:
        return audit_raw(a, record);
    case REC_TURN:
        return audit_turn(a, record);
    case REC_DECISION:
        return audit_decision(a, record);
    case REC_ORDER:
        return audit_order_step(a, record);
    case REC_APPLIED:
        return audit_applied(a, record);
    case REC_RECONCILE:
        return audit_reconcile(a, record);
    case REC_SETTLED:
        return audit_settled(a, record);
    case REC_MARK:
        return audit_worth(a, record);
    case REC_POSITION:
        return audit_mark(a, record);
    case REC_FEE_DRIFT:
    case REC_RESTORED:
    case REC_REFUSED:
    case REC_BASE:
    case REC_TYPE_MAX:
        break;
    }
    return ST_OK;
}

/* Gap rows about what the store itself lost are written beside the count. */
static void finish_rows(struct audit *a)
{
    uint64_t have = a->counts.records, want = a->config.rows;
    if (have < want || have - want > a->counts.gaps) {
        audit_found(a, AUDIT_ROWS, "the session", "%llu rows are here, %llu were written",
                    (unsigned long long)have, (unsigned long long)want);
    }
    if (a->config.lost > a->named_lost) {
        audit_found(a, AUDIT_ROWS, "the session", "%llu rows were lost, gap rows name %llu",
                    (unsigned long long)a->config.lost, (unsigned long long)a->named_lost);
    }
}

/* Where the change is, the other rules say, when anything else depends on what was changed. */
static void finish_digest(struct audit *a)
{
    if (a->digest != a->config.digest) {
        audit_found(a, AUDIT_DIGEST, "the session",
                    "its rows, or what its own row said at its start, are not what was written");
    }
}

void audit_finish(struct audit *a)
{
    audit_numbers_finish(a);
    audit_orders_finish(a);
    audit_money_finish(a);
    finish_rows(a);
    finish_digest(a);
}
