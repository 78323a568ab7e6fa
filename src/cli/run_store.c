/*
 * run_store.c - the store's thread: drains the store rings into the database, and syncs the order
 * journal.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/build_id.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/store_start.h"
#include "store/backend.h"

void run_store_push(struct ring *ring, const void *record)
{
    if (ring == NULL) {
        return; /* the store is switched off */
    }
    uint32_t size;
    memcpy(&size, record, sizeof size);
    enum status st = ring_push(ring, record, size);
    (void)st; /* a full ring counts it, and the store names it in a gap row */
}

#define JOURNAL_SYNC_EVERY (250 * NS_PER_MS)
#define JOURNAL_WAIT       (5 * NS_PER_SEC) /* at the end */

static void call_journal_sync(void *journal)
{
    enum status st = journal_sync(journal);
    (void)st; /* journal_failed() says so */
}

static void sync_journal(struct run *r, mono_ns_t now)
{
    if (r->journal_sync != NULL && !errand_done(r->journal_sync)) {
        return; /* the disk has not answered */
    }
    if (journal_failed(r->journal) && !r->journal_bad) {
        r->journal_bad = true;
        log_error("store", "the order journal cannot be written or synced: no new order leaves");
    }
    /* Not after each record: a write that meets a sync of its page waits for the disk. */
    bool urgent = atomic_exchange_explicit(&r->journal_urgent, false, memory_order_acquire);
    bool due = urgent || now - r->journal_synced > JOURNAL_SYNC_EVERY;
    if (!due || journal_pending(r->journal) == 0) {
        return;
    }
    r->journal_synced = now;
    if (r->journal_sync != NULL) {
        errand_begin(r->journal_sync, call_journal_sync, r->journal);
    } else {
        call_journal_sync(r->journal);
    }
}

/* Without a store it is there for the journal alone. */
static int store_turn(void *self, mono_ns_t now)
{
    struct run *r = self;
    uint32_t n = r->store != NULL ? store_work(r->store, clock_wall(), now) : 0;
    if (r->journal != NULL) {
        sync_journal(r, now);
    }
    return (int)n;
}

/* What is not on the medium yet follows, unless its disk hangs. */
static bool finish_journal(struct run *r)
{
    if (!errand_wait(r->journal_sync, JOURNAL_WAIT)) {
        return false;
    }
    if (r->journal != NULL && !journal_failed(r->journal) && journal_pending(r->journal) > 0) {
        errand_begin(r->journal_sync, call_journal_sync, r->journal);
    }
    return errand_wait(r->journal_sync, JOURNAL_WAIT);
}

bool run_store_destroy(struct run *r)
{
    if (r->journal_sync != NULL && !finish_journal(r)) {
        log_error("store", "the disk of the order journal hangs, its newest records survive this "
                           "end, but perhaps not the machine's");
        errand_leave(r->journal_sync, NULL, NULL);
        return false;
    }
    errand_destroy(r->journal_sync);
    return true;
}

/* Before any turn: the actor's thread has not begun. */
static void push_restored(struct run *r)
{
    for (uint32_t i = 0; i < r->journal_found.n_sessions && !r->paper; i++) {
        struct journal_record rec = {.type = JOURNAL_SESSION,
                                     .number = r->journal_found.sessions[i]};
        struct rec_restored row;
        recovery_to_record(&rec, &row);
        run_store_push(r->store_actor, &row);
    }
    for (uint32_t i = 0; i < r->unsettled.n; i++) {
        struct rec_restored row;
        recovery_to_record(&r->unsettled.rec[i], &row);
        run_store_push(r->store_actor, &row);
    }
}

static enum status make_spill_folder(const char *folder, struct err *err)
{
    char inside[1024];
    int n = snprintf(inside, sizeof inside, "%s/x", folder);
    if (n < 0 || (size_t)n >= sizeof inside) {
        return err_set(err, ST_LIMIT, "[store] spill is too long");
    }
    return config_make_folder_of(inside, err);
}

static int make_agent(struct run *r, struct err *err)
{
    struct agent_config ac = {
        .name = "store",
        .self = r,
        .do_work = store_turn,
        .idle = IDLE_PARK,
        .spins = 1,
        .yields = 1,
        .max_sleep_ns =
            2 * NS_PER_MS, /* producers do not wake it: a batch is due in milliseconds anyway */
        .slow_turn_ns = 500 * NS_PER_MS,
    };
    if (agent_create(&ac, &r->store_agent) != ST_OK) {
        err_set(err, ST_NOMEM, "cannot make the store's agent");
        return EXIT_FAILED;
    }
    if (errand_create("journal-sync", &r->journal_sync) != ST_OK) {
        r->journal_sync = NULL;
        log_warn("store", "no thread for the syncs of the order journal: the store waits for them");
    }
    return EXIT_DONE;
}

/* The main thread takes it when the run is on. */
static bool stop_is_pending(void *unused)
{
    sigset_t pending;
    (void)unused;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

int run_store_build(struct run *r, struct err *err)
{
    if (!r->o->store.enabled) {
        return r->journal != NULL ? make_agent(r, err) : EXIT_DONE;
    }
    const struct store_options *o = &r->o->store;
    if (!backend_is_url(o->path) && config_make_folder_of(o->path, err) != ST_OK) {
        return EXIT_CONFIG;
    }
    bool spill = o->spill_bytes > 0 && o->spill[0] != '\0';
    if (spill && make_spill_folder(o->spill, err) != ST_OK) {
        return EXIT_CONFIG;
    }
    size_t bytes = (size_t)o->ring_bytes;
    if (ring_create(bytes, &r->store_net) != ST_OK ||
        ring_create(bytes, &r->store_gateway) != ST_OK ||
        ring_create(bytes, &r->store_actor) != ST_OK) {
        err_set(err, ST_NOMEM, "no memory for the store's rings (store.ring_bytes %lld)",
                (long long)o->ring_bytes);
        return EXIT_FAILED;
    }
    struct store_config c = store_config_default();
    c.path = o->path;
    c.rows_max = (uint32_t)o->rows_max;
    c.interval_ns = o->interval_ms * NS_PER_MS;
    c.memory_max = (size_t)o->memory_bytes;
    c.answer_ns = o->answer_ms * NS_PER_MS;
    c.spill = spill ? o->spill : NULL;
    c.spill_max = (uint64_t)o->spill_bytes;
    c.config_json = r->config_json;
    c.build = build_text();
    c.policy = r->policy_line;
    c.exchange = r->o->exchange.rest_url;
    enum status st = store_start(&c, clock_wall(), stop_is_pending, NULL, &r->store, err);
    if (st != ST_OK) {
        return st == ST_INVALID                             ? EXIT_CONFIG
               : st == ST_UNSUPPORTED || st == ST_MALFORMED ? EXIT_REFUSED
                                                            : EXIT_UNREACHABLE;
    }
    store_add_ring(r->store, r->store_net);
    store_add_ring(r->store, r->store_gateway);
    store_add_ring(r->store, r->store_actor);
    push_restored(r);
    return make_agent(r, err);
}
