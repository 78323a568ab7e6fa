/*
 * sim_keys.c - the API's own keys: list, create, generate, delete (openapi.yaml; scopes:
 * sheet 3.4).
 *
 * Making and checking keys is the verifier's work, so that no cryptography is needed here.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

static const struct {
    const char *name;
    uint32_t scope;
} scopes[] = {
    {"read", SCOPE_READ},
    {"write", SCOPE_WRITE},
    {"read::block_trade_accept", SCOPE_READ_BLOCK},
    {"read::portfolio_balance", SCOPE_READ_BALANCE},
    {"write::trade", SCOPE_WRITE_TRADE},
    {"write::transfer", SCOPE_WRITE_TRANSFER},
    {"write::block_trade_accept", SCOPE_WRITE_BLOCK},
};
#define N_SCOPES (sizeof scopes / sizeof scopes[0])

/* --- GET /api_keys --- */

void keys_list(struct call *c)
{
    const struct sim *sim = c->sim;
    struct jw w = reply_json(c->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "api_keys", '[');
    for (uint32_t i = 0; i < sim->n_keys; i++) {
        const struct skey *k = &sim->keys[i];
        if (k->user != c->user || k->removed) {
            continue;
        }
        jw_open(&w, NULL, '{');
        jw_str(&w, "api_key_id", k->id);
        jw_str(&w, "name", k->name);
        jw_open(&w, "scopes", '[');
        for (size_t s = 0; s < N_SCOPES; s++) {
            if ((k->scopes & scopes[s].scope) != 0) {
                jw_str(&w, NULL, scopes[s].name);
            }
        }
        jw_close(&w, ']');
        if (k->subaccount >= 0) {
            jw_int(&w, "subaccount", k->subaccount);
        }
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* --- making keys --- */

/* Without a list: everything. The broad write needs read beside it. */
static uint32_t read_scopes(struct body *b)
{
    const json_t *v = json_object_get(b->root, "scopes");
    uint32_t all = 0;
    if (v == NULL || json_is_null(v)) {
        return SCOPE_READ | SCOPE_WRITE;
    }
    const json_t *list = body_array(b, "scopes");
    for (size_t i = 0; !b->failed && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        size_t s = 0;
        while (name != NULL && s < N_SCOPES && strcmp(scopes[s].name, name) != 0) {
            s++;
        }
        if (name == NULL || s == N_SCOPES) {
            body_missing(b, "scopes", "oneof");
        } else {
            all |= scopes[s].scope;
        }
    }
    if (!b->failed && (all == 0 || ((all & SCOPE_WRITE) != 0 && (all & SCOPE_READ) == 0))) {
        body_missing(b, "scopes", "required_with");
    }
    return all;
}

static void read_key(struct call *c, struct body *b, struct skey *k)
{
    bool there = false;
    *k = (struct skey){.subaccount = -1};
    if (!text_copy(k->name, sizeof k->name, text_of(body_str(b, "name", true)))) {
        body_missing(b, "name", "max");
    }
    k->scopes = read_scopes(b);
    int64_t sub = body_int(b, "subaccount", false, 0, SUBACCOUNTS - 1, &there);
    if (!b->failed && there) {
        k->subaccount = (int32_t)sub;
        if (sim_account_of(c->sim, c->user, sub) == NO_INDEX) {
            reply_nested(c->r, 404, "user_not_found", NULL);
            b->failed = true;
        }
    }
    sim_uuid(c->sim, "key", c->sim->n_keys, k->id);
}

static bool add(struct call *c, const struct skey *k)
{
    struct err err = {0};
    if (sim_add_key(c->sim, c->user, k, &err) != ST_OK) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
        return false;
    }
    return true;
}

void keys_create(struct call *c)
{
    const struct sim_keys *v = &c->sim->keymaker;
    const struct user *u = &c->sim->users[c->user];
    struct body b;
    struct skey k;
    if (!body_open(&b, c, "CreateApiKeyRequest")) {
        return;
    }
    const char *pem = body_str(&b, "public_key", true);
    read_key(c, &b, &k);
    if (b.failed) {
        return;
    }
    if (!sim_tier_at_least(u->tier, "premier")) {
        reply_nested(c->r, 403, "forbidden", "needs the usage tier premier");
        return;
    }
    if (v->add == NULL || v->add(v->self, text_of(k.id), pem, strlen(pem)) != ST_OK) {
        reply_nested(c->r, 400, "invalid_parameters", "public_key is no key in PEM form");
        return;
    }
    if (add(c, &k)) {
        struct jw w = reply_json(c->r, 201);
        jw_open(&w, NULL, '{');
        jw_str(&w, "api_key_id", k.id);
        jw_close(&w, '}');
    }
}

void keys_generate(struct call *c)
{
    static const char *const types[] = {"rsa", "ed25519", ""};
    const struct sim_keys *v = &c->sim->keymaker;
    struct body b;
    struct skey k;
    struct buf pem;
    if (!body_open(&b, c, "GenerateApiKeyRequest")) {
        return;
    }
    int type = one_of(body_str(&b, "key_type", false), types, 3);
    if (!b.failed && type == 3) {
        body_missing(&b, "key_type", "oneof");
    }
    read_key(c, &b, &k);
    if (b.failed) {
        return;
    }
    buf_init(&pem, 65536);
    if (v->generate == NULL || v->generate(v->self, text_of(k.id), type == 1, &pem) != ST_OK ||
        pem.failed) {
        reply_nested(c->r, 500, "internal_server_error", NULL);
    } else if (add(c, &k)) {
        struct jw w = reply_json(c->r, 201);
        jw_open(&w, NULL, '{');
        jw_str(&w, "api_key_id", k.id);
        jw_str(&w, "key_type", types[type == 1]);
        jw_text(&w, "private_key", (struct text){pem.p, pem.n});
        jw_close(&w, '}');
    }
    buf_finish(&pem);
}

/* --- DELETE /api_keys/{api_key} --- */

void keys_delete(struct call *c)
{
    const struct sim_keys *v = &c->sim->keymaker;
    uint32_t key = sim_find_key(c->sim, c->id);
    if (key == NO_INDEX || c->sim->keys[key].user != c->user) {
        reply_nested(c->r, 404, "not_found", NULL);
        return;
    }
    sim_remove_key(c->sim, key);
    if (v->remove != NULL) {
        v->remove(v->self, c->id);
    }
    reply_json(c->r, 204);
}
