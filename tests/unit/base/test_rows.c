/* Structs as rows: what is a column goes out and comes back, and what is none is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rows.h"

struct thing {
    char name[8];
    int64_t big;
    uint32_t small;
    uint8_t byte;
    bool flag;
    char *owned;
    uint32_t list[3];
    int64_t added; /* no column */
};
static const struct row_column columns[] = {
    ROW_COLUMN(struct thing, "name", name, ROW_TEXT),
    ROW_COLUMN(struct thing, "big", big, ROW_INT),
    ROW_COLUMN(struct thing, "small", small, ROW_UINT),
    ROW_COLUMN(struct thing, "byte", byte, ROW_UINT),
    ROW_COLUMN(struct thing, "flag", flag, ROW_BOOL),
    ROW_COLUMN(struct thing, "owned", owned, ROW_OWNED),
    ROW_COLUMN(struct thing, "list", list, ROW_RAW),
};
static const struct row_table table = ROW_TABLE("things", struct thing, columns);

static void numbers_that_a_field_cannot_hold_are_refused(void **state)
{
    (void)state;
    struct thing t = {0};
    assert_int_equal(row_set_int(&columns[1], &t, INT64_MIN), ST_OK);
    assert_true(t.big == INT64_MIN);
    assert_int_equal(row_set_int(&columns[2], &t, UINT32_MAX), ST_OK);
    assert_int_equal(row_set_int(&columns[2], &t, -1), ST_RANGE);
    assert_int_equal(row_set_int(&columns[2], &t, INT64_C(1) << 32), ST_RANGE);
    assert_int_equal(t.small, UINT32_MAX);
    assert_int_equal(row_set_int(&columns[3], &t, 255), ST_OK);
    assert_int_equal(row_set_int(&columns[3], &t, 256), ST_RANGE);
    assert_int_equal(row_set_int(&columns[4], &t, 2), ST_RANGE);
    assert_int_equal(row_set_int(&columns[4], &t, 1), ST_OK);
    assert_true(t.flag);
}

static void text_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct thing t = {0};
    assert_int_equal(row_set_text(&columns[0], &t, TEXT("seven77")), ST_OK);
    assert_int_equal(row_set_text(&columns[0], &t, TEXT("eight888")), ST_LIMIT);
    assert_int_equal(row_set_text(&columns[0], &t, TEXT("a\0b")), ST_MALFORMED);
    assert_string_equal(t.name, "seven77");
    assert_int_equal(row_set_text(&columns[5], &t, TEXT("kept")), ST_OK);
    assert_string_equal(t.owned, "kept");
    free(t.owned);
    assert_int_equal(row_set_text(&columns[5], &t, (struct text){NULL, 0}), ST_OK);
    assert_null(t.owned);
    assert_int_equal(row_set_text(&columns[6], &t, TEXT("short")), ST_LIMIT);
}

static void rows_are_equal_by_their_columns_alone(void **state)
{
    (void)state;
    char a[] = "x";
    char b[] = "x";
    struct thing s = {.name = "n", .owned = a, .added = 1};
    struct thing t = {.name = "n", .owned = b, .added = 2};
    struct digest d;
    struct digest e;
    assert_true(row_equal(&table, &s, &t));
    digest_init(&d);
    digest_init(&e);
    row_digest(&table, 7, &s, &d);
    row_digest(&table, 7, &t, &e);
    assert_true(d.a == e.a && d.b == e.b);
    t.owned = NULL;
    assert_false(row_equal(&table, &s, &t));
    row_digest(&table, 7, &s, &d);
    row_digest(&table, 7, &t, &e);
    assert_false(d.a == e.a && d.b == e.b);
}

static void a_field_that_is_no_column_is_found(void **state)
{
    (void)state;
    const struct row_skip skip[] = {
        {offsetof(struct thing, added), sizeof(((struct thing *)0)->added)}};
    uint32_t at = 0;
    uint32_t n = 0;
    assert_true(row_gap(&table, NULL, 0, &at, &n));
    assert_int_equal(at + n, sizeof(struct thing));
    assert_false(row_gap(&table, skip, 1, &at, &n));
}

static void varints_come_back_and_cut_ones_are_refused(void **state)
{
    (void)state;
    const int64_t v[] = {0, 1, -1, 63, 64, -64, -65, INT64_MAX, INT64_MIN, 1234567890123};
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        varint_put(&b, v[i]);
    }
    size_t at = 0;
    int64_t got = 0;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        assert_true(varint_get((struct text){b.p, b.n}, &at, &got));
        assert_true(got == v[i]);
    }
    assert_false(varint_get((struct text){b.p, b.n}, &at, &got));
    at = 0;
    assert_false(varint_get(TEXT("\xff\xff\xff"), &at, &got));
    at = 0;
    assert_false(varint_get(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), &at, &got));
    buf_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_a_field_cannot_hold_are_refused),
        cmocka_unit_test(text_that_does_not_fit_is_refused),
        cmocka_unit_test(rows_are_equal_by_their_columns_alone),
        cmocka_unit_test(a_field_that_is_no_column_is_found),
        cmocka_unit_test(varints_come_back_and_cut_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
