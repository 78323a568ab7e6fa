/*
 * agent.h - a thread as an agent: a name, a piece of work that never blocks, and what to do when
 * there is none.
 *
 * The thread calls do_work(self, now) again and again, with the time read once per turn. When a
 * turn did nothing it idles: spin, yield, or park until woken, until the agent's own deadline, or
 * for max_sleep_ns. Without a thread, agent_turn does one turn: the same agents run on one thread
 * in tests and in replay.
 */
#ifndef BUS_AGENT_H
#define BUS_AGENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/timefmt.h"

/*
 * Wakes a parked thread. waker_wake costs one locked instruction while nobody is parked, and a
 * write to an eventfd when somebody is. No wake-up is lost: see agent.c.
 */
struct waker {
    int fd;                   /* eventfd, readable while a wake-up is pending */
    _Atomic uint32_t signals; /* wake-ups so far, modulo 2^32; writers: any thread */
    _Atomic uint32_t parked;  /* 1: the owner sleeps or is about to */
};

enum status waker_init(struct waker *w) MUST_CHECK; /* ST_IO: no eventfd to be had */
void waker_finish(struct waker *w);
void waker_wake(struct waker *w); /* any thread */

/* Owner: read before looking for work, */
uint32_t waker_ticket(const struct waker *w);
/* and if there was none, sleep at most max_ns, but not if a wake-up came since the ticket. */
void waker_park(struct waker *w, uint32_t ticket, int64_t max_ns);

enum idle_kind {
    IDLE_SPIN,  /* burn a core, answer at once */
    IDLE_YIELD, /* spin a little, then give the core away between turns */
    IDLE_PARK   /* spin, yield, then sleep until woken */
};

/* "spin", "yield", "park"; -1 when it is none of them. */
int idle_kind_parse(const char *text);

struct agent_config {
    const char *name; /* also the thread's name, cut to 15 characters; must outlive the agent */
    void *self;
    /* One turn: returns how much was done, 0 for nothing, or below 0 to end the agent. */
    int (*do_work)(void *self, mono_ns_t now);
    /* May be NULL: run in the agent's thread before the first and after the last turn. */
    void (*on_start)(void *self);
    void (*on_stop)(void *self);
    /* May be NULL: when do_work has to be called again even if nobody wakes the agent. */
    mono_ns_t (*deadline)(void *self);
    /* May be NULL: sleeps at most max_ns in the agent's own way (poll, lws_service), and unpark
     * ends that sleep from any thread, also when it comes just before the sleep. */
    void (*park)(void *self, int64_t max_ns);
    void (*unpark)(void *self);
    enum idle_kind idle;
    uint32_t spins;       /* idle turns before yielding, 0: 100 */
    uint32_t yields;      /* idle turns of yielding before parking, 0: 10 */
    int64_t max_sleep_ns; /* longest sleep when parked, 0: 1 ms */
    int64_t slow_turn_ns; /* turns above it are counted, 0: 50 ms */
    uint32_t cpu;         /* pin the thread to core cpu - 1; 0 leaves it to the system */
};

/* What an agent's turns took. One writer, the agent; read by any thread. */
struct agent_duty {
    uint64_t turns;
    uint64_t busy;    /* turns that did something */
    uint64_t slow;    /* turns above slow_turn_ns */
    int64_t worst_ns; /* longest turn */
    uint64_t parks;   /* sleeps */
};

struct agent; /* private to agent.c */

/* ST_INVALID: no name, no do_work, or park without unpark. ST_NOMEM, ST_IO. */
enum status agent_create(const struct agent_config *config, struct agent **ret_agent) MUST_CHECK;

/* Stops and joins the thread if there is one. NULL is fine. */
void agent_destroy(struct agent *agent);

/* Start the thread. ST_STATE: has been started before; ST_IO: no thread to be had. */
enum status agent_start(struct agent *agent) MUST_CHECK;

/* Ask it to end after the turn it is in, from any thread; does not wait. */
void agent_stop(struct agent *agent);

/* Wait until the thread has ended. */
void agent_join(struct agent *agent);
/* The same for at most max_ns. False: it has not. */
bool agent_join_within(struct agent *agent, int64_t max_ns);

/* False once do_work has asked to end or agent_stop was called. Any thread. */
bool agent_running(const struct agent *agent);

/* The thread has ended (on_stop is through). Any thread. */
bool agent_ended(const struct agent *agent);

/* Wake it if it is parked. Any thread. */
void agent_wake(struct agent *agent);
/* For bus_subscribe; NULL when the agent parks in its own way. */
struct waker *agent_waker(struct agent *agent);

/* One turn in the caller's thread, for agents that were not started. Returns what do_work did. */
int agent_turn(struct agent *agent, mono_ns_t now);

struct agent_duty agent_duty(const struct agent *agent);
const char *agent_name(const struct agent *agent);

#endif
