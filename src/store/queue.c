/* queue.c - see queue.h. */
#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_SIZE ((size_t)1 << 20)

struct segment {
    struct segment *next;
    size_t begin, end; /* waiting records */
    size_t cap;
    uint64_t records;
    bool held; /* somebody looks at its records */
    _Alignas(8) uint8_t bytes[];
};

static uint32_t size_of(const void *record)
{
    uint32_t size;
    memcpy(&size, record, sizeof size);
    return size;
}

void queue_finish(struct queue *q)
{
    while (q->first != NULL) {
        struct segment *next = q->first->next;
        free(q->first);
        q->first = next;
    }
    queue_release(q);
    free(q->spare);
    memset(q, 0, sizeof *q);
}

enum status queue_reserve(struct queue *q)
{
    if (q->spare == NULL) {
        q->spare = malloc(sizeof *q->spare + SEGMENT_SIZE);
    }
    return q->spare != NULL ? ST_OK : ST_NOMEM;
}

/* New memory; the spare one only when there is no other. */
static struct segment *take_segment(struct queue *q, size_t cap)
{
    struct segment *s = malloc(sizeof *s + cap);
    if (s == NULL && cap == SEGMENT_SIZE) {
        s = q->spare;
        q->spare = NULL;
    }
    return s;
}

static void give_segment(struct queue *q, struct segment *s)
{
    if (q->spare == NULL && s->cap == SEGMENT_SIZE) {
        q->spare = s;
    } else {
        free(s);
    }
}

static struct segment *add_segment(struct queue *q, uint32_t size)
{
    size_t cap = size > SEGMENT_SIZE ? size : SEGMENT_SIZE;
    struct segment *s = take_segment(q, cap);
    if (s == NULL) {
        return NULL;
    }
    *s = (struct segment){.cap = cap};
    if (q->last != NULL) {
        q->last->next = s;
    } else {
        q->first = s;
    }
    q->last = s;
    q->bytes += sizeof *s + cap;
    return s;
}

enum status queue_push(struct queue *q, const void *record, uint32_t size)
{
    struct segment *s = q->last;
    if (s == NULL || s->cap - s->end < size) {
        s = add_segment(q, size);
        if (s == NULL) {
            return ST_NOMEM;
        }
    }
    memcpy(s->bytes + s->end, record, size);
    s->end += size;
    s->records++;
    q->records++;
    return ST_OK;
}

struct queue_cursor queue_begin(const struct queue *q)
{
    return (struct queue_cursor){q->first, q->first != NULL ? q->first->begin : 0, 0};
}

const void *queue_next(struct queue_cursor *c)
{
    while (c->segment != NULL && c->at == c->segment->end) {
        if (c->segment->next == NULL) {
            return NULL; /* stay: more may come behind it */
        }
        c->segment = c->segment->next;
        c->at = c->segment->begin;
    }
    if (c->segment == NULL) {
        return NULL;
    }
    const void *record = c->segment->bytes + c->at;
    c->at += size_of(record);
    c->records++;
    return record;
}

static void free_first(struct queue *q)
{
    struct segment *s = q->first;
    q->first = s->next;
    q->last = q->first == NULL ? NULL : q->last;
    q->bytes -= sizeof *s + s->cap;
    q->records -= s->records;
    if (s->held) {
        s->next = q->held;
        q->held = s;
    } else {
        give_segment(q, s);
    }
}

void queue_pop(struct queue *q, const struct queue_cursor *c)
{
    q->changes++;
    while (q->first != NULL && q->first != c->segment) {
        free_first(q);
    }
    struct segment *s = q->first;
    if (s == NULL) {
        return;
    }
    if (c->at == s->end && s->cap == SEGMENT_SIZE && s->next == NULL && !s->held) {
        /* Whole: the usual case keeps its one segment. */
        q->records -= s->records;
        s->records = 0;
        s->begin = 0;
        s->end = 0;
        return;
    }
    while (s->begin < c->at) {
        s->begin += size_of(s->bytes + s->begin);
        s->records--;
        q->records--;
    }
    if (s->begin == s->end) {
        free_first(q);
    }
}

/* What stays of a segment, moved together, in no more memory than it needs. */
static struct segment *thin_segment(struct queue *q, struct segment *s, uint64_t *keep,
                                    bool (*drop)(void *self, const void *record), void *self)
{
    size_t to = 0;
    for (size_t at = s->begin; at < s->end;) {
        uint32_t size = size_of(s->bytes + at);
        bool stays = *keep > 0;
        *keep -= stays;
        if (!stays && drop(self, s->bytes + at)) {
            s->records--;
            q->records--;
        } else {
            memmove(s->bytes + to, s->bytes + at, size);
            to += size;
        }
        at += size;
    }
    s->begin = 0;
    s->end = to;
    struct segment *smaller = realloc(s, sizeof *s + to);
    if (smaller == NULL) {
        return s;
    }
    q->bytes -= smaller->cap - to;
    smaller->cap = to;
    return smaller;
}

void queue_thin(struct queue *q, size_t target, uint64_t keep,
                bool (*drop)(void *self, const void *record), void *self)
{
    q->changes++;
    /* The last segment is still being filled. */
    struct segment **link = &q->first;
    while (q->bytes > target && *link != NULL && *link != q->last) {
        if ((*link)->held) {
            keep -= keep < (*link)->records ? keep : (*link)->records;
            link = &(*link)->next;
            continue;
        }
        *link = thin_segment(q, *link, &keep, drop, self);
        if ((*link)->records == 0) {
            struct segment *empty = *link;
            *link = empty->next;
            q->bytes -= sizeof *empty + empty->cap;
            free(empty);
        } else {
            link = &(*link)->next;
        }
    }
}

void queue_hold(struct queue *q)
{
    for (struct segment *s = q->first; s != NULL; s = s->next) {
        s->held = true;
    }
}

void queue_release(struct queue *q)
{
    for (struct segment *s = q->first; s != NULL; s = s->next) {
        s->held = false;
    }
    while (q->held != NULL) {
        struct segment *s = q->held;
        q->held = s->next;
        s->held = false;
        give_segment(q, s);
    }
}
