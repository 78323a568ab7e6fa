/* overflow.c - from memory into the spill file; see store.c. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "store/store_int.h"

#define APPEND_NS   (250 * NS_PER_MS) /* memory waits so long while the file is in use */
#define APPEND_SIZE ((size_t)4 << 20) /* or so much of it does */
#define SYNC_NS     NS_PER_SEC
#define RETRY_NS    NS_PER_SEC
#define WAIT_NS     (20 * NS_PER_MS)
#define BLOCK_ABOUT ((uint64_t)68 << 10)

static void note_failure(struct store *s, mono_ns_t now)
{
    s->stats.spill_failures++;
    if (s->spill_retry_at == 0) {
        log_error("store", "%s; what waits is kept in memory", spill_error(s->spill));
    }
    s->spill_retry_at = now + RETRY_NS;
}

static void note_well(struct store *s)
{
    if (s->spill_retry_at != 0) {
        log_info("store", "the spill file can be written again");
    }
    s->spill_retry_at = 0;
}

/* Market data stops at the limit and goes on again an eighth below it. */
static void note_limit(struct store *s)
{
    uint64_t bytes = spill_bytes(s->spill);
    if (!s->spill_full && bytes + BLOCK_ABOUT > s->spill_max) {
        s->spill_full = true;
        log_error("store", "the spill file is at its limit, market data is dropped bytes=%" PRIu64,
                  bytes);
    } else if (s->spill_full && bytes < s->spill_max - s->spill_max / 8) {
        s->spill_full = false;
        log_info("store", "the spill file has room again bytes=%" PRIu64, bytes);
    }
}

/* True: over the limit this one does not go into the file. Turns and decisions may go an eighth
 * over it, what is about orders and money as far as the disk goes. */
static bool over_limit(const struct store *s, const void *record)
{
    if (!s->spill_full) {
        return false;
    }
    bool far = spill_bytes(s->spill) > s->spill_max + s->spill_max / 8;
    return intake_droppable(far ? DROP_RECORDS : DROP_MARKET, record);
}

/* The gap rows of what has just been dropped come into the same block: a kill loses neither. */
static uint64_t add_drops(struct store *s)
{
    uint64_t added = 0;
    for (size_t i = 0; i < DROP_CLASSES; i++) {
        struct rec_gap *gap = &s->drops.gap[i];
        if (gap->lost > 0 && spill_add(s->spill, gap) == ST_OK) {
            s->drops.lost -= gap->lost;
            memset(gap, 0, sizeof *gap);
            added++;
        }
    }
    return added;
}

/* Fill a block from the front of memory. Returns the records in it; those that were dropped are
 * passed over too. */
static uint64_t fill_block(struct store *s, struct queue_cursor *cursor)
{
    uint64_t kept = intake_unsure(s), added = 0;
    spill_forget(s->spill);
    for (;;) {
        struct queue_cursor before = *cursor;
        const void *record = queue_next(cursor);
        if (record == NULL) {
            return added + add_drops(s);
        }
        if (cursor->records > kept && over_limit(s, record)) {
            intake_drop(s, record, "spill file full");
            continue;
        }
        enum status st = spill_add(s->spill, record);
        if (st == ST_INVALID) { /* longer than a block can be */
            intake_drop(s, record, "too long to spill");
        } else if (st != ST_OK) {
            *cursor = before;
            return added;
        } else {
            added++;
        }
    }
}

static bool append_block(struct store *s, mono_ns_t now)
{
    struct queue_cursor cursor = queue_begin(&s->queue);
    struct drops drops = s->drops;
    uint64_t lost = s->stats.lost;
    note_limit(s);
    uint64_t added = fill_block(s, &cursor);
    uint64_t bytes = spill_block_bytes(s->spill);
    struct spill_state state = {
        .wall = s->wall, .rows = s->stats.rows + (s->given - s->progress), .lost = s->stats.lost};
    bool full = added == 0 && cursor.records == 0; /* no memory for a block */
    if (full || spill_write(s->spill, s->given + 1, &state) != ST_OK) {
        s->drops = drops;
        s->stats.lost = lost;
        note_failure(s, now);
        return false;
    }
    note_well(s);
    queue_pop(&s->queue, &cursor);
    s->given += added;
    s->stats.spilled += added;
    s->stats.spilled_bytes += bytes;
    s->spill_unsynced = s->spill_unsynced || added > 0;
    return true;
}

static void begin_spilling(struct store *s)
{
    if (!s->spilling) {
        s->spilling = true;
        log_warn("store", "the database is %s, rows go to %s", s->retry_at != 0 ? "away" : "slow",
                 spill_path(s->spill));
    }
}

static bool append(struct store *s, mono_ns_t now)
{
    begin_spilling(s);
    do {
        bool named = intake_name_drops(s, now); /* a gap row waits in the file like the others */
        if (!named && s->queue.records == 0) {
            return false;
        }
        while (s->queue.records > 0) {
            if (!append_block(s, now)) {
                return false;
            }
        }
    } while (s->drops.lost > 0);
    s->behind = 0;
    return true;
}

static void call_sync(void *self)
{
    struct store *s = self;
    s->synced = spill_sync_apart(s->spill);
}

static void note_sync(struct store *s)
{
    if (s->synced == 0) {
        s->spill_sync_fails = false;
        return;
    }
    s->spill_unsynced = true; /* a kill loses nothing, the machine's end may */
    s->stats.spill_failures++;
    if (!s->spill_sync_fails) {
        log_error("store", "cannot sync the spill file: %s", strerror(-s->synced));
    }
    s->spill_sync_fails = true;
}

static void begin_sync(struct store *s)
{
    s->spill_unsynced = false; /* what is written from now on is for the next one */
    if (s->syncer != NULL) {
        s->syncing = true;
        errand_begin(s->syncer, call_sync, s);
    } else {
        call_sync(s);
        note_sync(s);
    }
}

/* False: the disk has not answered yet. */
static bool end_sync(struct store *s)
{
    if (s->syncing) {
        if (!errand_done(s->syncer)) {
            return false;
        }
        s->syncing = false;
        note_sync(s);
    }
    return true;
}

static void sync_file(struct store *s, mono_ns_t now)
{
    if (end_sync(s) && s->spill_unsynced &&
        (s->spill_synced == 0 || now - s->spill_synced >= SYNC_NS)) {
        s->spill_synced = now;
        begin_sync(s);
    }
}

/* False: it takes longer than that. */
static bool await_sync(struct store *s, mono_ns_t max_ns)
{
    mono_ns_t began = s->time.mono(s->time.self);
    while (!end_sync(s)) {
        if (s->time.mono(s->time.self) - began >= max_ns) {
            return false;
        }
        (void)errand_wait(s->syncer, WAIT_NS);
    }
    return true;
}

void overflow_sync(struct store *s)
{
    mono_ns_t began = s->time.mono(s->time.self);
    if (await_sync(s, s->close_wait_ns)) {
        begin_sync(s);
        if (await_sync(s, began + s->close_wait_ns - s->time.mono(s->time.self))) {
            return;
        }
    }
    log_warn("store", "the spill file's disk does not answer, its newest rows survive a kill, but "
                      "perhaps not the machine's end");
}

bool overflow_finish(struct store *s, errand_fn last)
{
    if (s->syncer != NULL && !errand_done(s->syncer)) {
        errand_leave(s->syncer, last, s);
        return false;
    }
    errand_destroy(s->syncer);
    return true;
}

static bool must(const struct store *s, mono_ns_t now)
{
    if (s->queue.records == 0 && s->drops.lost == 0) {
        return false;
    }
    mono_ns_t age = now - s->oldest;
    if (s->spilling) {
        bool soon = APPEND_NS < s->interval_ns && !s->spill_full;
        mono_ns_t wait = soon ? APPEND_NS : s->interval_ns;
        return age >= wait || s->queue.bytes > APPEND_SIZE;
    }
    mono_ns_t patience = APPEND_NS < s->interval_ns ? APPEND_NS : s->interval_ns;
    bool away = s->retry_at != 0 && age >= s->interval_ns;
    bool silent = s->answering && now - s->asked >= patience;
    bool slow = s->behind != 0 && now - s->behind >= 2 * s->interval_ns;
    return away || silent || slow || s->queue.bytes > s->memory_max / 2;
}

void overflow_work(struct store *s, mono_ns_t now)
{
    if (s->spill == NULL) {
        return;
    }
    if (must(s, now) && (s->spill_retry_at == 0 || now >= s->spill_retry_at)) {
        (void)append(s, now);
    }
    sync_file(s, now);
}

bool overflow_all(struct store *s, mono_ns_t now)
{
    if (s->spill == NULL || !append(s, now)) {
        return false;
    }
    overflow_sync(s);
    return true;
}

void overflow_drained(struct store *s, const struct spill_cursor *c)
{
    s->unreadable = 0;
    if (s->given > s->progress) {
        if (c->at != 0) { /* the file was in use when the transaction began */
            spill_done(s->spill, c);
        }
        return;
    }
    spill_all_done(s->spill);
    s->spilling = false;
    s->spill_full = false;
    s->spill_unsynced = false;
    log_info("store", "the spill file is drained rows=%" PRIu64, s->stats.drained);
}
