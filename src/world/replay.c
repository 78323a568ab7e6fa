/* replay.c - see replay.h. */
#include "world/replay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orders/recovery.h"

struct replay {
    const struct session *s;
    struct replay_config config;
    struct replay_sinks sinks;
    struct engine *engine;
    struct journal_record *restored;
    uint64_t earlier[JOURNAL_SESSIONS];
    struct cursor turns, decisions, events[EV_SRC_MAX];
    uint64_t used[EV_SRC_MAX]; /* events */
    struct cursor refused[CALL_MAX];
    uint64_t calls[CALL_MAX];
    uint64_t made; /* decisions that the engine has recorded */
    struct replay_status status;
};

const char *replay_end_name(enum replay_end_kind kind)
{
    static const char *const names[REPLAY_END_MAX] = {"runs", "complete", "stopped", "gap",
                                                      "broken"};
    return kind < REPLAY_END_MAX ? names[kind] : "?";
}

static void end(struct replay *r, enum replay_end_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void end(struct replay *r, enum replay_end_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (r->status.end == REPLAY_RUNS) {
        r->status.end = kind;
        (void)vsnprintf(r->status.why, sizeof r->status.why, fmt, ap);
    }
    va_end(ap);
}

void replay_stop(struct replay *r, const char *why)
{
    end(r, REPLAY_STOPPED, "%s", why);
}

const struct replay_status *replay_status(const struct replay *r)
{
    return &r->status;
}

const struct engine *replay_engine(const struct replay *r)
{
    return r->engine;
}

const struct rec_turn *replay_next(const struct replay *r)
{
    return r->status.end == REPLAY_RUNS ? cursor_peek(&r->turns) : NULL;
}

/* --- what the engine calls --- */

/* The next row of a kind of call, NULL: none. */
static const struct rec_refused *refused_next(struct replay *r, enum engine_call kind)
{
    const struct rec_refused *row = cursor_peek(&r->refused[kind]);
    while (row != NULL && row->kind != kind) {
        cursor_pass(&r->refused[kind]);
        row = cursor_peek(&r->refused[kind]);
    }
    return row;
}

static enum status status_named(const char *name)
{
    for (int st = ST_OK + 1; st < ST_MAX; st++) {
        if (strcmp(status_name((enum status)st), name) == 0) {
            return (enum status)st;
        }
    }
    return ST_IO;
}

/* What came back from the call when it was recorded. */
static enum status call(struct replay *r, enum engine_call kind)
{
    r->calls[kind]++;
    const struct rec_refused *row = refused_next(r, kind);
    if (row == NULL || row->call != r->calls[kind]) {
        return ST_OK;
    }
    cursor_pass(&r->refused[kind]);
    return status_named(row->status);
}

static enum status take_request(void *self, const struct gw_request *req)
{
    (void)req;
    return call(self, CALL_REQUEST);
}

static enum status take_journal(void *self, struct journal_record *rec)
{
    (void)rec;
    return call(self, CALL_JOURNAL);
}

static void take_record(void *self, const struct rec *rec)
{
    struct replay *r = self;
    r->made += rec->type == REC_DECISION;
    if (r->sinks.record != NULL) {
        r->sinks.record(r->sinks.self, rec);
    }
}

/* --- making --- */

static enum status restore(struct replay *r, struct err *err)
{
    const struct arena *a = &r->s->rows[REC_RESTORED - REC_BASE];
    struct cursor c = cursor_of(a);
    struct orders_config *oc = &r->config.engine.orders;
    if (a->records > 0) {
        r->restored = calloc(a->records, sizeof *r->restored);
        if (r->restored == NULL) {
            return err_set(err, ST_NOMEM, "out of memory");
        }
    }
    oc->unsettled = r->restored;
    oc->n_unsettled = 0;
    oc->earlier = r->earlier;
    oc->n_earlier = 0;
    for (const struct rec_restored *row = cursor_next(&c); row != NULL; row = cursor_next(&c)) {
        struct journal_record rec;
        enum status st = recovery_of_record(row, &rec);
        if (st == ST_OK && rec.type != JOURNAL_SESSION) {
            r->restored[oc->n_unsettled++] = rec;
        } else if (st == ST_OK && oc->n_earlier < JOURNAL_SESSIONS) {
            r->earlier[oc->n_earlier++] = rec.number;
        } else {
            return err_set(err, ST_MALFORMED,
                           "table restored: row %u is no order, no halt and no session",
                           oc->n_unsettled + oc->n_earlier + 1);
        }
    }
    return ST_OK;
}

static enum status make_engine(struct replay *r, struct err *err)
{
    bool trading = r->config.engine.trading;
    struct engine_sinks sinks = {
        .gateway = {r, trading ? take_request : NULL},
        .journal = {r, trading ? take_journal : NULL},
        .self = r,
        .record = take_record,
    };
    enum status st = engine_create(&r->config.engine, &sinks, &r->engine);
    return st == ST_OK ? ST_OK
                       : err_set(err, st, "the engine refuses the session's limits%s: %s",
                                 r->config.engine.orders.n_unsettled > 0
                                     ? " or its restored orders (table restored)"
                                     : "",
                                 status_text(st));
}

enum status replay_create(const struct session *session, const struct replay_config *config,
                          const struct replay_sinks *sinks, struct replay **ret_replay,
                          struct err *err)
{
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return err_set(err, ST_NOMEM, "out of memory");
    }
    r->s = session;
    r->config = *config;
    r->sinks = *sinks;
    r->turns = session_cursor(session, REC_TURN);
    r->decisions = session_cursor(session, REC_DECISION);
    for (int s = 0; s < EV_SRC_MAX; s++) {
        r->events[s] = cursor_of(&session->events[s]);
    }
    for (int k = 0; k < CALL_MAX; k++) {
        r->refused[k] = session_cursor(session, REC_REFUSED);
    }
    enum status st = restore(r, err);
    if (st == ST_OK) {
        st = make_engine(r, err);
    }
    if (st != ST_OK) {
        replay_destroy(r);
        return st;
    }
    *ret_replay = r;
    return ST_OK;
}

void replay_destroy(struct replay *r)
{
    if (r != NULL) {
        engine_destroy(r->engine);
        free(r->restored);
        free(r);
    }
}

/* --- what is missing --- */

static const char *const source_words[EV_SRC_MAX] = {"command", "private", "answer", "market"};

/* Rows first up to, not including, next are not there: end, or an error when nobody says why. */
static enum status missing(struct replay *r, uint64_t turn, const char *what, uint64_t first,
                           uint64_t next, const struct rec_gap *gap, struct err *err)
{
    char which[96];
    if (next > first + 1) {
        snprintf(which, sizeof which, "%s %" PRIu64 " to %" PRIu64, what, first, next - 1);
    } else {
        snprintf(which, sizeof which, "%s %" PRIu64, what, first);
    }
    if (gap != NULL) {
        end(r, REPLAY_GAP, "%s missing (gap row: %s, %" PRIu64 " lost)", which, gap->reason,
            gap->lost);
        return ST_END;
    }
    if (session_is_open(r->s)) {
        end(r, REPLAY_BROKEN, "%s missing: the session is %s", which,
            r->s->outcome != NULL ? r->s->outcome : "not closed");
        return ST_END;
    }
    return err_set(err, ST_TRUNCATED,
                   "table turn, turn %" PRIu64 ": %s missing, and no gap row says why", turn,
                   which);
}

/* Every event that the turn takes is there, and so is every turn before it. */
static enum status check_turn(struct replay *r, const struct rec_turn *turn, struct err *err)
{
    uint64_t expected = r->status.last_turn + 1;
    if (turn->turn != expected) {
        const struct rec_gap *gap = session_row_gap(r->s, REC_TURN, expected, turn->turn);
        return missing(r, expected, "turn", expected, turn->turn, gap, err);
    }
    for (int s = 0; s < EV_SRC_MAX; s++) {
        const struct arena *a = &r->s->events[s];
        if (turn->taken[s] <= a->whole - r->used[s]) {
            continue;
        }
        char what[32];
        snprintf(what, sizeof what, "%s event", source_words[s]);
        uint64_t next = r->used[s] + turn->taken[s] + 1;
        const struct rec_gap *gap = session_event_gap(r->s, (enum ev_source)s, a->whole + 1, next);
        return missing(r, expected, what, a->whole + 1, next, gap, err);
    }
    return ST_OK;
}

/* --- deciding --- */

/* The recorded decisions of the next n questions. ST_END: not all are there. */
static enum status recorded(struct replay *r, uint32_t n, const struct rec_decision **rows,
                            struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t number = r->made + i + 1;
        const struct rec_decision *d = cursor_peek(&r->decisions);
        while (d != NULL && d->number < number) { /* without a question: see flatten */
            cursor_pass(&r->decisions);
            d = cursor_peek(&r->decisions);
        }
        if (d == NULL || d->number != number) {
            uint64_t next = d != NULL ? d->number : number + 1;
            const struct rec_gap *gap = session_row_gap(r->s, REC_DECISION, number, next);
            return missing(r, r->status.last_turn, "decision", number, next, gap, err);
        }
        cursor_pass(&r->decisions);
        rows[i] = d;
    }
    return ST_OK;
}

/* ST_END: one of the next n was recorded and lost; the record ends there for the asked policy too.
 */
static enum status lost_decision(struct replay *r, uint32_t n, struct err *err)
{
    const struct arena *a = &r->s->rows[REC_DECISION - REC_BASE];
    if (a->whole == a->records || r->made + n <= a->whole) {
        return ST_OK;
    }
    const struct rec_gap *gap = session_row_gap(r->s, REC_DECISION, a->whole + 1, a->whole + 2);
    return missing(r, r->status.last_turn, "decision", a->whole + 1, a->whole + 2, gap, err);
}

static enum status answer(struct replay *r, const uint32_t *mkts, float (*obs)[OBS_SIZE],
                          uint32_t n, struct policy_out *outs, struct err *err)
{
    if (r->config.answers == ANSWERS_ASKED) {
        policy_select(r->config.policy, &obs[0][0], n, outs);
        return lost_decision(r, n, err);
    }
    const struct rec_decision *rows[ENGINE_BATCH];
    enum status st = recorded(r, n, rows, err);
    for (uint32_t i = 0; st == ST_OK && i < n; i++) {
        outs[i].action = rows[i]->action;
        memcpy(outs[i].logits, rows[i]->logits, sizeof outs[i].logits);
        memcpy(outs[i].probs, rows[i]->probs, sizeof outs[i].probs);
        if (r->sinks.asked != NULL) {
            r->sinks.asked(r->sinks.self, mkts[i], obs[i], rows[i]);
        }
    }
    return st;
}

static enum status decide(struct replay *r, struct err *err)
{
    uint32_t mkts[ENGINE_BATCH];
    float obs[ENGINE_BATCH][OBS_SIZE];
    struct policy_out outs[ENGINE_BATCH];
    for (;;) {
        uint32_t n = engine_pending(r->engine, mkts, obs, ENGINE_BATCH);
        if (n == 0) {
            return ST_OK;
        }
        enum status st = answer(r, mkts, obs, n, outs, err);
        if (st != ST_OK) {
            return st; /* in the middle of a turn: the engine is not asked again */
        }
        engine_act(r->engine, mkts, outs, n);
        r->status.decisions += n;
    }
}

/* --- turns --- */

static void apply(struct replay *r, const struct rec_turn *turn)
{
    for (uint32_t s = 0; s < EV_SRC_MAX; s++) {
        struct cursor *c = &r->events[s];
        for (uint32_t i = 0; i < turn->taken[s]; i++) {
            const struct ev *ev = cursor_next(c);
            engine_step(r->engine, ev);
            r->status.last_source = s;
            r->status.last_ord = ev->ord;
        }
        r->used[s] += turn->taken[s];
        r->status.events += turn->taken[s];
    }
}

enum status replay_turn(struct replay *r, struct err *err)
{
    const struct rec_turn *turn = replay_next(r);
    if (turn == NULL) {
        end(r, REPLAY_COMPLETE, "every recorded turn was replayed");
        return ST_END;
    }
    enum status st = check_turn(r, turn, err);
    if (st != ST_OK) {
        return st;
    }
    cursor_pass(&r->turns);
    r->status.last_turn = turn->turn;
    r->status.last_wall = turn->h.wall;
    engine_turn_begin(r->engine, turn->mono, turn->h.wall);
    apply(r, turn);
    engine_timers(r->engine);
    st = decide(r, err);
    if (counter_get(&engine_metrics(r->engine)->no_memory) > 0) {
        return err_set(err, ST_NOMEM, "no memory for a book"); /* and not a difference */
    }
    if (st != ST_OK) {
        return st;
    }
    bool happened = engine_turn_end(r->engine);
    r->status.turns++;
    if (r->sinks.turn != NULL) {
        r->sinks.turn(r->sinks.self, turn, happened);
    }
    return r->status.end == REPLAY_RUNS ? ST_OK : ST_END;
}
