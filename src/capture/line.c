#include "capture/line.h"

#include "wire/scan.h"

static enum status fault(struct capture_line *ret, struct text line, const char *why)
{
    ret->msg = line;
    ret->fault = why;
    return ST_MALFORMED;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    char b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (char)c;
    } else if (c < 0x800) {
        b[n++] = (char)(0xc0 | c >> 6);
        b[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        b[n++] = (char)(0xe0 | c >> 12);
        b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        b[n++] = (char)(0xf0 | c >> 18);
        b[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        b[n++] = (char)(0x80 | (c & 0x3f));
    }
    buf_add(out, b, n);
}

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

/* The bytes that a string's body stands for; the scanner has found it valid. */
static void unescape(struct buf *out, const char *p, const char *end)
{
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *plain = slash != NULL ? slash : end;
        buf_add(out, p, (size_t)(plain - p));
        p = plain;
        if (p == end) {
            break;
        }
        p += 2;
        switch (p[-1]) {
        case 'b':
            buf_char(out, '\b');
            break;
        case 'f':
            buf_char(out, '\f');
            break;
        case 'n':
            buf_char(out, '\n');
            break;
        case 'r':
            buf_char(out, '\r');
            break;
        case 't':
            buf_char(out, '\t');
            break;
        case 'u': {
            uint32_t c = hex4(p);
            p += 4;
            if (c >= 0xd800 && c <= 0xdbff) { /* the second half stands at p + 2 */
                c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
                p += 6;
            }
            add_utf8(out, c);
            break;
        }
        default: /* a quote, a slash or a backslash stands for itself */
            buf_char(out, p[-1]);
            break;
        }
    }
}

/* The keys of a wrapper that we look for, as they stand in the line; p NULL: absent. */
struct parts {
    struct text event, raw, recv_ms, ts_utc;
};

static struct text *part_of(struct parts *parts, struct text key)
{
    if (text_equal(key, TEXT("event"))) {
        return &parts->event;
    }
    if (text_equal(key, TEXT("raw"))) {
        return &parts->raw;
    }
    if (text_equal(key, TEXT("recv_ms"))) {
        return &parts->recv_ms;
    }
    return text_equal(key, TEXT("ts_utc")) ? &parts->ts_utc : NULL;
}

/* Walk over the line's object. NULL, or why it is not one. */
static const char *find_parts(struct text line, struct parts *parts)
{
    struct scan s = {.end = line.p + line.n};
    const char *p = line.p;
    for (bool first = true;; first = false) {
        struct text key;
        p = scan_key(&s, p, first, &key);
        if (p == NULL) {
            return s.st == ST_TRUNCATED ? "JSON object ends too soon" : "not a JSON object";
        }
        if (key.p == NULL) {
            break;
        }
        const char *value = p;
        p = scan_value(&s, p);
        if (p == NULL) {
            return s.st == ST_TRUNCATED ? "JSON object ends too soon" : "not valid JSON";
        }
        struct text *part = part_of(parts, key);
        if (part != NULL) {
            if (part->p != NULL) {
                return "the same key twice";
            }
            *part = (struct text){value, (size_t)(p - value)};
        }
    }
    return scan_space(&s, p) == s.end ? NULL : "text after the JSON object";
}

static const char *read_time(const struct parts *parts, struct capture_line *ret)
{
    if (parts->recv_ms.p != NULL) {
        int64_t ms = 0;
        for (size_t i = 0; i < parts->recv_ms.n; i++) {
            char c = parts->recv_ms.p[i];
            if (c < '0' || c > '9' || ms > INT64_C(7000000000000)) {
                return "recv_ms is not a time in milliseconds";
            }
            ms = ms * 10 + (c - '0');
        }
        if (ms > INT64_C(7000000000000)) {
            return "recv_ms is not a time in milliseconds";
        }
        ret->recv = ms * NS_PER_MS;
        ret->has_recv = true;
    } else if (parts->ts_utc.p != NULL) {
        struct text t = parts->ts_utc;
        if (t.n < 2 || *t.p != '"' || time_parse(t.p + 1, t.n - 2, &ret->recv) != ST_OK) {
            return "ts_utc is not an RFC 3339 time";
        }
        ret->has_recv = true;
    }
    return NULL;
}

enum status capture_line_read(struct text line, struct buf *scratch, struct capture_line *ret)
{
    ret->msg = line;
    ret->has_recv = false;
    ret->recv = 0;
    ret->fault = NULL;
    struct parts parts = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    const char *why = find_parts(line, &parts);
    if (why != NULL) {
        return fault(ret, line, why);
    }
    if (parts.event.p == NULL && parts.raw.p == NULL) {
        return ST_OK; /* the line is the message */
    }
    why = read_time(&parts, ret);
    if (why != NULL) {
        return fault(ret, line, why);
    }
    if (parts.event.p != NULL && parts.raw.p != NULL) {
        return fault(ret, line, "both event and raw");
    }
    if (parts.event.p != NULL) {
        if (*parts.event.p != '{') {
            return fault(ret, line, "event is not an object");
        }
        ret->msg = parts.event;
        return ST_OK;
    }
    if (*parts.raw.p != '"') {
        return fault(ret, line, "raw is not a string");
    }
    buf_clear(scratch);
    unescape(scratch, parts.raw.p + 1, parts.raw.p + parts.raw.n - 1);
    ret->msg = (struct text){scratch->p != NULL ? scratch->p : "", scratch->n};
    return scratch->failed ? ST_NOMEM : ST_OK;
}
