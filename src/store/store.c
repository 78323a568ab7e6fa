/*
 * store.c - from the rings through memory to the database.
 *
 * Each turn takes everything out of the rings into the queue, so that a slow database never fills a
 * ring while there is memory. A batch is due when rows_max records wait or the oldest has waited
 * interval_ns; it is one transaction of what waits, at most TRANSACTION_ROWS. Only after COMMIT is
 * it forgotten. A transaction that fails is tried again after a wait that doubles.
 *
 * When memory_max is reached, the oldest market data is dropped, then turns and decisions if that
 * was not enough; what was dropped is written as a gap row with the next transaction that succeeds.
 * Fills, orders, answers, commands and everything about the account are never dropped.
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/backend.h"
#include "store/losses.h"
#include "store/queue.h"

#define TRANSACTION_ROWS 20000U
#define CHUNK_ROWS       4096U  /* given to the back end at once */
#define RING_ROWS        65536U /* taken from one ring in one turn */
#define MEMORY_DEFAULT   ((size_t)256 << 20)
#define RETRY_NS_MIN     (50 * NS_PER_MS)
#define RETRY_NS_MAX     (5 * NS_PER_SEC)
#define REFUSED_WAIT_NS  NS_PER_SEC
#define CLOSE_RETRY_NS   (20 * NS_PER_MS)

/* A producer's ring and what it refused. Totals, because a hole may be seen before the count of
 * refused pushes that explains it. */
struct source_ring {
    struct ring *ring;
    uint64_t refused;    /* pushes, when last asked */
    uint64_t named;      /* of them, in gap rows */
    uint64_t named_late; /* named without numbers; a hole that comes later may be the same */
    mono_ns_t since;     /* when some were first seen that are not named; 0: all are */
};

enum drop_class { DROP_MARKET, DROP_RECORDS, DROP_CLASSES };

/* A transaction whose COMMIT failed: only the database knows whether it counts. */
struct attempt {
    uint64_t progress; /* that it would have left; 0: nothing is unsure */
    uint64_t records;  /* of the queue, the oldest */
    struct store_stats stats;
    struct rec_gap dropped[DROP_CLASSES];
};

struct store {
    struct backend *db;
    int64_t session;
    struct store_time time;
    uint64_t progress;  /* records of the queue that are in the database, or dropped */
    uint64_t committed; /* progress as the database has it */
    uint32_t rows_max;
    mono_ns_t interval_ns, close_wait_ns;
    size_t memory_max;
    struct source_ring rings[STORE_RINGS_MAX];
    size_t n_rings;
    struct queue queue;
    struct losses losses;
    struct rec_gap dropped[DROP_CLASSES]; /* lost 0: nothing */
    enum drop_class dropping;
    uint64_t kept; /* records that queue_thin must still pass over */
    struct attempt unsure;
    mono_ns_t oldest;   /* when the first waiting record was taken */
    mono_ns_t retry_at; /* 0: nothing has failed */
    mono_ns_t retry_ns;
    wall_ns_t wall; /* of this turn */
    struct store_stats stats;
    const void *chunk[CHUNK_ROWS];
    struct refused refused[CHUNK_ROWS];
    bool gave_up; /* store_finish counted what could not be written */
};

static mono_ns_t real_mono(void *self)
{
    (void)self;
    return clock_mono();
}

static void real_sleep(void *self, mono_ns_t ns)
{
    (void)self;
    struct timespec ts = {.tv_sec = ns / NS_PER_SEC, .tv_nsec = ns % NS_PER_SEC};
    (void)nanosleep(&ts, NULL);
}

struct store_config store_config_default(void)
{
    return (struct store_config){.rows_max = 100,
                                 .interval_ns = NS_PER_SEC,
                                 .memory_max = MEMORY_DEFAULT,
                                 .close_wait_ns = 5 * NS_PER_SEC,
                                 .time = {real_mono, real_sleep, NULL}};
}

uint32_t store_type_index(uint16_t type)
{
    return type < REC_BASE ? type : 16U + type - REC_BASE;
}
#define TYPES_MAX (sizeof((struct store_stats *)0)->by_type / sizeof(uint64_t))
_Static_assert(EV_TYPE_MAX <= 16 && 16 + REC_TYPE_MAX - REC_BASE <= 32, "by_type has 32 places");

static void drain_meanwhile(void *self);

enum status store_open(const struct store_config *config, wall_ns_t wall, struct store **ret_store,
                       struct err *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    s->rows_max = config->rows_max > 0 ? config->rows_max : 1;
    s->interval_ns = config->interval_ns;
    s->close_wait_ns = config->close_wait_ns;
    s->memory_max = config->memory_max > 0 ? config->memory_max : MEMORY_DEFAULT;
    s->time = config->time;
    enum status st = backend_open(config, wall, &s->db, err);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    s->session = s->db->session;
    s->db->idle = drain_meanwhile;
    s->db->idle_self = s;
    *ret_store = s;
    return ST_OK;
}

int64_t store_session(const struct store *s)
{
    return s->session;
}

void store_add_ring(struct store *s, struct ring *ring)
{
    if (s->n_rings == STORE_RINGS_MAX) {
        log_error("store", "more than %d rings, one is not stored", STORE_RINGS_MAX);
        return;
    }
    s->rings[s->n_rings++] = (struct source_ring){.ring = ring, .refused = 0};
}

const struct store_stats *store_stats(const struct store *s)
{
    return &s->stats;
}

/* --- out of the rings --- */

static void lost(struct store *s, uint64_t n)
{
    s->stats.lost += n;
}

static void enqueue(struct store *s, const void *record, uint32_t size, mono_ns_t now)
{
    if (s->queue.records == 0) {
        s->oldest = now;
    }
    if (queue_push(&s->queue, record, size) != ST_OK) {
        /* No memory at all: named like what is dropped, and logged, whatever it is. */
        lost(s, 1);
        log_error("store", "out of memory, a record of type %u is lost",
                  ((const struct rec *)record)->type);
    }
}

static void enqueue_gap(struct store *s, const struct rec_gap *gap, mono_ns_t now)
{
    enqueue(s, gap, sizeof *gap, now);
    log_warn("store", "gap: %s lost=%" PRIu64 " from=%" PRIu64 " to=%" PRIu64, gap->reason,
             gap->lost, gap->seq_expected, gap->seq_got);
}

/* A hole in the numbers explains as many refused pushes. */
static void name_hole(struct store *s, struct source_ring *r, const struct rec_gap *gap,
                      mono_ns_t now)
{
    uint64_t n = gap->lost;
    uint64_t known = n < r->named_late ? n : r->named_late;
    r->named_late -= known;
    uint64_t rest = n - known;
    r->named += rest;
    lost(s, rest);
    enqueue_gap(s, gap, now);
}

/* Refused pushes that no hole has explained for a while: records without numbers. */
static void name_refused(struct store *s, struct source_ring *r, mono_ns_t now, bool at_once)
{
    r->refused = ring_refused(r->ring);
    if (r->refused <= r->named) {
        r->since = 0;
        return;
    }
    r->since = r->since == 0 ? now : r->since;
    if (!at_once && now - r->since < REFUSED_WAIT_NS) {
        return;
    }
    struct rec_gap gap;
    uint64_t n = r->refused - r->named;
    gap_make(&gap, EV_SRC_MAX, s->wall, n, 0, 0, "store: ring full, records missing");
    r->named_late += n;
    r->named += n;
    r->since = 0;
    lost(s, n);
    enqueue_gap(s, &gap, now);
}

static uint32_t drain_ring(struct store *s, struct source_ring *r, mono_ns_t now)
{
    uint32_t n = 0;
    for (; n < RING_ROWS; n++) {
        const void *record = ring_peek(r->ring);
        if (record == NULL) {
            break;
        }
        struct rec_gap gap;
        if (losses_note(&s->losses, record, s->wall, &gap)) {
            name_hole(s, r, &gap, now);
        }
        enqueue(s, record, ((const struct rec *)record)->size, now);
        ring_pop(r->ring);
    }
    return n;
}

/* The back end waits: rings must not fill meanwhile. Memory is bounded by the next turn. */
static void drain_meanwhile(void *self)
{
    struct store *s = self;
    mono_ns_t now = s->time.mono(s->time.self);
    for (size_t i = 0; i < s->n_rings; i++) {
        (void)drain_ring(s, &s->rings[i], now);
    }
}

/* --- when memory is short --- */

static bool droppable(enum drop_class class, const struct ev *ev)
{
    bool data = ev->type == EV_SNAPSHOT || ev->type == EV_DELTA || ev->type == EV_TRADE;
    bool market = (data && ev->source == EV_SRC_MARKET) || ev->type == REC_RAW;
    return market || (class == DROP_RECORDS && (ev->type == REC_TURN || ev->type == REC_DECISION));
}

static bool drop(void *self, const void *record)
{
    struct store *s = self;
    const struct ev *ev = record;
    if (s->kept > 0) {
        s->kept--;
        return false;
    }
    if (!droppable(s->dropping, ev)) {
        return false;
    }
    bool event = ev->type < REC_BASE;
    struct rec_gap *gap = &s->dropped[event || ev->type == REC_RAW ? DROP_MARKET : DROP_RECORDS];
    if (gap->lost == 0) {
        gap_make(gap, event ? ev->source : EV_SRC_MAX, s->wall, 0, 0, 0,
                 event || ev->type == REC_RAW ? "store: memory full, market data dropped"
                                              : "store: memory full, turns or decisions dropped");
    }
    gap->lost++;
    s->progress++;
    lost(s, 1);
    if (event) {
        gap->h.source = ev->source;
        gap->seq_expected = gap->seq_expected == 0 ? ev->ord : gap->seq_expected;
        gap->seq_got = ev->ord + 1;
    }
    return true;
}

static void bound_memory(struct store *s)
{
    if (s->queue.bytes > s->stats.queued_bytes_max) {
        s->stats.queued_bytes_max = s->queue.bytes;
    }
    if (s->queue.bytes <= s->memory_max) {
        return;
    }
    /* An eighth more than needed, so that not every turn has to drop. */
    size_t target = s->memory_max - s->memory_max / 8;
    uint64_t before = s->stats.lost;
    for (s->dropping = DROP_MARKET; s->dropping < DROP_CLASSES; s->dropping++) {
        s->kept = s->unsure.records; /* perhaps they are in the database already */
        queue_thin(&s->queue, target, drop, s);
        if (s->queue.bytes <= s->memory_max) {
            break;
        }
    }
    if (s->stats.lost != before) {
        log_error("store", "memory full, rows dropped=%" PRIu64, s->stats.lost - before);
    }
}

/* --- into the database --- */

static enum status put_gap(struct store *s, uint16_t source, uint64_t first, uint64_t next,
                           const char *reason)
{
    struct rec_gap gap;
    gap_make(&gap, source, s->wall, 1, first, next, reason);
    return s->db->ops->put(s->db, &gap);
}

/* What the database did not take becomes a gap row. */
static enum status put_refused(struct store *s, const struct refused *refused)
{
    const struct ev *ev = refused->record;
    uint64_t ord = ev->type < REC_BASE ? ev->ord : 0;
    return put_gap(s, ev->source, ord, ord,
                   refused->why == ST_EXISTS ? "store: a number came twice, row refused"
                                             : "store: malformed record refused");
}

static void count_row(struct store_stats *stats, const void *record, uint64_t n)
{
    uint32_t i = store_type_index(((const struct rec *)record)->type);
    stats->rows += n;
    if (i < TYPES_MAX) { /* strange types are malformed, and refused */
        stats->by_type[i] += n;
    }
}

/* The chunk that has been gathered. */
static enum status put_chunk(struct store *s, size_t n, struct store_stats *stats)
{
    size_t n_refused = 0;
    enum status st = backend_put_all(s->db, s->chunk, n, s->refused, &n_refused);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        count_row(stats, s->chunk[i], 1);
    }
    for (size_t i = 0; i < n_refused && st == ST_OK; i++) {
        count_row(stats, s->refused[i].record, UINT64_MAX); /* less one */
        stats->lost++;
        st = put_refused(s, &s->refused[i]);
    }
    return st;
}

static enum status put_dropped(struct store *s)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < DROP_CLASSES && st == ST_OK; i++) {
        if (s->dropped[i].lost > 0) {
            st = s->db->ops->put(s->db, &s->dropped[i]);
        }
    }
    return st;
}

static enum status fill_transaction(struct store *s, struct queue_cursor *cursor,
                                    struct store_stats *stats)
{
    enum status st = put_dropped(s);
    for (bool more = true; st == ST_OK && more && cursor->records < TRANSACTION_ROWS;) {
        size_t n = 0;
        while (n < CHUNK_ROWS && cursor->records < TRANSACTION_ROWS && more) {
            s->chunk[n] = queue_next(cursor);
            more = s->chunk[n] != NULL;
            n += more;
        }
        st = put_chunk(s, n, stats);
    }
    return st;
}

static void note_failure(struct store *s, mono_ns_t now)
{
    s->stats.failures++;
    s->retry_ns = s->retry_ns == 0 ? RETRY_NS_MIN : s->retry_ns * 2;
    if (s->retry_ns > RETRY_NS_MAX) {
        s->retry_ns = RETRY_NS_MAX;
    }
    s->retry_at = now + s->retry_ns;
    log_warn("store", "commit failed: %s rows_waiting=%" PRIu64 " again_in_ms=%" PRId64,
             s->db->error, s->queue.records, s->retry_ns / NS_PER_MS);
}

/* The gap rows of what was dropped are in the database: forget that much of them. */
static void dropped_named(struct store *s, const struct rec_gap *named)
{
    for (size_t i = 0; i < DROP_CLASSES; i++) {
        struct rec_gap *gap = &s->dropped[i];
        gap->lost -= named[i].lost;
        if (gap->lost == 0) {
            memset(gap, 0, sizeof *gap);
        } else if (named[i].seq_got > gap->seq_expected) {
            gap->seq_expected = named[i].seq_got;
        }
    }
}

/* What is in the database is forgotten here. */
static void note_success(struct store *s, const struct attempt *done, mono_ns_t now)
{
    if (s->retry_at != 0) {
        log_info("store", "database is back, rows_waiting=%" PRIu64, s->queue.records);
    }
    s->stats.rows += done->stats.rows;
    s->stats.lost += done->stats.lost;
    for (size_t i = 0; i < sizeof s->stats.by_type / sizeof s->stats.by_type[0]; i++) {
        s->stats.by_type[i] += done->stats.by_type[i];
    }
    s->stats.batches++;
    dropped_named(s, done->dropped);
    s->progress += done->records;
    s->committed = done->progress;
    struct queue_cursor cursor = queue_begin(&s->queue);
    while (cursor.records < done->records && queue_next(&cursor) != NULL) {
    }
    queue_pop(&s->queue, &cursor);
    s->oldest = now;
    s->retry_at = 0;
    s->retry_ns = 0;
}

/* In a transaction: did the one whose COMMIT failed count? */
static enum status settle(struct store *s, mono_ns_t now)
{
    uint64_t progress = 0;
    enum status st = s->db->ops->progress(s->db, &progress);
    if (st != ST_OK) {
        return st;
    }
    if (progress >= s->unsure.progress) {
        log_info("store", "the transaction whose end was not heard of is in the database");
        note_success(s, &s->unsure, now);
    }
    memset(&s->unsure, 0, sizeof s->unsure);
    return ST_OK;
}

static enum status transaction(struct store *s, struct attempt *try, mono_ns_t now)
{
    memset(try, 0, sizeof *try);
    enum status st = s->db->ops->begin(s->db);
    if (st == ST_OK && s->unsure.progress != 0) {
        st = settle(s, now);
    }
    if (st != ST_OK) {
        return st;
    }
    struct queue_cursor cursor = queue_begin(&s->queue);
    memcpy(try->dropped, s->dropped, sizeof try->dropped);
    st = fill_transaction(s, &cursor, &try->stats);
    if (st != ST_OK) {
        return st;
    }
    try->records = cursor.records;
    try->progress = s->progress + cursor.records;
    st = s->db->ops->commit(s->db, try->progress);
    if (st != ST_OK && st != ST_AGAIN && try->progress != s->committed) {
        s->unsure = *try;
    }
    return st;
}

/* One transaction. False: it failed. */
static bool commit(struct store *s, mono_ns_t now)
{
    struct attempt try;
    mono_ns_t began = s->time.mono(s->time.self);
    enum status st = transaction(s, &try, now);
    if (st == ST_AGAIN) { /* a record is refused: now put says which */
        s->db->ops->rollback(s->db);
        st = transaction(s, &try, now);
    }
    if (st != ST_OK) {
        s->db->ops->rollback(s->db);
        note_failure(s, now);
        return false;
    }
    note_success(s, &try, now);
    mono_ns_t took = s->time.mono(s->time.self) - began;
    if (took > s->stats.commit_ns_max) {
        s->stats.commit_ns_max = took;
    }
    return true;
}

static bool something_waits(const struct store *s)
{
    return s->queue.records > 0 || s->dropped[DROP_MARKET].lost > 0 ||
           s->dropped[DROP_RECORDS].lost > 0;
}

uint32_t store_work(struct store *s, wall_ns_t wall, mono_ns_t now)
{
    uint32_t n = 0;
    s->wall = wall;
    for (size_t i = 0; i < s->n_rings; i++) {
        n += drain_ring(s, &s->rings[i], now);
        name_refused(s, &s->rings[i], now, false);
    }
    bound_memory(s);
    bool due = s->queue.records >= s->rows_max || now - s->oldest >= s->interval_ns;
    if (something_waits(s) && due && (s->retry_at == 0 || now >= s->retry_at)) {
        (void)commit(s, now);
    }
    return n;
}

void store_flush(struct store *s, wall_ns_t wall, mono_ns_t now)
{
    s->wall = wall;
    for (size_t i = 0; i < s->n_rings; i++) {
        while (drain_ring(s, &s->rings[i], now) > 0) {
        }
    }
    bound_memory(s);
    while (something_waits(s) && commit(s, now)) {
    }
}

/* Everything to the database, as long as close_wait_ns allows. */
static void drain_all(struct store *s, wall_ns_t wall)
{
    mono_ns_t began = s->time.mono(s->time.self);
    for (;;) {
        mono_ns_t now = s->time.mono(s->time.self);
        store_flush(s, wall, now);
        for (size_t i = 0; i < s->n_rings; i++) {
            name_refused(s, &s->rings[i], now, true);
        }
        if (!something_waits(s) || now - began >= s->close_wait_ns) {
            return;
        }
        s->time.sleep(s->time.self, CLOSE_RETRY_NS);
    }
}

uint64_t store_finish(struct store *s, wall_ns_t wall)
{
    drain_all(s, wall);
    if (something_waits(s) && !s->gave_up) {
        s->gave_up = true;
        s->stats.lost += s->queue.records;
        log_error("store", "the database cannot be written, rows lost=%" PRIu64 ": %s",
                  s->queue.records, s->db->error);
    }
    return s->stats.lost;
}

void store_close(struct store *s, const char *outcome, wall_ns_t wall)
{
    if (s == NULL) {
        return;
    }
    (void)store_finish(s, wall);
    if (s->db->ops->end_session(s->db, outcome, wall, &s->stats) != ST_OK) {
        log_error("store", "cannot close the session row: %s", s->db->error);
    }
    s->db->ops->close(s->db);
    queue_finish(&s->queue);
    free(s);
}
