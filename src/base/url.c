/* url.c - see url.h. */
#include "base/url.h"

#include <string.h>

struct out {
    char *p;
    size_t n, cap;
};

static void add(struct out *o, const char *s, size_t n)
{
    size_t room = o->cap - o->n - 1;
    n = n < room ? n : room;
    memcpy(o->p + o->n, s, n);
    o->n += n;
}

/* key=value up to & or the end. */
static const char *add_parameter(struct out *o, const char *p)
{
    static const char word[] = "password";
    size_t n = strcspn(p, "&"), key = strcspn(p, "=&"), len = sizeof word - 1;
    if (key < n && key >= len && memcmp(p + key - len, word, len) == 0) {
        add(o, p, key + 1);
        add(o, "***", 3);
    } else {
        add(o, p, n);
    }
    return p + n;
}

const char *url_shown(const char *url, char *buf, size_t cap)
{
    struct out o = {buf, 0, cap};
    const char *begin = strstr(url, "://");
    const char *p = url;
    if (begin != NULL) {
        begin += 3;
        const char *at = strrchr(begin, '@'), *colon = strchr(begin, ':');
        if (at != NULL && colon != NULL && colon < at) {
            add(&o, url, (size_t)(colon + 1 - url));
            add(&o, "***", 3);
            p = at;
        }
        size_t n = strcspn(p, "?");
        add(&o, p, n);
        p += n;
        while (*p != '\0') {
            add(&o, p++, 1); /* ? or & */
            p = add_parameter(&o, p);
        }
    } else {
        add(&o, url, strlen(url));
    }
    buf[o.n] = '\0';
    return buf;
}
