#include "exchange/sigbook.h"

#include <stdlib.h>

struct entry {
    int64_t ts_ms;
    char sig[SIGNATURE_MAX];
};

struct kept {
    char method[8];
    char path[SIG_PATH_MAX];
    uint32_t want;          /* 0: the slot is free */
    uint32_t gen;           /* rises when the slot changes hands */
    uint32_t first, n, out; /* ring of entries; out: jobs under way */
    uint64_t since;         /* order in which paths were kept */
    struct entry *ring;     /* want */
};

struct sigbook {
    uint32_t max;
    wall_ns_t age_max;
    uint64_t keeps;
    int64_t last_ms; /* newest given out, of any path: one that is kept anew gets no old one */
    struct kept *kept;
    struct sigbook_stats stats;
    bool dirty;    /* something was taken or kept since the last look */
    wall_ns_t due; /* nothing to do before it, unless dirty */
};

enum status sigbook_create(uint32_t paths_max, wall_ns_t age_max, struct sigbook **ret)
{
    if (paths_max == 0 || paths_max > 100000 || age_max < 100 * NS_PER_MS) {
        return ST_INVALID;
    }
    struct sigbook *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return ST_NOMEM;
    }
    b->max = paths_max;
    b->age_max = age_max;
    b->due = NS_NEVER;
    b->kept = calloc(paths_max, sizeof *b->kept);
    if (b->kept == NULL) {
        free(b);
        return ST_NOMEM;
    }
    *ret = b;
    return ST_OK;
}

static void wipe(struct kept *k)
{
    if (k->ring != NULL) {
        explicit_bzero(k->ring, k->want * sizeof *k->ring);
        free(k->ring);
    }
    *k = (struct kept){.gen = k->gen + 1};
}

void sigbook_destroy(struct sigbook *b)
{
    if (b == NULL) {
        return;
    }
    for (uint32_t i = 0; i < b->max; i++) {
        wipe(&b->kept[i]);
    }
    free(b->kept);
    free(b);
}

static struct kept *find(struct sigbook *b, const char *method, const char *path)
{
    for (uint32_t i = 0; i < b->max; i++) {
        struct kept *k = &b->kept[i];
        if (k->want != 0 && strcmp(k->path, path) == 0 && strcmp(k->method, method) == 0) {
            return k;
        }
    }
    return NULL;
}

/* A free slot, or the one to give up. */
static struct kept *room(struct sigbook *b)
{
    struct kept *worst = NULL;
    for (uint32_t i = 0; i < b->max; i++) {
        struct kept *k = &b->kept[i];
        if (k->want == 0) {
            return k;
        }
        if (worst == NULL || k->want < worst->want ||
            (k->want == worst->want && k->since < worst->since)) {
            worst = k;
        }
    }
    return worst;
}

enum status sigbook_keep(struct sigbook *b, const char *method, const char *path, uint32_t want)
{
    if (want > SIG_WANT_MAX || strlen(method) >= sizeof b->kept->method ||
        strlen(path) >= sizeof b->kept->path) {
        return ST_LIMIT;
    }
    struct kept *k = find(b, method, path);
    if (k != NULL && k->want == want) {
        return ST_OK;
    }
    if (k == NULL && want == 0) {
        return ST_OK;
    }
    k = k != NULL ? k : room(b);
    wipe(k);
    if (want == 0) {
        return ST_OK;
    }
    k->ring = calloc(want, sizeof *k->ring);
    if (k->ring == NULL) {
        return ST_NOMEM;
    }
    k->want = want;
    k->since = ++b->keeps;
    memcpy(k->method, method, strlen(method) + 1);
    memcpy(k->path, path, strlen(path) + 1);
    b->dirty = true;
    return ST_OK;
}

static bool usable(const struct sigbook *b, const struct entry *e, wall_ns_t wall)
{
    wall_ns_t made = e->ts_ms * NS_PER_MS;
    /* Far in the future: the clock was set back, and the timestamp would be refused. */
    return wall - made <= b->age_max && made - wall <= b->age_max;
}

static void drop_first(struct kept *k)
{
    explicit_bzero(k->ring[k->first].sig, sizeof k->ring[k->first].sig);
    k->first = k->first + 1 == k->want ? 0 : k->first + 1;
    k->n--;
}

/* Entries older than limit go. */
static void drop_old(struct sigbook *b, struct kept *k, wall_ns_t wall, wall_ns_t limit)
{
    while (k->n > 0) {
        const struct entry *e = &k->ring[k->first];
        if (usable(b, e, wall) && wall - e->ts_ms * NS_PER_MS <= limit) {
            return;
        }
        drop_first(k);
        b->stats.expired++;
    }
}

/* The next unused millisecond; a clock that was set back starts anew. */
static int64_t next_ms(struct sigbook *b, wall_ns_t wall)
{
    int64_t now_ms = wall / NS_PER_MS;
    bool set_back = b->last_ms - now_ms > b->age_max / NS_PER_MS;
    b->last_ms = now_ms > b->last_ms || set_back ? now_ms : b->last_ms + 1;
    return b->last_ms;
}

/* Renewed before it is too old to be used, so that there is always one. */
static wall_ns_t renew_age(const struct sigbook *b)
{
    return b->age_max - b->age_max / 4;
}

bool sigbook_job(struct sigbook *b, wall_ns_t wall, struct sigbook_job *ret)
{
    if (!b->dirty && wall < b->due && b->due - wall <= b->age_max) {
        return false;
    }
    struct kept *best = NULL;
    wall_ns_t due = NS_NEVER;
    for (uint32_t i = 0; i < b->max; i++) {
        struct kept *k = &b->kept[i];
        if (k->want == 0) {
            continue;
        }
        drop_old(b, k, wall, renew_age(b));
        if (k->n + k->out < k->want && (best == NULL || k->n + k->out < best->n + best->out)) {
            best = k;
        }
        if (k->n > 0) {
            wall_ns_t at = k->ring[k->first].ts_ms * NS_PER_MS + renew_age(b) + 1;
            due = at < due ? at : due;
        }
    }
    b->due = due;
    b->dirty = best != NULL;
    if (best == NULL) {
        return false;
    }
    best->out++;
    *ret = (struct sigbook_job){
        .slot = (uint32_t)(best - b->kept), .gen = best->gen, .ts_ms = next_ms(b, wall)};
    memcpy(ret->method, best->method, sizeof ret->method);
    memcpy(ret->path, best->path, sizeof ret->path);
    return true;
}

void sigbook_done(struct sigbook *b, const struct sigbook_job *job, const char *sig)
{
    struct kept *k = job->slot < b->max ? &b->kept[job->slot] : NULL;
    if (k == NULL || k->want == 0 || k->gen != job->gen) {
        b->stats.dropped++;
        return;
    }
    k->out--;
    size_t n = sig != NULL ? strlen(sig) : SIGNATURE_MAX;
    if (n >= SIGNATURE_MAX || k->n == k->want) {
        return;
    }
    uint32_t at = (k->first + k->n) % k->want;
    k->ring[at].ts_ms = job->ts_ms;
    memcpy(k->ring[at].sig, sig, n + 1);
    k->n++;
    wall_ns_t due = k->ring[k->first].ts_ms * NS_PER_MS + renew_age(b) + 1;
    b->due = due < b->due ? due : b->due;
}

wall_ns_t sigbook_due(const struct sigbook *b)
{
    return b->dirty ? 0 : b->due;
}

bool sigbook_take(struct sigbook *b, const char *method, const char *path, wall_ns_t wall,
                  int64_t *ret_ts_ms, char *sig)
{
    struct kept *k = find(b, method, path);
    if (k == NULL) {
        b->stats.missed++;
        *ret_ts_ms = next_ms(b, wall);
        return false;
    }
    drop_old(b, k, wall, b->age_max);
    b->dirty = true;
    if (k->n == 0) {
        b->stats.missed++;
        *ret_ts_ms = next_ms(b, wall);
        return false;
    }
    const struct entry *e = &k->ring[k->first];
    *ret_ts_ms = e->ts_ms;
    memcpy(sig, e->sig, strlen(e->sig) + 1);
    drop_first(k);
    b->stats.taken++;
    return true;
}

struct sigbook_stats sigbook_stats(const struct sigbook *b)
{
    struct sigbook_stats s = b->stats;
    for (uint32_t i = 0; i < b->max; i++) {
        s.paths += b->kept[i].want != 0;
        s.ready += b->kept[i].n;
    }
    return s;
}
