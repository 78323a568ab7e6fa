/*
 * fuzz_feed.c - both sessions fed with anything, in any order, with time passing and full rings.
 *
 * Input: a byte of options, then steps: a line that begins with '{' is a frame, any other byte is
 * an action. Checked: no memory error, event numbers without holes, sizes, levels rising.
 */
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/log.h"
#include "feed/feed.h"

struct shell {
    uint64_t ord;
    bool full;
};

static enum status take(void *self, const struct ev *ev)
{
    struct shell *s = self;
    if (s->full) {
        return ST_FULL;
    }
    ensure(ev->size >= sizeof *ev && ev->size % 8 == 0);
    ensure(ev->ord == ++s->ord);
    if (ev->type == EV_SNAPSHOT) {
        const struct ev_snapshot *e = (const void *)ev;
        ensure(ev->size == ev_round8(sizeof *e + (e->n_yes + e->n_no) * sizeof(struct level)));
        for (uint32_t i = 1; i < e->n_yes; i++) {
            ensure(e->levels[i - 1].px <= e->levels[i].px);
        }
        for (uint32_t i = e->n_yes + 1; i < e->n_yes + e->n_no; i++) {
            ensure(e->levels[i - 1].px <= e->levels[i].px);
        }
    }
    return ST_OK;
}

static void record(void *self, const struct rec *rec)
{
    (void)self;
    ensure(rec->size % 8 == 0 && rec->size > 0);
}

static enum status say(void *self, const char *text, size_t n)
{
    struct shell *s = self;
    ensure(n > 0 && text[0] == '{' && text[n - 1] == '}');
    return s->full ? ST_FULL : ST_OK;
}

static void reconnect(void *self, const char *reason)
{
    (void)self;
    ensure(reason != NULL);
}

struct session {
    struct shell market, private_side;
    struct feed *feed;
    struct fill_listener *fl;
    mono_ns_t now;
};

static void act(struct session *x, uint8_t how)
{
    switch (how % 8) {
    case 0:
        feed_open(x->feed, x->now, x->now);
        fill_listener_open(x->fl, x->now, x->now);
        break;
    case 1:
        feed_close(x->feed, "closed", x->now, x->now);
        fill_listener_close(x->fl, "closed", x->now, x->now);
        break;
    case 2:
        x->now += NS_PER_SEC * (how / 8);
        feed_tick(x->feed, x->now, x->now);
        fill_listener_tick(x->fl, x->now, x->now);
        break;
    case 3:
        x->market.full = x->private_side.full = (how & 8) != 0;
        break;
    case 4:
        feed_repair(x->feed, how / 8, x->now, x->now);
        break;
    case 5:
        fill_listener_refresh(x->fl, x->now, x->now);
        break;
    default: {
        struct ev_market m = {.ticker = {(char)('A' + how / 8 % 4), '\0'}, .grid = grid_cents()};
        (void)!feed_add_market(x->feed, &m, x->now, x->now);
        break;
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session x = {.now = NS_PER_SEC};
    struct feed_config c = feed_config_default();
    log_set_level(LOG_ERROR);
    c.markets_max = 4;
    c.levels_max = 64;
    if (size < 1) {
        return 0;
    }
    c.repair = (data[0] & 1) == 0;
    c.use_yes_price = (data[0] & 2) != 0;
    c.seq_check = (data[0] & 4) == 0;
    struct feed_out market = {&x.market, take, record, say, reconnect};
    struct feed_out fills = {&x.private_side, take, record, say, reconnect};
    ensure(feed_create(&c, &market, &x.feed) == ST_OK);
    ensure(fill_listener_create(&c, &fills, x.feed, &x.fl) == ST_OK);
    feed_open(x.feed, x.now, x.now);
    fill_listener_open(x.fl, x.now, x.now);
    for (size_t at = 1; at < size;) {
        if (data[at] != '{') {
            act(&x, data[at++]);
            continue;
        }
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t n = end != NULL ? (size_t)(end - (data + at)) : size - at;
        char *frame = malloc(n + 1); /* of its own, so that a read past its end is seen */
        ensure(frame != NULL);
        memcpy(frame, data + at, n);
        (void)feed_frame(x.feed, frame, n, x.now, x.now);
        (void)fill_listener_frame(x.fl, frame, n, x.now, x.now);
        free(frame);
        at += n + 1;
        ensure(feed_deadline(x.feed) > 0 && fill_listener_deadline(x.fl) > 0);
    }
    fill_listener_destroy(x.fl);
    feed_destroy(x.feed);
    return 0;
}
