#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"

static void crc32c_gives_the_published_check_values(void **state)
{
    (void)state;
    unsigned char b[32];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(b, 0, sizeof b);
    assert_int_equal(crc32c(0, b, sizeof b), 0x8a9136aa); /* RFC 3720 B.4 */
    memset(b, 0xff, sizeof b);
    assert_int_equal(crc32c(0, b, sizeof b), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof b; i++) {
        b[i] = (unsigned char)i;
    }
    assert_int_equal(crc32c(0, b, sizeof b), 0x46dd794e);
    assert_int_equal(crc32c(5, b, 0), 5);
}

static void crc32c_goes_on_from_a_part(void **state)
{
    (void)state;
    const char *s = "123456789";
    for (size_t k = 0; k <= 9; k++) {
        assert_int_equal(crc32c(crc32c(0, s, k), s + k, 9 - k), 0xe3069283);
    }
}

static void a_digest_depends_on_every_byte_and_on_the_length(void **state)
{
    (void)state;
    unsigned char b[24] = {0};
    char seen[24 * 8 + 25][33];
    size_t n = 0;
    for (size_t len = 0; len <= sizeof b; len++) {
        struct digest d;
        digest_init(&d);
        digest_add(&d, b, len);
        digest_text(&d, seen[n++]);
    }
    for (size_t bit = 0; bit < sizeof b * 8; bit++) {
        struct digest d;
        b[bit / 8] ^= (unsigned char)(1U << bit % 8);
        digest_init(&d);
        digest_add(&d, b, sizeof b);
        digest_text(&d, seen[n++]);
        b[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strlen(seen[i]), 32);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(seen[i], seen[k]);
        }
    }
}

static void the_generator_gives_the_published_sequence(void **state)
{
    (void)state;
    /* xoshiro256** from the state 1, 2, 3, 4, as its authors' program prints it. */
    static const uint64_t want[] = {
        11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600};
    struct rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(rng_next(&rng) == want[i]);
    }
}

static void a_seed_gives_its_sequence_again(void **state)
{
    (void)state;
    struct rng a, b, c;
    int same = 0;
    rng_init(&a, 42);
    rng_init(&b, 42);
    rng_init(&c, 43);
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rng_next(&a);
        assert_true(v == rng_next(&b));
        same += v == rng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void numbers_below_are_even(void **state)
{
    (void)state;
    struct rng rng;
    int count[7] = {0};
    rng_init(&rng, 1);
    for (int i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&rng, 7);
        assert_true(v < 7);
        count[v]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(count[i], 9500, 10500);
    }
    assert_int_equal(rng_below(&rng, 1), 0);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_below(&rng, UINT64_MAX) < UINT64_MAX);
    }
}

static void the_unit_interval_is_half_open(void **state)
{
    (void)state;
    struct rng rng;
    double sum = 0;
    rng_init(&rng, 9);
    for (int i = 0; i < 100000; i++) {
        double u = rng_unit(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(sum > 49000 && sum < 51000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_check_values),
        cmocka_unit_test(crc32c_goes_on_from_a_part),
        cmocka_unit_test(a_digest_depends_on_every_byte_and_on_the_length),
        cmocka_unit_test(the_generator_gives_the_published_sequence),
        cmocka_unit_test(a_seed_gives_its_sequence_again),
        cmocka_unit_test(numbers_below_are_even),
        cmocka_unit_test(the_unit_interval_is_half_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
