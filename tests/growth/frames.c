/*
 * frames.c - see frames.h.
 *
 * Each frame stands in memory with a seq of ten digits, so that only digits of the same places
 * change: the seq, the exchange's time in ms, and the last two characters of the ticker.
 */
#include "growth/frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "shared_data.h"

#define WINDOW     "data/kalshi/ws/gold15m/KXGOLD15M-26AUG102130-30.jsonl.zst"
#define TICKER     "KXGOLD15M-26AUG102130-30"
#define SEQ_DIGITS 10
#define SEQ_FIRST  1000000000U
#define SIDS       3 /* 1: books, 2: trades */

struct frame {
    size_t text;          /* in texts */
    uint32_t n;           /* bytes */
    uint32_t seq, ticker; /* places in the text: of the first digit, of the last two characters */
    uint32_t ts;          /* 0: no time in it */
    uint32_t sid;
    mono_ns_t at;
    int64_t ts_ms;
};

struct frames {
    struct buf texts;
    struct frame *v;
    size_t n, cap;
    wall_ns_t first;
    uint64_t seq[SIDS]; /* next */
    char tickers[FRAMES_MARKETS_MAX][sizeof TICKER];
};

/* Place behind the key in the text, 0: it is not there. */
static uint32_t behind(const char *s, const char *key)
{
    const char *p = strstr(s, key);
    return p != NULL ? (uint32_t)(p - s + (ptrdiff_t)strlen(key)) : 0;
}

/* The frame's text with a seq of ten digits, and where things are in it. */
static bool add_frame(struct frames *f, const char *msg, mono_ns_t at)
{
    uint32_t seq = behind(msg, "\"seq\":"), sid = behind(msg, "\"sid\":");
    if (seq == 0 || sid == 0 || strstr(msg, TICKER) == NULL) {
        return false;
    }
    size_t old_digits = strspn(msg + seq, "0123456789");
    struct frame *x = &f->v[f->n];
    *x = (struct frame){.text = f->texts.n, .seq = seq, .at = at};
    x->sid = (uint32_t)strtoul(msg + sid, NULL, 10);
    buf_add(&f->texts, msg, seq);
    buf_printf(&f->texts, "%0*d", SEQ_DIGITS, 0);
    buf_str(&f->texts, msg + seq + old_digits);
    x->n = (uint32_t)(f->texts.n - x->text);
    buf_char(&f->texts, '\0');
    if (f->texts.failed || x->sid >= SIDS) {
        return false;
    }
    const char *text = f->texts.p + x->text;
    x->ticker = behind(text, TICKER) - 2;
    x->ts = behind(text, "\"ts_ms\":");
    x->ts_ms = x->ts != 0 ? strtoll(text + x->ts, NULL, 10) : 0;
    f->n++;
    return true;
}

static enum status read_all(struct frames *f, struct capture *cap, struct err *err)
{
    struct capture_line line;
    enum status st;
    char *copy = NULL;
    while ((st = capture_next(cap, &line)) == ST_OK) {
        if (f->n == f->cap) {
            f->cap = f->cap == 0 ? 65536 : f->cap * 2;
            struct frame *grown = realloc(f->v, f->cap * sizeof *grown);
            if (grown == NULL) {
                return err_set(err, ST_NOMEM, "out of memory");
            }
            f->v = grown;
        }
        f->first = f->first == 0 ? line.recv : f->first;
        copy = malloc(line.msg.n + 1); /* the line is not ended by NUL */
        if (copy != NULL) {
            memcpy(copy, line.msg.p, line.msg.n);
            copy[line.msg.n] = '\0';
        }
        bool whole = copy != NULL && add_frame(f, copy, line.recv - f->first);
        free(copy);
        if (!whole) {
            return err_set(err, ST_MALFORMED, "line %" PRIu64 " is not a frame as expected",
                           line.number);
        }
    }
    return st == ST_END && f->n > 0 ? ST_OK : err_set(err, ST_IO, "%s", capture_error(cap));
}

enum status frames_load(struct frames **ret, struct err *err)
{
    char path[512];
    struct capture *cap = NULL;
    if (!shared_path(WINDOW, path, sizeof path)) {
        return ST_NOT_FOUND;
    }
    struct frames *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    buf_init(&f->texts, (size_t)1 << 30);
    for (uint32_t i = 0; i < FRAMES_MARKETS_MAX; i++) {
        snprintf(f->tickers[i], sizeof f->tickers[i], "%.*s%02u", (int)sizeof TICKER - 3, TICKER,
                 i);
    }
    for (size_t i = 0; i < SIDS; i++) {
        f->seq[i] = SEQ_FIRST;
    }
    enum status st = capture_open(path, 0, &cap, err);
    if (st == ST_OK) {
        st = read_all(f, cap, err);
        capture_close(cap);
    }
    if (st != ST_OK) {
        frames_free(f);
        return st;
    }
    *ret = f;
    return ST_OK;
}

void frames_free(struct frames *f)
{
    if (f != NULL) {
        buf_finish(&f->texts);
        free(f->v);
        free(f);
    }
}

size_t frames_count(const struct frames *f)
{
    return f->n;
}

mono_ns_t frames_at(const struct frames *f, size_t i)
{
    return f->v[i].at;
}

mono_ns_t frames_window(const struct frames *f)
{
    return f->v[f->n - 1].at + 1;
}

wall_ns_t frames_first(const struct frames *f)
{
    return f->first;
}

const char *frames_ticker(const struct frames *f, uint32_t mkt)
{
    return f->tickers[mkt];
}

/* The number's last digits, as many as there is room for. */
static void put_digits(char *p, uint32_t digits, uint64_t v)
{
    for (uint32_t i = digits; i > 0; i--, v /= 10) {
        p[i - 1] = (char)('0' + v % 10);
    }
}

struct text frames_text(struct frames *f, size_t i, uint32_t mkt, uint64_t pass)
{
    const struct frame *x = &f->v[i];
    char *text = f->texts.p + x->text;
    put_digits(text + x->seq, SEQ_DIGITS, f->seq[x->sid]++);
    put_digits(text + x->ticker, 2, mkt);
    if (x->ts != 0) {
        put_digits(text + x->ts, 13,
                   (uint64_t)(x->ts_ms + (int64_t)pass * frames_window(f) / NS_PER_MS));
    }
    return (struct text){text, x->n};
}
