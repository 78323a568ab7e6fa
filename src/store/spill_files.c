/* spill_files.c - see spill_files.h. */
#include "store/spill_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "store/losses.h"
#include "store/put.h"

#define SUFFIX           ".spill"
#define FILES_MAX        4096U
#define TRANSACTION_ROWS 20000U
#define TRIES            5
#define TRY_AGAIN_NS     (100 * NS_PER_MS)
#define SPEAK_NS         (5 * NS_PER_SEC)

/* --- names --- */

/* "postgresql://user:secret@host/name" without the secret. */
static void database_text(const char *path, char out[SPILL_DATABASE_MAX])
{
    const char *host = strstr(path, "://");
    const char *at = host != NULL ? strrchr(path, '@') : NULL;
    const char *colon = at != NULL ? memchr(host + 3, ':', (size_t)(at - host - 3)) : NULL;
    const char *query = host != NULL && backend_is_url(path) ? strchr(path, '?') : NULL;
    int n = query != NULL ? (int)(query - path) : (int)strlen(path);
    if (colon != NULL && query == NULL) {
        snprintf(out, SPILL_DATABASE_MAX, "%.*s%s", (int)(colon - path), path, at);
    } else if (colon != NULL) {
        snprintf(out, SPILL_DATABASE_MAX, "%.*s%.*s", (int)(colon - path), path, (int)(query - at),
                 at);
    } else {
        snprintf(out, SPILL_DATABASE_MAX, "%.*s", n, path);
    }
}

enum status spill_create_for(const struct backend *db, const struct store_config *config,
                             wall_ns_t began, struct spill **ret_spill, struct err *err)
{
    struct spill_id id = {.session = db->session, .began = began};
    char path[1024];
    database_text(config->path, id.database);
    int n = snprintf(path, sizeof path, "%s/session-%" PRId64 "-%" PRIx64 "-%08" PRIx32 SUFFIX,
                     config->spill, id.session, (uint64_t)began,
                     (uint32_t)hash64(config->path, strlen(config->path)));
    if (n < 0 || (size_t)n >= sizeof path) {
        return err_set(err, ST_LIMIT, "the path of the spill folder is too long");
    }
    return spill_create(config->files, path, &id, ret_spill, err);
}

/* --- the folder --- */

struct names {
    char **name;
    size_t n;
};

static enum status take_name(void *self, const char *name)
{
    struct names *names = self;
    size_t len = strlen(name), suffix = strlen(SUFFIX);
    if (len <= suffix || strcmp(name + len - suffix, SUFFIX) != 0 || names->n == FILES_MAX) {
        return ST_OK;
    }
    if (names->name == NULL) {
        names->name = calloc(FILES_MAX, sizeof *names->name);
    }
    char *copy = names->name != NULL ? strdup(name) : NULL;
    if (copy == NULL) {
        return ST_NOMEM;
    }
    names->name[names->n++] = copy;
    return ST_OK;
}

static int by_session(const void *a, const void *b)
{
    int64_t x = 0, y = 0;
    const char *const *p = a, *const *q = b;
    (void)sscanf(*p, "session-%" SCNd64, &x);
    (void)sscanf(*q, "session-%" SCNd64, &y);
    return x != y ? (x > y) - (x < y) : strcmp(*p, *q);
}

static void names_finish(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->name[i]);
    }
    free(names->name);
}

typedef enum status (*path_fn)(void *self, const char *path);

static enum status each_path(const struct file_system *files, const char *folder, path_fn fn,
                             void *self, struct err *err)
{
    struct names names = {.n = 0};
    enum status st = files->list(files->self, folder, take_name, &names, err);
    if (st == ST_NOT_FOUND) {
        st = ST_OK;
    } else if (st == ST_NOMEM) {
        (void)err_set(err, st, "out of memory");
    }
    if (st == ST_OK && names.n > 1) {
        qsort(names.name, names.n, sizeof *names.name, by_session);
    }
    for (size_t i = 0; st == ST_OK && i < names.n; i++) {
        char path[1024];
        int n = snprintf(path, sizeof path, "%s/%s", folder, names.name[i]);
        if (n > 0 && (size_t)n < sizeof path) {
            st = fn(self, path);
        }
    }
    names_finish(&names);
    return st;
}

static const struct file_system *disk_of(const struct file_system *files)
{
    return files != NULL ? files : &file_system_real;
}

/* --- listing --- */

struct lister {
    const struct file_system *files;
    bool count;
    spill_file_fn fn;
    void *self;
};

static void count_file(struct spill *sp, struct spill_file *file, char outcome[SPILL_OUTCOME_MAX])
{
    struct spill_cursor c = spill_begin(sp, 0);
    struct spill_item item;
    bool first = true;
    enum status st;
    while ((st = spill_next(sp, &c, &item)) == ST_OK) {
        if (item.kind == SPILL_RECORD) {
            uint32_t size;
            memcpy(&size, item.record, sizeof size);
            file->records++;
            file->bytes += size;
        } else if (item.kind == SPILL_END) {
            snprintf(outcome, SPILL_OUTCOME_MAX, "%s", item.outcome);
            file->outcome = outcome;
        } else if (!first || item.missing == 0) { /* the first ones are in the database */
            file->missing += item.missing;
            file->torn = file->torn || item.missing == 0;
        }
        first = false;
    }
    if (st != ST_END) {
        file->error = spill_error(sp);
    }
}

static enum status list_one(void *self, const char *path)
{
    const struct lister *l = self;
    struct spill_file file = {.path = path};
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    char outcome[SPILL_OUTCOME_MAX];
    enum status st = spill_open(l->files, path, &sp, &err);
    if (st == ST_NOT_FOUND) {
        return ST_OK; /* removed meanwhile */
    }
    if (st == ST_STATE) {
        file.state = SPILL_FILE_RUNNING;
    } else if (st != ST_OK) {
        file.state = SPILL_FILE_UNREADABLE;
        file.error = err.text;
    } else {
        file.id = *spill_id(sp);
        if (l->count) {
            count_file(sp, &file, outcome);
        }
    }
    st = l->fn(l->self, &file);
    spill_close(sp);
    return st;
}

enum status spill_list(const struct file_system *files, const char *folder, bool count,
                       spill_file_fn fn, void *self, struct err *err)
{
    struct lister l = {.files = disk_of(files), .count = count, .fn = fn, .self = self};
    return each_path(l.files, folder, list_one, &l, err);
}

static enum status count_waiting(void *self, const struct spill_file *file)
{
    uint64_t *n = self;
    *n += file->state == SPILL_FILE_WAITS;
    return ST_OK;
}

uint64_t spill_waiting(const struct file_system *files, const char *folder)
{
    uint64_t n = 0;
    struct err err;
    enum status st = spill_list(files, folder, false, count_waiting, &n, &err);
    return st == ST_OK ? n : 0;
}

/* --- into the database --- */

/* One file's way into the database. */
struct drain {
    struct backend *db;
    struct spill *sp;
    const struct store_config *config;
    wall_ns_t wall;
    struct putter *putter;
    uint64_t progress;        /* as the database has it */
    struct store_stats tally; /* in the database */
    uint64_t missing;
    bool torn;
    uint64_t rows_before; /* of the session, when its last block was written */
    struct spill_state state;
    bool something;
    char outcome[SPILL_OUTCOME_MAX]; /* "": it was killed */
};

static enum status put_missing(const struct drain *d, const struct spill_item *item)
{
    struct rec_gap gap;
    gap_make(&gap, EV_SRC_MAX, d->wall, item->missing, item->number - item->missing + 1,
             item->number + 1, "store: spill file damaged, records missing");
    if (item->missing == 0) {
        gap_make(&gap, EV_SRC_MAX, d->wall, 0, item->number, 0,
                 "store: spill file torn, its newest records are missing");
    }
    return d->db->ops->put(d->db, &gap);
}

static enum status put_item(struct drain *d, const struct spill_item *item)
{
    enum status st;
    d->something = true;
    switch (item->kind) {
    case SPILL_RECORD:
        d->state = item->state;
        d->state.rows++;
        st = put_add(d->putter, item->record);
        return st == ST_OK && !item->inside ? put_flush(d->putter) : st;
    case SPILL_MISSING:
        d->missing += item->missing;
        d->torn = d->torn || item->missing == 0;
        return put_missing(d, item);
    case SPILL_END:
        d->state = item->state;
        snprintf(d->outcome, sizeof d->outcome, "%s", item->outcome);
        return ST_OK;
    }
    return ST_OK;
}

/* One transaction behind d->progress. ST_END: it was the last. Of one that fails nothing counts. */
static enum status drain_some(struct drain *d, struct spill_cursor *ret_cursor)
{
    struct spill_cursor c = spill_begin(d->sp, d->progress);
    uint64_t done = d->progress;
    enum status st = ST_OK, read = ST_OK;
    put_begin(d->putter, d->wall);
    for (uint32_t n = 0; st == ST_OK && n < TRANSACTION_ROWS; n++) {
        struct spill_item item;
        read = spill_next(d->sp, &c, &item);
        if (read != ST_OK) {
            break;
        }
        st = put_item(d, &item);
        done = item.number > done ? item.number : done;
    }
    if (read == ST_IO || read == ST_NOMEM) {
        snprintf(d->db->error, sizeof d->db->error, "%s", spill_error(d->sp));
        *ret_cursor = c;
        return ST_CLOSED;
    }
    st = st == ST_OK ? put_flush(d->putter) : st;
    st = st == ST_OK ? d->db->ops->commit(d->db, done) : st;
    if (st != ST_OK) {
        return st;
    }
    put_tally(&d->tally, &d->putter->tally);
    d->progress = done;
    *ret_cursor = c;
    return read;
}

static void pause(const struct store_config *config)
{
    config->time.sleep(config->time.self, TRY_AGAIN_NS);
}

/* A transaction, tried again from where the database says it is. ST_CLOSED: a part of the file
 * cannot be read, after all tries; with spill_give_up it counts as damaged instead. */
static enum status drain_step(struct drain *d, struct spill_cursor *ret_cursor)
{
    enum status st = ST_IO;
    for (int try = 0; try < TRIES; try++) {
        if (try > 0) {
            pause(d->config);
        }
        struct drain before = *d;
        st = d->db->ops->begin(d->db);
        st = st == ST_OK ? d->db->ops->progress(d->db, &d->progress) : st;
        if (st == ST_OK) {
            before.progress = d->progress;
            st = drain_some(d, ret_cursor);
        }
        if (st == ST_OK || st == ST_END) {
            return st;
        }
        d->db->ops->rollback(d->db);
        *d = before;
        if (st == ST_CLOSED && try == TRIES - 1 && d->config->spill_give_up) {
            log_error("store", "%s cannot be read in part: %s", spill_path(d->sp),
                      spill_error(d->sp));
            spill_skip_unreadable(d->sp, ret_cursor);
            try = 0;
        }
    }
    return st;
}

static void make_outcome(struct drain *d)
{
    if (d->outcome[0] != '\0' && d->missing == 0 && !d->torn) {
        return; /* it ended well, only its database was away */
    }
    char how[SPILL_OUTCOME_MAX];
    snprintf(how, sizeof how, "%s", d->outcome[0] != '\0' ? d->outcome : "broken");
    int n = snprintf(d->outcome, sizeof d->outcome,
                     "%.40s: %" PRIu64 " rows came from its spill file", how, d->tally.rows);
    if (d->missing > 0 && n > 0 && (size_t)n < sizeof d->outcome) {
        snprintf(d->outcome + n, sizeof d->outcome - (size_t)n, ", %" PRIu64 " are missing",
                 d->missing);
    } else if (d->torn && n > 0 && (size_t)n < sizeof d->outcome) {
        snprintf(d->outcome + n, sizeof d->outcome - (size_t)n, ", its end is missing");
    }
}

static enum status close_session(struct drain *d)
{
    make_outcome(d);
    struct store_stats stats = {
        .rows = d->state.rows - (d->state.rows < d->tally.lost ? d->state.rows : d->tally.lost),
        .lost = d->state.lost + d->missing + d->tally.lost};
    return d->db->ops->end_session(d->db, d->outcome, d->state.wall != 0 ? d->state.wall : d->wall,
                                   &stats);
}

static enum status drain_file(struct drain *d)
{
    const struct store_time *time = &d->config->time;
    mono_ns_t spoke = time->mono(time->self);
    for (;;) {
        struct spill_cursor c;
        enum status st = drain_step(d, &c);
        if (st == ST_END) {
            break;
        }
        if (st != ST_OK) {
            return st;
        }
        spill_done(d->sp, &c);
        if (d->config->stop != NULL && d->config->stop(d->config->stop_self)) {
            return ST_AGAIN;
        }
        mono_ns_t now = time->mono(time->self);
        if (now - spoke >= SPEAK_NS) {
            spoke = now;
            log_info("store", "draining %s rows=%" PRIu64, spill_path(d->sp), d->tally.rows);
        }
    }
    return d->something ? close_session(d) : ST_OK;
}

/* ST_OK: the session is this database's. */
static enum status check_session(struct backend *db, const struct spill_id *id)
{
    wall_ns_t began = 0;
    db->session = id->session;
    enum status st = db->ops->began(db, &began);
    return st == ST_OK && began != id->began ? ST_NOT_FOUND : st;
}

struct drainer {
    struct backend *db;
    struct putter *putter;
    const struct store_config *config;
    wall_ns_t wall;
    struct spill_drained *out;
    struct err *err;
};

static enum status drain_open_file(const struct drainer *r, struct spill *sp)
{
    const struct spill_id *id = spill_id(sp);
    enum status st = check_session(r->db, id);
    if (st == ST_NOT_FOUND) {
        r->out->kept++;
        log_error("store",
                  "the spill file %s is of session %" PRId64
                  " of another database (%s): it is kept, drain it with store.path set to that",
                  spill_path(sp), id->session, id->database);
        spill_close(sp);
        return ST_OK;
    }
    struct drain d = {
        .db = r->db, .sp = sp, .config = r->config, .wall = r->wall, .putter = r->putter};
    st = st == ST_OK ? drain_file(&d) : st;
    r->out->rows += d.tally.rows;
    r->out->missing += d.missing;
    if (st == ST_CLOSED) {
        r->out->kept++;
        log_error(
            "store",
            "a part of the spill file %s cannot be read: %s; it is kept for the next start, and "
            "`deltaflow spill --drain` gives that part up",
            spill_path(sp), spill_error(sp));
        spill_close(sp);
        return ST_OK;
    }
    if (st == ST_AGAIN) {
        r->out->kept++;
        st = err_set(r->err, st,
                     "told to stop: the rest of the spill file %s waits for the next time",
                     spill_path(sp));
        spill_close(sp);
        return st;
    }
    if (st != ST_OK) {
        r->out->kept++;
        (void)err_set(r->err, ST_IO, "the spill file %s cannot be drained now: %s", spill_path(sp),
                      r->db->error);
        spill_close(sp);
        return ST_IO;
    }
    if (d.something) {
        r->out->files++;
        log_warn("store",
                 "session %" PRId64 " drained from %s rows=%" PRIu64 " missing=%" PRIu64
                 " outcome=\"%s\"",
                 id->session, spill_path(sp), d.tally.rows, d.missing, d.outcome);
    }
    spill_remove(sp);
    return ST_OK;
}

static enum status drain_path(void *self, const char *path)
{
    const struct drainer *r = self;
    struct spill *sp = NULL;
    struct err err = {.st = ST_OK};
    enum status st = spill_open(r->config->files, path, &sp, &err);
    if (st == ST_STATE || st == ST_NOT_FOUND) {
        return ST_OK; /* its run goes on, or somebody else was faster */
    }
    if (st != ST_OK) {
        r->out->kept++;
        log_error("store", "a spill file is kept: %s", err.text);
        return ST_OK;
    }
    return drain_open_file(r, sp);
}

enum status spill_drain_all(struct backend *db, const struct store_config *config, wall_ns_t wall,
                            struct spill_drained *ret_drained, struct err *err)
{
    memset(ret_drained, 0, sizeof *ret_drained);
    int64_t session = db->session;
    struct drainer r = {.db = db, .config = config, .wall = wall, .out = ret_drained, .err = err};
    r.putter = malloc(sizeof *r.putter);
    if (r.putter == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    r.putter->db = db;
    enum status st = each_path(disk_of(config->files), config->spill, drain_path, &r, err);
    free(r.putter);
    db->session = session;
    return st;
}
