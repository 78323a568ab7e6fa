/*
 * real.c - the world: made, turned, brought to rest, judged.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "world/real_int.h"

#define WALL0    (INT64_C(1795420800) * NS_PER_SEC)
#define SETTLES  (45 * NS_PER_SEC) /* sweeps and the comparison of cash included */
#define RESTS    (17 * NS_PER_SEC) /* the same, between phases */
#define NEVER_SO (900 * NS_PER_SEC)
#define TROUBLED (8 * NS_PER_SEC)  /* faults go on for so long when the client is dead */
#define GUARDED  (20 * NS_PER_SEC) /* a guard that is let work is done after so long */

const char *const real_count_names[REAL_COUNT_MAX] = {
    [REAL_TIMEOUT] = "timeouts",
    [REAL_TORN] = "torn_writes",
    [REAL_UNSETTLED] = "unsettled",
    [REAL_LOST_TAIL] = "journal_cut",
    [REAL_RECONNECT] = "reconnects",
    [REAL_HALTED] = "halts",
    [REAL_CREATES] = "creates",
    [REAL_CANCELS] = "cancels",
    [REAL_AMENDS] = "amends",
    [REAL_SETTLED] = "settled",
    [REAL_STARTS] = "starts",
    [REAL_NOT_STARTED] = "starts_failed",
    [REAL_GUARD_ACTED] = "guard_acted",
    [REAL_ROWS] = "rows",
    [REAL_LOST_ROWS] = "rows_dropped",
    [REAL_SPILLED] = "rows_spilled",
    [REAL_RECOVERED] = "rows_recovered",
    [REAL_QUIETS] = "quiet_periods",
};

const char *const real_check_names[CHECK_MAX] = {
#define X(id, name) [CHECK_##id] = name,
    REAL_CHECKS(X)
#undef X
};

struct real_config real_config_default(uint64_t seed)
{
    struct real_config c = {
        .seed = seed,
        .n_markets = 2,
        .rate = 60,
        .cash = 500 * USD_ONE,
        .length = 6 * NS_PER_SEC,
        .engine = engine_config_default(),
        .rules = sim_rules_default(),
        .faults = {.delay_max = 40 * NS_PER_MS},
        .store_ring = (size_t)256 << 10,
        .store_memory = (size_t)64 << 20,
        .store_spill = (uint64_t)64 << 20,
        .store_rows = 100,
        .store_interval = NS_PER_SEC,
    };
    c.rules.clock_behind_ms = 2000; /* what arrives later is refused: what the window stands for */
    c.engine.trading = true;
    c.engine.throttle = 50 * NS_PER_MS;
    c.engine.breaker_errors = 1000000;
    c.engine.orders.wants_link = true;
    c.engine.orders.markets_max = 8;
    c.engine.orders.orders_max = 256;
    c.engine.orders.trades_max = 4096;
    c.engine.orders.clock_window_ms = 2100;
    c.engine.orders.auth_halt_count = 0;
    c.engine.orders.unknown_halt_count = 0;
    c.engine.orders.sweep = 5 * NS_PER_SEC;
    return c;
}

/* --- small things --- */

void *real_grow(void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 64 : *cap * 2;
    p = realloc(p, *cap * size);
    ensure(p != NULL);
    return p;
}

mono_ns_t real_delay(struct real *r)
{
    return (mono_ns_t)rng_below(&r->rng, (uint64_t)r->config.faults.delay_max + 1);
}

wall_ns_t real_wall(const struct real *r)
{
    return r->wall + r->clock_off;
}

bool real_step(struct real *r)
{
    if (r->steps_left > 0 && --r->steps_left == 0) {
        r->dying = true;
    }
    return !r->dying;
}

void real_forbid(struct real *r, const char *fmt, ...)
{
    if (r->why[0] != '\0') {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    real_trace(r, "WRONG: %s", r->why);
}

void real_trace(struct real *r, const char *fmt, ...)
{
    char line[400];
    if (r->config.trace == NULL) {
        return;
    }
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    mono_ns_t t = r->now - r->started;
    buf_printf(r->config.trace, "%4" PRId64 ".%06" PRId64 " %s\n", t / NS_PER_SEC,
               t % NS_PER_SEC / NS_PER_US, line);
}

/* --- time --- */

static void person_at(struct real *r)
{
    exchange_turn(r);
    faults_turn(r);
}

void real_turn(struct real *r, mono_ns_t dt)
{
    r->now += dt;
    r->wall += dt;
    bool frozen = real_lasts(r, FAULT_FREEZE);
    if (r->generation == 0 && r->now >= r->start_at) {
        client_start(r);
    }
    person_at(r);
    net_turn(r);
    if (r->generation != 0 && !r->dying && !frozen) {
        client_turn(r);
    }
    if (r->generation != 0 && r->dying) {
        client_end(r, NULL);
        mono_ns_t back = r->now + (mono_ns_t)rng_below(&r->rng, 3000) * NS_PER_MS;
        r->start_at = r->start_at > back ? r->start_at : back;
    }
    guard_turn(r);
}

mono_ns_t real_next(const struct real *r)
{
    mono_ns_t at = net_deadline(r);
    mono_ns_t guard = guard_due(r);
    at = guard < at ? guard : at;
    if (r->reopen_at != 0 && r->reopen_at < at) {
        at = r->reopen_at;
    }
    if (r->generation == 0) {
        return r->start_at < at ? r->start_at : at;
    }
    const mono_ns_t others[] = {engine_deadline(r->engine), gateway_deadline(r->gateway),
                                feed_deadline(r->feed), fill_listener_deadline(r->fills)};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        at = others[i] < at ? others[i] : at;
    }
    return at;
}

bool real_quiet(const struct real *r)
{
    bool rings = true;
    for (int s = 0; s < EV_SRC_MAX; s++) {
        rings = rings && ring_used(r->events[s]) == 0;
    }
    return r->generation != 0 && engine_ready(r->engine) && engine_idle(r->engine) && rings &&
           net_idle(r) && r->conns[0].conn != NULL && r->conns[1].conn != NULL && store_idle(r) &&
           exchange_open(r) && guard_idle(r);
}

/* As far as the next thing that is due, a second at most. */
static void skip(struct real *r)
{
    mono_ns_t due = real_next(r);
    real_turn(r, due <= r->now ? NS_PER_MS : due < r->now + NS_PER_SEC ? due - r->now : NS_PER_SEC);
}

/* --- life of the world --- */

struct real *real_create(const struct real_config *config)
{
    static const size_t sizes[EV_SRC_MAX] = {[EV_SRC_COMMAND] = (size_t)16 << 10,
                                             [EV_SRC_PRIVATE] = (size_t)128 << 10,
                                             [EV_SRC_ANSWER] = (size_t)256 << 10,
                                             [EV_SRC_MARKET] = (size_t)128 << 10};
    struct real *r = calloc(1, sizeof *r);
    ensure(r != NULL);
    r->config = *config;
    r->now = r->started = 1000 * NS_PER_SEC;
    r->wall = WALL0;
    r->flowing = true;
    rng_init(&r->rng, config->seed ^ 0x5eed);
    digest_init(&r->digest);
    buf_init(&r->resp.body, (size_t)16 << 20);
    for (int i = 0; i < 2; i++) {
        r->conns[i] = (struct conn){.r = r, .private_one = i == 1, .silent_at = NS_NEVER};
    }
    for (int s = 0; s < EV_SRC_MAX; s++) {
        ensure(ring_create(sizes[s], &r->events[s]) == ST_OK);
    }
    faults_init(r);
    disk_init(r);
    store_init(r);
    guard_init(r);
    exchange_start(r);
    exchange_discover(r);
    return r;
}

void real_destroy(struct real *r)
{
    client_end(r, NULL);
    net_finish(r);
    store_destroy_all(r);
    guard_finish(r);
    disk_finish(r);
    sim_destroy(r->sim);
    buf_finish(&r->resp.body);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        ring_destroy(r->events[s]);
    }
    free(r->repairs.v);
    free(r->known);
    free(r->hits);
    judge_forget(r);
    free(r);
}

/* --- driving it --- */

void real_run(struct real *r)
{
    while (r->now < r->started + r->config.length && r->why[0] == '\0') {
        real_turn(r, (mono_ns_t)rng_below(&r->rng, 20 * NS_PER_MS));
    }
}

void real_pass(struct real *r, mono_ns_t ns)
{
    for (mono_ns_t end = r->now + ns; r->now < end && r->why[0] == '\0';) {
        real_turn(r, 10 * NS_PER_MS);
    }
}

/* Without faults, until nothing is under way, and long enough that everything was compared. */
static bool come_to_rest(struct real *r, mono_ns_t least)
{
    mono_ns_t end = r->now + NEVER_SO;
    mono_ns_t enough = r->now + least;
    uint32_t generation = r->generation;
    while (r->now < end && r->why[0] == '\0') {
        if (r->generation != generation) { /* what has just begun compares from its beginning */
            generation = r->generation;
            enough = r->now + least;
        }
        if (r->now > enough && real_quiet(r)) {
            return true;
        }
        skip(r);
    }
    real_forbid(r, "it never gets quiet");
    return false;
}

bool real_quiesce(struct real *r)
{
    faults_end(r);
    while (r->generation == 0 && r->why[0] == '\0') {
        real_turn(r, 10 * NS_PER_MS);
    }
    if (r->why[0] != '\0') {
        return false;
    }
    client_command(r, CMD_STOP, "the end");
    if (!come_to_rest(r, SETTLES)) {
        return false;
    }
    client_keep_stats(r);
    return true;
}

bool real_agrees(struct real *r, char *why, size_t cap)
{
    bool good = r->why[0] == '\0' && quiet_agrees(r, true);
    if (!good) {
        snprintf(why, cap, "%s", r->why);
    }
    return good;
}

/* The client is dead or frozen for long: its guard takes its orders off the book, at first while
 * everything goes on failing. */
static void let_the_guard_act(struct real *r)
{
    bool dies = rng_below(&r->rng, 2) == 0;
    mono_ns_t until = r->now + TROUBLED + GUARDED;
    mono_ns_t calm = r->now + TROUBLED;
    bool there = r->generation != 0;
    if (!there || dies) {
        r->dying = there;
        r->start_at = until;
    } else {
        r->until[FAULT_FREEZE] = until;
    }
    real_trace(r, "the client is %s for long", dies || !there ? "dead" : "frozen");
    while (r->now < calm) {
        real_turn(r, 20 * NS_PER_MS);
    }
    faults_end(r);
    r->until[FAULT_FREEZE] = until;
    while (r->now < until - 50 * NS_PER_MS && r->why[0] == '\0') {
        real_turn(r, 20 * NS_PER_MS);
    }
    r->until[FAULT_FREEZE] = 0;
    r->checked[CHECK_GUARD]++;
    if (truth_open(r->sim) != 0) {
        real_forbid(r, "%u orders of a client that is %s rest", truth_open(r->sim),
                    dies ? "dead" : "frozen");
    }
}

bool real_phase(struct real *r, mono_ns_t length, bool dead, const char **why)
{
    r->faults = r->flowing = true;
    exchange_flow(r, length);
    for (mono_ns_t end = r->now + length; r->now < end && r->why[0] == '\0';) {
        real_turn(r, (mono_ns_t)rng_below(&r->rng, 20 * NS_PER_MS));
    }
    r->flowing = false;
    if (dead && r->guarding != NULL && r->why[0] == '\0') {
        let_the_guard_act(r);
    }
    faults_end(r);
    real_trace(r, "quiet");
    if (r->generation != 0 && r->journal != NULL && journal_failed(r->journal)) {
        r->dying = true; /* who looks after it starts it again */
    }
    bool good = r->why[0] == '\0' && come_to_rest(r, RESTS) && quiet_agrees(r, false);
    *why = r->why;
    return good;
}

bool real_end(struct real *r, const char **why)
{
    bool good = real_quiesce(r) && quiet_agrees(r, true);
    if (good) {
        client_end(r, "done");
        if (r->ledger != NULL && disk_spilled(r)) { /* what could not be drained before */
            client_start(r);
            client_end(r, "done");
        }
        store_check(r);
        if (r->ledger != NULL && disk_spilled(r)) {
            real_forbid(r, "a spill file stays though nothing fails");
        }
    }
    *why = r->why;
    return good && r->why[0] == '\0';
}

void real_want(struct real *r, enum action action)
{
    r->want = action;
}

void real_command(struct real *r, enum command what)
{
    client_command(r, what, "a person");
}

void real_kill_next(struct real *r, enum gw_op op, enum real_death death)
{
    r->death_op = op;
    r->death = death;
}

bool real_killed(const struct real *r)
{
    return r->death == DEATH_NONE;
}

const struct engine *real_engine(const struct real *r)
{
    return r->engine;
}

const struct sim *real_sim(const struct real *r)
{
    return r->sim;
}

uint64_t real_counted(const struct real *r, enum real_count what)
{
    return r->count[what];
}

uint64_t real_checked(const struct real *r, enum real_check check)
{
    return r->checked[check];
}

mono_ns_t real_passed(const struct real *r)
{
    return r->now - r->started;
}

struct orders_stats real_stats(const struct real *r)
{
    return r->stats;
}

void real_refused(const struct real *r, uint64_t ret[RISK_MAX])
{
    memcpy(ret, r->refused, sizeof r->refused);
}

void real_digest(const struct real *r, char text[33])
{
    digest_text(&r->digest, text);
}
