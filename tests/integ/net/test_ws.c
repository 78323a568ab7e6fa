/* test_ws.c - ws_client against the server over TLS on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net/ws_client.h"
#include "net_fixture.h"

static struct fixture fix;

struct seen_ws {
    uint32_t opens, closes, frames, wrong;
    size_t bytes;
    int http_status;
    char reason[160];
    char last[64];
    bool numbered; /* frames must carry rising numbers */
};

static void on_open(void *self, mono_ns_t now, wall_ns_t wall)
{
    (void)now;
    (void)wall;
    struct seen_ws *s = self;
    s->opens++;
}

static void on_frame(void *self, const char *text, size_t n, mono_ns_t now, wall_ns_t wall)
{
    struct seen_ws *s = self;
    assert_true(llabs(clock_wall() - wall) < 60 * NS_PER_SEC && now <= clock_mono());
    if (s->numbered) {
        char number[16];
        snprintf(number, sizeof number, "%08u", s->frames);
        s->wrong += n < 8 || memcmp(number, text, 8) != 0;
    }
    s->frames++;
    s->bytes += n;
    text_copy(s->last, sizeof s->last, (struct text){text, n < 60 ? n : 60});
}

static void on_close(void *self, const char *reason, int http_status, mono_ns_t now, wall_ns_t wall)
{
    (void)now;
    (void)wall;
    struct seen_ws *s = self;
    s->closes++;
    s->http_status = http_status;
    snprintf(s->reason, sizeof s->reason, "%s", reason);
}

struct dialler {
    struct ws_loop *loop;
    struct ws_conn *conn;
    struct seen_ws seen;
};

static struct ws_config quick(void)
{
    struct ws_config c = ws_config_default();
    c.url = fix.ws_url;
    c.signer = &fix.ed_signer;
    c.backoff_min_ns = 20 * NS_PER_MS;
    c.backoff_max_ns = 100 * NS_PER_MS;
    c.seed = 7;
    return c;
}

static void dialler_start(struct dialler *d, const struct ws_config *config, const char *ca)
{
    struct err err = {ST_OK, ""};
    memset(d, 0, sizeof *d);
    struct ws_handler h = {&d->seen, on_open, on_frame, on_close};
    if (ws_loop_create(ca, &d->loop, &err) != ST_OK ||
        ws_conn_create(d->loop, config, &h, &d->conn, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    ws_conn_start(d->conn);
}

static void dialler_stop(struct dialler *d)
{
    ws_conn_destroy(d->conn);
    ws_loop_destroy(d->loop);
    for (int i = 0; i < 20; i++) {
        fixture_pump(&fix);
    }
}

static void pump(struct dialler *d)
{
    fixture_pump(&fix);
    (void)ws_loop_work(d->loop, NS_PER_MS / 4);
}

/* Work on both sides until what is counted reaches n. */
static void until(struct dialler *d, const uint32_t *what, uint32_t n)
{
    mono_ns_t end = clock_mono() + 120 * NS_PER_SEC;
    while (*what < n && clock_mono() < end) {
        pump(d);
    }
    if (*what < n) {
        fail_msg("waited for %u, got %u; last close: %s", n, *what, d->seen.reason);
    }
}

static int reset(void **state)
{
    (void)state;
    fix.refuse = 0;
    fix.to_push = fix.pushed = fix.full = 0;
    fix.opens = fix.closes = fix.frames = 0;
    return 0;
}

static void signed_upgrade_opens_with_either_key(void **state)
{
    (void)state;
    const struct signer *signers[] = {&fix.rsa_signer, &fix.ed_signer};
    for (int i = 0; i < 2; i++) {
        struct dialler d;
        struct ws_config c = quick();
        c.signer = signers[i];
        fix.upgrade_signed = false;
        dialler_start(&d, &c, fix.ca.ca_cert);
        until(&d, &d.seen.opens, 1);
        assert_true(fix.upgrade_signed);
        assert_true(ws_conn_is_open(d.conn));
        dialler_stop(&d);
        assert_int_equal(fix.closes, fix.opens);
    }
}

static void messages_go_both_ways(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    dialler_start(&d, &c, fix.ca.ca_cert);
    assert_int_equal(ws_conn_send(d.conn, "x", 1), ST_CLOSED); /* not open yet */
    until(&d, &d.seen.opens, 1);
    for (uint32_t i = 0; i < 100; i++) {
        char msg[200];
        int n = snprintf(msg, sizeof msg, "{\"id\":%u,\"pad\":\"%0*d\"}", i, (int)i, 0);
        assert_int_equal(ws_conn_send(d.conn, msg, (size_t)n), ST_OK);
    }
    until(&d, &fix.frames, 100);
    assert_non_null(strstr(fix.last_frame, "{\"id\":99,"));
    assert_int_equal(fix.out.send(fix.out.self, NULL, fix.peer, "{\"type\":\"ok\"}\n", 14), ST_OK);
    until(&d, &d.seen.frames, 1);
    assert_string_equal(d.seen.last, "{\"type\":\"ok\"}\n");
    dialler_stop(&d);
}

static void frame_sent_while_the_upgrade_is_accepted_arrives(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    fix.greet = true;
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.frames, 1);
    fix.greet = false;
    assert_string_equal(d.seen.last, "hello");
    assert_int_equal(d.seen.opens, 1);
    dialler_stop(&d);
}

static void refused_upgrade_reports_its_status_and_dials_again(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    static const int statuses[] = {401, 502, 503};
    dialler_start(&d, &c, fix.ca.ca_cert);
    for (uint32_t i = 0; i < 3; i++) {
        fix.refuse = statuses[i];
        until(&d, &d.seen.closes, i + 1);
        assert_int_equal(d.seen.http_status, statuses[i]);
        assert_int_equal(d.seen.opens, 0);
    }
    fix.refuse = 0;
    until(&d, &d.seen.opens, 1);
    dialler_stop(&d);
}

static void cut_connection_is_dialled_again(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    dialler_start(&d, &c, fix.ca.ca_cert);
    for (uint32_t i = 1; i <= 3; i++) {
        until(&d, &d.seen.opens, i);
        fix.out.close(fix.out.self, NULL, fix.peer);
        until(&d, &d.seen.closes, i);
        assert_int_equal(d.seen.http_status, 0);
        assert_int_equal(fix.closes, i);
    }
    until(&d, &d.seen.opens, 4);
    dialler_stop(&d);
}

static void reconnect_and_stop_close_with_their_reason(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.opens, 1);
    ws_conn_reconnect(d.conn, "sequence lost");
    assert_int_equal(d.seen.closes, 0); /* never inside the call */
    until(&d, &d.seen.opens, 2);
    assert_int_equal(d.seen.closes, 1);
    assert_string_equal(d.seen.reason, "sequence lost");
    ws_conn_stop(d.conn);
    until(&d, &d.seen.closes, 2);
    assert_string_equal(d.seen.reason, "stopped");
    for (int i = 0; i < 600; i++) {
        pump(&d);
    }
    assert_int_equal(d.seen.opens, 2);
    dialler_stop(&d);
}

static void large_messages_are_put_together(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.opens, 1);
    size_t n = (size_t)5 << 20;
    char *msg = malloc(n);
    for (size_t i = 0; i < n; i++) {
        msg[i] = (char)('a' + i % 23);
    }
    assert_int_equal(fix.out.send(fix.out.self, NULL, fix.peer, msg, n), ST_OK);
    until(&d, &d.seen.frames, 1);
    assert_int_equal(d.seen.bytes, n);
    /* And the other way, in the client's direction of fragments. */
    assert_int_equal(ws_conn_send(d.conn, msg, 300000), ST_OK);
    until(&d, &fix.frames, 1);
    free(msg);
    dialler_stop(&d);
}

static void message_over_the_limit_ends_the_connection(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    c.message_max = 200000;
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.opens, 1);
    char *msg = calloc(1, 300000);
    memset(msg, 'x', 300000);
    assert_int_equal(fix.out.send(fix.out.self, NULL, fix.peer, msg, 300000), ST_OK);
    until(&d, &d.seen.closes, 1);
    assert_string_equal(d.seen.reason, "message too long");
    assert_int_equal(d.seen.frames, 0);
    free(msg);
    dialler_stop(&d);
}

static void slow_reader_fills_the_queue_and_then_gets_everything_in_order(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    dialler_start(&d, &c, fix.ca.ca_cert);
    fix.push_bytes = 2000;
    d.seen.numbered = true;
    until(&d, &d.seen.opens, 1);
    fix.to_push = 30000; /* 60 MB: more than queue and sockets hold */
    assert_int_equal(fix.out.send(fix.out.self, NULL, fix.peer, "00000000", 8), ST_OK);
    fix.pushed = 1;
    mono_ns_t end = clock_mono() + 120 * NS_PER_SEC;
    while (fix.full == 0 && clock_mono() < end) {
        fixture_pump(&fix); /* the client does not read */
    }
    assert_true(fix.full > 0);
    assert_true(fix.pushed < fix.to_push);
    assert_true(server_stats(fix.server)->full > 0);
    until(&d, &d.seen.frames, 30000);
    assert_int_equal(d.seen.wrong, 0);
    assert_int_equal(d.seen.closes, 0);
    dialler_stop(&d);
}

static void ping_without_an_answer_ends_the_connection(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    c.ping_interval_ns = 50 * NS_PER_MS;
    c.ping_timeout_ns = 2 * NS_PER_SEC; /* longer than this process is kept waiting */
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.opens, 1);
    mono_ns_t end = clock_mono() + 120 * NS_PER_SEC;
    while (ws_conn_stats(d.conn)->pongs < 3 && clock_mono() < end) {
        pump(&d); /* the server answers pings */
    }
    assert_int_equal(d.seen.closes, 0);
    assert_true(ws_conn_stats(d.conn)->pongs >= 3);
    while (d.seen.closes == 0 && clock_mono() < end) {
        (void)ws_loop_work(d.loop, NS_PER_MS); /* the server hangs */
    }
    assert_int_equal(d.seen.closes, 1);
    assert_string_equal(d.seen.reason, "no answer to ping");
    dialler_stop(&d);
}

static void server_of_an_unknown_authority_is_refused(void **state)
{
    (void)state;
    char other[128];
    struct ca_files files;
    struct dialler d;
    struct ws_config c = quick();
    snprintf(other, sizeof other, "%s/other", fix.dir);
    assert_int_equal(ca_ensure(other, "127.0.0.1", &files, NULL), ST_OK);
    dialler_start(&d, &c, files.ca_cert);
    until(&d, &d.seen.closes, 2);
    assert_int_equal(d.seen.opens, 0);
    assert_int_equal(fix.opens, 0);
    dialler_stop(&d);
}

static void certificate_for_another_host_is_refused(void **state)
{
    (void)state;
    char url[80];
    struct dialler d;
    struct ws_config c = quick();
    snprintf(url, sizeof url, "wss://127.0.0.2:%d/trade-api/ws/v2", server_port(fix.server));
    c.url = url;
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.closes, 2);
    assert_int_equal(d.seen.opens, 0);
    assert_int_equal(fix.opens, 0);
    dialler_stop(&d);
}

static void refused_connection_backs_off_with_growing_waits(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    c.url = "wss://127.0.0.1:1/trade-api/ws/v2";
    c.backoff_min_ns = 40 * NS_PER_MS;
    c.backoff_max_ns = 320 * NS_PER_MS;
    dialler_start(&d, &c, fix.ca.ca_cert);
    mono_ns_t begin = clock_mono();
    until(&d, &d.seen.closes, 5);
    /* Waits of at least half of 40, 80, 160 and 320 ms lie between five failures. */
    assert_true(clock_mono() - begin >= 300 * NS_PER_MS);
    dialler_stop(&d);
}

static void two_connections_share_one_loop(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    struct seen_ws seen2;
    struct ws_conn *second = NULL;
    memset(&seen2, 0, sizeof seen2);
    dialler_start(&d, &c, fix.ca.ca_cert);
    struct ws_handler h = {&seen2, on_open, on_frame, on_close};
    assert_int_equal(ws_conn_create(d.loop, &c, &h, &second, NULL), ST_OK);
    ws_conn_start(second);
    until(&d, &fix.opens, 2);
    until(&d, &d.seen.opens, 1);
    until(&d, &seen2.opens, 1);
    ws_conn_reconnect(second, "test");
    until(&d, &seen2.opens, 2);
    assert_int_equal(d.seen.closes, 0);
    ws_conn_destroy(second);
    dialler_stop(&d);
}

static void *wake_later(void *loop)
{
    struct timespec t = {0, 100000000};
    nanosleep(&t, NULL);
    ws_loop_wake(loop);
    return NULL;
}

static void wake_from_another_thread_ends_the_wait(void **state)
{
    (void)state;
    struct dialler d;
    struct ws_config c = quick();
    pthread_t thread;
    dialler_start(&d, &c, fix.ca.ca_cert);
    until(&d, &d.seen.opens, 1);
    for (int i = 0; i < 50; i++) {
        pump(&d);
    }
    assert_int_equal(pthread_create(&thread, NULL, wake_later, d.loop), 0);
    mono_ns_t begin = clock_mono();
    while (clock_mono() - begin < 90 * NS_PER_MS) {
        (void)ws_loop_work(d.loop, 60 * NS_PER_SEC);
    }
    assert_true(clock_mono() - begin < 30 * NS_PER_SEC);
    pthread_join(thread, NULL);
    dialler_stop(&d);
}

static int setup(void **state)
{
    (void)state;
    fixture_start(&fix, "0.0.0.0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(&fix);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(signed_upgrade_opens_with_either_key, reset),
        cmocka_unit_test_setup(messages_go_both_ways, reset),
        cmocka_unit_test_setup(frame_sent_while_the_upgrade_is_accepted_arrives, reset),
        cmocka_unit_test_setup(refused_upgrade_reports_its_status_and_dials_again, reset),
        cmocka_unit_test_setup(cut_connection_is_dialled_again, reset),
        cmocka_unit_test_setup(reconnect_and_stop_close_with_their_reason, reset),
        cmocka_unit_test_setup(large_messages_are_put_together, reset),
        cmocka_unit_test_setup(message_over_the_limit_ends_the_connection, reset),
        cmocka_unit_test_setup(slow_reader_fills_the_queue_and_then_gets_everything_in_order,
                               reset),
        cmocka_unit_test_setup(ping_without_an_answer_ends_the_connection, reset),
        cmocka_unit_test_setup(server_of_an_unknown_authority_is_refused, reset),
        cmocka_unit_test_setup(certificate_for_another_host_is_refused, reset),
        cmocka_unit_test_setup(refused_connection_backs_off_with_growing_waits, reset),
        cmocka_unit_test_setup(two_connections_share_one_loop, reset),
        cmocka_unit_test_setup(wake_from_another_thread_ends_the_wait, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
