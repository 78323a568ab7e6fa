/*
 * zipfile.c - a checked directory in front of libzip.
 *
 * Layout of a zip, from the end: end record (PK\5\6, 22 bytes and a comment), before it sometimes a
 * zip64 locator (20 bytes) and a zip64 end record (56 bytes), before that the directory (46 bytes
 * and name, extra, comment for each entry), before that the members. SB3 files hold archives stored
 * inside an archive, so a file that lost its tail still has an end record: that of an inner
 * archive. Hence the rule that the end record must reach exactly to the last byte.
 */
#include "policy/zipfile.h"

#include <stdlib.h>
#include <string.h>

#include <zip.h>

#define END_SIZE       22
#define LOCATOR_SIZE   20
#define END64_SIZE     56
#define ENTRY_SIZE     46
#define LOCAL_SIZE     30
#define COMMENT_MAX    65535
#define RATIO_MAX      200       /* inflated to packed, beyond which a large member is a bomb */
#define RATIO_FREE     (1 << 20) /* up to here any ratio is harmless */
#define FLAG_ENCRYPTED 0x0001
#define FLAG_STRONG    0x0040
#define FLAG_PATCH     0x0020
#define FLAG_MASKED    0x2000

struct entry {
    struct text name;
    uint32_t flags;
    uint32_t method;
    uint64_t packed;
    uint64_t size;
    uint64_t offset;
};

struct zipfile {
    const uint8_t *p;
    size_t n;
    size_t directory; /* offset of the directory; members end before it */
    size_t count;
    struct entry *entries;
    zip_t *lib;
};

/* Where the directory lies, as the end records say. */
struct extent {
    uint64_t count;
    uint64_t size;
    uint64_t offset;
    uint64_t limit; /* the directory must end here */
};

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static uint64_t le64(const uint8_t *p)
{
    return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

static enum status find_end(const uint8_t *p, size_t n, size_t *ret_end, struct refusal *r)
{
    if (n == 0) {
        return refuse(r, REFUSED_NOT_ZIP, "empty file, not a zip archive");
    }
    if (n < END_SIZE) {
        return refuse(r, REFUSED_NOT_ZIP, "%zu bytes are too few for a zip archive", n);
    }
    size_t lowest = n > END_SIZE + COMMENT_MAX ? n - END_SIZE - COMMENT_MAX : 0;
    for (size_t at = n - END_SIZE + 1; at-- > lowest;) {
        if (memcmp(p + at, "PK\5\6", 4) != 0) {
            continue;
        }
        if (at + END_SIZE + le16(p + at + 20) != n) {
            break;
        }
        *ret_end = at;
        return ST_OK;
    }
    if (n >= 4 && memcmp(p, "PK\3\4", 4) == 0) {
        return refuse(r, REFUSED_NOT_ZIP, "truncated zip archive: no end record at its end");
    }
    return refuse(r, REFUSED_NOT_ZIP, "not a zip archive");
}

/* The zip64 end record, when there is one, must stand between the directory and the end record. */
static enum status read_end64(const struct zipfile *zip, size_t end, struct extent *x,
                              struct refusal *r)
{
    const uint8_t *locator = zip->p + end - LOCATOR_SIZE;
    uint64_t at = le64(locator + 8);
    if (at > end - LOCATOR_SIZE || end - LOCATOR_SIZE - at < END64_SIZE ||
        memcmp(zip->p + at, "PK\6\6", 4) != 0) {
        return refuse(r, REFUSED_ZIP_STRUCT, "zip64 end record is not where its locator says");
    }
    const uint8_t *record = zip->p + at;
    struct extent big = {le64(record + 32), le64(record + 40), le64(record + 48), at};
    bool agrees = (x->count == 0xffff || x->count == big.count) &&
                  (x->size == 0xffffffff || x->size == big.size) &&
                  (x->offset == 0xffffffff || x->offset == big.offset) &&
                  le64(record + 24) == big.count;
    if (!agrees) {
        return refuse(r, REFUSED_ZIP_STRUCT, "the two zip end records contradict each other");
    }
    *x = big;
    return ST_OK;
}

static enum status read_extent(const struct zipfile *zip, size_t end, struct extent *ret_x,
                               struct refusal *r)
{
    const uint8_t *e = zip->p + end;
    struct extent x = {le16(e + 10), le32(e + 12), le32(e + 16), end};
    if (le16(e + 4) != 0 || le16(e + 6) != 0 || le16(e + 8) != x.count) {
        return refuse(r, REFUSED_ZIP_UNSUPPORTED, "zip archive in several parts");
    }
    if (end >= LOCATOR_SIZE && memcmp(e - LOCATOR_SIZE, "PK\6\7", 4) == 0) {
        enum status st = read_end64(zip, end, &x, r);
        if (st != ST_OK) {
            return st;
        }
    }
    if (x.offset > x.limit || x.size != x.limit - x.offset) {
        return refuse(r, REFUSED_ZIP_STRUCT,
                      "zip directory at offset %llu with %llu bytes is out of bounds",
                      (unsigned long long)x.offset, (unsigned long long)x.size);
    }
    if (x.count > ZIP_ENTRIES_MAX) {
        return refuse(r, REFUSED_ZIP_LIMIT, "zip directory of %llu entries is too large",
                      (unsigned long long)x.count);
    }
    *ret_x = x;
    return ST_OK;
}

static enum status read_directory(struct zipfile *zip, const struct extent *x, struct refusal *r)
{
    zip->directory = (size_t)x->offset;
    size_t at = zip->directory;
    size_t limit = (size_t)x->limit;
    for (size_t i = 0; i < x->count; i++) {
        const uint8_t *h = zip->p + at;
        if (limit - at < ENTRY_SIZE || memcmp(h, "PK\1\2", 4) != 0) {
            return refuse(r, REFUSED_ZIP_STRUCT, "zip directory holds %zu entries and not %llu", i,
                          (unsigned long long)x->count);
        }
        size_t name = le16(h + 28);
        size_t rest = name + le16(h + 30) + le16(h + 32);
        if (limit - at - ENTRY_SIZE < rest) {
            return refuse(r, REFUSED_ZIP_STRUCT, "zip directory entry %zu is out of bounds", i);
        }
        zip->entries[i] = (struct entry){
            .name = {(const char *)h + ENTRY_SIZE, name},
            .flags = le16(h + 8),
            .method = le16(h + 10),
            .packed = le32(h + 20),
            .size = le32(h + 24),
            .offset = le32(h + 42),
        };
        at += ENTRY_SIZE + rest;
        zip->count = i + 1;
    }
    if (at != limit) {
        return refuse(r, REFUSED_ZIP_STRUCT,
                      "zip directory has more bytes than its count of %llu entries needs",
                      (unsigned long long)x->count);
    }
    return ST_OK;
}

/* libzip reads the same bytes; it must come to the same directory. */
static enum status open_library(struct zipfile *zip, struct refusal *r)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(zip->p, zip->n, 0, &error);
    if (source == NULL) {
        zip_error_fini(&error);
        return refuse_memory(r);
    }
    zip->lib = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (zip->lib == NULL) {
        refuse(r, REFUSED_ZIP_STRUCT, "zip directory: %s", zip_error_strerror(&error));
        zip_source_free(source);
        zip_error_fini(&error);
        return r->err.st;
    }
    zip_error_fini(&error);
    if (zip_get_num_entries(zip->lib, 0) != (zip_int64_t)zip->count) {
        return refuse(r, REFUSED_ZIP_STRUCT, "zip directory: two readers find different entries");
    }
    return ST_OK;
}

enum status zipfile_open(const uint8_t *bytes, size_t n, struct zipfile **ret_zip,
                         struct refusal *r)
{
    struct zipfile *zip = calloc(1, sizeof *zip);
    if (zip == NULL) {
        return refuse_memory(r);
    }
    zip->p = bytes;
    zip->n = n;
    size_t end = 0;
    struct extent x = {0};
    enum status st = find_end(bytes, n, &end, r);
    if (st == ST_OK) {
        st = read_extent(zip, end, &x, r);
    }
    if (st == ST_OK) {
        zip->entries = calloc(x.count > 0 ? (size_t)x.count : 1, sizeof *zip->entries);
        st = zip->entries != NULL ? read_directory(zip, &x, r) : refuse_memory(r);
    }
    if (st == ST_OK) {
        st = open_library(zip, r);
    }
    if (st != ST_OK) {
        zipfile_close(zip);
        return st;
    }
    *ret_zip = zip;
    return ST_OK;
}

void zipfile_close(struct zipfile *zip)
{
    if (zip == NULL) {
        return;
    }
    if (zip->lib != NULL) {
        zip_discard(zip->lib);
    }
    free(zip->entries);
    free(zip);
}

size_t zipfile_count(const struct zipfile *zip)
{
    return zip->count;
}

struct text zipfile_name(const struct zipfile *zip, size_t i)
{
    return zip->entries[i].name;
}

bool zipfile_has(const struct zipfile *zip, const char *name)
{
    for (size_t i = 0; i < zip->count; i++) {
        if (text_equal(zip->entries[i].name, text_of(name))) {
            return true;
        }
    }
    return false;
}

static enum status find_one(const struct zipfile *zip, const char *name, size_t *ret_i,
                            struct refusal *r)
{
    size_t found = zip->count;
    for (size_t i = 0; i < zip->count; i++) {
        if (!text_equal(zip->entries[i].name, text_of(name))) {
            continue;
        }
        if (found != zip->count) {
            return refuse(r, REFUSED_ZIP_STRUCT, "duplicate member: two are named %s", name);
        }
        found = i;
    }
    if (found == zip->count) {
        return refuse(r, REFUSED_MISSING_MEMBER, "missing member %s", name);
    }
    *ret_i = found;
    return ST_OK;
}

/* Encryption, method and claimed sizes, before anything is inflated. */
static enum status check_entry(const struct entry *e, const char *name, size_t max,
                               struct refusal *r)
{
    if ((e->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0) {
        return refuse(r, REFUSED_ZIP_UNSUPPORTED, "%s is encrypted", name);
    }
    if ((e->flags & FLAG_PATCH) != 0) {
        return refuse(r, REFUSED_ZIP_UNSUPPORTED, "%s has the unsupported flag 0x%x", name,
                      e->flags);
    }
    if (e->method != ZIP_CM_STORE && e->method != ZIP_CM_DEFLATE) {
        return refuse(r, REFUSED_ZIP_UNSUPPORTED, "%s has the unsupported compression method %u",
                      name, e->method);
    }
    if (e->size > max) {
        return refuse(r, REFUSED_ZIP_LIMIT, "%s claims a size of %llu bytes, limit %zu", name,
                      (unsigned long long)e->size, max);
    }
    if (e->size > RATIO_FREE && e->size / RATIO_MAX > e->packed) {
        return refuse(r, REFUSED_ZIP_LIMIT, "%s: %llu bytes of %llu is too large a ratio", name,
                      (unsigned long long)e->size, (unsigned long long)e->packed);
    }
    if (e->method == ZIP_CM_STORE && e->size != e->packed) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s is stored, but its two sizes differ", name);
    }
    return ST_OK;
}

/* The local header must lie among the members and carry the directory's name. */
static enum status check_local(const struct zipfile *zip, const struct entry *e, const char *name,
                               struct refusal *r)
{
    if (e->offset > zip->directory || zip->directory - e->offset < LOCAL_SIZE) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s: zip offset %llu is out of bounds", name,
                      (unsigned long long)e->offset);
    }
    const uint8_t *h = zip->p + e->offset;
    uint64_t room = zip->directory - e->offset - LOCAL_SIZE;
    uint64_t head = (uint64_t)le16(h + 26) + le16(h + 28);
    if (memcmp(h, "PK\3\4", 4) != 0) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s: no zip header at offset %llu", name,
                      (unsigned long long)e->offset);
    }
    if (head > room || e->packed > room - head) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s reaches out of bounds into the zip directory",
                      name);
    }
    struct text local = {(const char *)h + LOCAL_SIZE, le16(h + 26)};
    if (!text_equal(local, e->name) || le16(h + 8) != e->method) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s: zip header and directory contradict each other",
                      name);
    }
    return ST_OK;
}

static enum status library_failed(zip_file_t *file, const char *name, struct refusal *r)
{
    zip_error_t *error = zip_file_get_error(file);
    if (zip_error_code_zip(error) == ZIP_ER_CRC) {
        return refuse(r, REFUSED_CRC, "%s: CRC is wrong, the file is damaged", name);
    }
    return refuse(r, REFUSED_ZIP_STRUCT, "%s: corrupt zip member, cannot inflate: %s", name,
                  zip_error_strerror(error));
}

/* Reads to the end, because only there libzip compares the CRC. One byte beyond the claimed size is
 * room to see that more comes. */
static enum status inflate(zip_file_t *file, const struct entry *e, const char *name,
                           struct buf *out, struct refusal *r)
{
    char chunk[16384];
    for (;;) {
        zip_int64_t got = zip_fread(file, chunk, sizeof chunk);
        if (got < 0) {
            return library_failed(file, name, r);
        }
        if (got == 0) {
            break;
        }
        if ((uint64_t)got > e->size - out->n) {
            return refuse(r, REFUSED_ZIP_LIMIT, "%s inflates to more than the claimed size", name);
        }
        buf_add(out, chunk, (size_t)got);
        if (out->failed) {
            return refuse_memory(r);
        }
    }
    if (out->n != e->size) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s inflates to %zu bytes and not to the claimed size",
                      name, out->n);
    }
    return ST_OK;
}

enum status zipfile_read(struct zipfile *zip, const char *name, size_t max, uint8_t **ret_bytes,
                         size_t *ret_n, struct refusal *r)
{
    size_t i = 0;
    enum status st = find_one(zip, name, &i, r);
    if (st != ST_OK) {
        return st;
    }
    const struct entry *e = &zip->entries[i];
    st = check_entry(e, name, max, r);
    if (st == ST_OK) {
        st = check_local(zip, e, name, r);
    }
    zip_stat_t stat;
    if (st == ST_OK &&
        (zip_stat_index(zip->lib, i, ZIP_FL_ENC_RAW, &stat) != 0 || stat.size != e->size ||
         stat.comp_size != e->packed || !text_equal(text_of(stat.name), e->name))) {
        st = refuse(r, REFUSED_ZIP_STRUCT, "%s: two readers find different sizes", name);
    }
    if (st != ST_OK) {
        return st;
    }
    zip_file_t *file = zip_fopen_index(zip->lib, i, 0);
    if (file == NULL) {
        return refuse(r, REFUSED_ZIP_STRUCT, "%s: %s", name, zip_strerror(zip->lib));
    }
    struct buf out;
    buf_init(&out, (size_t)e->size + 1);
    st = inflate(file, e, name, &out, r);
    zip_fclose(file);
    if (st == ST_OK && out.p == NULL) {
        out.p = malloc(1);
        st = out.p != NULL ? ST_OK : refuse_memory(r);
    }
    if (st != ST_OK) {
        buf_finish(&out);
        return st;
    }
    *ret_bytes = (uint8_t *)out.p;
    *ret_n = out.n;
    return ST_OK;
}
