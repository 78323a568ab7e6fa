/*
 * pg_conn.c - see pg_conn.h.
 *
 * libpq is used without blocking: what it wants to read or write is waited for here, in slices, so
 * that a server that says nothing costs answer_ns and not for ever, and the owner's other work goes
 * on. Names are looked up beside it (pg_resolve.h).
 */
#include "store/pg_conn.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/pg_resolve.h"

#define SLICE_MS        2 /* of a wait */
#define IDLE_EVERY      (2 * NS_PER_MS)
#define FLUSH_BYTES     ((size_t)256 << 10)
#define SERVER_AT_LEAST 120000

/* --- errors --- */

/* Lines of a message as one, without what is not text. */
static void set_error(struct pg_conn *p, const char *text)
{
    size_t n = 0;
    for (const char *s = text; *s != '\0' && n + 1 < sizeof p->error; s++) {
        bool space = *s == '\n' || *s == '\t' || *s == ' ';
        if (!space) {
            p->error[n++] = *s;
        } else if (n > 0 && p->error[n - 1] != ' ') {
            p->error[n++] = ' ';
        }
    }
    while (n > 0 && p->error[n - 1] == ' ') {
        n--;
    }
    p->error[n] = '\0';
}

static enum status status_of(const char *state)
{
    if (strcmp(state, "23505") == 0) {
        return ST_EXISTS;
    }
    if (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
        strncmp(state, "54", 2) == 0) {
        return ST_INVALID;
    }
    if (strcmp(state, "42501") == 0 || strncmp(state, "28", 2) == 0) {
        return ST_DENIED;
    }
    if (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0 || strcmp(state, "3D000") == 0) {
        return ST_NOT_FOUND;
    }
    return ST_IO;
}

static enum status fail_result(struct pg_conn *p, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    snprintf(p->state, sizeof p->state, "%s", state != NULL ? state : "");
    if (text == NULL) {
        set_error(p, PQresultErrorMessage(r));
    } else if (detail != NULL && status_of(p->state) != ST_EXISTS) {
        char both[256];
        snprintf(both, sizeof both, "%s (%s)", text, detail);
        set_error(p, both);
    } else {
        set_error(p, text);
    }
    return status_of(p->state);
}

/* The connection failed or is of no use any more. */
static enum status lost(struct pg_conn *p, const char *why)
{
    p->state[0] = '\0';
    set_error(p, why);
    pg_disconnect(p);
    return ST_IO;
}

static enum status lost_connection(struct pg_conn *p)
{
    char text[256];
    snprintf(text, sizeof text, "%s", PQerrorMessage(p->c));
    return lost(p, text[0] != '\0' ? text : "the connection to the server is lost");
}

void pg_disconnect(struct pg_conn *p)
{
    if (p->c != NULL) {
        PQfinish(p->c);
        p->c = NULL;
    }
}

/* --- waiting --- */

/* ST_TIMEOUT behind the deadline. *ret_readable: there is something to read. */
static enum status wait_for(struct pg_conn *p, short events, mono_ns_t deadline, bool *ret_readable)
{
    struct pollfd fd = {.fd = PQsocket(p->c), .events = events};
    for (;;) {
        int rc = poll(&fd, 1, SLICE_MS);
        mono_ns_t now = clock_mono();
        if (p->idle != NULL && now - p->idled >= IDLE_EVERY) {
            p->idle(p->idle_self);
            p->idled = now;
        }
        if (rc > 0) {
            *ret_readable = (fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0;
            return ST_OK;
        }
        if ((rc < 0 && errno != EINTR) || now >= deadline) {
            return ST_TIMEOUT;
        }
    }
}

static enum status timed_out(struct pg_conn *p)
{
    char text[80];
    snprintf(text, sizeof text, "the server gave no answer for %" PRId64 " ms",
             p->answer_ns / NS_PER_MS);
    return lost(p, text);
}

/* All that was sent is on its way. What the server says meanwhile is taken in, for it may wait for
 * that. */
static enum status flush(struct pg_conn *p, mono_ns_t deadline)
{
    for (;;) {
        int rc = PQflush(p->c);
        if (rc <= 0) {
            return rc == 0 ? ST_OK : lost_connection(p);
        }
        bool readable = false;
        if (wait_for(p, POLLIN | POLLOUT, deadline, &readable) != ST_OK) {
            return timed_out(p);
        }
        if (readable && PQconsumeInput(p->c) == 0) {
            return lost_connection(p);
        }
    }
}

/* The next result, NULL behind the last. */
static enum status next_result(struct pg_conn *p, mono_ns_t deadline, PGresult **ret)
{
    while (PQisBusy(p->c)) {
        bool readable = false;
        if (wait_for(p, POLLIN, deadline, &readable) != ST_OK) {
            return timed_out(p);
        }
        if (PQconsumeInput(p->c) == 0) {
            return lost_connection(p);
        }
    }
    *ret = PQgetResult(p->c);
    return ST_OK;
}

/* All results of what was sent; the last is kept, the first error counts. */
static enum status results(struct pg_conn *p, PGresult **ret_last)
{
    mono_ns_t deadline = clock_mono() + p->answer_ns;
    enum status st = flush(p, deadline), failed = ST_OK;
    PGresult *last = NULL;
    while (st == ST_OK) {
        PGresult *r = NULL;
        st = next_result(p, deadline, &r);
        if (st != ST_OK || r == NULL) {
            break;
        }
        PQclear(last);
        last = r;
        ExecStatusType t = PQresultStatus(r);
        if (t == PGRES_COPY_IN) {
            break;
        }
        if (t != PGRES_COMMAND_OK && t != PGRES_TUPLES_OK && failed == ST_OK) {
            failed = fail_result(p, r);
        }
    }
    if (st == ST_OK && PQstatus(p->c) != CONNECTION_OK) { /* the answer may be its last word */
        pg_disconnect(p);
        st = failed != ST_OK ? failed : lost(p, "the connection to the server is lost");
    }
    st = st == ST_OK ? failed : st;
    if (st != ST_OK || ret_last == NULL) {
        PQclear(last);
        return st;
    }
    *ret_last = last;
    return ST_OK;
}

static enum status not_connected(struct pg_conn *p)
{
    p->state[0] = '\0';
    set_error(p, "not connected");
    return ST_IO;
}

enum status pg_exec(struct pg_conn *p, const char *sql, PGresult **ret_result)
{
    if (p->c == NULL) {
        return not_connected(p);
    }
    return PQsendQuery(p->c, sql) != 0 ? results(p, ret_result) : lost_connection(p);
}

enum status pg_run(struct pg_conn *p, const char *sql)
{
    return pg_exec(p, sql, NULL);
}

enum status pg_exec_params(struct pg_conn *p, const char *sql, const struct pg_params *params,
                           PGresult **ret_result)
{
    if (p->c == NULL) {
        return not_connected(p);
    }
    int sent = PQsendQueryParams(p->c, sql, params->n, NULL, params->values, params->lengths,
                                 params->formats, 0);
    return sent != 0 ? results(p, ret_result) : lost_connection(p);
}

enum status pg_exec_prepared(struct pg_conn *p, const char *name, const struct pg_params *params,
                             PGresult **ret_result)
{
    if (p->c == NULL) {
        return not_connected(p);
    }
    int sent = PQsendQueryPrepared(p->c, name, params->n, params->values, params->lengths,
                                   params->formats, 0);
    return sent != 0 ? results(p, ret_result) : lost_connection(p);
}

enum status pg_number(struct pg_conn *p, const char *sql, int64_t *ret)
{
    PGresult *r = NULL;
    enum status st = pg_exec(p, sql, &r);
    if (st != ST_OK) {
        return st;
    }
    if (PQntuples(r) == 0 || PQgetisnull(r, 0, 0)) {
        st = ST_NOT_FOUND;
    } else {
        *ret = (int64_t)strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    }
    PQclear(r);
    return st;
}

/* --- COPY --- */

enum status pg_copy_begin(struct pg_conn *p, const char *sql)
{
    PGresult *r = NULL;
    enum status st = pg_exec(p, sql, &r);
    if (st == ST_OK && PQresultStatus(r) != PGRES_COPY_IN) {
        st = lost(p, "the server did not begin to copy");
    }
    PQclear(r);
    return st;
}

enum status pg_copy_data(struct pg_conn *p, const char *bytes, size_t n)
{
    mono_ns_t deadline = clock_mono() + p->answer_ns;
    if (p->c == NULL) {
        return not_connected(p);
    }
    while (n > 0) {
        size_t now = n < FLUSH_BYTES ? n : FLUSH_BYTES;
        int rc = PQputCopyData(p->c, bytes, (int)now);
        if (rc < 0) {
            return lost_connection(p);
        }
        enum status st = flush(p, deadline);
        if (st != ST_OK) {
            return st;
        }
        if (rc > 0) {
            bytes += now;
            n -= now;
            deadline = clock_mono() + p->answer_ns;
        }
    }
    return ST_OK;
}

enum status pg_copy_end(struct pg_conn *p)
{
    if (p->c == NULL) {
        return not_connected(p);
    }
    return PQputCopyEnd(p->c, NULL) == 1 ? results(p, NULL) : lost_connection(p);
}

void pg_rollback(struct pg_conn *p)
{
    char error[sizeof p->error], state[sizeof p->state]; /* the reason is what people want */
    memcpy(error, p->error, sizeof error);
    memcpy(state, p->state, sizeof state);
    if (p->c != NULL && PQtransactionStatus(p->c) == PQTRANS_ACTIVE &&
        PQputCopyEnd(p->c, "rolled back") == 1) {
        enum status st = results(p, NULL);
        (void)st; /* an error, of course */
    }
    if (p->c != NULL && PQtransactionStatus(p->c) != PQTRANS_IDLE &&
        pg_run(p, "ROLLBACK") != ST_OK) {
        pg_disconnect(p);
    }
    memcpy(p->error, error, sizeof error);
    memcpy(p->state, state, sizeof state);
}

/* --- connecting --- */

static const char *option_of(const PQconninfoOption *v, const char *keyword)
{
    for (; v->keyword != NULL; v++) {
        if (strcmp(v->keyword, keyword) == 0) {
            return v->val != NULL && v->val[0] != '\0' ? v->val : NULL;
        }
    }
    return NULL;
}

enum status pg_url_check(const char *url, struct err *err)
{
    char *text = NULL;
    PQconninfoOption *v = PQconninfoParse(url, &text);
    PQfreemem(text);
    bool good = v != NULL;
    static const char *const parts[] = {"host", "port", "dbname"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && good; i++) {
        const char *part = option_of(v, parts[i]);
        good = part == NULL || strchr(part, '@') == NULL;
    }
    PQconninfoFree(v);
    return good ? ST_OK
                : err_set(err, ST_INVALID,
                          "not a PostgreSQL URL (postgresql://user@host:port/database?name=value); "
                          "a / @ : ? # %% or space in a user's name or password is written as %%2F "
                          "%%40 %%3A %%3F %%23 %%25 %%20");
}

/* True: every host of the list is this machine. NULL: libpq's default, a local socket. */
static bool hosts_local(const char *hosts)
{
    while (hosts != NULL && *hosts != '\0') {
        size_t n = strcspn(hosts, ",");
        bool local = n == 0 || hosts[0] == '/' || hosts[0] == '@' ||
                     (n == 9 && strncmp(hosts, "localhost", n) == 0) ||
                     strncmp(hosts, "127.", 4) == 0 || (n == 3 && strncmp(hosts, "::1", n) == 0);
        if (!local) {
            return false;
        }
        hosts += n + (hosts[n] == ',');
    }
    return true;
}

static bool said_in_environment(void)
{
    const char *mode = getenv("PGSSLMODE");
    return mode != NULL && mode[0] != '\0';
}

/* What libpq made of URL, environment and service file: may it be sent in the clear, and nobody
 * asked for that? */
static bool tls_unsaid(PGconn *c, const char *url)
{
    PQconninfoOption *said = PQconninfoParse(url, NULL), *all = PQconninfo(c);
    bool unsaid = false;
    if (said != NULL && all != NULL) {
        const char *addr = option_of(all, "hostaddr"), *mode = option_of(all, "sslmode");
        bool local = hosts_local(addr != NULL ? addr : option_of(all, "host"));
        /* A service file that says "prefer" says no more than libpq's default. */
        unsaid = !local && option_of(said, "sslmode") == NULL && !said_in_environment() &&
                 (mode == NULL || strcmp(mode, "prefer") == 0);
    }
    PQconninfoFree(said);
    PQconninfoFree(all);
    return unsaid;
}

/* What we say besides the URL; NULL: nothing. */
struct options {
    const char *sslmode, *host, *hostaddr, *port, *target_session_attrs;
};

static PGconn *start(const char *url, const struct options *o)
{
    /* What stands before dbname can be said otherwise in the URL, what stands behind cannot. */
    static const char *const names[] = {"application_name",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "client_encoding",
                                        "sslmode",
                                        "host",
                                        "hostaddr",
                                        "port",
                                        "target_session_attrs",
                                        NULL};
    const char *const values[] = {"deltaflow", "30",        "10",    "3",
                                  "30000",     url,         "UTF8",  o->sslmode,
                                  o->host,     o->hostaddr, o->port, o->target_session_attrs,
                                  NULL};
    return PQconnectStartParams(names, values, 1);
}

/* What libpq makes of URL, environment and files: a value that it refuses keeps it from going on to
 * look names up and to connect. */
static PGconn *only_read(const char *url)
{
    return start(url, &(struct options){.target_session_attrs = "?"});
}

static enum status unreachable(struct pg_conn *p, const char *text)
{
    (void)lost(p, text);
    return ST_UNREACHABLE;
}

static enum status shake_hands(struct pg_conn *p)
{
    mono_ns_t deadline = clock_mono() + p->answer_ns;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK) {
        bool readable = false;
        if (want == PGRES_POLLING_FAILED || PQstatus(p->c) == CONNECTION_BAD) {
            char text[256];
            snprintf(text, sizeof text, "%s", PQerrorMessage(p->c));
            return unreachable(p, text);
        }
        short events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (wait_for(p, events, deadline, &readable) != ST_OK) {
            (void)timed_out(p);
            return ST_UNREACHABLE;
        }
        want = PQconnectPoll(p->c);
    }
    return PQsetnonblocking(p->c, 1) == 0 ? ST_OK : lost_connection(p);
}

/*
 * Time limits, so that a statement ends at the server before we stop waiting for it. A commit is on
 * the server's disk when it says so: synchronous_commit may be stronger than "on", not weaker.
 */
static enum status settings(struct pg_conn *p)
{
    char sql[700];
    int64_t answer_ms = p->answer_ns / NS_PER_MS, lock_ms = p->lock_ns / NS_PER_MS;
    snprintf(sql, sizeof sql,
             "SET client_min_messages=warning; SET statement_timeout=%" PRId64
             "; SET lock_timeout=%" PRId64
             "; SET TimeZone='UTC'; SET standard_conforming_strings=on;"
             " SET default_transaction_isolation='read committed';"
             " SET tcp_keepalives_idle=30; SET tcp_keepalives_interval=10;"
             " SET tcp_keepalives_count=3;"
             " SELECT set_config('synchronous_commit', 'on', false)"
             " WHERE current_setting('synchronous_commit')='off'",
             answer_ms - answer_ms / 5, lock_ms);
    enum status st = pg_run(p, sql);
    if (st != ST_OK) {
        return st;
    }
    if (PQserverVersion(p->c) < SERVER_AT_LEAST) {
        (void)lost(p, "the server is older than PostgreSQL 12");
        return ST_UNSUPPORTED;
    }
    const char *encoding = PQparameterStatus(p->c, "server_encoding");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        (void)lost(p, "the database's encoding is not UTF8 (CREATE DATABASE ... ENCODING 'UTF8' "
                      "TEMPLATE template0)");
        return ST_UNSUPPORTED;
    }
    /* An oid has 32 bits without a sign, a lock's number has one. No schema: nothing is made. */
    int64_t oid = INT64_C(1) << 31;
    st = pg_number(p, "SELECT oid::bigint FROM pg_namespace WHERE nspname=current_schema()", &oid);
    p->lock_class = (int32_t)(oid - (INT64_C(1) << 31));
    return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Names become addresses here, for libpq would block. ST_UNREACHABLE: they have none. */
static enum status resolve(struct pg_conn *p, PGconn *read, struct pg_hosts *hosts,
                           struct options *o)
{
    PQconninfoOption *all = PQconninfo(read);
    const char *host = all != NULL ? option_of(all, "host") : NULL;
    const struct pg_wait wait = {p->answer_ns, p->idle, p->idle_self};
    struct err err = {.st = ST_OK};
    enum status st = ST_STATE;
    if (host != NULL && option_of(all, "hostaddr") == NULL) {
        st = pg_resolve(host, option_of(all, "port"), &wait, hosts, &err);
    }
    PQconninfoFree(all);
    if (st == ST_NOT_FOUND || st == ST_TIMEOUT) {
        return unreachable(p, err.text);
    }
    if (st == ST_OK) {
        o->host = hosts->host.p;
        o->hostaddr = hosts->hostaddr.p;
        o->port = hosts->port.p;
    }
    return ST_OK; /* without memory or a thread libpq looks them up */
}

static enum status begin_connection(struct pg_conn *p)
{
    struct options o = {.sslmode = NULL};
    struct pg_hosts hosts;
    PGconn *read = only_read(p->url);
    if (read == NULL) {
        set_error(p, "out of memory");
        return ST_NOMEM;
    }
    pg_hosts_init(&hosts);
    o.sslmode = tls_unsaid(read, p->url) ? "verify-full" : NULL;
    enum status st = resolve(p, read, &hosts, &o);
    PQfinish(read);
    if (st == ST_OK) {
        p->c = start(p->url, &o);
        if (p->c == NULL) {
            set_error(p, "out of memory");
            st = ST_NOMEM;
        }
    }
    pg_hosts_finish(&hosts);
    return st;
}

enum status pg_connect(struct pg_conn *p)
{
    pg_disconnect(p);
    p->state[0] = '\0';
    enum status st = begin_connection(p);
    if (st == ST_OK) {
        st = shake_hands(p);
    }
    if (st == ST_OK) {
        st = settings(p);
    }
    if (st != ST_OK) {
        pg_disconnect(p);
    }
    return st;
}
