#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static _Atomic int current_level = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

static enum log_level level_now(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_parse(const char *text)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* True when this line may be written; *ret_dropped is how many were held back before it. */
static int site_allows(struct log_site *site, int64_t now, uint32_t *ret_dropped)
{
    int64_t window = atomic_load_explicit(&site->window_ns, memory_order_relaxed);
    if (now - window >= NS_PER_SEC) {
        atomic_store_explicit(&site->window_ns, now, memory_order_relaxed);
        atomic_store_explicit(&site->count, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) < LOG_SITE_LINES_PER_SEC) {
        *ret_dropped = atomic_exchange_explicit(&site->dropped, 0, memory_order_relaxed);
        return 1;
    }
    atomic_fetch_add_explicit(&site->dropped, 1, memory_order_relaxed);
    return 0;
}

void log_write(struct log_site *site, enum log_level level, const char *area, const char *fmt, ...)
{
    uint32_t dropped = 0;
    if (level > level_now() || !site_allows(site, clock_mono(), &dropped)) {
        return;
    }
    char line[2048];
    size_t cap = sizeof line - 1;
    size_t n = time_format(clock_wall(), line);
    n += (size_t)snprintf(line + n, cap - n, " %-5s %s: ", level_names[level], area);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, cap - n, fmt, ap);
    va_end(ap);
    n = m < 0 ? n : (n + (size_t)m < cap ? n + (size_t)m : cap - 1);
    if (dropped > 0) {
        m = snprintf(line + n, cap - n, " repeated=%u", dropped);
        n = n + (size_t)m < cap ? n + (size_t)m : cap - 1;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < 0x20) {
            line[i] = ' '; /* one record, one line, whatever the text holds */
        }
    }
    line[n++] = '\n';
    ssize_t wrote = write(STDERR_FILENO, line, n);
    (void)wrote;
}
