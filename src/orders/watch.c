#include "orders/watch.h"

#include <stdlib.h>

void worth_set(struct worth *w, usd_t now, wall_ns_t wall)
{
    int64_t day = wall / (86400 * NS_PER_SEC);
    if (!w->known) {
        *w = (struct worth){true, now, now, now, now, day};
        return;
    }
    if (day > w->day) { /* a clock that goes back starts no new day */
        w->day = day;
        w->day_start = w->now;
    }
    w->now = now;
    w->peak = now > w->peak ? now : w->peak;
}

void worth_shift(struct worth *w, usd_t diff)
{
    if (w->known) {
        w->now += diff;
        w->start += diff;
        w->day_start += diff;
        w->peak += diff;
    }
}

static usd_t below(usd_t now, usd_t mark)
{
    return mark > now ? mark - now : 0;
}

usd_t worth_loss(const struct worth *w)
{
    return below(w->now, w->start);
}

usd_t worth_loss_day(const struct worth *w)
{
    return below(w->now, w->day_start);
}

usd_t worth_drawdown(const struct worth *w)
{
    return below(w->now, w->peak);
}

enum status rate_init(struct rate *r, uint32_t cap)
{
    *r = (struct rate){.at = calloc(cap, sizeof *r->at), .cap = cap};
    return r->at != NULL ? ST_OK : ST_NOMEM;
}

void rate_finish(struct rate *r)
{
    free(r->at);
    r->at = NULL;
}

void rate_add(struct rate *r, mono_ns_t now)
{
    r->at[r->next] = now;
    r->next = r->next + 1 == r->cap ? 0 : r->next + 1;
    r->n += r->n < r->cap;
}

uint32_t rate_lately(struct rate *r, mono_ns_t now)
{
    while (r->n > 0) {
        uint32_t oldest = r->next >= r->n ? r->next - r->n : r->next + r->cap - r->n;
        if (now - r->at[oldest] < NS_PER_SEC) {
            break;
        }
        r->n--;
    }
    return r->n;
}
