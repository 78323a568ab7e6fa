/* commit.c - transactions: from the spill file and from memory into the database; see store.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/store_int.h"

#define TRANSACTION_ROWS 20000U
#define YOUNG_NS         (500 * NS_PER_MS) /* a transaction that may still grow beyond them */
#define RETRY_NS_MIN     (50 * NS_PER_MS)
#define RETRY_NS_MAX     (5 * NS_PER_SEC)
#define UNREADABLE_TRIES 20U /* the waits double up to 5 s: more than a minute */

/* How far a transaction has got. */
struct reach {
    struct spill_cursor file;
    uint64_t number; /* of the last record in it */
    uint64_t rows, rows_max;
    mono_ns_t began;
};

/* A transaction that is young at rows_max goes on, if the database is the better for it: a slow one
 * gets no longer transactions than before, and memory that waits for its end waits no longer. */
static bool room(const struct store *s, struct reach *r)
{
    if (r->rows < r->rows_max) {
        return true;
    }
    if (r->rows >= s->db->transaction_rows || s->time.mono(s->time.self) - r->began >= YOUNG_NS) {
        return false;
    }
    r->rows_max += TRANSACTION_ROWS;
    return true;
}

/* now: when it was tried, and how long that took if nothing answered. */
static void note_failure(struct store *s, mono_ns_t now, mono_ns_t waited)
{
    bool first = s->away == 0;
    s->stats.failures++;
    s->away = first ? now : s->away;
    s->retry_ns = s->retry_ns == 0 ? RETRY_NS_MIN : s->retry_ns * 2;
    if (s->retry_ns > RETRY_NS_MAX) {
        s->retry_ns = RETRY_NS_MAX;
    }
    s->retry_at = now + waited + s->retry_ns;
    if (!first && now - s->told_at < NS_PER_SEC) {
        return;
    }
    s->told_at = now;
    log_warn("store",
             "commit failed: %s rows_waiting=%" PRIu64 " spilled=%" PRIu64 " again_in_ms=%" PRId64,
             s->db->error, s->queue.records, s->given - s->progress, s->retry_ns / NS_PER_MS);
}

/* What is in the database is forgotten here: everything up to progress. */
static void note_success(struct store *s, uint64_t progress, const struct store_stats *tally,
                         mono_ns_t now)
{
    if (s->retry_at != 0) {
        log_info("store", "database is back, rows_waiting=%" PRIu64 " spilled=%" PRIu64,
                 s->queue.records, s->given - s->progress);
        s->stats.away_ns += now - s->away;
    }
    put_tally(&s->stats, tally);
    s->stats.batches++;
    s->stats.drained += (s->given < progress ? s->given : progress) - s->progress;
    struct queue_cursor cursor = queue_begin(&s->queue);
    while (s->given < progress && queue_next(&cursor) != NULL) {
        s->given++;
    }
    if (cursor.records > 0) {
        queue_pop(&s->queue, &cursor);
        s->behind = s->queue.records == 0 ? 0 : s->behind != 0 ? s->behind : now;
        s->oldest = now;
    }
    s->progress = progress;
    s->away = 0;
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
        note_success(s, s->unsure.progress, &s->unsure.tally, now);
    }
    memset(&s->unsure, 0, sizeof s->unsure);
    return ST_OK;
}

/* --- from the file --- */

static enum status put_missing(struct store *s, uint64_t missing)
{
    struct rec_gap gap;
    gap_make(&gap, EV_SRC_MAX, s->wall, missing, 0, 0,
             "store: spill file damaged, records missing");
    s->putter.tally.lost += missing;
    return s->db->ops->put(s->db, &gap);
}

static enum status put_item(struct store *s, const struct spill_item *item)
{
    if (item->kind != SPILL_RECORD) {
        return item->kind == SPILL_MISSING ? put_missing(s, item->missing) : ST_OK;
    }
    enum status st = put_add(&s->putter, item->record);
    return st == ST_OK && !item->inside ? put_flush(&s->putter) : st;
}

/* Reading failed: the transaction is given up. What stays unreadable counts as damaged. */
static enum status unreadable(struct store *s, struct reach *r)
{
    snprintf(s->db->error, sizeof s->db->error, "%s", spill_error(s->spill));
    s->unreadable++;
    if (s->unreadable >= UNREADABLE_TRIES) {
        s->unreadable = 0;
        log_error("store", "a part of the spill file cannot be read");
        spill_skip_unreadable(s->spill, &r->file);
    }
    return ST_IO;
}

static enum status put_from_file(struct store *s, struct reach *r)
{
    enum status st = ST_OK;
    while (st == ST_OK && r->number < s->given && room(s, r)) {
        struct spill_item item;
        enum status read = spill_next(s->spill, &r->file, &item);
        if (read == ST_END) {          /* the file has less than was written to it */
            uint64_t given = s->given; /* more may be written while we wait */
            st = put_missing(s, given - r->number);
            r->number = given;
            break;
        }
        if (read != ST_OK) {
            return unreadable(s, r);
        }
        st = put_item(s, &item);
        r->number = item.number > r->number ? item.number : r->number;
        r->rows++;
    }
    return st == ST_OK ? put_flush(&s->putter) : st;
}

/* --- from memory --- */

/* When memory went to the file meanwhile, what is left is for the next transaction; so is what came
 * meanwhile. */
static enum status put_from_memory(struct store *s, struct reach *r)
{
    uint64_t waiting = s->queue.records, changes = s->queue.changes;
    struct queue_cursor cursor = queue_begin(&s->queue);
    enum status st = ST_OK;
    queue_hold(&s->queue);
    while (st == ST_OK && cursor.records < waiting && s->queue.changes == changes && room(s, r)) {
        r->number++;
        r->rows++;
        s->in_flight = r->number;
        st = put_add(&s->putter, queue_next(&cursor));
    }
    st = st == ST_OK ? put_flush(&s->putter) : st;
    queue_release(&s->queue);
    return st;
}

/* --- the transaction --- */

static enum status transaction(struct store *s, struct reach *r, mono_ns_t now)
{
    s->answering = true;
    enum status st = s->db->ops->begin(s->db);
    s->answering = s->db->apart; /* else put may look at what would go to the file */
    if (st == ST_OK && s->unsure.progress != 0) {
        st = settle(s, now);
    }
    if (st != ST_OK) {
        return st;
    }
    (void)intake_name_drops(s, now); /* else with the next one */
    put_begin(&s->putter, s->wall);
    *r = (struct reach){
        .number = s->progress, .rows_max = TRANSACTION_ROWS, .began = s->time.mono(s->time.self)};
    if (s->spilling) {
        r->file = spill_begin(s->spill, s->progress);
        st = put_from_file(s, r);
    }
    if (st == ST_OK && r->number == s->given) {
        st = put_from_memory(s, r);
    }
    if (st != ST_OK) {
        return st;
    }
    s->answering = true;
    s->in_flight = r->number;
    st = s->db->ops->commit(s->db, r->number);
    if (st != ST_OK && st != ST_AGAIN && r->number != s->progress) {
        s->unsure = (struct attempt){.progress = r->number, .tally = s->putter.tally};
    }
    return st;
}

static enum status try(struct store *s, struct reach *r, mono_ns_t now)
{
    enum status st = transaction(s, r, now);
    s->in_flight = 0;
    if (st != ST_OK) {
        s->answering = s->db->apart;
        s->db->ops->rollback(s->db);
    }
    s->answering = false;
    return st;
}

bool commit_some(struct store *s, mono_ns_t now)
{
    struct reach r;
    s->asked = s->time.mono(s->time.self);
    enum status st = try(s, &r, now);
    if (st == ST_AGAIN) { /* a record is refused: now put says which */
        st = try(s, &r, now);
    }
    mono_ns_t took = s->time.mono(s->time.self) - s->asked;
    if (st != ST_OK) {
        note_failure(s, now, st == ST_TIMEOUT ? took : 0);
        return false;
    }
    note_success(s, r.number, &s->putter.tally, now);
    if (s->spilling) {
        overflow_drained(s, &r.file);
    }
    if (took > s->stats.commit_ns_max) {
        s->stats.commit_ns_max = took;
    }
    return true;
}

bool commit_waits(const struct store *s)
{
    return s->queue.records > 0 || s->drops.lost > 0 || s->given > s->progress;
}
