#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define X(name, text) #name,
    STATUS_MAP(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
    STATUS_MAP(X)
#undef X
};

const char *status_name(enum status st)
{
    return (unsigned)st < ST_MAX ? names[st] : "UNKNOWN";
}

const char *status_text(enum status st)
{
    return (unsigned)st < ST_MAX ? texts[st] : "unknown status";
}

enum status err_set(struct err *err, enum status st, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        err->st = st;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return st;
}

enum status err_prefix(struct err *err, enum status st, const char *fmt, ...)
{
    if (err == NULL) {
        return st;
    }
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    old[sizeof old - 1] = '\0';
    char head[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    err->st = st;
    size_t n = strlen(head);
    if (n > sizeof err->text - 3) {
        n = sizeof err->text - 3;
    }
    memcpy(err->text, head, n);
    memcpy(err->text + n, ": ", 2);
    n += 2;
    size_t room = sizeof err->text - n - 1;
    size_t m = strlen(old);
    if (m > room) {
        m = room;
    }
    memcpy(err->text + n, old, m);
    err->text[n + m] = '\0';
    return st;
}
