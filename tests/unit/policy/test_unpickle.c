/*
 * The restricted unpickler: what it builds, and what it refuses and how it says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/unpickle.h"

static const char *const some_globals[] = {"collections OrderedDict", "torch FloatStorage", NULL};
static const struct pickle_rules state_rules = {.globals = some_globals};
static const struct pickle_rules symbolic_rules = {.symbolic = true};

/* Values point into the bytes, so the last copy lives until the next load. */
static uint8_t *copy;

/* Exactly as large as the bytes, so that ASan sees a read past the end. */
static enum status load(const char *bytes, size_t n, const struct pickle_rules *rules,
                        struct pickle **ret, struct refusal *r)
{
    size_t used = 0;
    free(copy);
    copy = malloc(n > 0 ? n : 1);
    memcpy(copy, bytes, n);
    return unpickle(copy, n, rules, ret, &used, r);
}

#define LOAD(literal, rules, ret, r) load((literal), sizeof(literal) - 1, (rules), (ret), (r))

static void refused(const char *bytes, size_t n, const struct pickle_rules *rules,
                    enum refusal_class class)
{
    struct pickle *p = NULL;
    struct refusal r;
    enum status st = load(bytes, n, rules, &p, &r);
    if (st == ST_OK) {
        pickle_destroy(p);
        fail_msg("accepted, expected %s", refusal_name(class));
    }
    if (r.class != class) {
        fail_msg("%s and not %s: %s", refusal_name(r.class), refusal_name(class), r.err.text);
    }
}

#define REFUSED(literal, rules, class) refused((literal), sizeof(literal) - 1, (rules), (class))

static void numbers_of_every_size_come_out(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    static const char bytes[] = "\x80\x02(K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\x01\xff"
                                "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80\x8a\x00\x88\x89Nt.";
    assert_int_equal(LOAD(bytes, &state_rules, &p, &r), ST_OK);
    static const int64_t want[] = {255, 65535, -2, -1, INT64_MIN, 0};
    for (uint32_t i = 0; i < 6; i++) {
        int64_t v = 7;
        assert_true(pv_int(pv_item(pickle_root(p), i), &v));
        assert_int_equal(v, want[i]);
    }
    assert_int_equal(pv_item(pickle_root(p), 6)->kind, PV_BOOL);
    assert_int_equal(pv_item(pickle_root(p), 6)->i, 1);
    assert_int_equal(pv_item(pickle_root(p), 8)->kind, PV_NONE);
    assert_null(pv_item(pickle_root(p), 9));
    pickle_destroy(p);
}

static void a_big_integer_keeps_its_bytes(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_equal(LOAD("\x8a\x0aln\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", &state_rules, &p, &r),
                     ST_OK);
    assert_int_equal(pickle_root(p)->kind, PV_BIGINT);
    assert_int_equal(pickle_root(p)->s.n, 10);
    pickle_destroy(p);
}

static void ordered_dict_is_a_dict_and_the_last_key_wins(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_equal(LOAD("\x80\x02"
                          "ccollections\nOrderedDict\n)R(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.",
                          &state_rules, &p, &r),
                     ST_OK);
    int64_t v = 0;
    assert_true(pv_int(pv_get(pickle_root(p), "a"), &v));
    assert_int_equal(v, 2);
    assert_null(pv_get(pickle_root(p), "b"));
    pickle_destroy(p);
}

static void reduce_is_recorded_and_never_run(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_equal(
        LOAD("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", &symbolic_rules, &p, &r),
        ST_OK);
    assert_int_equal(pickle_root(p)->kind, PV_CALL);
    assert_true(pv_is_global(pickle_root(p)->call.func, "posix", "system"));
    assert_true(pv_is_str(pv_item(pickle_root(p)->call.args, 0), "id"));
    pickle_destroy(p);
}

static void a_global_outside_the_list_is_refused_by_name(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_not_equal(LOAD("cposix\nsystem\n.", &state_rules, &p, &r), ST_OK);
    assert_int_equal(r.class, REFUSED_PICKLE_GLOBAL);
    assert_non_null(strstr(r.err.text, "posix system"));
    /* A prefix or an extension of an allowed name is another name. */
    REFUSED("ctorch\nFloatStorag\n.", &state_rules, REFUSED_PICKLE_GLOBAL);
    REFUSED("ctorch\nFloatStorages\n.", &state_rules, REFUSED_PICKLE_GLOBAL);
    REFUSED("ctorch Float\nStorage\n.", &state_rules, REFUSED_PICKLE_GLOBAL);
    REFUSED("c\n\n.", &state_rules, REFUSED_PICKLE_GLOBAL);
}

static void opcodes_that_act_are_refused_everywhere(void **state)
{
    (void)state;
    /* INST, OBJ, EXT1, EXT2, EXT4, PERSID, DUP, POP, POP_MARK, NEWOBJ_EX, GET, PUT, DICT, LIST,
     * INT, LONG, STRING, UNICODE, FLOAT, BINSTRING, SHORT_BINSTRING, BINUNICODE8, BINBYTES8,
     * FROZENSET, NEXT_BUFFER, READONLY_BUFFER, LONG4 */
    static const uint8_t codes[] = {'i',  'o', 0x82, 0x83, 0x84, 'P',  '2',  '0',  '1',
                                    0x92, 'g', 'p',  'd',  'l',  'I',  'L',  'S',  'V',
                                    'F',  'T', 'U',  0x8d, 0x8e, 0x91, 0x97, 0x98, 0x8b};
    for (size_t i = 0; i < sizeof codes; i++) {
        char bytes[16] = "N?\0\0\0\0\0\0\0\0\n\n.";
        bytes[1] = (char)codes[i];
        refused(bytes, 13, &state_rules, REFUSED_PICKLE_OPCODE);
        refused(bytes, 13, &symbolic_rules, REFUSED_PICKLE_OPCODE);
    }
    REFUSED("\xff.", &state_rules, REFUSED_PICKLE_OPCODE);
    REFUSED("\x80\x02)\x93.", &state_rules, REFUSED_PICKLE_OPCODE);
    REFUSED("\x80\x02]Q.", &symbolic_rules, REFUSED_PICKLE_OPCODE);
}

static void every_truncation_is_refused_as_such(void **state)
{
    (void)state;
    static const char whole[] = "\x80\x04\x95\x1c\0\0\0\0\0\0\0}\x94(\x8c\x01"
                                "aG?\xf0\0\0\0\0\0\0\x8c\x01"
                                "bC\x02xyK\x01K\x02u.";
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_equal(LOAD(whole, &symbolic_rules, &p, &r), ST_OK);
    pickle_destroy(p);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        refused(whole, n, &symbolic_rules, REFUSED_PICKLE_TRUNCATED);
    }
}

static void a_length_past_the_end_takes_no_memory(void **state)
{
    (void)state;
    REFUSED("X\xff\xff\xff\xff"
            "a.",
            &state_rules, REFUSED_PICKLE_TRUNCATED);
    REFUSED("\x96\xff\xff\xff\xff\xff\xff\xff\xff"
            "a.",
            &symbolic_rules, REFUSED_PICKLE_TRUNCATED);
}

static void an_empty_stack_is_refused_by_every_opcode_that_takes(void **state)
{
    (void)state;
    static const uint8_t codes[] = {'R', 'b', 's', 'u', 'a', 'e', 't', 0x85, 0x86, 0x87, 'Q', 'q'};
    for (size_t i = 0; i < sizeof codes; i++) {
        char bytes[3] = {(char)codes[i], '\0', '.'};
        refused(bytes, 3, &state_rules, REFUSED_PICKLE_STRUCT);
        char marked[4] = {'(', (char)codes[i], '\0', '.'};
        if (codes[i] != 't') {
            refused(marked, 4, &state_rules, REFUSED_PICKLE_STRUCT);
        }
    }
    REFUSED("\x94.", &symbolic_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("\x81.", &symbolic_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("\x90.", &symbolic_rules, REFUSED_PICKLE_STRUCT);
    REFUSED(".", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("(.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("NN.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("N.N", &state_rules, REFUSED_PICKLE_STRUCT);
}

static void containers_take_only_what_fits(void **state)
{
    (void)state;
    REFUSED("]K\x01K\x02s.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("}K\x01"
            "a.",
            &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("}(K\x01u.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("K\x01)R.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("h\x05.", &state_rules, REFUSED_PICKLE_STRUCT);
    REFUSED("j\xff\xff\xff\xff.", &state_rules, REFUSED_PICKLE_STRUCT);
}

static void depth_memo_strings_and_values_are_bounded(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *bytes = malloc(n + 16);
    memset(bytes, ']', n);
    refused(bytes, n, &state_rules, REFUSED_PICKLE_LIMIT);
    memset(bytes, '(', n);
    refused(bytes, n, &state_rules, REFUSED_PICKLE_LIMIT);
    /* Values that are dropped into a list at once never deepen the stack, yet they count. */
    bytes[0] = ']';
    for (size_t i = 1; i + 1 < n; i += 2) {
        bytes[i] = ']';
        bytes[i + 1] = 'a';
    }
    refused(bytes, n, &state_rules, REFUSED_PICKLE_LIMIT);
    REFUSED("Nr\0\0\1\0.", &state_rules, REFUSED_PICKLE_LIMIT);
    memset(bytes, 'x', n);
    memcpy(bytes, "X\x01\0\1\0", 5);
    bytes[5 + 65537] = '.';
    refused(bytes, 5 + 65537 + 1, &state_rules, REFUSED_PICKLE_LIMIT);
    free(bytes);
}

static void a_list_may_hold_itself_and_is_freed_once(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_equal(LOAD("]q\0h\0a.", &state_rules, &p, &r), ST_OK);
    assert_ptr_equal(pv_item(pickle_root(p), 0), pickle_root(p));
    pickle_destroy(p);
}

static void names_from_the_file_reach_a_message_printable(void **state)
{
    (void)state;
    struct pickle *p = NULL;
    struct refusal r;
    assert_int_not_equal(LOAD("cevil\x1b[2J\n\x07name\n.", &state_rules, &p, &r), ST_OK);
    for (const char *s = r.err.text; *s != '\0'; s++) {
        assert_true(*s >= ' ' && *s <= '~');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_size_come_out),
        cmocka_unit_test(a_big_integer_keeps_its_bytes),
        cmocka_unit_test(ordered_dict_is_a_dict_and_the_last_key_wins),
        cmocka_unit_test(reduce_is_recorded_and_never_run),
        cmocka_unit_test(a_global_outside_the_list_is_refused_by_name),
        cmocka_unit_test(opcodes_that_act_are_refused_everywhere),
        cmocka_unit_test(every_truncation_is_refused_as_such),
        cmocka_unit_test(a_length_past_the_end_takes_no_memory),
        cmocka_unit_test(an_empty_stack_is_refused_by_every_opcode_that_takes),
        cmocka_unit_test(containers_take_only_what_fits),
        cmocka_unit_test(depth_memo_strings_and_values_are_bounded),
        cmocka_unit_test(a_list_may_hold_itself_and_is_freed_once),
        cmocka_unit_test(names_from_the_file_reach_a_message_printable),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(copy);
    return failed;
}
