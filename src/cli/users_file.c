#include "cli/users_file.h"

#include <jansson.h>
#include <stdlib.h>

#include "net/files.h"
#include "sim/sim.h"

#define USERS_FILE_MAX ((size_t)16 << 20)
#define PEM_MAX        ((size_t)64 << 10)

bool person_name_valid(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && name[n] == '\0' && n < PERSON_NAME_MAX && name[0] != '.' && name[0] != '-';
}

static void person_finish(struct person *p)
{
    for (size_t i = 0; i < p->n_keys; i++) {
        free(p->keys[i].pem);
    }
    p->n_keys = 0;
}

void people_finish(struct person_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        person_finish(&list->v[i]);
    }
    free(list->v);
    *list = (struct person_list){0};
}

struct person *people_find(const struct person_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->v[i].name, name) == 0) {
            return &list->v[i];
        }
    }
    return NULL;
}

static bool key_taken(const struct person_list *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++) {
        for (size_t k = 0; k < list->v[i].n_keys; k++) {
            if (strcmp(list->v[i].keys[k].id, id) == 0) {
                return true;
            }
        }
    }
    return false;
}

enum status people_add(struct person_list *list, struct person *p, struct err *err)
{
    if (people_find(list, p->name) != NULL) {
        return err_set(err, ST_EXISTS, "there is a user '%s' already", p->name);
    }
    for (size_t k = 0; k < p->n_keys; k++) {
        if (key_taken(list, p->keys[k].id)) {
            return err_set(err, ST_EXISTS, "user '%s': the key id %s is there already", p->name,
                           p->keys[k].id);
        }
    }
    if (list->n >= PEOPLE_MAX) {
        return err_set(err, ST_LIMIT, "more than %d users", PEOPLE_MAX);
    }
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 8 : list->cap * 2;
        struct person *v = realloc(list->v, cap * sizeof *v);
        if (v == NULL) {
            return err_set(err, ST_NOMEM, "no memory for users");
        }
        list->v = v;
        list->cap = cap;
    }
    list->v[list->n++] = *p;
    *p = (struct person){0};
    return ST_OK;
}

void people_remove(struct person_list *list, struct person *p)
{
    person_finish(p);
    *p = list->v[--list->n];
}

/* --- reading --- */

static enum status read_key(const json_t *j, const char *where, struct person *p, struct err *err)
{
    const char *id = json_string_value(json_object_get(j, "key_id"));
    const char *pem = json_string_value(json_object_get(j, "public_key"));
    struct person_key *k = &p->keys[p->n_keys];
    if (id == NULL || id[0] == '\0' || !text_copy(k->id, sizeof k->id, text_of(id))) {
        return err_set(err, ST_MALFORMED, "%s: \"key_id\" is missing, empty or too long", where);
    }
    if (pem == NULL || strlen(pem) > PEM_MAX) {
        return err_set(err, ST_MALFORMED, "%s: \"public_key\" must be a public key in PEM form",
                       where);
    }
    for (size_t i = 0; i < p->n_keys; i++) {
        if (strcmp(p->keys[i].id, k->id) == 0) {
            return err_set(err, ST_MALFORMED, "%s: the key id %s is there twice", where, k->id);
        }
    }
    k->pem = strdup(pem);
    if (k->pem == NULL) {
        return err_set(err, ST_NOMEM, "no memory for keys");
    }
    p->n_keys++;
    return ST_OK;
}

static enum status read_keys(const json_t *keys, const char *where, struct person *p,
                             struct err *err)
{
    size_t n = json_array_size(keys);
    if (!json_is_array(keys) || n == 0 || n > PERSON_KEYS_MAX) {
        return err_set(err, ST_MALFORMED, "%s: \"keys\" must be a list of 1 to %d keys", where,
                       PERSON_KEYS_MAX);
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        char place[256];
        snprintf(place, sizeof place, "%s: keys[%zu]", where, i);
        st = read_key(json_array_get(keys, i), place, p, err);
    }
    return st;
}

static bool known_key(const char *key)
{
    static const char *const keys[] = {"name", "balance", "tier", "keys"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static enum status read_person(const json_t *j, const char *where, struct person *p,
                               struct err *err)
{
    const char *name = json_string_value(json_object_get(j, "name"));
    const json_t *balance = json_object_get(j, "balance");
    const json_t *tier = json_object_get(j, "tier");
    const char *text = json_string_value(balance);
    int64_t read[2];
    int64_t write[2];
    p->balance = -1;
    if (name == NULL || !person_name_valid(name) ||
        !text_copy(p->name, sizeof p->name, text_of(name))) {
        return err_set(err, ST_MALFORMED, "%s: \"name\" must be letters, digits, '.', '_' or '-'",
                       where);
    }
    if (balance != NULL && (text == NULL || usd_parse(text, strlen(text), &p->balance) != ST_OK ||
                            p->balance < 0 || p->balance > USD_LIMIT / 1000)) {
        return err_set(err, ST_MALFORMED, "%s: \"balance\" must be dollars as text: \"1000.00\"",
                       where);
    }
    if (tier != NULL && (json_string_value(tier) == NULL ||
                         !sim_tier_budget(json_string_value(tier), read, write) ||
                         !text_copy(p->tier, sizeof p->tier, text_of(json_string_value(tier))))) {
        return err_set(err, ST_MALFORMED, "%s: \"tier\" must be basic to prestige", where);
    }
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)j, key, v)
    {
        if (!known_key(key)) {
            return err_set(err, ST_MALFORMED, "%s: there is no key \"%.40s\"", where, key);
        }
    }
    return read_keys(json_object_get(j, "keys"), where, p, err);
}

static enum status read_list(const json_t *users, const char *name, struct person_list *list,
                             struct err *err)
{
    size_t i;
    json_t *j;
    json_array_foreach(users, i, j)
    {
        char where[200];
        struct person p = {0};
        snprintf(where, sizeof where, "%.150s: users[%zu]", name, i);
        enum status st = read_person(j, where, &p, err);
        if (st == ST_OK) {
            st = people_add(list, &p, err);
            st = st == ST_OK || st == ST_NOMEM
                     ? st
                     : err_prefix(err, st == ST_EXISTS ? ST_MALFORMED : st, "%s", where);
        }
        if (st != ST_OK) {
            person_finish(&p);
            return err != NULL && err->st == ST_EXISTS ? ST_MALFORMED : st;
        }
    }
    return ST_OK;
}

enum status users_parse(struct text json, const char *name, struct person_list *list,
                        struct err *err)
{
    json_error_t je;
    json_t *root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &je);
    if (root == NULL) {
        return err_set(err, ST_MALFORMED, "%s: %s (line %d)", name, je.text, je.line);
    }
    const json_t *users = json_object_get(root, "users");
    size_t before = list->n;
    enum status st = json_is_array(users)
                         ? read_list(users, name, list, err)
                         : err_set(err, ST_MALFORMED, "%s: \"users\" is missing or no list", name);
    while (st != ST_OK && list->n > before) {
        people_remove(list, &list->v[list->n - 1]);
    }
    json_decref(root);
    return st;
}

enum status users_read(const char *path, struct person_list *list, struct err *err)
{
    struct buf text;
    buf_init(&text, USERS_FILE_MAX);
    enum status st = file_read(path, &text, err);
    if (st == ST_OK) {
        st = users_parse((struct text){text.p != NULL ? text.p : "", text.n}, path, list, err);
    }
    buf_finish(&text);
    return st;
}

/* --- writing --- */

static void write_person(const struct person *p, struct buf *b)
{
    buf_str(b, "{\"name\":");
    buf_json_str(b, text_of(p->name));
    if (p->balance >= 0) {
        char usd[MONEY_TEXT_MAX];
        usd_format(p->balance, usd);
        buf_printf(b, ",\"balance\":\"%s\"", usd);
    }
    if (p->tier[0] != '\0') {
        buf_printf(b, ",\"tier\":\"%s\"", p->tier);
    }
    buf_str(b, ",\"keys\":[");
    for (size_t i = 0; i < p->n_keys; i++) {
        buf_str(b, i == 0 ? "{\"key_id\":" : ",{\"key_id\":");
        buf_json_str(b, text_of(p->keys[i].id));
        buf_str(b, ",\"public_key\":");
        buf_json_str(b, text_of(p->keys[i].pem));
        buf_char(b, '}');
    }
    buf_str(b, "]}");
}

enum status users_write(const char *path, const struct person_list *list, struct err *err)
{
    struct buf b;
    buf_init(&b, USERS_FILE_MAX);
    buf_str(&b, "{\"users\":[");
    for (size_t i = 0; i < list->n; i++) {
        buf_str(&b, i == 0 ? "\n " : ",\n ");
        write_person(&list->v[i], &b);
    }
    buf_str(&b, "\n]}\n");
    enum status st = b.failed ? err_set(err, ST_NOMEM, "no memory for %s", path)
                              : file_write(path, b.p, b.n, 0600, err);
    buf_finish(&b);
    return st;
}
