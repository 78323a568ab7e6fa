/*
 * sim_people.c - who may trade at a simulator that starts here.
 *
 * Three sources, in this order: user 1 to --users, whose keys are made in the state folder at the
 * first start (userN.key, userN.pub, userN.id); STATE_DIR/users.json, which `deltaflow sim users`
 * writes; --users-file. With a state file, a user who is in it already goes on with what he has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/sim_serve.h"
#include "cli/users_file.h"
#include "net/files.h"

struct people {
    size_t n; /* numbered */
    char (*ids)[37];
    char (*names)[32];
    struct person_list list;
    struct sim_user *users;
    const char *(*keys)[PERSON_KEYS_MAX];
    size_t n_users;
};

static enum status read_key_id(const char *path, char id[37], struct err *err)
{
    struct buf text;
    buf_init(&text, 64);
    enum status st = file_read(path, &text, err);
    if (st == ST_OK && (text.n < 36 || !text_copy(id, 37, (struct text){text.p, 36}))) {
        st = err_set(err, ST_MALFORMED, "%s holds no key id", path);
    }
    buf_finish(&text);
    return st;
}

static bool user_path(char *out, const char *dir, size_t user, const char *end)
{
    int n = snprintf(out, NET_PATH_MAX, "%s/user%zu%s", dir, user, end);
    return n > 0 && n < NET_PATH_MAX;
}

/* The key of user 1.. : RSA for the odd ones, Ed25519 for the even, since clients have either. */
static enum status ensure_user(struct exchange *x, size_t user, char id[37], struct err *err)
{
    char private_path[NET_PATH_MAX], public_path[NET_PATH_MAX], id_path[NET_PATH_MAX];
    const char *dir = x->o->state_dir;
    if (!user_path(private_path, dir, user, ".key") || !user_path(public_path, dir, user, ".pub") ||
        !user_path(id_path, dir, user, ".id")) {
        return err_set(err, ST_LIMIT, "sim.state_dir is too long");
    }
    enum status st = read_key_id(id_path, id, err);
    if (st == ST_NOT_FOUND) {
        st = key_generate(user % 2 == 1 ? KEY_RSA : KEY_ED25519, private_path, public_path, err);
        if (st == ST_OK) {
            st = uuid_random(id);
        }
        if (st == ST_OK) {
            st = file_write(id_path, id, strlen(id), 0644, err);
        }
    }
    return st == ST_OK ? verifier_add(x->verifier, id, public_path, err) : st;
}

static enum status numbered(struct exchange *x, struct people *p, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < p->n; i++) {
        st = ensure_user(x, i + 1, p->ids[i], err);
        snprintf(p->names[i], sizeof p->names[i], "user%zu", i + 1);
        p->keys[i][0] = p->ids[i];
        p->users[i] = (struct sim_user){
            .key_ids = p->keys[i], .n_keys = 1, .balance = -1, .name = p->names[i]};
    }
    return st;
}

static enum status read_files(struct exchange *x, struct people *p, struct err *err)
{
    char path[NET_PATH_MAX];
    snprintf(path, sizeof path, "%s/users.json", x->o->state_dir);
    enum status st = users_read(path, &p->list, err);
    st = st == ST_NOT_FOUND ? ST_OK : st;
    if (st == ST_OK && x->o->users_file[0] != '\0') {
        st = users_read(x->o->users_file, &p->list, err);
    }
    return st;
}

static enum status named(struct exchange *x, struct people *p, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < p->list.n && st == ST_OK; i++) {
        const struct person *who = &p->list.v[i];
        for (size_t k = 0; k < who->n_keys && st == ST_OK; k++) {
            p->keys[p->n + i][k] = who->keys[k].id;
            st = verifier_add_pem(x->verifier, who->keys[k].id, text_of(who->keys[k].pem), err);
            st = st == ST_OK ? ST_OK : err_prefix(err, st, "user %s", who->name);
        }
        p->users[p->n + i] = (struct sim_user){.key_ids = p->keys[p->n + i],
                                               .n_keys = who->n_keys,
                                               .balance = who->balance,
                                               .name = who->name,
                                               .tier = who->tier[0] != '\0' ? who->tier : NULL};
    }
    return st;
}

enum status people_create(struct exchange *x, struct err *err)
{
    struct people *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return err_set(err, ST_NOMEM, "no memory for users");
    }
    x->people = p;
    p->n = (size_t)x->o->users;
    enum status st = read_files(x, p, err);
    p->n_users = p->n + p->list.n;
    p->ids = calloc(p->n, sizeof *p->ids);
    p->names = calloc(p->n, sizeof *p->names);
    p->users = calloc(p->n_users, sizeof *p->users);
    p->keys = calloc(p->n_users, sizeof *p->keys);
    if (p->ids == NULL || p->names == NULL || p->users == NULL || p->keys == NULL) {
        return err_set(err, ST_NOMEM, "no memory for %zu users", p->n_users);
    }
    st = st == ST_OK ? verifier_create(&x->verifier) : st;
    st = st == ST_OK ? numbered(x, p, err) : st;
    return st == ST_OK ? named(x, p, err) : st;
}

void people_destroy(struct people *p)
{
    if (p == NULL) {
        return;
    }
    people_finish(&p->list);
    free(p->ids);
    free(p->names);
    free(p->users);
    free(p->keys);
    free(p);
}

void people_config(const struct people *p, struct sim_config *c)
{
    c->users = p->users;
    c->n_users = p->n_users;
}

const char *people_first_key(const struct people *p)
{
    return p->ids[0];
}
