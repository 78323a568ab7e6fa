/*
 * flow_walk.c - what a generated market is worth.
 *
 * The hidden value is a random walk with variance 1 a second. With left seconds to go it ends above
 * 0 with probability cdf(value / sqrt(left)), which is the fair price of YES: a price that wanders
 * while there is time and runs to 0 or 1 at the end. Markets without end have WALK_LIFE_S to go for
 * ever, and a value that is drawn back to even.
 */
#include <math.h>

#include "base/fmath.h"
#include "sim/flow_int.h"

#define LEFT_MIN 0.5 /* seconds: the last price is not quite 0 or 1 */

/* Abramowitz and Stegun 26.2.17, off by less than 7.5e-8; with our own exp, the same bits on every
 * machine. */
static double normal_cdf(double x)
{
    double a = x < 0 ? -x : x;
    double t = 1 / (1 + 0.2316419 * a);
    double poly =
        t * (0.319381530 +
             t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    double upper = 0.39894228040143268 * fm_exp(-a * a / 2) * poly;
    return x < 0 ? upper : 1 - upper;
}

void walk_start(struct fmarket *f, double left_s)
{
    f->value = WALK_START * sqrt(left_s) * flow_normal(&f->rng);
}

void walk_resume(struct fmarket *f, double left_s, double p)
{
    double low = -6;
    double high = 6;
    for (int i = 0; i < 50; i++) {
        double mid = (low + high) / 2;
        if (normal_cdf(mid) < p) {
            low = mid;
        } else {
            high = mid;
        }
    }
    f->value = low * sqrt(left_s);
}

void walk_move(struct fmarket *f, double left_s, double since_s, bool endless)
{
    double step = since_s < left_s ? since_s : left_s;
    if (endless) {
        step = step < WALK_LIFE_S / 4 ? step : WALK_LIFE_S / 4;
        f->value -= f->value * step / WALK_LIFE_S;
    }
    f->value += sqrt(step) * flow_normal(&f->rng);
}

double walk_probability(const struct fmarket *f, double left_s)
{
    return normal_cdf(f->value / sqrt(left_s > LEFT_MIN ? left_s : LEFT_MIN));
}
