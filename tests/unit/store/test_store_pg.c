/*
 * test_store_pg.c - claims about the PostgreSQL back end while server, connection or permissions
 * fail, against a real server of the test's own. What both databases have in common is in the other
 * tests of this folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "make_records.h"
#include "pg_proxy.h"
#include "pg_server.h"
#include "store/backend.h"
#include "store/store.h"

#define SECONDS_MAX 300 /* until something is called missing; it is there in milliseconds */

static char path[DATABASE_MAX];

static int set_up(void **state)
{
    (void)state;
    pg_server_url(path, sizeof path);
    return 0;
}

static struct store_config config_of(const char *url)
{
    struct store_config config = store_config_default();
    config.path = url;
    config.close_wait_ns = SECONDS_MAX * NS_PER_SEC;
    config.answer_ns = 60 * NS_PER_SEC; /* a busy server is not one that says nothing */
    return config;
}

static struct store *open_with(const struct store_config *config, struct ring **ring)
{
    struct store *s = NULL;
    struct err err = {0};
    if (store_open(config, 1000, &s, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(ring_create(1 << 20, ring), ST_OK);
    store_add_ring(s, *ring);
    return s;
}

static struct store *open_store(const char *url, struct ring **ring)
{
    struct store_config config = config_of(url);
    return open_with(&config, ring);
}

/* The real clock: retries wait for it. */
static void push_deltas(struct store *s, struct ring *ring, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct ev_delta d = make_delta(i);
        while (ring_push(ring, &d, sizeof d) != ST_OK) {
            (void)store_work(s, 1, clock_mono());
        }
    }
    (void)store_work(s, 1, clock_mono());
}

static void sleep_ms(int ms)
{
    (void)usleep((useconds_t)ms * 1000);
}

/* Until all of it is in the database. */
static void wait_for_rows(struct store *s, uint64_t rows)
{
    mono_ns_t end = clock_mono() + SECONDS_MAX * NS_PER_SEC;
    while (store_stats(s)->rows < rows && clock_mono() < end) {
        sleep_ms(5);
        (void)store_work(s, 1, clock_mono());
    }
    assert_int_equal(store_stats(s)->rows, rows);
}

static void wait_until(const char *sql, long long want)
{
    mono_ns_t end = clock_mono() + SECONDS_MAX * NS_PER_SEC;
    while (sql_number(path, sql) != want && clock_mono() < end) {
        sleep_ms(5);
    }
    assert_int_equal(sql_number(path, sql), want);
}

/* Each of 1 to n is there, once. */
static void all_there(uint64_t n)
{
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), (long long)n);
    assert_int_equal(sql_number(path, "SELECT max(ord) FROM delta"), (long long)n);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap"), 0);
}

static void finish(struct store *s, struct ring *ring)
{
    store_close(s, "done", 5);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE outcome='done'"), 1);
}

#define OURS                                                                                       \
    "FROM pg_stat_activity WHERE application_name='deltaflow' AND backend_type='client backend'"

/* --- the server dies --- */

static void *kill_soon(void *delay_ms)
{
    sleep_ms(*(int *)delay_ms);
    pg_server_kill();
    pg_server_again("-c fsync=off");
    return NULL;
}

static void a_server_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    uint64_t ord = 0;
    for (int round = 0; round < 3; round++) {
        pthread_t thread;
        int delay_ms = 20 + round * 37;
        assert_int_equal(pthread_create(&thread, NULL, kill_soon, &delay_ms), 0);
        uint64_t failures = store_stats(s)->failures;
        while (store_stats(s)->failures == failures) {
            push_deltas(s, ring, ord + 1, ord + 1000);
            ord += 1000;
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        wait_for_rows(s, ord);
    }
    assert_int_equal(store_stats(s)->lost, 0);
    finish(s, ring);
    all_there(ord);
    assert_int_equal(sql_number(path, "SELECT outcome='done' AND lost=0 FROM session"), 1);
}

static void a_server_that_restarts_between_batches_is_only_a_pause(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    push_deltas(s, ring, 1, 100);
    assert_int_equal(store_stats(s)->rows, 100);
    pg_server_quit();
    push_deltas(s, ring, 101, 200);
    assert_int_equal(store_stats(s)->rows, 100);
    assert_true(store_stats(s)->failures > 0);
    assert_int_equal(ring_used(ring), 0); /* nobody waits */
    pg_server_again("-c fsync=off");
    wait_for_rows(s, 200);
    finish(s, ring);
    all_there(200);
}

/* --- the connection is cut --- */

static void a_connection_ended_between_copy_and_commit_is_a_failed_transaction(void **state)
{
    (void)state;
    struct store_config config = config_of(path);
    struct backend *b = NULL;
    struct err err = {0};
    uint64_t progress = 99;
    assert_int_equal(backend_open(&config, 1000, &b, &err), ST_OK);
    for (int try = 0; try < 2; try++) {
        assert_int_equal(b->ops->begin(b), ST_OK);
        for (uint64_t i = 1; i <= 5000; i++) { /* some are sent before commit */
            struct ev_delta d = make_delta(i);
            assert_int_equal(b->ops->put(b, &d), ST_OK);
        }
        if (try == 0) {
            sql_run(path, "SELECT pg_terminate_backend(pid) " OURS);
            wait_until("SELECT count(*) " OURS, 0);
            assert_int_equal(b->ops->commit(b, 5000), ST_IO);
            assert_true(b->error[0] != '\0');
            b->ops->rollback(b);
            assert_int_equal(b->ops->begin(b), ST_OK); /* connects again */
            assert_int_equal(b->ops->progress(b, &progress), ST_OK);
            assert_int_equal(progress, 0);
            b->ops->rollback(b);
        }
    }
    assert_int_equal(b->ops->commit(b, 5000), ST_OK);
    assert_int_equal(b->ops->progress(b, &progress), ST_OK);
    assert_int_equal(progress, 5000);
    b->ops->close(b);
    all_there(5000);
}

static void proxy_url(char url[DATABASE_MAX])
{
    const char *options = strstr(path, "&options=");
    assert_non_null(options);
    snprintf(url, DATABASE_MAX, "postgresql:///postgres?host=%s/proxy&user=deltaflow%s",
             pg_server_folder(), options);
}

static void a_commit_without_an_answer_counts_once(void **state)
{
    (void)state;
    static const enum proxy_mode modes[] = {PROXY_COMMIT_LOST, PROXY_ANSWER_LOST, PROXY_HALF_OPEN,
                                            PROXY_ANSWER_LOST, PROXY_COMMIT_LOST};
    char url[DATABASE_MAX];
    struct ring *ring = NULL;
    proxy_url(url);
    pg_proxy_start(pg_server_folder());
    struct store *s = open_store(url, &ring);
    uint64_t ord = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        push_deltas(s, ring, ord + 1, ord + 300);
        ord += 300;
        wait_for_rows(s, ord);
        pg_proxy_mode(modes[i]);
        push_deltas(s, ring, ord + 1, ord + 300);
        ord += 300;
        assert_int_equal(pg_proxy_lost(), i + 1);
        /* More comes before it is settled. */
        push_deltas(s, ring, ord + 1, ord + 50);
        ord += 50;
        wait_for_rows(s, ord);
    }
    assert_int_equal(store_stats(s)->failures >= sizeof modes / sizeof modes[0], 1);
    assert_int_equal(store_stats(s)->lost, 0);
    finish(s, ring);
    pg_proxy_stop();
    all_there(ord);
    assert_int_equal(sql_number(path, "SELECT rows FROM session"), (long long)ord);
}

/* --- a server that says nothing --- */

static void a_server_that_says_nothing_holds_nobody_up(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store_config config = config_of(path);
    config.answer_ns = 5 * NS_PER_SEC;
    struct store *s = open_with(&config, &ring);
    push_deltas(s, ring, 1, 100);
    wait_for_rows(s, 100);
    wait_until("SELECT count(*) " OURS, 1); /* connections of tests before may still be ending */
    pid_t pid = (pid_t)sql_number(path, "SELECT pid " OURS);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    uint64_t failures = store_stats(s)->failures;
    mono_ns_t began = clock_mono();
    push_deltas(s, ring, 101, 200);
    assert_true(clock_mono() - began < 60 * NS_PER_SEC); /* with what a busy machine adds */
    assert_int_equal(store_stats(s)->failures, failures + 1);
    /* It still has our session's lock, so nothing is written beside it. */
    sleep_ms(100);
    push_deltas(s, ring, 201, 300);
    assert_int_equal(store_stats(s)->rows, 100);
    assert_int_equal(kill(pid, SIGCONT), 0);
    wait_for_rows(s, 300);
    finish(s, ring);
    all_there(300);
}

/* --- no room, no permission, no connection left --- */

static void a_full_disk_of_the_server_is_outlived(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    /* No file may grow over 17 MB: the log's have 16, the table's needs more. */
    pg_server_quit();
    setenv("PG_SERVER_FILE_KB", "17408", 1);
    pg_server_again("-c fsync=off");
    unsetenv("PG_SERVER_FILE_KB");
    push_deltas(s, ring, 1, 100);
    wait_for_rows(s, 100);
    uint64_t failures = store_stats(s)->failures;
    uint64_t ord = 100;
    while (store_stats(s)->failures == failures && ord < 400000) {
        push_deltas(s, ring, ord + 1, ord + 5000);
        ord += 5000;
    }
    assert_true(store_stats(s)->failures > failures);
    assert_true(store_stats(s)->rows < ord);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), store_stats(s)->rows);
    pg_server_quit();
    pg_server_again("-c fsync=off");
    wait_for_rows(s, ord);
    finish(s, ring);
    all_there(ord);
}

/* A user who is nobody special, with a schema; url: as that user. */
static void make_trader(char url[DATABASE_MAX])
{
    sql_run(path, "DROP ROLE IF EXISTS trader; CREATE ROLE trader LOGIN PASSWORD 'hush-hush'");
    char sql[100];
    const char *schema = strrchr(path, 'D') + 1; /* of csearch_path%3D */
    snprintf(sql, sizeof sql, "GRANT ALL ON SCHEMA %s TO trader", schema);
    sql_run(path, sql);
    snprintf(url, DATABASE_MAX,
             "postgresql://trader:hush-hush@/postgres?host=%s&options=-csearch_path%%3D%s",
             pg_server_folder(), schema);
}

static void drop_trader(void)
{
    sql_run(path, "DROP OWNED BY trader; DROP ROLE trader");
}

static void refused(const char *url, enum status want, const char *says)
{
    struct store_config config = config_of(url);
    struct store *s = NULL;
    struct err err = {0};
    enum status st = store_open(&config, 1000, &s, &err);
    if (st != want || strstr(err.text, says) == NULL || strstr(err.text, "hush") != NULL) {
        fail_msg("%s gave %s: %s", url, status_name(st), err.text);
    }
    assert_null(s);
    int64_t session = 0;
    st = store_last_session(url, &session, &err);
    assert_true(st != ST_OK && strstr(err.text, "hush") == NULL);
}

static void a_right_that_is_taken_away_and_given_back_is_a_pause(void **state)
{
    (void)state;
    char url[DATABASE_MAX];
    struct ring *ring = NULL;
    make_trader(url);
    struct store *s = open_store(url, &ring);
    push_deltas(s, ring, 1, 100);
    assert_int_equal(store_stats(s)->rows, 100);
    sql_run(path, "REVOKE INSERT ON delta FROM trader");
    push_deltas(s, ring, 101, 200);
    assert_int_equal(store_stats(s)->rows, 100);
    sql_run(path, "GRANT INSERT ON delta TO trader");
    wait_for_rows(s, 200);
    finish(s, ring);
    all_there(200);
    drop_trader();
}

static void no_connection_left_is_a_pause_and_at_start_an_error(void **state)
{
    (void)state;
    char url[DATABASE_MAX];
    struct ring *ring = NULL;
    make_trader(url);
    struct store *s = open_store(url, &ring);
    push_deltas(s, ring, 1, 100);
    sql_run(path, "ALTER ROLE trader CONNECTION LIMIT 0");
    refused(url, ST_UNREACHABLE, "too many connections");
    sql_run(path, "SELECT pg_terminate_backend(pid) " OURS);
    wait_until("SELECT count(*) " OURS, 0);
    push_deltas(s, ring, 101, 200);
    sleep_ms(100);
    push_deltas(s, ring, 201, 300);
    assert_int_equal(store_stats(s)->rows, 100);
    sql_run(path, "ALTER ROLE trader CONNECTION LIMIT -1");
    wait_for_rows(s, 300);
    finish(s, ring);
    all_there(300);
    drop_trader();
}

static void what_cannot_be_used_is_refused_and_said_without_the_password(void **state)
{
    (void)state;
    char url[DATABASE_MAX], other[DATABASE_MAX];
    make_trader(url);
    char sql[100];
    snprintf(sql, sizeof sql,
             "REVOKE CREATE ON SCHEMA %s FROM trader; CREATE DATABASE odd ENCODING "
             "'SQL_ASCII' TEMPLATE template0",
             strrchr(path, 'D') + 1);
    char *second = strchr(sql, ';');
    *second = '\0';
    sql_run(path, sql);
    sql_run(path, second + 1);
    refused(url, ST_DENIED, "permission denied");
    drop_trader();
    refused(url, ST_UNREACHABLE, "trader");
    snprintf(other, sizeof other, "postgresql://deltaflow:hush-hush@/nowhere?host=%s",
             pg_server_folder());
    refused(other, ST_UNREACHABLE, "database \"nowhere\" does not exist");
    snprintf(other, sizeof other, "postgresql://deltaflow:hush-hush@/odd?host=%s",
             pg_server_folder());
    refused(other, ST_UNSUPPORTED, "UTF8");
    refused("postgresql://u:hush-hush@127.0.0.1:1/x", ST_UNREACHABLE, "127.0.0.1");
    refused("postgresql:///x?host=/nowhere&password=hush-hush", ST_UNREACHABLE, "/nowhere");
    refused("postgresql://u:hush/hush@localhost/x", ST_INVALID, "%2F");
    refused("postgresql://u:%zzhush@localhost/x", ST_INVALID, "not a PostgreSQL URL");
    sql_run(path, "DROP DATABASE odd");
    /* Somebody else's tables are left alone. */
    sql_run(path, "CREATE TABLE delta (x int)");
    refused(path, ST_MALFORMED, "not deltaflow's");
    assert_int_equal(sql_number(path, "SELECT count(*) FROM pg_tables WHERE schemaname="
                                      "current_schema()"),
                     1);
}

/* A server that has no TLS, and says so to who asks. Returns its process. */
static pid_t plain_server(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *ret_port = ntohs(a.sin_port);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    while (child == 0) {
        char request[8];
        int c = accept(fd, NULL, NULL);
        (void)!recv(c, request, sizeof request, MSG_WAITALL);
        (void)!send(c, "N", 1, 0);
        (void)shutdown(c, SHUT_WR);
        while (recv(c, request, sizeof request, 0) > 0) { /* what is unread would reset it */
        }
        close(c);
    }
    close(fd);
    return child;
}

static void to_another_host_tls_is_demanded_unless_the_url_says_otherwise(void **state)
{
    (void)state;
    char url[DATABASE_MAX];
    int port = 0;
    pid_t server = plain_server(&port);
    assert_int_equal(unsetenv("PGSSLMODE"), 0);
    /* An address that is this machine, but does not say so. */
    static const struct {
        const char *host, *more, *says;
    } cases[] = {{"0.0.0.0", "", "SSL was required"},
                 {"0.0.0.0", "?sslmode=prefer", "closed the connection"},
                 {"0.0.0.0", "?sslmode=disable", "received N"},
                 {"0.0.0.0", "?hostaddr=127.0.0.1", "closed the connection"},
                 {"127.0.0.1", "?hostaddr=0.0.0.0", "SSL was required"},
                 {"127.0.0.1", "", "closed the connection"},
                 {"localhost", "?sslmode=require", "SSL was required"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(url, sizeof url, "postgresql://u:hush-hush@%s:%d/x%s", cases[i].host, port,
                 cases[i].more);
        refused(url, ST_UNREACHABLE, cases[i].says);
    }
    setenv("PGSSLMODE", "disable", 1);
    snprintf(url, sizeof url, "postgresql://u:hush-hush@0.0.0.0:%d/x", port);
    refused(url, ST_UNREACHABLE, "received N");
    unsetenv("PGSSLMODE");
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

/* --- sessions --- */

static void a_writer_that_was_cut_off_and_taken_for_dead_goes_on(void **state)
{
    (void)state;
    struct ring *ring = NULL, *other = NULL;
    struct store *s = open_store(path, &ring);
    push_deltas(s, ring, 1, 100);
    sql_run(path, "SELECT pg_terminate_backend(pid) " OURS);
    wait_until("SELECT count(*) " OURS, 0);
    /* Another host: our process number means nothing there. */
    sql_run(path, "UPDATE session SET boot='another'");
    struct store *second = open_store(path, &other);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE outcome='broken'"), 1);
    push_deltas(s, ring, 101, 200);
    wait_for_rows(s, 200);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE outcome='broken'"), 0);
    store_close(second, "halted", 5);
    ring_destroy(other);
    finish(s, ring);
    all_there(200);
}

static void a_session_of_another_host_is_broken_only_when_its_connection_is_gone(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct ring *ring = NULL;
        (void)open_store(path, &ring);
        (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    char c;
    struct ring *ring = NULL;
    assert_int_equal(read(ready[0], &c, 1), 1);
    sql_run(path, "UPDATE session SET boot='another', pid=1");
    store_close(open_store(path, &ring), "done", 5);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT outcome IS NULL FROM session WHERE id=1"), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    wait_until("SELECT count(*) FROM pg_locks WHERE locktype='advisory'", 0);
    store_close(open_store(path, &ring), "done", 5);
    ring_destroy(ring);
    assert_int_equal(sql_number(path, "SELECT outcome='broken' FROM session WHERE id=1"), 1);
    close(ready[0]);
    close(ready[1]);
}

static void two_schemas_of_one_database_do_not_meet(void **state)
{
    (void)state;
    char first[DATABASE_MAX];
    struct ring *a = NULL, *b = NULL;
    memcpy(first, path, sizeof first);
    struct store *s = open_store(first, &a);
    pg_server_url(path, sizeof path);
    struct store *t = open_store(path, &b);
    assert_int_equal(store_session(s), store_session(t));
    push_deltas(s, a, 1, 100);
    push_deltas(t, b, 1, 200);
    finish(t, b);
    all_there(200);
    memcpy(path, first, sizeof path);
    finish(s, a);
    all_there(100);
}

static void a_session_row_that_is_deleted_is_an_error_and_no_loop(void **state)
{
    (void)state;
    struct store_config config = config_of(path);
    struct backend *b = NULL;
    struct err err = {0};
    assert_int_equal(backend_open(&config, 1000, &b, &err), ST_OK);
    sql_run(path, "DELETE FROM session");
    assert_int_equal(b->ops->begin(b), ST_OK);
    struct ev_delta d = make_delta(1);
    assert_int_equal(b->ops->put(b, &d), ST_OK);
    assert_int_equal(b->ops->commit(b, 1), ST_IO);
    assert_non_null(strstr(b->error, "gone"));
    b->ops->rollback(b);
    b->ops->close(b);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 0);
}

/* --- refused rows --- */

/* Each savepoint behind which something is written takes a number of a transaction. */
static long long transaction_numbers(void)
{
    return sql_number(path, "SELECT txid_current()");
}

static void refused_rows_among_many_cost_few_savepoints_and_are_named(void **state)
{
    (void)state;
    static const uint64_t twice[] = {3, 77, 78};
    struct store_config config = config_of(path);
    struct store *s = NULL;
    struct ring *ring = NULL;
    struct err err = {0};
    assert_int_equal(store_open(&config, 1000, &s, &err), ST_OK);
    assert_int_equal(ring_create(4 << 20, &ring), ST_OK);
    store_add_ring(s, ring);
    push_deltas(s, ring, 1, 100);
    wait_for_rows(s, 100);
    long long before = transaction_numbers();
    for (uint64_t i = 101; i <= 20000; i++) { /* one batch: nobody works meanwhile */
        struct ev_delta d = make_delta(i);
        assert_int_equal(ring_push(ring, &d, sizeof d), ST_OK);
        for (size_t k = 0; k < 3; k++) {
            d = make_delta(twice[k]);
            assert_int_equal(i != 500 + 7000 * k ? ST_OK : ring_push(ring, &d, sizeof d), ST_OK);
        }
    }
    wait_for_rows(s, 20000);
    long long took = transaction_numbers() - before;
    if (took < 3 || took > 300) { /* row by row it would be 20,000 */
        fail_msg("%lld savepoints", took);
    }
    assert_int_equal(store_stats(s)->lost, 3);
    finish(s, ring);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM delta"), 20000);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM gap WHERE reason LIKE '%came twice%'"
                                      " AND (seq_expected, seq_got) IN ((3,3), (77,77), (78,78))"),
                     3);
}

/* --- texts --- */

struct texts {
    const char *const *want;
    size_t n;
};

static enum status compare_ticker(void *self, const void *record)
{
    struct texts *t = self;
    const struct ev_fill *f = record;
    assert_string_equal(f->ticker, t->want[t->n++]);
    return ST_OK;
}

static void texts_that_are_no_utf8_come_back_to_the_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "KXPLAIN-1",   "",          "\xff\xfe broken",    "\\x41",
        "\\x",         "\\y",       "gr\xc3\xbc\xc3\x9f", "\xed\xa0\x80",
        "\xc0\xaf",    "a\x01\x7f", "\xf4\x8f\xbf\xbf",   "\xf4\x90\x80\x80",
        "cut \xe2\x82"};
    size_t n = sizeof texts / sizeof texts[0];
    struct ring *ring = NULL;
    struct store *s = open_store(path, &ring);
    for (size_t i = 0; i < n; i++) {
        struct ev_fill f = {
            .h = {.size = sizeof f, .type = EV_FILL, .source = EV_SRC_PRIVATE, .ord = i + 1}};
        snprintf(f.ticker, sizeof f.ticker, "%s", texts[i]);
        assert_int_equal(ring_push(ring, &f, sizeof f), ST_OK);
    }
    int64_t session = store_session(s);
    finish(s, ring);
    struct texts want = {texts, 0};
    struct err err = {0};
    assert_int_equal(store_read_records(path, session, EV_FILL, compare_ticker, &want, &err),
                     ST_OK);
    assert_int_equal(want.n, n);
    char text[64];
    sql_text(path, "SELECT ticker FROM fill WHERE ord=3", text, sizeof text);
    assert_string_equal(text, "\\xfffe2062726f6b656e");
    sql_text(path, "SELECT ticker FROM fill WHERE ord=1", text, sizeof text);
    assert_string_equal(text, "KXPLAIN-1");
}

static void a_session_s_texts_come_back(void **state)
{
    (void)state;
    struct store_config config = config_of(path);
    struct store *s = NULL;
    struct err err = {0};
    config.config_json = "{\"store\":{\"path\":\"x\\\\y\"}}";
    config.policy = "\xff";
    config.exchange = "https://example";
    assert_int_equal(store_open(&config, 1000, &s, &err), ST_OK);
    store_close(s, "done", 5);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM session WHERE"
                                      " config::json->'store'->>'path'='x\\y'"),
                     1);
    char text[64];
    sql_text(path, "SELECT policy FROM session", text, sizeof text);
    assert_string_equal(text, "\\xff");
}

/* --- indexes --- */

static void tables_have_their_primary_key_and_no_other_index(void **state)
{
    (void)state;
    struct ring *ring = NULL;
    finish(open_store(path, &ring), ring);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM pg_index i JOIN pg_class c ON"
                                      " c.oid=i.indrelid WHERE NOT indisprimary AND"
                                      " c.relnamespace=current_schema()::regnamespace"),
                     0);
    assert_int_equal(sql_number(path, "SELECT count(*) FROM pg_tables t WHERE"
                                      " schemaname=current_schema() AND NOT EXISTS (SELECT 1 FROM"
                                      " pg_indexes i WHERE i.schemaname=t.schemaname AND"
                                      " i.tablename=t.tablename)"),
                     0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
    const struct CMUnitTest tests[] = {
        T(a_server_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing),
        T(a_server_that_restarts_between_batches_is_only_a_pause),
        T(a_connection_ended_between_copy_and_commit_is_a_failed_transaction),
        T(a_commit_without_an_answer_counts_once),
        T(a_server_that_says_nothing_holds_nobody_up),
        T(a_full_disk_of_the_server_is_outlived),
        T(a_right_that_is_taken_away_and_given_back_is_a_pause),
        T(no_connection_left_is_a_pause_and_at_start_an_error),
        T(what_cannot_be_used_is_refused_and_said_without_the_password),
        T(to_another_host_tls_is_demanded_unless_the_url_says_otherwise),
        T(a_writer_that_was_cut_off_and_taken_for_dead_goes_on),
        T(a_session_of_another_host_is_broken_only_when_its_connection_is_gone),
        T(two_schemas_of_one_database_do_not_meet),
        T(a_session_row_that_is_deleted_is_an_error_and_no_loop),
        T(refused_rows_among_many_cost_few_savepoints_and_are_named),
        T(texts_that_are_no_utf8_come_back_to_the_byte),
        T(a_session_s_texts_come_back),
        T(tables_have_their_primary_key_and_no_other_index),
    };
    return database_run_pg(tests, sizeof tests / sizeof tests[0]);
}
