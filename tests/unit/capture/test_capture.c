#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/capture.h"
#include "shared_data.h"

static char dir[] = "/tmp/capture-test-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"a.jsonl", "a.jsonl.zst", "cut.jsonl.zst"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static const char *in_dir(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct capture *open_text(const char *s, size_t limit)
{
    struct capture *cap = NULL;
    assert_int_equal(capture_open_mem(text_of(s), limit, &cap), ST_OK);
    return cap;
}

static void next_is(struct capture *cap, uint64_t number, const char *msg, wall_ns_t recv)
{
    struct capture_line line;
    enum status st = capture_next(cap, &line);
    if (st != ST_OK) {
        print_error("%s instead of %s\n", status_name(st), msg);
    }
    assert_int_equal(st, ST_OK);
    assert_int_equal(line.number, number);
    assert_int_equal(line.msg.n, strlen(msg));
    assert_memory_equal(line.msg.p, msg, line.msg.n);
    assert_int_equal(line.has_recv, recv != 0);
    assert_true(line.recv == recv);
    assert_null(line.fault);
}

static void next_is_fault(struct capture *cap, uint64_t number, const char *part)
{
    struct capture_line line;
    assert_int_equal(capture_next(cap, &line), ST_MALFORMED);
    assert_int_equal(line.number, number);
    assert_non_null(line.fault);
    if (strstr(line.fault, part) == NULL) {
        print_error("%s does not say %s\n", line.fault, part);
        fail();
    }
}

static void ends(struct capture *cap)
{
    struct capture_line line;
    assert_int_equal(capture_next(cap, &line), ST_END);
    assert_int_equal(capture_next(cap, &line), ST_END);
    capture_close(cap);
}

static void a_line_is_a_message_or_holds_it_byte_for_byte(void **state)
{
    (void)state;
    struct capture *cap =
        open_text("{\"type\":\"ok\"}\n"
                  "{\"recv_ms\":1786398368844,\"event\":{\"a\": [1, 2.50,\"\\u0041\"] }}\r\n"
                  "\n  \n"
                  "{\"event\":{},\"origin\":\"wire\",\"ts_utc\":\"2023-08-31T13:30:11.1Z\"}\n"
                  "{\"raw\":\"{\\\"b\\\":\\\"\\\\u00e9\\ud83d\\ude00\\\"}\\n\\t\\b\\f\\r\\/\"}\n"
                  " {\"type\":\"last\"} ",
                  0);
    next_is(cap, 1, "{\"type\":\"ok\"}", 0);
    next_is(cap, 2, "{\"a\": [1, 2.50,\"\\u0041\"] }", INT64_C(1786398368844000000));
    next_is(cap, 5, "{}", INT64_C(1693488611100000000));
    next_is(cap, 6, "{\"b\":\"\\u00e9\xf0\x9f\x98\x80\"}\n\t\b\f\r/", 0);
    next_is(cap, 7, " {\"type\":\"last\"} ", 0);
    ends(cap);
}

static void a_bad_line_names_itself_and_the_next_is_read(void **state)
{
    (void)state;
    struct capture *cap = open_text("not json\n"
                                    "{\"a\":\n"
                                    "[1]\n"
                                    "{\"a\":01}\n"
                                    "{} x\n"
                                    "{\"event\":1}\n"
                                    "{\"raw\":{}}\n"
                                    "{\"event\":{},\"raw\":\"\"}\n"
                                    "{\"event\":{},\"event\":{}}\n"
                                    "{\"recv_ms\":-1,\"event\":{}}\n"
                                    "{\"recv_ms\":99999999999999,\"event\":{}}\n"
                                    "{\"ts_utc\":\"yesterday\",\"event\":{}}\n"
                                    "{\"good\":1}\n",
                                    0);
    next_is_fault(cap, 1, "not a JSON object");
    next_is_fault(cap, 2, "ends too soon");
    next_is_fault(cap, 3, "not a JSON object");
    next_is_fault(cap, 4, "not valid JSON");
    next_is_fault(cap, 5, "text after");
    next_is_fault(cap, 6, "event is not");
    next_is_fault(cap, 7, "raw is not");
    next_is_fault(cap, 8, "both");
    next_is_fault(cap, 9, "twice");
    next_is_fault(cap, 10, "recv_ms");
    next_is_fault(cap, 11, "recv_ms");
    next_is_fault(cap, 12, "ts_utc");
    next_is(cap, 13, "{\"good\":1}", 0);
    ends(cap);
}

static void every_cut_of_a_wrapped_line_is_a_fault(void **state)
{
    (void)state;
    const char *s = "{\"recv_ms\":1,\"event\":{\"type\":\"x\",\"msg\":{\"a\":[1,\"\\u00e9\"]}}}";
    for (size_t n = 1; n < strlen(s); n++) {
        char *copy = malloc(n);
        struct capture *cap = NULL;
        struct capture_line line;
        memcpy(copy, s, n);
        assert_int_equal(capture_open_mem((struct text){copy, n}, 0, &cap), ST_OK);
        assert_int_equal(capture_next(cap, &line), ST_MALFORMED);
        ends(cap);
        free(copy);
    }
}

static void a_line_over_the_limit_is_a_fault_and_the_next_is_read(void **state)
{
    (void)state;
    struct capture *cap = open_text("{\"a\":1234567890}\n{\"b\":2}\n{\"c\":1234567890}", 10);
    next_is_fault(cap, 1, "longer");
    next_is(cap, 2, "{\"b\":2}", 0);
    next_is_fault(cap, 3, "longer");
    ends(cap);
}

static void write_lines(const char *path, unsigned n)
{
    struct capture_writer *w = NULL;
    struct err err;
    assert_int_equal(capture_create(path, &w, &err), ST_OK);
    for (unsigned i = 0; i < n; i++) {
        char msg[64];
        snprintf(msg, sizeof msg, " {\"type\":\"x\",\"i\":%u}\n", i);
        assert_int_equal(capture_write(w, text_of(msg), i % 2 == 0 ? 0 : i * NS_PER_MS), ST_OK);
    }
    assert_int_equal(capture_write(w, TEXT("[]"), 0), ST_INVALID);
    assert_int_equal(capture_write(w, TEXT("{\"a\":1"), 0), ST_INVALID);
    assert_int_equal(capture_write(w, TEXT("{\"a\":\n1}"), 0), ST_INVALID);
    assert_int_equal(capture_finish(w, &err), ST_OK);
}

static void read_lines(const char *path, unsigned n, size_t limit)
{
    struct capture *cap = NULL;
    struct err err;
    assert_int_equal(capture_open(path, limit, &cap, &err), ST_OK);
    for (unsigned i = 0; i < n; i++) {
        char msg[64];
        snprintf(msg, sizeof msg, "{\"type\":\"x\",\"i\":%u}", i);
        next_is(cap, i + 1, msg, i % 2 == 0 ? 0 : i * NS_PER_MS);
    }
    ends(cap);
}

#define MANY 60000 /* more than several of the reader's buffers */

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    write_lines(in_dir("a.jsonl"), MANY);
    read_lines(in_dir("a.jsonl"), MANY, 0);
    write_lines(in_dir("a.jsonl"), 3); /* replaces */
    read_lines(in_dir("a.jsonl"), 3, 100);
    write_lines(in_dir("a.jsonl.zst"), MANY);
    read_lines(in_dir("a.jsonl.zst"), MANY, 0);
}

static long file_size(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (long)st.st_size;
}

static void a_compressed_recording_that_is_cut_is_an_error_with_its_name(void **state)
{
    (void)state;
    write_lines(in_dir("a.jsonl.zst"), MANY);
    long size = file_size(in_dir("a.jsonl.zst"));
    write_lines(in_dir("cut.jsonl.zst"), MANY);
    assert_int_equal(truncate(in_dir("cut.jsonl.zst"), size / 2), 0);
    struct capture *cap = NULL;
    struct capture_line line;
    uint64_t good = 0;
    assert_int_equal(capture_open(in_dir("cut.jsonl.zst"), 0, &cap, NULL), ST_OK);
    enum status st = capture_next(cap, &line);
    for (; st == ST_OK; st = capture_next(cap, &line)) {
        good++;
    }
    assert_int_equal(st, ST_IO);
    assert_non_null(strstr(capture_error(cap), "cut.jsonl.zst"));
    assert_non_null(strstr(capture_error(cap), "ends too soon"));
    assert_true(good > 0 && good < MANY);
    assert_int_equal(capture_next(cap, &line), ST_IO); /* and stays so */
    capture_close(cap);
}

static void a_damaged_compressed_recording_is_an_error(void **state)
{
    (void)state;
    FILE *f = fopen(in_dir("cut.jsonl.zst"), "wb");
    assert_non_null(f);
    fputs("{\"type\":\"plain text under a compressed name\"}\n", f);
    fclose(f);
    struct capture *cap = NULL;
    struct capture_line line;
    assert_int_equal(capture_open(in_dir("cut.jsonl.zst"), 0, &cap, NULL), ST_OK);
    assert_int_equal(capture_next(cap, &line), ST_IO);
    assert_non_null(strstr(capture_error(cap), "zstd"));
    capture_close(cap);
}

static void files_that_cannot_be_opened_are_named(void **state)
{
    (void)state;
    struct capture *cap = NULL;
    struct capture_writer *w = NULL;
    struct err err;
    assert_int_equal(capture_open(in_dir("none.jsonl"), 0, &cap, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "none.jsonl"));
    assert_int_equal(capture_create(in_dir("no/a.jsonl"), &w, &err), ST_IO);
    assert_non_null(strstr(err.text, "no/a.jsonl"));
    assert_int_equal(capture_open(dir, 0, &cap, &err),
                     ST_OK); /* a folder opens, but does not read */
    struct capture_line line;
    assert_int_equal(capture_next(cap, &line), ST_IO);
    capture_close(cap);
    capture_close(NULL);
    assert_int_equal(capture_finish(NULL, &err), ST_OK);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct capture_writer *w = NULL;
    struct err err;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(capture_create("/dev/full", &w, &err), ST_OK);
    assert_int_equal(capture_write(w, TEXT("{}"), 1), ST_OK);
    assert_int_equal(capture_finish(w, &err), ST_IO);
    assert_non_null(strstr(err.text, "/dev/full"));
}

static void recorded_lines_have_messages_and_times(void **state)
{
    (void)state;
    char path[512];
    if (!shared_path("data/kalshi/ws/gold15m/KXGOLD15M-26AUG101900-00.jsonl.zst", path,
                     sizeof path)) {
        skip();
    }
    struct capture *cap = NULL;
    struct capture_line line;
    wall_ns_t last = 0;
    uint64_t n = 0;
    assert_int_equal(capture_open(path, 0, &cap, NULL), ST_OK);
    enum status st = capture_next(cap, &line);
    for (; st == ST_OK; st = capture_next(cap, &line)) {
        assert_true(line.has_recv && line.recv >= last);
        assert_memory_equal(line.msg.p, "{\"type\":\"", 9);
        assert_int_equal(line.msg.p[line.msg.n - 1], '}');
        last = line.recv;
        n++;
    }
    assert_int_equal(st, ST_END);
    assert_int_equal(n, 23003);
    capture_close(cap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_message_or_holds_it_byte_for_byte),
        cmocka_unit_test(a_bad_line_names_itself_and_the_next_is_read),
        cmocka_unit_test(every_cut_of_a_wrapped_line_is_a_fault),
        cmocka_unit_test(a_line_over_the_limit_is_a_fault_and_the_next_is_read),
        cmocka_unit_test(what_was_written_is_read_again),
        cmocka_unit_test(a_compressed_recording_that_is_cut_is_an_error_with_its_name),
        cmocka_unit_test(a_damaged_compressed_recording_is_an_error),
        cmocka_unit_test(files_that_cannot_be_opened_are_named),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(recorded_lines_have_messages_and_times),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
