#include <stdlib.h>
#include <string.h>

#include "sim/sim_read.h"

static bool whole(const char *s, int64_t *ret)
{
    char *end = NULL;
    int64_t v = strtoll(s, &end, 10);
    bool digits = (s[0] >= '0' && s[0] <= '9') || (s[0] == '-' && s[1] >= '0' && s[1] <= '9');
    /* As nanoseconds a time must fit; 9e9 s is the year 2255. */
    if (!digits || *end != '\0' || v > INT64_C(9000000000) || v < -INT64_C(9000000000)) {
        return false;
    }
    *ret = v;
    return true;
}

bool read_int(const struct read *q, const char *name, const char *field, int64_t *ret)
{
    char text[32];
    if (!query_get(q->req->query, name, text, sizeof text)) {
        return true;
    }
    if (!whole(text, ret)) {
        reply_msg(q->r, q->operation, field, "number");
        return false;
    }
    return true;
}

bool read_required_int(const struct read *q, const char *name, const char *field, int64_t *ret)
{
    char text[32];
    if (!query_get(q->req->query, name, text, sizeof text)) {
        reply_msg(q->r, q->operation, field, "required");
        return false;
    }
    return read_int(q, name, field, ret);
}

bool read_bool(const struct read *q, const char *name, const char *field, bool *ret)
{
    char text[16];
    if (!query_get(q->req->query, name, text, sizeof text)) {
        return true;
    }
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0) {
        reply_msg(q->r, q->operation, field, "boolean");
        return false;
    }
    *ret = yes;
    return true;
}

bool read_choice(const struct read *q, const char *name, const char *field, const char *choices,
                 char *ret, size_t cap)
{
    char text[256];
    query_get(q->req->query, name, text, sizeof text); /* empty is as good as absent */
    if (text[0] != '\0' && (strchr(text, ',') != NULL || !list_has(choices, text))) {
        reply_msg(q->r, q->operation, field, "oneof");
        return false;
    }
    return text_copy(ret, cap, text_of(text));
}

char *read_list(struct text query, const char *name)
{
    char *all = NULL;
    size_t n = 0;
    char *value = malloc(query.n + 1);
    for (size_t i = 0; value != NULL && i < query.n;) {
        const char *amp = memchr(query.p + i, '&', query.n - i);
        size_t len = amp != NULL ? (size_t)(amp - query.p) - i : query.n - i;
        if (query_get((struct text){query.p + i, len}, name, value, query.n + 1)) {
            char *more = realloc(all, n + strlen(value) + 2);
            if (more == NULL) {
                break;
            }
            all = more;
            n += (size_t)sprintf(all + n, "%s%s", n > 0 ? "," : "", value);
        }
        i += len + 1;
    }
    free(value);
    return all;
}
