#include "sim/outcomes.h"

#include <jansson.h>

#include "capture/capture.h"

#define DEPTH_MAX 32

enum status outcomes_init(struct outcomes *o)
{
    return idmap_init(&o->by_ticker, OUTCOMES_MAX);
}

void outcomes_finish(struct outcomes *o)
{
    idmap_finish(&o->by_ticker);
}

static enum status take_object(struct outcomes *o, json_t *j, size_t *n)
{
    const char *result = json_string_value(json_object_get(j, "result"));
    json_t *ticker = json_object_get(j, "ticker");
    ticker = json_is_string(ticker) ? ticker : json_object_get(j, "market_ticker");
    if (result == NULL || !json_is_string(ticker) || json_string_length(ticker) == 0 ||
        (strcmp(result, "yes") != 0 && strcmp(result, "no") != 0)) {
        return ST_OK;
    }
    (*n)++;
    return idmap_put(&o->by_ticker,
                     (struct text){json_string_value(ticker), json_string_length(ticker)},
                     strcmp(result, "yes") == 0);
}

static enum status walk(struct outcomes *o, json_t *j, int depth, size_t *n)
{
    enum status st = ST_OK;
    size_t i = 0;
    const char *key = NULL;
    json_t *v = NULL;
    if (depth == DEPTH_MAX) {
        return ST_OK;
    }
    if (json_is_object(j)) {
        st = take_object(o, j, n);
        json_object_foreach(j, key, v)
        {
            st = st == ST_OK ? walk(o, v, depth + 1, n) : st;
        }
    } else if (json_is_array(j)) {
        json_array_foreach(j, i, v)
        {
            st = st == ST_OK ? walk(o, v, depth + 1, n) : st;
        }
    } else if (json_is_string(j) && json_string_value(j)[0] == '{') { /* a body kept as text */
        json_t *inner = json_loadb(json_string_value(j), json_string_length(j), 0, NULL);
        st = walk(o, inner, depth + 1, n);
        json_decref(inner);
    }
    return st;
}

enum status outcomes_take(struct outcomes *o, struct text json, size_t *ret_n)
{
    *ret_n = 0;
    json_t *j = json_loadb(json.p, json.n, 0, NULL);
    if (j == NULL) {
        return ST_MALFORMED;
    }
    enum status st = walk(o, j, 0, ret_n);
    json_decref(j);
    return st;
}

enum status outcomes_read(struct outcomes *o, const char *path, struct err *err)
{
    struct capture *file = NULL;
    struct capture_line line;
    size_t all = 0;
    size_t n = 0;
    enum status st = capture_open(path, 0, &file, err);
    if (st != ST_OK) {
        return st;
    }
    for (st = capture_next(file, &line); st == ST_OK; st = capture_next(file, &line)) {
        st = outcomes_take(o, line.msg, &n);
        if (st != ST_OK) {
            break;
        }
        all += n;
    }
    if (st == ST_IO) {
        st = err_set(err, st, "%s", capture_error(file));
    } else if (st != ST_END) {
        st = err_set(err, st, "%s:%llu: %s", path, (unsigned long long)line.number,
                     st == ST_MALFORMED ? "not a JSON object" : status_text(st));
    } else {
        st = all > 0 ? ST_OK : err_set(err, ST_MALFORMED, "%s: no market's result in it", path);
    }
    capture_close(file);
    return st;
}

bool outcomes_get(const struct outcomes *o, struct text ticker, bool *ret_yes)
{
    uint32_t v = idmap_get(&o->by_ticker, ticker);
    *ret_yes = v == 1;
    return v != IDMAP_NONE;
}
