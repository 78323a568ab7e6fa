/*
 * real_sim.c - the exchange: made, started again with its state, told what to do.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "sim/sim_state.h"
#include "world/real_int.h"

/* --- made, and made again --- */

static bool verify(void *self, struct text key_id, const char *text, size_t n, struct text sig)
{
    (void)self;
    (void)key_id;
    (void)text;
    (void)n;
    (void)sig;
    return true;
}

static bool known(void *self, struct text key_id)
{
    (void)self;
    (void)key_id;
    return true;
}

static void create(struct real *r, const struct sim_rows_in *state)
{
    static const char *const keys[] = {REAL_KEY};
    const struct real_config *c = &r->config;
    struct sim_config sc = sim_config_default();
    sc.rules = c->rules;
    sc.seed = c->seed;
    sc.markets = c->n_markets;
    sc.rate = c->rate;
    sc.duration_ns = 0;
    sc.pause_after_ns = c->length;
    sc.balance = c->cash;
    sc.fee_type = c->maker_fees ? "quadratic_with_maker_fees" : "quadratic";
    if (!c->poor) {
        sc.write_rate = sc.write_capacity = sc.read_rate = sc.read_capacity = 10000;
    }
    if (state == NULL) {
        sc.key_ids = keys;
        sc.n_keys = 1;
    }
    sc.state = state;
    struct sim_out out = net_sim_out(r);
    struct sim_verifier v = {NULL, verify, known};
    struct err err = {0};
    if (sim_create(&sc, &out, &v, r->wall, r->now, &r->sim, &err) != ST_OK) {
        fprintf(stderr, "the exchange cannot be made: %s\n", err.text);
        abort();
    }
    if (c->skew_ms != 0) {
        char text[64];
        struct sim_fault_plan plan;
        snprintf(text, sizeof text, "clock_skew@0:skew_ms=%lld", (long long)c->skew_ms);
        ensure(sim_fault_read(text, &plan, &err) == ST_OK);
        sim_fault_start(r->sim, &plan, r->wall, r->now);
    }
}

void exchange_start(struct real *r)
{
    create(r, NULL);
}

/* Rows of tables in memory, as a state file would hold them. */
struct kept_row {
    uint32_t table;
    uint64_t key;
    void *row;
};
struct kept_rows {
    struct kept_row *v;
    uint32_t n, cap;
};

static char *own_text(struct text v)
{
    char *p = malloc(v.n + 1);
    ensure(p != NULL);
    if (v.n > 0) {
        memcpy(p, v.p, v.n);
    }
    p[v.n] = '\0';
    return p;
}

/* lend: bytes of the new row are those of the old one. */
static void *copy_row(const struct row_table *t, const void *from, bool lend)
{
    void *to = calloc(1, t->size);
    ensure(to != NULL);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const struct row_column *c = &t->columns[i];
        enum status st;
        if (row_is_number(c)) {
            st = row_set_int(c, to, row_int(c, from));
        } else {
            struct text v = row_text(c, from);
            if (c->kind == ROW_BYTES && !lend) {
                v.p = own_text(v);
            }
            st = row_set_text(c, to, v);
        }
        ensure(st == ST_OK);
    }
    return to;
}

static enum status keep_row(void *self, uint32_t table, uint64_t key, const void *row)
{
    struct kept_rows *k = self;
    k->v = real_grow(k->v, k->n, &k->cap, sizeof *k->v);
    k->v[k->n++] = (struct kept_row){table, key, copy_row(sim_state_table(table), row, false)};
    return ST_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct kept_row *x = a, *y = b;
    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }
    return x->key < y->key ? -1 : x->key > y->key;
}

static enum status each(void *self, uint32_t table,
                        enum status (*take)(void *to, uint64_t key, void *row, struct err *err),
                        void *to, struct err *err)
{
    const struct kept_rows *k = self;
    const struct row_table *t = sim_state_table(table);
    enum status st = ST_OK;
    for (uint32_t i = 0; i < k->n && st == ST_OK; i++) {
        if (k->v[i].table == table) {
            void *row = copy_row(t, k->v[i].row, true);
            st = take(to, k->v[i].key, row, err);
            free(row); /* what it owned was taken */
        }
    }
    return st;
}

static void free_rows(struct kept_rows *k)
{
    for (uint32_t i = 0; i < k->n; i++) {
        const struct row_table *t = sim_state_table(k->v[i].table);
        for (uint32_t c = 0; c < t->n_columns; c++) {
            if (t->columns[c].kind == ROW_OWNED || t->columns[c].kind == ROW_BYTES) {
                free((char *)(uintptr_t)row_text(&t->columns[c], k->v[i].row).p);
            }
        }
        free(k->v[i].row);
    }
    free(k->v);
}

void exchange_restart(struct real *r)
{
    struct kept_rows kept = {0};
    struct sim_rows_out out = {&kept, keep_row};
    mono_ns_t until = truth_flow_until(r->sim);
    sim_state_all(r->sim, &out);
    qsort(kept.v, kept.n, sizeof *kept.v, by_key);
    net_exchange_died(r);
    for (int i = 0; i < SIM_FAULT_MAX; i++) {
        r->sim_faults[i] += truth_faults(r->sim, (enum sim_fault)i);
    }
    sim_destroy(r->sim);
    struct sim_rows_in in = {.self = &kept, .name = "the world", .each = each};
    create(r, &in);
    truth_set_flow(r->sim, until);
    free_rows(&kept);
}

/* --- markets, asked for as the program does --- */

static void on_rows(void *self, const struct ev *ev)
{
    struct real *r = self;
    const struct ev_answer *a = (const struct ev_answer *)(const void *)ev;
    const struct ev_market *rows = ev_answer_rows(a);
    for (uint32_t i = 0; i < a->n_rows && a->row_kind == GW_ROW_MARKET; i++) {
        if (r->n_markets < r->config.n_markets) {
            r->markets[r->n_markets] = rows[i];
            r->markets[r->n_markets].fee_type =
                r->config.maker_fees ? FEE_QUADRATIC_MAKER : FEE_QUADRATIC;
            r->n_markets++;
        }
    }
}

void exchange_discover(struct real *r)
{
    struct gateway_config gc = gateway_config_default();
    struct gateway_out out = {r, on_rows};
    struct gateway *gw = NULL;
    ensure(gateway_create(&gc, &out, &gw) == ST_OK);
    struct gw_request q = {.size = sizeof q, .op = GW_LIST_MARKETS, .req_id = 1, .mkt = MKT_NONE};
    ensure(gateway_submit(gw, &q, r->now, r->wall) == ST_OK);
    struct http_req h;
    while (gateway_next(gw, r->now, &h) == ST_OK) {
        struct sim_http_req s = {.method = TEXT("GET"),
                                 .path = text_of(h.path),
                                 .query = text_of(h.query),
                                 .content_type = TEXT("application/json")};
        sim_http(r->sim, &s, r->wall, r->now, &r->resp);
        struct http_resp a = {.id = h.id,
                              .fate = HTTP_ANSWERED,
                              .status = r->resp.status,
                              .body = r->resp.body.p,
                              .body_len = r->resp.body.n};
        gateway_http_done(gw, &a, r->now, r->wall);
    }
    gateway_destroy(gw);
    ensure(r->n_markets == r->config.n_markets);
}

/* --- what it is told to do --- */

static bool act(struct real *r, json_t *action)
{
    struct buf reply = {.max = 4096};
    struct err err = {0};
    enum status st = sim_command(r->sim, action, r->wall, r->now, &reply, &err);
    buf_finish(&reply);
    json_decref(action);
    return st == ST_OK;
}

bool exchange_pause(struct real *r, const char *kind, uint32_t ms)
{
    char in[32];
    snprintf(in, sizeof in, "%ums", ms);
    return act(r, json_pack("{s:s,s:s,s:s}", "do", "pause", "kind", kind, "resume_in", in));
}

void exchange_flow(struct real *r, mono_ns_t ns)
{
    truth_set_flow(r->sim, r->now + ns);
}

/* One market stands still for a while. */
void exchange_close_market(struct real *r)
{
    if (r->reopen_at != 0) {
        return;
    }
    uint32_t i = (uint32_t)rng_below(&r->event, r->n_markets);
    if (i == 0 && r->determined) {
        return;
    }
    if (act(r, json_pack("{s:s,s:s}", "do", "deactivate", "market", r->markets[i].ticker))) {
        r->closed_market = i;
        r->reopen_at = r->now + (mono_ns_t)(200 + rng_below(&r->event, 3000)) * NS_PER_MS;
    }
}

bool exchange_open(const struct real *r)
{
    return r->reopen_at == 0;
}

static void end_market(struct real *r)
{
    mono_ns_t at = r->started + r->config.settle_after;
    const char *ticker = r->markets[0].ticker;
    bool shut = r->reopen_at != 0 && r->closed_market == 0;
    if (r->config.settle_after == 0 || r->now < at || shut || (!r->flowing && !r->determined)) {
        return;
    }
    if (!r->determined) {
        r->determined = act(r, json_pack("{s:s,s:s,s:s}", "do", "determine", "market", ticker,
                                         "result", r->config.seed % 2 == 0 ? "yes" : "no"));
        return;
    }
    if (!r->settled && r->now > at + 500 * NS_PER_MS) {
        r->settled = act(r, json_pack("{s:s,s:s}", "do", "settle", "market", ticker));
        r->count[REAL_SETTLED] += r->settled;
        bool ready = r->generation != 0 && engine_ready(r->engine);
        r->settled_with = ready ? r->generation : 0;
        real_trace(r, "market %s pays", ticker);
    }
}

void exchange_turn(struct real *r)
{
    if (r->reopen_at != 0 && r->now >= r->reopen_at) {
        const char *ticker = r->markets[r->closed_market].ticker;
        if (act(r, json_pack("{s:s,s:s}", "do", "activate", "market", ticker))) {
            r->reopen_at = 0;
        } else {
            r->reopen_at = r->now + 100 * NS_PER_MS;
        }
    }
    end_market(r);
}

/* --- its own faults --- */

static const struct {
    enum real_fault kind;
    enum sim_fault counted;
    const char *texts[3];
} plans[] = {
    {FAULT_HTTP_429, SIM_FAULT_HTTP_429, {"http_429@0*2", "http_429@0*1:route=all", NULL}},
    {FAULT_HTTP_500, SIM_FAULT_HTTP_500, {"http_500@0*2", "http_500@0*1:route=all", NULL}},
    {FAULT_HTTP_500_AFTER, SIM_FAULT_HTTP_500_AFTER, {"http_500_after@0*2", NULL, NULL}},
    {FAULT_TIMEOUT, SIM_FAULT_TIMEOUT, {"timeout@0*2", "timeout@0*1:route=all", NULL}},
    {FAULT_SLOW_ANSWER,
     SIM_FAULT_SLOW_ANSWER,
     {"slow_answer@0*3", "slow_answer@0*2:delay_ms=300", NULL}},
    {FAULT_PARTIAL_WRITE, SIM_FAULT_PARTIAL_WRITE, {"partial_write@0*1", NULL, NULL}},
    {FAULT_WS_CUT, SIM_FAULT_CUT, {"cut@0", NULL, NULL}},
    {FAULT_HALF_OPEN, SIM_FAULT_HALF_OPEN, {"half_open@0:for=30", "half_open@0:for=12", NULL}},
    {FAULT_DROP, SIM_FAULT_DROP, {"drop@0*2", "drop@0*1", NULL}},
    {FAULT_DUPLICATE, SIM_FAULT_DUPLICATE, {"duplicate@0*3", "duplicate@0:for=1,p=0.3", NULL}},
    {FAULT_REORDER, SIM_FAULT_REORDER, {"reorder@0*2", NULL, NULL}},
    {FAULT_CORRUPT, SIM_FAULT_CORRUPT, {"corrupt@0*1", NULL, NULL}},
    {FAULT_MALFORMED, SIM_FAULT_MALFORMED, {"malformed@0*1", NULL, NULL}},
    {FAULT_SEQ_GAP, SIM_FAULT_SEQ_GAP, {"seq_gap@0*1", NULL, NULL}},
    {FAULT_SEQ_JUMP, SIM_FAULT_SEQ_JUMP, {"seq_jump@0*1", NULL, NULL}},
    {FAULT_PRIVATE_DELAY, SIM_FAULT_PRIVATE_DELAY, {"private_delay@0:for=2", NULL, NULL}},
    {FAULT_PRIVATE_DROP,
     SIM_FAULT_PRIVATE_DROP,
     {"private_drop@0*4", "private_drop@0:for=1", NULL}},
    {FAULT_LAG, SIM_FAULT_LAG, {"lag@0:for=1", NULL, NULL}},
    {FAULT_WS_REFUSE, SIM_FAULT_WS_REFUSE, {"ws_refuse@0*1", NULL, NULL}},
    {FAULT_WS_ERROR, SIM_FAULT_WS_ERROR, {"ws_error@0*1", NULL, NULL}},
};
#define N_PLANS (sizeof plans / sizeof plans[0])

void exchange_fault(struct real *r, enum real_fault kind)
{
    size_t i = 0;
    while (i < N_PLANS && plans[i].kind != kind) {
        i++;
    }
    ensure(i < N_PLANS);
    uint32_t n = 0;
    while (n < 3 && plans[i].texts[n] != NULL) {
        n++;
    }
    const char *text = plans[i].texts[rng_below(&r->event, n)];
    struct sim_fault_plan plan;
    struct err err = {0};
    if (sim_fault_read(text, &plan, &err) != ST_OK) {
        real_forbid(r, "fault %s: %s", text, err.text);
        return;
    }
    sim_fault_start(r->sim, &plan, r->wall, r->now);
}

uint64_t real_happened(const struct real *r, enum real_fault kind)
{
    for (size_t i = 0; i < N_PLANS; i++) {
        if (plans[i].kind == kind) {
            return r->sim_faults[plans[i].counted] + truth_faults(r->sim, plans[i].counted);
        }
    }
    return r->happened[kind];
}
