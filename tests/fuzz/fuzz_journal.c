/*
 * fuzz_journal.c - journal files of any kind: refused, or recovered, appended to and recovered
 * again with one record more.
 *
 * The first byte's lowest bit asks for right checksums, so that the fuzzer gets behind them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "orders/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK_MAX (1U << 17)

struct disk {
    uint8_t p[DISK_MAX];
    size_t n;
};

static void check(bool ok)
{
    if (!ok) {
        abort();
    }
}

static int64_t disk_pread(void *self, void *p, size_t n, uint64_t at)
{
    struct disk *d = self;
    size_t k = at >= d->n ? 0 : d->n - (size_t)at;
    k = k < n ? k : n;
    memcpy(p, d->p + at, k);
    return (int64_t)k;
}

static int64_t disk_pwrite(void *self, const void *p, size_t n, uint64_t at)
{
    struct disk *d = self;
    if (at + n > DISK_MAX) {
        return -ENOSPC;
    }
    memcpy(d->p + at, p, n);
    d->n = d->n > at + n ? d->n : (size_t)at + n;
    return (int64_t)n;
}

static int disk_allocate(void *self, uint64_t size)
{
    struct disk *d = self;
    if (size > DISK_MAX) {
        return -ENOSPC;
    }
    d->n = d->n > size ? d->n : (size_t)size;
    return 0;
}

static int disk_sync(void *self)
{
    (void)self;
    return 0;
}

static void disk_close(void *self)
{
    (void)self;
}

static enum status count(void *self, const struct journal_record *rec)
{
    uint64_t *n = self;
    check(rec->type > JOURNAL_NONE && rec->type < JOURNAL_TYPE_MAX);
    check(strlen(rec->ticker) < TICKER_MAX && strlen(rec->client_id) < CLIENT_ID_MAX);
    (*n)++;
    return ST_OK;
}

static struct journal *recover(struct disk *d, struct journal_recovery *rec)
{
    const struct file_io io = {.self = d,
                               .pread = disk_pread,
                               .pwrite = disk_pwrite,
                               .allocate = disk_allocate,
                               .sync = disk_sync,
                               .close = disk_close};
    const struct journal_config config = {.records = 16, .records_max = 400};
    struct journal *j = NULL;
    struct err err = {.st = ST_OK};
    uint64_t n = 0;
    if (journal_open(&config, &io, count, &n, rec, &j, &err) != ST_OK) {
        check(err.text[0] != '\0');
        return NULL;
    }
    check(n == rec->records);
    return j;
}

/* Header A and every record get the checksums they should have. */
static void repair(struct disk *d)
{
    uint64_t epoch;
    memcpy(&epoch, d->p + 16, sizeof epoch);
    uint32_t crc = crc32c(0, d->p, 108);
    memcpy(d->p + 108, &crc, sizeof crc);
    for (size_t at = 8192; at + 256 <= d->n; at += 256) {
        crc = crc32c(crc32c(0, &epoch, sizeof epoch), d->p + at + 4, 252);
        memcpy(d->p + at, &crc, sizeof crc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct disk d;
    memset(&d, 0, sizeof d);
    if (size < 1 || size > DISK_MAX / 2) {
        return 0;
    }
    bool right = (data[0] & 1) != 0;
    /* Short inputs reach the records too: the first 112 bytes are the header, the rest follow. */
    size_t head = size - 1 < 112 ? size - 1 : 112;
    memcpy(d.p, data + 1, head);
    memcpy(d.p + 8192, data + 1 + head, size - 1 - head);
    d.n = size - 1 > head ? 8192 + size - 1 - head : head;
    if (right && d.n >= 112) {
        repair(&d);
    }
    struct journal_recovery rec;
    struct journal *j = recover(&d, &rec);
    if (j == NULL) {
        return 0;
    }
    uint64_t before = rec.compacted ? 0 : rec.records;
    struct journal_record r = {.type = JOURNAL_INTENT, .client_id = "fuzz"};
    check(journal_append(j, &r) == ST_OK);
    journal_close(j);
    j = recover(&d, &rec);
    check(j != NULL && rec.records == before + 1);
    journal_close(j);
    return 0;
}
