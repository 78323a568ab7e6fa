/*
 * chaos.c - the whole program in worlds that fail in every way, from one seed each (docs/CHAOS.md).
 *
 * A seed that fails is said with the one command that repeats it, then with a smaller one, and the
 * trace of that: its faults, and what became of orders around the failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "chaos/plan.h"
#include "chaos/shrink.h"

#define FAILED_MAX  32
#define TRACE_LINES 120
#define SHRINK_RUNS 300

static const char usage[] =
    "usage: chaos [--first N] [--seeds N] [options]\n"
    "\n"
    "Runs seeds one after the other, in virtual time, and prints how often each kind of fault did\n"
    "something and each invariant was looked at. A seed that fails is repeated with fewer faults.\n"
    "\n"
    "  --seed N         this one; the same as --first N --seeds 1\n"
    "  --first N        the first seed (1)\n"
    "  --seeds N        how many (100)\n"
    "  --scale N        per cent of the usual lengths (100)\n"
    "  --off A,B,...    kinds of faults that never happen\n"
    "  --only A:1,B:2   these hits and no others, by kind and number of the draw; 'none'\n"
    "  --lengths A,B    milliseconds of each phase\n"
    "  --trace          print everything that happens\n"
    "  --no-shrink      do not look for a smaller failure\n"
    "  --all            fail when a kind of fault never did anything or an invariant was never\n"
    "                   looked at\n"
    "  --stop           end with the first seed that fails\n"
    "  --json           figures as one line of JSON\n"
    "  --log            the program's own log on stderr\n"
    "\n"
    "exit status: 0 every seed is good, 1 one has failed, 2 usage.\n";

struct options {
    uint64_t first, seeds;
    uint32_t scale;
    uint64_t off;
    struct real_hit *only;
    uint32_t n_only;
    mono_ns_t lengths[PHASES_MAX];
    uint32_t n_lengths;
    bool trace, shrink, all, stop, json, log;
};

struct sums {
    uint64_t faults[FAULT_MAX], checks[CHECK_MAX], counts[REAL_COUNT_MAX], refused[RISK_MAX];
    uint64_t sent, fills, unknown;
    uint64_t failed[FAILED_MAX];
    uint32_t n_failed;
    double virtual_s, cpu_s;
};

/* --- options --- */

static int usage_error(const char *what)
{
    fprintf(stderr, "chaos: %s\n%s", what, usage);
    return 2;
}

static bool kind_named(const char *name, size_t n, enum real_fault *ret)
{
    for (int k = 0; k < FAULT_MAX; k++) {
        if (strlen(real_fault_names[k]) == n && memcmp(real_fault_names[k], name, n) == 0) {
            *ret = (enum real_fault)k;
            return true;
        }
    }
    return false;
}

static bool read_off(struct options *o, const char *s)
{
    enum real_fault kind;
    for (; *s != '\0'; s += *s == ',') {
        size_t n = strcspn(s, ",");
        if (!kind_named(s, n, &kind)) {
            return false;
        }
        o->off |= UINT64_C(1) << kind;
        s += n;
    }
    return true;
}

static bool read_only(struct options *o, const char *s)
{
    size_t most = 1;
    for (const char *p = s; *p != '\0'; p++) {
        most += *p == ',';
    }
    o->only = calloc(most, sizeof *o->only);
    if (strcmp(s, "none") == 0) {
        return o->only != NULL;
    }
    while (o->only != NULL && *s != '\0') {
        struct real_hit *h = &o->only[o->n_only++];
        size_t n = strcspn(s, ":");
        char *end = NULL;
        if (s[n] != ':' || !kind_named(s, n, &h->kind)) {
            return false;
        }
        h->draw = strtoull(s + n + 1, &end, 10);
        if (*end != '\0' && *end != ',') {
            return false;
        }
        s = *end == ',' ? end + 1 : end;
    }
    return o->only != NULL;
}

static bool read_lengths(struct options *o, const char *s)
{
    while (*s != '\0' && o->n_lengths < PHASES_MAX) {
        char *end = NULL;
        long long ms = strtoll(s, &end, 10);
        if (end == s || ms < 0 || (*end != '\0' && *end != ',')) {
            return false;
        }
        o->lengths[o->n_lengths++] = ms * NS_PER_MS;
        s = *end == ',' ? end + 1 : end;
    }
    return *s == '\0';
}

static bool read_number(const char *s, uint64_t *ret)
{
    char *end = NULL;
    *ret = strtoull(s, &end, 10);
    return end != s && *end == '\0';
}

static bool flag(struct options *o, const char *name)
{
    const struct {
        const char *name;
        bool *to;
        bool value;
    } flags[] = {{"--trace", &o->trace, true}, {"--no-shrink", &o->shrink, false},
                 {"--all", &o->all, true},     {"--stop", &o->stop, true},
                 {"--json", &o->json, true},   {"--log", &o->log, true}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].to = flags[i].value;
            return true;
        }
    }
    return false;
}

/* -1: go on. */
static int read_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){.first = 1, .seeds = 100, .scale = 100, .shrink = true};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        uint64_t n = 0;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (flag(o, argv[i])) {
            continue;
        }
        i++;
        bool number = read_number(value, &n);
        bool good = false;
        if (strcmp(argv[i - 1], "--seed") == 0 && number) {
            o->first = n;
            o->seeds = 1;
            good = true;
        } else if (strcmp(argv[i - 1], "--first") == 0 && number) {
            o->first = n;
            good = true;
        } else if (strcmp(argv[i - 1], "--seeds") == 0 && number) {
            o->seeds = n;
            good = true;
        } else if (strcmp(argv[i - 1], "--scale") == 0 && number && n > 0 && n <= 10000) {
            o->scale = (uint32_t)n;
            good = true;
        } else if (strcmp(argv[i - 1], "--off") == 0) {
            good = read_off(o, value);
        } else if (strcmp(argv[i - 1], "--only") == 0) {
            good = read_only(o, value);
        } else if (strcmp(argv[i - 1], "--lengths") == 0) {
            good = read_lengths(o, value);
        }
        if (!good) {
            char what[200];
            snprintf(what, sizeof what, "%s %s: no such option or value", argv[i - 1], value);
            return usage_error(what);
        }
    }
    return -1;
}

/* --- one seed --- */

static struct plan planned(const struct options *o, uint64_t seed)
{
    struct plan p = plan_of(seed, o->scale);
    p.config.off = o->off;
    p.config.only = o->only;
    p.config.n_only = o->n_only;
    for (uint32_t i = 0; i < o->n_lengths && i < p.n_phases; i++) {
        p.phases[i].length = o->lengths[i];
    }
    return p;
}

static void add(struct sums *s, const struct real *r)
{
    uint64_t refused[RISK_MAX];
    struct orders_stats st = real_stats(r);
    real_refused(r, refused);
    for (int i = 0; i < REAL_COUNT_MAX; i++) {
        s->counts[i] += real_counted(r, (enum real_count)i);
    }
    for (int i = 0; i < FAULT_MAX; i++) {
        s->faults[i] += real_happened(r, (enum real_fault)i);
    }
    for (int i = 0; i < CHECK_MAX; i++) {
        s->checks[i] += real_checked(r, (enum real_check)i);
    }
    for (int i = 0; i < RISK_MAX; i++) {
        s->refused[i] += refused[i];
    }
    s->sent += st.sent;
    s->fills += st.fills;
    s->unknown += st.unknown;
    s->virtual_s += (double)real_passed(r) / (double)NS_PER_SEC;
}

static void command(const struct options *o, uint64_t seed, const struct shrunk *s)
{
    printf("build/release/tests/chaos/chaos --seed %" PRIu64, seed);
    if (o->scale != 100) {
        printf(" --scale %u", o->scale);
    }
    if (s == NULL) {
        printf("\n");
        return;
    }
    printf(" --trace --only %s", s->n_hits == 0 ? "none" : "");
    for (uint32_t i = 0; i < s->n_hits; i++) {
        printf("%s%s:%" PRIu64, i == 0 ? "" : ",", real_fault_names[s->hits[i].kind],
               s->hits[i].draw);
    }
    printf(" --lengths ");
    for (uint32_t i = 0; i < s->plan.n_phases; i++) {
        printf("%s%" PRId64, i == 0 ? "" : ",", s->plan.phases[i].length / NS_PER_MS);
    }
    printf("\n");
}

/* The lines around what went wrong. */
static void print_trace(const struct buf *trace)
{
    const char *end = trace->p + trace->n;
    const char *wrong = trace->n > 0 ? strstr(trace->p, "WRONG") : NULL;
    const char *from = wrong != NULL ? wrong : end;
    for (uint32_t lines = 0; from > trace->p; from--) {
        lines += from[-1] == '\n';
        if (lines > TRACE_LINES) {
            break;
        }
    }
    if (trace->n > 0) {
        fwrite(from, 1, (size_t)(end - from), stdout);
    }
}

static void trace_of(const struct plan *plan, struct buf *trace)
{
    struct plan p = *plan;
    struct real *r = NULL;
    buf_init(trace, (size_t)256 << 20);
    p.config.trace = trace;
    (void)plan_run(&p, &r);
    real_destroy(r);
    buf_char(trace, '\0');
    trace->n -= trace->n > 0;
}

static void tell_failure(const struct options *o, const struct plan *plan,
                         const struct outcome *out)
{
    struct shrunk s;
    struct buf trace;
    printf("seed %" PRIu64 " has failed in phase %u of %u: %s\n  repeat: ", plan->config.seed,
           out->phase + 1, plan->n_phases, out->why);
    command(o, plan->config.seed, NULL);
    if (!o->shrink || o->only != NULL) {
        return;
    }
    shrink(plan, out, SHRINK_RUNS, &s);
    printf("  with %u of %u faults, after %u runs: %s\n  repeat: ", s.n_hits, s.n_before, s.runs,
           s.why);
    command(o, plan->config.seed, &s);
    trace_of(&s.plan, &trace);
    print_trace(&trace);
    buf_finish(&trace);
    free(s.hits);
    fflush(stdout);
}

/* False: it has failed. */
static bool one(const struct options *o, uint64_t seed, struct sums *sums)
{
    struct plan p = planned(o, seed);
    struct real *r = NULL;
    clock_t began = clock();
    struct outcome out = plan_run(&p, &r);
    add(sums, r);
    real_destroy(r);
    sums->cpu_s += (double)(clock() - began) / CLOCKS_PER_SEC;
    if (o->trace) {
        struct buf trace;
        trace_of(&p, &trace);
        fwrite(trace.p, 1, trace.n, stdout);
        buf_finish(&trace);
    }
    if (o->seeds == 1) {
        printf("digest %s\n", out.digest);
    }
    if (!out.failed) {
        return true;
    }
    if (sums->n_failed < FAILED_MAX) {
        sums->failed[sums->n_failed] = seed;
    }
    sums->n_failed++;
    tell_failure(o, &p, &out);
    return false;
}

/* --- figures --- */

static void print_group(bool json, const char *name, const char *(*name_of)(int), int n,
                        const uint64_t *v)
{
    printf(json ? ",\"%s\":{" : "%s:", name);
    for (int i = 0; i < n; i++) {
        printf(json ? "%s\"%s\":%" PRIu64 : "%s%s=%" PRIu64,
               !json    ? " "
               : i == 0 ? ""
                        : ",",
               name_of(i), v[i]);
    }
    printf(json ? "}" : "\n");
}

static const char *fault_name(int i)
{
    return real_fault_names[i];
}

static const char *check_name(int i)
{
    return real_check_names[i];
}

static const char *count_name(int i)
{
    return real_count_names[i];
}

static const char *refusal_name(int i)
{
    return risk_name((enum risk_check_id)i);
}

static void print_sums(const struct options *o, const struct sums *s)
{
    double speed = s->cpu_s > 0 ? s->virtual_s / s->cpu_s : 0;
    if (o->json) {
        printf("{\"first\":%" PRIu64 ",\"seeds\":%" PRIu64
               ",\"virtual_s\":%.3f,\"cpu_s\":%.3f,\"speed\":%.0f,\"orders\":%" PRIu64
               ",\"fills\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"n_failed\":%u,\"failed\":[",
               o->first, o->seeds, s->virtual_s, s->cpu_s, speed, s->sent, s->fills, s->unknown,
               s->n_failed);
        for (uint32_t i = 0; i < s->n_failed && i < FAILED_MAX; i++) {
            printf("%s%" PRIu64, i == 0 ? "" : ",", s->failed[i]);
        }
        printf("]");
    } else {
        printf("seeds %" PRIu64 "..%" PRIu64 ": %u failed; orders=%" PRIu64 " fills=%" PRIu64
               " unknown=%" PRIu64 "\n",
               o->first, o->first + o->seeds - 1, s->n_failed, s->sent, s->fills, s->unknown);
    }
    print_group(o->json, "faults", fault_name, FAULT_MAX, s->faults);
    print_group(o->json, "checks", check_name, CHECK_MAX, s->checks);
    print_group(o->json, "world", count_name, REAL_COUNT_MAX, s->counts);
    print_group(o->json, "refused", refusal_name, RISK_MAX, s->refused);
    if (o->json) {
        printf("}\n");
    } else {
        printf("%.0f virtual seconds in %.1f CPU seconds: %.0f times real time\n", s->virtual_s,
               s->cpu_s, speed);
    }
}

/* Everything was at work. */
static bool complete(const struct options *o, const struct sums *s)
{
    bool good = true;
    for (int i = 0; i < FAULT_MAX && o->all; i++) {
        if (s->faults[i] == 0) {
            printf("fault %s never did anything\n", real_fault_names[i]);
            good = false;
        }
    }
    for (int i = 0; i < CHECK_MAX && o->all; i++) {
        if (s->checks[i] == 0) {
            printf("invariant %s was never looked at\n", real_check_names[i]);
            good = false;
        }
    }
    return good;
}

int main(int argc, char **argv)
{
    struct options o;
    struct sums sums = {0};
    int code = read_options(argc, argv, &o);
    if (code >= 0) {
        return code;
    }
    log_set_level(o.log ? LOG_INFO : LOG_ERROR);
    if (!o.log && freopen("/dev/null", "w", stderr) == NULL) { /* thousands of lines */
        return 1;
    }
    for (uint64_t seed = o.first; seed < o.first + o.seeds; seed++) {
        if (!one(&o, seed, &sums) && o.stop) {
            break;
        }
    }
    print_sums(&o, &sums);
    free(o.only);
    return complete(&o, &sums) && sums.n_failed == 0 ? 0 : 1;
}
