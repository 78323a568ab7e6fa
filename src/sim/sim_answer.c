/*
 * sim_answer.c - answers: the four shapes of errors (sheet 7.2) and pages (7.3).
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_rest.h"

/* --- error bodies (sheet 7.2) --- */

struct jw reply_raw(struct sim_http_resp *r, int status, const char *content_type)
{
    r->status = status;
    r->content_type = content_type;
    buf_clear(&r->body);
    return (struct jw){&r->body, false};
}

struct jw reply_json(struct sim_http_resp *r, int status)
{
    return reply_raw(r, status, "application/json");
}

void reply_empty(struct sim_http_resp *r, int status)
{
    reply_json(r, status);
    buf_str(&r->body, "{}");
}

/* "invalid_price" reads "invalid price". */
static void code_as_text(struct jw *w, const char *key, const char *code)
{
    char text[96];
    text_copy(text, sizeof text, text_of(code));
    for (char *s = text; *s != '\0'; s++) {
        *s = *s == '_' ? ' ' : *s;
    }
    jw_str(w, key, text);
}

void write_refusal(struct jw *w, const char *key, struct refusal why)
{
    const char *code = why.code;
    jw_open(w, key, '{');
    jw_str(w, "code", code);
    if (strcmp(code, "authentication_error") == 0) {
        jw_str(w, "message", code);
    } else if (strcmp(code, "deprecated_v1_order_endpoint") == 0) {
        jw_str(w, "message", "Please switch to the V2 endpoints");
    } else {
        code_as_text(w, "message", code);
    }
    if (why.details != NULL) {
        jw_str(w, "details", why.details);
    }
    jw_close(w, '}');
}

void reply_refusal(struct sim_http_resp *r, struct refusal why)
{
    struct jw w = reply_json(r, why.status);
    jw_open(&w, NULL, '{');
    write_refusal(&w, "error", why);
    jw_close(&w, '}');
}

void reply_nested(struct sim_http_resp *r, int status, const char *code, const char *details)
{
    reply_refusal(r, (struct refusal){status, code, details});
}

void reply_flat(struct sim_http_resp *r, int status, const char *code, const char *details)
{
    struct jw w = reply_json(r, status);
    jw_open(&w, NULL, '{');
    jw_str(&w, "code", code);
    code_as_text(&w, "message", code);
    if (details != NULL) {
        jw_str(&w, "details", details);
    }
    jw_close(&w, '}');
}

void reply_msg(struct sim_http_resp *r, const char *operation, const char *field, const char *tag)
{
    char text[256];
    snprintf(text, sizeof text,
             "Parameter validation failed for %s: Key: '%sParams.%s' Error:Field validation for "
             "'%s' failed on the '%s' tag",
             operation, operation, field, field, tag);
    struct jw w = reply_json(r, 400);
    jw_open(&w, NULL, '{');
    jw_str(&w, "msg", text);
    jw_close(&w, '}');
}

void reply_unknown_route(struct sim_http_resp *r)
{
    reply_raw(r, 404, "text/plain; charset=utf-8");
    buf_str(&r->body, "404 page not found\n");
}

/* --- pages --- */

bool page_get(struct text query, const char *operation, int64_t max, int64_t dflt,
              struct sim_http_resp *r, uint32_t *ret_limit, uint32_t *ret_from)
{
    char text[32];
    int64_t limit = dflt;
    if (query_get(query, "limit", text, sizeof text)) {
        char *end = NULL;
        limit = strtoll(text, &end, 10);
        if (text[0] == '\0' || *end != '\0') {
            reply_msg(r, operation, "Limit", "number");
            return false;
        }
        if (limit < 0 || limit > max) {
            reply_msg(r, operation, "Limit", limit < 0 ? "gte" : "lte");
            return false;
        }
    }
    *ret_limit = (uint32_t)(limit == 0 ? dflt : limit);
    *ret_from = 0;
    /* A cursor is ours when it looks like one; a made-up one gives the first page (sheet 7.3). */
    if (query_get(query, "cursor", text, sizeof text) && text[0] == 'C' && text[1] == 'g') {
        char *end = NULL;
        unsigned long v = strtoul(text + 2, &end, 16);
        *ret_from = *end == '\0' && v < UINT32_MAX ? (uint32_t)v : 0;
    }
    return true;
}

void page_end(struct jw *w, uint32_t next)
{
    char cursor[32] = "";
    if (next != NO_INDEX) {
        snprintf(cursor, sizeof cursor, "Cg%08x", next);
    }
    jw_str(w, "cursor", cursor);
}
