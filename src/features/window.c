/*
 * window.c - points of a market's stream and their derived numbers (features.md section 2).
 */
#include "features/features.h"

#include "base/fmath.h"

bool feature_mid(const struct feature_book *b, double *ret_mid)
{
    if (b->yes_bid <= 0 || b->yes_ask <= 0) {
        return false;
    }
    *ret_mid = (double)(b->yes_bid + b->yes_ask) / 100.0 / 2.0;
    return true;
}

static qty_t total_volume(const struct feature_book *b)
{
    return b->any ? b->yes_bids + b->yes_asks + b->no_bids + b->no_asks : 0;
}

static double ln_volume(qty_t volume)
{
    return fm_log(1.0 + (double)volume / 100.0);
}

static double activity_of(uint32_t markets, double ln)
{
    double a = ((double)markets * ln) / 1000.0;
    return a < 1.0 ? a : 1.0;
}

/* Without a mid nothing changes: the last momentum repeats. */
static void mids_add(struct feature_mids *m, const struct feature_book *b)
{
    double mid;
    if (!feature_mid(b, &mid)) {
        return;
    }
    m->last[0] = m->last[1];
    m->last[1] = m->last[2];
    m->last[2] = mid;
    if (m->n < 3) {
        m->n++;
    }
    double r = m->last[2] - m->last[1];
    double q = m->last[1] - m->last[0];
    double size = q < 0 ? -q : q;
    m->moved = m->n == 3 && size > 0.001;
    m->momentum = m->moved ? fm_tanh((r - q) / size) : 0.0;
}

static void add_point(struct feature_window *w, const struct feature_book *b, int64_t t_ms,
                      double activity, double ln_total)
{
    w->head = w->head == FEATURE_HISTORY ? 0 : w->head + 1;
    if (w->n <= FEATURE_HISTORY) {
        w->n++;
    }
    struct feature_point *p = &w->points[w->head];
    p->t_ms = t_ms;
    p->activity = activity;
    p->mid = 0;
    p->has_mid = feature_mid(b, &p->mid);
    w->book = *b;
    w->ln_total = ln_total;
    w->version++;
}

void feature_window_add(struct feature_window *w, const struct feature_book *b, int64_t t_ms)
{
    w->time_gap = w->n == 0 ? 0.0 : (double)(t_ms - w->points[w->head].t_ms) / 1000.0;
    mids_add(&w->mids, b);
    w->momentum = w->mids.momentum;
    double ln_total = ln_volume(total_volume(b));
    add_point(w, b, t_ms, activity_of(1, ln_total), ln_total);
}

void feature_window_add_derived(struct feature_window *w, const struct feature_book *b,
                                int64_t t_ms, double time_gap, double activity, double momentum)
{
    w->time_gap = time_gap;
    mids_add(&w->mids, b);
    w->momentum = momentum;
    add_point(w, b, t_ms, activity, ln_volume(total_volume(b)));
}

void feature_session_begin(struct feature_session *s, int64_t t_ms)
{
    s->time_gap = s->any ? (double)(t_ms - s->t_ms) / 1000.0 : 0.0;
    s->any = true;
    s->t_ms = t_ms;
    s->volume = 0;
    s->in_point = 0;
}

void feature_session_add(struct feature_session *s, uint32_t mkt, const struct feature_book *b)
{
    s->volume += total_volume(b);
    s->in_point++;
    mids_add(&s->markets[mkt], b);
}

void feature_session_end(struct feature_session *s)
{
    s->activity = activity_of(s->in_point, ln_volume(s->volume));
    double sum = 0.0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_markets; i++) {
        if (s->markets[i].moved) {
            sum += s->markets[i].momentum;
            n++;
        }
    }
    s->momentum = n > 0 ? sum / (double)n : 0.0;
}
