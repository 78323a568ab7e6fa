/*
 * fuzz_replay.c - a recorded session with records that the input changes, replayed and compared.
 *
 * Whatever a database holds, session_add lets only through what the engine can bear: no crash, no
 * overflow. What it refuses has a text; what was not changed replays bit for bit.
 *
 * Input: edits of 12 bytes each: arena, record (2), offset (2), width (1), value (up to 6, or 8
 * with the sign's bytes repeated).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ensure.h"
#include "prop/world/recorded.h"
#include "world/books.h"

#define TURNS     40
#define EDIT      12
#define EDITS_MAX 64
#define ARENAS    (EV_SRC_MAX + SESSION_ROWS)
#define ROOM      65536

static struct recorded base;

static const struct arena *arena_of(const struct session *s, uint32_t k)
{
    return k < EV_SRC_MAX ? &s->events[k] : &s->rows[k - EV_SRC_MAX];
}

/* The edits of record i of arena k, done to its copy; size and type stay, as the reader sets them.
 */
static bool edit(const uint8_t *data, size_t size, uint32_t k, uint64_t i, uint8_t *record,
                 uint32_t record_size)
{
    bool changed = false;
    for (size_t at = 0; at + EDIT <= size && at < EDITS_MAX * EDIT; at += EDIT) {
        const uint8_t *e = data + at;
        uint64_t n = arena_of(&base.s, k)->records;
        if (e[0] % ARENAS != k || ((uint32_t)e[1] << 8 | e[2]) % n != i) {
            continue;
        }
        uint64_t value = 0;
        memcpy(&value, e + 6, 6);
        value |= e[11] >= 0x80 ? UINT64_C(0xffff) << 48 : 0;
        uint32_t width = 1U << (e[5] % 4);
        uint32_t from = (uint32_t)offsetof(struct rec, mkt);
        uint32_t offset = from + ((uint32_t)e[3] << 8 | e[4]) % (record_size - from);
        offset -= offset % width;
        if (offset >= from && offset + width <= record_size) {
            memcpy(record + offset, &value, width);
            changed = true;
        }
    }
    return changed;
}

static bool build(const uint8_t *data, size_t size, struct session *s)
{
    static uint64_t room[ROOM / sizeof(uint64_t)];
    bool changed = false;
    for (uint32_t k = 0; k < ARENAS; k++) {
        struct cursor c = cursor_of(arena_of(&base.s, k));
        uint64_t i = 0;
        for (const struct rec *rec = cursor_next(&c); rec != NULL; rec = cursor_next(&c), i++) {
            struct err err = {0};
            ensure(rec->size <= sizeof room);
            memcpy(room, rec, rec->size);
            changed |= edit(data, size, k, i, (uint8_t *)room, rec->size);
            if (session_add(s, room, &err) != ST_OK) {
                ensure(err.text[0] != '\0');
                changed = true;
            }
        }
    }
    return changed;
}

static void walk_books(const struct session *s)
{
    struct books *b = NULL;
    struct err err = {0};
    ensure(books_create(s, &b) == ST_OK);
    enum status st = books_run(b, UINT64_MAX, &err);
    ensure(st == ST_END || err.text[0] != '\0');
    books_destroy(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct verify_config everything;
    struct recorded part;
    struct replay_outcome o;
    if (base.s.bytes == 0) {
        record_run(&base, 5, TURNS);
    }
    part = base;
    part.s = (struct session){0};
    bool changed = build(data, size, &part.s);
    part.s.outcome = strdup("done");
    walk_books(&part.s);
    enum replay_answers way = size % 2 == 0 ? ANSWERS_RECORDED : ANSWERS_ASKED;
    replay_run(&part, way, &everything, &o);
    if (!changed) {
        ensure(o.st == ST_END && !o.verify.differs && o.status.end == REPLAY_COMPLETE);
    } else {
        ensure(o.st == ST_END ? !o.verify.differs || o.verify.first.field[0] != '\0'
                              : o.err.text[0] != '\0');
    }
    session_finish(&part.s);
    return 0;
}
