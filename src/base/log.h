/*
 * log.h - structured log lines on stderr: "2026-11-23T09:00:00.1Z info  feed: connected url=...
 * markets=12".
 *
 * Any thread may log; a line is written with one write(2). Library functions return a status and
 * the agent that called them logs, once. Repeats of one call site within a second are counted and
 * reported as one line with repeated=N. Never pass a key, a signature or a token.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above the level are dropped; the default is LOG_INFO. */
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug" to a level; -1 when it is none of them. */
int log_level_parse(const char *text);

/* One call site's memory for limiting repeats. */
struct log_site {
    _Atomic int64_t window_ns; /* start of the second that is being counted */
    _Atomic uint32_t count;    /* lines in it */
    _Atomic uint32_t dropped;  /* lines not written since the last one written */
};

#define LOG_SITE_LINES_PER_SEC 10

void log_write(struct log_site *site, enum log_level level, const char *area, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#define LOG_AT(level_, area_, ...)                                                                 \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_write(&log_site_, (level_), (area_), __VA_ARGS__);                                     \
    } while (0)

#define log_error(area, ...) LOG_AT(LOG_ERROR, area, __VA_ARGS__)
#define log_warn(area, ...)  LOG_AT(LOG_WARN, area, __VA_ARGS__)
#define log_info(area, ...)  LOG_AT(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) LOG_AT(LOG_DEBUG, area, __VA_ARGS__)

#endif
