/*
 * Real recordings through both decoders. In a plain run the small files whole and the beginning of
 * one busy window; every line of every file when DELTAFLOW_LONG is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <glob.h>

#include "capture/capture.h"
#include "shared_data.h"
#include "wire/frame.h"
#include "wire_compare.h"

#define LINES_SHORT 20000

struct tally {
    uint64_t lines, hot, malformed;
};

static struct wire_decoder hot_decoder, slow_decoder;

static int setup(void **state)
{
    (void)state;
    return wire_decoder_init(&hot_decoder, 20000) == ST_OK &&
                   wire_decoder_init(&slow_decoder, 20000) == ST_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    wire_decoder_finish(&hot_decoder);
    wire_decoder_finish(&slow_decoder);
    return 0;
}

static void compare_line(const char *path, const struct capture_line *line, struct tally *t)
{
    struct wire_msg hot, slow;
    struct frame_doc *doc = NULL;
    enum status a = wire_decode(&hot_decoder, line->msg.p, line->msg.n, &hot, NULL);
    enum status b = frame_decode_hot(&slow_decoder, line->msg.p, line->msg.n, &slow, &doc);
    const char *what = a != b ? "status" : a == ST_OK ? compare_messages(&hot, &slow) : NULL;
    if (what != NULL) {
        print_error("%s:%llu: %s differs: %s and %s\n", path, (unsigned long long)line->number,
                    what, status_name(a), status_name(b));
        fail();
    }
    t->lines++;
    t->malformed += a != ST_OK;
    t->hot += a == ST_OK && hot.type != WIRE_OTHER;
    frame_doc_free(doc);
}

static void compare_file(const char *path, uint64_t lines_max, struct tally *t)
{
    struct capture *cap = NULL;
    struct err err;
    if (capture_open(path, 0, &cap, &err) != ST_OK) {
        print_error("%s\n", err.text);
        fail();
    }
    struct capture_line line;
    enum status st = ST_OK;
    for (uint64_t i = 0; i < lines_max; i++) {
        st = capture_next(cap, &line);
        if (st != ST_OK) {
            break;
        }
        compare_line(path, &line, t);
    }
    assert_true(st == ST_OK || st == ST_END);
    capture_close(cap);
}

static struct tally compare_shared(const char *name, uint64_t lines_max)
{
    struct tally t = {0, 0, 0};
    char path[512];
    if (!shared_path(name, path, sizeof path)) {
        skip();
    }
    compare_file(path, lines_max, &t);
    return t;
}

static void small_recordings_are_read_alike(void **state)
{
    (void)state;
    struct tally t =
        compare_shared("data/kalshi/ws/demo_5markets_2026-07-01.jsonl.zst", UINT64_MAX);
    assert_int_equal(t.lines, 2898);
    assert_int_equal(t.hot, 5 + 2885 + 2);
    assert_int_equal(t.malformed, 0);
    t = compare_shared("data/kalshi/ws/demo_use_yes_price_true_2026-06-11.jsonl", UINT64_MAX);
    assert_int_equal(t.hot, 3);
    t = compare_shared("data/kalshi/ws/demo_default_no_scale_2026-06-11.jsonl", UINT64_MAX);
    assert_int_equal(t.hot, 5);
    t = compare_shared("data/kalshi/ws/prod_one_sided_snapshot_2026-08-24.jsonl", UINT64_MAX);
    assert_int_equal(t.hot, 1);
}

static void the_fill_of_another_product_is_refused_by_both(void **state)
{
    (void)state;
    /* Perps have other field names; their one fill must not be taken for ours. */
    struct tally t =
        compare_shared("data/kalshi/ws/demo_perps_private_lifecycle_2026-06-12.jsonl", UINT64_MAX);
    assert_int_equal(t.lines, 21);
    assert_int_equal(t.malformed, 1);
    assert_int_equal(t.hot, 0);
}

static void legacy_cents_are_read_alike(void **state)
{
    (void)state;
    struct tally t = compare_shared(
        "data/kalshi/ws_legacy_cents/INXD-23AUG31-B4512.morning.jsonl.zst", UINT64_MAX);
    assert_int_equal(t.lines, 25000);
    assert_int_equal(t.hot, 25000);
}

static void a_busy_window_is_read_alike(void **state)
{
    (void)state;
    struct tally t =
        compare_shared("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101800-00.jsonl.zst", LINES_SHORT);
    assert_int_equal(t.lines, LINES_SHORT);
    assert_int_equal(t.hot, LINES_SHORT);
}

static void every_recording_is_read_alike(void **state)
{
    (void)state;
    const char *all = getenv("DELTAFLOW_LONG");
    if (all == NULL || all[0] == '\0') {
        skip();
    }
    char path[512];
    if (!shared_path("data/kalshi/ws/gold15m", path, sizeof path)) {
        skip();
    }
    char pattern[600];
    snprintf(pattern, sizeof pattern, "%s/*.jsonl.zst", path);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    struct tally t = {0, 0, 0};
    for (size_t i = 0; i < found.gl_pathc; i++) {
        compare_file(found.gl_pathv[i], UINT64_MAX, &t);
    }
    globfree(&found);
    print_message("%llu messages\n", (unsigned long long)t.lines);
    assert_int_equal(t.lines, 1501363);
    assert_int_equal(t.hot, t.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_recordings_are_read_alike),
        cmocka_unit_test(the_fill_of_another_product_is_refused_by_both),
        cmocka_unit_test(legacy_cents_are_read_alike),
        cmocka_unit_test(a_busy_window_is_read_alike),
        cmocka_unit_test(every_recording_is_read_alike),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
