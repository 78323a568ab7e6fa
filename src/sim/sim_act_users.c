/*
 * sim_act_users.c - actions on users and their keys, and what a person asks first.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_act.h"

#define TIERS "basic,advanced,expert,premier,paragon,prime,prestige"

uint32_t act_user(const struct sim *sim, const char *name)
{
    uint32_t user = sim_find_user(sim, text_of(name));
    for (uint32_t i = 0; i < sim->n_users && user == NO_INDEX; i++) {
        bool named = strcmp(sim->users[i].name, name) == 0 && name[0] != '\0';
        user = named || strcmp(sim->users[i].id, name) == 0 ? i : NO_INDEX;
    }
    return user;
}

static enum status user_of(const struct call *c, uint32_t *ret, struct err *err)
{
    *ret = act_user(c->sim, call_text(c, "user"));
    return *ret != NO_INDEX
               ? ST_OK
               : err_set(err, ST_NOT_FOUND, "there is no user '%.80s'", call_text(c, "user"));
}

/* The key as the verifier takes it; it is not the exchange's yet. */
static enum status take_key(const struct call *c, const char *key_id, struct err *err)
{
    const struct sim_keys *v = &c->sim->keymaker;
    const char *pem = call_text(c, "public_key");
    if (key_id[0] == '\0' || strlen(key_id) >= KEY_ID_MAX ||
        sim_find_key(c->sim, text_of(key_id)) != NO_INDEX) {
        return err_set(err, ST_INVALID, "key id '%.80s' is empty, too long or there already",
                       key_id);
    }
    if (v->add == NULL || v->add(v->self, text_of(key_id), pem, strlen(pem)) != ST_OK) {
        return err_set(err, ST_INVALID,
                       "key 'public_key' must be a public key in PEM form, RSA or Ed25519");
    }
    return ST_OK;
}

static const struct param create_user_params[] = {
    {"name", PT_TEXT, true, NULL, "A name for people, that nobody has."},
    {"key_id", PT_TEXT, true, NULL, "Id of the key, as in KALSHI-ACCESS-KEY."},
    {"public_key", PT_TEXT, true, NULL, "The public key, PEM."},
    {"balance", PT_MONEY, false, NULL, "Dollars at start. Absent: as everybody."},
    {"tier", PT_TEXT, false, TIERS, "Usage tier. Absent: as everybody."},
    PARAMS_END};

static enum status do_create_user(const struct call *c, struct err *err)
{
    const char *name = call_text(c, "name");
    const char *key_id = call_text(c, "key_id");
    usd_t balance = call_money(c, "balance", -1);
    uint32_t user = 0;
    if (name[0] == '\0' || strlen(name) >= USER_NAME_MAX || act_user(c->sim, name) != NO_INDEX) {
        return err_set(err, ST_INVALID, "create_user: the name is empty, too long or taken");
    }
    if (call_has(c, "balance") && balance < 0) {
        return err_set(err, ST_INVALID, "create_user: key 'balance' must not be below 0");
    }
    enum status st = take_key(c, key_id, err);
    if (st != ST_OK) {
        return st;
    }
    struct sim_user u = {.key_ids = &key_id,
                         .n_keys = 1,
                         .balance = balance,
                         .name = name,
                         .tier = call_text(c, "tier")};
    st = sim_add_user(c->sim, &u, &user, err);
    if (st == ST_OK) {
        jw_str(c->reply, "user_id", c->sim->users[user].id);
    } else {
        c->sim->keymaker.remove(c->sim->keymaker.self, text_of(key_id));
    }
    return st;
}

static const struct param add_key_params[] = {
    {"user", PT_TEXT, true, NULL, "Name, user id or a key id."},
    {"key_id", PT_TEXT, true, NULL, "Id of the new key."},
    {"public_key", PT_TEXT, true, NULL, "The public key, PEM."},
    PARAMS_END};

static enum status do_add_key(const struct call *c, struct err *err)
{
    struct skey k = {.scopes = SCOPE_READ | SCOPE_WRITE, .subaccount = -1, .name = "API key"};
    uint32_t user = 0;
    enum status st = user_of(c, &user, err);
    st = st == ST_OK ? take_key(c, call_text(c, "key_id"), err) : st;
    if (st != ST_OK) {
        return st;
    }
    text_copy(k.id, sizeof k.id, text_of(call_text(c, "key_id")));
    return sim_add_key(c->sim, user, &k, err);
}

static const struct param remove_key_params[] = {
    {"key_id", PT_TEXT, true, NULL, "Requests with it are refused from now on."}, PARAMS_END};

static enum status do_remove_key(const struct call *c, struct err *err)
{
    const struct sim_keys *v = &c->sim->keymaker;
    uint32_t key = sim_find_key(c->sim, text_of(call_text(c, "key_id")));
    if (key == NO_INDEX) {
        return err_set(err, ST_NOT_FOUND, "there is no key '%.80s'", call_text(c, "key_id"));
    }
    sim_remove_key(c->sim, key);
    if (v->remove != NULL) {
        v->remove(v->self, text_of(call_text(c, "key_id")));
    }
    return ST_OK;
}

static const struct param set_tier_params[] = {
    {"user", PT_TEXT, true, NULL, "Name, user id or a key id."},
    {"tier", PT_TEXT, true, TIERS, "The new usage tier; its buckets start full."},
    PARAMS_END};

static enum status do_set_tier(const struct call *c, struct err *err)
{
    uint32_t user = 0;
    enum status st = user_of(c, &user, err);
    if (st == ST_OK) {
        struct user *u = &c->sim->users[user];
        text_copy(u->tier, sizeof u->tier, text_of(call_text(c, "tier")));
        budget_restore(c->sim, u);
    }
    return st;
}

static void write_user(const struct sim *sim, struct jw *w, uint32_t i)
{
    const struct user *u = &sim->users[i];
    usd_t cash = 0;
    uint32_t subaccounts = 0;
    for (int k = 0; k < SUBACCOUNTS * SHARDS; k++) {
        uint32_t account = u->shards[k / SHARDS][k % SHARDS];
        cash += account != NO_INDEX ? match_account(sim->match, account)->cash : 0;
        subaccounts += account != NO_INDEX && k % SHARDS == 0 ? 1 : 0;
    }
    jw_open(w, NULL, '{');
    jw_str(w, "name", u->name);
    jw_str(w, "user_id", u->id);
    jw_str(w, "tier", u->tier);
    jw_usd(w, "cash", cash);
    jw_int(w, "subaccounts", subaccounts);
    jw_open(w, "key_ids", '[');
    for (uint32_t k = 0; k < sim->n_keys; k++) {
        if (sim->keys[k].user == i && !sim->keys[k].removed) {
            jw_str(w, NULL, sim->keys[k].id);
        }
    }
    jw_close(w, ']');
    jw_close(w, '}');
}

static const struct param no_params[] = {PARAMS_END};

static enum status do_users(const struct call *c, struct err *err)
{
    (void)err;
    jw_open(c->reply, "users", '[');
    for (uint32_t i = 0; i < c->sim->n_users; i++) {
        write_user(c->sim, c->reply, i);
    }
    jw_close(c->reply, ']');
    return ST_OK;
}

static enum status do_status(const struct call *c, struct err *err)
{
    (void)err;
    const struct sim *sim = c->sim;
    uint32_t connections = 0;
    uint32_t open = 0;
    for (const struct sim_conn *k = sim->conns; k != NULL; k = k->next) {
        connections++;
    }
    for (uint32_t i = 0; i < sim->n_markets; i++) {
        open += sim->markets[i].status == M_ACTIVE ? 1 : 0;
    }
    jw_time(c->reply, "time", sim->wall);
    jw_int(c->reply, "markets", sim->n_markets);
    jw_int(c->reply, "markets_active", open);
    jw_int(c->reply, "users", sim->n_users);
    jw_int(c->reply, "connections", connections);
    jw_int(c->reply, "orders", sim->n_orders);
    jw_int(c->reply, "fills", sim->n_fills);
    jw_int(c->reply, "trades", (int64_t)sim->n_trades);
    jw_int(c->reply, "http_requests", (int64_t)sim->count.http_requests);
    jw_bool(c->reply, "trading_paused", sim->trading_paused);
    jw_bool(c->reply, "exchange_paused", sim->exchange_paused);
    jw_bool(c->reply, "state_kept", sim->kept != NULL);
    jw_bool(c->reply, "finished", sim_finished(sim));
    return ST_OK;
}

const struct action act_users[] = {
    {"create_user", "A user more, with one key.", create_user_params, false, NULL, do_create_user},
    {"add_key", "A key more for a user.", add_key_params, false, NULL, do_add_key},
    {"remove_key", "A key is good no more.", remove_key_params, false, NULL, do_remove_key},
    {"set_tier", "Another usage tier.", set_tier_params, false, NULL, do_set_tier},
    {"users", "List the users, in the reply.", no_params, false, NULL, do_users},
    {"status", "How the exchange is, in the reply.", no_params, false, NULL, do_status},
    {.name = NULL},
};
