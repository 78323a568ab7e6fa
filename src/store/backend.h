/*
 * backend.h - what a database must do for the store: transactions of whole records.
 *
 * One object is one connection that writes one session. Every function but open is reached through
 * ops, and returns when it is done; what waits long meanwhile runs idle. Owner: the store's thread.
 *
 * ST_TIMEOUT, where ST_IO is allowed: the database has not answered and may yet do what it was
 * asked, but needs nothing of what the call was given. Of a commit only progress says whether it
 * counts.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

struct backend;

/* A record that the database did not take for the record's own fault. */
struct refused {
    const void *record;
    enum status why; /* ST_INVALID: it is malformed; ST_EXISTS: its number came before */
};

struct backend_ops {
    const char *name; /* of the database, for people: "SQLite" */

    /* A transaction. ST_IO: it failed, nothing of it counts; rollback, and try again later. A back
     * end that lost its connection connects again in begin. */
    enum status (*begin)(struct backend *b);
    /* ST_INVALID: the record is malformed; ST_EXISTS: its number came before; neither harms the
     * transaction. */
    enum status (*put)(struct backend *b, const void *record);
    /*
     * The same for many, those of one type in their order. refused has room for n; what stands in
     * it at the end was not written, the rest was. Other statuses: of the transaction, as above.
     * NULL: put is called for each.
     */
    enum status (*put_all)(struct backend *b, const void *const *records, size_t n,
                           struct refused *refused, size_t *ret_n_refused);
    /*
     * progress is kept in the session's row by the same transaction: how many records of the queue
     * are in the database or given up. The digest of what was put is kept beside it (struct
     * store_session). So an answer that never came does not matter: who reads
     * progress again (after begin) knows whether the transaction counts, and nothing is written
     * twice. A back end that connects again in begin has made sure that the old connection can
     * commit no more.
     * ST_AGAIN: the database refused a record that put took, nothing of the transaction counts.
     * Roll back and do all of it again at once: this time put says which record it is.
     */
    enum status (*commit)(struct backend *b, uint64_t progress);
    void (*rollback)(struct backend *b);

    /* progress of b->session as the database has it, inside a transaction or outside.
     * ST_NOT_FOUND: no such session; ST_IO. */
    enum status (*progress)(struct backend *b, uint64_t *ret_progress);
    /* When b->session began, as its row says: with its number this tells a session from one of
     * another database. ST_NOT_FOUND: no such session; ST_IO. */
    enum status (*began)(struct backend *b, wall_ns_t *ret_began);
    enum status (*end_session)(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats);
    /*
     * Delete session b->session with all its rows, in one transaction of its own. ST_STATE: it is
     * being recorded; ST_NOT_FOUND: no such session; ST_IO: nothing of it counts.
     */
    enum status (*prune)(struct backend *b);
    /* Give back the space of what was deleted. ST_STATE: not while something is being recorded. */
    enum status (*reclaim)(struct backend *b);
    void (*close)(struct backend *b);
};

struct backend {
    const struct backend_ops *ops;
    int64_t session; /* that put, commit and end_session write; may be set to an earlier one */
    char error[256]; /* of the last failure */
    /* Records of a transaction that are worth it when so many wait; 0: as the store likes it. */
    uint32_t transaction_rows;
    bool lazy; /* from now on a loss of power may take the last commits; a kill never does */
    /* Called now and then while an answer is waited for, perhaps in another thread, but never while
     * the owner's does anything else. NULL: nobody minds. It may not call the back end. */
    void (*idle)(void *self);
    void *idle_self;
    bool apart;   /* made by apart_create() */
    bool limited; /* from now on no call may last for ever */
};

/*
 * Open or create the database that config->path names, bring its schema forward, mark sessions
 * whose process is gone as broken, and add a session row, unless config->no_session. Errors as
 * store_open.
 */
enum status backend_open(const struct store_config *config, wall_ns_t wall,
                         struct backend **ret_backend, struct err *err) MUST_CHECK;

/* put_all, or put for each. */
enum status backend_put_all(struct backend *b, const void *const *records, size_t n,
                            struct refused *refused, size_t *ret_n_refused) MUST_CHECK;

/* store_session_digest() of the row that config makes. */
uint64_t backend_session_digest(const struct store_config *config, wall_ns_t wall);

/* True: path is a postgresql:// URL, not the name of an SQLite file. */
bool backend_is_url(const char *path);

#endif
