/*
 * apart.c - see apart.h.
 *
 * A hand-over to another thread and back takes two wake-ups, as long as a small transaction. So the
 * caller's own thread goes into the database, and a watcher looks every few milliseconds whether it
 * is still in the same call. One word says whose the store is meanwhile:
 *
 *     STORE   its thread's, which is not in a call
 *     CALL    nobody's: its thread is in a call
 *     IDLE    the watcher's, which runs idle; a call that comes back waits for its end
 *     TAKEN   who took it over: a call that comes back has nothing to come back to
 *
 * With a limit (b->limited) calls are handed to another thread all the same, for then the caller
 * must be free to give up.
 */
#include "store/apart.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/agent.h"
#include "bus/errand.h"
#include "store/put.h"

#define LOOK_NS     (5 * NS_PER_MS)
#define OUTCOME_MAX 256

enum owner { OWNER_STORE, OWNER_CALL, OWNER_IDLE, OWNER_TAKEN };

/* Copies of records, one behind the other. */
struct copies {
    uint8_t *p;
    size_t cap;
};

/* What the call that is under way was given, and what it says. */
struct call {
    enum status (*run)(const struct backend_ops *ops, struct backend *real, struct call *c);
    enum status st;
    struct copies one, many; /* for put and put_all: what is refused is told by one of many */
    const void *record;
    const void *records[PUT_CHUNK];
    size_t n;
    struct refused refused[PUT_CHUNK];
    size_t n_refused;
    uint64_t progress;
    wall_ns_t wall;
    char outcome[OUTCOME_MAX];
    struct store_stats stats;
};

struct apart {
    struct backend b; /* first: the ops are given this */
    struct backend_ops ops;
    struct backend *real;
    pthread_t watcher;
    struct waker wake; /* the watcher's */
    _Atomic bool quit;
    _Atomic uint32_t owner; /* enum owner */
    _Atomic uint64_t calls; /* begun; writer: the store's thread */
    struct errand *errand;  /* of calls with a limit; NULL: none yet, or no thread to be had */
    mono_ns_t answer_ns;
    mono_ns_t since; /* when the call began that has not come back; 0: none */
    bool taken;      /* and will not */
    bool left_open;  /* one came back late, and may have left a transaction open */
    struct call call;
};

static struct apart *apart_of(struct backend *b)
{
    return (struct apart *)b;
}

static bool owner_change(struct apart *a, enum owner from, enum owner to, enum owner *ret_was)
{
    uint32_t was = from;
    bool done = atomic_compare_exchange_strong(&a->owner, &was, to);
    *ret_was = (enum owner)was;
    return done;
}

static void rest(void)
{
    struct timespec ts = {.tv_nsec = 100 * NS_PER_US};
    (void)nanosleep(&ts, NULL);
}

/* --- the watcher --- */

static void *watch(void *self)
{
    struct apart *a = self;
    uint64_t seen = 0;
    enum owner was;
    (void)pthread_setname_np(pthread_self(), "store-watch"); /* only for people who look */
    while (!atomic_load(&a->quit)) {
        uint64_t calls = atomic_load(&a->calls);
        if (calls == seen && owner_change(a, OWNER_CALL, OWNER_IDLE, &was)) {
            if (a->b.idle != NULL) {
                a->b.idle(a->b.idle_self);
            }
            atomic_store(&a->owner, OWNER_CALL);
        }
        seen = calls;
        uint32_t ticket = waker_ticket(&a->wake);
        if (!atomic_load(&a->quit)) {
            waker_park(&a->wake, ticket, LOOK_NS);
        }
    }
    return NULL;
}

static enum status watch_begin(struct apart *a)
{
    enum status st = waker_init(&a->wake);
    if (st != ST_OK) {
        return st;
    }
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for other threads */
    int rc = pthread_create(&a->watcher, NULL, watch, a);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        waker_finish(&a->wake);
    }
    return rc == 0 ? ST_OK : ST_IO;
}

static void watch_end(struct apart *a)
{
    atomic_store(&a->quit, true);
    waker_wake(&a->wake);
    pthread_join(a->watcher, NULL);
    waker_finish(&a->wake);
}

/* --- a call --- */

static void run_call(void *self)
{
    struct apart *a = self;
    if (a->left_open) {
        a->real->ops->rollback(a->real);
    }
    a->call.st = a->call.run(a->real->ops, a->real, &a->call);
}

/* The call is back, and the store with it, unless somebody took it over. */
static void take_back(struct apart *a)
{
    enum owner was;
    while (!owner_change(a, OWNER_CALL, OWNER_STORE, &was)) {
        if (was == OWNER_TAKEN) {
            for (;;) {
                (void)pause();
            }
        }
        rest(); /* idle has begun, and will soon be through */
    }
}

static void ask_here(struct apart *a)
{
    (void)atomic_fetch_add(&a->calls, 1);
    atomic_store(&a->owner, OWNER_CALL);
    run_call(a);
    take_back(a);
}

/* False: a call has not come back, and the connection is not to be touched. */
static bool is_back(struct apart *a)
{
    if (a->since == 0) {
        return true;
    }
    mono_ns_t waited = clock_mono() - a->since;
    if (a->taken || !errand_done(a->errand)) {
        snprintf(a->b.error, sizeof a->b.error,
                 "the database has not answered for %" PRId64 " ms, its disk hangs",
                 waited / NS_PER_MS);
        return false;
    }
    log_info("store", "the database answered after %" PRId64 " ms", waited / NS_PER_MS);
    a->since = 0;
    a->left_open = true;
    return true;
}

/* True: this call has a limit, and the thread that this takes. */
static bool can_leave(struct apart *a)
{
    if (a->b.limited && a->errand == NULL && errand_create("store-db", &a->errand) != ST_OK) {
        a->errand = NULL;
    }
    return a->b.limited && a->errand != NULL;
}

/* False: not answered in time. */
static bool ask_apart(struct apart *a)
{
    mono_ns_t began = clock_mono();
    errand_begin(a->errand, run_call, a);
    while (!errand_wait(a->errand, LOOK_NS)) {
        if (a->b.idle != NULL) {
            a->b.idle(a->b.idle_self);
        }
        if (clock_mono() - began >= a->answer_ns && !errand_done(a->errand)) {
            a->since = began;
            return false;
        }
    }
    return true;
}

/* a->call is filled in, which is_back() allowed. */
static enum status ask(struct apart *a)
{
    a->real->session = a->b.session;
    a->real->lazy = a->b.lazy;
    if (!can_leave(a)) {
        ask_here(a);
    } else if (!ask_apart(a)) {
        (void)is_back(a); /* says so */
        return ST_TIMEOUT;
    }
    a->left_open = false;
    if (a->call.st != ST_OK) {
        memcpy(a->b.error, a->real->error, sizeof a->b.error);
    }
    return a->call.st;
}

bool apart_take_over(struct backend *b)
{
    struct apart *a = apart_of(b);
    enum owner was;
    while (!owner_change(a, OWNER_CALL, OWNER_TAKEN, &was)) {
        if (was != OWNER_IDLE) {
            return was == OWNER_TAKEN;
        }
        rest();
    }
    a->taken = true;
    a->since = clock_mono();
    return true;
}

/* --- the calls --- */

static enum status run_begin(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    (void)c;
    return ops->begin(real);
}

static enum status begin(struct backend *b)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->call.run = run_begin;
    return ask(a);
}

static size_t room_of(const void *record)
{
    return (((const struct rec *)record)->size + 7U) & ~(size_t)7;
}

/* What the call is given: copies when it may outlast the records. False: there is no memory. */
static bool give(struct apart *a, struct copies *to, const void *const *records, size_t n,
                 const void **ret_given)
{
    size_t need = 0, at = 0;
    if (!can_leave(a)) {
        memcpy(ret_given, records, n * sizeof *records);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        need += room_of(records[i]);
    }
    if (need > to->cap) {
        free(to->p);
        to->p = malloc(need);
        to->cap = to->p != NULL ? need : 0;
    }
    if (need > to->cap) {
        snprintf(a->b.error, sizeof a->b.error, "out of memory");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(to->p + at, records[i], ((const struct rec *)records[i])->size);
        ret_given[i] = to->p + at;
        at += room_of(records[i]);
    }
    return true;
}

static enum status run_put(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    return ops->put(real, c->record);
}

static enum status put(struct backend *b, const void *record)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    if (!give(a, &a->call.one, &record, 1, &a->call.record)) {
        return ST_IO;
    }
    a->call.run = run_put;
    return ask(a);
}

static enum status run_put_all(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    (void)ops;
    return backend_put_all(real, c->records, c->n, c->refused, &c->n_refused);
}

static enum status put_all(struct backend *b, const void *const *records, size_t n,
                           struct refused *refused, size_t *ret_n_refused)
{
    struct apart *a = apart_of(b);
    assert(n <= PUT_CHUNK);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    if (!give(a, &a->call.many, records, n, a->call.records)) {
        return ST_IO;
    }
    a->call.run = run_put_all;
    a->call.n = n;
    a->call.n_refused = 0;
    enum status st = ask(a);
    if (st == ST_OK) {
        memcpy(refused, a->call.refused, a->call.n_refused * sizeof *refused);
        *ret_n_refused = a->call.n_refused;
    }
    return st;
}

static enum status run_commit(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    return ops->commit(real, c->progress);
}

static enum status commit(struct backend *b, uint64_t progress)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->call.run = run_commit;
    a->call.progress = progress;
    return ask(a);
}

static enum status run_rollback(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    (void)c;
    ops->rollback(real);
    return ST_OK;
}

static void rollback(struct backend *b)
{
    struct apart *a = apart_of(b);
    if (is_back(a)) { /* else the next call does it */
        a->call.run = run_rollback;
        (void)ask(a);
    }
}

static enum status run_progress(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    return ops->progress(real, &c->progress);
}

static enum status progress(struct backend *b, uint64_t *ret_progress)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->call.run = run_progress;
    enum status st = ask(a);
    *ret_progress = st == ST_OK ? a->call.progress : *ret_progress;
    return st;
}

static enum status run_began(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    return ops->began(real, &c->wall);
}

static enum status began(struct backend *b, wall_ns_t *ret_began)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->call.run = run_began;
    enum status st = ask(a);
    *ret_began = st == ST_OK ? a->call.wall : *ret_began;
    return st;
}

static enum status run_end_session(const struct backend_ops *ops, struct backend *real,
                                   struct call *c)
{
    return ops->end_session(real, c->outcome, c->wall, &c->stats);
}

static enum status end_session(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->call.run = run_end_session;
    snprintf(a->call.outcome, sizeof a->call.outcome, "%s", outcome);
    a->call.wall = wall;
    a->call.stats = *stats;
    return ask(a);
}

/* Who deletes sessions waits as long as it takes: in the caller's thread. */
static enum status prune(struct backend *b)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    a->real->session = b->session;
    enum status st = a->real->ops->prune(a->real);
    memcpy(b->error, a->real->error, sizeof b->error);
    return st;
}

static enum status reclaim(struct backend *b)
{
    struct apart *a = apart_of(b);
    if (!is_back(a)) {
        return ST_TIMEOUT;
    }
    enum status st = a->real->ops->reclaim(a->real);
    memcpy(b->error, a->real->error, sizeof b->error);
    return st;
}

static enum status run_close(const struct backend_ops *ops, struct backend *real, struct call *c)
{
    (void)c;
    ops->close(real); /* waits for the disk when it moves the log into the file */
    return ST_OK;
}

static void apart_free(void *self)
{
    struct apart *a = self;
    free(a->call.one.p);
    free(a->call.many.p);
    free(a);
}

/* A call came back for which nobody waits any more. */
static void close_late(void *self)
{
    struct apart *a = self;
    a->real->ops->rollback(a->real);
    a->real->ops->close(a->real);
    apart_free(a);
}

static void close_apart(struct backend *b)
{
    struct apart *a = apart_of(b);
    watch_end(a);
    if (!is_back(a)) {
        log_warn("store", "%s: it is left to itself", a->b.error);
        if (!a->taken) { /* else a thread that never returns still looks at it */
            errand_leave(a->errand, close_late, a);
        }
        return;
    }
    a->call.run = run_close;
    if (ask(a) == ST_TIMEOUT) {
        log_warn("store", "%s: it is left to itself", a->b.error);
        errand_leave(a->errand, apart_free, a);
        return;
    }
    errand_destroy(a->errand);
    apart_free(a);
}

static const struct backend_ops all_ops = {
    .begin = begin,
    .put = put,
    .put_all = put_all,
    .commit = commit,
    .rollback = rollback,
    .progress = progress,
    .began = began,
    .end_session = end_session,
    .prune = prune,
    .reclaim = reclaim,
    .close = close_apart,
};

void apart_create(struct backend *real, mono_ns_t answer_ns, struct backend **ret_backend)
{
    struct apart *a = calloc(1, sizeof *a);
    *ret_backend = real;
    if (a == NULL || watch_begin(a) != ST_OK) {
        log_warn("store", "no thread to watch the database: a disk that hangs stops the store");
        free(a);
        return;
    }
    a->ops = all_ops;
    a->ops.name = real->ops->name;
    a->b = (struct backend){.ops = &a->ops, .session = real->session, .apart = true};
    a->real = real;
    a->answer_ns = answer_ns;
    *ret_backend = &a->b;
}
