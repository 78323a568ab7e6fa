#include "exchange/exchange_int.h"

static int64_t into_range(int64_t v)
{
    return v < 1 ? 1 : v > BUCKET_LIMIT ? BUCKET_LIMIT : v;
}

static void refill(struct bucket *b, mono_ns_t now)
{
    if (now <= b->last) {
        return;
    }
    /* Longer than this fills any bucket in practice, and keeps rate times time inside 64 bits. */
    mono_ns_t passed = now - b->last;
    if (passed > 600 * NS_PER_SEC) {
        passed = 600 * NS_PER_SEC;
    }
    b->last = now;
    int64_t full = b->capacity * NS_PER_SEC;
    int64_t add = b->rate * passed;
    b->nano = add >= full - b->nano ? full : b->nano + add;
}

void bucket_init(struct bucket *b, int64_t capacity, int64_t rate, mono_ns_t now)
{
    *b = (struct bucket){.capacity = into_range(capacity), .rate = into_range(rate), .last = now};
    b->nano = b->capacity * NS_PER_SEC;
}

void bucket_set(struct bucket *b, int64_t capacity, int64_t rate, mono_ns_t now)
{
    refill(b, now);
    bool was_full = b->nano == b->capacity * NS_PER_SEC;
    b->capacity = into_range(capacity);
    b->rate = into_range(rate);
    int64_t full = b->capacity * NS_PER_SEC;
    if (was_full || b->nano > full) {
        b->nano = full;
    }
}

/* A reserve that leaves no room for the call itself would block it for ever. */
static int64_t needed(const struct bucket *b, int64_t cost, int64_t reserve)
{
    int64_t want = cost + reserve;
    int64_t most = b->capacity > cost ? b->capacity : cost;
    return (want < most ? want : most) * NS_PER_SEC;
}

bool bucket_take(struct bucket *b, int64_t cost, int64_t reserve, mono_ns_t now)
{
    refill(b, now);
    if (now < b->paused_until || bucket_ready(b, cost, reserve, now) > now) {
        return false;
    }
    b->nano -= cost * NS_PER_SEC;
    return true;
}

mono_ns_t bucket_ready(const struct bucket *b, int64_t cost, int64_t reserve, mono_ns_t now)
{
    int64_t need = needed(b, cost, reserve);
    /* A capacity below one call's cost: the full bucket has to do, and goes below zero. */
    int64_t full = b->capacity * NS_PER_SEC;
    if (need > full) {
        need = full;
    }
    mono_ns_t at = now;
    if (b->nano < need) {
        at = b->last + (need - b->nano + b->rate - 1) / b->rate;
    }
    return at > b->paused_until ? at : b->paused_until;
}

void bucket_empty(struct bucket *b, mono_ns_t now, mono_ns_t pause)
{
    refill(b, now);
    if (b->nano > 0) {
        b->nano = 0;
    }
    if (b->paused_until < now + pause) {
        b->paused_until = now + pause;
    }
}

int64_t bucket_tokens(const struct bucket *b)
{
    return b->nano / NS_PER_SEC;
}
