/*
 * feed_clock.c - how far our clock is ahead of the exchange's, so that the age of a message can be
 * told.
 *
 * Every message says when the exchange queued it for the network (sending_ts_ms). Received less
 * sent is the way here plus what the clocks differ by; its least value over half a minute to a
 * minute is the shortest way plus the difference, and the way is short. What a message is older
 * than that was waiting: at the exchange before it was sent, in the network, or here. A clock that
 * is set back shows at once; one that is set forward makes all messages look old until the least
 * value is forgotten, which errs on the safe side.
 */
#include "feed/feed_int.h"

#define WINDOW_NS (30 * NS_PER_SEC)
#define TELL_MS   25 /* changes that are smaller are not told */
#define FAR_MS    (24 * INT64_C(3600000))

void feed_clock(struct feed *f, int64_t sending_ts_ms)
{
    struct feed_clock *c = &f->clock;
    int64_t d = f->wall / NS_PER_MS - sending_ts_ms;
    if (d > FAR_MS || d < -FAR_MS) {
        return; /* no clock is so wrong: the number is */
    }
    if (c->windows == 0 || f->now - c->began >= WINDOW_NS) {
        bool old = c->windows > 0 && f->now - c->began < 2 * WINDOW_NS;
        c->before = old ? c->least : d;
        c->least = d;
        c->began = f->now;
        c->windows++;
    }
    c->least = d < c->least ? d : c->least;
    int64_t ahead = c->least < c->before ? c->least : c->before;
    int64_t off = ahead > c->told ? ahead - c->told : c->told - ahead;
    if (c->any && off < TELL_MS) {
        return;
    }
    if (feed_put_mark(f, EV_CLOCK, MKT_NONE, ahead, "ms ahead of the exchange")) {
        c->any = true;
        c->told = ahead;
    }
}
