/*
 * users_file.h - a file of the simulator's users (docs/schemas/sim-users.json):
 * STATE_DIR/users.json, which `deltaflow sim users` writes, and --users-file.
 */
#ifndef CLI_USERS_FILE_H
#define CLI_USERS_FILE_H

#include "base/bytes.h"
#include "base/money.h"

#define PERSON_NAME_MAX 64
#define PERSON_KEYS_MAX 8
#define PERSON_KEY_MAX  80
#define PEOPLE_MAX      1000

struct person_key {
    char id[PERSON_KEY_MAX];
    char *pem; /* owned: the public key */
};
struct person {
    char name[PERSON_NAME_MAX];
    usd_t balance; /* at start; negative: --balance */
    char tier[32]; /* "": --tier */
    struct person_key keys[PERSON_KEYS_MAX];
    size_t n_keys;
};
struct person_list {
    struct person *v;
    size_t n, cap;
};

/* Letters, digits, '.', '_', '-'; shorter than PERSON_NAME_MAX. */
bool person_name_valid(const char *name);

/* Add the users of a JSON text. name: the file, for err. ST_MALFORMED: which user and key; the list
 * is as before. ST_NOMEM. */
enum status users_parse(struct text json, const char *name, struct person_list *list,
                        struct err *err) MUST_CHECK;
/* The same of a file. ST_NOT_FOUND, ST_IO, ST_DENIED. */
enum status users_read(const char *path, struct person_list *list, struct err *err) MUST_CHECK;
enum status users_write(const char *path, const struct person_list *list,
                        struct err *err) MUST_CHECK;

/* A copy is added; its keys' texts move to the list. ST_EXISTS: the name is taken. ST_LIMIT. */
enum status people_add(struct person_list *list, struct person *p, struct err *err) MUST_CHECK;
struct person *people_find(const struct person_list *list, const char *name); /* NULL */
void people_remove(struct person_list *list, struct person *p);
void people_finish(struct person_list *list);

#endif
