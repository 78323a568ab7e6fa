/* test_journal.c - claims about orders/journal.h, on a disk in memory that can be made to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "orders/journal.h"
#include "orders/recovery.h"

#define RECORDS_AT 8192U
#define DISK_MAX   (1U << 20)

/* --- a disk in memory --- */

struct disk {
    uint8_t *p;
    size_t n;
    long writes_left; /* then every write fails; -1: never */
    size_t torn;      /* the failing write still writes so many bytes */
    bool sync_fails, allocate_fails, read_fails;
    int closed;
};

static int64_t disk_pread(void *self, void *p, size_t n, uint64_t at)
{
    struct disk *d = self;
    if (d->read_fails) {
        return -EIO;
    }
    if (at >= d->n) {
        return 0;
    }
    /* Short reads now and then, as a real file may give. */
    size_t k = d->n - at < n ? d->n - at : n;
    if (k > 1000) {
        k = 1000;
    }
    memcpy(p, d->p + at, k);
    return (int64_t)k;
}

static int64_t disk_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    struct disk *d = self;
    size_t k = n;
    if (d->writes_left == 0) {
        if (d->torn == 0) {
            return -ENOSPC;
        }
        k = d->torn < n ? d->torn : n;
        d->torn = 0;
    } else if (d->writes_left > 0) {
        d->writes_left--;
    }
    assert_true(at + k <= DISK_MAX);
    memcpy(d->p + at, p, k);
    if (at + k > d->n) {
        d->n = at + k;
    }
    return (int64_t)k;
}

static int disk_allocate(void *self, uint64_t size)
{
    struct disk *d = self;
    if (d->allocate_fails) {
        return -ENOSPC;
    }
    assert_true(size <= DISK_MAX);
    if (size > d->n) {
        memset(d->p + d->n, 0, size - d->n);
        d->n = size;
    }
    return 0;
}

static int disk_sync(void *self)
{
    struct disk *d = self;
    return d->sync_fails ? -EIO : 0;
}

static void disk_close(void *self)
{
    struct disk *d = self;
    d->closed++;
}

static struct file_io disk_io(struct disk *d)
{
    return (struct file_io){.self = d,
                            .pread = disk_pread,
                            .pwrite = disk_pwrite,
                            .allocate = disk_allocate,
                            .sync = disk_sync,
                            .close = disk_close};
}

static void disk_init(struct disk *d)
{
    memset(d, 0, sizeof *d);
    d->p = calloc(1, DISK_MAX);
    assert_non_null(d->p);
    d->writes_left = -1;
}

/* --- helpers --- */

#define SEEN_MAX 600
struct seen {
    struct journal_record rec[SEEN_MAX];
    size_t n;
};

static enum status see(void *self, const struct journal_record *rec)
{
    struct seen *s = self;
    assert_true(s->n < SEEN_MAX);
    s->rec[s->n++] = *rec;
    return ST_OK;
}

static const struct journal_config small = {.records = 64, .records_max = 512};

static enum status try_open(struct disk *d, struct seen *seen, struct journal_recovery *rec,
                            struct journal **j, struct err *err)
{
    struct file_io io = disk_io(d);
    memset(seen, 0, sizeof *seen);
    return journal_open(&small, &io, see, seen, rec, j, err);
}

static struct journal *must_open(struct disk *d, struct seen *seen, struct journal_recovery *rec)
{
    struct journal *j = NULL;
    struct err err = {0};
    enum status st = try_open(d, seen, rec, &j, &err);
    if (st != ST_OK) {
        fail_msg("%s", err.text);
    }
    return j;
}

static struct journal_record intent(int i)
{
    struct journal_record r = {.type = JOURNAL_INTENT,
                               .wall = 1000 + i,
                               .number = (uint64_t)i,
                               .outcome = SIDE_NO,
                               .is_buy = 1,
                               .yes_px = 4700 + i,
                               .qty = 1000,
                               .reserved = 4700000 + i};
    snprintf(r.ticker, sizeof r.ticker, "KXTEST-%d", i);
    snprintf(r.client_id, sizeof r.client_id, "client-%d", i);
    return r;
}

static struct journal_record done(int i)
{
    struct journal_record r = {.type = JOURNAL_DONE, .wall = 2000 + i};
    snprintf(r.client_id, sizeof r.client_id, "client-%d", i);
    return r;
}

static struct journal_record halt(enum journal_type type, const char *reason)
{
    struct journal_record r = {.type = (uint16_t)type, .wall = 777};
    snprintf(r.reason, sizeof r.reason, "%s", reason);
    return r;
}

static void append(struct journal *j, struct journal_record r)
{
    assert_int_equal(journal_append(j, &r), ST_OK);
}

/* --- claims --- */

static void records_come_back_as_they_were_written(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    assert_true(rec.created);
    struct journal_record want[5] = {{.type = JOURNAL_SESSION, .wall = 5, .number = 9},
                                     intent(1),
                                     {.type = JOURNAL_ACK},
                                     intent(2),
                                     done(1)};
    strcpy(want[2].client_id, "client-1");
    strcpy(want[2].order_id, "0b1c2d3e-0000-4000-8000-000000000001");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(journal_append(j, &want[i]), ST_OK);
    }
    assert_int_equal(journal_pending(j), 5);
    assert_int_equal(journal_sync(j), ST_OK);
    assert_int_equal(journal_pending(j), 0);
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    assert_false(rec.created);
    assert_int_equal(rec.records, 5);
    assert_int_equal(rec.unsettled, 1);
    assert_false(rec.torn || rec.compacted || rec.halted);
    assert_int_equal(rec.damaged, 0);
    assert_int_equal(seen.n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(want[i].index, i);
        assert_memory_equal(&seen.rec[i], &want[i], sizeof want[i]);
    }
    assert_int_equal(journal_count(j), 5);
    journal_close(j);
    assert_int_equal(d.closed, 2);
    free(d.p);
}

static void space_is_taken_before_it_is_needed(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    size_t before = d.n;
    assert_int_equal(before, RECORDS_AT + 64 * 256);
    for (int i = 0; i < 64; i++) {
        append(j, intent(i));
    }
    assert_int_equal(d.n, before);
    append(j, intent(64));
    assert_int_equal(d.n, RECORDS_AT + 128 * 256);
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    assert_int_equal(rec.records, 65);
    journal_close(j);
    free(d.p);
}

/* A process killed, or a disk that loses its end, at any byte. */
static void a_file_cut_at_any_length_gives_the_whole_records_before_the_cut(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    for (int i = 0; i < 4; i++) {
        append(j, intent(i));
    }
    journal_close(j);
    uint8_t *copy = malloc(DISK_MAX);
    memcpy(copy, d.p, DISK_MAX);
    for (size_t cut = RECORDS_AT; cut <= RECORDS_AT + 4 * 256; cut++) {
        memset(d.p, 0, DISK_MAX);
        memcpy(d.p, copy, cut);
        d.n = cut;
        j = must_open(&d, &seen, &rec);
        size_t whole = (cut - RECORDS_AT) / 256;
        assert_int_equal(rec.records, whole);
        assert_int_equal(rec.damaged, 0);
        assert_int_equal(rec.torn, (cut - RECORDS_AT) % 256 != 0);
        /* And it goes on from there. */
        append(j, intent(100));
        journal_close(j);
        j = must_open(&d, &seen, &rec);
        assert_int_equal(rec.records, whole + 1);
        assert_false(rec.torn);
        assert_string_equal(seen.rec[whole].client_id, "client-100");
        journal_close(j);
    }
    free(copy);
    free(d.p);
}

static void a_cut_inside_the_headers_is_refused_or_begins_anew(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    journal_close(j);
    uint8_t *copy = malloc(DISK_MAX);
    memcpy(copy, d.p, DISK_MAX);
    for (size_t cut = 0; cut < RECORDS_AT; cut += cut < 200 ? 1 : 509) {
        memset(d.p, 0, DISK_MAX);
        memcpy(d.p, copy, cut);
        d.n = cut;
        struct err err = {0};
        j = NULL;
        enum status st = try_open(&d, &seen, &rec, &j, &err);
        assert_int_equal(st, cut == 0 || cut >= 112 ? ST_OK : ST_MALFORMED);
        journal_close(j);
    }
    free(copy);
    free(d.p);
}

static void a_write_that_tears_is_seen_and_written_over(void **state)
{
    (void)state;
    for (size_t torn = 1; torn < 256; torn++) {
        struct disk d;
        struct seen seen;
        struct journal_recovery rec;
        disk_init(&d);
        struct journal *j = must_open(&d, &seen, &rec);
        append(j, intent(1));
        d.writes_left = 0;
        d.torn = torn;
        struct journal_record r = intent(2);
        assert_int_equal(journal_append(j, &r), ST_IO);
        journal_close(j);
        d.writes_left = -1;
        j = must_open(&d, &seen, &rec);
        /* Cut behind its last byte that is not zero, the record is whole. */
        bool whole = torn >= offsetof(struct journal_record, client_id) + strlen("client-2");
        assert_int_equal(rec.records, whole ? 2 : 1);
        assert_int_equal(rec.torn, !whole);
        append(j, intent(3));
        journal_close(j);
        j = must_open(&d, &seen, &rec);
        assert_int_equal(rec.records, whole ? 3 : 2);
        assert_false(rec.torn);
        journal_close(j);
        free(d.p);
    }
}

static void after_a_failed_write_no_record_is_taken(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    d.writes_left = 0;
    struct journal_record r = intent(2);
    assert_false(journal_failed(j));
    assert_int_equal(journal_append(j, &r), ST_IO);
    assert_true(journal_failed(j));
    d.writes_left = -1; /* the disk is well again, but who knows what it forgot */
    assert_int_equal(journal_append(j, &r), ST_IO);
    assert_int_equal(journal_sync(j), ST_IO);
    assert_int_equal(journal_count(j), 1);
    journal_close(j);
    free(d.p);
}

static void a_failed_sync_or_growth_fails_the_journal(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    d.sync_fails = true;
    assert_int_equal(journal_sync(j), ST_IO);
    d.sync_fails = false;
    struct journal_record r = intent(2);
    assert_int_equal(journal_append(j, &r), ST_IO);
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    for (int i = 1; i < 64; i++) {
        append(j, intent(i));
    }
    d.allocate_fails = true;
    assert_int_equal(journal_append(j, &r), ST_IO);
    assert_true(journal_failed(j));
    journal_close(j);
    free(d.p);
}

static void a_full_journal_answers_limit_for_good(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    for (int i = 0; i < 512; i++) {
        append(j, intent(i));
    }
    struct journal_record r = intent(512);
    assert_int_equal(journal_append(j, &r), ST_LIMIT);
    assert_true(journal_failed(j));
    journal_close(j);
    free(d.p);
}

static void an_unknown_type_is_refused_without_harm(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    struct journal_record r = {.type = JOURNAL_TYPE_MAX};
    assert_int_equal(journal_append(j, &r), ST_INVALID);
    r.type = JOURNAL_NONE;
    assert_int_equal(journal_append(j, &r), ST_INVALID);
    append(j, intent(1));
    journal_close(j);
    free(d.p);
}

static void it_begins_anew_when_all_is_settled_and_keeps_the_halt(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    append(j, intent(2));
    append(j, done(2));
    append(j, halt(JOURNAL_HALT, "drift in KXTEST-1"));
    append(j, done(1));
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    assert_true(rec.compacted && rec.halted);
    assert_int_equal(rec.records, 5);
    assert_int_equal(journal_count(j), 0);
    journal_close(j);
    for (int again = 0; again < 3; again++) {
        j = must_open(&d, &seen, &rec);
        assert_int_equal(rec.records, 0);
        assert_int_equal(seen.n, 0);
        assert_false(rec.torn); /* what lies behind is of an older epoch */
        assert_true(rec.halted);
        assert_int_equal(rec.halt_wall, 777);
        assert_string_equal(rec.halt_reason, "drift in KXTEST-1");
        journal_close(j);
    }
    j = must_open(&d, &seen, &rec);
    append(j, halt(JOURNAL_RELEASE, "by a person"));
    append(j, intent(7));
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    assert_false(rec.halted || rec.compacted);
    assert_int_equal(rec.records, 2);
    assert_int_equal(rec.unsettled, 1);
    journal_close(j);
    free(d.p);
}

static void sign(struct journal *j, uint64_t session)
{
    append(j, (struct journal_record){.type = JOURNAL_SESSION, .wall = 1, .number = session});
}

static void the_newest_sessions_are_kept_when_it_begins_anew(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    for (uint64_t run = 1; run <= JOURNAL_SESSIONS + 10; run++) {
        struct journal *j = must_open(&d, &seen, &rec);
        uint64_t known = run - 1 < JOURNAL_SESSIONS ? run - 1 : JOURNAL_SESSIONS;
        assert_int_equal(rec.n_sessions, known);
        for (uint64_t i = 0; i < known; i++) {
            assert_int_equal(rec.sessions[i], run - known + i);
        }
        assert_true(rec.compacted || run == 1);
        sign(j, run);
        append(j, intent((int)run));
        append(j, done((int)run));
        journal_close(j);
    }
    free(d.p);
}

static void damaged_sessions_are_none_and_harm_nothing_else(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    sign(j, 5);
    journal_close(j);
    journal_close(must_open(&d, &seen, &rec)); /* begun anew, into the second header */
    j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    journal_close(j);
    assert_int_equal(rec.n_sessions, 1);
    d.p[4096 + 2048 + 8] ^= 1;
    journal_close(must_open(&d, &seen, &rec));
    assert_int_equal(rec.n_sessions, 0);
    assert_int_equal(rec.unsettled, 1);
    free(d.p);
}

/* Killed while the header of the new epoch is being written: the old one stays in force. */
static void beginning_anew_is_all_or_nothing_at_every_byte(void **state)
{
    (void)state;
    for (size_t torn = 0; torn <= 112; torn++) {
        struct disk d;
        struct seen seen;
        struct journal_recovery rec;
        disk_init(&d);
        struct journal *j = must_open(&d, &seen, &rec);
        append(j, intent(1));
        append(j, halt(JOURNAL_HALT, "by hand"));
        append(j, done(1));
        journal_close(j);
        d.writes_left = 0; /* no sessions: the header is the first write */
        d.torn = torn;
        struct err err = {0};
        j = NULL;
        enum status st = try_open(&d, &seen, &rec, &j, &err);
        assert_int_equal(st, torn == 112 ? ST_OK : ST_IO);
        journal_close(j);
        d.writes_left = -1;
        j = must_open(&d, &seen, &rec);
        assert_true(rec.halted);
        assert_string_equal(rec.halt_reason, "by hand");
        assert_int_equal(rec.records, torn == 112 ? 0 : 3);
        journal_close(j);
        free(d.p);
    }
}

static struct journal_record market_halt(const char *ticker)
{
    struct journal_record r = halt(JOURNAL_HALT, "drift");
    strcpy(r.ticker, ticker);
    return r;
}

/* A halt of one market is none of all, outlives the settled orders, and goes with the release. */
static void halts_of_markets_are_kept_until_the_release(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    append(j, market_halt("KXTEST-1"));
    append(j, done(1));
    append(j, market_halt("KXTEST-2"));
    append(j, market_halt("KXTEST-1"));
    journal_close(j);
    for (int again = 0; again < 2; again++) {
        struct recovery left = {0};
        struct err err = {0};
        struct file_io io = disk_io(&d);
        assert_int_equal(journal_open(&small, &io, recovery_take, &left, &rec, &j, &err), ST_OK);
        assert_false(rec.halted || rec.compacted);
        assert_int_equal(rec.markets_halted, 3);
        assert_int_equal(left.n, 2);
        assert_string_equal(left.rec[0].ticker, "KXTEST-1");
        assert_string_equal(left.rec[1].ticker, "KXTEST-2");
        assert_string_equal(left.rec[1].reason, "drift");
        recovery_finish(&left);
        journal_close(j);
    }
    struct recovery left = {0};
    struct err err = {0};
    j = must_open(&d, &seen, &rec);
    append(j, halt(JOURNAL_RELEASE, "by a person"));
    append(j, intent(2));
    journal_close(j);
    struct file_io io = disk_io(&d);
    assert_int_equal(journal_open(&small, &io, recovery_take, &left, &rec, &j, &err), ST_OK);
    assert_int_equal(rec.markets_halted, 0);
    assert_int_equal(left.n, 1);
    assert_int_equal(left.rec[0].type, JOURNAL_INTENT);
    recovery_finish(&left);
    journal_close(j);
    free(d.p);
}

/* All that the engine reads of it; a replay is handed these. */
static void what_is_not_settled_comes_back_from_its_rows(void **state)
{
    (void)state;
    struct journal_record recs[3] = {
        intent(7),
        market_halt("KXTEST-1"),
        {.type = JOURNAL_SESSION, .wall = 5, .number = UINT64_MAX - 3}};
    static const enum restored_kind kinds[] = {RESTORED_ORDER, RESTORED_HALT, RESTORED_SESSION};
    strcpy(recs[0].order_id, "an order id");
    for (int i = 0; i < 3; i++) {
        struct rec_restored row;
        struct journal_record back;
        recovery_to_record(&recs[i], &row);
        assert_int_equal(row.kind, kinds[i]);
        assert_int_equal(recovery_of_record(&row, &back), ST_OK);
        back.crc = recs[i].crc;
        back.flags = recs[i].flags;
        back.index = recs[i].index;
        assert_memory_equal(&back, &recs[i], sizeof back);
        row.kind = RESTORED_KIND_MAX;
        assert_int_equal(recovery_of_record(&row, &back), ST_MALFORMED);
        row.kind = RESTORED_SESSION;
        strcpy(row.client_id, "no session");
        assert_int_equal(recovery_of_record(&row, &back), ST_MALFORMED);
    }
}

static void a_damaged_record_is_counted_and_stops_compaction(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    append(j, intent(2));
    append(j, done(1));
    journal_close(j);
    d.p[RECORDS_AT + 256 + 77] ^= 1;
    j = must_open(&d, &seen, &rec);
    assert_int_equal(rec.damaged, 1);
    assert_int_equal(rec.records, 2);
    assert_int_equal(rec.unsettled, 0);
    assert_false(rec.compacted);
    append(j, intent(3));
    journal_close(j);
    j = must_open(&d, &seen, &rec);
    assert_int_equal(rec.damaged, 1);
    assert_int_equal(rec.records, 3);
    journal_close(j);
    free(d.p);
}

static void every_flipped_bit_of_a_record_is_noticed(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    append(j, intent(2));
    journal_close(j);
    for (size_t bit = 0; bit < 256 * 8; bit++) {
        d.p[RECORDS_AT + bit / 8] ^= (uint8_t)(1U << (bit % 8));
        j = must_open(&d, &seen, &rec);
        assert_int_equal(rec.damaged, 1);
        assert_int_equal(rec.records, 1);
        journal_close(j);
        d.p[RECORDS_AT + bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    free(d.p);
}

static void a_file_that_is_no_journal_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    const char text[] = "SQLite format 3";
    memcpy(d.p, text, sizeof text);
    d.n = 5000;
    d.writes_left = 0;
    d.allocate_fails = true;
    struct journal *j = NULL;
    struct err err = {0};
    assert_int_equal(try_open(&d, &seen, &rec, &j, &err), ST_MALFORMED);
    assert_non_null(strstr(err.text, "not an order journal"));
    /* Zeros at first, but something else behind. */
    memset(d.p, 0, sizeof text);
    d.p[4999] = 1;
    assert_int_equal(try_open(&d, &seen, &rec, &j, &err), ST_MALFORMED);
    assert_null(j);
    assert_int_equal(d.n, 5000);
    free(d.p);
}

static void a_newer_version_is_refused(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    journal_close(must_open(&d, &seen, &rec));
    /* Version 2 with a right checksum, as a later program would write it. */
    d.p[8] = 2;
    uint32_t crc = crc32c(0, d.p, 108);
    memcpy(d.p + 108, &crc, sizeof crc);
    struct journal *j = NULL;
    struct err err = {0};
    assert_int_equal(try_open(&d, &seen, &rec, &j, &err), ST_UNSUPPORTED);
    free(d.p);
}

static void a_disk_that_cannot_be_read_or_is_full_is_an_error_at_open(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    struct journal *j = NULL;
    struct err err = {0};
    disk_init(&d);
    d.allocate_fails = true;
    assert_int_equal(try_open(&d, &seen, &rec, &j, &err), ST_IO);
    assert_non_null(strstr(err.text, "No space left"));
    d.allocate_fails = false;
    d.read_fails = true;
    assert_int_equal(try_open(&d, &seen, &rec, &j, &err), ST_IO);
    assert_int_equal(d.closed, 2);
    free(d.p);
}

static enum status stop_at_second(void *self, const struct journal_record *rec)
{
    int *n = self;
    (void)rec;
    return ++*n == 2 ? ST_STATE : ST_OK;
}

static void the_callback_can_end_the_recovery(void **state)
{
    (void)state;
    struct disk d;
    struct seen seen;
    struct journal_recovery rec;
    disk_init(&d);
    struct journal *j = must_open(&d, &seen, &rec);
    append(j, intent(1));
    append(j, done(1));
    journal_close(j);
    int n = 0;
    struct file_io io = disk_io(&d);
    struct err err = {0};
    assert_int_equal(journal_open(&small, &io, stop_at_second, &n, &rec, &j, &err), ST_STATE);
    assert_non_null(strstr(err.text, "record 1"));
    /* Nothing was begun anew. */
    journal_close(must_open(&d, &seen, &rec));
    assert_int_equal(rec.records, 2);
    free(d.p);
}

/* --- the real file --- */

static void the_file_is_private_locked_and_survives(void **state)
{
    (void)state;
    char path[] = "/tmp/deltaflow-journal-XXXXXX";
    assert_non_null(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof file, "%s/orders.journal", path);
    struct err err = {0};
    struct file_io io, second;
    assert_int_equal(journal_file_open(file, &io, &err), ST_OK);
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(journal_file_open(file, &second, &err), ST_STATE);
    assert_non_null(strstr(err.text, file));
    struct journal_recovery rec;
    struct journal *j = NULL;
    assert_int_equal(journal_open(NULL, &io, NULL, NULL, &rec, &j, &err), ST_OK);
    append(j, intent(1));
    assert_int_equal(journal_sync(j), ST_OK);
    journal_close(j);
    struct seen seen = {.n = 0};
    assert_int_equal(journal_file_open(file, &io, &err), ST_OK);
    assert_int_equal(journal_open(NULL, &io, see, &seen, &rec, &j, &err), ST_OK);
    assert_int_equal(seen.n, 1);
    journal_close(j);
    unlink(file);
    rmdir(path);
}

static void a_path_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct file_io io;
    assert_int_equal(journal_file_open("/dev/null/orders.journal", &io, &err), ST_IO);
    assert_non_null(strstr(err.text, "/dev/null/orders.journal"));
    assert_int_equal(journal_file_open("/dev/null", &io, &err), ST_IO);
    assert_int_equal(journal_file_open("/tmp", &io, &err), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_they_were_written),
        cmocka_unit_test(space_is_taken_before_it_is_needed),
        cmocka_unit_test(a_file_cut_at_any_length_gives_the_whole_records_before_the_cut),
        cmocka_unit_test(a_cut_inside_the_headers_is_refused_or_begins_anew),
        cmocka_unit_test(a_write_that_tears_is_seen_and_written_over),
        cmocka_unit_test(after_a_failed_write_no_record_is_taken),
        cmocka_unit_test(a_failed_sync_or_growth_fails_the_journal),
        cmocka_unit_test(a_full_journal_answers_limit_for_good),
        cmocka_unit_test(an_unknown_type_is_refused_without_harm),
        cmocka_unit_test(it_begins_anew_when_all_is_settled_and_keeps_the_halt),
        cmocka_unit_test(the_newest_sessions_are_kept_when_it_begins_anew),
        cmocka_unit_test(damaged_sessions_are_none_and_harm_nothing_else),
        cmocka_unit_test(beginning_anew_is_all_or_nothing_at_every_byte),
        cmocka_unit_test(a_damaged_record_is_counted_and_stops_compaction),
        cmocka_unit_test(every_flipped_bit_of_a_record_is_noticed),
        cmocka_unit_test(a_file_that_is_no_journal_is_refused_and_left_alone),
        cmocka_unit_test(a_newer_version_is_refused),
        cmocka_unit_test(a_disk_that_cannot_be_read_or_is_full_is_an_error_at_open),
        cmocka_unit_test(the_callback_can_end_the_recovery),
        cmocka_unit_test(halts_of_markets_are_kept_until_the_release),
        cmocka_unit_test(what_is_not_settled_comes_back_from_its_rows),
        cmocka_unit_test(the_file_is_private_locked_and_survives),
        cmocka_unit_test(a_path_that_cannot_be_opened_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
