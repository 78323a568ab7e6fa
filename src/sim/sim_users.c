/*
 * sim_users.c - users, their keys and their subaccounts.
 *
 * A user has keys, up to 64 subaccounts (each an account of the engine; 0 is there from the start)
 * and one pair of token buckets. Accounts that no user owns (the flow's own) have no owner here.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

enum status sim_users_init(struct sim *sim)
{
    sim->user_of_account = calloc(MAX_ACCOUNTS + 1, sizeof *sim->user_of_account);
    sim->subaccount_of = calloc(MAX_ACCOUNTS + 1, sizeof *sim->subaccount_of);
    sim->shard_of = calloc(MAX_ACCOUNTS + 1, sizeof *sim->shard_of);
    if (sim->user_of_account == NULL || sim->subaccount_of == NULL || sim->shard_of == NULL) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i <= MAX_ACCOUNTS; i++) {
        sim->user_of_account[i] = NO_INDEX;
    }
    enum status st = idmap_init(&sim->by_key_id, UINT32_MAX / 8);
    st = st == ST_OK ? idmap_init(&sim->by_group_id, UINT32_MAX / 8) : st;
    return st == ST_OK ? idmap_init(&sim->transfer_ids, UINT32_MAX / 8) : st;
}

void sim_users_finish(struct sim *sim)
{
    idmap_finish(&sim->by_key_id);
    free(sim->users);
    for (uint32_t i = 0; i < sim->n_keys; i++) {
        free(sim->keys[i].public_pem);
    }
    free(sim->keys);
    free(sim->user_of_account);
    free(sim->subaccount_of);
    free(sim->shard_of);
    idmap_finish(&sim->by_group_id);
    idmap_finish(&sim->transfer_ids);
    free(sim->groups);
    free(sim->transfers);
    free(sim->deposits);
}

uint32_t sim_find_key(const struct sim *sim, struct text key_id)
{
    return idmap_get(&sim->by_key_id, key_id);
}

uint32_t sim_find_user(const struct sim *sim, struct text key_id)
{
    uint32_t key = sim_find_key(sim, key_id);
    return key == NO_INDEX ? NO_INDEX : sim->keys[key].user;
}

uint32_t sim_account_of(const struct sim *sim, uint32_t user, int64_t subaccount)
{
    return subaccount < 0 || subaccount >= SUBACCOUNTS ? NO_INDEX
                                                       : sim->users[user].accounts[subaccount];
}

uint32_t sim_account_at(const struct sim *sim, uint32_t user, int64_t subaccount, uint32_t shard)
{
    return subaccount < 0 || subaccount >= SUBACCOUNTS || shard >= SHARDS
               ? NO_INDEX
               : sim->users[user].shards[subaccount][shard];
}

bool sim_owns(const struct sim *sim, uint32_t user, uint32_t account)
{
    return account <= MAX_ACCOUNTS && sim->user_of_account[account] == user;
}

static enum status own(struct sim *sim, uint32_t user, uint32_t subaccount, uint32_t shard,
                       uint32_t account)
{
    if (account > MAX_ACCOUNTS) {
        return ST_LIMIT;
    }
    if (shard == 0) {
        sim->users[user].accounts[subaccount] = account;
    }
    sim->users[user].shards[subaccount][shard] = account;
    sim->top_account = account > sim->top_account ? account : sim->top_account;
    sim->user_of_account[account] = user;
    sim->subaccount_of[account] = (uint8_t)subaccount;
    sim->shard_of[account] = (uint8_t)shard;
    return ST_OK;
}

/* So that a state file is whole: it holds what signatures are checked with. */
static void keep_public_key(struct sim *sim, struct skey *k)
{
    const struct sim_keys *v = &sim->keymaker;
    struct buf pem;
    buf_init(&pem, 65536);
    if (k->public_pem == NULL && v->public_key != NULL &&
        v->public_key(v->self, text_of(k->id), &pem) && !pem.failed) {
        k->public_pem = strdup(pem.p);
    }
    buf_finish(&pem);
}

void sim_set_keys(struct sim *sim, const struct sim_keys *keys)
{
    sim->keymaker = *keys;
    for (uint32_t i = 0; i < sim->n_keys; i++) {
        struct skey *k = &sim->keys[i];
        if (k->removed) {
            continue;
        }
        if (k->public_pem != NULL && !sim->verifier.known(sim->verifier.self, text_of(k->id))) {
            (void)!keys->add(keys->self, text_of(k->id), k->public_pem, strlen(k->public_pem));
        }
        keep_public_key(sim, k);
    }
}

enum status sim_add_key(struct sim *sim, uint32_t user, const struct skey *key, struct err *err)
{
    if (key->id[0] == '\0' || idmap_get(&sim->by_key_id, text_of(key->id)) != IDMAP_NONE) {
        return err_set(err, ST_INVALID, "key id '%s' is empty or there already", key->id);
    }
    if (!sim_grow((void **)&sim->keys, sim->n_keys, &sim->keys_cap, sizeof *sim->keys)) {
        return err_set(err, ST_NOMEM, "no memory for key %s", key->id);
    }
    enum status st = idmap_put(&sim->by_key_id, text_of(key->id), sim->n_keys);
    if (st != ST_OK) {
        return err_set(err, st, "key %s: %s", key->id, status_text(st));
    }
    sim->keys[sim->n_keys] = *key;
    sim->keys[sim->n_keys].user = user;
    keep_public_key(sim, &sim->keys[sim->n_keys]);
    sim->n_keys++;
    return ST_OK;
}

void sim_remove_key(struct sim *sim, uint32_t key)
{
    (void)idmap_remove(&sim->by_key_id, text_of(sim->keys[key].id));
    sim->keys[key].removed = true;
}

/* So that a user who cannot be made leaves nothing behind. */
static enum status check_keys(const struct sim *sim, const struct sim_user *u, struct err *err)
{
    for (size_t i = 0; i < u->n_keys; i++) {
        struct text id = text_of(u->key_ids[i]);
        if (id.n == 0 || id.n >= KEY_ID_MAX || sim_find_key(sim, id) != NO_INDEX) {
            return err_set(err, ST_INVALID, "key id '%.100s' is empty, too long or there already",
                           u->key_ids[i]);
        }
    }
    return ST_OK;
}

static enum status add_keys(struct sim *sim, const struct sim_user *u, uint32_t user,
                            struct err *err)
{
    for (size_t i = 0; i < u->n_keys; i++) {
        struct skey k = {.scopes = SCOPE_READ | SCOPE_WRITE, .subaccount = -1, .name = "API key"};
        text_copy(k.id, sizeof k.id, text_of(u->key_ids[i]));
        enum status st = sim_add_key(sim, user, &k, err);
        if (st != ST_OK) {
            return st;
        }
    }
    return ST_OK;
}

enum status sim_add_user(struct sim *sim, const struct sim_user *u, uint32_t *ret_user,
                         struct err *err)
{
    uint32_t user = sim->n_users;
    enum status st = check_keys(sim, u, err);
    if (st != ST_OK) {
        return st;
    }
    if (!sim_grow((void **)&sim->users, user, &sim->users_cap, sizeof *sim->users)) {
        return err_set(err, ST_NOMEM, "no memory for user %u", user);
    }
    struct user *x = &sim->users[user];
    *x = (struct user){0};
    for (int i = 0; i < SUBACCOUNTS; i++) {
        x->accounts[i] = NO_INDEX;
        for (int k = 0; k < SHARDS; k++) {
            x->shards[i][k] = NO_INDEX;
        }
    }
    const struct sim_config *c = &sim->config;
    st = match_add_account(sim->match, u->balance < 0 ? c->balance : u->balance, &x->account);
    st = st == ST_OK ? own(sim, user, 0, 0, x->account) : st;
    if (st != ST_OK) {
        return err_set(err, st, "user %u: %s", user, status_text(st));
    }
    budget_start(sim, x);
    sim_uuid(sim, "user", user, x->id);
    if (u->tier != NULL) {
        text_copy(x->tier, sizeof x->tier, text_of(u->tier));
        budget_restore(sim, x);
    }
    text_copy(x->name, sizeof x->name, text_of(u->name != NULL ? u->name : ""));
    sim->n_users++;
    *ret_user = user;
    return add_keys(sim, u, user, err);
}

enum status sim_add_subaccount(struct sim *sim, uint32_t user, uint32_t *ret_subaccount)
{
    struct user *x = &sim->users[user];
    uint32_t n = 0;
    while (n < SUBACCOUNTS && x->accounts[n] != NO_INDEX) {
        n++;
    }
    if (n == SUBACCOUNTS) {
        return ST_LIMIT;
    }
    uint32_t account = 0;
    enum status st = match_add_subaccount(sim->match, x->account, &account);
    st = st == ST_OK ? own(sim, user, n, 0, account) : st;
    if (st == ST_OK) {
        *ret_subaccount = n;
    }
    return st;
}

enum status sim_open_shard(struct sim *sim, uint32_t user, int64_t subaccount, uint32_t shard,
                           uint32_t *ret_account)
{
    if (sim_account_of(sim, user, subaccount) == NO_INDEX || shard >= SHARDS) {
        return ST_NOT_FOUND;
    }
    *ret_account = sim_account_at(sim, user, subaccount, shard);
    if (*ret_account != NO_INDEX) {
        return ST_OK;
    }
    enum status st = match_add_subaccount(sim->match, sim->users[user].account, ret_account);
    return st == ST_OK ? own(sim, user, (uint32_t)subaccount, shard, *ret_account) : st;
}

enum status sim_deposit(struct sim *sim, uint32_t user, int64_t subaccount, usd_t amount)
{
    uint32_t account = sim_account_of(sim, user, subaccount);
    if (account == NO_INDEX) {
        return ST_NOT_FOUND;
    }
    if (!sim_grow((void **)&sim->deposits, sim->n_deposits, &sim->deposits_cap,
                  sizeof *sim->deposits)) {
        return ST_NOMEM;
    }
    enum status st = match_deposit(sim->match, account, amount);
    if (st != ST_OK) {
        return st;
    }
    struct sdeposit *d = &sim->deposits[sim->n_deposits];
    *d = (struct sdeposit){.user = user, .amount = amount, .at = sim->wall};
    sim_uuid(sim, "deposit", sim->n_deposits, d->id);
    sim->n_deposits++;
    return ST_OK;
}

/* He came with the state of an earlier process, and goes on with what he has. */
static bool known(const struct sim *sim, const char *const *key_ids, size_t n)
{
    for (size_t i = 0; sim->restored && i < n; i++) {
        if (sim_find_key(sim, text_of(key_ids[i])) != NO_INDEX) {
            return true;
        }
    }
    return false;
}

/* Each id of key_ids is a user of its own; then the users of the list. */
enum status sim_users_start(struct sim *sim, struct err *err)
{
    const struct sim_config *c = &sim->config;
    uint32_t user = 0;
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < c->n_keys; i++) {
        if (!known(sim, &c->key_ids[i], 1)) {
            struct sim_user u = {.key_ids = &c->key_ids[i], .n_keys = 1, .balance = -1};
            st = sim_add_user(sim, &u, &user, err);
        }
    }
    for (size_t i = 0; st == ST_OK && i < c->n_users; i++) {
        if (!known(sim, c->users[i].key_ids, c->users[i].n_keys)) {
            st = sim_add_user(sim, &c->users[i], &user, err);
        }
    }
    return st;
}
