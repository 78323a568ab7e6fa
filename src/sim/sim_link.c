/*
 * sim_link.c - frames on their way to a reader, and what faults do to them there.
 *
 * A reader that is behind keeps its frames in the connection's backlog. The stages, each passed
 * over when no fault wants it: private messages may be lost or held back (delayed); then any frame
 * may be lost, damaged, cut, change places with the next one, or come twice; then it may lag; then
 * it goes to the reader or its backlog. Order is kept in each of the queues.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_int.h"

#define HELD_MAX_NS (1 * NS_PER_SEC) /* a frame to be swapped waits so long for the next one */

/* --- queues --- */

struct record {
    mono_ns_t due;
    uint64_t n;
};

static bool queue_empty(const struct frame_queue *q)
{
    return q->from >= q->b.n;
}

static bool queue_add(struct frame_queue *q, mono_ns_t due, const char *p, size_t n)
{
    if (q->b.max == 0) {
        buf_init(&q->b, SNAPSHOTS_MAX + 2 * BACKLOG_SLACK);
    }
    struct record r = {due, n};
    buf_add(&q->b, &r, sizeof r);
    buf_add(&q->b, p, n);
    return !q->b.failed;
}

static const char *queue_front(const struct frame_queue *q, struct record *ret)
{
    memcpy(ret, q->b.p + q->from, sizeof *ret);
    return q->b.p + q->from + sizeof *ret;
}

static void queue_pop(struct frame_queue *q)
{
    struct record r;
    (void)queue_front(q, &r);
    q->from += sizeof r + (size_t)r.n;
    if (queue_empty(q)) {
        q->from = 0;
        if (q->b.cap > BACKLOG_SLACK) {
            buf_finish(&q->b); /* what a slow time needed is given back */
        } else {
            buf_clear(&q->b);
        }
    }
}

static void queue_compact(struct frame_queue *q)
{
    if (q->from > BACKLOG_SLACK && q->from > q->b.n / 2) {
        memmove(q->b.p, q->b.p + q->from, q->b.n - q->from);
        q->b.n -= q->from;
        q->from = 0;
    }
}

/* --- the last stage: to the reader, or to its backlog --- */

static void close_now(struct sim *sim, struct sim_conn *c)
{
    if (!c->closing) {
        c->closing = true;
        sim->out.close(sim->out.self, c, c->peer);
    }
}

static void wire_send(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    if (queue_empty(&c->backlog) && sim->out.send(sim->out.self, c, c->peer, p, n) == ST_OK) {
        sim->count.ws_frames_out++;
        return;
    }
    sim->blocked += !c->blocks;
    c->blocks = true;
    if (!queue_add(&c->backlog, 0, p, n)) { /* even errors do not fit any more */
        close_now(sim, c);
    }
}

void link_flush(struct sim *sim, struct sim_conn *c)
{
    while (!queue_empty(&c->backlog) && !c->closing) {
        struct record r;
        const char *p = queue_front(&c->backlog, &r);
        if (sim->out.send(sim->out.self, c, c->peer, p, (size_t)r.n) != ST_OK) {
            queue_compact(&c->backlog);
            return;
        }
        sim->count.ws_frames_out++;
        queue_pop(&c->backlog);
    }
    sim->blocked -= c->blocks;
    c->blocks = false;
}

size_t link_waiting(const struct sim_conn *c)
{
    return c->backlog.b.n - c->backlog.from + c->lagging.b.n - c->lagging.from + c->delayed.b.n -
           c->delayed.from;
}

void link_finish(struct sim_conn *c)
{
    c->sim->blocked -= c->blocks;
    buf_finish(&c->backlog.b);
    buf_finish(&c->delayed.b);
    buf_finish(&c->lagging.b);
    buf_finish(&c->held);
}

/* --- faults --- */

static void due_by(struct sim *sim, mono_ns_t at)
{
    sim->link_due = at < sim->link_due ? at : sim->link_due;
}

/* Never before what waits already. */
static void wait_in(struct sim *sim, struct sim_conn *c, struct frame_queue *q,
                    enum sim_fault fault, const char *p, size_t n)
{
    if (!queue_add(q, sim->now + fault_delay(sim, fault), p, n)) {
        close_now(sim, c);
        return;
    }
    c->faulty = true;
    struct record first;
    (void)queue_front(q, &first);
    due_by(sim, first.due);
}

static void lag_stage(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    if (fault_hits_frame(sim, c, SIM_FAULT_LAG) || !queue_empty(&c->lagging)) {
        wait_in(sim, c, &c->lagging, SIM_FAULT_LAG, p, n);
    } else {
        wire_send(sim, c, p, n);
    }
}

/* A control character is allowed nowhere in JSON, so a reader can tell. */
static void send_damaged(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    struct buf b;
    buf_init(&b, n + 1);
    buf_add(&b, p, n);
    if (!b.failed && n > 1) {
        b.p[rng_below(&sim->fault_rng, n - 1)] = '\x01';
        lag_stage(sim, c, b.p, b.n);
    }
    buf_finish(&b);
}

static void send_part(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    size_t part = n > 1 ? 1 + (size_t)rng_below(&sim->fault_rng, n - 1) : n;
    c->closing = true;
    if (sim->out.send_part != NULL) {
        sim->out.send_part(sim->out.self, c, c->peer, p, n, part);
    } else {
        sim->out.close(sim->out.self, c, c->peer);
    }
}

static void release_held(struct sim *sim, struct sim_conn *c)
{
    if (c->held.n > 0) {
        lag_stage(sim, c, c->held.p, c->held.n);
        buf_clear(&c->held);
    }
}

static void frame_stage(struct sim *sim, struct sim_conn *c, const char *p, size_t n)
{
    if (fault_hits_frame(sim, c, SIM_FAULT_DROP)) {
        return;
    }
    if (fault_hits_frame(sim, c, SIM_FAULT_CORRUPT)) {
        send_damaged(sim, c, p, n);
        return;
    }
    if (fault_hits_frame(sim, c, SIM_FAULT_PARTIAL_WRITE)) {
        send_part(sim, c, p, n);
        return;
    }
    if (c->held.n == 0 && fault_hits_frame(sim, c, SIM_FAULT_REORDER)) {
        c->held.max = SNAPSHOTS_MAX;
        buf_add(&c->held, p, n);
        c->held_due = sim->now + HELD_MAX_NS;
        c->faulty = true;
        due_by(sim, c->held_due);
        return;
    }
    lag_stage(sim, c, p, n);
    if (fault_hits_frame(sim, c, SIM_FAULT_DUPLICATE)) {
        lag_stage(sim, c, p, n);
    }
    release_held(sim, c);
}

void link_send(struct sim *sim, struct sim_conn *c, const char *p, size_t n, bool private)
{
    if (c->closing || c->mute) {
        return;
    }
    if (!c->faulty && sim->now >= sim->frame_faults_until) {
        wire_send(sim, c, p, n);
        return;
    }
    if (private) {
        if (fault_hits_frame(sim, c, SIM_FAULT_PRIVATE_DROP)) {
            return;
        }
        if (fault_hits_frame(sim, c, SIM_FAULT_PRIVATE_DELAY) || !queue_empty(&c->delayed)) {
            wait_in(sim, c, &c->delayed, SIM_FAULT_PRIVATE_DELAY, p, n);
            return;
        }
    }
    frame_stage(sim, c, p, n);
}

void link_mute(struct sim *sim, struct sim_conn *c, mono_ns_t until)
{
    c->mute = true;
    c->faulty = true;
    c->mute_until = until;
    due_by(sim, until);
    if (sim->out.mute != NULL) {
        sim->out.mute(sim->out.self, c, c->peer);
    }
}

/* --- time --- */

static bool queue_due(const struct sim *sim, const struct frame_queue *q)
{
    struct record r;
    if (queue_empty(q)) {
        return false;
    }
    (void)queue_front(q, &r);
    return r.due <= sim->now;
}

static void release(struct sim *sim, struct sim_conn *c, struct frame_queue *q,
                    void (*stage)(struct sim *, struct sim_conn *, const char *, size_t))
{
    struct buf frame;
    buf_init(&frame, SNAPSHOTS_MAX);
    while (!c->closing && queue_due(sim, q)) {
        struct record r;
        const char *p = queue_front(q, &r);
        buf_clear(&frame);
        buf_add(&frame, p, (size_t)r.n);
        queue_pop(q);
        stage(sim, c, frame.p, frame.n);
    }
    queue_compact(q);
    buf_finish(&frame);
}

static void conn_due(struct sim *sim, const struct sim_conn *c)
{
    const struct frame_queue *queues[] = {&c->delayed, &c->lagging};
    for (int i = 0; i < 2; i++) {
        struct record r;
        if (!queue_empty(queues[i])) {
            (void)queue_front(queues[i], &r);
            due_by(sim, r.due);
        }
    }
    if (c->held.n > 0) {
        due_by(sim, c->held_due);
    }
    if (c->mute) {
        due_by(sim, c->mute_until);
    }
}

static void conn_tick(struct sim *sim, struct sim_conn *c)
{
    if (c->mute && c->mute_until <= sim->now) {
        close_now(sim, c);
    }
    if (c->closing || c->mute) {
        return;
    }
    release(sim, c, &c->delayed, frame_stage);
    release(sim, c, &c->lagging, wire_send);
    if (c->held.n > 0 && c->held_due <= sim->now) {
        release_held(sim, c);
    }
}

void link_tick(struct sim *sim)
{
    if (sim->link_due > sim->now) {
        return;
    }
    sim->link_due = NS_NEVER;
    struct sim_conn *next = NULL;
    for (struct sim_conn *c = sim->conns; c != NULL; c = next) {
        next = c->next;
        if (c->faulty) {
            conn_tick(sim, c);
        }
    }
    for (struct sim_conn *c = sim->conns; c != NULL; c = c->next) {
        if (c->faulty && !c->closing) {
            conn_due(sim, c);
        }
    }
}
