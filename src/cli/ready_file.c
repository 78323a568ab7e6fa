#include "cli/ready_file.h"

#include <jansson.h>

static bool untouched(const struct config *c, const char *section, const char *name)
{
    return config_source(c, section, name) == CONFIG_DEFAULT;
}

static enum status apply_text(struct config *c, const json_t *root, const char *path,
                              const char *key, struct err *err)
{
    const char *value = json_string_value(json_object_get(root, key));
    if (value == NULL) {
        return err_set(err, ST_MALFORMED, "%s: \"%s\" is missing or no string", path, key);
    }
    return untouched(c, "exchange", key) ? config_set(c, "exchange", key, value, path, err) : ST_OK;
}

static enum status apply_markets(struct config *c, const json_t *root, const char *path,
                                 struct err *err)
{
    const json_t *markets = json_object_get(root, "markets");
    if (!json_is_array(markets)) {
        return err_set(err, ST_MALFORMED, "%s: \"markets\" is missing or no list", path);
    }
    const char *const others[] = {"markets", "markets_file", "series", "event"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (!untouched(c, "feed", others[i])) {
            return ST_OK; /* a choice was made already */
        }
    }
    struct buf list;
    buf_init(&list, 64u << 20);
    size_t i;
    json_t *m;
    enum status st = ST_OK;
    json_array_foreach(markets, i, m)
    {
        if (!json_is_string(m)) {
            st = err_set(err, ST_MALFORMED, "%s: \"markets\"[%zu] is no string", path, i);
            break;
        }
        buf_printf(&list, "%s%s", i == 0 ? "" : ",", json_string_value(m));
    }
    if (st == ST_OK && list.failed) {
        st = err_set(err, ST_NOMEM, "%s: too many markets", path);
    }
    if (st == ST_OK && list.n > 0) {
        st = config_set(c, "feed", "markets", list.p, path, err);
    }
    buf_finish(&list);
    return st;
}

enum status ready_file_apply(struct config *c, const char *path, struct err *err)
{
    json_error_t je;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
    if (root == NULL && json_error_code(&je) == json_error_cannot_open_file) {
        return err_set(err, ST_NOT_FOUND, "%s; `deltaflow sim` writes it once it listens", je.text);
    }
    if (root == NULL) {
        return err_set(err, ST_MALFORMED, "%s: %s (line %d)", path, je.text, je.line);
    }
    static const char *const keys[] = {"rest_url", "ws_url", "ca_file", "key_id", "key_file"};
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < sizeof keys / sizeof keys[0]; i++) {
        st = apply_text(c, root, path, keys[i], err);
    }
    if (st == ST_OK) {
        st = apply_markets(c, root, path, err);
    }
    json_decref(root);
    return st;
}
