#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void json_is(struct text in, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    buf_json_str(&b, in);
    assert_false(b.failed);
    assert_string_equal(b.p, want);
    buf_finish(&b);
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    json_is(TEXT(""), "\"\"");
    json_is((struct text){NULL, 0}, "\"\"");
    json_is(TEXT("a/b"), "\"a/b\"");
    json_is(TEXT("\"\\\n\x01\x7f"), "\"\\\"\\\\\\u000a\\u0001\x7f\"");
    json_is(TEXT("a\0b"), "\"a\\u0000b\"");
    json_is(TEXT("caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    json_is(TEXT("a\xff"), "\"a" R "\"");
    json_is(TEXT("\xc3"), "\"" R "\"");                   /* cut */
    json_is(TEXT("\xc0\xaf"), "\"" R R "\"");             /* too long a form */
    json_is(TEXT("\xed\xa0\x80"), "\"" R R R "\"");       /* a surrogate */
    json_is(TEXT("\xf4\x90\x80\x80"), "\"" R R R R "\""); /* beyond the last character */
    json_is(TEXT("\xe2\x82x"), "\"" R R "x\"");
}

static void a_buffer_refuses_to_grow_over_its_maximum_and_stays_failed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_str(&b, "abc");
    buf_add(&b, "de", 2);
    assert_false(b.failed);
    assert_string_equal(b.p, "abcde");
    buf_char(&b, 'f');
    assert_true(b.failed);
    assert_string_equal(b.p, "abcde");
    buf_add(&b, "", 0);
    buf_printf(&b, "%s", "");
    assert_true(b.failed);
    buf_clear(&b);
    assert_false(b.failed);
    buf_printf(&b, "%d%s", 12, "x");
    assert_string_equal(b.p, "12x");
    buf_printf(&b, "%s", "toolong");
    assert_true(b.failed);
    assert_int_equal(b.n, 3);
    buf_finish(&b);
    buf_finish(&b);
}

static void a_buffer_grows_in_many_steps(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 50000; i++) {
        buf_char(&b, (char)('a' + i % 26));
    }
    assert_int_equal(b.n, 50000);
    for (int i = 0; i < 50000; i++) {
        assert_int_equal(b.p[i], 'a' + i % 26);
    }
    assert_int_equal(b.p[b.n], 0);
    buf_finish(&b);
}

static void text_is_copied_whole_or_not_at_all(void **state)
{
    (void)state;
    char dst[4] = "xyz";
    assert_true(text_copy(dst, sizeof dst, TEXT("abc")));
    assert_string_equal(dst, "abc");
    assert_false(text_copy(dst, sizeof dst, TEXT("abcd")));
    assert_string_equal(dst, "");
    assert_true(text_copy(dst, sizeof dst, (struct text){NULL, 0}));
    assert_string_equal(dst, "");
}

static void texts_are_equal_by_their_bytes(void **state)
{
    (void)state;
    assert_true(text_equal(TEXT("ab"), text_of("ab")));
    assert_false(text_equal(TEXT("ab"), TEXT("abc")));
    assert_false(text_equal(TEXT("ab"), TEXT("ac")));
    assert_true(text_equal((struct text){NULL, 0}, TEXT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(a_buffer_refuses_to_grow_over_its_maximum_and_stays_failed),
        cmocka_unit_test(a_buffer_grows_in_many_steps),
        cmocka_unit_test(text_is_copied_whole_or_not_at_all),
        cmocka_unit_test(texts_are_equal_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
