#include "cli/export_row.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)16 << 20)

void export_rows_begin(struct export_writer *w, FILE *file, enum export_format format,
                       const struct export_column *columns, size_t n_columns)
{
    *w = (struct export_writer){
        .file = file, .format = format, .columns = columns, .n_columns = n_columns};
    buf_init(&w->line, LINE_MAX_BYTES);
    if (format != EXPORT_CSV) {
        return;
    }
    for (size_t i = 0; i < n_columns; i++) {
        for (unsigned k = 0; k < columns[i].n; k++) {
            buf_str(&w->line, i + k > 0 ? "," : "");
            buf_str(&w->line, columns[i].name);
            if (columns[i].n > 1) {
                buf_printf(&w->line, "_%u", k);
            }
        }
    }
    buf_char(&w->line, '\n');
    w->failed = w->line.failed || fwrite(w->line.p, 1, w->line.n, file) != w->line.n;
}

void export_rows_finish(struct export_writer *w)
{
    buf_finish(&w->line);
}

void export_begin(struct export_writer *w)
{
    buf_clear(&w->line);
    w->at = 0;
    buf_str(&w->line, w->format == EXPORT_JSONL ? "{" : "");
}

void export_end(struct export_writer *w)
{
    buf_str(&w->line, w->format == EXPORT_JSONL ? "}\n" : "\n");
    w->rows++;
    w->failed = w->failed || w->line.failed || w->at != w->n_columns ||
                fwrite(w->line.p, 1, w->line.n, w->file) != w->line.n;
}

/* The comma, and in JSON the name. */
static void cell(struct export_writer *w)
{
    buf_str(&w->line, w->at > 0 ? "," : "");
    if (w->format == EXPORT_JSONL && w->at < w->n_columns) {
        buf_printf(&w->line, "\"%s\":", w->columns[w->at].name);
    }
    w->at++;
}

static void csv_text(struct buf *b, struct text t)
{
    bool plain = true;
    for (size_t i = 0; i < t.n; i++) {
        plain = plain && strchr(",\"\r\n", t.p[i]) == NULL;
    }
    if (plain) {
        buf_add(b, t.p, t.n);
        return;
    }
    buf_char(b, '"');
    for (size_t i = 0; i < t.n; i++) {
        buf_str(b, t.p[i] == '"' ? "\"" : "");
        buf_char(b, t.p[i]);
    }
    buf_char(b, '"');
}

static void put_text(struct export_writer *w, struct text t)
{
    if (w->format == EXPORT_JSONL) {
        buf_json_str(&w->line, t);
    } else {
        csv_text(&w->line, t);
    }
}

static void put_quoted(struct export_writer *w, const char *s)
{
    buf_printf(&w->line, w->format == EXPORT_JSONL ? "\"%s\"" : "%s", s);
}

void export_text(struct export_writer *w, const char *s, size_t cap)
{
    cell(w);
    put_text(w, (struct text){s, strnlen(s, cap)});
}

void export_word(struct export_writer *w, const char *s)
{
    cell(w);
    if (s != NULL) {
        put_text(w, text_of(s));
    } else if (w->format == EXPORT_JSONL) {
        buf_str(&w->line, "null");
    }
}

void export_int(struct export_writer *w, int64_t v)
{
    cell(w);
    buf_printf(&w->line, "%" PRId64, v);
}

void export_uint(struct export_writer *w, uint64_t v)
{
    cell(w);
    buf_printf(&w->line, "%" PRIu64, v);
}

void export_bool(struct export_writer *w, bool v)
{
    cell(w);
    buf_str(&w->line, v ? "true" : "false");
}

void export_px(struct export_writer *w, px_t v)
{
    char text[MONEY_TEXT_MAX];
    px_format(v, text);
    cell(w);
    put_quoted(w, text);
}

void export_qty(struct export_writer *w, qty_t v)
{
    char text[MONEY_TEXT_MAX];
    qty_format(v, text);
    cell(w);
    put_quoted(w, text);
}

void export_usd(struct export_writer *w, usd_t v)
{
    char text[MONEY_TEXT_MAX];
    usd_format(v, text);
    cell(w);
    put_quoted(w, text);
}

void export_time(struct export_writer *w, wall_ns_t t)
{
    char text[TIME_TEXT_MAX];
    if (t <= 0) {
        export_word(w, NULL);
        return;
    }
    time_format(t, text);
    cell(w);
    put_quoted(w, text);
}

/* The shortest decimals that give the float back. */
static void put_float(struct buf *b, float v)
{
    char text[32];
    if (!isfinite(v)) {
        buf_str(b, "null");
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) {
            break;
        }
    }
    buf_str(b, text);
}

void export_floats(struct export_writer *w, const float *v, unsigned n)
{
    cell(w);
    buf_str(&w->line, w->format == EXPORT_JSONL ? "[" : "");
    for (unsigned i = 0; i < n; i++) {
        buf_str(&w->line, i > 0 ? "," : "");
        put_float(&w->line, v[i]);
    }
    buf_str(&w->line, w->format == EXPORT_JSONL ? "]" : "");
}

void export_levels(struct export_writer *w, const struct level *levels, uint32_t n)
{
    bool json = w->format == EXPORT_JSONL;
    cell(w);
    buf_str(&w->line, json ? "[" : "");
    for (uint32_t i = 0; i < n; i++) {
        char px[MONEY_TEXT_MAX], qty[MONEY_TEXT_MAX];
        px_format(levels[i].px, px);
        qty_format(levels[i].qty, qty);
        buf_str(&w->line, i == 0 ? "" : json ? "," : " ");
        buf_printf(&w->line, json ? "[\"%s\",\"%s\"]" : "%s:%s", px, qty);
    }
    buf_str(&w->line, json ? "]" : "");
}
