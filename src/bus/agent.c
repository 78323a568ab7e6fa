/*
 * agent.c - why no wake-up is lost.
 *
 * Who gives work: puts it into a ring, then adds 1 to `signals`, then takes `parked`, which sets it
 * to 0. Who takes a 1 writes to the eventfd (or calls the agent's own unpark); who takes a 0 need
 * not: the sleeper is awake, or somebody else is waking it. Who sleeps: takes a ticket (`signals`),
 * looks for work, finds none, sets `parked`, then looks at `signals` again, and sleeps only if it
 * is still the ticket.
 *
 * These are all sequentially consistent, so there is one order of them. Either the addition comes
 * before the sleeper's second look, which then sees it and does not sleep; or it comes after, and
 * then `parked` was set before the giver takes it, and the first giver to do so ends the sleep.
 */
#include "bus/agent.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define SPINS_DEFAULT     100
#define YIELDS_DEFAULT    10
#define SLEEP_NS_DEFAULT  (1 * NS_PER_MS)
#define SLOW_NS_DEFAULT   (50 * NS_PER_MS)
#define SLEEP_NS_FIRST    (16 * NS_PER_US) /* the first sleep of an idle stretch; then it doubles */
#define THREAD_NAME_BYTES 16

struct agent {
    struct agent_config config;
    struct waker waker;
    pthread_t thread;
    bool started; /* owner: who created the agent */
    bool joined;
    _Atomic bool stop;  /* writers: any thread */
    _Atomic bool ended; /* writer: the agent's thread */

    /* The agent's thread. */
    uint32_t idle_turns; /* in a row */
    int64_t sleep_ns;    /* the next one */

    /* Writer: the agent's thread; read by any thread. */
    _Atomic uint64_t turns, busy, slow, parks;
    _Atomic int64_t worst_ns;
};

enum status waker_init(struct waker *w)
{
    memset(w, 0, sizeof *w);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd >= 0 ? ST_OK : ST_IO;
}

void waker_finish(struct waker *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}

/* True for the one giver that has to end the sleep; a system call is only then needed. */
static bool signal_sleeper(struct waker *w)
{
    atomic_fetch_add(&w->signals, 1);
    return atomic_load(&w->parked) != 0 && atomic_exchange(&w->parked, 0) != 0;
}

static void end_sleep(struct waker *w)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(w->fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    /* EAGAIN: so many wake-ups are pending that the sleeper will surely see one. */
}

void waker_wake(struct waker *w)
{
    if (signal_sleeper(w)) {
        end_sleep(w);
    }
}

uint32_t waker_ticket(const struct waker *w)
{
    return atomic_load(&w->signals);
}

void waker_park(struct waker *w, uint32_t ticket, int64_t max_ns)
{
    atomic_store(&w->parked, 1);
    if (atomic_load(&w->signals) == ticket && max_ns > 0) {
        struct pollfd pfd = {.fd = w->fd, .events = POLLIN};
        struct timespec ts = {.tv_sec = max_ns / NS_PER_SEC, .tv_nsec = max_ns % NS_PER_SEC};
        (void)ppoll(&pfd, 1, &ts, NULL); /* any reason to return is fine */
    }
    atomic_store(&w->parked, 0);
    uint64_t pending;
    while (read(w->fd, &pending, sizeof pending) < 0 && errno == EINTR) {
    }
}

int idle_kind_parse(const char *text)
{
    return strcmp(text, "spin") == 0    ? IDLE_SPIN
           : strcmp(text, "yield") == 0 ? IDLE_YIELD
           : strcmp(text, "park") == 0  ? IDLE_PARK
                                        : -1;
}

enum status agent_create(const struct agent_config *config, struct agent **ret_agent)
{
    if (config->name == NULL || config->name[0] == '\0' || config->do_work == NULL ||
        (config->park != NULL) != (config->unpark != NULL)) {
        return ST_INVALID;
    }
    struct agent *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return ST_NOMEM;
    }
    enum status st = waker_init(&a->waker);
    if (st != ST_OK) {
        free(a);
        return st;
    }
    a->config = *config;
    struct agent_config *c = &a->config;
    c->spins = c->spins != 0 ? c->spins : SPINS_DEFAULT;
    c->yields = c->yields != 0 ? c->yields : YIELDS_DEFAULT;
    c->max_sleep_ns = c->max_sleep_ns > 0 ? c->max_sleep_ns : SLEEP_NS_DEFAULT;
    c->slow_turn_ns = c->slow_turn_ns > 0 ? c->slow_turn_ns : SLOW_NS_DEFAULT;
    a->sleep_ns = SLEEP_NS_FIRST;
    *ret_agent = a;
    return ST_OK;
}

void agent_destroy(struct agent *agent)
{
    if (agent == NULL) {
        return;
    }
    agent_stop(agent);
    agent_join(agent);
    waker_finish(&agent->waker);
    free(agent);
}

bool agent_running(const struct agent *agent)
{
    return !atomic_load_explicit(&agent->stop, memory_order_acquire);
}

bool agent_ended(const struct agent *agent)
{
    return atomic_load_explicit(&agent->ended, memory_order_acquire);
}

void agent_stop(struct agent *agent)
{
    atomic_store_explicit(&agent->stop, true, memory_order_release);
    agent_wake(agent);
}

void agent_wake(struct agent *agent)
{
    if (!signal_sleeper(&agent->waker)) {
        return;
    }
    if (agent->config.unpark != NULL) {
        agent->config.unpark(agent->config.self);
    } else {
        end_sleep(&agent->waker);
    }
}

struct waker *agent_waker(struct agent *agent)
{
    return agent->config.park == NULL ? &agent->waker : NULL;
}

static void add_one(_Atomic uint64_t *v)
{
    uint64_t n = atomic_load_explicit(v, memory_order_relaxed);
    atomic_store_explicit(v, n + 1, memory_order_release);
}

static void account(struct agent *a, int done, int64_t took)
{
    add_one(&a->turns);
    if (done > 0) {
        add_one(&a->busy);
    }
    if (took > a->config.slow_turn_ns) {
        add_one(&a->slow);
    }
    if (took > atomic_load_explicit(&a->worst_ns, memory_order_relaxed)) {
        atomic_store_explicit(&a->worst_ns, took, memory_order_release);
    }
    if (done < 0) {
        atomic_store_explicit(&a->stop, true, memory_order_release);
    }
}

int agent_turn(struct agent *agent, mono_ns_t now)
{
    /* now may be a virtual time; how long the turn took is measured by the real clock. */
    mono_ns_t begin = clock_mono();
    int done = agent->config.do_work(agent->config.self, now);
    account(agent, done, clock_mono() - begin);
    return done;
}

/* The agent's own way of sleeping, under the same rule as waker_park. */
static void park_own(struct agent *a, uint32_t ticket, int64_t ns)
{
    atomic_store(&a->waker.parked, 1);
    if (atomic_load(&a->waker.signals) == ticket) {
        a->config.park(a->config.self, ns);
    }
    atomic_store(&a->waker.parked, 0);
}

static void park(struct agent *a, uint32_t ticket, mono_ns_t now)
{
    int64_t ns = a->sleep_ns;
    if (a->config.deadline != NULL) {
        mono_ns_t deadline = a->config.deadline(a->config.self);
        if (deadline - now < ns) {
            ns = deadline > now ? deadline - now : 0;
        }
    }
    if (a->config.park != NULL) {
        park_own(a, ticket, ns);
    } else {
        waker_park(&a->waker, ticket, ns);
    }
    add_one(&a->parks);
    a->sleep_ns =
        a->sleep_ns < a->config.max_sleep_ns / 2 ? a->sleep_ns * 2 : a->config.max_sleep_ns;
}

static void idle(struct agent *a, uint32_t ticket, mono_ns_t now)
{
    const struct agent_config *c = &a->config;
    uint32_t turns = a->idle_turns;
    if (a->idle_turns < UINT32_MAX) {
        a->idle_turns++;
    }
    if (c->idle == IDLE_SPIN || turns < c->spins) {
        __builtin_ia32_pause();
    } else if (c->idle == IDLE_YIELD || turns - c->spins < c->yields) {
        sched_yield();
    } else {
        park(a, ticket, now);
    }
}

static void name_and_pin(const struct agent_config *c)
{
    char name[THREAD_NAME_BYTES];
    size_t n = strnlen(c->name, sizeof name - 1);
    memcpy(name, c->name, n);
    name[n] = '\0';
    (void)pthread_setname_np(pthread_self(), name); /* only for people who look */
    if (c->cpu > 0 && c->cpu <= CPU_SETSIZE) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(c->cpu - 1, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set); /* slower, not wrong */
    }
}

static void *thread_main(void *arg)
{
    struct agent *a = arg;
    name_and_pin(&a->config);
    if (a->config.on_start != NULL) {
        a->config.on_start(a->config.self);
    }
    mono_ns_t now = clock_mono();
    while (agent_running(a)) {
        uint32_t ticket = waker_ticket(&a->waker);
        int done = a->config.do_work(a->config.self, now);
        mono_ns_t end = clock_mono(); /* also the next turn's time, if it does not idle before */
        account(a, done, end - now);
        now = end;
        if (done > 0) {
            a->idle_turns = 0;
            a->sleep_ns = SLEEP_NS_FIRST;
        } else if (done == 0) {
            idle(a, ticket, now);
            now = clock_mono();
        }
    }
    if (a->config.on_stop != NULL) {
        a->config.on_stop(a->config.self);
    }
    atomic_store_explicit(&a->ended, true, memory_order_release);
    return NULL;
}

bool agent_join_within(struct agent *agent, int64_t max_ns)
{
    mono_ns_t end = clock_mono() + max_ns;
    const struct timespec rest = {.tv_nsec = NS_PER_MS};
    while (agent->started && !agent->joined && !agent_ended(agent)) {
        if (clock_mono() >= end) {
            return false;
        }
        (void)nanosleep(&rest, NULL);
    }
    agent_join(agent);
    return true;
}

enum status agent_start(struct agent *agent)
{
    if (agent->started) {
        return ST_STATE;
    }
    if (pthread_create(&agent->thread, NULL, thread_main, agent) != 0) {
        return ST_IO;
    }
    agent->started = true;
    return ST_OK;
}

void agent_join(struct agent *agent)
{
    if (agent->started && !agent->joined) {
        pthread_join(agent->thread, NULL);
        agent->joined = true;
    }
}

struct agent_duty agent_duty(const struct agent *agent)
{
    return (struct agent_duty){
        .turns = atomic_load_explicit(&agent->turns, memory_order_acquire),
        .busy = atomic_load_explicit(&agent->busy, memory_order_acquire),
        .slow = atomic_load_explicit(&agent->slow, memory_order_acquire),
        .worst_ns = atomic_load_explicit(&agent->worst_ns, memory_order_acquire),
        .parks = atomic_load_explicit(&agent->parks, memory_order_acquire),
    };
}

const char *agent_name(const struct agent *agent)
{
    return agent->config.name;
}
