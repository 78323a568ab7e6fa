/*
 * errand.c - see errand.h.
 *
 * Two counts, each with one writer: calls asked for and calls that came back. Both sides sleep in a
 * waker (agent.h), so that no wake-up is lost. Waking a sleeping thread takes longer than many a
 * call, and calls come in rows: so each side looks for a while before it sleeps.
 */
#include "bus/errand.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bus/agent.h"

#define LOOK_NS           (30 * NS_PER_US) /* before a sleep */
#define SLEEP_NS          NS_PER_SEC       /* of a thread without a call; it is woken */
#define THREAD_NAME_BYTES 16

struct errand {
    pthread_t thread;
    char name[THREAD_NAME_BYTES];
    bool looks; /* there is a core to look on */
    errand_fn call;
    void *arg;
    struct waker come, back; /* the thread sleeps in come, the owner in back */
    _Atomic uint64_t asked;  /* writer: the owner */
    _Atomic uint64_t done;   /* writer: the thread */
    _Atomic bool quit;       /* writer: the owner */
    errand_fn last;          /* before the end; NULL: nothing */
    void *last_arg;
    _Atomic uint32_t holders; /* owner and thread: who goes last frees it */
};

static bool done(const struct errand *e)
{
    return atomic_load_explicit(&e->done, memory_order_acquire) ==
           atomic_load_explicit(&e->asked, memory_order_acquire);
}

static bool quits(const struct errand *e)
{
    return atomic_load_explicit(&e->quit, memory_order_acquire);
}

static bool wanted(const struct errand *e)
{
    return !done(e) || quits(e);
}

/* Without a sleep, for a while. */
static bool look_for(const struct errand *e, bool (*what)(const struct errand *e))
{
    if (!e->looks) {
        return what(e);
    }
    mono_ns_t end = clock_mono() + LOOK_NS;
    do {
        for (int i = 0; i < 16; i++) {
            if (what(e)) {
                return true;
            }
            __builtin_ia32_pause();
        }
    } while (clock_mono() < end);
    return what(e);
}

static void drop(struct errand *e)
{
    if (atomic_fetch_sub(&e->holders, 1) == 1) {
        waker_finish(&e->come);
        waker_finish(&e->back);
        free(e);
    }
}

static void *thread_main(void *arg)
{
    struct errand *e = arg;
    (void)pthread_setname_np(pthread_self(), e->name); /* only for people who look */
    bool busy = false;
    for (;;) {
        if (!busy || !look_for(e, wanted)) { /* after a call the next one may be near */
            uint32_t ticket = waker_ticket(&e->come);
            if (!wanted(e)) {
                waker_park(&e->come, ticket, SLEEP_NS);
            }
        }
        busy = !done(e);
        if (busy) {
            e->call(e->arg);
            (void)atomic_fetch_add_explicit(&e->done, 1, memory_order_release);
            waker_wake(&e->back);
        } else if (quits(e)) {
            break;
        }
    }
    if (e->last != NULL) {
        e->last(e->last_arg);
    }
    drop(e);
    return NULL;
}

static enum status start(struct errand *e)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&e->thread, NULL, thread_main, e);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? ST_OK : ST_IO;
}

enum status errand_create(const char *name, struct errand **ret_errand)
{
    struct errand *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return ST_NOMEM;
    }
    memcpy(e->name, name, strnlen(name, sizeof e->name - 1));
    e->looks = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    atomic_store(&e->holders, 2);
    enum status st = waker_init(&e->come);
    if (st != ST_OK) {
        free(e);
        return st;
    }
    st = waker_init(&e->back);
    if (st != ST_OK) {
        waker_finish(&e->come);
        free(e);
        return st;
    }
    st = start(e);
    if (st != ST_OK) {
        waker_finish(&e->come);
        waker_finish(&e->back);
        free(e);
        return st;
    }
    *ret_errand = e;
    return ST_OK;
}

static void quit(struct errand *e)
{
    atomic_store_explicit(&e->quit, true, memory_order_release);
    waker_wake(&e->come);
}

void errand_destroy(struct errand *e)
{
    if (e != NULL) {
        quit(e);
        pthread_join(e->thread, NULL);
        drop(e);
    }
}

void errand_leave(struct errand *e, errand_fn last, void *arg)
{
    e->last = last;
    e->last_arg = arg;
    pthread_detach(e->thread);
    quit(e);
    drop(e);
}

void errand_begin(struct errand *e, errand_fn call, void *arg)
{
    e->call = call;
    e->arg = arg;
    (void)atomic_fetch_add_explicit(&e->asked, 1, memory_order_release);
    waker_wake(&e->come);
}

bool errand_done(struct errand *e)
{
    return done(e);
}

bool errand_wait(struct errand *e, mono_ns_t max_ns)
{
    if (look_for(e, done)) {
        return true;
    }
    uint32_t ticket = waker_ticket(&e->back);
    if (!done(e)) {
        waker_park(&e->back, ticket, max_ns);
    }
    return done(e);
}
