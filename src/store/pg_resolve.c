/* pg_resolve.c - see pg_resolve.h. */
#include "store/pg_resolve.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bus/errand.h"

#define HOSTS_MAX 16U
#define SLICE_NS  (2 * NS_PER_MS)
#define LIST_MAX  ((size_t)64 << 10)

/* One host of the list. */
struct host {
    char *name, *port;      /* within the look-up's copies; port NULL: one is for all */
    bool look_up;           /* it is a name */
    int failed;             /* getaddrinfo's answer */
    struct addrinfo *found; /* NULL: nothing */
};

/* Written by the thread while it is under way; it may outlive who asked. */
struct lookup {
    char *hosts, *ports;
    struct host host[HOSTS_MAX];
    size_t n;
};

static void lookup_free(void *arg)
{
    struct lookup *l = arg;
    for (size_t i = 0; i < l->n; i++) {
        if (l->host[i].found != NULL) {
            freeaddrinfo(l->host[i].found);
        }
    }
    free(l->hosts);
    free(l->ports);
    free(l);
}

static void look_up(void *arg)
{
    struct lookup *l = arg;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    for (size_t i = 0; i < l->n; i++) {
        struct host *h = &l->host[i];
        if (h->look_up) {
            h->failed = getaddrinfo(h->name, NULL, &hints, &h->found);
            h->found = h->failed == 0 ? h->found : NULL;
        }
    }
}

static bool is_name(const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    return host[0] != '\0' && host[0] != '/' && host[0] != '@' &&
           inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

/* The next part of a list, which is cut there; *rest is NULL behind the last. */
static char *next_part(char **rest)
{
    char *part = *rest, *comma = strchr(part, ',');
    *rest = comma != NULL ? comma + 1 : NULL;
    if (comma != NULL) {
        *comma = '\0';
    }
    return part;
}

/* ST_STATE: as pg_resolve. */
static enum status cut_lists(struct lookup *l)
{
    bool names = false, port_each = l->ports != NULL && strchr(l->ports, ',') != NULL;
    char *hosts = l->hosts, *ports = l->ports;
    while (hosts != NULL) {
        if (l->n == HOSTS_MAX || (port_each && ports == NULL)) {
            return ST_STATE;
        }
        struct host *h = &l->host[l->n++];
        h->name = next_part(&hosts);
        h->port = port_each ? next_part(&ports) : NULL;
        h->look_up = is_name(h->name);
        names = names || h->look_up;
    }
    return names && !(port_each && ports != NULL) ? ST_OK : ST_STATE;
}

static enum status lookup_create(const char *host, const char *port, struct lookup **ret)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return ST_NOMEM;
    }
    l->hosts = strdup(host);
    l->ports = port != NULL ? strdup(port) : NULL;
    enum status st = l->hosts == NULL || (port != NULL && l->ports == NULL) ? ST_NOMEM : ST_OK;
    st = st == ST_OK ? cut_lists(l) : st;
    if (st != ST_OK) {
        lookup_free(l);
        return st;
    }
    *ret = l;
    return ST_OK;
}

/* --- lists --- */

void pg_hosts_init(struct pg_hosts *h)
{
    buf_init(&h->host, LIST_MAX);
    buf_init(&h->hostaddr, LIST_MAX);
    buf_init(&h->port, LIST_MAX);
}

void pg_hosts_finish(struct pg_hosts *h)
{
    buf_finish(&h->host);
    buf_finish(&h->hostaddr);
    buf_finish(&h->port);
}

static void add(struct pg_hosts *to, const struct host *h, const char *address, size_t before)
{
    const char *comma = before > 0 ? "," : "";
    buf_printf(&to->host, "%s%s", comma, h->name);
    buf_printf(&to->hostaddr, "%s%s", comma, address);
    if (h->port != NULL) {
        buf_printf(&to->port, "%s%s", comma, h->port);
    }
}

static enum status make_lists(const struct lookup *l, struct pg_hosts *to, struct err *err)
{
    size_t n = 0;
    const struct host *missing = NULL;
    for (size_t i = 0; i < l->n; i++) {
        const struct host *h = &l->host[i];
        if (!h->look_up) {
            add(to, h, "", n++);
        }
        missing = h->look_up && h->found == NULL ? h : missing;
        for (const struct addrinfo *a = h->found; a != NULL; a = a->ai_next) {
            char text[NI_MAXHOST];
            if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
                            NI_NUMERICHOST) == 0) {
                add(to, h, text, n++);
            }
        }
    }
    if (n == 0) {
        const char *why = missing != NULL ? gai_strerror(missing->failed) : "no address";
        return err_set(err, ST_NOT_FOUND, "the server's name \"%s\" has no address: %s",
                       l->host[0].name, why);
    }
    if (to->host.failed || to->hostaddr.failed || to->port.failed) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    return ST_OK;
}

enum status pg_resolve(const char *host, const char *port, const struct pg_wait *wait,
                       struct pg_hosts *ret_hosts, struct err *err)
{
    struct lookup *l = NULL;
    struct errand *e = NULL;
    enum status st = lookup_create(host, port, &l);
    if (st != ST_OK) {
        return st;
    }
    st = errand_create("store-names", &e);
    if (st != ST_OK) {
        lookup_free(l);
        return st;
    }
    mono_ns_t began = clock_mono();
    errand_begin(e, look_up, l);
    while (!errand_wait(e, SLICE_NS)) {
        if (wait->idle != NULL) {
            wait->idle(wait->idle_self);
        }
        if (clock_mono() - began >= wait->most_ns) {
            errand_leave(e, lookup_free, l);
            return err_set(err, ST_TIMEOUT,
                           "the look-up of the server's name gave no answer for %" PRId64 " ms",
                           wait->most_ns / NS_PER_MS);
        }
    }
    errand_destroy(e);
    st = make_lists(l, ret_hosts, err);
    lookup_free(l);
    return st;
}
