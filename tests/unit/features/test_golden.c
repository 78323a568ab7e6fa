/* Every value of the golden files: the project's own, and the shared one where it is present. */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/observe.h"
#include "features/features.h"
#include "shared_data.h"

/* What the file expects, in the order in which lines come. */
struct expected {
    const char *name;
    const char *market; /* NULL in sequences */
    size_t step;
    const json_t *values;
};

struct run {
    struct expected *all;
    size_t n, at;
    size_t inexact; /* values that are not the expected float bit for bit */
};

static char *read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(n);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    *ret_n = n;
    return text;
}

static void expect(struct run *r, struct expected e)
{
    r->all = realloc(r->all, (r->n + 1) * sizeof *r->all);
    assert_non_null(r->all);
    r->all[r->n++] = e;
}

static void collect(struct run *r, const json_t *root)
{
    size_t i, k;
    json_t *v, *step;
    json_array_foreach(json_object_get(root, "sequences"), i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        json_array_foreach(json_object_get(v, "steps"), k, step)
        {
            expect(r, (struct expected){name, NULL, k, json_object_get(step, "expected")});
        }
    }
    json_array_foreach(json_object_get(root, "sessions"), i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        json_array_foreach(json_object_get(v, "points"), k, step)
        {
            const char *market;
            json_t *target;
            json_object_foreach(json_object_get(step, "targets"), market, target)
            {
                expect(r, (struct expected){name, market, k, json_object_get(target, "expected")});
            }
        }
    }
}

static void compare_line(void *ctx, const char *text, size_t n)
{
    struct run *r = ctx;
    assert_true(r->at < r->n);
    const struct expected *e = &r->all[r->at++];
    json_t *line = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "sequence")), e->name);
    assert_int_equal(json_integer_value(json_object_get(line, "step")), e->step);
    const char *market = json_string_value(json_object_get(line, "market"));
    assert_true((market == NULL) == (e->market == NULL));
    if (market != NULL) {
        assert_string_equal(market, e->market);
    }
    const json_t *features = json_object_get(line, "features");
    assert_int_equal(json_array_size(features), FEATURE_COUNT);
    assert_int_equal(json_array_size(e->values), FEATURE_COUNT);
    for (size_t i = 0; i < FEATURE_COUNT; i++) {
        double got = json_number_value(json_array_get(features, i));
        double want = json_number_value(json_array_get(e->values, i));
        if (!(fabs(got - want) <= 1e-6)) {
            fail_msg("%s step %zu %s: %s is %.9g, not %.9g", e->name, e->step,
                     market != NULL ? market : "", feature_names[i], got, want);
        }
        r->inexact += (float)got != (float)want;
    }
    json_decref(line);
}

static void no_complaint(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("malformed: %s", text);
}

static void check_file(const char *path, size_t at_least)
{
    size_t n;
    char *text = read_file(path, &n);
    json_t *root = json_loadb(text, n, 0, NULL);
    assert_non_null(root);
    struct run r = {0};
    collect(&r, root);
    assert_true(r.n >= at_least);
    const json_t *names = json_object_get(root, "feature_names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        assert_string_equal(json_string_value(json_array_get(names, i)), feature_names[i]);
    }
    struct observe_sink sink = {compare_line, no_complaint, &r};
    struct err err = {0};
    uint32_t malformed = 1;
    assert_int_equal(observe_text(text, n, &sink, &malformed, &err), ST_OK);
    assert_int_equal(malformed, 0);
    assert_int_equal(r.at, r.n);
    print_message("%zu observations, %zu values not float-exact\n", r.n, r.inexact);
    assert_int_equal(r.inexact, 0);
    json_decref(root);
    free(r.all);
    free(text);
}

static void own_golden_file_float_for_float(void **state)
{
    (void)state;
    check_file("tests/data/features-own.json", 100);
}

static void shared_golden_file_float_for_float(void **state)
{
    (void)state;
    char path[4096];
    if (!shared_path("reference/features-golden.json", path, sizeof path)) {
        skip();
    }
    check_file(path, 476);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_golden_file_float_for_float),
        cmocka_unit_test(shared_golden_file_float_for_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
