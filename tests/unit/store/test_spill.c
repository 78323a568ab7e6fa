/* test_spill.c - claims about store/spill.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "make_records.h"
#include "mem_disk.h"
#include "store/spill.h"

#define PAGE  4096U
#define PATH  "spill/a.spill"
#define BLOCK (2 * PAGE) /* where the first one is */

static struct mem_disk disk;
static struct file_system files;
static const struct spill_id id = {.session = 7, .began = 123456789, .database = "/data/x.sqlite"};

static int set_up(void **state)
{
    (void)state;
    mem_disk_init(&disk);
    files = mem_disk_files(&disk);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_disk_finish(&disk);
    return 0;
}

static struct spill *create(void)
{
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    if (spill_create(&files, PATH, &id, &sp, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return sp;
}

static struct spill *open_left(void)
{
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    if (spill_open(&files, PATH, &sp, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return sp;
}

static struct spill_state state_of(uint64_t number)
{
    return (struct spill_state){.wall = (wall_ns_t)number * 10, .rows = number - 1, .lost = 3};
}

/* Deltas from..to as one block; their ord is their number. */
static enum status write_deltas(struct spill *sp, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        struct ev_delta d = make_delta(i);
        assert_int_equal(spill_add(sp, &d), ST_OK);
    }
    struct spill_state state = state_of(from);
    return spill_write(sp, from, &state);
}

static void must_write(struct spill *sp, uint64_t from, uint64_t to)
{
    assert_int_equal(write_deltas(sp, from, to), ST_OK);
}

/* What a reader finds behind progress: numbers must rise; a record is checked against its number.
 */
struct found {
    uint64_t records, first, last, missing, torn, ends;
    char numbers[4096]; /* 1: the record with this number came */
    char outcome[SPILL_OUTCOME_MAX];
};

static enum status read_all(struct spill *sp, uint64_t progress, struct found *f)
{
    struct spill_cursor c = spill_begin(sp, progress);
    struct spill_item item;
    uint64_t number = progress;
    enum status st;
    memset(f, 0, sizeof *f);
    while ((st = spill_next(sp, &c, &item)) == ST_OK) {
        if (item.kind == SPILL_END) {
            f->ends++;
            snprintf(f->outcome, sizeof f->outcome, "%s", item.outcome);
        } else if (item.kind == SPILL_MISSING) {
            f->missing += item.missing;
            f->torn += item.missing == 0;
            assert_true(item.missing == 0 || item.number == number + item.missing);
            number = item.number;
        } else {
            struct ev_delta want = make_delta(item.number);
            assert_int_equal(item.number, number + 1);
            assert_memory_equal(item.record, &want, sizeof want);
            number = item.number;
            f->first = f->records == 0 ? number : f->first;
            f->last = number;
            f->records++;
            if (number < sizeof f->numbers) {
                f->numbers[number] = 1;
            }
        }
    }
    return st;
}

static struct found found_in(struct spill *sp, uint64_t progress)
{
    struct found f;
    assert_int_equal(read_all(sp, progress, &f), ST_END);
    return f;
}

/* --- the disk is well --- */

static void records_of_every_kind_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    struct spill *sp = create();
    uint64_t *buf = malloc(RECORD_ROOM);
    uint8_t *all = malloc(4000 * (size_t)RECORD_ROOM / 16);
    size_t n = 0;
    uint64_t given = 0, added = 0;
    for (uint64_t i = 1; i <= 2000; i++) {
        bool event = rng_below(&rng, 2) == 0;
        uint32_t size = make_record(
            &rng, event ? event_types[rng_below(&rng, 12)] : record_types[rng_below(&rng, 11)], 0,
            i, buf);
        enum status st = spill_add(sp, buf);
        if (st == ST_FULL || rng_below(&rng, 40) == 0) {
            struct spill_state s = state_of(given + 1);
            bool again = st == ST_FULL;
            assert_int_equal(spill_write(sp, given + 1, &s), ST_OK);
            given += added + !again;
            added = 0;
            if (again) {
                assert_int_equal(spill_add(sp, buf), ST_OK);
                added = 1;
            }
        } else {
            added++;
        }
        memcpy(all + n, buf, size);
        n += size;
    }
    struct spill_state s = state_of(given + 1);
    assert_int_equal(spill_write(sp, given + 1, &s), ST_OK);
    spill_close(sp);
    sp = open_left();
    assert_int_equal(spill_id(sp)->session, 7);
    assert_int_equal(spill_id(sp)->began, 123456789);
    assert_string_equal(spill_id(sp)->database, "/data/x.sqlite");
    struct spill_cursor c = spill_begin(sp, 0);
    struct spill_item item;
    size_t at = 0;
    for (uint64_t i = 1; i <= 2000; i++) {
        uint32_t size;
        assert_int_equal(spill_next(sp, &c, &item), ST_OK);
        assert_int_equal(item.kind, SPILL_RECORD);
        assert_int_equal(item.number, i);
        assert_int_equal(item.state.rows, i - 1);
        memcpy(&size, item.record, sizeof size);
        assert_memory_equal(item.record, all + at, size);
        at += size;
    }
    assert_int_equal(at, n);
    assert_int_equal(spill_next(sp, &c, &item), ST_END);
    spill_close(sp);
    free(buf);
    free(all);
}

static void a_record_longer_than_a_block_is_a_block_of_its_own(void **state)
{
    (void)state;
    struct spill *sp = create();
    uint32_t size = 3U << 20;
    uint8_t *big = calloc(1, size);
    memcpy(big, &size, sizeof size);
    big[4] = 99;
    struct ev_delta d = make_delta(1);
    struct spill_state s = state_of(1);
    assert_int_equal(spill_add(sp, &d), ST_OK);
    assert_int_equal(spill_add(sp, big), ST_FULL);
    assert_int_equal(spill_write(sp, 1, &s), ST_OK);
    assert_int_equal(spill_add(sp, big), ST_OK);
    assert_int_equal(spill_add(sp, &d), ST_FULL);
    assert_int_equal(spill_write(sp, 2, &s), ST_OK);
    struct spill_cursor c = spill_begin(sp, 1);
    struct spill_item item;
    assert_int_equal(spill_next(sp, &c, &item), ST_OK);
    assert_memory_equal(item.record, big, size);
    uint32_t wrong = 20;
    memcpy(big, &wrong, sizeof wrong);
    assert_int_equal(spill_add(sp, big), ST_INVALID);
    wrong = 44;
    memcpy(big, &wrong, sizeof wrong);
    assert_int_equal(spill_add(sp, big), ST_INVALID);
    spill_close(sp);
    free(big);
}

static void a_reader_who_knows_the_progress_takes_each_record_once(void **state)
{
    (void)state;
    struct spill *sp = create();
    must_write(sp, 1, 10);
    must_write(sp, 11, 11);
    must_write(sp, 12, 400); /* many pages */
    must_write(sp, 401, 410);
    for (uint64_t progress = 0; progress <= 410; progress++) {
        struct found f = found_in(sp, progress);
        assert_int_equal(f.records, 410 - progress);
        assert_int_equal(f.missing + f.torn, 0);
        assert_true(progress == 410 || f.first == progress + 1);
    }
    /* A cursor can be gone back to. */
    struct spill_cursor c = spill_begin(sp, 5), copy;
    struct spill_item item;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(spill_next(sp, &c, &item), ST_OK);
    }
    copy = c;
    assert_int_equal(spill_next(sp, &c, &item), ST_OK);
    assert_int_equal(item.number, 106);
    while (spill_next(sp, &c, &item) == ST_OK) {
    }
    assert_int_equal(spill_next(sp, &copy, &item), ST_OK);
    assert_int_equal(item.number, 106);
    spill_close(sp);
}

static void the_end_says_how_the_session_ended(void **state)
{
    (void)state;
    struct spill *sp = create();
    struct spill_state s = {.wall = 55, .rows = 10, .lost = 2};
    must_write(sp, 1, 10);
    assert_int_equal(spill_write_end(sp, 11, "halted", &s), ST_OK);
    spill_close(sp);
    sp = open_left();
    for (uint64_t progress = 0; progress <= 10; progress += 5) {
        struct found f = found_in(sp, progress);
        assert_int_equal(f.records, 10 - progress);
        assert_int_equal(f.ends, 1);
        assert_int_equal(f.missing + f.torn, 0);
        assert_string_equal(f.outcome, "halted");
    }
    spill_close(sp);
}

static void drained_room_is_given_back_and_an_empty_file_begins_anew(void **state)
{
    (void)state;
    for (int holes = 0; holes < 2; holes++) {
        disk.no_holes = holes == 0;
        disk.released = 0;
        struct spill *sp = create();
        uint64_t number = 1, most = 0;
        for (int round = 0; round < 4; round++) {
            uint64_t progress = number - 1;
            for (; number <= progress + 100000; number += 500) {
                must_write(sp, number, number + 499);
            }
            most = spill_bytes(sp);
            assert_true(most > 8 << 20);
            struct spill_cursor c = spill_begin(sp, progress);
            struct spill_item item;
            while (spill_next(sp, &c, &item) == ST_OK) {
                assert_int_equal(item.number, ++progress);
                if (progress % 20000 == 0 && progress < number - 1) {
                    spill_done(sp, &c);
                    assert_true(spill_bytes(sp) < most || disk.no_holes);
                    /* What is left is read the same by a new reader. */
                    struct spill_cursor again = spill_begin(sp, progress);
                    assert_int_equal(spill_next(sp, &again, &item), ST_OK);
                    assert_int_equal(item.number, progress + 1);
                }
            }
            assert_int_equal(progress, number - 1);
            spill_all_done(sp);
            assert_int_equal(spill_bytes(sp), 0);
            assert_int_equal(mem_disk_only(&disk)->n, BLOCK);
        }
        assert_true(disk.no_holes ? disk.released == 0 : disk.released > 16 << 20);
        spill_remove(sp);
        assert_int_equal(mem_disk_count(&disk), 0);
    }
}

static void a_header_that_cannot_be_written_never_hides_what_is_written_next(void **state)
{
    (void)state;
    struct spill *sp = create();
    for (uint64_t i = 1; i <= 20000; i += 500) {
        must_write(sp, i, i + 499);
    }
    disk.write_fails_at = 0;
    spill_all_done(sp);
    assert_int_equal(spill_bytes(sp), 0);
    disk.write_fails_at = -1;
    must_write(sp, 20001, 20010);
    spill_close(sp);
    sp = open_left();
    struct found f = found_in(sp, 20000);
    assert_int_equal(f.records, 10);
    assert_int_equal(f.missing + f.torn, 0);
    spill_close(sp);
}

static void what_an_earlier_round_left_behind_is_passed_over(void **state)
{
    (void)state;
    struct spill *sp = create();
    for (uint64_t i = 1; i <= 20; i++) {
        must_write(sp, i, i);
    }
    disk.no_truncate = true; /* the old blocks stay behind the new ones */
    spill_all_done(sp);
    must_write(sp, 21, 25);
    spill_close(sp);
    sp = open_left();
    struct found f = found_in(sp, 20);
    assert_int_equal(f.records, 5);
    assert_int_equal(f.missing + f.torn, 0);
    spill_close(sp);
}

/* --- kills and damage --- */

#define BLOCKS 6
static const uint64_t ends_of[BLOCKS + 1] = {0, 10, 11, 150, 160, 200, 201};
static size_t at_of[BLOCKS + 1];

/* Six blocks, one of several pages, in the file. */
static void make_six(void)
{
    struct spill *sp = create();
    for (size_t i = 0; i < BLOCKS; i++) {
        at_of[i] = i == 0 ? BLOCK : mem_disk_only(&disk)->n;
        must_write(sp, ends_of[i] + 1, ends_of[i + 1]);
    }
    at_of[BLOCKS] = mem_disk_only(&disk)->n;
    spill_close(sp);
}

static size_t used_of(size_t block)
{
    return 64 + (size_t)(ends_of[block + 1] - ends_of[block]) * sizeof(struct ev_delta);
}

static void a_file_cut_at_any_length_keeps_the_whole_blocks_before_and_names_the_rest(void **state)
{
    (void)state;
    make_six();
    struct mem_file *f = mem_disk_only(&disk);
    size_t n = f->n;
    for (size_t cut = n; cut >= BLOCK; cut--) {
        f->n = cut;
        size_t whole = 0; /* blocks */
        while (whole < BLOCKS && at_of[whole] + used_of(whole) <= cut) {
            whole++;
        }
        struct spill *sp = open_left();
        struct found found = found_in(sp, 0);
        assert_int_equal(found.records, ends_of[whole]);
        size_t rest = whole < BLOCKS && cut > at_of[whole] ? cut - at_of[whole] : 0;
        if (rest >= 64) { /* its head says how many */
            assert_int_equal(found.missing, ends_of[whole + 1] - ends_of[whole]);
            assert_int_equal(found.torn, 0);
        } else {
            assert_int_equal(found.missing, 0);
            assert_int_equal(found.torn, rest > 0);
        }
        /* Told once: who has noted it as progress hears nothing again, if there is a block that
         * says where it was. */
        uint64_t noted = ends_of[whole] + found.missing + found.torn;
        struct found again = found_in(sp, noted);
        assert_int_equal(again.records + again.missing + again.torn, whole == 0 && found.torn);
        spill_close(sp);
    }
}

static void every_flipped_byte_costs_at_most_its_block_and_is_named(void **state)
{
    (void)state;
    make_six();
    struct mem_file *f = mem_disk_only(&disk);
    struct rng rng;
    rng_init(&rng, 11);
    for (size_t at = BLOCK; at < f->n; at++) {
        uint8_t flip = (uint8_t)(1 + rng_below(&rng, 255));
        f->p[at] ^= flip;
        size_t block = 0;
        while (at >= at_of[block + 1]) {
            block++;
        }
        bool padding = at - at_of[block] >= used_of(block);
        struct spill *sp = open_left();
        struct found found = found_in(sp, 0);
        uint64_t count = padding ? 0 : ends_of[block + 1] - ends_of[block];
        assert_int_equal(found.records, 201 - count);
        bool tail = block == BLOCKS - 1 && !padding;
        if (tail && at - at_of[block] < 64) {
            assert_int_equal(found.torn, 1);
            assert_int_equal(found.missing, 0);
        } else {
            assert_int_equal(found.torn, 0);
            assert_int_equal(found.missing, count);
        }
        for (uint64_t i = 1; i <= 201; i++) {
            bool gone = !padding && i > ends_of[block] && i <= ends_of[block + 1];
            assert_int_equal(found.numbers[i], !gone);
        }
        spill_close(sp);
        f->p[at] ^= flip;
    }
}

static void every_flipped_byte_of_the_header_is_outlived(void **state)
{
    (void)state;
    make_six();
    struct mem_file *f = mem_disk_only(&disk);
    for (size_t at = 0; at < BLOCK; at++) {
        f->p[at] ^= 0x5a;
        struct spill *sp = open_left();
        struct found found = found_in(sp, 0);
        assert_int_equal(found.records, 201);
        assert_int_equal(spill_id(sp)->session, 7);
        spill_close(sp);
        f->p[at] ^= 0x5a;
    }
    /* Both of them: it is no spill file, and is left alone. */
    f->p[20] ^= 1;
    f->p[PAGE + 20] ^= 1;
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    assert_int_equal(spill_open(&files, PATH, &sp, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, PATH));
    f->p[20] ^= 1;
    f->p[PAGE + 20] ^= 1;
    sp = open_left();
    spill_close(sp);
}

static void random_damage_never_gives_a_wrong_record(void **state)
{
    (void)state;
    make_six();
    struct mem_file *f = mem_disk_only(&disk);
    uint8_t *good = malloc(f->n);
    size_t n = f->n;
    memcpy(good, f->p, n);
    struct rng rng;
    rng_init(&rng, 12);
    for (int round = 0; round < 20000; round++) {
        f->n = n;
        for (uint64_t k = rng_below(&rng, 4) + 1; k > 0; k--) {
            size_t at = BLOCK + (size_t)rng_below(&rng, n - BLOCK);
            size_t len = (size_t)rng_below(&rng, 6000);
            len = at + len > n ? n - at : len;
            switch (rng_below(&rng, 4)) {
            case 0:
                memset(f->p + at, 0, len);
                break;
            case 1: /* a page of elsewhere in the file */
                memmove(f->p + at / PAGE * PAGE, good + BLOCK + rng_below(&rng, 5) * PAGE, PAGE);
                break;
            case 2:
                f->p[at] ^= (uint8_t)(1 + rng_below(&rng, 255));
                break;
            default:
                f->n = f->n < at ? f->n : at;
                break;
            }
        }
        struct spill *sp = open_left();
        struct found found = found_in(sp, rng_below(&rng, 210)); /* checks each record */
        assert_true(found.records <= 201);
        spill_close(sp);
        memcpy(f->p, good, n);
    }
    free(good);
}

static void a_block_inside_a_recorded_frame_is_none_of_the_files(void **state)
{
    (void)state;
    /* Another session's file: its bytes come as the contents of a frame, a page into the block. */
    static const struct spill_id other = {.session = 8, .began = 1, .database = "x"};
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    assert_int_equal(spill_create(&files, "spill/b.spill", &other, &sp, &err), ST_OK);
    must_write(sp, 1, 3);
    struct mem_file *b = mem_disk_find(&disk, "spill/b.spill");
    uint32_t size = 3 * PAGE;
    uint8_t *frame = calloc(1, size);
    memcpy(frame, &size, sizeof size);
    memcpy(frame + PAGE - 64, b->p + BLOCK, PAGE);
    spill_remove(sp);
    sp = create();
    struct spill_state s = state_of(1);
    assert_int_equal(spill_add(sp, frame), ST_OK);
    assert_int_equal(spill_write(sp, 1, &s), ST_OK);
    must_write(sp, 2, 4);
    spill_close(sp);
    mem_disk_only(&disk)->p[BLOCK] ^= 1; /* its own block is damaged: pages are looked at in turn */
    sp = open_left();
    struct found f = found_in(sp, 0);
    assert_int_equal(f.records, 3);
    assert_int_equal(f.first, 2);
    assert_int_equal(f.missing, 1);
    spill_close(sp);
    free(frame);
}

/* --- a disk that fails --- */

static void a_write_that_fails_or_tears_leaves_what_was_there_and_can_be_done_again(void **state)
{
    (void)state;
    for (int64_t room = 0; room < 2 * PAGE; room += 61) {
        struct spill *sp = create();
        must_write(sp, 1, 10);
        disk.write_fails_at = room;
        assert_int_equal(write_deltas(sp, 11, 70), ST_IO);
        assert_non_null(strstr(spill_error(sp), "cannot write"));
        struct found f = found_in(sp, 0);
        assert_int_equal(f.records, 10);
        assert_int_equal(f.missing + f.torn, 0);
        disk.write_fails_at = -1;
        must_write(sp, 11, 12); /* fewer than before: nothing of the torn one may stay behind it */
        spill_close(sp);
        sp = open_left();
        f = found_in(sp, 0);
        assert_int_equal(f.records, 12);
        assert_int_equal(f.missing + f.torn, 0);
        spill_remove(sp);
    }
}

static void a_page_that_cannot_be_read_is_an_error_and_then_counts_as_damaged(void **state)
{
    (void)state;
    make_six();
    disk.unreadable = at_of[1];
    struct spill *sp = open_left();
    struct found f;
    assert_int_equal(read_all(sp, 0, &f), ST_IO);
    assert_int_equal(f.records, 10);
    struct spill_cursor c = spill_begin(sp, 10);
    struct spill_item item;
    assert_int_equal(spill_next(sp, &c, &item), ST_IO);
    assert_int_equal(spill_next(sp, &c, &item), ST_IO);
    spill_skip_unreadable(sp, &c);
    f = found_in(sp, 0);
    assert_int_equal(f.records, 200);
    assert_int_equal(f.missing, 1);
    spill_close(sp);
}

static void a_disk_that_is_full_is_an_error_at_once(void **state)
{
    (void)state;
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    disk.full = true;
    assert_int_equal(spill_create(&files, PATH, &id, &sp, &err), ST_IO);
    assert_non_null(strstr(err.text, PATH));
    disk.full = false;
    disk.write_fails_at = 5000;
    assert_int_equal(spill_create(&files, PATH, &id, &sp, &err), ST_OK);
    spill_remove(sp);
    disk.write_fails_at = 100;
    assert_int_equal(spill_create(&files, PATH, &id, &sp, &err), ST_IO);
    disk.write_fails_at = -1;
    disk.sync_fails = true;
    assert_int_equal(spill_create(&files, PATH, &id, &sp, &err), ST_IO);
    assert_int_equal(mem_disk_count(&disk), 0);
}

/* --- real files --- */

static void the_real_file_is_private_locked_and_found_again(void **state)
{
    (void)state;
    char folder[64], path[96];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/a.spill", folder);
    struct spill *sp = NULL, *other = NULL;
    struct err err = {.st = ST_OK};
    assert_int_equal(spill_open(NULL, path, &sp, &err), ST_NOT_FOUND);
    assert_int_equal(spill_create(NULL, path, &id, &sp, &err), ST_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(spill_open(NULL, path, &other, &err), ST_STATE);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(spill_create(NULL, path, &id, &other, &err), ST_EXISTS);
    for (uint64_t i = 1; i <= 100000; i += 500) {
        must_write(sp, i, i + 499);
    }
    assert_int_equal(spill_sync(sp), ST_OK);
    struct spill_cursor c = spill_begin(sp, 0);
    struct spill_item item;
    for (int i = 0; i < 60000; i++) {
        assert_int_equal(spill_next(sp, &c, &item), ST_OK);
    }
    assert_int_equal(stat(path, &info), 0);
    blkcnt_t before = info.st_blocks;
    spill_done(sp, &c);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_blocks < before); /* a hole, on every file system that Linux tests run on */
    spill_close(sp);
    assert_int_equal(spill_open(NULL, path, &sp, &err), ST_OK);
    struct found f = found_in(sp, 60000);
    assert_int_equal(f.records, 40000);
    assert_int_equal(f.missing + f.torn, 0);
    spill_remove(sp);
    assert_int_equal(stat(path, &info), -1);
    assert_int_equal(spill_create(NULL, "/nonexistent/a.spill", &id, &sp, &err), ST_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/a.spill"));
    remove_folder(folder);
}

static void a_file_of_a_newer_version_or_of_something_else_is_refused(void **state)
{
    (void)state;
    char folder[64], path[96];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/a.spill", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("not a spill file at all", f);
    fclose(f);
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    assert_int_equal(spill_open(NULL, path, &sp, &err), ST_MALFORMED);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(spill_open(NULL, path, &sp, &err), ST_MALFORMED);
    remove_folder(folder);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(records_of_every_kind_come_back_byte_for_byte),
        T(a_record_longer_than_a_block_is_a_block_of_its_own),
        T(a_reader_who_knows_the_progress_takes_each_record_once),
        T(the_end_says_how_the_session_ended),
        T(drained_room_is_given_back_and_an_empty_file_begins_anew),
        T(a_header_that_cannot_be_written_never_hides_what_is_written_next),
        T(what_an_earlier_round_left_behind_is_passed_over),
        T(a_file_cut_at_any_length_keeps_the_whole_blocks_before_and_names_the_rest),
        T(every_flipped_byte_costs_at_most_its_block_and_is_named),
        T(every_flipped_byte_of_the_header_is_outlived),
        T(random_damage_never_gives_a_wrong_record),
        T(a_block_inside_a_recorded_frame_is_none_of_the_files),
        T(a_write_that_fails_or_tears_leaves_what_was_there_and_can_be_done_again),
        T(a_page_that_cannot_be_read_is_an_error_and_then_counts_as_damaged),
        T(a_disk_that_is_full_is_an_error_at_once),
        T(the_real_file_is_private_locked_and_found_again),
        T(a_file_of_a_newer_version_or_of_something_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
