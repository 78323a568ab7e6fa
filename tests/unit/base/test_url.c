/* test_url.c - claims about base/url.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/url.h"

static void passwords_are_hidden_and_the_rest_is_shown(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"", ""},
        {"/var/lib/x.sqlite", "/var/lib/x.sqlite"},
        {"odd:name@with/signs", "odd:name@with/signs"},
        {"postgresql://host/db", "postgresql://host/db"},
        {"postgresql://user@host:5/db?sslmode=require",
         "postgresql://user@host:5/db?sslmode=require"},
        {"postgresql://user:secret@host/db", "postgresql://user:***@host/db"},
        {"postgresql://user:@host/db", "postgresql://user:***@host/db"},
        {"postgresql://user:se@cr:et@host/db", "postgresql://user:***@host/db"},
        {"postgresql://user:se/cr?e#t@host/db", "postgresql://user:***@host/db"},
        {"postgresql://h/db?user=u&password=secret&port=5",
         "postgresql://h/db?user=u&password=***&port=5"},
        {"postgresql://h/db?sslpassword=secret", "postgresql://h/db?sslpassword=***"},
        {"postgresql://h/db?password", "postgresql://h/db?password"},
        {"postgresql://", "postgresql://"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[URL_SHOWN_MAX];
        assert_string_equal(url_shown(cases[i].url, buf, sizeof buf), cases[i].shown);
    }
}

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    const char *url = "postgresql://user:secret@host/db";
    for (size_t cap = 1; cap < 40; cap++) {
        char buf[40];
        memset(buf, 'x', sizeof buf);
        (void)url_shown(url, buf, cap);
        assert_true(strlen(buf) < cap);
        assert_int_equal(strncmp(buf, "postgresql://user:***@host/db", strlen(buf)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_are_hidden_and_the_rest_is_shown),
        cmocka_unit_test(what_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
