#include <jansson.h>
#include <string.h>

#include "cli/run_control.h"
#include "net/files.h"

#define FILE_MAX ((size_t)64 << 10)

static bool take_ms(const json_t *root, const char *key, int64_t *ret)
{
    const json_t *v = json_object_get(root, key);
    *ret = json_integer_value(v);
    return json_is_integer(v) && *ret >= 0 && *ret < INT64_MAX / NS_PER_MS;
}

static bool take_groups(const json_t *root, struct heartbeat *ret)
{
    const json_t *groups = json_object_get(root, "groups");
    size_t n = json_array_size(groups);
    if (!json_is_array(groups) || n > RUN_GROUPS_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(groups, i));
        if (id == NULL || !text_copy(ret->groups[i], sizeof ret->groups[i], text_of(id))) {
            return false;
        }
    }
    ret->n_groups = (uint32_t)n;
    const json_t *shards = json_object_get(root, "shards");
    if (!json_is_array(shards) || json_array_size(shards) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *shard = json_array_get(shards, i);
        int64_t v = json_integer_value(shard);
        if (!json_is_integer(shard) || v < 0 || v > INT32_MAX) {
            return false;
        }
        ret->shards[i] = (int32_t)v;
    }
    return true;
}

enum status heartbeat_parse(const char *s, size_t n, struct heartbeat *ret, struct err *err)
{
    json_error_t e;
    struct heartbeat h = {0};
    json_t *root = json_loadb(s, n, JSON_REJECT_DUPLICATES, &e);
    bool good = json_is_object(root) && take_ms(root, "beat_ms", &h.beat_ms) &&
                take_ms(root, "exchange_ms", &h.exchange_ms) &&
                json_is_boolean(json_object_get(root, "stopped")) &&
                json_is_boolean(json_object_get(root, "trading")) && take_groups(root, &h);
    if (good) {
        h.stopped = json_is_true(json_object_get(root, "stopped"));
        h.trading = json_is_true(json_object_get(root, "trading"));
        h.pid = json_integer_value(json_object_get(root, "pid"));
        *ret = h;
    }
    json_decref(root);
    return good ? ST_OK : err_set(err, ST_MALFORMED, "not a heartbeat of `deltaflow run`");
}

enum status heartbeat_read(const char *path, struct heartbeat *ret, struct err *err)
{
    struct buf text;
    struct err why = {0};
    buf_init(&text, FILE_MAX);
    enum status st = file_read(path, &text, err);
    if (st == ST_OK) {
        st = heartbeat_parse(text.n > 0 ? text.p : "", text.n, ret, &why);
        st = st == ST_OK ? ST_OK : err_set(err, st, "%s: %s", path, why.text);
    }
    buf_finish(&text);
    return st;
}
