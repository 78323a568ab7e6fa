/*
 * sim_keep.c - the state file of a serving simulator: what a client was told of is in it first.
 *
 * Saves happen before an answer is given to the server, and before frames of a turn leave: both
 * are only queued while the simulator works. What only the flow changed is saved a few times a
 * second.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/sim_serve.h"

#define LAZY_NS     (250 * NS_PER_MS)
#define LAZY_NS_MAX (2 * NS_PER_SEC)
#define LAZY_SHARE  10 /* saves of what only the flow changed take a tenth of the time at most */

enum status keep_open(struct exchange *x, bool *ret_holds, struct err *err)
{
    *ret_holds = false;
    if (x->o->state[0] == '\0') {
        return ST_OK;
    }
    bool fresh = true;
    enum status st = simdb_open(x->o->state, &x->db, &fresh, err);
    *ret_holds = st == ST_OK && !fresh;
    return st;
}

static bool save(struct exchange *x, bool whole, struct err *err)
{
    struct sim_rows_out out = simdb_out(x->db);
    mono_ns_t began = clock_mono();
    uint64_t rows = 0;
    enum status st = sim_state_save(x->sim, whole, &out, &rows);
    mono_ns_t found = clock_mono();
    st = st == ST_OK ? simdb_commit(x->db, err)
                     : err_set(err, st, "the state cannot be written to %s", x->o->state);
    x->saved = clock_mono();
    mono_ns_t rest = LAZY_SHARE * (x->saved - began);
    x->lazy_ns = rest < LAZY_NS ? LAZY_NS : rest > LAZY_NS_MAX ? LAZY_NS_MAX : rest;
    if (rows > 0) {
        simdb_timed(x->db, found - began, x->saved - found);
    }
    return st == ST_OK;
}

enum status keep_begin(struct exchange *x, struct err *err)
{
    if (x->db == NULL) {
        return ST_OK;
    }
    simdb_accept(x->db);
    enum status st = sim_state_watch(x->sim);
    if (st != ST_OK) {
        return err_set(err, st, "no memory to keep the state");
    }
    x->broken = !save(x, true, err); /* half of a state is worse than none: not written again */
    return x->broken ? ST_IO : ST_OK;
}

bool keep_save(struct exchange *x, bool now)
{
    struct err err = {0};
    if (x->db == NULL || x->broken) {
        return !x->broken;
    }
    if (!now && !sim_state_urgent(x->sim) && clock_mono() - x->saved < x->lazy_ns) {
        return true;
    }
    if (!save(x, false, &err)) {
        x->broken = true;
        log_error("sim", "the state is lost from now on, so the exchange stops: %s", err.text);
    }
    return !x->broken;
}

enum status keep_forget(struct exchange *x, struct err *err)
{
    return x->db != NULL ? simdb_clear(x->db, err) : ST_OK;
}

void keep_close(struct exchange *x)
{
    struct err err = {0};
    if (x->db == NULL) {
        return;
    }
    if (x->sim != NULL && !x->broken && x->saved != 0 && !save(x, true, &err)) {
        log_error("sim", "%s", err.text);
        x->broken = true;
    }
    const struct simdb_stats *s = simdb_stats(x->db);
    if (s->commits > 0) {
        log_info("sim",
                 "state kept file=%s commits=%" PRIu64 " rows=%" PRIu64
                 " find_us=%.1f commit_us=%.1f max_us=%.1f unnamed=%" PRIu64,
                 x->o->state, s->commits, s->rows, (double)s->find_ns / 1e3 / (double)s->commits,
                 (double)s->commit_ns / 1e3 / (double)s->commits, (double)s->ns_max / 1e3,
                 x->sim != NULL ? sim_state_missed(x->sim) : 0);
    }
    simdb_close(x->db);
    x->db = NULL;
}
