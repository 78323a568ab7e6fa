/* test_send_queue.c - the server's send queue against an obvious model, in both forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <libwebsockets.h>
#include <stdlib.h>

#include "base/rng.h"
#include "net/send_queue.h"

#define MODEL  65536
#define ROUNDS 200000
#define CAP    (64u << 10)

struct model {
    uint32_t len[MODEL];
    uint64_t in, out;
};

static char fill_of(uint64_t i)
{
    return (char)('a' + i % 26);
}

static void check_payload(struct model *m, const unsigned char *p, size_t n)
{
    assert_true(m->out < m->in);
    assert_int_equal(n, m->len[m->out % MODEL]);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(p[i], fill_of(m->out));
    }
    m->out++;
}

/* Read the frames as a client does. */
static void check_frames(struct model *m, const unsigned char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        assert_int_equal(p[i], 0x81);
        size_t len = p[i + 1];
        i += 2;
        if (len >= 126) {
            size_t digits = len == 126 ? 2 : 8;
            len = 0;
            for (size_t k = 0; k < digits; k++) {
                len = len << 8 | p[i++];
            }
        }
        check_payload(m, p + i, len);
        i += len;
    }
    assert_int_equal(i, n);
}

static void run(bool apart)
{
    static struct model m;
    static char msg[90000];
    struct rng rng;
    struct send_queue q;
    memset(&m, 0, sizeof m);
    rng_init(&rng, 42);
    send_queue_init(&q, CAP);
    if (apart) {
        send_queue_apart(&q);
    }
    uint64_t full = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (rng_below(&rng, 100) < (i / 1000 % 2 == 0 ? 75U : 25U)) {
            bool large = rng_below(&rng, 500) == 0;
            size_t n = rng_below(&rng, large ? sizeof msg : 300);
            memset(msg, fill_of(m.in), n);
            if (send_queue_push(&q, msg, n) == ST_OK) {
                m.len[m.in++ % MODEL] = (uint32_t)n;
            } else {
                assert_true(q.bytes > 0 && q.bytes + n + 64 > CAP);
                full++;
            }
            continue;
        }
        size_t n = 0;
        size_t max = (size_t)1 << rng_below(&rng, rng_below(&rng, 200) == 0 ? 18 : 9);
        unsigned char *p = send_queue_front(&q, max, &n);
        assert_int_equal(p == NULL, m.in == m.out);
        if (p == NULL) {
            continue;
        }
        uint64_t before = m.out;
        memset(p - LWS_PRE, 0xee, LWS_PRE); /* as lws_write may */
        if (apart) {
            check_payload(&m, p, n);
        } else {
            check_frames(&m, p, n);
            assert_true(n <= max || m.out == before + 1);
        }
        assert_int_equal(send_queue_pop(&q, n), m.out - before);
        assert_int_equal(q.messages, m.in - m.out);
    }
    assert_true(full > 100 && m.out > 10000);
    send_queue_finish(&q);
}

static void batches_are_whole_frames_in_order(void **state)
{
    (void)state;
    run(false);
}

static void messages_apart_come_one_by_one_in_order(void **state)
{
    (void)state;
    run(true);
}

static void an_empty_queue_takes_a_message_of_any_size(void **state)
{
    (void)state;
    struct send_queue q;
    char *big = calloc(1, 300000);
    size_t n = 0;
    send_queue_init(&q, 1000);
    assert_int_equal(send_queue_push(&q, big, 300000), ST_OK);
    assert_int_equal(send_queue_push(&q, big, 1), ST_FULL);
    assert_non_null(send_queue_front(&q, 10, &n));
    assert_int_equal(n, 300010); /* a header of 10 bytes */
    assert_int_equal(send_queue_pop(&q, n), 1);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(send_queue_push(&q, big, 1), ST_OK);
    send_queue_finish(&q);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_whole_frames_in_order),
        cmocka_unit_test(messages_apart_come_one_by_one_in_order),
        cmocka_unit_test(an_empty_queue_takes_a_message_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
