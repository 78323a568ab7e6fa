#include "policy/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *refusal_name(enum refusal_class class)
{
    static const char *const names[REFUSED_MAX] = {
#define X(id, name, st) #name,
        REFUSAL_MAP(X)
#undef X
    };
    return (unsigned)class < REFUSED_MAX ? names[class] : "unknown";
}

static enum status status_of(enum refusal_class class)
{
    static const enum status statuses[REFUSED_MAX] = {
#define X(id, name, st) ST_##st,
        REFUSAL_MAP(X)
#undef X
    };
    return statuses[class];
}

/* Names from a hostile file go to a terminal and into one line: nothing but plain ASCII stays. */
static void make_printable(char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c > 0x7e) {
            *s = '?';
        }
    }
}

enum status refuse(struct refusal *r, enum refusal_class class, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    r->class = class;
    r->err.st = status_of(class);
    vsnprintf(r->err.text, sizeof r->err.text, fmt, ap);
    va_end(ap);
    make_printable(r->err.text);
    return r->err.st;
}

enum status refuse_at(struct refusal *r, const char *fmt, ...)
{
    char place[sizeof r->err.text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(place, sizeof place, fmt, ap);
    va_end(ap);
    make_printable(place);
    /* The cause matters more than a long path, so the place is what gets cut. */
    size_t have = strnlen(r->err.text, sizeof r->err.text - 1);
    size_t room = sizeof r->err.text - 1 - have;
    size_t n = strlen(place);
    if (room < 3) {
        return r->err.st;
    }
    n = n < room - 2 ? n : room - 2;
    memmove(r->err.text + n + 2, r->err.text, have);
    memcpy(r->err.text, place, n);
    memcpy(r->err.text + n, ": ", 2);
    r->err.text[n + 2 + have] = '\0';
    return r->err.st;
}

enum status refuse_memory(struct refusal *r)
{
    return refuse(r, REFUSED_NOMEM, "not enough memory");
}
