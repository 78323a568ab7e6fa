/*
 * send_queue.h - what waits to be written to one WebSocket connection, in chunks that are taken
 * when they are needed and given back when they are written: hundreds of connections cost what they
 * hold, not what they may hold.
 *
 * In batches, messages are stored as WebSocket frames one after the other, and many of them go out
 * in one write. Else (compressed connections) each is apart, with the room before it that lws_write
 * needs, and stays where it is until the next call of send_queue_pop. Owner: one thread.
 */
#ifndef NET_SEND_QUEUE_H
#define NET_SEND_QUEUE_H

#include <stdint.h>

#include "base/bytes.h"

struct send_chunk;
struct send_queue {
    struct send_chunk *first, *last, *spent; /* spent: the library may still read in it */
    size_t bytes, bytes_max, high;
    uint64_t messages; /* that wait */
    bool apart;
};

void send_queue_init(struct send_queue *q, size_t bytes_max);
void send_queue_finish(struct send_queue *q);
/* Messages that come from now on are stored apart; the queue must be empty. */
void send_queue_apart(struct send_queue *q);

/* One text message. ST_FULL: no room now; an empty queue takes any. ST_NOMEM. */
enum status send_queue_push(struct send_queue *q, const char *s, size_t n) MUST_CHECK;

/* The oldest bytes that can be written at once, NULL: empty. LWS_PRE bytes before them are free. In
 * batches at most max (or one message), and whole frames only. */
unsigned char *send_queue_front(struct send_queue *q, size_t max, size_t *ret_n);
/* They are written. Returns how many messages they were. */
uint64_t send_queue_pop(struct send_queue *q, size_t n);

/* The header of an unmasked text frame of n bytes; returns its length, at most 10. */
size_t frame_header(unsigned char out[10], size_t n);

#endif
