/*
 * safetensors headers that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/model.h"

#define META "\"__metadata__\":{\"policy\":\"MlpPolicy\",\"activation_fn\":\"Tanh\"},"
#define T(name, shape, from, to)                                                                   \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"
#define HEADS                                                                                      \
    T("action_net.weight", "[2,1]", 0, 8)                                                          \
    "," T("action_net.bias", "[2]", 8, 16) "," T("value_net.weight", "[1,1]", 16, 20)

/* The class of the refusal, REFUSED_MAX when accepted. data_n bytes of zeros follow the header. */
static enum refusal_class try(const char *header, size_t data_n)
{
    size_t n = strlen(header);
    uint8_t *bytes = calloc(1, 8 + n + data_n);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)n >> (8 * i));
    }
    memcpy(bytes + 8, header, n);
    struct model *m = NULL;
    struct refusal r = {.class = REFUSED_MAX};
    enum status st = model_parse(bytes, 8 + n + data_n, &m, &r);
    free(bytes);
    if (st == ST_OK) {
        assert_int_equal(m->obs_count, 1);
        assert_int_equal(m->action_count, 2);
        model_destroy(m);
        return REFUSED_MAX;
    }
    return r.class;
}

static void a_sound_file_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(try("{" META HEADS "," T("value_net.bias", "[1]", 20, 24) "}", 24),
                     REFUSED_MAX);
    assert_int_equal(try("{" META HEADS "," T("value_net.bias", "[1]", 20, 24) "}    ", 24),
                     REFUSED_MAX);
}

static void holes_overlap_and_overrun_are_refused(void **state)
{
    (void)state;
    static const char *const tails[] = {
        T("value_net.bias", "[1]", 16, 20), /* overlap */
        T("value_net.bias", "[1]", 24, 28), /* hole */
        T("value_net.bias", "[1]", 28, 32), /* past the end */
        T("value_net.bias", "[2]", 20, 24), /* not the shape's size */
        T("value_net.bias", "[1]", 24, 20), /* backwards */
        T("value_net.bias", "[1]", -4, 0),
        T("value_net.bias", "[-1]", 20, 24),
        T("value_net.bias", "[4611686018427387904,4]", 20, 24),
        T("value_net.bias", "[9223372036854775807]", 20, 24),
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char header[1024];
        snprintf(header, sizeof header, "{" META HEADS ",%s}", tails[i]);
        enum refusal_class class = try(header, i == 1 ? 28 : 24);
        if (class != REFUSED_TENSOR_BOUNDS) {
            fail_msg("tail %zu: %s", i, refusal_name(class));
        }
    }
    assert_int_equal(try("{" META HEADS "," T("value_net.bias", "[1]", 20, 24) "}", 25),
                     REFUSED_TENSOR_BOUNDS);
}

static void other_faults_have_their_class(void **state)
{
    (void)state;
    assert_int_equal(try("{" HEADS "}", 20), REFUSED_ACTIVATION);
    assert_int_equal(try("{\"__metadata__\":{\"activation_fn\":\"Softmax\"}}", 0),
                     REFUSED_ACTIVATION);
    assert_int_equal(
        try("{\"__metadata__\":{\"policy\":\"CnnPolicy\",\"activation_fn\":\"Tanh\"}}", 0),
        REFUSED_POLICY_CLASS);
    assert_int_equal(try("{" META HEADS "}", 20), REFUSED_MISSING_KEY);
    assert_int_equal(
        try("{" META "\"x\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0),
        REFUSED_DTYPE);
    assert_int_equal(try("{" META HEADS "," T("extra", "[1]", 20, 24) "}", 24), REFUSED_KEYS);
    assert_int_equal(try("{" META "\"a\":1,\"a\":2}", 0), REFUSED_JSON);
    assert_int_equal(try("{" META "\"a\":[[[[[[[[[[]]]]]]]]]]}", 0), REFUSED_JSON_LIMIT);
    assert_int_equal(try("{", 0), REFUSED_JSON);
    assert_int_equal(try("{\"a\":1} x", 0), REFUSED_JSON);
}

static void a_header_longer_than_the_file_is_truncated(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xff, 0xff, 0, 0, 0, 0, 0, 0, '{', '}'};
    struct model *m = NULL;
    struct refusal r;
    assert_int_equal(model_parse(bytes, sizeof bytes, &m, &r), ST_TRUNCATED);
    assert_int_equal(r.class, REFUSED_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_file_is_accepted),
        cmocka_unit_test(holes_overlap_and_overrun_are_refused),
        cmocka_unit_test(other_faults_have_their_class),
        cmocka_unit_test(a_header_longer_than_the_file_is_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
