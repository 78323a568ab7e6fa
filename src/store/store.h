/*
 * store.h - WriteQueue: events and records to a database, without ever making their producer wait.
 *
 * Producers (net, gateway, actor) push whole records (bus/event.h, bus/record.h) into rings of
 * their own; store_work, on the store's thread, drains all rings and writes one transaction per
 * batch: rows_max rows or interval_ns, whichever comes first, and as much as has queued up. Rows of
 * one ring reach the database in order, each once. While the database is away or slow, what waits
 * goes to a local file (spill.h). When a ring or the file is full, what was lost is named by a gap
 * row. The database is SQLite or PostgreSQL (backend.h).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/file_io.h"
#include "bus/record.h"
#include "bus/ring.h"

#define STORE_SCHEMA_VERSION 8
#define STORE_RINGS_MAX      8

/* The clock of the store's own waiting. mono: nanoseconds that never go back; sleep: returns after
 * about ns. */
struct store_time {
    mono_ns_t (*mono)(void *self);
    void (*sleep)(void *self, mono_ns_t ns);
    void *self;
};

struct backend; /* backend.h */

struct store_config {
    const char *path;        /* SQLite file; its folder must exist. Or postgresql://... */
    uint32_t rows_max;       /* 100 */
    mono_ns_t interval_ns;   /* 1 s */
    size_t memory_max;       /* most kept while the database fails: 256 MiB; 0: that */
    mono_ns_t close_wait_ns; /* store_close goes on trying so long: 5 s */
    mono_ns_t answer_ns;     /* longest wait for an answer: 10 s. SQLite: at the end only */
    bool limited;            /* SQLite: from the beginning, at the cost of two wake-ups a call. For
                                who has no other thread than the store's: false */
    bool threads;            /* SQLite, and the sync of the spill file, get threads of their own, so
                                that a disk that hangs stops neither rings nor spill file: true */
    const char *config_json; /* the run's options, for the session row; NULL */
    const char *build;       /* version text */
    const char *policy;      /* policy_text, with its hash */
    const char *exchange;    /* where it trades */
    const char *vfs;         /* SQLite's name of a file system; NULL: the real one */
    int64_t process;         /* number of the process in the session row; 0: this one */
    struct store_time time;  /* the default is the real clock */
    struct backend *backend; /* to be used instead of what path names, and closed; NULL: path */
    /* Folder of the spill files, which must exist; NULL: what waits is kept in memory only. */
    const char *spill;
    uint64_t spill_max; /* bytes of the run's spill file: 4 GiB; 0: that */
    bool spill_give_up; /* what cannot be read of a file of an earlier run is lost and named; else
                           the file waits for the next start */
    const struct file_system *files; /* the spill files' disk; NULL: the real one */
    /* Asked while files of earlier runs are drained. True: the rest waits for the next time. NULL
     * is fine. */
    bool (*stop)(void *self);
    void *stop_self;
    bool no_session; /* for backend_open: only to drain what others left, no row is added */
};
struct store_config store_config_default(void);

struct store_stats {
    uint64_t rows, batches, failures, lost; /* lost: rows named in gap rows */
    uint64_t by_type[32];                   /* rows, by store_type_index() */
    uint64_t queued_bytes_max;
    int64_t commit_ns_max;
    mono_ns_t away_ns; /* the database failed, in all */
    /* Records into the spill file, their blocks' bytes, and records out of it into the database. */
    uint64_t spilled, spilled_bytes, drained;
    uint64_t spill_failures; /* of the file's disk */
    uint64_t spill_left;     /* records that wait in the file for the next start */
    /* What earlier runs had left: records and files now in the database, records that were damaged,
     * and files that stay. */
    uint64_t recovered, recovered_files, recovered_missing, recovered_kept;
};

/* enum ev_type as it is; 16 + (type - REC_BASE) for enum rec_type. */
uint32_t store_type_index(uint16_t type);

struct store;

/*
 * Open or create the database, bring its schema forward, and add a session row. Sessions that
 * another run left open and whose process is gone are marked broken. err: path and reason.
 * ST_DENIED, ST_IO, ST_UNSUPPORTED (newer schema).
 */
enum status store_open(const struct store_config *config, wall_ns_t wall, struct store **ret_store,
                       struct err *err) MUST_CHECK;
/* Drain, commit, close the session with its outcome ("done", "halted", "failed: ..."). */
void store_close(struct store *store, const char *outcome, wall_ns_t wall);

/* Drain and commit everything, for as long as close_wait_ns if the database refuses. Returns the
 * rows lost in the session. What still could not be written goes to the spill file; without one, or
 * when that fails, it is counted among them. */
uint64_t store_finish(struct store *store, wall_ns_t wall);

/*
 * The thread that works should have ended, and has not. True: it waits inside the database for a
 * disk that hangs, and never comes out again; the store is the caller's, store_finish and
 * store_close will not wait for the database, and what waits goes to the spill file. For the end of
 * a process only: some memory is never freed. False: it is somewhere else, join it.
 */
bool store_take_over(struct store *store);

int64_t store_session(const struct store *store);

/* Before work begins: a ring to be drained, owned by the caller, outliving the store. At most
 * STORE_RINGS_MAX. */
void store_add_ring(struct store *store, struct ring *ring);

/* One turn: returns rows taken. Commits when a batch is due; while the database makes it wait,
 * rings and memory go to the spill file. */
uint32_t store_work(struct store *store, wall_ns_t wall, mono_ns_t now);
/* Commit what is there now. */
void store_flush(struct store *store, wall_ns_t wall, mono_ns_t now);

const struct store_stats *store_stats(const struct store *store);

/* --- reading a session back, for tests and replay
 * ---------------------------------------------------------------- */

/* Every stored event of a source in order of ord, rebuilt as the struct that was pushed. */
typedef enum status (*store_event_fn)(void *self, const struct ev *ev);
enum status store_read_events(const char *path, int64_t session, enum ev_source source,
                              store_event_fn fn, void *self, struct err *err) MUST_CHECK;
typedef enum status (*store_turn_fn)(void *self, const struct rec_turn *turn);
enum status store_read_turns(const char *path, int64_t session, store_turn_fn fn, void *self,
                             struct err *err) MUST_CHECK;
typedef enum status (*store_decision_fn)(void *self, const struct rec_decision *d);
enum status store_read_decisions(const char *path, int64_t session, store_decision_fn fn,
                                 void *self, struct err *err) MUST_CHECK;
/* Every record of one type (enum ev_type or rec_type) in the order in which it was written, rebuilt
 * whole. ST_INVALID: no such type. */
typedef enum status (*store_record_fn)(void *self, const void *record);
enum status store_read_records(const char *path, int64_t session, uint16_t type, store_record_fn fn,
                               void *self, struct err *err) MUST_CHECK;
/* The same for all types, one after the other, over one connection. */
enum status store_read_all(const char *path, int64_t session, store_record_fn fn, void *self,
                           struct err *err) MUST_CHECK;
/* A session row. Texts are never NULL and live until the callback returns. */
struct store_session {
    int64_t id;
    wall_ns_t began, ended; /* ended 0: it was not closed */
    const char *outcome;    /* "running", "broken", or how it was closed: "done", "halted", ... */
    const char *build, *policy, *exchange;
    const char *config;  /* JSON of the run's options, "" when there is none */
    uint64_t rows, lost; /* as counted when it was closed */
    /* Of what its row said at its start, and of every record since: store_session_digest() ^
     * record_digest() ^ ... False: it was written by a schema of before. */
    bool has_digest;
    uint64_t digest;
};
/* Of began and the texts from build to config of a session. NULL is as "". */
uint64_t store_session_digest(const struct store_session *session);
/* True: it is not whole. Its process was killed ("broken", "broken: 12 rows came from its spill
 * file"), or "broken: 12 rows wait in its spill file". */
bool store_outcome_broken(const char *outcome);
/* All of them, the oldest first. */
typedef enum status (*store_session_fn)(void *self, const struct store_session *session);
enum status store_read_sessions(const char *path, store_session_fn fn, void *self,
                                struct err *err) MUST_CHECK;
/* The newest session, ST_NOT_FOUND when there is none. */
enum status store_last_session(const char *path, int64_t *ret_session, struct err *err) MUST_CHECK;

/*
 * How long a session is, without its records. Quick: where records are numbered the last number
 * stands for how many there are, so that holes count too, and a damaged number may say anything.
 * counted: the rows of every table are counted, which takes a while.
 */
struct store_extent {
    uint64_t market_events;
    uint64_t records[REC_TYPE_MAX - REC_BASE]; /* by rec_type - REC_BASE */
};
enum status store_read_extent(const char *path, int64_t session, bool counted,
                              struct store_extent *ret_extent, struct err *err) MUST_CHECK;

/* --- deleting sessions
 * ---------------------------------------------------------------------------------------------- */

/* A connection that deletes. Owner: one thread. */
struct store_pruner;

/* Open an existing database (store_read_sessions says whether it is there); its schema is brought
 * forward, and sessions whose process is gone are marked broken. Errors as store_open. */
enum status store_pruner_open(const char *path, wall_ns_t wall, struct store_pruner **ret_pruner,
                              struct err *err) MUST_CHECK;
void store_pruner_close(struct store_pruner *p); /* NULL is fine */

/*
 * Delete a session with all its rows, in one transaction: a kill at any instant leaves all of it or
 * nothing. ST_STATE: it is being recorded; ST_NOT_FOUND: there is none; ST_IO: nothing of it is
 * deleted.
 */
enum status store_prune_session(struct store_pruner *p, int64_t session,
                                struct err *err) MUST_CHECK;
/*
 * Give back the space of what was deleted. May take as long as copying the database, and with
 * SQLite as much room. ST_STATE: something is being recorded; the space is used again by what
 * comes. ST_IO: the database is as it was.
 */
enum status store_reclaim(struct store_pruner *p, struct err *err) MUST_CHECK;

#endif
