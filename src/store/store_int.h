/* store_int.h - what the parts of the store share. Owner: the store's thread. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "bus/errand.h"
#include "store/backend.h"
#include "store/losses.h"
#include "store/put.h"
#include "store/queue.h"
#include "store/spill.h"

/* A producer's ring and what it refused. Totals, because a hole may be seen before the count of
 * refused pushes that explains it. */
struct source_ring {
    struct ring *ring;
    uint64_t refused;    /* pushes, when last asked */
    uint64_t named;      /* of them, in gap rows */
    uint64_t named_late; /* named without numbers; a hole that comes later may be the same */
    uint64_t marked;     /* the count at since: those up to it wait for a hole to explain them */
    mono_ns_t since;     /* 0: all are named */
};

/* What goes first when there is no room: market data, then turns and decisions. */
enum drop_class { DROP_MARKET, DROP_RECORDS, DROP_CLASSES };

struct drops {
    struct rec_gap gap[DROP_CLASSES]; /* lost 0: nothing */
    uint64_t lost;
};

/* A transaction whose COMMIT failed: only the database knows whether it counts. */
struct attempt {
    uint64_t progress; /* that it would have left; 0: nothing is unsure */
    struct store_stats tally;
};

struct store {
    struct backend *db;
    int64_t session;
    struct store_time time;
    /* Numbers of records. A record has none while it is in memory: it gets the next one when it
     * leaves, to the file or to the database. The file holds those above progress, up to given. */
    uint64_t progress; /* the last in the database */
    uint64_t given;
    uint32_t rows_max;
    mono_ns_t interval_ns, close_wait_ns;
    size_t memory_max;
    struct source_ring rings[STORE_RINGS_MAX];
    size_t n_rings;
    struct queue queue;
    struct losses losses;
    struct drops drops; /* not in a gap row yet */
    enum drop_class dropping;
    struct putter putter;
    struct attempt unsure;
    bool answering;     /* while the database makes us wait, memory may go to the file */
    mono_ns_t asked;    /* when the transaction began */
    uint64_t in_flight; /* the last number that it takes; 0: none */
    mono_ns_t oldest;   /* when the first record in memory was taken */
    mono_ns_t behind;   /* since when transactions have left some in memory; 0: they do not */
    mono_ns_t away;     /* since when the database fails; 0: it does not */
    mono_ns_t retry_at; /* 0: nothing has failed */
    mono_ns_t told_at;  /* of that failure: the log has a line a second of it at most */
    mono_ns_t retry_ns;
    struct spill *spill; /* NULL: there is none */
    bool spilling;       /* memory goes to the file */
    bool spill_full;
    uint64_t spill_max;
    mono_ns_t spill_synced, spill_retry_at; /* 0: never; its disk is well */
    bool spill_unsynced, spill_sync_fails;
    struct errand *syncer; /* NULL: the store's thread syncs the file */
    bool syncing;          /* it has a sync under way */
    int synced;            /* what it said; writer: its thread */
    uint32_t unreadable;   /* times in a row that the file could not be read */
    wall_ns_t wall;        /* of this turn, and going on while the database makes it long */
    wall_ns_t turn_wall;   /* when it began, */
    mono_ns_t turn_mono;   /* and by the clock of time */
    struct store_stats stats;
    bool taken;   /* by store_take_over(): what the database was given stays where it is */
    bool gave_up; /* store_finish counted what could not be written */
};

/* --- intake.c: out of the rings, and what has to go when there is no room --- */

/* Everything that the rings hold; at_once: also name what they refused just now. Returns records.
 */
uint32_t intake_rings(struct store *s, mono_ns_t now, bool at_once);
/* The back end's idle function. */
void intake_meanwhile(void *self);
/* Drop what memory_max does not allow. */
void intake_bound(struct store *s);
/* True: this record may go with the class. */
bool intake_droppable(enum drop_class class, const void *record);
/* Count a record among the drops. why: "memory full". */
void intake_drop(struct store *s, const void *record, const char *why);
/* The gap rows of what was dropped wait like other records from now on. False: no memory yet. */
bool intake_name_drops(struct store *s, mono_ns_t now);
/* Records at the front of memory that are perhaps in the database already, or will be at once. */
uint64_t intake_unsure(const struct store *s);

/* --- overflow.c: into the spill file --- */

/* Memory goes to the file if it must. */
void overflow_work(struct store *s, mono_ns_t now);
/* All of memory goes to the file now, synced. False: it could not. */
bool overflow_all(struct store *s, mono_ns_t now);
/* What was written to the file is on the medium, if that takes no longer than close_wait_ns. */
void overflow_sync(struct store *s);
/* The syncing thread ends. False: it waits for the disk, and runs last(s) when it is back: until
 * then the file must stay open, and s where it is. */
bool overflow_finish(struct store *s, errand_fn last);
/* A transaction counts that took records of the file up to the cursor. */
void overflow_drained(struct store *s, const struct spill_cursor *c);

/* --- commit.c: into the database --- */

bool commit_waits(const struct store *s);
/* One transaction. False: it failed. */
bool commit_some(struct store *s, mono_ns_t now);

#endif
