/*
 * store.c - from the rings through memory to the database, and through a file when it is away.
 *
 *     rings --> memory ------------------------> database
 *                 \                            ^
 *                  +--> spill file ------------+    while the database is away or too slow
 *
 * Each turn takes everything out of the rings into the queue in memory, so that a slow database
 * never fills a ring while there is memory. A batch is due when rows_max records wait or the oldest
 * has waited interval_ns; it is one transaction of what waits, at most TRANSACTION_ROWS, or more
 * while it is young and the back end likes that. Only after COMMIT is it forgotten. A transaction
 * that fails is tried again after a wait that doubles.
 *
 * When the oldest record in memory is interval_ns old and the database fails, when a transaction
 * has waited for it for a quarter of a second (less, if interval_ns is), when transactions have
 * left some in memory for twice as long, or when memory is half full, all of memory goes to the
 * spill file, and from then on everything does, four times a second; the file is synced once a
 * second. Transactions now take the oldest records of the file. Once the file is empty memory
 * follows directly, in the same transaction. So the order of the records is kept, and a kill during
 * an outage loses what the rings and less than interval_ns of memory held.
 *
 * While the database makes a call wait, a server for its answer or SQLite for its disk, the rings
 * are emptied and memory goes to the file all the same (intake_meanwhile). PostgreSQL's back end
 * calls it from its waits; beside SQLite a thread watches (apart.h), and another syncs the file. So
 * a record may be in a transaction that is under way and in the file: it has one number in both.
 *
 * A record gets its number when it leaves memory. The database keeps the last number that it has
 * (progress) in the same transaction as the records: after a COMMIT whose answer did not come, and
 * after a kill, that says which records are still to be written.
 *
 * At spill_max bytes market data is dropped instead of spilled, an eighth over it turns and
 * decisions too; when the file cannot be written at all, what waits stays in memory, and beyond
 * memory_max the same goes in the same order, the oldest first. What was dropped is named by a gap
 * row, which waits like any other record. Fills, orders, answers, commands and everything about the
 * account are never dropped: they go into the file over its limit, and into memory over its limit.
 * When the machine has no memory either such a record is lost, and that is logged and named; the
 * order journal still has every order.
 *
 * The file of a run that was killed, or that ended before its database came back, is drained by the
 * next one (spill_files.h).
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/apart.h"
#include "store/spill_files.h"
#include "store/store_int.h"

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define SPILL_DEFAULT  ((uint64_t)4 << 30)
#define CLOSE_RETRY_NS (20 * NS_PER_MS)

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
                                 .answer_ns = 10 * NS_PER_SEC,
                                 .threads = true,
                                 .time = {real_mono, real_sleep, NULL}};
}

uint32_t store_type_index(uint16_t type)
{
    return type < REC_BASE ? type : 16U + type - REC_BASE;
}
_Static_assert(EV_TYPE_MAX <= 16 && 16 + REC_TYPE_MAX - REC_BASE <= 32, "by_type has 32 places");

/* What earlier runs left is put into the database first; what cannot be waits for the next time. */
static void drain_earlier(struct store *s, const struct store_config *config, wall_ns_t wall)
{
    struct spill_drained drained;
    struct err err = {.st = ST_OK};
    if (spill_drain_all(s->db, config, wall, &drained, &err) != ST_OK) {
        log_error("store", "%s", err.text);
    }
    s->stats.recovered = drained.rows;
    s->stats.recovered_missing = drained.missing;
    s->stats.recovered_files = drained.files;
    s->stats.recovered_kept = drained.kept;
}

static enum status open_spill(struct store *s, const struct store_config *config, wall_ns_t wall,
                              struct err *err)
{
    if (config->spill == NULL || config->spill[0] == '\0') {
        return ST_OK;
    }
    drain_earlier(s, config, wall);
    s->spill_max = config->spill_max > 0 ? config->spill_max : SPILL_DEFAULT;
    enum status st = spill_create_for(s->db, config, wall, &s->spill, err);
    if (st == ST_OK && config->threads && errand_create("store-sync", &s->syncer) != ST_OK) {
        log_warn("store", "no thread for the syncs of the spill file: the store waits for them");
    }
    return st;
}

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
    enum status st = queue_reserve(&s->queue);
    st = st == ST_OK ? backend_open(config, wall, &s->db, err) : err_set(err, st, "out of memory");
    if (st != ST_OK) {
        queue_finish(&s->queue);
        free(s);
        return st;
    }
    if (config->threads && config->backend == NULL && !backend_is_url(config->path)) {
        apart_create(s->db, config->answer_ns, &s->db);
    }
    s->session = s->db->session;
    s->putter.db = s->db;
    st = open_spill(s, config, wall, err);
    if (st != ST_OK) {
        (void)s->db->ops->end_session(s->db, "failed to start", wall, &s->stats);
        s->db->ops->close(s->db);
        queue_finish(&s->queue);
        free(s);
        return st;
    }
    s->db->lazy = true;
    s->db->limited = config->limited;
    s->db->idle = intake_meanwhile;
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

/* --- work --- */

static void begin_turn(struct store *s, wall_ns_t wall)
{
    s->wall = wall;
    s->turn_wall = wall;
    s->turn_mono = s->time.mono(s->time.self);
}

uint32_t store_work(struct store *s, wall_ns_t wall, mono_ns_t now)
{
    begin_turn(s, wall);
    uint32_t n = intake_rings(s, now, false);
    overflow_work(s, now);
    intake_bound(s);
    bool due = s->queue.records >= s->rows_max || now - s->oldest >= s->interval_ns ||
               s->given > s->progress;
    if (commit_waits(s) && due && (s->retry_at == 0 || now >= s->retry_at)) {
        (void)commit_some(s, now);
        overflow_work(s, now);
    }
    return n;
}

void store_flush(struct store *s, wall_ns_t wall, mono_ns_t now)
{
    begin_turn(s, wall);
    while (intake_rings(s, now, false) > 0) {
        overflow_work(s, now);
        intake_bound(s);
    }
    while (commit_waits(s) && commit_some(s, now)) {
    }
}

/* Everything to the database, as long as close_wait_ns allows. */
static void drain_all(struct store *s, wall_ns_t wall)
{
    mono_ns_t began = s->time.mono(s->time.self);
    for (;;) {
        mono_ns_t now = s->time.mono(s->time.self);
        store_flush(s, wall, now);
        (void)intake_rings(s, now, true);
        overflow_work(s, now);
        if (!commit_waits(s) || now - began >= s->close_wait_ns || s->taken) {
            return;
        }
        s->time.sleep(s->time.self, CLOSE_RETRY_NS);
    }
}

/* The database has not come back: what waits goes to the file for the next start. */
static void give_up(struct store *s)
{
    mono_ns_t now = s->time.mono(s->time.self);
    bool filed = overflow_all(s, now);
    s->stats.spill_left = s->given - s->progress;
    if (s->away != 0) {
        s->stats.away_ns += now - s->away;
        s->away = now;
    }
    if (s->stats.spill_left > 0) {
        log_error("store",
                  "the database cannot be written, rows=%" PRIu64
                  " wait in %s for the next start: %s",
                  s->stats.spill_left, spill_path(s->spill), s->db->error);
    }
    if (!filed) {
        s->stats.lost += s->queue.records;
        log_error("store", "the database cannot be written, rows lost=%" PRIu64 ": %s",
                  s->queue.records, s->db->error);
    }
}

bool store_take_over(struct store *s)
{
    if (!s->db->apart || !apart_take_over(s->db)) {
        return false;
    }
    s->taken = true;
    if (s->in_flight > 0) { /* and perhaps in the database one day */
        s->unsure.progress = s->in_flight;
        s->in_flight = 0;
    }
    return true;
}

uint64_t store_finish(struct store *s, wall_ns_t wall)
{
    s->db->limited = true;
    if (!s->gave_up) {
        drain_all(s, wall);
        s->gave_up = commit_waits(s);
        if (s->gave_up) {
            give_up(s);
        }
    }
    return s->stats.lost;
}

/* The file goes when nothing of it is needed; else it says how the session ended. */
static void close_spill(struct store *s, bool ended, const char *outcome, wall_ns_t wall)
{
    if (s->spill == NULL) {
        return;
    }
    if (ended && s->given == s->progress) {
        spill_unlink(s->spill);
        return;
    }
    struct spill_state state = {
        .wall = wall, .rows = s->stats.rows + (s->given - s->progress), .lost = s->stats.lost};
    if (spill_write_end(s->spill, s->given + 1, outcome, &state) != ST_OK) {
        log_error("store", "%s", spill_error(s->spill));
    }
    overflow_sync(s);
}

static void free_store(void *self)
{
    struct store *s = self;
    spill_close(s->spill);
    queue_finish(&s->queue);
    free(s);
}

/* A session of which rows wait in the file is not whole, whatever its run came to; who drains the
 * file writes the run's own outcome. */
static const char *outcome_now(const struct store *s, const char *outcome, char room[64])
{
    if (s->given == s->progress) {
        return outcome;
    }
    snprintf(room, 64, "broken: %" PRIu64 " rows wait in its spill file", s->given - s->progress);
    return room;
}

void store_close(struct store *s, const char *outcome, wall_ns_t wall)
{
    char room[64];
    if (s == NULL) {
        return;
    }
    (void)store_finish(s, wall);
    bool ended =
        s->db->ops->end_session(s->db, outcome_now(s, outcome, room), wall, &s->stats) == ST_OK;
    if (!ended) {
        log_error("store", "cannot close the session row: %s", s->db->error);
    }
    close_spill(s, ended, outcome, wall);
    s->db->ops->close(s->db);
    if (s->taken) {
        (void)overflow_finish(s, NULL);
        return; /* a thread may still look at the records that it was putting */
    }
    if (overflow_finish(s, free_store)) {
        free_store(s);
    }
}
