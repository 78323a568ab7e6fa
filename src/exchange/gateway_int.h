/*
 * gateway_int.h - what gateway.c (the object, requests in), gateway_queue.c (waiting and leaving)
 * and gateway_answer.c (coming back) share.
 */
#ifndef EXCHANGE_GATEWAY_INT_H
#define EXCHANGE_GATEWAY_INT_H

#include "exchange/exchange_int.h"

enum lane { LANE_CANCEL, LANE_CREATE, LANE_READ, LANE_MAX };

struct queue {
    uint32_t head, tail, n;
};

struct gateway {
    struct gateway_config config;
    char base_path[64];
    struct gateway_out out;
    struct call *calls;
    uint32_t n_calls, free, waiting, in_flight;
    uint32_t in_flight_lane[LANE_MAX];
    struct queue queues[LANE_MAX];
    struct bucket read, write;
    bool stopped, held;
    uint64_t next_http, next_ord;
    mono_ns_t now;           /* the newest time we were told */
    wall_ns_t wall_less_now; /* so that answers without an HTTP answer have a wall time too */
    struct wire_decoder levels;
    struct page page;
    struct ev_answer *event; /* answer_bytes_max long */
    struct gateway_stats stats;
};

static inline void see_time(struct gateway *gw, mono_ns_t now)
{
    if (now > gw->now) {
        gw->now = now;
    }
}

static inline void see_wall(struct gateway *gw, mono_ns_t now, wall_ns_t wall)
{
    see_time(gw, now);
    gw->wall_less_now = wall - now;
}

/* --- gateway_queue.c --- */

enum lane call_lane(const struct call *c);
struct bucket *bucket_of(struct gateway *gw, enum lane lane);
void queue_back(struct gateway *gw, struct call *c);
void queue_front(struct gateway *gw, struct call *c);
/* Take c out; before is the call in front of it, CALL_NONE at the head. */
void queue_take(struct gateway *gw, struct call *c, uint32_t before);
/* The call that is at the transport under this id; NULL: none is. */
struct call *call_find(struct gateway *gw, uint64_t http_id);
void call_release(struct gateway *gw, struct call *c);

/* --- gateway_answer.c --- */

/* The last answer of a call, without rows; the call is released. */
void call_answer(struct gateway *gw, struct call *c, enum gw_outcome outcome, int http_status,
                 const char *code);

#endif
