#include "orders/budget.h"

#define LIMIT         INT64_C(1000000)
#define GATEWAY_KEEPS 20 /* tokens that the gateway keeps for cancels */

static int64_t into_range(int64_t v)
{
    return v < 1 ? 1 : v > LIMIT ? LIMIT : v;
}

static int64_t nano_at(const struct budget *b, mono_ns_t now)
{
    int64_t full = b->capacity * NS_PER_SEC;
    int64_t passed = now > b->at ? now - b->at : 0;
    int64_t room = full - b->nano;
    return passed >= room / b->rate + 1 ? full : b->nano + passed * b->rate;
}

static void refill(struct budget *b, mono_ns_t now)
{
    b->nano = nano_at(b, now);
    b->at = now > b->at ? now : b->at;
}

void budget_init(struct budget *b, int64_t rate, int64_t capacity)
{
    *b = (struct budget){.rate = into_range(rate), .capacity = into_range(capacity)};
    b->nano = b->capacity * NS_PER_SEC;
}

void budget_limits(struct budget *b, int64_t rate, int64_t capacity, mono_ns_t now)
{
    refill(b, now);
    int64_t spent = b->capacity * NS_PER_SEC - b->nano;
    b->rate = into_range(rate);
    b->capacity = into_range(capacity);
    b->nano = b->capacity * NS_PER_SEC - spent;
}

void budget_spend(struct budget *b, int64_t tokens, mono_ns_t now)
{
    refill(b, now);
    int64_t floor = -b->capacity * NS_PER_SEC;
    int64_t left = b->nano - tokens * NS_PER_SEC;
    b->nano = left < floor ? floor : left;
}

void budget_return(struct budget *b, int64_t tokens, mono_ns_t now)
{
    refill(b, now);
    int64_t full = b->capacity * NS_PER_SEC;
    int64_t more = b->nano + tokens * NS_PER_SEC;
    b->nano = more > full ? full : more;
}

void budget_empty(struct budget *b, mono_ns_t now)
{
    refill(b, now);
    b->nano = b->nano > 0 ? 0 : b->nano;
}

int64_t budget_tokens(const struct budget *b, mono_ns_t now)
{
    int64_t nano = nano_at(b, now);
    return nano >= 0 ? nano / NS_PER_SEC : -((-nano + NS_PER_SEC - 1) / NS_PER_SEC);
}

int64_t budget_needed(const struct budget *b, uint32_t open_orders)
{
    int64_t cancels = ((int64_t)open_orders + 1) * BUDGET_CANCEL;
    int64_t want = BUDGET_CREATE + (cancels > GATEWAY_KEEPS ? cancels : GATEWAY_KEEPS);
    return want < b->capacity ? want : b->capacity;
}
