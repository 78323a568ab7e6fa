/*
 * test_pg_resolve.c - claims about store/pg_resolve.h and what pg_connect makes of it, with a
 * resolver whose answers and whose slowness are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "pg_server.h"
#include "store/pg_conn.h"
#include "store/pg_resolve.h"

static atomic_bool hold; /* "slow" has no answer until it is false */
static atomic_uint asked;
static unsigned idled, release_after; /* of idle's calls; 0: never */

int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret);

/* Names and their numbers; "slow" has its own when it is let go; others have none. */
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **ret)
{
    static const char *const known[][2] = {{"one", "127.0.0.1"},     {"two", "127.0.0.2"},
                                           {"six", "::1"},           {"slow", "127.0.0.3"},
                                           {"db.test", "127.0.0.1"}, {"db.other", "127.0.0.1"}};
    int failed = EAI_NONAME;
    atomic_fetch_add(&asked, 1);
    while (strcmp(name, "slow") == 0 && atomic_load(&hold)) {
        (void)usleep(1000);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i][0]) == 0) {
            failed = __real_getaddrinfo(known[i][1], service, hints, ret);
        }
    }
    if (failed == 0 && strcmp(name, "two") == 0) {
        failed = __real_getaddrinfo("127.0.0.4", service, hints, &(*ret)->ai_next);
    }
    return failed;
}

static void idle(void *self)
{
    (void)self;
    idled++;
    if (idled == release_after) {
        atomic_store(&hold, false);
    }
}

static int set_up(void **state)
{
    (void)state;
    atomic_store(&hold, false);
    atomic_store(&asked, 0);
    idled = 0;
    release_after = 0;
    return 0;
}

static const struct pg_wait patient = {60 * NS_PER_SEC, idle, NULL};

static void lists_are(const char *host, const char *port, const char *hosts, const char *addresses,
                      const char *ports)
{
    struct pg_hosts h;
    struct err err = {.st = ST_OK};
    pg_hosts_init(&h);
    assert_int_equal(pg_resolve(host, port, &patient, &h, &err), ST_OK);
    assert_string_equal(h.host.p, hosts);
    assert_string_equal(h.hostaddr.p, addresses);
    assert_string_equal(h.port.p != NULL ? h.port.p : "", ports);
    pg_hosts_finish(&h);
}

static void each_address_is_listed_with_its_name_and_port(void **state)
{
    (void)state;
    lists_are("one", NULL, "one", "127.0.0.1", "");
    lists_are("one", "5433", "one", "127.0.0.1", "");
    lists_are("two", NULL, "two,two", "127.0.0.2,127.0.0.4", "");
    lists_are("two,one", "1,2", "two,two,one", "127.0.0.2,127.0.0.4,127.0.0.1", "1,1,2");
    lists_are("six", NULL, "six", "::1", "");
    lists_are("/run/x,one", "1,2", "/run/x,one", ",127.0.0.1", "1,2");
    lists_are("10.0.0.1,one", NULL, "10.0.0.1,one", ",127.0.0.1", "");
    lists_are("nobody,one", "1,2", "one", "127.0.0.1", "2");
}

static void what_needs_no_look_up_or_makes_no_sense_is_left_to_libpq(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", NULL},    {"/run/x", NULL},     {"@x", NULL},          {"10.1.2.3", "5"},
        {"::1", NULL}, {"one,two", "1,2,3"}, {"one,two,one", "1,2"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pg_hosts h;
        struct err err = {.st = ST_OK};
        pg_hosts_init(&h);
        assert_int_equal(pg_resolve(cases[i][0], cases[i][1], &patient, &h, &err), ST_STATE);
        pg_hosts_finish(&h);
    }
    assert_int_equal(atomic_load(&asked), 0);
}

static void while_a_name_is_looked_up_other_work_goes_on(void **state)
{
    (void)state;
    atomic_store(&hold, true);
    release_after = 20;
    lists_are("slow", NULL, "slow", "127.0.0.3", "");
    assert_true(idled >= 20);
}

static enum status connect_to(const char *url, mono_ns_t answer_ns, char error[256])
{
    struct pg_conn p = {.url = url, .answer_ns = answer_ns, .lock_ns = NS_PER_SEC, .idle = idle};
    enum status st = pg_connect(&p);
    snprintf(error, 256, "%s", p.error);
    assert_null(p.c);
    return st;
}

static void a_look_up_without_an_answer_is_given_up_in_time(void **state)
{
    (void)state;
    char error[256];
    atomic_store(&hold, true);
    assert_int_equal(connect_to("postgresql://u@slow:1/x", 200 * NS_PER_MS, error), ST_UNREACHABLE);
    assert_non_null(strstr(error, "look-up"));
    assert_true(idled > 0);
    atomic_store(&hold, false); /* its thread ends, and frees what it was given */
}

static void a_name_without_an_address_is_named(void **state)
{
    (void)state;
    char error[256];
    assert_int_equal(connect_to("postgresql://u:hush@nobody:1/x", 60 * NS_PER_SEC, error),
                     ST_UNREACHABLE);
    assert_non_null(strstr(error, "\"nobody\" has no address"));
    assert_null(strstr(error, "hush"));
}

/* Nobody listens at port 1: libpq says what it tried. */
static void libpq_tries_all_addresses_and_looks_nothing_up(void **state)
{
    (void)state;
    char error[256];
    assert_int_equal(connect_to("postgresql://u@two:1/x", 60 * NS_PER_SEC, error), ST_UNREACHABLE);
    assert_non_null(strstr(error, "127.0.0.2"));
    assert_non_null(strstr(error, "127.0.0.4"));
    assert_int_equal(atomic_load(&asked), 1);
    assert_int_equal(setenv("PGHOST", "one", 1), 0);
    assert_int_equal(connect_to("postgresql://u@/x?port=1", 60 * NS_PER_SEC, error),
                     ST_UNREACHABLE);
    assert_non_null(strstr(error, "127.0.0.1"));
    assert_int_equal(unsetenv("PGHOST"), 0);
    unsigned before = atomic_load(&asked);
    assert_int_equal(
        connect_to("postgresql://u@one:1/x?hostaddr=127.0.0.9", 60 * NS_PER_SEC, error),
        ST_UNREACHABLE);
    assert_non_null(strstr(error, "127.0.0.9"));
    assert_int_equal(atomic_load(&asked), before);
}

/* --- against a server with a certificate --- */

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void make_certificate(const char *dir)
{
    char command[700];
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out "
             "cert.pem -subj /CN=db.test -addext subjectAltName=DNS:db.test 2>/dev/null && chmod "
             "600 key.pem && chown --reference=data key.pem",
             dir);
    assert_int_equal(system(command), 0);
}

static void the_certificate_must_be_for_the_name_and_not_for_its_address(void **state)
{
    (void)state;
    char settings[300], url[300], port[16], error[256];
    if (!pg_server_start("-c fsync=off")) {
        skip();
    }
    const char *dir = pg_server_folder();
    pg_server_quit();
    make_certificate(dir);
    snprintf(port, sizeof port, "%d", free_port());
    assert_int_equal(setenv("PGPORT", port, 1), 0);
    snprintf(settings, sizeof settings,
             "-c fsync=off -c listen_addresses=127.0.0.1 -c port=%s -c ssl=on -c "
             "ssl_cert_file=%s/cert.pem -c ssl_key_file=%s/key.pem",
             port, dir, dir);
    pg_server_again(settings);
    static const char *const names[] = {"db.test", "db.other"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(url, sizeof url, "postgresql://deltaflow@%s/postgres?sslrootcert=%s/cert.pem",
                 names[i], dir);
        struct pg_conn p = {.url = url, .answer_ns = 60 * NS_PER_SEC, .lock_ns = NS_PER_SEC};
        enum status st = pg_connect(&p);
        snprintf(error, sizeof error, "%s", p.error);
        if (st != (i == 0 ? ST_OK : ST_UNREACHABLE)) {
            fail_msg("%s: %s %s", names[i], status_name(st), error);
        }
        if (i == 0) {
            int64_t tls = 0;
            assert_int_equal(
                pg_number(&p, "SELECT 1 FROM pg_stat_ssl WHERE ssl AND pid=pg_backend_pid()", &tls),
                ST_OK);
        }
        pg_disconnect(&p);
    }
    assert_non_null(strstr(error, "does not match host name \"db.other\""));
    assert_int_equal(unsetenv("PGPORT"), 0);
    pg_server_stop();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
    const struct CMUnitTest tests[] = {
        T(each_address_is_listed_with_its_name_and_port),
        T(what_needs_no_look_up_or_makes_no_sense_is_left_to_libpq),
        T(while_a_name_is_looked_up_other_work_goes_on),
        T(a_look_up_without_an_answer_is_given_up_in_time),
        T(a_name_without_an_address_is_named),
        T(libpq_tries_all_addresses_and_looks_nothing_up),
        T(the_certificate_must_be_for_the_name_and_not_for_its_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
