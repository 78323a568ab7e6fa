/* What observe says about input that is not as it should be: place and cause, and what goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/observe.h"

#define BOOK "{\"yes_bids\":{\"40\":10},\"no_bids\":{\"50\":20}}"
#define ACCOUNT                                                                                    \
    "\"portfolio_value\":100,\"cash_balance\":100,\"positions\":[],\"order_features\":[0,0,0,0,0]"
#define STEP "{\"timestamp_ms\":1000,\"book\":" BOOK "," ACCOUNT "}"
#define DOC(sequences, sessions)                                                                   \
    "{\"format\":\"features-golden/1\",\"sequences\":[" sequences "],\"sessions\":[" sessions "]}"
#define SEQUENCE(steps) "{\"name\":\"s\",\"market\":\"M\",\"steps\":[" steps "]}"

struct seen {
    int lines, complaints;
    char last_line[16384];
    char last_complaint[600];
};

static void on_line(void *ctx, const char *text, size_t n)
{
    struct seen *s = ctx;
    s->lines++;
    assert_true(n < sizeof s->last_line);
    memcpy(s->last_line, text, n);
    s->last_line[n] = '\0';
}

static void on_complaint(void *ctx, const char *text)
{
    struct seen *s = ctx;
    s->complaints++;
    snprintf(s->last_complaint, sizeof s->last_complaint, "%s", text);
}

static enum status observe(const char *text, struct seen *s, struct err *err)
{
    *s = (struct seen){0};
    struct observe_sink sink = {on_line, on_complaint, s};
    uint32_t malformed = 0;
    /* Exactly as long as the text, so that a read past the end is seen. */
    size_t n = strlen(text);
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    enum status st = observe_text(copy, n, &sink, &malformed, err);
    assert_true(st != ST_OK || malformed == (uint32_t)s->complaints);
    free(copy);
    return st;
}

static void expect_refused(const char *text, const char *cause)
{
    static struct seen s;
    struct err err = {0};
    assert_int_equal(observe(text, &s, &err), ST_MALFORMED);
    if (strstr(err.text, cause) == NULL) {
        fail_msg("'%s' does not say '%s'", err.text, cause);
    }
    assert_int_equal(s.lines, 0);
}

static void expect_complaint(const char *text, const char *place_and_cause, int lines)
{
    static struct seen s;
    struct err err = {0};
    assert_int_equal(observe(text, &s, &err), ST_OK);
    assert_int_equal(s.complaints, 1);
    if (strstr(s.last_complaint, place_and_cause) == NULL) {
        fail_msg("'%s' does not say '%s'", s.last_complaint, place_and_cause);
    }
    assert_int_equal(s.lines, lines);
}

static void what_is_not_the_format_is_refused(void **state)
{
    (void)state;
    expect_refused("", "line 1, column 0");
    expect_refused("{\n \"format\": }", "line 2");
    expect_refused("[]", "not a JSON object");
    expect_refused("{}", "format is missing");
    expect_refused("{\"format\":\"features-golden/2\",\"sequences\":[]}", "features-golden/2");
    expect_refused("{\"format\":\"features-golden/1\"}", "sequences and sessions");
    expect_refused("{\"format\":\"features-golden/1\",\"sequences\":7}", "not arrays");
    expect_refused("{\"format\":\"features-golden/1\",\"format\":\"x\"}", "duplicate");
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char whole[] = DOC(SEQUENCE(STEP), "");
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *cut = strndup(whole, n);
        assert_non_null(cut);
        expect_refused(cut, "");
        free(cut);
    }
}

static void a_malformed_step_is_named_and_ends_its_sequence_only(void **state)
{
    (void)state;
    expect_complaint(DOC(SEQUENCE(STEP "," STEP ",7," STEP) "," SEQUENCE(STEP), ""),
                     "sequences[0]: 's': step 2: not an object", 3);
    expect_complaint(DOC(SEQUENCE(STEP) ",5", ""), "sequences[1]: name is missing", 1);
    expect_complaint(DOC("{\"name\":\"s\",\"market\":\"M\",\"mirror\":98,\"steps\":[]}", ""),
                     "'s': mirror is 98", 0);
}

#define BAD_STEP(book, account)                                                                    \
    DOC(SEQUENCE("{\"timestamp_ms\":1000,\"book\":" book "," account "}"), "")
#define BAD_BOOK(book) BAD_STEP(book, ACCOUNT)

static void each_mistake_in_a_book_has_its_cause(void **state)
{
    (void)state;
    expect_complaint(BAD_BOOK("7"), "book is not an object", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{}}"), "no_bids is missing", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":[],\"no_bids\":{}}"), "yes_bids is not an object", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"0\":1},\"no_bids\":{}}"), "price '0'", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"100\":1},\"no_bids\":{}}"), "price '100'", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"x\":1},\"no_bids\":{}}"), "price 'x'", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40.001\":1},\"no_bids\":{}}"), "price '40.001'", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":1,\"40.0\":2},\"no_bids\":{}}"), "twice", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":0},\"no_bids\":{}}"), "the size at price '40'",
                     0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":-3},\"no_bids\":{}}"), "the size", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":1.005},\"no_bids\":{}}"), "the size", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":1e300},\"no_bids\":{}}"), "the size", 0);
    expect_complaint(BAD_BOOK("{\"yes_bids\":{\"40\":9e11,\"41\":9e11,\"42\":9e11,\"43\":9e11,"
                              "\"44\":9e11,\"45\":9e11,\"46\":9e11,\"47\":9e11,\"48\":9e11,"
                              "\"49\":9e11,\"1\":9e11,\"2\":9e11,\"3\":9e11,\"4\":9e11,\"5\":9e11,"
                              "\"6\":9e11,\"7\":9e11,\"8\":9e11,\"9\":9e11,\"10\":9e11,\"11\":9e11,"
                              "\"12\":9e11,\"13\":9e11,\"14\":9e11,\"15\":9e11,\"16\":9e11,"
                              "\"17\":9e11,\"18\":9e11,\"19\":9e11,\"20\":9e11,\"21\":9e11,"
                              "\"22\":9e11,\"23\":9e11,\"24\":9e11,\"25\":9e11,\"26\":9e11,"
                              "\"27\":9e11,\"28\":9e11,\"29\":9e11,\"30\":9e11,\"31\":9e11,"
                              "\"32\":9e11,\"33\":9e11,\"34\":9e11,\"35\":9e11,\"36\":9e11,"
                              "\"37\":9e11,\"38\":9e11,\"39\":9e11,\"50\":9e11,\"51\":9e11},"
                              "\"no_bids\":{}}"),
                     "2^53", 0);
}

static void each_mistake_in_an_account_has_its_cause(void **state)
{
    (void)state;
#define PV(rest) BAD_STEP(BOOK, "\"portfolio_value\":1,\"cash_balance\":1," rest)
    expect_complaint(BAD_STEP(BOOK, "\"x\":1"), "portfolio_value is missing", 0);
    expect_complaint(BAD_STEP(BOOK, "\"portfolio_value\":\"1\""), "portfolio_value is not a number",
                     0);
    expect_complaint(PV("\"positions\":{}"), "positions is not an array", 0);
    expect_complaint(PV("\"positions\":[{}]"), "positions[0]: ticker", 0);
    expect_complaint(PV("\"positions\":[{\"ticker\":\"M\",\"position\":1}]"),
                     "positions[0]: cost_basis is missing", 0);
    expect_complaint(PV("\"positions\":[],\"order_features\":[0,0,0,0]"), "an array of five", 0);
    expect_complaint(PV("\"positions\":[],\"order_features\":[0,0,0,0,null]"), "order_features", 0);
    expect_complaint(DOC(SEQUENCE("{\"timestamp_ms\":1.5,\"book\":" BOOK "," ACCOUNT "}"), ""),
                     "timestamp_ms is not a whole number", 0);
    expect_complaint(DOC(SEQUENCE("{\"timestamp_ms\":99999999999999999,\"book\":" BOOK "}"), ""),
                     "timestamp_ms is out of range", 0);
}

#define POINT(books, targets) "{\"timestamp_ms\":5,\"books\":{" books "},\"targets\":{" targets "}}"
#define SESSION(points)       "{\"name\":\"n\",\"points\":[" points "]}"

static void a_target_has_to_be_in_its_point(void **state)
{
    (void)state;
    expect_complaint(
        DOC("", SESSION(POINT("\"A\":" BOOK, "\"A\":{" ACCOUNT "}") "," POINT("", "\"A\":{}"))),
        "sessions[0]: 'n': point 1: target 'A': not in the point's books", 1);
    expect_complaint(DOC("", SESSION(POINT("\"A\":{}", ""))), "books: 'A': yes_bids is missing", 0);
    expect_complaint(DOC("", SESSION("{\"timestamp_ms\":5}")), "books is missing", 0);
}

static void asks_left_out_are_mirrored_and_a_null_book_is_no_book(void **state)
{
    (void)state;
    static struct seen s;
    struct err err = {0};
    assert_int_equal(observe(DOC(SEQUENCE(STEP), ""), &s, &err), ST_OK);
    assert_int_equal(s.lines, 1);
    assert_non_null(strstr(s.last_line,
                           "{\"sequence\":\"s\",\"step\":0,\"features\":[0.4,0.5,0.5,0.6,"
                           "0.1,0.1,0.45,0.55,"));
    assert_int_equal(observe(BAD_BOOK("null"), &s, &err), ST_OK);
    assert_non_null(
        strstr(s.last_line, "\"features\":[0.49,0.51,0.49,0.51,0.02,0.02,0.5,0.5,0.01,"));
    assert_int_equal(s.complaints, 0);
}

static void sizes_may_be_decimal_text(void **state)
{
    (void)state;
    static struct seen a, b;
    struct err err = {0};
    assert_int_equal(
        observe(BAD_BOOK("{\"yes_bids\":{\"40.25\":12.34},\"no_bids\":{\"50\":7}}"), &a, &err),
        ST_OK);
    assert_int_equal(
        observe(BAD_BOOK("{\"yes_bids\":{\"40.25\":\"12.34\"},\"no_bids\":{\"50\":\"7.00\"}}"), &b,
                &err),
        ST_OK);
    assert_int_equal(a.lines, 1);
    assert_string_equal(a.last_line, b.last_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_the_format_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_malformed_step_is_named_and_ends_its_sequence_only),
        cmocka_unit_test(each_mistake_in_a_book_has_its_cause),
        cmocka_unit_test(each_mistake_in_an_account_has_its_cause),
        cmocka_unit_test(a_target_has_to_be_in_its_point),
        cmocka_unit_test(asks_left_out_are_mirrored_and_a_null_book_is_no_book),
        cmocka_unit_test(sizes_may_be_decimal_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
