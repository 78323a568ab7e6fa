/* load.c - see load.h. */
#include "world/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "store/layout.h"

#define LOOK_EVERY 65536 /* records between two calls of progress */

struct load {
    struct session *s;
    load_progress_fn progress;
    void *self;
    uint64_t n;
    struct err *err;
    struct err why; /* of a record that was refused */
};

static enum status take(void *self, const void *record)
{
    struct load *l = self;
    enum status st = session_add(l->s, record, &l->why);
    if (st != ST_OK) {
        const struct layout *layout = layout_of(((const struct rec *)record)->type);
        return err_prefix(&l->why, st, "table %s", layout != NULL ? layout->table : "?");
    }
    if (++l->n % LOOK_EVERY == 0 && l->progress != NULL && !l->progress(l->self, l->s)) {
        return err_set(&l->why, ST_CLOSED, "interrupted");
    }
    return ST_OK;
}

static enum status take_event(void *self, const struct ev *ev)
{
    return take(self, ev);
}

/* The reader only tells that its callback ended it; here is why. */
static enum status explain(struct load *l, enum status st)
{
    if (st != ST_OK && l->why.st == st) {
        return err_set(l->err, st, "%s", l->why.text);
    }
    return st;
}

struct wanted {
    int64_t id;
    struct session *s;
    bool found, failed;
};

static char *copy(struct wanted *w, const char *text)
{
    char *p = strdup(text);
    w->failed = w->failed || p == NULL;
    return p;
}

static enum status take_session(void *self, const struct store_session *row)
{
    struct wanted *w = self;
    if (row->id != w->id) {
        return ST_OK;
    }
    struct session *s = w->s;
    w->found = true;
    s->id = row->id;
    s->began = row->began;
    s->ended = row->ended;
    s->outcome = copy(w, row->outcome);
    s->build = copy(w, row->build);
    s->policy = copy(w, row->policy);
    s->exchange = copy(w, row->exchange);
    s->config = copy(w, row->config);
    return w->failed ? ST_NOMEM : ST_OK;
}

static enum status load_row(const char *path, int64_t id, struct session *s, struct err *err)
{
    enum status st = id == 0 ? store_last_session(path, &id, err) : ST_OK;
    struct wanted w = {.id = id, .s = s};
    if (st == ST_OK) {
        st = store_read_sessions(path, take_session, &w, err);
    }
    if (st == ST_OK && !w.found) {
        st = err_set(err, ST_NOT_FOUND, "there is no session %" PRId64, id);
    }
    return st;
}

static enum status load_events(struct load *l, const char *path, enum ev_source source)
{
    return explain(l, store_read_events(path, l->s->id, source, take_event, l, l->err));
}

static enum status load_rows(struct load *l, const char *path, enum rec_type type)
{
    return explain(l, store_read_records(path, l->s->id, (uint16_t)type, take, l, l->err));
}

static const enum rec_type inputs[] = {REC_TURN, REC_RESTORED, REC_REFUSED};
static const enum rec_type outputs[] = {REC_DECISION, REC_ORDER,     REC_APPLIED, REC_RECONCILE,
                                        REC_POSITION, REC_FEE_DRIFT, REC_SETTLED, REC_MARK};

static enum status load_all(struct load *l, const char *path, enum load_what what)
{
    enum status st = load_rows(l, path, REC_GAP);
    for (int s = 0; st == ST_OK && s < EV_SRC_MAX; s++) {
        if (what != LOAD_MARKET || s == EV_SRC_MARKET) {
            st = load_events(l, path, (enum ev_source)s);
        }
    }
    for (size_t i = 0; st == ST_OK && what != LOAD_MARKET && i < sizeof inputs / sizeof inputs[0];
         i++) {
        st = load_rows(l, path, inputs[i]);
    }
    for (size_t i = 0; st == ST_OK && what == LOAD_ALL && i < sizeof outputs / sizeof outputs[0];
         i++) {
        st = load_rows(l, path, outputs[i]);
    }
    return st;
}

enum status session_load(const char *path, int64_t id, enum load_what what, struct session *session,
                         load_progress_fn progress, void *self, struct err *err)
{
    struct load l = {.s = session, .progress = progress, .self = self, .err = err};
    enum status st = load_row(path, id, session, err);
    if (st == ST_OK) {
        st = load_all(&l, path, what);
    }
    char shown[URL_SHOWN_MAX];
    return st == ST_OK ? ST_OK
                       : err_prefix(err, st, "session of %s", url_shown(path, shown, sizeof shown));
}

/* No overflow: a damaged number may be anything. */
static void add(uint64_t *bytes, uint64_t records, size_t size)
{
    uint64_t more = records > INT64_MAX / size ? INT64_MAX : records * size;
    *bytes = more > INT64_MAX - *bytes ? INT64_MAX : *bytes + more;
}

static void add_type(uint64_t *bytes, const struct store_extent *x, enum rec_type type)
{
    add(bytes, x->records[type - REC_BASE], layout_of((uint16_t)type)->size);
}

enum status session_size(const char *path, int64_t id, enum load_what what, bool counted,
                         uint64_t *ret_bytes, struct err *err)
{
    struct store_extent x;
    enum status st = store_read_extent(path, id, counted, &x, err);
    if (st != ST_OK) {
        char shown[URL_SHOWN_MAX];
        return err_prefix(err, st, "session of %s", url_shown(path, shown, sizeof shown));
    }
    uint64_t bytes = 0;
    add(&bytes, x.market_events, sizeof(struct ev_delta)); /* nearly all of them are deltas */
    add_type(&bytes, &x, REC_GAP);
    for (size_t i = 0; what != LOAD_MARKET && i < sizeof inputs / sizeof inputs[0]; i++) {
        add_type(&bytes, &x, inputs[i]);
    }
    for (size_t i = 0; what == LOAD_ALL && i < sizeof outputs / sizeof outputs[0]; i++) {
        add_type(&bytes, &x, outputs[i]);
    }
    *ret_bytes = bytes;
    return ST_OK;
}
