/*
 * import.h - recordings of the exchange's WebSocket become a session of the store.
 *
 * Each message goes through the market data session (feed/) as it does in a run, and what that
 * emits is stored as a run without trading stores it: market events, raw frames, gaps, connection
 * events, and a turn row for each message that gave events, so that the session can be replayed.
 * A message's time is its receive time in the recording, else the exchange's own, else that of the
 * message before it.
 * Owner: one thread.
 */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "feed/feed.h"
#include "store/store.h"

struct import_config {
    const char *path;        /* of the database; its folder exists */
    const char *config_json; /* for the session row */
    const char *exchange;    /* what stands there instead of an exchange */
    uint32_t markets_max, levels_max;
    bool seq_check, use_yes_price;
};

struct import_counts {
    uint64_t messages;  /* lines that are JSON */
    uint64_t malformed; /* lines that are not, or are no message of their type */
    uint64_t unknown;   /* messages of types that the program does not know, kept raw */
    uint64_t snapshots, deltas, trades, gaps, duplicates;
    uint64_t not_followed; /* messages of markets beyond markets_max, kept raw */
    uint64_t rows, lost;
    uint32_t markets;
    wall_ns_t first, last; /* times of the first and the last message; 0: there is none */
};

struct import;

/* Open the store and add a session. Errors of store_open; ST_NOMEM. */
enum status import_open(const struct import_config *config, struct import **ret,
                        struct err *err) MUST_CHECK;

/* What import_file tells while it works. */
struct import_told {
    void *self;
    /* A line that is malformed: its number and why. */
    void (*malformed)(void *self, const char *path, uint64_t line, const char *why);
    /* Called after every line; false: stop here. */
    bool (*go_on)(void *self, const char *path, uint64_t line);
};

/*
 * One recording, as a connection of its own. ST_OK: read to its end. ST_CLOSED: go_on said no;
 * *ret_line is the last line that was taken. ST_UNREACHABLE: the database takes nothing any more.
 * Else the recording could not be opened or read on (err says why); what was read stays.
 */
enum status import_file(struct import *im, const char *path, const struct import_told *told,
                        uint64_t *ret_line, struct err *err) MUST_CHECK;

int64_t import_session(const struct import *im);

/* Write what is left. The counts at the end, before the session is closed. */
struct import_counts import_finish(struct import *im);
/* After import_finish: close the session with this outcome, and free. */
void import_close(struct import *im, const char *outcome);

#endif
