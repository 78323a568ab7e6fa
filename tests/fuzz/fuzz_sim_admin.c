/*
 * What people and programs may send to a running simulator: a line of the admin socket, and a file
 * of users. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/ensure.h"
#include "cli/users_file.h"
#include "net/admin.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(struct text t)
{
    json_t *action = NULL;
    struct err err = {0};
    enum status st = admin_parse(t, TOKEN, &action, &err);
    ensure(st == ST_OK || st == ST_MALFORMED || st == ST_DENIED);
    if (st == ST_OK) {
        ensure(json_is_string(json_object_get(action, "do")));
        ensure(json_object_get(action, "token") == NULL);
        json_decref(action);
    } else {
        ensure(err.text[0] != '\0');
    }
}

static void users(struct text t)
{
    struct person_list list = {0};
    struct err err = {0};
    enum status st = users_parse(t, "input", &list, &err);
    ensure(st == ST_OK || st == ST_MALFORMED || st == ST_LIMIT || st == ST_NOMEM);
    ensure(st == ST_OK || (list.n == 0 && err.text[0] != '\0'));
    for (size_t i = 0; i < list.n; i++) {
        ensure(person_name_valid(list.v[i].name) && list.v[i].n_keys > 0);
    }
    people_finish(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        struct text t = {(const char *)data + 1, size - 1};
        if (data[0] == 'U') {
            users(t);
        } else {
            line(t);
        }
    }
    return 0;
}
