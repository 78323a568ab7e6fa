/*
 * flow_pace.c - when something happens in a generated market, and when it is told.
 *
 * Events excite later ones: the rate of events is base + fast + slow, where each event adds
 * offspring / time constant to fast and to slow, which fade exponentially. The next event is found
 * by thinning: rates only fall between events, so a candidate drawn at the present rate is taken
 * with the probability that the rate then has of it. The base is what makes the messages a second
 * come out at the market's rate: (1 - offspring) events of as many messages as events bring lately.
 *
 * The feed tells events later by its age, and stalls now and then; see flow_params.h. Both are
 * drawn from the seed in engine time.
 */
#include "base/fmath.h"
#include "sim/flow_int.h"

#define LONGEST_S   864000.0 /* any rate is a time: ten days */
#define LEARN_OVER  20000.0  /* events */
#define LEARN_PRIOR 2.2      /* messages of an event, before any was seen */

double flow_normal(struct rng *r) /* sum of uniforms: near enough, exact on every machine */
{
    double s = 0;
    for (int i = 0; i < 12; i++) {
        s += rng_unit(r);
    }
    return s - 6;
}

double flow_exponential(struct rng *r)
{
    return -fm_log(1 - rng_unit(r));
}

/* Events a second that make the market's messages. */
static double events_s(const struct flow_source *s, const struct fmarket *f)
{
    return f->rate / ((s->messages + LEARN_PRIOR * 100) / (s->events + 100));
}

void pace_start(const struct flow_source *s, struct fmarket *f)
{
    f->fast = PACE_FAST_OFFSPRING * events_s(s, f);
    f->slow = PACE_SLOW_OFFSPRING * events_s(s, f);
}

mono_ns_t pace_next(const struct flow_source *s, struct fmarket *f, mono_ns_t t)
{
    double base = events_s(s, f) * (1 - PACE_FAST_OFFSPRING - PACE_SLOW_OFFSPRING);
    double now = base + f->fast + f->slow;
    double waited = 0;
    for (;;) {
        double dt = flow_exponential(&f->rng) / now;
        waited += dt;
        if (waited > LONGEST_S) {
            f->fast = f->slow = 0;
            return t + (mono_ns_t)(LONGEST_S * 1e9);
        }
        f->fast *= fm_exp(-dt / PACE_FAST_S);
        f->slow *= fm_exp(-dt / PACE_SLOW_S);
        double then = base + f->fast + f->slow;
        if (rng_unit(&f->rng) * now <= then) {
            return t + 1 + (mono_ns_t)(waited * 1e9);
        }
        now = then;
    }
}

void pace_excite(struct fmarket *f, bool news)
{
    static const double other = (1 - NEWS_SHARE * PACE_NEWS_WEIGHT) / (1 - NEWS_SHARE);
    double weight = news ? PACE_NEWS_WEIGHT : other;
    f->fast += weight * PACE_FAST_OFFSPRING / PACE_FAST_S;
    f->slow += weight * PACE_SLOW_OFFSPRING / PACE_SLOW_S;
}

void pace_learn(struct flow_source *s, uint32_t messages)
{
    s->messages += messages;
    if (s->events > LEARN_OVER) {
        s->events /= 2;
        s->messages /= 2;
    }
}

/* --- the feed --- */

/* Ages in twelfths of the median, each as likely: quartiles 5, 12 and 14 ms at 12. */
static const int ages[] = {4, 4, 5, 5, 9, 12, 12, 13, 13, 14, 14, 20};

static double between(struct rng *r, double a, double b)
{
    return a + (b - a) * rng_unit(r);
}

/* Quartiles 0.17, 0.33 and 2.25 s. */
static double stall_s(struct rng *r)
{
    double u = rng_unit(r);
    return u < 0.35   ? between(r, 0.08, 0.23)
           : u < 0.65 ? between(r, 0.23, 0.5)
                      : between(r, 1.9, 2.7);
}

mono_ns_t feed_due(const struct sim *sim, mono_ns_t t)
{
    const struct flow_source *s = sim->flow;
    mono_ns_t due = t + s->lag;
    if (t < s->stall_from || t >= s->stall_until) {
        return due;
    }
    mono_ns_t held = s->stall_until + (t - s->stall_from) / STALL_SPEED;
    return held > due ? held : due;
}

void feed_advance(struct sim *sim, mono_ns_t t)
{
    struct flow_source *s = sim->flow;
    mono_ns_t median = sim->config.flow_lag_ns;
    if (median == 0) {
        return;
    }
    while (t >= s->lag_until) {
        int age = ages[rng_below(&s->rng, sizeof ages / sizeof ages[0])];
        s->lag = median / 12 * age;
        s->lag_until += (mono_ns_t)(LAG_REDRAWN_S * 1e9);
    }
    while (sim->config.flow_stalls && t >= s->stall_until) {
        s->stall_from =
            s->stall_until + (mono_ns_t)(STALL_EVERY_S * 1e9 * flow_exponential(&s->rng));
        s->stall_until = s->stall_from + (mono_ns_t)(stall_s(&s->rng) * 1e9);
    }
}
