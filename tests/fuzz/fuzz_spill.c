/*
 * fuzz_spill.c - spill files of any kind: refused, or read to the end, with numbers that rise and
 * records that are whole; what is read behind any progress is the same.
 *
 * The first byte's lowest bit asks for right checksums, so that the fuzzer gets behind them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/spill.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK_MAX (1U << 17)
#define PAGE     4096U

struct image {
    uint8_t p[DISK_MAX];
    size_t n;
};

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static int64_t image_pread(void *self, void *p, size_t n, uint64_t at)
{
    const struct image *d = self;
    size_t k = at >= d->n ? 0 : d->n - (size_t)at;
    k = k < n ? k : n;
    memcpy(p, d->p + (k > 0 ? at : 0), k);
    return (int64_t)k;
}

static void image_close(void *self)
{
    (void)self;
}

static enum status image_open(void *self, const char *path, enum file_open how, const char *what,
                              struct file_io *ret_io, struct err *err)
{
    (void)path, (void)what, (void)err;
    check(how == FILE_OPEN);
    /* Reading changes nothing: there is no other function to call. */
    *ret_io = (struct file_io){.self = self, .pread = image_pread, .close = image_close};
    return ST_OK;
}

struct heard {
    struct digest records; /* behind the first progress */
    uint64_t n;
};

static struct heard hear(struct spill *sp, uint64_t progress, uint64_t note_from)
{
    struct spill_cursor c = spill_begin(sp, progress);
    struct spill_item item;
    struct heard h = {.n = 0};
    uint64_t number = progress;
    enum status st;
    digest_init(&h.records);
    while ((st = spill_next(sp, &c, &item)) == ST_OK) {
        check(item.kind == SPILL_END || item.number > number);
        if (item.kind == SPILL_RECORD) {
            uint32_t size;
            memcpy(&size, item.record, sizeof size);
            check(size >= 24 && size % 8 == 0 && size <= DISK_MAX);
            check(item.number == number + 1);
            if (item.number > note_from) {
                digest_u64(&h.records, item.number);
                digest_add(&h.records, item.record, size); /* every byte can be read */
                h.n++;
            }
        } else if (item.kind == SPILL_END) {
            check(strlen(item.outcome) < SPILL_OUTCOME_MAX);
        }
        number = item.number > number ? item.number : number;
    }
    check(st == ST_END);
    return h;
}

/* Both headers and each block that says how long it is get the checksums that they should have. */
static void repair(struct image *d)
{
    struct spill_id id;
    for (size_t at = 0; at < 2 * PAGE && at + 312 <= d->n; at += PAGE) {
        uint32_t crc = crc32c(0, d->p + at, 308);
        memcpy(d->p + at + 308, &crc, sizeof crc);
    }
    memcpy(&id, d->p + 16, sizeof id);
    uint32_t salt = (uint32_t)hash64(&id, sizeof id);
    for (size_t at = 2 * PAGE; at + 64 <= d->n; at += PAGE) {
        uint32_t bytes;
        memcpy(&bytes, d->p + at + 8, sizeof bytes);
        size_t rest = d->n - at - 64;
        uint32_t crc = crc32c(salt, d->p + at + 64, bytes < rest ? bytes : rest);
        memcpy(d->p + at + 52, &crc, sizeof crc);
        crc = crc32c(salt, d->p + at, 60);
        memcpy(d->p + at + 60, &crc, sizeof crc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct image d;
    memset(&d, 0, sizeof d);
    if (size < 2 || size > DISK_MAX / 2) {
        return 0;
    }
    /* Short inputs reach the blocks too: 312 bytes are the header, each 512 behind them a page. */
    const uint8_t *p = data + 2;
    size_t n = size - 2, head = n < 312 ? n : 312;
    memcpy(d.p, p, head);
    p += head;
    n -= head;
    d.n = head;
    for (size_t at = 2 * PAGE; n > 0 && at + PAGE <= DISK_MAX; at += PAGE) {
        size_t k = n < 512 ? n : 512;
        memcpy(d.p + at, p, k);
        p += k;
        n -= k;
        d.n = at + ((data[0] & 2) != 0 && n == 0 ? k : PAGE);
    }
    if ((data[0] & 1) != 0) {
        repair(&d);
    }
    struct file_system files = {.self = &d, .open = image_open};
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    if (spill_open(&files, "x.spill", &sp, &err) != ST_OK) {
        check(err.text[0] != '\0');
        return 0;
    }
    uint64_t progress = data[1];
    struct heard all = hear(sp, 0, progress);
    struct heard rest = hear(sp, progress, progress);
    /* The same records behind it, whoever asks. */
    check(all.n == rest.n && memcmp(&all.records, &rest.records, sizeof all.records) == 0);
    spill_close(sp);
    return 0;
}
