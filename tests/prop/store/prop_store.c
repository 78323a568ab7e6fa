/*
 * prop_store.c - random outages, lost answers, full and torn spill disks, limits and kills against
 * a plain list of what was pushed.
 *
 * The database is a real one, the spill file lies on a disk in memory, the clock is ours. After
 * each session all is well again and the next start drains what is left. Then what is in the
 * database is what was pushed, in order and once, less what gap rows name; of a killed session also
 * less what was still in memory. Fills and orders are always there.
 *
 * DELTAFLOW_SEED repeats a run, DELTAFLOW_SEEDS is the number of sessions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/log.h"
#include "store/spill_files.h"
#include "unit/store/bad_db.h"
#include "unit/store/databases.h"
#include "unit/store/make_records.h"
#include "unit/store/mem_disk.h"

enum kind { SNAPSHOT, DELTA, FILL, TURN, ORDER, KINDS };
static const char *const numbers_of[KINDS] = {
    "SELECT ord FROM snapshot WHERE session=? ORDER BY ord",
    "SELECT ord FROM delta WHERE session=? ORDER BY ord",
    "SELECT ord FROM fill WHERE session=? ORDER BY ord",
    "SELECT turn FROM turn WHERE session=? ORDER BY turn",
    "SELECT number FROM order_step WHERE session=? ORDER BY n", /* as they were written */
};

#define PUSHED_MAX 400000U

struct pushed {
    uint8_t kind;
    bool in_memory; /* at the end, and so perhaps nowhere else */
    uint64_t number;
};

struct world {
    struct rng rng;
    char folder[64], path[96];
    struct mem_disk disk;
    struct file_system files;
    struct bad_db bad;
    struct ring *ring;
    struct store *store;
    mono_ns_t now;
    wall_ns_t wall;
    bool could_not_cut;    /* in this session */
    struct pushed *pushed; /* of this session, in order */
    size_t n;
    uint64_t next[KINDS]; /* the last number; snapshots and deltas share SNAPSHOT's */
    /* How often each thing happened. */
    uint64_t kills, spilled, drained, dropped, lost_answers, failures, spill_failures, left;
};

static mono_ns_t world_mono(void *self)
{
    return ((struct world *)self)->now;
}

static void world_sleep(void *self, mono_ns_t ns)
{
    ((struct world *)self)->now += ns;
}

static void open_store(struct world *w)
{
    struct store_config c = store_config_default();
    struct err err = {.st = ST_OK};
    c.path = w->path;
    c.spill = "spill";
    c.files = &w->files;
    c.spill_max = (1 + rng_below(&w->rng, 8)) << 20;
    c.memory_max = (size_t)(3 + rng_below(&w->rng, 6)) << 20;
    c.close_wait_ns = 100 * NS_PER_MS;
    c.threads = false; /* the clock is virtual */
    c.time = (struct store_time){world_mono, world_sleep, w};
    if (store_open(&c, w->wall += NS_PER_SEC, &w->store, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    store_add_ring(w->store, w->ring);
    bad_db_put_before(w->store, &w->bad);
}

static void turn(struct world *w, mono_ns_t ns)
{
    w->now += ns;
    w->wall += ns;
    (void)store_work(w->store, w->wall, w->now);
}

static void push_one(struct world *w)
{
    static _Alignas(8) uint8_t buf[RECORD_ROOM];
    static const uint16_t types[KINDS] = {EV_SNAPSHOT, EV_DELTA, EV_FILL, REC_TURN, REC_ORDER};
    static const enum kind often[] = {DELTA, DELTA, DELTA, SNAPSHOT, SNAPSHOT,
                                      TURN,  TURN,  FILL,  ORDER};
    enum kind kind = often[rng_below(&w->rng, sizeof often / sizeof often[0])];
    uint64_t *next = &w->next[kind == DELTA ? SNAPSHOT : kind];
    uint64_t number = ++*next;
    uint32_t size;
    if (kind == SNAPSHOT) { /* large ones: the limits are megabytes */
        struct ev_snapshot *s = (struct ev_snapshot *)buf;
        memset(buf, 0, sizeof *s + 1000 * sizeof(struct level));
        s->n_yes = (uint32_t)rng_below(&w->rng, 1000);
        size = (uint32_t)(sizeof *s + s->n_yes * sizeof(struct level));
        s->h =
            (struct ev){.size = size, .type = EV_SNAPSHOT, .source = EV_SRC_MARKET, .ord = number};
    } else {
        size = make_record(&w->rng, types[kind], kind == FILL ? EV_SRC_PRIVATE : EV_SRC_MARKET,
                           number, buf);
        if (kind == ORDER) {
            ((struct rec_order *)buf)->number = number;
        }
    }
    while (ring_push(w->ring, buf, size) != ST_OK) {
        turn(w, 0);
    }
    assert_true(w->n < PUSHED_MAX);
    w->pushed[w->n++] = (struct pushed){(uint8_t)kind, false, number};
}

/* Something begins or ends to fail. */
static void change(struct world *w)
{
    struct rng *r = &w->rng;
    switch (rng_below(r, 12)) {
    case 0:
    case 1:
    case 2:
        w->bad.away = !w->bad.away;
        break;
    case 3:
        w->bad.commits_fail = !w->bad.commits_fail;
        break;
    case 4:
        w->bad.puts_fail = !w->bad.puts_fail;
        break;
    case 5:
    case 6:
        w->bad.answers_lost = !w->bad.answers_lost;
        break;
    case 7:
        w->disk.full = !w->disk.full;
        break;
    case 8:
        w->disk.write_fails_at = rng_below(r, 2) == 0 ? -1 : (int64_t)rng_below(r, 400000);
        break;
    case 9:
        w->disk.sync_fails = !w->disk.sync_fails;
        w->disk.no_truncate = rng_below(r, 4) == 0;
        w->could_not_cut = w->could_not_cut || w->disk.no_truncate;
        break;
    case 10:
        w->disk.no_holes = !w->disk.no_holes;
        break;
    default: /* all is well for a while */
        memset(&w->bad, 0, sizeof w->bad);
        w->disk.full = false;
        w->disk.write_fails_at = -1;
        break;
    }
}

static void all_well(struct world *w)
{
    memset(&w->bad, 0, sizeof w->bad);
    w->disk.full = w->disk.sync_fails = w->disk.no_holes = w->disk.no_truncate = false;
    w->disk.write_fails_at = -1;
}

/* --- what has to be there --- */

struct numbers {
    uint64_t *v;
    size_t n;
};

static void numbers_in(const struct world *w, int64_t session, const char *sql, struct numbers *ret)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    sqlite3_bind_int64(s, 1, session);
    ret->v = malloc(PUSHED_MAX * sizeof *ret->v);
    ret->n = 0;
    assert_non_null(ret->v);
    while (sqlite3_step(s) == SQLITE_ROW) {
        assert_true(ret->n < PUSHED_MAX);
        ret->v[ret->n++] = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static uint64_t lost_in(const struct world *w, int64_t session, const char *which)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "SELECT coalesce(sum(lost),0) FROM gap WHERE session=%" PRId64 " AND %s", session,
             which);
    return (uint64_t)sql_number(w->path, sql);
}

/* memory_named: what gap rows that were still in memory said. torn: what those about the spill file
 * say. */
static void check_rows(const struct world *w, int64_t session, const uint64_t memory_named[2],
                       uint64_t torn)
{
    uint64_t missing[KINDS] = {0};
    for (int k = 0; k < KINDS; k++) {
        struct numbers there;
        numbers_in(w, session, numbers_of[k], &there);
        size_t at = 0;
        for (size_t i = 0; i < w->n; i++) {
            const struct pushed *p = &w->pushed[i];
            if (p->kind != k) {
                continue;
            }
            if (at < there.n && there.v[at] == p->number) {
                at++;
            } else if (!p->in_memory) {
                missing[k]++;
                if (k == FILL || k == ORDER) {
                    fail_msg("session %" PRId64 ": %s %" PRIu64 " is missing", session,
                             k == FILL ? "fill" : "order", p->number);
                }
            }
        }
        if (at != there.n) {
            fail_msg("session %" PRId64 ": row %zu of kind %d, number %" PRIu64
                     ", is one too many or out of order",
                     session, at, k, there.v[at]);
        }
        free(there.v);
    }
    uint64_t named[2] = {lost_in(w, session, "reason LIKE '%market data dropped'"),
                         lost_in(w, session, "reason LIKE '%turns or decisions dropped'")};
    uint64_t gone[2] = {missing[SNAPSHOT] + missing[DELTA], missing[TURN]};
    uint64_t others = lost_in(w, session, "reason NOT LIKE '% dropped'");
    for (int i = 0; i < 2; i++) {
        if (others != torn || gone[i] < named[i] || gone[i] > named[i] + memory_named[i]) {
            fail_msg("session %" PRId64 ": %" PRIu64 " %s are missing, %" PRIu64
                     " are named, %" PRIu64 " were in memory; other losses %" PRIu64,
                     session, gone[i], i == 0 ? "events" : "turns", named[i], memory_named[i],
                     others);
        }
    }
}

/* Each missing market event lies in a gap row. */
static void check_ranges(const struct world *w, int64_t session)
{
    struct numbers first, next, there;
    numbers_in(w, session,
               "SELECT seq_expected FROM gap WHERE session=? AND reason LIKE '%market data "
               "dropped' ORDER BY n",
               &first);
    numbers_in(w, session,
               "SELECT seq_got FROM gap WHERE session=? AND reason LIKE '%market data dropped' "
               "ORDER BY n",
               &next);
    numbers_in(w, session,
               "SELECT ord FROM delta WHERE session=?1 UNION SELECT ord FROM snapshot WHERE "
               "session=?1 ORDER BY ord",
               &there);
    size_t at = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct pushed *p = &w->pushed[i];
        if (p->kind != DELTA && p->kind != SNAPSHOT) {
            continue;
        }
        bool named = p->in_memory;
        if (at < there.n && there.v[at] == p->number) {
            at++;
            named = true;
        }
        for (size_t k = 0; k < first.n && !named; k++) {
            named = first.v[k] <= p->number && p->number < next.v[k];
        }
        if (!named) {
            fail_msg("session %" PRId64 ": event %" PRIu64 " is in no gap row", session, p->number);
        }
    }
    free(first.v);
    free(next.v);
    free(there.v);
}

/* --- a session --- */

static void count(struct world *w)
{
    const struct store_stats *s = store_stats(w->store);
    w->spilled += s->spilled;
    w->drained += s->drained;
    w->dropped += s->lost;
    w->failures += s->failures;
    w->spill_failures += s->spill_failures;
}

static void mark(struct world *w, enum kind kind, uint64_t number, size_t *at)
{
    /* Memory is in the order of pushing. */
    while (*at < w->n && (w->pushed[*at].kind != kind || w->pushed[*at].number != number)) {
        (*at)++;
    }
    assert_true(*at < w->n);
    w->pushed[*at].in_memory = true;
}

static void note_gap(const struct rec_gap *gap, uint64_t named[2])
{
    named[strstr(gap->reason, "market data") == NULL] += gap->lost;
}

/* What is in memory now and nowhere else may be lost, its gap rows too. */
static void note_memory(struct world *w, uint64_t named[2])
{
    struct queue_cursor c = queue_begin(&w->store->queue);
    size_t at = 0;
    for (const struct ev *ev = queue_next(&c); ev != NULL; ev = queue_next(&c)) {
        switch (ev->type) {
        case EV_SNAPSHOT:
            mark(w, SNAPSHOT, ev->ord, &at);
            break;
        case EV_DELTA:
            mark(w, DELTA, ev->ord, &at);
            break;
        case EV_FILL:
            mark(w, FILL, ev->ord, &at);
            break;
        case REC_TURN:
            mark(w, TURN, ((const struct rec_turn *)(const void *)ev)->turn, &at);
            break;
        case REC_ORDER:
            mark(w, ORDER, ((const struct rec_order *)(const void *)ev)->number, &at);
            break;
        default:
            assert_int_equal(ev->type, REC_GAP);
            note_gap((const struct rec_gap *)(const void *)ev, named);
            break;
        }
    }
    for (size_t i = 0; i < DROP_CLASSES; i++) {
        if (w->store->drops.gap[i].lost > 0) {
            note_gap(&w->store->drops.gap[i], named);
        }
    }
}

static void one_session(struct world *w)
{
    all_well(w);
    w->could_not_cut = false;
    w->n = 0;
    memset(w->next, 0, sizeof w->next);
    open_store(w);
    int64_t session = store_session(w->store);
    uint64_t steps = 20 + rng_below(&w->rng, 120), burst = 1 + rng_below(&w->rng, 400);
    for (uint64_t i = 0; i < steps; i++) {
        if (rng_below(&w->rng, 6) == 0) {
            change(w);
        }
        w->lost_answers += w->bad.answers_lost;
        for (uint64_t k = rng_below(&w->rng, burst); k > 0; k--) {
            push_one(w);
        }
        turn(w, (mono_ns_t)rng_below(&w->rng, (uint64_t)NS_PER_SEC));
    }
    uint64_t named[2] = {0};
    /* The head of a block that failed and could not be cut off names records that are in memory or
     * were dropped. */
    uint64_t torn = w->could_not_cut ? UINT64_MAX : 0;
    if (rng_below(&w->rng, 2) == 0) {
        turn(w, 0);
        w->kills++;
        count(w);
        note_memory(w, named);
        bad_db_kill(w->store);
        mem_disk_kill(&w->disk);
    } else {
        uint64_t lost = store_finish(w->store, w->wall);
        count(w);
        w->left += store_stats(w->store)->spill_left > 0;
        note_memory(w, named);
        /* Both disks failed at the end: counted. */
        assert_true(lost >= w->store->queue.records);
        store_close(w->store, "done", w->wall);
    }
    all_well(w);
    open_store(w); /* drains */
    const struct store_stats *s = store_stats(w->store);
    if (s->recovered_kept != 0 || s->recovered_missing > torn) {
        fail_msg("%" PRIu64 " spill files stay, %" PRIu64 " records are missing in them",
                 s->recovered_kept, s->recovered_missing);
    }
    torn = s->recovered_missing;
    store_close(w->store, "done", w->wall);
    assert_int_equal(mem_disk_count(&w->disk), 0);
    check_rows(w, session, named, torn);
    if (named[0] == 0) {
        check_ranges(w, session);
    }
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void sessions_hold_what_was_pushed_less_what_gap_rows_name(void **state)
{
    (void)state;
    uint64_t seed = number_from("DELTAFLOW_SEED", 20261128);
    uint64_t sessions = number_from("DELTAFLOW_SEEDS", 60);
    static struct world w;
    mem_disk_init(&w.disk);
    w.files = mem_disk_files(&w.disk);
    w.pushed = malloc(PUSHED_MAX * sizeof *w.pushed);
    assert_non_null(w.pushed);
    assert_int_equal(ring_create(4 << 20, &w.ring), ST_OK);
    w.now = NS_PER_SEC;
    w.wall = NS_PER_SEC;
    for (uint64_t i = 0; i < sessions; i++) {
        print_message("seed %" PRIu64 "\n", seed + i);
        make_folder(w.folder);
        snprintf(w.path, sizeof w.path, "%s/s.sqlite", w.folder);
        rng_init(&w.rng, seed + i);
        one_session(&w);
        remove_folder(w.folder);
    }
    print_message("kills=%" PRIu64 " spilled=%" PRIu64 " drained=%" PRIu64 " dropped=%" PRIu64
                  " turns with lost answers=%" PRIu64 " failures=%" PRIu64
                  " spill failures=%" PRIu64 " ended with a file=%" PRIu64 "\n",
                  w.kills, w.spilled, w.drained, w.dropped, w.lost_answers, w.failures,
                  w.spill_failures, w.left);
    assert_true(w.kills > 0 && w.spilled > w.drained && w.drained > 0 && w.dropped > 0 &&
                w.lost_answers > 0 && w.spill_failures > 0 && w.left > 0);
    ring_destroy(w.ring);
    mem_disk_finish(&w.disk);
    free(w.pushed);
}

int main(void)
{
    log_set_level(getenv("DELTAFLOW_SEED") != NULL ? LOG_WARN : LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_hold_what_was_pushed_less_what_gap_rows_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
