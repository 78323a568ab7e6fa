/*
 * spill.c - see spill.h.
 *
 * The file: two header slots, then blocks.
 *
 *   0      header A  magic, version, session, its begin, database, where reading begins, crc32c
 *   4096   header B  the same; the valid one with the higher sequence counts
 *   8192   block     head of 64 bytes, records one behind the other, zeros up to a page
 *   ...    block
 *
 * A block begins at a page (4096 bytes). Its head and its records have a checksum each, and both
 * checksums begin with a salt made of the session: what lies in the file from elsewhere, even a
 * block inside a recorded frame, is none of ours.
 *
 * Blocks are written behind each other and never changed. What is drained is given back: its room
 * becomes a hole, and the header says where reading begins; once all is drained the file begins
 * anew. Both are only hints. What counts are the numbers of the records: a block whose records are
 * all in the database is passed over, and a number that does not follow shows what is missing. So
 * no order of the writes to the header, the hole and the database can lose a record or write one
 * twice.
 *
 * A reader who finds no valid block at a page looks at the next page, and so on: behind damage the
 * next whole block counts again. A block that was torn by a kill has nothing behind it. When its
 * head is whole its numbers say how much is missing.
 */
#include "store/spill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SPILL_VERSION 1U
#define PAGE          4096U
#define BLOCKS_AT     (UINT64_C(2) * PAGE)
#define BLOCK_FILL    ((size_t)64 << 10) /* records of a block, if one record is not longer */
#define BLOCK_MAX     ((uint64_t)128 << 20)
#define GIVE_BACK     ((uint64_t)4 << 20) /* room is given back in such pieces */
#define RECORD_MIN    24U                 /* struct rec */

static const char magic[8] = {'D', 'F', 'S', 'P', 'I', 'L', 'L', '\n'};
static const char block_magic[4] = {'D', 'F', 'S', 'B'};

struct header {
    char magic[8];
    uint32_t version;
    uint32_t pad;
    struct spill_id id;
    uint64_t sequence;
    uint64_t begin; /* nothing that is needed stands before it */
    uint32_t pad2;
    uint32_t crc;
};
_Static_assert(sizeof(struct header) == 312, "no hidden bytes under the checksum");

enum block_kind { BLOCK_NONE, BLOCK_RECORDS, BLOCK_END };

struct block_head {
    char magic[4];
    uint32_t kind;
    uint32_t bytes; /* of the records */
    uint32_t count;
    uint64_t first; /* number of the first record */
    struct spill_state state;
    uint32_t pad;
    uint32_t records_crc;
    uint32_t pad2;
    uint32_t crc;
};
_Static_assert(sizeof(struct block_head) == 64, "no hidden bytes under the checksum");

/* Memory that grows to the largest block. */
struct room {
    uint8_t *p;
    size_t cap;
};

struct spill {
    const struct file_system *files;
    struct file_io io;
    char *path;
    struct spill_id id;
    uint32_t salt;
    uint64_t sequence;
    uint64_t begin;   /* of the oldest block that is needed */
    uint64_t given;   /* room is given back up to here */
    uint64_t end;     /* where the next block goes; UINT64_MAX: nobody knows, read to the end */
    bool created;     /* by us: may be written */
    bool dirty;       /* a write failed: cut the file before the next one */
    bool keeps_room;  /* this disk makes no holes */
    struct room out;  /* the block that is being filled, with its head */
    size_t out_bytes; /* of its records */
    uint32_t out_count;
    struct room in;     /* a whole block that was read */
    uint64_t in_at;     /* where; 0: none */
    uint64_t in_unread; /* a page that cannot be read and is passed over; 0: none */
    char error[128];
};

static enum status failed(struct spill *sp, const char *what, int64_t code)
{
    snprintf(sp->error, sizeof sp->error, "%s the spill file: %s", what, strerror((int)-code));
    return ST_IO;
}

static bool room_for(struct room *r, size_t n)
{
    if (n <= r->cap) {
        return true;
    }
    uint8_t *grown = realloc(r->p, n);
    if (grown == NULL) {
        return false;
    }
    r->p = grown;
    r->cap = n;
    return true;
}

static uint64_t pages(uint64_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

/* --- the header --- */

static uint32_t header_crc(const struct header *h)
{
    return crc32c(0, h, offsetof(struct header, crc));
}

static int header_write(struct spill *sp, uint64_t begin)
{
    struct header h = {
        .version = SPILL_VERSION, .id = sp->id, .sequence = sp->sequence + 1, .begin = begin};
    memcpy(h.magic, magic, sizeof magic);
    h.crc = header_crc(&h);
    int r = file_write_all(&sp->io, &h, sizeof h, h.sequence % 2 * PAGE);
    if (r == 0) {
        sp->sequence = h.sequence;
    }
    return r;
}

static bool header_valid(const struct header *h)
{
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->crc == header_crc(h) &&
           h->begin >= BLOCKS_AT && h->begin % PAGE == 0 && h->begin <= INT64_MAX &&
           memchr(h->id.database, '\0', sizeof h->id.database) != NULL;
}

static enum status header_read(struct spill *sp, struct err *err)
{
    struct header slot[2];
    memset(slot, 0, sizeof slot);
    const struct header *best = NULL;
    for (uint64_t i = 0; i < 2; i++) {
        int64_t r = file_read_all(&sp->io, &slot[i], sizeof slot[i], i * PAGE);
        if (r < 0) {
            return err_set(err, ST_IO, "cannot read the spill file %s: %s", sp->path,
                           strerror((int)-r));
        }
        if (header_valid(&slot[i]) && (best == NULL || slot[i].sequence > best->sequence)) {
            best = &slot[i];
        }
    }
    if (best == NULL) {
        return err_set(err, ST_MALFORMED, "%s is not a spill file (no valid header)", sp->path);
    }
    if (best->version != SPILL_VERSION) {
        return err_set(err, ST_UNSUPPORTED, "spill file %s of version %u, this program knows %u",
                       sp->path, best->version, SPILL_VERSION);
    }
    sp->id = best->id;
    sp->sequence = best->sequence;
    sp->begin = best->begin;
    sp->given = best->begin;
    return ST_OK;
}

/* --- opening --- */

static uint32_t salt_of(const struct spill_id *id)
{
    return (uint32_t)hash64(id, sizeof *id);
}

static enum status open_file(const struct file_system *files, const char *path, bool create,
                             struct spill **ret_spill, struct err *err)
{
    struct spill *sp = calloc(1, sizeof *sp);
    char *copy = strdup(path);
    if (sp == NULL || copy == NULL) {
        free(sp);
        free(copy);
        return err_set(err, ST_NOMEM, "no memory for the spill file");
    }
    sp->files = files != NULL ? files : &file_system_real;
    sp->path = copy;
    sp->created = create;
    enum status st = sp->files->open(sp->files->self, path, create ? FILE_NEW : FILE_OPEN,
                                     "the spill file", &sp->io, err);
    if (st != ST_OK) {
        free(copy);
        free(sp);
        return st;
    }
    *ret_spill = sp;
    return ST_OK;
}

enum status spill_create(const struct file_system *files, const char *path,
                         const struct spill_id *id, struct spill **ret_spill, struct err *err)
{
    struct spill *sp = NULL;
    enum status st = open_file(files, path, true, &sp, err);
    if (st != ST_OK) {
        return st;
    }
    memset(&sp->id, 0, sizeof sp->id);
    sp->id.session = id->session;
    sp->id.began = id->began;
    snprintf(sp->id.database, sizeof sp->id.database, "%s", id->database);
    sp->salt = salt_of(&sp->id);
    sp->begin = BLOCKS_AT;
    sp->given = BLOCKS_AT;
    sp->end = BLOCKS_AT;
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++) { /* both slots: either may be damaged */
        r = header_write(sp, BLOCKS_AT);
    }
    r = r == 0 ? sp->io.sync(sp->io.self) : r;
    if (r < 0 || !room_for(&sp->out, sizeof(struct block_head) + BLOCK_FILL + PAGE)) {
        st = r < 0 ? err_set(err, ST_IO, "cannot write the spill file %s: %s", path, strerror(-r))
                   : err_set(err, ST_NOMEM, "no memory for the spill file");
        spill_remove(sp);
        return st;
    }
    *ret_spill = sp;
    return ST_OK;
}

enum status spill_open(const struct file_system *files, const char *path, struct spill **ret_spill,
                       struct err *err)
{
    struct spill *sp = NULL;
    enum status st = open_file(files, path, false, &sp, err);
    if (st != ST_OK) {
        return st;
    }
    st = header_read(sp, err);
    if (st != ST_OK) {
        spill_close(sp);
        return st;
    }
    sp->salt = salt_of(&sp->id);
    sp->end = UINT64_MAX;
    *ret_spill = sp;
    return ST_OK;
}

void spill_close(struct spill *sp)
{
    if (sp == NULL) {
        return;
    }
    sp->io.close(sp->io.self);
    free(sp->out.p);
    free(sp->in.p);
    free(sp->path);
    free(sp);
}

void spill_remove(struct spill *sp)
{
    if (sp != NULL) {
        (void)sp->files->remove(sp->files->self, sp->path); /* while it is locked */
        spill_close(sp);
    }
}

const struct spill_id *spill_id(const struct spill *sp)
{
    return &sp->id;
}

const char *spill_path(const struct spill *sp)
{
    return sp->path;
}

uint64_t spill_bytes(const struct spill *sp)
{
    return sp->created ? sp->end - (sp->keeps_room ? BLOCKS_AT : sp->begin) : 0;
}

const char *spill_error(const struct spill *sp)
{
    return sp->error;
}

/* --- writing --- */

enum status spill_add(struct spill *sp, const void *record)
{
    uint32_t size;
    memcpy(&size, record, sizeof size);
    if (size < RECORD_MIN || size % 8 != 0 || size > BLOCK_MAX - PAGE) {
        return ST_INVALID;
    }
    if (sp->out_count > 0 && sp->out_bytes + size > BLOCK_FILL) {
        return ST_FULL;
    }
    if (!room_for(&sp->out, sizeof(struct block_head) + sp->out_bytes + size + PAGE)) {
        snprintf(sp->error, sizeof sp->error, "no memory for a block of the spill file");
        return ST_NOMEM;
    }
    memcpy(sp->out.p + sizeof(struct block_head) + sp->out_bytes, record, size);
    sp->out_bytes += size;
    sp->out_count++;
    return ST_OK;
}

uint64_t spill_block_bytes(const struct spill *sp)
{
    return sp->out_count > 0 ? pages(sizeof(struct block_head) + sp->out_bytes) : 0;
}

void spill_forget(struct spill *sp)
{
    sp->out_bytes = 0;
    sp->out_count = 0;
}

static uint32_t head_crc(const struct spill *sp, const struct block_head *h)
{
    return crc32c(sp->salt, h, offsetof(struct block_head, crc));
}

/* The block in sp->out goes to the end of the file. */
static enum status write_block(struct spill *sp, enum block_kind kind, uint64_t first,
                               const struct spill_state *state)
{
    struct block_head h = {.kind = kind,
                           .bytes = (uint32_t)sp->out_bytes,
                           .count = sp->out_count,
                           .first = first,
                           .state = *state};
    memcpy(h.magic, block_magic, sizeof h.magic);
    h.records_crc = crc32c(sp->salt, sp->out.p + sizeof h, sp->out_bytes);
    h.crc = head_crc(sp, &h);
    memcpy(sp->out.p, &h, sizeof h);
    size_t n = sizeof h + sp->out_bytes;
    size_t whole = (size_t)pages(n);
    memset(sp->out.p + n, 0, whole - n);
    spill_forget(sp);
    int r = 0;
    if (sp->dirty) {
        r = sp->io.truncate(sp->io.self, sp->end);
    }
    r = r < 0 ? r : file_write_all(&sp->io, sp->out.p, whole, sp->end);
    if (r < 0) {
        /* A part of it names records that may yet go another way. */
        sp->dirty = sp->io.truncate(sp->io.self, sp->end) < 0;
        return failed(sp, "cannot write", r);
    }
    sp->dirty = false;
    sp->end += whole;
    return ST_OK;
}

enum status spill_write(struct spill *sp, uint64_t first, const struct spill_state *state)
{
    if (sp->out_count == 0) {
        return ST_OK;
    }
    return write_block(sp, BLOCK_RECORDS, first, state);
}

enum status spill_write_end(struct spill *sp, uint64_t next, const char *outcome,
                            const struct spill_state *state)
{
    spill_forget(sp);
    char text[SPILL_OUTCOME_MAX] = {0};
    snprintf(text, sizeof text, "%s", outcome);
    memcpy(sp->out.p + sizeof(struct block_head), text, sizeof text);
    sp->out_bytes = sizeof text;
    return write_block(sp, BLOCK_END, next, state);
}

enum status spill_sync(struct spill *sp)
{
    int r = sp->io.sync(sp->io.self);
    return r < 0 ? failed(sp, "cannot sync", r) : ST_OK;
}

int spill_sync_apart(const struct spill *sp)
{
    return sp->io.sync(sp->io.self);
}

/* --- reading --- */

static bool head_valid(const struct spill *sp, const struct block_head *h)
{
    if (memcmp(h->magic, block_magic, sizeof h->magic) != 0 || h->crc != head_crc(sp, h)) {
        return false;
    }
    uint64_t n = h->bytes;
    bool records = h->kind == BLOCK_RECORDS && h->count > 0 && n >= h->count * UINT64_C(8);
    bool end = h->kind == BLOCK_END && h->count == 0 && n == SPILL_OUTCOME_MAX;
    return (records || end) && n % 8 == 0 && n <= BLOCK_MAX && h->first > 0 &&
           h->first < UINT64_MAX / 2;
}

/* Each record says how long it is; together they must be the block. */
static bool records_valid(const struct block_head *h, const uint8_t *p)
{
    if (h->kind == BLOCK_END) {
        return memchr(p, '\0', h->bytes) != NULL;
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t size;
        if (h->bytes - at < RECORD_MIN) {
            return false;
        }
        memcpy(&size, p + at, sizeof size);
        if (size < RECORD_MIN || size % 8 != 0 || size > h->bytes - at) {
            return false;
        }
        at += size;
    }
    return at == h->bytes;
}

enum found { FOUND_BLOCK, FOUND_NOTHING, FOUND_DAMAGE, FOUND_END, FOUND_ERROR, FOUND_NOMEM };

/* What stands at a page. FOUND_BLOCK: whole, in sp->in. *ret_head is valid then, and for a damaged
 * block whose head is not (its kind is BLOCK_NONE otherwise). */
static enum found look(struct spill *sp, uint64_t at, struct block_head *ret_head)
{
    if (sp->in_at == at && at != 0) {
        memcpy(ret_head, sp->in.p, sizeof *ret_head);
        return FOUND_BLOCK;
    }
    ret_head->kind = BLOCK_NONE;
    if (at == sp->in_unread && at != 0) {
        return FOUND_DAMAGE;
    }
    sp->in_at = 0;
    if (at >= sp->end) {
        return FOUND_END;
    }
    if (!room_for(&sp->in, PAGE)) {
        return FOUND_NOMEM;
    }
    int64_t n = file_read_all(&sp->io, sp->in.p, PAGE, at);
    if (n < 0) {
        (void)failed(sp, "cannot read", n);
        return FOUND_ERROR;
    }
    if (n == 0) {
        return FOUND_END;
    }
    struct block_head h = {.kind = BLOCK_NONE};
    if ((size_t)n < sizeof h) {
        return all_zero(sp->in.p, (size_t)n) ? FOUND_NOTHING : FOUND_DAMAGE;
    }
    memcpy(&h, sp->in.p, sizeof h);
    if (!head_valid(sp, &h)) {
        return all_zero(sp->in.p, (size_t)n) ? FOUND_NOTHING : FOUND_DAMAGE;
    }
    *ret_head = h;
    size_t whole = sizeof h + h.bytes;
    if (whole > (size_t)n) {
        if (!room_for(&sp->in, whole)) {
            return FOUND_NOMEM;
        }
        int64_t more = file_read_all(&sp->io, sp->in.p + n, whole - (size_t)n, at + (uint64_t)n);
        if (more < 0) {
            (void)failed(sp, "cannot read", more);
            return FOUND_ERROR;
        }
        n += more;
    }
    const uint8_t *records = sp->in.p + sizeof h;
    if ((size_t)n < whole || h.records_crc != crc32c(sp->salt, records, h.bytes) ||
        !records_valid(&h, records)) {
        return FOUND_DAMAGE;
    }
    sp->in_at = at;
    return FOUND_BLOCK;
}

struct spill_cursor spill_begin(const struct spill *sp, uint64_t progress)
{
    return (struct spill_cursor){.at = sp->begin, .next = progress + 1};
}

static void pass_block(struct spill_cursor *c, const struct block_head *h)
{
    c->at += pages(sizeof *h + h->bytes);
    c->in = 0;
    c->passed = 0;
    if (h->first >= c->whole) { /* not one that was left behind by an earlier round */
        c->whole = h->first + h->count;
        c->damaged = false;
        c->known = 0;
    }
}

static void pass_damage(struct spill_cursor *c, const struct block_head *h)
{
    c->damaged = true;
    c->in = 0;
    c->passed = 0;
    if (h->kind == BLOCK_NONE) {
        c->at += PAGE;
        return;
    }
    uint64_t behind = h->first + h->count;
    c->known = behind > c->known ? behind : c->known;
    c->at += pages(sizeof *h + h->bytes);
}

static void missing_to(struct spill_cursor *c, uint64_t next, struct spill_item *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->kind = SPILL_MISSING;
    ret->missing = next - c->next;
    ret->number = next - 1;
    c->next = next;
}

/* Nothing whole comes any more. */
static enum status at_end(struct spill_cursor *c, struct spill_item *ret)
{
    bool damaged = c->damaged;
    c->damaged = false;
    if (!damaged) {
        return ST_END;
    }
    if (c->known > c->next) {
        missing_to(c, c->known, ret);
        return ST_OK;
    }
    /* Without a head nobody knows how much. One number is taken for it, so that it is told once
     * even when the drain has to begin again. */
    if (c->known != 0 || (c->whole != 0 && c->next > c->whole)) {
        return ST_END;
    }
    missing_to(c, c->next + 1, ret);
    ret->missing = 0;
    return ST_OK;
}

/* An item of a whole block, or ST_AGAIN: it has none that is needed and is passed. */
static enum status from_block(struct spill *sp, struct spill_cursor *c, const struct block_head *h,
                              struct spill_item *ret)
{
    if (h->first > c->next) {
        missing_to(c, h->first, ret);
        ret->state = h->state;
        return ST_OK;
    }
    const uint8_t *records = sp->in.p + sizeof *h;
    if (h->kind == BLOCK_END) {
        pass_block(c, h);
        memset(ret, 0, sizeof *ret);
        ret->kind = SPILL_END;
        ret->number = h->first - 1;
        ret->outcome = (const char *)records;
        ret->state = h->state;
        return ST_OK;
    }
    if (h->first + h->count <= c->next) {
        pass_block(c, h);
        return ST_AGAIN;
    }
    uint32_t size;
    for (; h->first + c->passed < c->next; c->passed++) {
        memcpy(&size, records + c->in, sizeof size);
        c->in += size;
    }
    memset(ret, 0, sizeof *ret);
    ret->kind = SPILL_RECORD;
    ret->number = c->next++;
    ret->record = records + c->in;
    ret->state = h->state;
    ret->state.rows += c->passed;
    memcpy(&size, ret->record, sizeof size);
    c->in += size;
    c->passed++;
    ret->inside = c->passed < h->count;
    if (!ret->inside) {
        pass_block(c, h);
    }
    return ST_OK;
}

enum status spill_next(struct spill *sp, struct spill_cursor *c, struct spill_item *ret_item)
{
    for (;;) {
        struct block_head h;
        switch (look(sp, c->at, &h)) {
        case FOUND_BLOCK: {
            enum status st = from_block(sp, c, &h, ret_item);
            if (st != ST_AGAIN) {
                return st;
            }
            break;
        }
        case FOUND_NOTHING:
            c->at += PAGE;
            break;
        case FOUND_DAMAGE:
            pass_damage(c, &h);
            break;
        case FOUND_END:
            return at_end(c, ret_item);
        case FOUND_ERROR:
            return ST_IO;
        case FOUND_NOMEM:
            snprintf(sp->error, sizeof sp->error, "no memory for a block of the spill file");
            return ST_NOMEM;
        }
    }
}

void spill_skip_unreadable(struct spill *sp, struct spill_cursor *c)
{
    sp->in_unread = c->at;
    sp->in_at = 0;
}

/* --- giving room back --- */

void spill_all_done(struct spill *sp)
{
    sp->begin = sp->end;
    /* The header first: reading may not begin behind what is written next. */
    if (sp->end == BLOCKS_AT || header_write(sp, BLOCKS_AT) < 0 ||
        sp->io.truncate(sp->io.self, BLOCKS_AT) < 0) {
        return;
    }
    sp->begin = BLOCKS_AT;
    sp->given = BLOCKS_AT;
    sp->end = BLOCKS_AT;
    sp->dirty = false;
    sp->in_at = 0;
    sp->in_unread = 0;
}

void spill_done(struct spill *sp, const struct spill_cursor *c)
{
    sp->begin = c->at;
    if (c->at - sp->given < GIVE_BACK || header_write(sp, c->at) < 0) {
        return;
    }
    int r = sp->io.release(sp->io.self, sp->given, c->at - sp->given);
    if (r == -EOPNOTSUPP || r == -ENOSYS) {
        sp->keeps_room = true;
    }
    sp->given = c->at;
}
