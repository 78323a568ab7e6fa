/*
 * lws_util.h - what the client and the server shells share of libwebsockets.
 */
#ifndef NET_LWS_UTIL_H
#define NET_LWS_UTIL_H

#include <libwebsockets.h>

#include "base/bytes.h"

/* Send the library's own messages to our log, at debug level; once for the process. */
void lws_util_logs(void);

/*
 * One turn of a context that waits up to wait_us for something to do; 0 or less only looks.
 * timer is the caller's, zeroed at first.
 *
 * The library runs timers that are due just before it computes how long it may sleep. A short timer
 * that comes due there would be run, forgotten, and slept over until something else happens, for
 * seconds. So ours, when it is run, also ends the wait that follows.
 */
struct lws_wait {
    lws_sorted_usec_list_t timer; /* first: the callback gets its address */
    struct lws_context *context;
};
void lws_wait_service(struct lws_wait *w, struct lws_context *context, int64_t wait_us);

/*
 * Messages of one WebSocket connection waiting to be written: a ring of bytes, each message
 * contiguous, with the room that lws_write needs before it. Bounded; memory is taken at init.
 */
struct msg_queue {
    unsigned char *p;
    size_t cap, head, tail; /* offsets; head == tail: empty */
    size_t wrap;            /* end of the used part when tail is behind head */
    size_t used, used_max;
    uint32_t n;
};

enum status msg_queue_init(struct msg_queue *q, size_t cap) MUST_CHECK;
void msg_queue_finish(struct msg_queue *q);
/* ST_FULL: no room now; ST_LIMIT: never will be. */
enum status msg_queue_push(struct msg_queue *q, const char *s, size_t n) MUST_CHECK;
/* The oldest message: its first byte has LWS_PRE writable bytes before it. NULL: empty. */
unsigned char *msg_queue_front(struct msg_queue *q, size_t *ret_n);
void msg_queue_pop(struct msg_queue *q);
void msg_queue_clear(struct msg_queue *q);

#endif
