/*
 * spill.c - the spill file, its header and its writing: see spill.h, and spill_int.h for the
 * layout.
 */
#include "store/spill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/spill_int.h"

#define SPILL_VERSION 1U
#define BLOCK_FILL    ((size_t)64 << 10)  /* records of a block, if one record is not longer */
#define GIVE_BACK     ((uint64_t)4 << 20) /* room is given back in such pieces */

static const char magic[8] = {'D', 'F', 'S', 'P', 'I', 'L', 'L', '\n'};

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

enum status spill_failed(struct spill *sp, const char *what, int64_t code)
{
    snprintf(sp->error, sizeof sp->error, "%s the spill file: %s", what, strerror((int)-code));
    return ST_IO;
}

bool spill_room(struct spill_room *r, size_t n)
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
    int r = file_write_all(&sp->io, &h, sizeof h, h.sequence % 2 * SPILL_PAGE);
    if (r == 0) {
        sp->sequence = h.sequence;
    }
    return r;
}

static bool header_valid(const struct header *h)
{
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->crc == header_crc(h) &&
           h->begin >= SPILL_BLOCKS_AT && h->begin % SPILL_PAGE == 0 && h->begin <= INT64_MAX &&
           memchr(h->id.database, '\0', sizeof h->id.database) != NULL;
}

static enum status header_read(struct spill *sp, struct err *err)
{
    struct header slot[2];
    memset(slot, 0, sizeof slot);
    const struct header *best = NULL;
    for (uint64_t i = 0; i < 2; i++) {
        int64_t r = file_read_all(&sp->io, &slot[i], sizeof slot[i], i * SPILL_PAGE);
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
    sp->begin = SPILL_BLOCKS_AT;
    sp->given = SPILL_BLOCKS_AT;
    sp->end = SPILL_BLOCKS_AT;
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++) { /* both slots: either may be damaged */
        r = header_write(sp, SPILL_BLOCKS_AT);
    }
    r = r == 0 ? sp->io.sync(sp->io.self) : r;
    if (r < 0 || !spill_room(&sp->out, sizeof(struct spill_head) + BLOCK_FILL + SPILL_PAGE)) {
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

void spill_unlink(const struct spill *sp)
{
    (void)sp->files->remove(sp->files->self, sp->path); /* while it is locked */
}

void spill_remove(struct spill *sp)
{
    if (sp != NULL) {
        spill_unlink(sp);
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
    return sp->created ? sp->end - (sp->keeps_room ? SPILL_BLOCKS_AT : sp->begin) : 0;
}

const char *spill_error(const struct spill *sp)
{
    return sp->error;
}

/* --- writing --- */

uint32_t spill_head_crc(const struct spill *sp, const struct spill_head *h)
{
    return crc32c(sp->salt, h, offsetof(struct spill_head, crc));
}

enum status spill_add(struct spill *sp, const void *record)
{
    uint32_t size;
    memcpy(&size, record, sizeof size);
    if (size < SPILL_RECORD_MIN || size % 8 != 0 || size > SPILL_BLOCK_MAX - SPILL_PAGE) {
        return ST_INVALID;
    }
    if (sp->out_count > 0 && sp->out_bytes + size > BLOCK_FILL) {
        return ST_FULL;
    }
    if (!spill_room(&sp->out, sizeof(struct spill_head) + sp->out_bytes + size + SPILL_PAGE)) {
        snprintf(sp->error, sizeof sp->error, "no memory for a block of the spill file");
        return ST_NOMEM;
    }
    memcpy(sp->out.p + sizeof(struct spill_head) + sp->out_bytes, record, size);
    sp->out_bytes += size;
    sp->out_count++;
    return ST_OK;
}

uint64_t spill_block_bytes(const struct spill *sp)
{
    return sp->out_count > 0 ? spill_pages(sizeof(struct spill_head) + sp->out_bytes) : 0;
}

void spill_forget(struct spill *sp)
{
    sp->out_bytes = 0;
    sp->out_count = 0;
}

/* The block in sp->out goes to the end of the file. */
static enum status write_block(struct spill *sp, enum spill_block_kind kind, uint64_t first,
                               const struct spill_state *state)
{
    struct spill_head h = {.kind = kind,
                           .bytes = (uint32_t)sp->out_bytes,
                           .count = sp->out_count,
                           .first = first,
                           .state = *state};
    memcpy(h.magic, SPILL_MAGIC, sizeof h.magic);
    h.records_crc = crc32c(sp->salt, sp->out.p + sizeof h, sp->out_bytes);
    h.crc = spill_head_crc(sp, &h);
    memcpy(sp->out.p, &h, sizeof h);
    size_t n = sizeof h + sp->out_bytes;
    size_t whole = (size_t)spill_pages(n);
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
        return spill_failed(sp, "cannot write", r);
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
    memcpy(sp->out.p + sizeof(struct spill_head), text, sizeof text);
    sp->out_bytes = sizeof text;
    return write_block(sp, BLOCK_END, next, state);
}

enum status spill_sync(struct spill *sp)
{
    int r = sp->io.sync(sp->io.self);
    return r < 0 ? spill_failed(sp, "cannot sync", r) : ST_OK;
}

int spill_sync_apart(const struct spill *sp)
{
    return sp->io.sync(sp->io.self);
}

/* --- giving room back --- */

void spill_all_done(struct spill *sp)
{
    sp->begin = sp->end;
    /* The header first: reading may not begin behind what is written next. */
    if (sp->end == SPILL_BLOCKS_AT || header_write(sp, SPILL_BLOCKS_AT) < 0 ||
        sp->io.truncate(sp->io.self, SPILL_BLOCKS_AT) < 0) {
        return;
    }
    sp->begin = SPILL_BLOCKS_AT;
    sp->given = SPILL_BLOCKS_AT;
    sp->end = SPILL_BLOCKS_AT;
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
