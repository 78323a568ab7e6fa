/*
 * sim_groups.c - order groups (sheet 9). The engine counts what was matched, cancels and refuses;
 * here are their ids and routes.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

#define LIMIT_MAX (1000000 * QTY_ONE) /* contracts matched in 15 s */

static struct sgroup *find_any(const struct sim *sim, struct text id)
{
    uint32_t i = idmap_get(&sim->by_group_id, id);
    return i == IDMAP_NONE || sim->groups[i].deleted ? NULL : &sim->groups[i];
}

struct sgroup *group_find(const struct sim *sim, uint32_t account, struct text id)
{
    struct sgroup *g = find_any(sim, id);
    return g != NULL && g->account == account ? g : NULL;
}

/* The group of the path, in the subaccount (dflt when none is named, -1: any) and on the shard of
 * the query. NULL: the answer is written. */
static struct sgroup *group_of(const struct call *c, int64_t dflt)
{
    int64_t sub = 0;
    int64_t shard = 0;
    if (!query_subaccount(c, dflt, &sub) ||
        !query_int(c, "exchange_index", "ExchangeIndex", -1, INT32_MAX, -1, &shard)) {
        return NULL;
    }
    if (!is_uuid(c->id)) {
        reply_nested(c->r, 400, "invalid_UUID", NULL);
        return NULL;
    }
    struct sgroup *g = find_any(c->sim, c->id);
    if (g == NULL || !sim_owns(c->sim, c->user, g->account) ||
        (sub >= 0 && c->sim->subaccount_of[g->account] != sub) ||
        (shard >= 0 && c->sim->shard_of[g->account] != shard)) {
        reply_nested(c->r, 404, "not_found", NULL);
        return NULL;
    }
    return g;
}

/* --- reading --- */

static void write_limit(const struct call *c, struct jw *w, const struct sgroup *g)
{
    const struct match_group *m = match_group_get(c->sim->match, g->number);
    jw_bool(w, "is_auto_cancel_enabled", true);
    if (m != NULL) {
        jw_qty(w, "contracts_limit_fp", m->limit);
    }
    jw_int(w, "exchange_index", c->sim->shard_of[g->account]);
}

/* Without any group the answer is {}. */
void group_list(struct call *c)
{
    const struct sim *sim = c->sim;
    int64_t sub = -1;
    bool any = false;
    if (!query_subaccount(c, -1, &sub)) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    for (uint32_t i = 0; i < sim->n_groups; i++) {
        const struct sgroup *g = &sim->groups[i];
        if (g->deleted || !sim_owns(sim, c->user, g->account) ||
            (sub >= 0 && sim->subaccount_of[g->account] != sub)) {
            continue;
        }
        if (!any) {
            any = true;
            jw_open(&w, "order_groups", '[');
        }
        jw_open(&w, NULL, '{');
        jw_str(&w, "id", g->id);
        write_limit(c, &w, g);
        jw_close(&w, '}');
    }
    if (any) {
        jw_close(&w, ']');
    }
    jw_close(&w, '}');
}

void group_get(struct call *c)
{
    const struct sim *sim = c->sim;
    const struct sgroup *g = group_of(c, -1);
    if (g == NULL) {
        return;
    }
    uint32_t n = match_group_orders(sim->match, g->number, NULL, 0);
    uint64_t *ids = calloc((size_t)n + 1, sizeof *ids);
    if (ids == NULL) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return;
    }
    (void)match_group_orders(sim->match, g->number, ids, n);
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    write_limit(c, &w, g);
    jw_open(&w, "orders", '[');
    for (uint32_t i = 0; i < n; i++) {
        const struct match_order *o = match_order_get(sim->match, ids[i]);
        if (o != NULL && o->tag != 0) {
            jw_str(&w, NULL, sim->orders[o->tag - 1].id);
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    free(ids);
}

/* --- creating --- */

/* contracts_limit (whole), contracts_limit_fp, or both and equal. */
static qty_t read_limit(struct body *b)
{
    bool whole = false;
    int64_t n = body_int(b, "contracts_limit", false, 1, LIMIT_MAX / QTY_ONE, &whole);
    const char *text = body_str(b, "contracts_limit_fp", false);
    qty_t fine = 0;
    if (b->failed) {
        return 0;
    }
    qty_t limit = n * QTY_ONE;
    if (!whole && text[0] == '\0') {
        body_missing(b, "contracts_limit", "required_without");
        return 0;
    }
    if (text[0] != '\0') {
        if (qty_parse(text, strlen(text), &fine) != ST_OK || fine < QTY_ONE || fine > LIMIT_MAX) {
            body_missing(b, "contracts_limit_fp", "fixed_point_count");
        } else if (whole && fine != limit) {
            body_missing(b, "contracts_limit_fp", "eqfield");
        }
        limit = fine;
    }
    return limit;
}

static uint32_t groups_of(const struct sim *sim, uint32_t user)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < sim->n_groups; i++) {
        n += !sim->groups[i].deleted && sim_owns(sim, user, sim->groups[i].account);
    }
    return n;
}

static struct refusal add_group(struct call *c, uint32_t account, qty_t limit, struct sgroup **ret)
{
    struct sim *sim = c->sim;
    static const struct refusal broken = {500, "internal_server_error", NULL};
    uint32_t most = sim->config.max_order_groups;
    if (sim->n_groups >= most && groups_of(sim, c->user) >= most) {
        return (struct refusal){400, "too_many_order_groups", NULL};
    }
    if (!sim_grow((void **)&sim->groups, sim->n_groups, &sim->groups_cap, sizeof *sim->groups)) {
        return broken;
    }
    struct sgroup *g = &sim->groups[sim->n_groups];
    *g = (struct sgroup){.account = account};
    if (match_group_create(sim->match, account, limit, &g->number) != ST_OK) {
        return broken;
    }
    group_id_text(sim, g->number, g->id);
    if (idmap_put(&sim->by_group_id, text_of(g->id), sim->n_groups) != ST_OK) {
        return broken;
    }
    sim->n_groups++;
    *ret = g;
    return (struct refusal){0, NULL, NULL};
}

void group_create(struct call *c)
{
    struct sim *sim = c->sim;
    struct body b;
    struct sgroup *g = NULL;
    if (!body_open(&b, c, "CreateOrderGroupRequest")) {
        return;
    }
    bool has_sub = false;
    bool has_shard = false;
    uint32_t shard = 0;
    qty_t limit = read_limit(&b);
    int64_t sub = body_int(&b, "subaccount", false, 0, SUBACCOUNTS - 1, &has_sub);
    int64_t index = body_int(&b, "exchange_index", false, 0, SHARDS - 1, &has_shard);
    if (b.failed) {
        return;
    }
    struct refusal why = pick_subaccount(sim, has_sub, &sub);
    why = why.status == 0 ? pick_shard(sim, has_shard, index, "", &shard) : why;
    uint32_t account = sim_account_at(sim, c->user, sub, shard);
    if (why.status == 0 && account == NO_INDEX) {
        why = (struct refusal){404, "user_not_found", NULL};
    }
    why = why.status == 0 ? add_group(c, account, limit, &g) : why;
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    emit_group_event(sim, account, g->id, "created", limit, sim->wall);
    struct jw w = reply_json(c->r, 201);
    jw_open(&w, NULL, '{');
    jw_int(&w, "exchange_index", shard);
    jw_str(&w, "order_group_id", g->id);
    jw_int(&w, "subaccount", sub);
    jw_close(&w, '}');
}

/* --- changing; each answers {} --- */

static void tell(struct call *c, const struct sgroup *g, const char *event, qty_t limit)
{
    if (event != NULL) {
        emit_group_event(c->sim, g->account, g->id, event, limit, c->sim->wall);
    }
    emit_result(c->sim, c->sim->wall);
    reply_empty(c->r, 200);
}

void group_reset(struct call *c)
{
    const struct sgroup *g = group_of(c, 0);
    if (g == NULL) {
        return;
    }
    if (match_group_reset(c->sim->match, g->number, c->sim->wall) != ST_OK) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    tell(c, g, "reset", 0);
}

void group_trigger(struct call *c)
{
    const struct sgroup *g = group_of(c, 0);
    if (g == NULL) {
        return;
    }
    if (match_group_trigger(c->sim->match, g->number, c->sim->wall) != ST_OK) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    tell(c, g, NULL, 0); /* the engine's result says that it was triggered */
}

void group_limit(struct call *c)
{
    struct body b;
    if (!body_open(&b, c, "UpdateOrderGroupLimitRequest")) {
        return;
    }
    qty_t limit = read_limit(&b);
    const struct sgroup *g = b.failed ? NULL : group_of(c, 0);
    if (g == NULL) {
        return;
    }
    if (match_group_limit(c->sim->match, g->number, limit, c->sim->wall) != ST_OK) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    tell(c, g, "limit_updated", limit);
}

void group_delete(struct call *c)
{
    struct sgroup *g = group_of(c, 0);
    if (g == NULL) {
        return;
    }
    if (match_group_delete(c->sim->match, g->number, c->sim->wall) != ST_OK) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    g->deleted = true;
    tell(c, g, "deleted", 0);
}
