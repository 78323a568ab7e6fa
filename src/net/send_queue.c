#include "net/send_queue.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)32 << 10)

/* bytes: LWS_PRE free ones, then records. In batches a record is a frame; apart it is a length (8
 * bytes), LWS_PRE free bytes and the payload, up to a multiple of 8. */
struct send_chunk {
    struct send_chunk *next;
    size_t cap, head, tail;
    unsigned char bytes[];
};

void send_queue_init(struct send_queue *q, size_t bytes_max)
{
    *q = (struct send_queue){.bytes_max = bytes_max};
}

void send_queue_finish(struct send_queue *q)
{
    while (q->first != NULL) {
        struct send_chunk *next = q->first->next;
        free(q->first);
        q->first = next;
    }
    free(q->spent);
    *q = (struct send_queue){.bytes_max = q->bytes_max, .apart = q->apart};
}

void send_queue_apart(struct send_queue *q)
{
    q->apart = true;
}

size_t frame_header(unsigned char out[10], size_t n)
{
    out[0] = 0x81; /* final, text */
    if (n < 126) {
        out[1] = (unsigned char)n;
        return 2;
    }
    size_t len = n <= 0xffff ? 2 : 8;
    out[1] = len == 2 ? 126 : 127;
    for (size_t i = 0; i < len; i++) {
        out[2 + i] = (unsigned char)((uint64_t)n >> (8 * (len - 1 - i)));
    }
    return 2 + len;
}

/* Room for a record at the end; NULL: no memory. */
static unsigned char *reserve(struct send_queue *q, size_t size)
{
    struct send_chunk *c = q->last;
    if (c == NULL || c->cap - c->tail < size) {
        size_t cap = LWS_PRE + size > CHUNK_BYTES ? LWS_PRE + size : CHUNK_BYTES;
        c = malloc(sizeof *c + cap);
        if (c == NULL) {
            return NULL;
        }
        *c = (struct send_chunk){.cap = cap, .head = LWS_PRE, .tail = LWS_PRE};
        if (q->last != NULL) {
            q->last->next = c;
        } else {
            q->first = c;
        }
        q->last = c;
    }
    unsigned char *p = c->bytes + c->tail;
    c->tail += size;
    q->bytes += size;
    q->high = q->bytes > q->high ? q->bytes : q->high;
    q->messages++;
    return p;
}

enum status send_queue_push(struct send_queue *q, const char *s, size_t n)
{
    unsigned char header[10];
    size_t head = frame_header(header, n);
    size_t size = q->apart ? (8 + LWS_PRE + n + 7) & ~(size_t)7 : head + n;
    if (q->bytes > 0 && q->bytes + size > q->bytes_max) {
        return ST_FULL;
    }
    unsigned char *p = reserve(q, size);
    if (p == NULL) {
        return ST_NOMEM;
    }
    if (q->apart) {
        uint64_t len = n;
        memcpy(p, &len, sizeof len);
        memcpy(p + 8 + LWS_PRE, s, n);
    } else {
        memcpy(p, header, head);
        memcpy(p + head, s, n);
    }
    return ST_OK;
}

/* Bytes of the frame at p, header included. */
static size_t frame_size(const unsigned char *p)
{
    size_t n = p[1];
    size_t len = n < 126 ? 0 : n == 126 ? 2 : 8;
    if (len > 0) {
        n = 0;
        for (size_t i = 0; i < len; i++) {
            n = n << 8 | p[2 + i];
        }
    }
    return 2 + len + n;
}

unsigned char *send_queue_front(struct send_queue *q, size_t max, size_t *ret_n)
{
    struct send_chunk *c = q->first;
    if (c == NULL) {
        return NULL;
    }
    unsigned char *p = c->bytes + c->head;
    if (q->apart) {
        uint64_t len = 0;
        memcpy(&len, p, sizeof len);
        *ret_n = (size_t)len;
        return p + 8 + LWS_PRE;
    }
    size_t n = c->tail - c->head;
    if (n > max) {
        n = frame_size(p);
        while (n < max && n + frame_size(p + n) <= max) {
            n += frame_size(p + n);
        }
    }
    *ret_n = n;
    return p;
}

uint64_t send_queue_pop(struct send_queue *q, size_t n)
{
    struct send_chunk *c = q->first;
    uint64_t messages = 1;
    size_t size = n;
    if (q->apart) {
        size = (8 + LWS_PRE + n + 7) & ~(size_t)7;
    } else {
        const unsigned char *p = c->bytes + c->head;
        size_t at = frame_size(p);
        for (; at < n; at += frame_size(p + at)) {
            messages++;
        }
    }
    c->head += size;
    q->bytes -= size;
    q->messages -= messages;
    if (c->head == c->tail) {
        q->first = c->next;
        q->last = q->first != NULL ? q->last : NULL;
        free(q->spent);
        q->spent = c;
    }
    return messages;
}
