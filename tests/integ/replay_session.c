/*
 * replay_session.c - feeds a recorded session to a fresh engine and compares every decision, bit
 * for bit.
 *
 * usage: replay_session DATABASE
 * Prints the transitions of the orders that the engine made, one a line, for the caller to compare
 * with the recorded ones, then "decisions N turns N events N". Ends with 1 at the first difference.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/replay.h"
#include "cli/run_engine.h"
#include "store/store.h"

struct list {
    struct ev **v;
    uint64_t n, cap;
};

struct replayed {
    struct list events[EV_SRC_MAX];
    struct rec_turn *turns;
    uint64_t n_turns, cap_turns;
    struct rec_decision *decisions;
    uint64_t n_decisions, cap_decisions;
    uint64_t compared, orders;
    const char *difference;
    uint64_t difference_at;
};

static void *grow(void *p, uint64_t n, uint64_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 1024 : *cap * 2;
    p = realloc(p, *cap * size);
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static enum status on_event(void *self, const struct ev *ev)
{
    struct list *l = self;
    l->v = grow(l->v, l->n, &l->cap, sizeof *l->v);
    struct ev *copy = malloc(ev->size);
    if (copy == NULL) {
        return ST_NOMEM;
    }
    memcpy(copy, ev, ev->size);
    l->v[l->n++] = copy;
    return ST_OK;
}

static enum status on_turn(void *self, const struct rec_turn *turn)
{
    struct replayed *r = self;
    r->turns = grow(r->turns, r->n_turns, &r->cap_turns, sizeof *r->turns);
    r->turns[r->n_turns++] = *turn;
    return ST_OK;
}

static enum status on_decision(void *self, const struct rec_decision *d)
{
    struct replayed *r = self;
    r->decisions = grow(r->decisions, r->n_decisions, &r->cap_decisions, sizeof *r->decisions);
    r->decisions[r->n_decisions++] = *d;
    return ST_OK;
}

static enum status take_request(void *self, const struct gw_request *req)
{
    (void)self;
    (void)req;
    return ST_OK;
}

static enum status take_journal(void *self, struct journal_record *rec)
{
    (void)self;
    (void)rec;
    return ST_OK;
}

static void print_order(const struct rec_order *o)
{
    printf("order %" PRIu64 " %s %s %s %u %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %s\n",
           o->number, o->from_name, o->event_name, o->to_name, o->outcome, o->yes_px, o->qty,
           o->filled, o->reserved, o->ticker, o->client_id);
}

static void on_record(void *self, const struct rec *rec)
{
    struct replayed *r = self;
    if (rec->type == REC_ORDER) {
        r->orders++;
        print_order((const struct rec_order *)rec);
    } else if (rec->type == REC_DECISION && r->difference == NULL) {
        const struct rec_decision *d = (const struct rec_decision *)rec;
        r->difference_at = d->number;
        r->difference = r->compared < r->n_decisions
                            ? decision_difference(d, &r->decisions[r->compared])
                            : "number";
        r->compared++;
    }
}

/* The text that the run left in its session row. */
static char *session_config(const char *path, int64_t session)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    char *text = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT config FROM session WHERE id = ?", -1, &q, NULL) ==
            SQLITE_OK &&
        sqlite3_bind_int64(q, 1, session) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        text = strdup((const char *)sqlite3_column_text(q, 0));
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    return text;
}

static int fail(const struct err *err)
{
    fprintf(stderr, "replay_session: %s\n", err->text);
    return 1;
}

static enum status load(struct replayed *r, const char *path, int64_t session, struct err *err)
{
    enum status st = ST_OK;
    for (int s = 0; st == ST_OK && s < EV_SRC_MAX; s++) {
        st = store_read_events(path, session, (enum ev_source)s, on_event, &r->events[s], err);
    }
    if (st == ST_OK) {
        st = store_read_turns(path, session, on_turn, r, err);
    }
    return st == ST_OK ? store_read_decisions(path, session, on_decision, r, err) : st;
}

static enum status replay(struct replayed *r, const struct run_options *o, bool trading,
                          uint64_t session_id, struct replay_result *result, struct err *err)
{
    struct policy *policy = NULL;
    struct engine *engine = NULL;
    enum status st = run_policy_create(o, &policy, err);
    struct engine_config c = run_engine_config(o, trading, session_id);
    struct engine_sinks sinks = {
        .gateway = {NULL, trading ? take_request : NULL},
        .journal = {NULL, trading ? take_journal : NULL},
        .self = r,
        .record = on_record,
    };
    if (st == ST_OK) {
        st = engine_create(&c, &sinks, &engine);
    }
    if (st == ST_OK) {
        struct replay_events events[EV_SRC_MAX];
        for (int s = 0; s < EV_SRC_MAX; s++) {
            events[s] =
                (struct replay_events){(const struct ev *const *)r->events[s].v, r->events[s].n};
        }
        st = engine_replay(engine, policy, r->turns, r->n_turns, events, result, err);
    }
    engine_destroy(engine);
    policy_destroy(policy);
    return st;
}

static void release(struct replayed *r)
{
    for (int s = 0; s < EV_SRC_MAX; s++) {
        for (uint64_t i = 0; i < r->events[s].n; i++) {
            free(r->events[s].v[i]);
        }
        free(r->events[s].v);
    }
    free(r->turns);
    free(r->decisions);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: replay_session DATABASE\n");
        return 2;
    }
    struct err err = {0};
    int64_t session;
    struct run_options o;
    struct config *c = NULL;
    bool trading = false;
    uint64_t session_id = 0;
    static char *const no_env[] = {NULL};
    if (store_last_session(argv[1], &session, &err) != ST_OK ||
        config_create(&run_option_table, no_env, &o, &c) != ST_OK) {
        return fail(&err);
    }
    char *text = session_config(argv[1], session);
    struct replayed r = {0};
    struct replay_result result = {0};
    enum status st = text == NULL ? err_set(&err, ST_NOT_FOUND, "no session row")
                                  : run_session_read(c, text, &trading, &session_id, &err);
    if (st == ST_OK) {
        st = load(&r, argv[1], session, &err);
    }
    if (st == ST_OK) {
        st = replay(&r, &o, trading, session_id, &result, &err);
    }
    int code = st == ST_OK ? 0 : fail(&err);
    if (code == 0 && (r.difference != NULL || r.compared != r.n_decisions)) {
        fprintf(stderr,
                "replay_session: decision %" PRIu64 " differs in %s (%" PRIu64 " compared, %" PRIu64
                " recorded)\n",
                r.difference_at, r.difference != NULL ? r.difference : "count", r.compared,
                r.n_decisions);
        code = 1;
    }
    if (code == 0) {
        printf("decisions %" PRIu64 " turns %" PRIu64 " events %" PRIu64 " orders %" PRIu64 "\n",
               r.compared, result.turns, result.events, r.orders);
    }
    release(&r);
    free(text);
    config_destroy(c);
    return code;
}
