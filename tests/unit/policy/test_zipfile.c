/*
 * Zip archives built byte by byte, so that each field can lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/zipfile.h"

struct archive {
    uint8_t bytes[4096];
    size_t n;
    size_t local, directory, end;
};

static void put16(struct archive *a, uint32_t v)
{
    a->bytes[a->n++] = (uint8_t)v;
    a->bytes[a->n++] = (uint8_t)(v >> 8);
}

static void put32(struct archive *a, uint32_t v)
{
    put16(a, v & 0xffff);
    put16(a, v >> 16);
}

static void set16(struct archive *a, size_t at, uint32_t v)
{
    a->bytes[at] = (uint8_t)v;
    a->bytes[at + 1] = (uint8_t)(v >> 8);
}

static void set32(struct archive *a, size_t at, uint32_t v)
{
    set16(a, at, v & 0xffff);
    set16(a, at + 2, v >> 16);
}

static void put(struct archive *a, const void *p, size_t n)
{
    memcpy(a->bytes + a->n, p, n);
    a->n += n;
}

/* The fields that a local header and a directory entry share: version to name length. */
static void put_common(struct archive *a)
{
    put16(a, 20); /* version */
    put16(a, 0);  /* flags */
    put16(a, 0);  /* stored */
    put32(a, 0x00210000);
    put32(a, 0x3610a686); /* CRC-32 of "hello" */
    put32(a, 5);
    put32(a, 5);
    put16(a, 1);
    put16(a, 0);
}

/* One stored member "m" with "hello". */
static void make(struct archive *a)
{
    memset(a, 0, sizeof *a);
    put(a, "PK\3\4", 4);
    put_common(a);
    put(a, "mhello", 6);
    a->directory = a->n;
    put(a, "PK\1\2", 4);
    put16(a, 20);
    put_common(a);
    put16(a, 0);
    put16(a, 0);
    put16(a, 0);
    put32(a, 0);
    put32(a, 0);
    put(a, "m", 1);
    a->end = a->n;
    put(a, "PK\5\6", 4);
    put32(a, 0);
    put16(a, 1);
    put16(a, 1);
    put32(a, (uint32_t)(a->end - a->directory));
    put32(a, (uint32_t)a->directory);
    put16(a, 0);
}

/* Fields of the directory entry and the end record. */
enum { AT_FLAGS = 8, AT_METHOD = 10, AT_CRC = 16, AT_PACKED = 20, AT_SIZE = 24, AT_OFFSET = 42 };
enum {
    END_DISK = 4,
    END_HERE = 8,
    END_COUNT = 10,
    END_SIZE = 12,
    END_OFFSET = 16,
    END_COMMENT = 20
};

/* Open and read "m"; the class of the refusal, REFUSED_MAX when all went well. */
static enum refusal_class try(const struct archive *a, size_t n, size_t max)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, a->bytes, n);
    struct zipfile *zip = NULL;
    struct refusal r = {.class = REFUSED_MAX};
    uint8_t *bytes = NULL;
    size_t got = 0;
    if (zipfile_open(copy, n, &zip, &r) == ST_OK &&
        zipfile_read(zip, "m", max, &bytes, &got, &r) == ST_OK) {
        assert_int_equal(got, 5);
        assert_memory_equal(bytes, "hello", 5);
        r.class = REFUSED_MAX;
    }
    free(bytes);
    zipfile_close(zip);
    free(copy);
    return r.class;
}

static void a_sound_archive_gives_its_member(void **state)
{
    (void)state;
    struct archive a;
    make(&a);
    assert_int_equal(try(&a, a.n, 5), REFUSED_MAX);
    /* A comment at the end is legal. */
    set16(&a, a.end + END_COMMENT, 3);
    put(&a, "abc", 3);
    assert_int_equal(try(&a, a.n, 5), REFUSED_MAX);
}

static void every_truncation_is_no_zip(void **state)
{
    (void)state;
    struct archive a;
    make(&a);
    for (size_t n = 0; n < a.n; n++) {
        assert_int_equal(try(&a, n, 5), REFUSED_NOT_ZIP);
    }
    put(&a, "x", 1);
    assert_int_equal(try(&a, a.n, 5), REFUSED_NOT_ZIP);
}

static void lying_fields_have_their_class(void **state)
{
    (void)state;
    static const struct {
        bool in_end;
        size_t at;
        int width;
        uint32_t value;
        enum refusal_class class;
    } lies[] = {
        {false, AT_FLAGS, 2, 1, REFUSED_ZIP_UNSUPPORTED},
        {false, AT_FLAGS, 2, 0x2000, REFUSED_ZIP_UNSUPPORTED},
        {false, AT_FLAGS, 2, 0x20, REFUSED_ZIP_UNSUPPORTED},
        {false, AT_METHOD, 2, 12, REFUSED_ZIP_UNSUPPORTED},
        {false, AT_METHOD, 2, 8, REFUSED_ZIP_STRUCT},
        {false, AT_CRC, 4, 1, REFUSED_CRC},
        {false, AT_PACKED, 4, 4, REFUSED_ZIP_STRUCT},
        {false, AT_SIZE, 4, 6, REFUSED_ZIP_LIMIT},
        {false, AT_SIZE, 4, 0xfffffff0, REFUSED_ZIP_LIMIT},
        {false, AT_SIZE, 4, 0xffffffff, REFUSED_ZIP_STRUCT}, /* zip64, but no zip64 field */
        {false, AT_OFFSET, 4, 0x7fffffff, REFUSED_ZIP_STRUCT},
        {false, AT_OFFSET, 4, 1, REFUSED_ZIP_STRUCT},
        {false, 28, 2, 2, REFUSED_ZIP_STRUCT},
        {false, 46, 1, 'n', REFUSED_MISSING_MEMBER},
        {true, END_COUNT, 2, 2, REFUSED_ZIP_UNSUPPORTED},
        {true, END_DISK, 2, 1, REFUSED_ZIP_UNSUPPORTED},
        {true, END_SIZE, 4, 3, REFUSED_ZIP_STRUCT},
        {true, END_OFFSET, 4, 0xfffffff0, REFUSED_ZIP_STRUCT},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct archive a;
        make(&a);
        size_t at = (lies[i].in_end ? a.end : a.directory) + lies[i].at;
        if (lies[i].width == 4) {
            set32(&a, at, lies[i].value);
        } else if (lies[i].width == 2) {
            set16(&a, at, lies[i].value);
        } else {
            a.bytes[at] = (uint8_t)lies[i].value;
        }
        enum refusal_class class = try(&a, a.n, 5);
        if (class != lies[i].class) {
            fail_msg("lie %zu: %s and not %s", i, refusal_name(class), refusal_name(lies[i].class));
        }
    }
}

static void a_wrong_count_of_entries_is_refused(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 5000; count += count < 4 ? 1 : 4995) {
        struct archive a;
        make(&a);
        set16(&a, a.end + END_HERE, count);
        set16(&a, a.end + END_COUNT, count);
        enum refusal_class want = count == 1     ? REFUSED_MAX
                                  : count < 4096 ? REFUSED_ZIP_STRUCT
                                                 : REFUSED_ZIP_LIMIT;
        assert_int_equal(try(&a, a.n, 5), want);
    }
}

static void header_and_directory_must_name_the_same_member(void **state)
{
    (void)state;
    struct archive a;
    make(&a);
    a.bytes[30] = 'n';
    assert_int_equal(try(&a, a.n, 5), REFUSED_ZIP_STRUCT);
}

static void one_flipped_bit_of_data_is_seen(void **state)
{
    (void)state;
    for (int bit = 0; bit < 40; bit++) {
        struct archive a;
        make(&a);
        a.bytes[31 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(try(&a, a.n, 5), REFUSED_CRC);
    }
}

static void any_one_changed_byte_is_no_crash(void **state)
{
    (void)state;
    struct archive good;
    make(&good);
    for (size_t i = 0; i < good.n; i++) {
        for (int v = 0; v < 256; v += 15) {
            struct archive a = good;
            a.bytes[i] = (uint8_t)v;
            (void)try(&a, a.n, 5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_archive_gives_its_member),
        cmocka_unit_test(every_truncation_is_no_zip),
        cmocka_unit_test(lying_fields_have_their_class),
        cmocka_unit_test(a_wrong_count_of_entries_is_refused),
        cmocka_unit_test(header_and_directory_must_name_the_same_member),
        cmocka_unit_test(one_flipped_bit_of_data_is_seen),
        cmocka_unit_test(any_one_changed_byte_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
