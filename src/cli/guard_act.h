/*
 * guard_act.h - what `deltaflow guard` does when a run is in trouble, request by request: trigger
 * the run's order groups, the newest first, cancel all orders of the account, read what rests;
 * again until nothing does. No I/O and no clock.
 */
#ifndef CLI_GUARD_ACT_H
#define CLI_GUARD_ACT_H

#include "cli/guard_watch.h"
#include "exchange/exchange.h"

#define GUARD_AGAIN_NS (500 * NS_PER_MS) /* between two tries */

struct guard_request {
    enum http_method method;
    char rest[128]; /* path behind the base path */
    char query[40];
    const char *body;
    const char *what; /* for people */
};

enum guard_result {
    GUARD_NEXT,  /* guard_act_request has more to ask for */
    GUARD_AGAIN, /* not done: guard_act_begin after GUARD_AGAIN_NS, if there is still trouble */
    GUARD_DONE   /* the exchange has confirmed that nothing rests that should not */
};

struct guard_act {
    const struct guard_watch *watch; /* borrowed; its groups may grow between two tries */
    bool cancel_all;
    uint32_t groups_left; /* to be triggered in this try */
    enum { GUARD_TRIGGER, GUARD_CANCEL, GUARD_READ } step;
    bool good;    /* all of this try was confirmed so far */
    int64_t left; /* orders that rest, by the last read; -1: it could not be read */
};

/* A try from its beginning. */
void guard_act_begin(struct guard_act *a, const struct guard_watch *watch, bool cancel_all);
/* What to ask for now; the same until it is answered. */
void guard_act_request(const struct guard_act *a, struct guard_request *ret);
/* The answer: its HTTP status, 0 when none came. */
enum guard_result guard_act_answer(struct guard_act *a, int status, const char *body, size_t n);

#endif
