/*
 * sim_fault.c - faults on demand: reading them, starting them, and whether one hits.
 *
 * A fault on frames with a count is noted on each connection that is open when it starts; one with
 * a duration holds for all connections until its end. Faults on requests have one count for the
 * whole exchange. What a fault does to a frame is in sim_link.c, to a request in sim_http.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_command.h"
#include "sim/sim_int.h"

#define SECONDS_MAX 1e8 /* also of the key for */
#define COUNT_MAX   1000000

enum where { ON_NOW, ON_FRAMES, ON_REQUESTS };

/* Bits of the keys that a fault takes. */
enum {
    TAKES_FOR = 1 << 0,
    TAKES_DELAY = 1 << 1, /* delay_ms, jitter_ms */
    TAKES_P = 1 << 2,
    TAKES_SKEW = 1 << 3,
    TAKES_JUMP = 1 << 4,
    TAKES_USER = 1 << 5,
    TAKES_STATUS = 1 << 6,
    TAKES_CODE = 1 << 7,
    TAKES_ROUTE = 1 << 8,
    TAKES_ON = 1 << 9,
    TAKES_STATE = 1 << 10,
    TAKES_FRAMES = TAKES_FOR | TAKES_P | TAKES_USER,
    TAKES_REQUESTS = TAKES_FOR | TAKES_P | TAKES_USER | TAKES_ROUTE
};

/* What a fault is when its text says nothing more, and what its text may say. */
static const struct {
    const char *name;
    enum where where;
    unsigned takes;
    struct sim_fault_plan plan;
} kinds[SIM_FAULT_MAX] = {
    [SIM_FAULT_CUT] = {"cut", ON_NOW, TAKES_USER, {.count = 1}},
    [SIM_FAULT_HALF_OPEN] = {"half_open",
                             ON_NOW,
                             TAKES_FOR | TAKES_USER,
                             {.count = 1, .for_ns = 60 * NS_PER_SEC}},
    [SIM_FAULT_DROP] = {"drop", ON_FRAMES, TAKES_FRAMES, {.count = 1}},
    [SIM_FAULT_DUPLICATE] = {"duplicate", ON_FRAMES, TAKES_FRAMES, {.count = 1}},
    [SIM_FAULT_REORDER] = {"reorder", ON_FRAMES, TAKES_FRAMES, {.count = 1}},
    [SIM_FAULT_CORRUPT] = {"corrupt", ON_FRAMES, TAKES_FRAMES, {.count = 1}},
    [SIM_FAULT_MALFORMED] = {"malformed", ON_NOW, TAKES_USER, {.count = 1}},
    [SIM_FAULT_SEQ_GAP] = {"seq_gap", ON_NOW, TAKES_USER, {.count = 1}},
    [SIM_FAULT_SEQ_JUMP] = {"seq_jump", ON_NOW, TAKES_JUMP | TAKES_USER, {.count = 1, .jump = 10}},
    [SIM_FAULT_PRIVATE_DELAY] = {"private_delay",
                                 ON_FRAMES,
                                 TAKES_FRAMES | TAKES_DELAY,
                                 {.for_ns = 10 * NS_PER_SEC, .delay_ns = 2 * NS_PER_SEC}},
    [SIM_FAULT_PRIVATE_DROP] = {"private_drop", ON_FRAMES, TAKES_FRAMES, {.count = 1}},
    [SIM_FAULT_LAG] = {"lag",
                       ON_FRAMES,
                       TAKES_FRAMES | TAKES_DELAY,
                       {.for_ns = 10 * NS_PER_SEC, .delay_ns = 200 * NS_PER_MS}},
    [SIM_FAULT_HTTP_429] = {"http_429", ON_REQUESTS, TAKES_REQUESTS, {.count = 1}},
    [SIM_FAULT_HTTP_500] = {"http_500",
                            ON_REQUESTS,
                            TAKES_REQUESTS | TAKES_STATUS,
                            {.count = 1, .status = 500}},
    [SIM_FAULT_HTTP_500_AFTER] = {"http_500_after",
                                  ON_REQUESTS,
                                  TAKES_REQUESTS | TAKES_STATUS,
                                  {.count = 1, .status = 500}},
    [SIM_FAULT_TIMEOUT] = {"timeout", ON_REQUESTS, TAKES_REQUESTS, {.count = 1}},
    [SIM_FAULT_SLOW_ANSWER] = {"slow_answer",
                               ON_REQUESTS,
                               TAKES_REQUESTS | TAKES_DELAY,
                               {.count = 1, .delay_ns = 2 * NS_PER_SEC}},
    [SIM_FAULT_CLOCK_SKEW] = {"clock_skew",
                              ON_NOW,
                              TAKES_SKEW | TAKES_FOR,
                              {.count = 1, .skew_ms = 60000}},
    [SIM_FAULT_PARTIAL_WRITE] = {"partial_write",
                                 ON_FRAMES,
                                 TAKES_REQUESTS | TAKES_ON,
                                 {.count = 1, .ws = true, .http = true}},
    [SIM_FAULT_WS_REFUSE] = {"ws_refuse",
                             ON_REQUESTS,
                             TAKES_FOR | TAKES_P | TAKES_STATUS,
                             {.count = 1, .status = 502}},
    [SIM_FAULT_WS_ERROR] = {"ws_error",
                            ON_REQUESTS,
                            TAKES_FRAMES | TAKES_CODE,
                            {.count = 1, .code = 18}},
    [SIM_FAULT_RESTART] = {"restart", ON_NOW, TAKES_STATE, {.count = 1, .state = true}},
};

const char *sim_fault_name(enum sim_fault fault)
{
    return fault < SIM_FAULT_MAX ? kinds[fault].name : "";
}

enum sim_fault sim_fault_parse(const char *name)
{
    int i = 0;
    while (i < SIM_FAULT_MAX && strcmp(kinds[i].name, name) != 0) {
        i++;
    }
    return (enum sim_fault)i;
}

static struct sim_fault_plan plan_of(enum sim_fault fault)
{
    struct sim_fault_plan p = kinds[fault].plan;
    p.fault = fault;
    p.p = 1;
    return p;
}

/* --- reading --- */

enum key_type {
    KEY_SECONDS,
    KEY_MS,
    KEY_PROBABILITY,
    KEY_NUMBER,
    KEY_STATUS,
    KEY_ROUTE,
    KEY_ON,
    KEY_BOOL
};

static const struct {
    const char *name;
    enum key_type type;
    unsigned taken_by; /* bit of kinds[].takes */
    size_t offset;
    int64_t min, max;
} keys[] = {
    {"for", KEY_SECONDS, TAKES_FOR, offsetof(struct sim_fault_plan, for_ns), 0, 100000000},
    {"delay_ms", KEY_MS, TAKES_DELAY, offsetof(struct sim_fault_plan, delay_ns), 0, 3600000},
    {"jitter_ms", KEY_MS, TAKES_DELAY, offsetof(struct sim_fault_plan, jitter_ns), 0, 3600000},
    {"p", KEY_PROBABILITY, TAKES_P, offsetof(struct sim_fault_plan, p), 0, 1},
    {"skew_ms", KEY_NUMBER, TAKES_SKEW, offsetof(struct sim_fault_plan, skew_ms), -86400000,
     86400000},
    {"jump", KEY_NUMBER, TAKES_JUMP, offsetof(struct sim_fault_plan, jump), 1, COUNT_MAX},
    {"user", KEY_NUMBER, TAKES_USER, offsetof(struct sim_fault_plan, user), 0, COUNT_MAX},
    {"status", KEY_STATUS, TAKES_STATUS, offsetof(struct sim_fault_plan, status), 400, 599},
    {"code", KEY_STATUS, TAKES_CODE, offsetof(struct sim_fault_plan, code), 1, 28},
    {"route", KEY_ROUTE, TAKES_ROUTE, offsetof(struct sim_fault_plan, all_routes), 0, 0},
    {"on", KEY_ON, TAKES_ON, 0, 0, 0},
    {"state", KEY_BOOL, TAKES_STATE, offsetof(struct sim_fault_plan, state), 0, 0},
};
#define KEYS (sizeof keys / sizeof keys[0])

static bool set_number(struct sim_fault_plan *p, size_t k, double v)
{
    void *at = (char *)p + keys[k].offset;
    if (keys[k].type == KEY_SECONDS) {
        bool good = v >= 0 && v <= SECONDS_MAX;
        *(mono_ns_t *)at = good ? (mono_ns_t)(v * 1e9) : 0;
        return good;
    }
    if (!(v >= (double)keys[k].min && v <= (double)keys[k].max)) {
        return false;
    }
    if (keys[k].type == KEY_MS) {
        *(mono_ns_t *)at = (mono_ns_t)(v * 1e6);
        return true;
    }
    if (keys[k].type == KEY_PROBABILITY) {
        *(double *)at = v;
        return true;
    }
    if (v != floor(v)) {
        return false;
    }
    if (keys[k].type == KEY_STATUS) {
        *(int *)at = (int)v;
    } else if (at == &p->skew_ms) {
        *(int64_t *)at = (int64_t)v;
    } else {
        *(uint32_t *)at = (uint32_t)v;
    }
    return true;
}

static bool set_word(struct sim_fault_plan *p, size_t k, const char *v)
{
    switch (keys[k].type) {
    case KEY_ROUTE:
        p->all_routes = strcmp(v, "all") == 0;
        return p->all_routes || strcmp(v, "order") == 0;
    case KEY_ON:
        p->ws = strcmp(v, "ws") == 0 || strcmp(v, "both") == 0;
        p->http = strcmp(v, "http") == 0 || strcmp(v, "both") == 0;
        return p->ws || p->http;
    case KEY_BOOL:
        *(bool *)((char *)p + keys[k].offset) = strcmp(v, "true") == 0;
        return strcmp(v, "true") == 0 || strcmp(v, "false") == 0;
    case KEY_SECONDS:
    case KEY_MS:
    case KEY_PROBABILITY:
    case KEY_NUMBER:
    case KEY_STATUS: {
        char *end = NULL;
        double d = strtod(v, &end);
        bool number = v[0] != '\0' && strspn(v, "+-.0123456789") == strlen(v) && *end == '\0';
        return number && set_number(p, k, d);
    }
    }
    return false;
}

/* The key of that name if the fault takes it. */
static enum status key_find(enum sim_fault fault, struct text name, size_t *ret, struct err *err)
{
    size_t k = 0;
    while (k < KEYS && !text_equal(text_of(keys[k].name), name)) {
        k++;
    }
    int n = (int)(name.n < 40 ? name.n : 40);
    if (k == KEYS) {
        return err_set(err, ST_INVALID, "no fault has a key '%.*s'", n, name.p);
    }
    if ((kinds[fault].takes & keys[k].taken_by) == 0) {
        return err_set(err, ST_INVALID, "fault %s takes no key '%.*s'", kinds[fault].name, n,
                       name.p);
    }
    *ret = k;
    return ST_OK;
}

static enum status bad_value(size_t k, struct err *err)
{
    switch (keys[k].type) {
    case KEY_ROUTE:
        return err_set(err, ST_INVALID, "%s must be order or all", keys[k].name);
    case KEY_ON:
        return err_set(err, ST_INVALID, "%s must be ws, http or both", keys[k].name);
    case KEY_BOOL:
        return err_set(err, ST_INVALID, "%s must be true or false", keys[k].name);
    case KEY_SECONDS:
    case KEY_MS:
    case KEY_PROBABILITY:
    case KEY_NUMBER:
    case KEY_STATUS:
        break;
    }
    return err_set(err, ST_INVALID, "%s must be a%s number from %" PRId64 " to %" PRId64,
                   keys[k].name,
                   keys[k].type == KEY_NUMBER || keys[k].type == KEY_STATUS ? " whole" : "",
                   keys[k].min, keys[k].max);
}

/* A duration without a count means the duration alone. */
static void settle_count(struct sim_fault_plan *p, bool has_count, bool has_for)
{
    if (has_for && !has_count && kinds[p->fault].where != ON_NOW) {
        p->count = 0;
    } else if (has_count && !has_for && kinds[p->fault].where != ON_NOW) {
        p->for_ns = 0;
    }
}

static enum status read_pairs(const char *s, struct sim_fault_plan *p, bool *ret_for,
                              struct err *err)
{
    while (*s != '\0') {
        size_t n = strcspn(s, ",:");
        const char *eq = memchr(s, '=', n);
        char value[40];
        if (eq == NULL ||
            !text_copy(value, sizeof value, (struct text){eq + 1, n - (size_t)(eq + 1 - s)})) {
            return err_set(err, ST_INVALID, "'%.*s' is not key=value", (int)(n < 40 ? n : 40), s);
        }
        size_t k = 0;
        if (key_find(p->fault, (struct text){s, (size_t)(eq - s)}, &k, err) != ST_OK) {
            return ST_INVALID;
        }
        if (!set_word(p, k, value)) {
            struct err why = {0};
            (void)bad_value(k, &why);
            return err_set(err, ST_INVALID, "'%.*s': %s", (int)n, s, why.text);
        }
        *ret_for |= strcmp(keys[k].name, "for") == 0;
        s += n + (s[n] != '\0');
    }
    return ST_OK;
}

enum status sim_fault_read(const char *text, struct sim_fault_plan *ret, struct err *err)
{
    size_t name_n = strcspn(text, "@*:");
    char name[32];
    if (!text_copy(name, sizeof name, (struct text){text, name_n}) ||
        sim_fault_parse(name) == SIM_FAULT_MAX) {
        return err_set(err, ST_INVALID, "there is no fault '%.*s'",
                       (int)(name_n < 40 ? name_n : 40), text);
    }
    struct sim_fault_plan p = plan_of(sim_fault_parse(name));
    const char *s = text + name_n;
    bool has_count = false;
    bool has_for = false;
    if (*s == '@') {
        char *end = NULL;
        double seconds = strtod(s + 1, &end);
        if (strspn(s + 1, "0123456789.") != (size_t)(end - s - 1) || end == s + 1 ||
            seconds > SECONDS_MAX) {
            return err_set(err, ST_INVALID, "'%.40s' is not @SECONDS", s);
        }
        p.after_ns = (mono_ns_t)(seconds * 1e9);
        s = end;
    }
    if (*s == '*') {
        size_t digits = strspn(s + 1, "0123456789");
        unsigned long n = strtoul(s + 1, NULL, 10);
        if (digits == 0 || digits > 7 || n == 0 || n > COUNT_MAX) {
            return err_set(err, ST_INVALID, "'%.40s' is not *COUNT, 1 to %d", s, COUNT_MAX);
        }
        p.count = (uint32_t)n;
        has_count = true;
        s += 1 + digits;
    }
    if (*s != '\0' && *s != ':') {
        return err_set(err, ST_INVALID,
                       "'%.40s' is not understood: NAME@SECONDS[*COUNT][:key=value,...]", s);
    }
    enum status st = *s == ':' ? read_pairs(s + 1, &p, &has_for, err) : ST_OK;
    if (st == ST_OK) {
        settle_count(&p, has_count, has_for);
        *ret = p;
    }
    return st;
}

static bool set_json(struct sim_fault_plan *p, size_t k, const json_t *v)
{
    bool word = keys[k].type == KEY_ROUTE || keys[k].type == KEY_ON;
    if (json_is_boolean(v) && keys[k].type == KEY_BOOL) {
        return set_word(p, k, json_is_true(v) ? "true" : "false");
    }
    if (json_is_string(v) && word) {
        return set_word(p, k, json_string_value(v));
    }
    mono_ns_t ns = 0;
    if (keys[k].type == KEY_SECONDS) { /* as other durations of actions: "90s", 2.5 */
        return duration_parse(v, &ns) == ST_OK && set_number(p, k, (double)ns / 1e9);
    }
    return json_is_number(v) && !word && keys[k].type != KEY_BOOL &&
           set_number(p, k, json_number_value(v));
}

enum status sim_fault_read_json(const struct json_t *action, struct sim_fault_plan *ret,
                                struct err *err)
{
    const char *name = json_string_value(json_object_get(action, "fault"));
    if (name == NULL || sim_fault_parse(name) == SIM_FAULT_MAX) {
        return err_set(err, ST_INVALID, "fault: there is no fault '%.40s'",
                       name != NULL ? name : "");
    }
    struct sim_fault_plan p = plan_of(sim_fault_parse(name));
    bool has_count = false;
    bool has_for = false;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)action, key, v)
    {
        if (strcmp(key, "fault") == 0 || strcmp(key, "do") == 0 || strcmp(key, "at") == 0 ||
            strcmp(key, "token") == 0) {
            continue;
        }
        if (strcmp(key, "count") == 0) {
            if (!json_is_integer(v) || json_integer_value(v) < 1 ||
                json_integer_value(v) > COUNT_MAX) {
                return err_set(err, ST_INVALID, "count: must be 1 to %d", COUNT_MAX);
            }
            p.count = (uint32_t)json_integer_value(v);
            has_count = true;
            continue;
        }
        size_t k = 0;
        if (key_find(p.fault, text_of(key), &k, err) != ST_OK) {
            return ST_INVALID;
        }
        if (!set_json(&p, k, v)) {
            return bad_value(k, err);
        }
        has_for |= strcmp(key, "for") == 0;
    }
    settle_count(&p, has_count, has_for);
    *ret = p;
    return ST_OK;
}

/* --- starting --- */

static bool of_user(const struct sim_fault_plan *p, uint32_t user)
{
    return p->user == 0 || p->user - 1 == user;
}

static void cut_or_mute(struct sim *sim, const struct sim_fault_plan *p)
{
    struct sim_conn *next = NULL;
    for (struct sim_conn *c = sim->conns; c != NULL; c = next) {
        next = c->next; /* close may end the connection at once */
        if (c->closing || c->mute || !of_user(p, c->user)) {
            continue;
        }
        sim->count.faults[p->fault]++;
        if (p->fault == SIM_FAULT_CUT) {
            c->closing = true;
            sim->out.close(sim->out.self, c, c->peer);
        } else {
            link_mute(sim, c, sim->now + p->for_ns);
        }
    }
}

static void change_seq(struct sim *sim, const struct sim_fault_plan *p)
{
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        for (uint32_t i = 0; of_user(p, c->user) && i < c->n_subs; i++) {
            if (!channel_sequenced(c->subs[i]->channel)) {
                continue;
            }
            if (p->fault == SIM_FAULT_SEQ_GAP) {
                c->subs[i]->lose += p->count;
            } else {
                c->subs[i]->seq += (uint64_t)p->jump * p->count;
                sim->count.faults[p->fault]++;
            }
        }
    }
}

static void send_malformed(struct sim *sim, const struct sim_fault_plan *p)
{
    static const char text[] = "{\"type\":\"orderbook_delta\",\"sid\":1,\"seq\":\n";
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        for (uint32_t i = 0; of_user(p, c->user) && i < p->count; i++) {
            sim->count.faults[p->fault]++;
            link_send(sim, c, text, sizeof text - 1, false);
        }
    }
}

static void start_on_frames(struct sim *sim, const struct sim_fault_plan *p)
{
    struct fault_state *f = &sim->faults[p->fault];
    f->plan = *p;
    f->left += p->http ? p->count : 0;
    f->until = p->for_ns > 0 ? sim->now + p->for_ns : 0;
    if (p->fault == SIM_FAULT_PARTIAL_WRITE && !p->ws) {
        return;
    }
    sim->frame_faults_until =
        f->until > sim->frame_faults_until ? f->until : sim->frame_faults_until;
    for (struct sim_conn *c = sim->conns; p->count > 0 && c != NULL; c = c->next) {
        if (of_user(p, c->user)) {
            c->fault_left[p->fault] += p->count;
            c->faulty = true;
        }
    }
}

static void start_now(struct sim *sim, const struct sim_fault_plan *p)
{
    if (p->fault == SIM_FAULT_CUT || p->fault == SIM_FAULT_HALF_OPEN) {
        cut_or_mute(sim, p);
    } else if (p->fault == SIM_FAULT_MALFORMED) {
        send_malformed(sim, p);
    } else if (p->fault == SIM_FAULT_SEQ_GAP || p->fault == SIM_FAULT_SEQ_JUMP) {
        change_seq(sim, p);
    } else if (p->fault == SIM_FAULT_CLOCK_SKEW) {
        sim->count.faults[p->fault]++;
        sim->faults[p->fault].until = p->for_ns > 0 ? sim->now + p->for_ns : 0;
        sim->wall += p->skew_ms * NS_PER_MS - sim->skew;
        sim->skew = p->skew_ms * NS_PER_MS;
    } else if (p->fault == SIM_FAULT_RESTART && sim->out.restart != NULL) {
        sim->count.faults[p->fault]++;
        sim->out.restart(sim->out.self, p->state);
    }
}

void sim_fault_start(struct sim *sim, const struct sim_fault_plan *plan, wall_ns_t wall,
                     mono_ns_t now)
{
    sim_set_time(sim, wall, now);
    switch (kinds[plan->fault].where) {
    case ON_NOW:
        start_now(sim, plan);
        break;
    case ON_FRAMES:
        start_on_frames(sim, plan);
        break;
    case ON_REQUESTS: {
        struct fault_state *f = &sim->faults[plan->fault];
        f->plan = *plan;
        f->left += plan->count;
        f->until = plan->for_ns > 0 ? sim->now + plan->for_ns : 0;
        break;
    }
    }
}

void sim_fault(struct sim *sim, enum sim_fault fault, uint32_t n, wall_ns_t wall, mono_ns_t now)
{
    if (fault < SIM_FAULT_MAX) {
        struct sim_fault_plan p = plan_of(fault);
        p.count = n == 0 ? 1 : n;
        settle_count(&p, true, false);
        sim_fault_start(sim, &p, wall, now);
    }
}

void sim_set_time(struct sim *sim, wall_ns_t wall, mono_ns_t now)
{
    mono_ns_t until = sim->faults[SIM_FAULT_CLOCK_SKEW].until;
    if (until != 0 && now >= until) {
        sim->skew = 0;
        sim->faults[SIM_FAULT_CLOCK_SKEW].until = 0;
    }
    sim->wall = wall + sim->skew;
    sim->now = now;
}

/* --- hitting --- */

static bool chance(struct sim *sim, double p)
{
    return p >= 1 || rng_unit(&sim->fault_rng) < p;
}

bool fault_hits_frame(struct sim *sim, struct sim_conn *c, enum sim_fault fault)
{
    const struct fault_state *f = &sim->faults[fault];
    bool lasts = sim->now < f->until && of_user(&f->plan, c->user);
    if ((c->fault_left[fault] == 0 && !lasts) ||
        (fault == SIM_FAULT_PARTIAL_WRITE && !f->plan.ws) || !chance(sim, f->plan.p)) {
        return false;
    }
    c->fault_left[fault] -= c->fault_left[fault] > 0;
    sim->count.faults[fault]++;
    return true;
}

bool fault_hits_request(struct sim *sim, enum sim_fault fault, bool order, uint32_t user)
{
    struct fault_state *f = &sim->faults[fault];
    if ((f->left == 0 && sim->now >= f->until) || (!order && !f->plan.all_routes) ||
        !of_user(&f->plan, user) || !chance(sim, f->plan.p)) {
        return false;
    }
    f->left -= f->left > 0;
    sim->count.faults[fault]++;
    return true;
}

mono_ns_t fault_delay(struct sim *sim, enum sim_fault fault)
{
    const struct sim_fault_plan *p = &sim->faults[fault].plan;
    return p->delay_ns + (p->jitter_ns > 0
                              ? (mono_ns_t)rng_below(&sim->fault_rng, (uint64_t)p->jitter_ns + 1)
                              : 0);
}
