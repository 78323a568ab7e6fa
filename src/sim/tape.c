#include "sim/tape.h"

#include <stdlib.h>

#include "capture/capture.h"

#define LEVELS_CAP 20000u

struct reel { /* one file */
    const char *path;
    struct capture *file;
    struct wire_decoder dec;
    struct capture_line line;
    struct wire_msg msg;
    bool ended;
    wall_ns_t first, at, shift; /* recorded times; shift is added to tell them */
};

struct tape {
    struct reel *reels;
    size_t n, given; /* given: the reel whose message the caller holds; n: none */
    uint64_t order, skipped;
    wall_ns_t first;
};

struct text tape_ticker(const struct wire_msg *m)
{
    switch (m->type) {
    case WIRE_SNAPSHOT:
        return m->u.snapshot.ticker;
    case WIRE_DELTA:
        return m->u.delta.ticker;
    case WIRE_TRADE:
        return m->u.trade.ticker;
    case WIRE_FILL:
    case WIRE_OTHER:
        break;
    }
    return (struct text){"", 0};
}

static wall_ns_t time_of(const struct reel *r)
{
    return r->line.has_recv ? r->line.recv : r->msg.ts_ms * NS_PER_MS;
}

/* The reel's next message into msg. ST_END: ended. */
static enum status advance(struct tape *t, struct reel *r, struct err *err)
{
    for (;;) {
        enum status st = capture_next(r->file, &r->line);
        if (st == ST_END) {
            r->ended = true;
            return st;
        }
        if (st != ST_OK && st != ST_MALFORMED) {
            const char *why = capture_error(r->file);
            return err_set(err, st, "%s", why[0] != '\0' ? why : status_text(st));
        }
        if (st == ST_MALFORMED ||
            wire_decode(&r->dec, r->line.msg.p, r->line.msg.n, &r->msg, NULL) != ST_OK) {
            t->skipped++;
            continue;
        }
        if (r->msg.type != WIRE_FILL) { /* somebody else's fills: nothing of the market */
            break;
        }
    }
    wall_ns_t at = time_of(r);
    r->at = at > r->at ? at : r->at;
    return ST_OK;
}

/* When the first message with a time came; the file is read from its beginning afterwards. */
static enum status find_first(struct tape *t, struct reel *r, struct err *err)
{
    bool book = false;
    uint64_t skipped = t->skipped; /* these lines are read again */
    enum status st = capture_open(r->path, 0, &r->file, err);
    while (st == ST_OK && (!book || r->at == 0)) {
        st = advance(t, r, err);
        book |= st == ST_OK && tape_ticker(&r->msg).n > 0;
    }
    capture_close(r->file);
    r->file = NULL;
    t->skipped = skipped;
    if (st != ST_OK && st != ST_END) {
        return st;
    }
    if (!book) {
        return err_set(err, ST_MALFORMED, "%s: no book or trade message in this recording",
                       r->path);
    }
    r->first = r->at;
    r->ended = false;
    st = capture_open(r->path, 0, &r->file, err);
    /* One whose books have no time keeps time 0: everything comes at once. */
    return st == ST_OK ? advance(t, r, err) : st;
}

static enum status open_reel(struct tape *t, const char *path, struct err *err)
{
    struct reel *r = &t->reels[t->n];
    *r = (struct reel){.path = path};
    enum status st = wire_decoder_init(&r->dec, LEVELS_CAP);
    if (st != ST_OK) {
        return err_set(err, st, "%s: %s", path, status_text(st));
    }
    t->n++;
    return find_first(t, r, err);
}

static void align_reels(struct tape *t, enum tape_align align)
{
    t->first = t->reels[0].first;
    for (size_t i = 1; i < t->n; i++) {
        t->first = t->reels[i].first < t->first ? t->reels[i].first : t->first;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->reels[i].shift = align == TAPE_START ? t->first - t->reels[i].first : 0;
    }
}

enum status tape_open(const char *const *paths, size_t n, enum tape_align align, struct tape **ret,
                      struct err *err)
{
    if (n == 0 || n > TAPE_FILES_MAX) {
        return err_set(err, ST_INVALID, "1 to %u recordings can be read at once, not %zu",
                       TAPE_FILES_MAX, n);
    }
    struct tape *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the recordings");
    }
    t->reels = calloc(n, sizeof *t->reels);
    enum status st =
        t->reels != NULL ? ST_OK : err_set(err, ST_NOMEM, "no memory for the recordings");
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        st = open_reel(t, paths[i], err);
    }
    if (st != ST_OK) {
        tape_close(t);
        return st;
    }
    align_reels(t, align);
    t->given = t->n;
    *ret = t;
    return ST_OK;
}

void tape_close(struct tape *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        capture_close(t->reels[i].file);
        wire_decoder_finish(&t->reels[i].dec);
    }
    free(t->reels);
    free(t);
}

static wall_ns_t due_of(const struct reel *r)
{
    return (r->at > r->first ? r->at : r->first) + r->shift;
}

enum status tape_next(struct tape *t, struct tape_item *ret, struct err *err)
{
    if (t->given < t->n) {
        enum status st = advance(t, &t->reels[t->given], err);
        if (st != ST_OK && st != ST_END) {
            return st;
        }
        t->given = t->n;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct reel *r = &t->reels[i];
        if (!r->ended && (t->given == t->n || due_of(r) < due_of(&t->reels[t->given]))) {
            t->given = i;
        }
    }
    if (t->given == t->n) {
        return ST_END;
    }
    const struct reel *r = &t->reels[t->given];
    *ret = (struct tape_item){r->msg, r->line.msg, due_of(r), r->shift, ++t->order};
    return ST_OK;
}

wall_ns_t tape_first(const struct tape *t)
{
    return t->first;
}

uint64_t tape_skipped(const struct tape *t)
{
    return t->skipped;
}
