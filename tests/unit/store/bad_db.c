/* bad_db.c - see bad_db.h. */
#include "bad_db.h"

#include <stdio.h>
#include <stdlib.h>

static const struct backend_ops *real;
static struct backend_ops ops;
static struct bad_db *bad;

static enum status fails(struct backend *b, const char *what)
{
    snprintf(b->error, sizeof b->error, "%s fails on purpose", what);
    return ST_IO;
}

static enum status begin(struct backend *b)
{
    return bad->away ? fails(b, "BEGIN") : real->begin(b);
}

static void take_time(size_t rows)
{
    if (bad->slow != NULL) {
        *bad->slow += bad->slow_ns * (mono_ns_t)rows;
    }
}

static enum status put(struct backend *b, const void *record)
{
    take_time(1);
    return bad->puts_fail ? fails(b, "INSERT") : real->put(b, record);
}

static enum status put_all(struct backend *b, const void *const *records, size_t n,
                           struct refused *refused, size_t *ret_n_refused)
{
    take_time(n);
    return bad->puts_fail ? fails(b, "INSERT")
                          : real->put_all(b, records, n, refused, ret_n_refused);
}

static enum status commit(struct backend *b, uint64_t progress)
{
    bad->commits++;
    if (bad->meanwhile != NULL) {
        bad->meanwhile(b);
    }
    if (bad->commits_fail) {
        return fails(b, "COMMIT");
    }
    enum status st = real->commit(b, progress);
    return st == ST_OK && bad->answers_lost ? fails(b, "the answer of COMMIT") : st;
}

static enum status end_session(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    return bad->away ? fails(b, "UPDATE") : real->end_session(b, outcome, wall, stats);
}

void bad_db_put_before(struct store *s, struct bad_db *with)
{
    real = s->db->ops;
    ops = *real;
    ops.begin = begin;
    ops.put = put;
    ops.put_all = real->put_all != NULL ? put_all : NULL;
    ops.commit = commit;
    ops.end_session = end_session;
    bad = with;
    s->db->ops = &ops;
}

void bad_db_kill(struct store *s)
{
    s->db->ops->close(s->db);
    if (s->spill != NULL) {
        spill_close(s->spill);
    }
    queue_finish(&s->queue);
    free(s);
}
