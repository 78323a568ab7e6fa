/*
 * gateway_rig.h - a gateway with a transport that a test plays by hand, and the answers that came.
 */
#ifndef TESTS_GATEWAY_RIG_H
#define TESTS_GATEWAY_RIG_H

#include "exchange/exchange.h"

#define RIG_ANSWERS 4096
#define RIG_WALL    (INT64_C(1781159364) * NS_PER_SEC)

struct rig {
    struct gateway *gw;
    mono_ns_t now;
    uint64_t next_req;
    struct http_req req; /* the newest HTTP request */
    uint32_t n;          /* answers, parts counted one by one */
    struct ev_answer last;
    uint32_t rows;               /* of all answers */
    uint8_t finals[RIG_ANSWERS]; /* last answers of each req_id */
    uint64_t next_ord;
    uint32_t biggest;
    _Alignas(8) char first_row[1024]; /* of the newest answer with rows */
};

void rig_start(struct rig *r, const struct gateway_config *config);
void rig_stop(struct rig *r);

struct gw_request rig_request(struct rig *r, enum gw_op op);
struct gw_request rig_create_order(struct rig *r);
void rig_submit(struct rig *r, const struct gw_request *req);

/* The next HTTP request, kept in r->req. False: none may leave. */
bool rig_next(struct rig *r);
/* Answer the newest HTTP request. */
void rig_answer(struct rig *r, int status, const char *body);
void rig_fate(struct rig *r, enum http_fate fate);
/* Submit, send and answer in one go. */
void rig_call(struct rig *r, const struct gw_request *req, int status, const char *body);

#endif
