#include <stdlib.h>
#include <string.h>

#include "policy/sb3_int.h"

#define JSON_DEPTH_MAX  64
#define JSON_VALUES_MAX 262144

/* Position after the string that begins at text[at]. */
static size_t skip_string(const uint8_t *text, size_t n, size_t at)
{
    for (at++; at < n && text[at] != '"'; at++) {
        if (text[at] == '\\') {
            at++;
        }
    }
    return at < n ? at + 1 : n;
}

/* Python's json writes these three words; blank them to a null of the same length. */
static size_t blank_word(uint8_t *text, size_t n, size_t at)
{
    static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if (n - at >= len && memcmp(text + at, words[i], len) == 0) {
            memset(text + at, ' ', len);
            memcpy(text + at, len == 3 ? "0.0" : "null", len == 3 ? 3 : 4);
            return len;
        }
    }
    return 1;
}

/* jansson recurses by depth and takes memory by value, so both are bounded before it sees the text.
 */
static enum status scan(uint8_t *text, size_t n, struct refusal *r)
{
    size_t depth = 0;
    size_t values = 0;
    for (size_t at = 0; at < n;) {
        switch (text[at]) {
        case '"':
            at = skip_string(text, n, at);
            continue;
        case '[':
        case '{':
            depth++;
            values++;
            break;
        case ']':
        case '}':
            depth -= depth > 0;
            break;
        case ',':
        case ':':
            values++;
            break;
        case '-':
        case 'I':
        case 'N':
            at += blank_word(text, n, at);
            continue;
        default:
            break;
        }
        if (depth > JSON_DEPTH_MAX || values > JSON_VALUES_MAX) {
            return refuse(r, REFUSED_JSON_LIMIT, "data: JSON is nested deeper than %d or too large",
                          JSON_DEPTH_MAX);
        }
        at++;
    }
    return ST_OK;
}

enum status sb3_json(uint8_t *text, size_t n, json_t **ret_json, struct refusal *r)
{
    enum status st = scan(text, n, r);
    if (st != ST_OK) {
        return st;
    }
    json_error_t error;
    /* Integers as reals, because Python's have no largest value; none that we need is large. */
    json_t *json =
        json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (json == NULL) {
        return refuse(
            r, REFUSED_JSON, "data: JSON line %d: %s%s", error.line, error.text,
            json_error_code(&error) == json_error_end_of_input_expected ? " (trailing text)" : "");
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return refuse(r, REFUSED_JSON, "data: JSON is no object");
    }
    *ret_json = json;
    return ST_OK;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Whole groups of four, '=' at the very end only. False: not such text. */
static bool base64_decode(const char *s, size_t n, uint8_t *out, size_t *ret_n)
{
    if (n % 4 != 0) {
        return false;
    }
    size_t have = 0;
    for (size_t i = 0; i < n; i += 4) {
        size_t pad =
            i + 4 == n ? (size_t)(s[i + 3] == '=') + (s[i + 2] == '=' && s[i + 3] == '=') : 0;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k < 4 - pad ? base64_digit(s[i + k]) : 0;
            if (digit < 0) {
                return false;
            }
            group = group << 6 | (uint32_t)digit;
        }
        for (size_t k = 0; k < 3 - pad; k++) {
            out[have++] = (uint8_t)(group >> (16 - 8 * k));
        }
    }
    *ret_n = have;
    return true;
}

const char *sb3_type(const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, ":type:"));
    return type != NULL ? type : "";
}

enum status sb3_object_open(struct sb3_object *o, const char *key, const json_t *value,
                            enum refusal_class class, struct refusal *r)
{
    static const struct pickle_rules rules = {.symbolic = true};
    *o = (struct sb3_object){.key = key, .text = value};
    const json_t *serialized = json_object_get(value, ":serialized:");
    if (!json_is_string(serialized)) {
        return refuse(r, class, "data: %s has no :serialized: pickle", key);
    }
    size_t n = json_string_length(serialized);
    o->bytes = malloc(n / 4 * 3 + 3);
    if (o->bytes == NULL) {
        return refuse_memory(r);
    }
    size_t bytes_n = 0;
    size_t used = 0;
    enum status st = ST_OK;
    if (!base64_decode(json_string_value(serialized), n, o->bytes, &bytes_n)) {
        st = refuse(r, class, "data: %s: :serialized: is not base64", key);
    } else if (unpickle(o->bytes, bytes_n, &rules, &o->pickle, &used, r) != ST_OK) {
        char why[sizeof r->err.text];
        memcpy(why, r->err.text, sizeof why);
        st = refuse(r, class, "data: %s: %s", key, why);
    }
    if (st != ST_OK) {
        sb3_object_close(o);
        return st;
    }
    o->root = pickle_root(o->pickle);
    return ST_OK;
}

void sb3_object_close(struct sb3_object *o)
{
    pickle_destroy(o->pickle);
    free(o->bytes);
    *o = (struct sb3_object){0};
}
