/*
 * real_store.c - the store in the world, and the ledger of what its rings took.
 *
 * The ledger keeps a hash of every record that a ring took or refused, in order, for each session
 * of the store. A look compares it with what the database says: the records of each type and source
 * are there in order, each once. What is missing was dropped by a rule and is named by a gap row,
 * or, after a death, is the end of what the ring took.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "store/store_int.h"
#include "world/real_int.h"

#define DB_NAME  "run.db"
#define TYPES    32
#define SOURCES  (EV_SRC_MAX + 1)
#define NONE     UINT32_MAX
#define GAPS_MAX 4096

struct pushed {
    uint64_t hash, ord;
    uint16_t type;
    uint8_t source, ring;
    bool refused, stored;
    uint32_t next; /* of the same type and source */
};

enum ending { RUNNING, CLEAN, KILLED, POWERLESS };

struct session {
    int64_t id;
    struct pushed *v;
    uint32_t n, cap;
    uint32_t first[TYPES][SOURCES], last[TYPES][SOURCES];
    enum ending ending;
    uint64_t kept; /* when it was killed: rows in the database, or on their way in the spill file */
    uint64_t lost; /* as the store counts, when it was not killed */
    uint64_t digest; /* of its rows, as its own row says */
    bool checked;    /* after it had ended, or it is gone with the power */
};

struct ledger {
    struct session *v;
    uint32_t n, cap;
    bool open; /* the last one is running */
};

/* --- keeping account --- */

static uint8_t source_of(const struct rec *rec)
{
    return rec->source < EV_SRC_MAX ? (uint8_t)rec->source : EV_SRC_MAX;
}

static void note(struct real *r, enum store_ring ring, const struct rec *rec, bool refused)
{
    struct ledger *l = r->ledger;
    struct session *s = &l->v[l->n - 1];
    uint32_t type = store_type_index(rec->type);
    uint8_t source = source_of(rec);
    s->v = real_grow(s->v, s->n, &s->cap, sizeof *s->v);
    s->v[s->n] = (struct pushed){
        .hash = hash64(rec, rec->size),
        .ord = rec->type < REC_BASE ? ((const struct ev *)(const void *)rec)->ord : 0,
        .type = rec->type,
        .source = source,
        .ring = (uint8_t)ring,
        .refused = refused,
        .next = NONE,
    };
    if (s->last[type][source] == NONE) {
        s->first[type][source] = s->n;
    } else {
        s->v[s->last[type][source]].next = s->n;
    }
    s->last[type][source] = s->n++;
    r->count[REAL_ROWS] += !refused;
}

void store_push(struct real *r, enum store_ring ring, const void *record)
{
    const struct rec *rec = record;
    if (r->store == NULL || r->dying) {
        return;
    }
    bool refused = ring_push(r->store_rings[ring], record, rec->size) != ST_OK;
    note(r, ring, rec, refused);
}

/* --- life --- */

static mono_ns_t store_mono(void *self)
{
    const struct real *r = self;
    return r->now + r->disk_ns;
}

static void store_sleep(void *self, mono_ns_t ns)
{
    struct real *r = self;
    r->disk_ns += ns;
}

static struct store_config config_of(struct real *r)
{
    struct store_config c = store_config_default();
    c.path = DB_NAME;
    c.vfs = VFS_NAME;
    c.rows_max = r->config.store_rows;
    c.interval_ns = r->config.store_interval;
    c.memory_max = r->config.store_memory;
    c.close_wait_ns = 0;
    c.spill = "spill";
    c.spill_max = r->config.store_spill;
    c.files = &r->files;
    c.build = "chaos";
    c.threads = false;
    c.process = 1000000000 + (int64_t)r->generation; /* no process has such a number */
    c.time = (struct store_time){store_mono, store_sleep, r};
    return c;
}

/* A database with its schema and without a session of the world, made once. */
static const struct vdisk *made_before(struct real *r)
{
    static struct vdisk disk;
    static struct vfs_host host;
    if (disk.files == NULL) {
        struct store *s = NULL;
        struct err err = {0};
        host.disk = &disk;
        vfs_use(&host);
        struct store_config c = config_of(r);
        c.spill = NULL;
        if (store_open(&c, r->wall, &s, &err) != ST_OK) {
            fprintf(stderr, "no database can be made: %s\n", err.text);
            abort();
        }
        store_close(s, "done", r->wall);
    }
    return &disk;
}

void store_init(struct real *r)
{
    static bool registered;
    if (!r->config.store) {
        return;
    }
    if (!registered) {
        registered = true;
        vfs_register();
    }
    r->ledger = calloc(1, sizeof *r->ledger);
    ensure(r->ledger != NULL);
    if (!r->config.fresh_db) {
        vdisk_copy(&r->db_disk, made_before(r), DB_NAME);
    }
    vfs_use(&r->host);
}

void store_destroy_all(struct real *r)
{
    aside_destroy(r->aside);
    for (int i = 0; i < STORE_RINGS; i++) {
        ring_destroy(r->store_rings[i]);
    }
    for (uint32_t i = 0; r->ledger != NULL && i < r->ledger->n; i++) {
        free(r->ledger->v[i].v);
    }
    if (r->ledger != NULL) {
        free(r->ledger->v);
        free(r->ledger);
        vfs_use(NULL);
    }
}

bool store_begin(struct real *r)
{
    if (!r->config.store) {
        return true;
    }
    struct store_config c = config_of(r);
    struct err err = {0};
    r->disk_ns = 0;
    for (int i = 0; i < STORE_RINGS; i++) { /* a process has rings of its own */
        ring_destroy(r->store_rings[i]);
        ensure(ring_create(r->config.store_ring, &r->store_rings[i]) == ST_OK);
    }
    enum status st = store_open(&c, real_wall(r), &r->store, &err);
    if (st != ST_OK) {
        real_trace(r, "the database cannot be opened: %s", err.text);
        if (st == ST_MALFORMED || st == ST_UNSUPPORTED) {
            real_forbid(r, "the database is damaged: %s", err.text);
        }
        r->store = NULL;
        return false;
    }
    struct ledger *l = r->ledger;
    l->v = real_grow(l->v, l->n, &l->cap, sizeof *l->v);
    struct session *s = &l->v[l->n++];
    memset(s, 0, sizeof *s);
    memset(s->first, 0xff, sizeof s->first);
    memset(s->last, 0xff, sizeof s->last);
    s->id = store_session(r->store);
    l->open = true;
    real_trace(r, "session %" PRId64 " begins, %" PRIu64 " rows came out of files", s->id,
               store_stats(r->store)->recovered);
    r->count[REAL_RECOVERED] += store_stats(r->store)->recovered;
    for (uint32_t i = 0; i + 1 < l->n; i++) {
        if (l->v[i].id == s->id) {
            real_forbid(r, "session %" PRId64 " is given a second time", s->id);
        }
    }
    for (int i = 0; i < STORE_RINGS; i++) {
        store_add_ring(r->store, r->store_rings[i]);
    }
    r->store->db->apart = true; /* as with the thread that is not made here: hang() is it */
    r->store_busy = r->now + r->disk_ns;
    return true;
}

/* Power goes: what waits in the file of a session that ended before may not have been synced. */
static enum status unsafe(void *self, const struct spill_file *file)
{
    struct real *r = self;
    for (uint32_t i = 0; i < r->ledger->n; i++) {
        struct session *s = &r->ledger->v[i];
        bool waits = s->id == file->id.session && file->state == SPILL_FILE_WAITS;
        s->ending = waits && s->ending == KILLED ? POWERLESS : s->ending;
    }
    return ST_OK;
}

void store_end(struct real *r, const char *outcome)
{
    if (r->store == NULL) {
        return;
    }
    while (aside_stopped(r->aside)) { /* it dies there, and no operation succeeds any more */
        ensure(outcome == NULL && r->dying);
        (void)aside_resume(r->aside);
    }
    struct session *s = &r->ledger->v[r->ledger->n - 1];
    const struct store_stats *st = store_stats(r->store);
    s->kept = st->rows + st->spilled - st->drained;
    s->ending = outcome != NULL ? CLEAN : r->power_goes ? POWERLESS : KILLED;
    r->count[REAL_SPILLED] += st->spilled;
    store_close(r->store, outcome != NULL ? outcome : "never said", real_wall(r));
    r->store = NULL;
    r->ledger->open = false;
    if (s->ending == POWERLESS) {
        disk_waiting(r, unsafe, r);
        vdisk_power_loss(&r->db_disk, &r->disk_rng);
        vdisk_power_loss(&r->spill_disk, &r->disk_rng);
    }
}

static void work(void *self)
{
    struct real *r = self;
    (void)store_work(r->store, real_wall(r), r->now);
}

void store_meanwhile(struct real *r)
{
    r->store->db->idle(r->store->db->idle_self);
}

/* Goes on with a turn that its disk holds up. False: it does still. */
static bool turn_ends(struct real *r)
{
    if (aside_stopped(r->aside)) {
        return aside_resume(r->aside);
    }
    r->disk_ns = 0;
    if (!real_lasts(r, FAULT_DB_HANG)) {
        work(r);
        return true;
    }
    r->aside = r->aside != NULL ? r->aside : aside_create();
    return aside_run(r->aside, work, r);
}

void store_turn(struct real *r)
{
    if (r->store == NULL || r->dying || r->now < r->store_busy ||
        real_lasts(r, FAULT_STORE_STALL) || !turn_ends(r)) {
        return;
    }
    r->store_busy = r->now + r->disk_ns;
    store_bounded(r);
}

bool store_idle(const struct real *r)
{
    if (r->store == NULL) {
        return true;
    }
    if (aside_stopped(r->aside)) {
        return false;
    }
    for (int i = 0; i < STORE_RINGS; i++) {
        if (ring_used(r->store_rings[i]) > 0) {
            return false;
        }
    }
    return true;
}

void store_bounded(struct real *r)
{
    size_t slack = (size_t)3 << 20; /* a segment, and what one turn takes out of the rings */
    r->checked[CHECK_MEMORY]++;
    if (store_stats(r->store)->queued_bytes_max > r->config.store_memory + slack) {
        real_forbid(r, "the store's queue has taken %" PRIu64 " bytes",
                    store_stats(r->store)->queued_bytes_max);
    }
}

/* --- what the database says --- */

struct gap {
    uint16_t source;
    uint64_t first, next, lost;
};

struct look {
    struct real *r;
    struct session *s;
    uint32_t at[TYPES][SOURCES]; /* next of each type and source */
    uint64_t rows[TYPES];
    uint64_t digest;
    struct gap gaps[GAPS_MAX];
    uint32_t n_gaps;
    uint64_t unreadable; /* rows that the disk of the spill file did not give back, as named */
};

static bool of_the_store(const struct rec *rec)
{
    return rec->type == REC_GAP &&
           strncmp(((const struct rec_gap *)(const void *)rec)->reason, "store:", 6) == 0;
}

static enum status on_row(void *self, const void *record)
{
    struct look *k = self;
    const struct rec *rec = record;
    uint8_t source = source_of(rec);
    k->digest ^= record_digest(record);
    if (of_the_store(rec)) {
        const struct rec_gap *g = record;
        ensure(k->n_gaps < GAPS_MAX);
        real_trace(k->r, "gap: source %u, %" PRIu64 " from %" PRIu64 " to %" PRIu64 ": %s",
                   g->h.source, g->lost, g->seq_expected, g->seq_got, g->reason);
        bool damage = strstr(g->reason, "spill file damaged") != NULL;
        k->unreadable += damage && k->r->happened[FAULT_SPILL_ERROR] > 0 ? g->lost : 0;
        k->gaps[k->n_gaps++] = (struct gap){g->h.source, g->seq_expected, g->seq_got, g->lost};
        return ST_OK;
    }
    uint32_t type = store_type_index(rec->type);
    uint64_t hash = hash64(record, rec->size);
    uint32_t i = k->at[type][source];
    while (i != NONE && k->s->v[i].hash != hash) {
        i = k->s->v[i].next;
    }
    if (i == NONE) {
        real_forbid(k->r,
                    "session %" PRId64 ": a row of type %u that no ring took, or twice, or out of "
                    "its place",
                    k->s->id, rec->type);
        return ST_INVALID;
    }
    k->s->v[i].stored = true;
    k->rows[type]++;
    k->r->checked[CHECK_STORED]++;
    if (k->s->v[i].refused) {
        real_forbid(k->r, "session %" PRId64 ": a row that its ring refused", k->s->id);
    }
    k->at[type][source] = k->s->v[i].next;
    return ST_OK;
}

static bool may_be_dropped(const struct pushed *p)
{
    bool data = p->type == EV_SNAPSHOT || p->type == EV_DELTA || p->type == EV_TRADE;
    return (data && p->source == EV_SRC_MARKET) || p->type == REC_RAW || p->type == REC_TURN ||
           p->type == REC_DECISION;
}

static bool named(const struct look *k, const struct pushed *p)
{
    if (p->refused || p->type >= REC_BASE) {
        return true; /* in the sums */
    }
    for (uint32_t i = 0; i < k->n_gaps; i++) {
        const struct gap *g = &k->gaps[i];
        if (g->source == p->source && g->first <= p->ord && p->ord < g->next) {
            return true;
        }
    }
    return false;
}

static void judge_missing(struct look *k)
{
    struct session *s = k->s;
    uint32_t last[STORE_RINGS] = {0};          /* behind the last row of each ring that is there */
    uint64_t missing = 0, taken = 0, gaps = 0; /* taken: of the missing, by a ring */
    uint64_t fresh = 0;                        /* refused at the end, named or not yet */
    bool died = s->ending == KILLED || s->ending == POWERLESS;
    for (uint32_t i = 0; i < s->n; i++) {
        last[s->v[i].ring] = s->v[i].stored ? i + 1 : last[s->v[i].ring];
    }
    for (uint32_t i = 0; i < s->n; i++) {
        const struct pushed *p = &s->v[i];
        bool end = i >= last[p->ring];
        bool late = s->ending == RUNNING && p->refused && end; /* named within a second */
        fresh += late && !p->stored;
        if (p->stored || late || (died && end)) { /* it died before they were written */
            continue;
        }
        missing++;
        taken += !p->refused;
        real_trace(k->r, "missing: ring %u row %u type %u source %u number %" PRIu64 "%s", p->ring,
                   i, p->type, p->source, p->ord, p->refused ? " (refused)" : "");
        k->r->count[REAL_LOST_ROWS] += !p->refused;
        if (s->ending == POWERLESS) {
            continue; /* in the sum: rows spilled later may have been synced before */
        }
        if (k->unreadable > 0 && !p->refused) {
            k->unreadable--; /* the same place could not be read five times */
            continue;
        }
        if (!p->refused && !may_be_dropped(p)) {
            real_forbid(k->r, "session %" PRId64 ": row %u of type %u (%" PRIu64 ") is missing",
                        s->id, i, p->type, p->ord);
        } else if (!named(k, p)) {
            real_forbid(k->r,
                        "session %" PRId64 ": event %" PRIu64 " of source %u is missing and "
                        "not named",
                        s->id, p->ord, p->source);
        }
    }
    for (uint32_t i = 0; i < k->n_gaps; i++) {
        gaps += k->gaps[i].lost;
    }
    if (!died && gaps < missing) {
        real_forbid(k->r,
                    "session %" PRId64 ": %" PRIu64 " rows are missing, %" PRIu64 " are named",
                    s->id, missing, gaps);
    }
    /* What a full ring refused is named a second later, and that may be too late. */
    if (s->ending == POWERLESS && taken > 0 && k->n_gaps == 0) {
        real_forbid(k->r, "session %" PRId64 ": %" PRIu64 " rows are missing, and nothing says so",
                    s->id, missing);
    }
    /* A gap row may name some of what another has named; the count of what was lost does not. */
    if (!died && (s->lost < missing || s->lost > missing + fresh)) {
        real_forbid(k->r,
                    "session %" PRId64 ": %" PRIu64 " rows are missing, %" PRIu64 " were counted",
                    s->id, missing, s->lost);
    }
    uint64_t there = k->n_gaps;
    for (uint32_t t = 0; t < TYPES; t++) {
        there += k->rows[t];
    }
    if (s->ending == KILLED && there < s->kept) {
        real_forbid(
            k->r, "session %" PRId64 ": %" PRIu64 " rows, %" PRIu64 " were safe when it was killed",
            s->id, there, s->kept);
    }
}

static void check_session(struct real *r, struct session *s)
{
    struct look *k = calloc(1, sizeof *k);
    struct err err = {0};
    ensure(k != NULL);
    k->r = r;
    k->s = s;
    for (uint32_t i = 0; i < s->n; i++) {
        s->v[i].stored = false;
    }
    memcpy(k->at, s->first, sizeof k->at);
    if (store_read_all(DB_NAME, s->id, on_row, k, &err) != ST_OK) {
        real_forbid(r, "session %" PRId64 " cannot be read: %s", s->id, err.text);
    }
    if (r->why[0] == '\0' && k->digest != s->digest) {
        real_forbid(r, "session %" PRId64 ": its digest is not that of its rows", s->id);
    }
    if (r->why[0] == '\0') {
        judge_missing(k);
    }
    s->checked = s->ending != RUNNING;
    free(k);
}

static const char *outcome_of(enum ending e)
{
    return e == RUNNING ? "running" : e == CLEAN ? "done" : "broken";
}

static enum status on_session(void *self, const struct store_session *row)
{
    struct real *r = self;
    for (uint32_t i = 0; i < r->ledger->n; i++) {
        struct session *s = &r->ledger->v[i];
        if (s->id != row->id) {
            continue;
        }
        s->digest = row->digest ^ store_session_digest(row);
        s->lost = s->ending == RUNNING ? store_stats(r->store)->lost : row->lost;
        r->checked[CHECK_SESSIONS]++;
        const char *want = outcome_of(s->ending);
        bool next = i + 1 < r->ledger->n; /* who marks what was left */
        bool waits = strstr(row->outcome, "rows wait in its spill file") != NULL;
        bool marked = next || s->ending == RUNNING || s->ending == CLEAN;
        if (marked && !(waits && s->ending == CLEAN && disk_spilled(r)) &&
            strncmp(row->outcome, want, strlen(want)) != 0) {
            real_forbid(r, "session %" PRId64 " has ended '%s', its row says '%s'", s->id, want,
                        row->outcome);
        }
    }
    return ST_OK;
}

void store_check(struct real *r)
{
    struct err err = {0};
    if (r->ledger == NULL) {
        return;
    }
    r->own_disk_use = true;
    bool waits = disk_spilled(r);
    if (store_read_sessions(DB_NAME, on_session, r, &err) != ST_OK) {
        real_forbid(r, "the sessions cannot be read: %s", err.text);
    }
    for (uint32_t i = 0; i < r->ledger->n && r->why[0] == '\0'; i++) {
        struct session *s = &r->ledger->v[i];
        if (!s->checked && (s->ending == RUNNING || !waits)) {
            check_session(r, s);
        }
    }
    r->own_disk_use = false;
}
