/*
 * sim_subaccounts.c - subaccounts, money between them and between shards (sheet 10).
 *
 * One engine stands for all shards; a subaccount has an account of its own on each shard to which
 * money was moved, and trades there with that money only.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

#define CENT     (USD_ONE / 100)
#define CENTI    (USD_ONE / 10000) /* amounts between shards */
#define CENT_MAX (USD_LIMIT / CENT)

void subaccount_create(struct call *c)
{
    struct body b;
    bool there = false;
    uint32_t n = 0;
    if (!body_open(&b, c, "CreateSubaccountRequest")) {
        return;
    }
    int64_t shard = body_int(&b, "exchange_index", false, 0, SHARDS - 1, &there);
    if (b.failed) {
        return;
    }
    uint32_t account = 0;
    enum status st = sim_add_subaccount(c->sim, c->user, &n);
    if (st == ST_OK && shard > 0) {
        st = sim_open_shard(c->sim, c->user, n, (uint32_t)shard, &account);
    }
    if (st != ST_OK) {
        reply_nested(c->r, 400, "subaccount_limit_reached", NULL);
        return;
    }
    struct jw w = reply_json(c->r, 201);
    jw_open(&w, NULL, '{');
    jw_int(&w, "subaccount_number", n);
    jw_close(&w, '}');
}

/* A locked key sees its own subaccount only. */
static int64_t visible(const struct call *c)
{
    return c->sim->keys[c->sim->key].subaccount;
}

void subaccount_balances(struct call *c)
{
    const struct sim *sim = c->sim;
    uint32_t at = 0;
    uint32_t account = 0;
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "subaccount_balances", '[');
    while ((account = next_account(sim, c->user, visible(c), -1, &at)) != NO_INDEX) {
        jw_open(&w, NULL, '{');
        jw_int(&w, "subaccount_number", sim->subaccount_of[account]);
        jw_int(&w, "exchange_index", sim->shard_of[account]);
        jw_usd4(&w, "balance", sim_balance(sim, account));
        jw_int(&w, "updated_ts", sim->wall / NS_PER_SEC);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* --- netting: a switch that is kept; collateral return between markets is not simulated --- */

void subaccount_netting(struct call *c)
{
    const struct user *u = &c->sim->users[c->user];
    uint32_t at = 0;
    uint32_t account = 0;
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "netting_configs", '[');
    while ((account = next_account(c->sim, c->user, visible(c), -1, &at)) != NO_INDEX) {
        uint8_t sub = c->sim->subaccount_of[account];
        jw_open(&w, NULL, '{');
        jw_int(&w, "subaccount_number", sub);
        jw_bool(&w, "enabled", u->netting[sub]);
        jw_int(&w, "exchange_index", c->sim->shard_of[account]);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void subaccount_set_netting(struct call *c)
{
    struct body b;
    bool there = false;
    if (!body_open(&b, c, "UpdateSubaccountNettingRequest")) {
        return;
    }
    int64_t sub = body_int(&b, "subaccount_number", true, 0, SUBACCOUNTS - 1, &there);
    if (!b.failed && json_object_get(b.root, "enabled") == NULL) {
        body_missing(&b, "enabled", "required");
    }
    bool enabled = body_bool(&b, "enabled");
    if (b.failed) {
        return;
    }
    struct refusal why = pick_subaccount(c->sim, true, &sub);
    if (why.status == 0 && sim_account_of(c->sim, c->user, sub) == NO_INDEX) {
        why = (struct refusal){404, "user_not_found", NULL};
    }
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    c->sim->users[c->user].netting[sub] = enabled;
    reply_json(c->r, 200);
}

/* --- transfers --- */

static bool transfer_used(const struct call *c, const char *client_id, char key[64])
{
    snprintf(key, 64, "%u:%s", c->user, client_id);
    return client_id[0] != '\0' && idmap_get(&c->sim->transfer_ids, text_of(key)) != IDMAP_NONE;
}

/* Move money and keep the row. client_id: "" when the caller gave none. */
static struct refusal move(struct call *c, const struct stransfer *t, const char *client_id,
                           struct stransfer **ret)
{
    struct sim *sim = c->sim;
    static const struct refusal broken = {500, "internal_server_error", NULL};
    char key[64];
    if (client_id[0] != '\0' && !is_uuid(text_of(client_id))) {
        return (struct refusal){400, "invalid_UUID", NULL};
    }
    if (transfer_used(c, client_id, key)) {
        return (struct refusal){409, "transfer_already_applied", NULL};
    }
    uint32_t from = sim_account_at(sim, c->user, t->from, t->from_shard);
    uint32_t to = NO_INDEX;
    if (from == NO_INDEX || sim_account_of(sim, c->user, t->to) == NO_INDEX) {
        return (struct refusal){404, "user_not_found", NULL};
    }
    if (t->from == t->to && t->from_shard == t->to_shard) {
        return (struct refusal){400, "invalid_parameters", "source and destination are the same"};
    }
    const struct match_account *a = match_account(sim->match, from);
    if (a->cash - a->reserved < t->amount) { /* before an account is opened for it */
        return (struct refusal){400, "insufficient_balance", NULL};
    }
    if (!sim_grow((void **)&sim->transfers, sim->n_transfers, &sim->transfers_cap,
                  sizeof *sim->transfers) ||
        sim_open_shard(sim, c->user, t->to, t->to_shard, &to) != ST_OK) {
        return broken;
    }
    if (match_transfer(sim->match, from, to, t->amount) != ST_OK) {
        return (struct refusal){400, "insufficient_balance", NULL};
    }
    struct stransfer *row = &sim->transfers[sim->n_transfers];
    *row = *t;
    row->user = c->user;
    row->at = sim->wall;
    text_copy(row->client_id, sizeof row->client_id, text_of(client_id));
    sim_uuid(sim, "transfer", sim->n_transfers, row->id);
    if (client_id[0] != '\0' &&
        idmap_put(&sim->transfer_ids, text_of(key), sim->n_transfers) != ST_OK) {
        return broken;
    }
    sim->n_transfers++;
    *ret = row;
    return (struct refusal){0, NULL, NULL};
}

void subaccount_transfer(struct call *c)
{
    struct body b;
    bool there = false;
    struct stransfer *row = NULL;
    if (!body_open(&b, c, "ApplySubaccountTransferRequest")) {
        return;
    }
    const char *id = body_str(&b, "client_transfer_id", true);
    struct stransfer t = {
        .from = (uint8_t)body_int(&b, "from_subaccount", true, 0, SUBACCOUNTS - 1, &there),
        .to = (uint8_t)body_int(&b, "to_subaccount", true, 0, SUBACCOUNTS - 1, &there)};
    int64_t cents = body_int(&b, "amount_cents", true, 1, CENT_MAX, &there);
    t.from_shard = (uint8_t)body_int(&b, "exchange_index", false, 0, SHARDS - 1, &there);
    t.to_shard = t.from_shard;
    if (b.failed) {
        return;
    }
    t.amount = cents * CENT;
    struct refusal why = move(c, &t, id, &row);
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    reply_empty(c->r, 200);
}

typedef void (*write_fn)(struct jw *w, const char *key, const struct stransfer *t);

/* One page of the caller's transfers of a kind, newest first. */
static void list_transfers(struct call *c, bool between_shards, uint32_t most, write_fn write)
{
    const struct sim *sim = c->sim;
    uint32_t limit = 0;
    uint32_t from = 0;
    if (!page_get(c->req->query, c->route->op, most, 100, c->r, &limit, &from)) {
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "transfers", '[');
    uint32_t n = 0;
    uint32_t next = NO_INDEX;
    for (uint32_t i = from == 0 || from > sim->n_transfers ? sim->n_transfers : from; i > 0; i--) {
        const struct stransfer *t = &sim->transfers[i - 1];
        if (t->user != c->user || t->between_shards != between_shards) {
            continue;
        }
        if (n++ == limit) {
            next = i;
            break;
        }
        write(&w, NULL, t);
    }
    jw_close(&w, ']');
    if (!between_shards || next != NO_INDEX) { /* left out on the last page of shard transfers */
        page_end(&w, next);
    }
    jw_close(&w, '}');
}

static void write_transfer(struct jw *w, const char *key, const struct stransfer *t)
{
    jw_open(w, key, '{');
    jw_str(w, "transfer_id", t->id);
    jw_int(w, "from_subaccount", t->from);
    jw_int(w, "to_subaccount", t->to);
    jw_int(w, "amount_cents", t->amount / CENT);
    jw_int(w, "created_ts", t->at / NS_PER_SEC);
    jw_int(w, "exchange_index", t->from_shard);
    jw_close(w, '}');
}

void subaccount_transfers(struct call *c)
{
    list_transfers(c, false, 1000, write_transfer);
}

/* --- between shards --- */

static bool read_instance(struct body *b, const char *key)
{
    static const char *const words[] = {"event_contract", "margined"};
    int i = one_of(body_str(b, key, true), words, 2);
    if (!b->failed && i == 2) {
        body_missing(b, key, "oneof");
    }
    return i == 0;
}

void shard_transfer(struct call *c)
{
    struct body b;
    bool there = false;
    struct stransfer *row = NULL;
    if (!body_open(&b, c, "IntraExchangeInstanceTransferRequest")) {
        return;
    }
    bool here = read_instance(&b, "source");
    here = read_instance(&b, "destination") && here;
    int64_t amount = body_int(&b, "amount", true, 1, USD_LIMIT / CENTI, &there);
    int64_t from_shard = body_int(&b, "source_exchange_shard", false, 0, 100, &there);
    int64_t to_shard = body_int(&b, "destination_exchange_shard", false, 0, 100, &there);
    int64_t from = body_int(&b, "source_subaccount", false, 0, SUBACCOUNTS - 1, &there);
    int64_t to = body_int(&b, "destination_subaccount", false, 0, SUBACCOUNTS - 1, &there);
    const char *id = body_str(&b, "client_transfer_id", false);
    if (b.failed) {
        return;
    }
    if (!here || from_shard >= SHARDS || to_shard >= SHARDS) {
        reply_nested(c->r, 400, "invalid_parameters",
                     !here ? "there is no margined exchange here" : "there is no such shard");
        return;
    }
    struct stransfer t = {.from = (uint8_t)from,
                          .to = (uint8_t)to,
                          .from_shard = (uint8_t)from_shard,
                          .to_shard = (uint8_t)to_shard,
                          .between_shards = true,
                          .amount = amount * CENTI};
    struct refusal why = move(c, &t, id, &row);
    if (why.status != 0) {
        reply_refusal(c->r, why);
        return;
    }
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_str(&w, "transfer_id", row->id);
    jw_close(&w, '}');
}

static void write_shard_transfer(struct jw *w, const char *key, const struct stransfer *t)
{
    jw_open(w, key, '{');
    jw_str(w, "transfer_id", t->id);
    jw_str(w, "source", "event_contract");
    jw_str(w, "destination", "event_contract");
    jw_int(w, "source_exchange_shard", t->from_shard);
    jw_int(w, "destination_exchange_shard", t->to_shard);
    jw_usd4(w, "amount", t->amount);
    jw_str(w, "status", "complete");
    jw_int(w, "created_ts", t->at / NS_PER_SEC);
    jw_close(w, '}');
}

void shard_transfers(struct call *c)
{
    list_transfers(c, true, 500, write_shard_transfer);
}

void shard_transfer_get(struct call *c)
{
    const struct sim *sim = c->sim;
    if (!is_uuid(c->id)) {
        reply_nested(c->r, 400, "invalid_UUID", NULL);
        return;
    }
    for (uint32_t i = 0; i < sim->n_transfers; i++) {
        const struct stransfer *t = &sim->transfers[i];
        if (t->user == c->user && t->between_shards && text_equal(text_of(t->id), c->id)) {
            struct jw w = reply_json(c->r, 200);
            jw_open(&w, NULL, '{');
            write_shard_transfer(&w, "transfer", t);
            jw_close(&w, '}');
            return;
        }
    }
    reply_nested(c->r, 404, "not_found", NULL);
}

/* --- target balance allocation: kept and told; nothing is swept --- */

void allocation_get(struct call *c)
{
    const struct user *u = &c->sim->users[c->user];
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "allocations", '[');
    for (int i = 0; i < SHARDS; i++) {
        if (u->allocation[i] > 0) {
            jw_open(&w, NULL, '{');
            jw_int(&w, "exchange_index", i);
            jw_int(&w, "percent", u->allocation[i]);
            jw_close(&w, '}');
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void allocation_set(struct call *c)
{
    static const char *const words[] = {"max", "sum", "none", ""};
    struct body b;
    bool there = false;
    int32_t percent[SHARDS] = {0};
    int32_t sum = 0;
    if (!body_open(&b, c, "SetTargetBalanceAllocationRequest")) {
        return;
    }
    if (one_of(body_str(&b, "resting_margin_reservation", false), words, 4) == 4) {
        body_missing(&b, "resting_margin_reservation", "oneof");
    }
    const json_t *rows = body_array(&b, "allocations");
    for (size_t i = 0; !b.failed && i < json_array_size(rows) && i < 101; i++) {
        struct body row = {.root = json_array_get(rows, i),
                           .type = "SetTargetBalanceAllocationRequest.allocations",
                           .r = c->r};
        int64_t shard = body_int(&row, "exchange_index", true, 0, SHARDS - 1, &there);
        int64_t part = body_int(&row, "percent", true, 0, 100, &there);
        b.failed = row.failed;
        if (!b.failed) {
            percent[shard] = (int32_t)part;
            sum += (int32_t)part;
        }
    }
    if (b.failed) {
        return;
    }
    if (json_array_size(rows) > 0 && sum != 100) {
        reply_nested(c->r, 400, "invalid_parameters", "percentages must total 100");
        return;
    }
    memcpy(c->sim->users[c->user].allocation, percent, sizeof percent);
    reply_empty(c->r, 200);
}
