/* test_net_parts.c - the message queue against an obvious model, and addresses taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "net/lws_util.h"
#include "net/url.h"

#define CAP    8192
#define MODEL  4096
#define ROUNDS 200000

static void queue_gives_back_what_was_put_in_in_order(void **state)
{
    (void)state;
    const uint64_t seed = 42;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rng rng;
    struct msg_queue q;
    static uint32_t lens[MODEL];
    static unsigned char first[MODEL];
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t full = 0;
    char msg[3000];
    rng_init(&rng, seed);
    assert_int_equal(msg_queue_init(&q, CAP), ST_OK);
    for (int i = 0; i < ROUNDS; i++) {
        /* The balance shifts, so that the queue runs full and empty in turn. */
        bool put = rng_below(&rng, 100) < (i / 1000 % 2 == 0 ? 70U : 30U);
        if (put) {
            size_t n = rng_below(&rng, rng_below(&rng, 50) == 0 ? sizeof msg : 60);
            memset(msg, (int)(in & 0x7f), n);
            enum status st = msg_queue_push(&q, msg, n);
            if (st == ST_OK) {
                lens[in % MODEL] = (uint32_t)n;
                first[in % MODEL] = (unsigned char)(in & 0x7f);
                in++;
            } else {
                assert_int_equal(st, ST_FULL);
                full++;
            }
        } else if (in > out) {
            size_t n = 0;
            unsigned char *p = msg_queue_front(&q, &n);
            assert_non_null(p);
            assert_int_equal(n, lens[out % MODEL]);
            memset(p - LWS_PRE, 0xee, LWS_PRE); /* as lws_write does */
            for (size_t k = 0; k < n; k++) {
                assert_int_equal(p[k], first[out % MODEL]);
            }
            msg_queue_pop(&q);
            out++;
        } else {
            size_t n = 0;
            assert_null(msg_queue_front(&q, &n));
        }
        assert_int_equal(q.n, in - out);
        assert_true(q.used <= CAP);
    }
    assert_true(full > 100);
    assert_true(out > 10000);
    msg_queue_finish(&q);
}

static void message_longer_than_the_queue_is_over_its_limit(void **state)
{
    (void)state;
    struct msg_queue q;
    char msg[CAP] = {0};
    assert_int_equal(msg_queue_init(&q, CAP), ST_OK);
    assert_int_equal(msg_queue_push(&q, msg, CAP), ST_LIMIT);
    assert_int_equal(msg_queue_push(&q, msg, CAP - LWS_PRE - 8), ST_OK);
    assert_int_equal(msg_queue_push(&q, msg, 0), ST_FULL);
    msg_queue_finish(&q);
}

static void addresses_are_taken_apart(void **state)
{
    (void)state;
    struct url u;
    assert_int_equal(url_parse("wss://external-api-ws.kalshi.com/trade-api/ws/v2", "wss", &u, NULL),
                     ST_OK);
    assert_string_equal(u.host, "external-api-ws.kalshi.com");
    assert_int_equal(u.port, 443);
    assert_string_equal(u.path, "/trade-api/ws/v2");
    assert_int_equal(url_parse("https://[::1]:8443/trade-api/v2/", "https", &u, NULL), ST_OK);
    assert_string_equal(u.host, "::1");
    assert_int_equal(u.port, 8443);
    assert_string_equal(u.origin, "https://[::1]:8443");
    assert_string_equal(u.path, "/trade-api/v2");
}

static void bad_addresses_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://localhost/x",
                                      "https://",
                                      "localhost",
                                      "https://u:p@localhost/",
                                      "https://localhost/?a",
                                      "https://localhost:99999/",
                                      "",
                                      "https://localhost:0/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct url u;
        struct err err = {ST_OK, ""};
        assert_int_equal(url_parse(bad[i], "https", &u, &err), ST_INVALID);
        assert_non_null(strstr(err.text, bad[i]));
        assert_non_null(strstr(err.text, "https://host"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_gives_back_what_was_put_in_in_order),
        cmocka_unit_test(message_longer_than_the_queue_is_over_its_limit),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(bad_addresses_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
