/*
 * pg_conn.h - one connection to a PostgreSQL server, with a limit on every wait.
 *
 * While an answer is waited for, idle is called every few milliseconds. A wait that is over its
 * limit ends the connection. What a failure leaves: c NULL when the connection is gone; else the
 * server's transaction, if there was one, can only be rolled back.
 * Owner: one thread.
 */
#ifndef STORE_PG_CONN_H
#define STORE_PG_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/timefmt.h"

struct pg_conn {
    PGconn *c;           /* NULL: not connected */
    const char *url;     /* outlives this */
    mono_ns_t answer_ns; /* longest wait for an answer */
    mono_ns_t lock_ns;   /* longest wait of a statement for a lock */
    void (*idle)(void *self);
    void *idle_self;
    mono_ns_t idled;
    int32_t lock_class; /* first number of our advisory locks: one for each schema */
    char error[230];    /* of the last failure, without secrets */
    char state[6];      /* its SQLSTATE, "" when the server said none */
};

/* Is it a URL that libpq takes, and that names its parts as meant? ST_INVALID: the text tells no
 * part of it, for a part of the password could be among them. */
enum status pg_url_check(const char *url, struct err *err) MUST_CHECK;

/*
 * Connect, and set what every session of ours needs. TLS: unless URL, PGSSLMODE or a service file
 * says an sslmode, verify-full for what is not this machine.
 * ST_UNREACHABLE: no server, or it does not let us in; ST_UNSUPPORTED: a server that cannot be
 * used.
 */
enum status pg_connect(struct pg_conn *p) MUST_CHECK;
void pg_disconnect(struct pg_conn *p);

/*
 * One or more statements. The result is the last one's (NULL is fine), ended by PQclear.
 * ST_EXISTS: a unique key; ST_INVALID: a value the database does not take (SQLSTATE classes 22, 23,
 * 54); ST_DENIED: no permission; ST_NOT_FOUND: no such table, schema or database; ST_IO: all else.
 */
enum status pg_exec(struct pg_conn *p, const char *sql, PGresult **ret_result) MUST_CHECK;
enum status pg_run(struct pg_conn *p, const char *sql) MUST_CHECK; /* the result does not matter */
/* With parameters, in text or binary, and a result in binary; name: a prepared statement. */
struct pg_params {
    int n;
    const char *const *values;
    const int *lengths, *formats; /* NULL: texts */
};
enum status pg_exec_params(struct pg_conn *p, const char *sql, const struct pg_params *params,
                           PGresult **ret_result) MUST_CHECK;
enum status pg_exec_prepared(struct pg_conn *p, const char *name, const struct pg_params *params,
                             PGresult **ret_result) MUST_CHECK;
/* First column of the first row as a number. ST_NOT_FOUND: no row, or NULL. */
enum status pg_number(struct pg_conn *p, const char *sql, int64_t *ret) MUST_CHECK;

/* COPY ... FROM STDIN: begin, any number of bytes, end. Errors as pg_exec; behind one the copy is
 * over. */
enum status pg_copy_begin(struct pg_conn *p, const char *sql) MUST_CHECK;
enum status pg_copy_data(struct pg_conn *p, const char *bytes, size_t n) MUST_CHECK;
enum status pg_copy_end(struct pg_conn *p) MUST_CHECK;

/* Whatever state it is in: no transaction is open behind this, or the connection is gone. */
void pg_rollback(struct pg_conn *p);

#endif
