/*
 * journal.h - the order journal: what must survive a crash before a request may leave.
 *
 * A small local file of fixed-size, checksummed records; one pwrite a record, into space taken
 * beforehand. It does no I/O of its own: disk comes in as struct file_io (journal_file_open is
 * the real one), so that tests can make it fail. The kernel keeps what was written when the process
 * is killed; journal_sync makes it survive the machine, and is called by whoever has the time.
 *
 * A write that fails makes the journal fail for good: from then on journal_append answers ST_IO and
 * no new order may leave. Owner: one thread, the actor's. journal_sync may be called by another.
 */
#ifndef ORDERS_JOURNAL_H
#define ORDERS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file_io.h"
#include "bus/event.h"

/* --- disk
 * ------------------------------------------------------------------------------------------------
 */

/*
 * Open or create the file (mode 0600) and lock it for this process. Its folder must exist.
 * ST_DENIED, ST_IO, ST_STATE: another process holds it; err names path and cause.
 */
enum status journal_file_open(const char *path, struct file_io *ret_io, struct err *err) MUST_CHECK;

/* --- records
 * ------------------------------------------------------------------------------------------------
 */

enum journal_type {
    JOURNAL_NONE,
    JOURNAL_SESSION, /* a run begins: wall, number: its session id, the first half of its client ids
                      */
    JOURNAL_INTENT,  /* an order is about to leave: all fields but order_id */
    JOURNAL_ACK,     /* the exchange gave it an order_id: client_id, order_id */
    JOURNAL_DONE,    /* it is settled, whatever it became: client_id */
    JOURNAL_HALT,    /* trading is halted: reason */
    JOURNAL_RELEASE, /* a person let it go: reason */
    JOURNAL_AMEND,   /* an amend is about to leave: client_id, new yes_px and qty (total) */
    JOURNAL_TYPE_MAX
};

/* On disk as it is in memory, little-endian. 256 bytes: a record never crosses a disk sector.
 * The caller fills everything but crc and index; unused bytes are zero. */
struct journal_record {
    uint32_t crc; /* filled by journal_append */
    uint16_t type;
    uint16_t flags; /* free for the caller */
    uint64_t index; /* filled by journal_append: 0 for the first after a compaction */
    wall_ns_t wall;
    uint64_t number;  /* the order's own number in its session */
    uint32_t outcome; /* enum side acquired */
    uint32_t is_buy;
    px_t yes_px;
    qty_t qty;
    usd_t reserved;
    char ticker[TICKER_MAX];
    char order_id[ORDER_ID_MAX];
    union {
        char client_id[CLIENT_ID_MAX];
        char reason[REASON_MAX]; /* JOURNAL_HALT, JOURNAL_RELEASE */
    };
    uint8_t pad[20];
};
_Static_assert(sizeof(struct journal_record) == 256, "two records to a sector");

#define JOURNAL_SESSIONS 64

/* What journal_open found. */
struct journal_recovery {
    uint64_t records;   /* valid ones, handed to the callback */
    uint64_t unsettled; /* intents without JOURNAL_DONE */
    uint64_t damaged;   /* unreadable records with valid ones behind them: orders may be unknown */
    bool created;       /* there was no journal */
    bool torn;          /* the last record was written only in part, and is gone */
    bool compacted;     /* all was settled: the file begins anew */
    uint64_t markets_halted; /* halts of single markets since the last release */
    bool halted;             /* the last word was JOURNAL_HALT */
    wall_ns_t halt_wall;     /* when */
    char halt_reason[REASON_MAX];
    /* Ids of the newest runs that wrote into it, oldest first, also of those before it began anew.
     * An order of theirs may be at the exchange and not in here: power went before its record was
     * on the medium. */
    uint64_t sessions[JOURNAL_SESSIONS];
    uint32_t n_sessions;
};

struct journal_config {
    uint64_t records;     /* space taken at first, and added when full: 16384 (4 MiB) */
    uint64_t records_max; /* 4194304 (1 GiB): over it ST_LIMIT */
};
struct journal_config journal_config_default(void);

/* A recovered record, in the order of writing; valid until the callback returns. Another answer
 * than ST_OK ends the recovery with it. */
typedef enum status (*journal_record_fn)(void *self, const struct journal_record *rec);

struct journal;

/*
 * Read what is there (fn may be NULL), then be ready to append. Takes *io: it is closed with the
 * journal, and also when this fails. When every intent is settled, nothing is damaged and no single
 * market is halted, the file is begun anew, the halt state and the session ids kept. Nothing of a
 * file that is not a journal is changed. ST_MALFORMED: not a journal; ST_UNSUPPORTED: a newer
 * version; ST_IO, ST_NOMEM, ST_LIMIT; what fn answered.
 */
enum status journal_open(const struct journal_config *config, const struct file_io *io,
                         journal_record_fn fn, void *self, struct journal_recovery *ret_recovery,
                         struct journal **ret_journal, struct err *err) MUST_CHECK;
void journal_close(struct journal *j); /* NULL is fine */

/*
 * Write one record; rec->index and rec->crc are filled. Returns when the kernel has it.
 * ST_IO: not written, and no later one will be; ST_LIMIT: full, also for good; ST_INVALID: type.
 */
enum status journal_append(struct journal *j, struct journal_record *rec) MUST_CHECK;

/* Everything appended so far is on the medium. Any thread. ST_IO: the journal has failed. */
enum status journal_sync(struct journal *j) MUST_CHECK;

/* True after the first failure. Any thread. */
bool journal_failed(const struct journal *j);

uint64_t journal_count(const struct journal *j);   /* records in the file */
uint64_t journal_pending(const struct journal *j); /* appended since the last journal_sync */

#endif
