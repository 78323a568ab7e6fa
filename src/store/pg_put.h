/*
 * pg_put.h - records into the tables of PostgreSQL, within a transaction that others begin and end.
 *
 * What fails tells why in the connection's error; but for what is said below, the transaction can
 * then only be rolled back. Owner: the store's thread.
 */
#ifndef STORE_PG_PUT_H
#define STORE_PG_PUT_H

#include "store/backend.h"
#include "store/layout.h"
#include "store/pg_conn.h"
#include "store/pg_copy.h"

struct pg_table {
    struct buf rows; /* that are not sent yet */
    bool prepared;   /* its INSERT, on this connection */
};

struct pg_put {
    struct pg_conn *conn;
    struct pg_encoder encoder;
    struct pg_table tables[LAYOUTS_MAX];
    uint64_t digest; /* of what the open transaction has put */
    int copying;     /* table whose COPY is open, -1: none */
    bool careful;    /* a row is refused: it is looked for */
    bool savepoint;  /* one is open */
};

void pg_put_init(struct pg_put *p, struct pg_conn *conn); /* conn outlives it */
void pg_put_finish(struct pg_put *p);

/* ST_INVALID, ST_EXISTS: not put, the transaction goes on (backend_ops.put). ST_AGAIN: a row that
 * was put is refused; the next transaction looks for it. Others: as pg_exec, ST_NOMEM. */
enum status pg_put_one(struct pg_put *p, int64_t session, const void *record) MUST_CHECK;
/* backend_ops.put_all */
enum status pg_put_many(struct pg_put *p, int64_t session, const void *const *records, size_t n,
                        struct refused *refused, size_t *ret_n_refused) MUST_CHECK;
/* Before COMMIT: the server has taken all rows. Errors as pg_put_one. */
enum status pg_put_rest(struct pg_put *p) MUST_CHECK;

/* The transaction counts. */
void pg_put_counts(struct pg_put *p);
/* It was rolled back. */
void pg_put_forget(struct pg_put *p);
/* The connection is another one. */
void pg_put_disconnected(struct pg_put *p);

#endif
