/*
 * spill_read.c - reading a spill file: what is whole, what is missing: see spill.h, and spill_int.h
 * for the layout.
 */
#include "store/spill.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "store/spill_int.h"

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool head_valid(const struct spill *sp, const struct spill_head *h)
{
    if (memcmp(h->magic, SPILL_MAGIC, sizeof h->magic) != 0 || h->crc != spill_head_crc(sp, h)) {
        return false;
    }
    uint64_t n = h->bytes;
    bool records = h->kind == BLOCK_RECORDS && h->count > 0 && n >= h->count * UINT64_C(8);
    bool end = h->kind == BLOCK_END && h->count == 0 && n == SPILL_OUTCOME_MAX;
    return (records || end) && n % 8 == 0 && n <= SPILL_BLOCK_MAX && h->first > 0 &&
           h->first < UINT64_MAX / 2;
}

/* Each record says how long it is; together they must be the block. */
static bool records_valid(const struct spill_head *h, const uint8_t *p)
{
    if (h->kind == BLOCK_END) {
        return memchr(p, '\0', h->bytes) != NULL;
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t size;
        if (h->bytes - at < SPILL_RECORD_MIN) {
            return false;
        }
        memcpy(&size, p + at, sizeof size);
        if (size < SPILL_RECORD_MIN || size % 8 != 0 || size > h->bytes - at) {
            return false;
        }
        at += size;
    }
    return at == h->bytes;
}

enum found { FOUND_BLOCK, FOUND_NOTHING, FOUND_DAMAGE, FOUND_END, FOUND_ERROR, FOUND_NOMEM };

/* What stands at a page. FOUND_BLOCK: whole, in sp->in. *ret_head is valid then, and for a damaged
 * block whose head is not (its kind is BLOCK_NONE otherwise). */
static enum found look(struct spill *sp, uint64_t at, struct spill_head *ret_head)
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
    if (!spill_room(&sp->in, SPILL_PAGE)) {
        return FOUND_NOMEM;
    }
    int64_t n = file_read_all(&sp->io, sp->in.p, SPILL_PAGE, at);
    if (n < 0) {
        (void)spill_failed(sp, "cannot read", n);
        return FOUND_ERROR;
    }
    if (n == 0) {
        return FOUND_END;
    }
    struct spill_head h = {.kind = BLOCK_NONE};
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
        if (!spill_room(&sp->in, whole)) {
            return FOUND_NOMEM;
        }
        int64_t more = file_read_all(&sp->io, sp->in.p + n, whole - (size_t)n, at + (uint64_t)n);
        if (more < 0) {
            (void)spill_failed(sp, "cannot read", more);
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

static void pass_block(struct spill_cursor *c, const struct spill_head *h)
{
    c->at += spill_pages(sizeof *h + h->bytes);
    c->in = 0;
    c->passed = 0;
    if (h->first >= c->whole) { /* not one that was left behind by an earlier round */
        c->whole = h->first + h->count;
        c->damaged = false;
        c->known = 0;
    }
}

static void pass_damage(struct spill_cursor *c, const struct spill_head *h)
{
    c->damaged = true;
    c->in = 0;
    c->passed = 0;
    if (h->kind == BLOCK_NONE) {
        c->at += SPILL_PAGE;
        return;
    }
    uint64_t behind = h->first + h->count;
    c->known = behind > c->known ? behind : c->known;
    c->at += spill_pages(sizeof *h + h->bytes);
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
static enum status from_block(struct spill *sp, struct spill_cursor *c, const struct spill_head *h,
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
        struct spill_head h;
        switch (look(sp, c->at, &h)) {
        case FOUND_BLOCK: {
            enum status st = from_block(sp, c, &h, ret_item);
            if (st != ST_AGAIN) {
                return st;
            }
            break;
        }
        case FOUND_NOTHING:
            c->at += SPILL_PAGE;
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
