/* null_backend.c - see null_backend.h. */
#include "growth/null_backend.h"

#include <string.h>

static struct null_backend *null_of(struct backend *b)
{
    return (struct null_backend *)b;
}

static enum status begin(struct backend *b)
{
    null_of(b)->in_transaction = 0;
    return ST_OK;
}

static enum status put(struct backend *b, const void *record)
{
    struct null_backend *n = null_of(b);
    const struct ev *ev = record;
    uint64_t *next = NULL, number = 0;
    if (ev->type < REC_BASE && ev->source < EV_SRC_MAX) {
        next = &n->next_ord[ev->source];
        number = ev->ord;
    } else if (ev->type == REC_TURN) {
        next = &n->next_turn;
        number = ((const struct rec_turn *)record)->turn;
    }
    if (next != NULL) {
        n->out_of_order += number != *next;
        *next = number + 1;
    }
    n->in_transaction++;
    return ST_OK;
}

static enum status commit(struct backend *b, uint64_t progress)
{
    struct null_backend *n = null_of(b);
    n->rows += n->in_transaction;
    n->in_transaction = 0;
    n->commits++;
    n->progress = progress;
    return ST_OK;
}

static void rollback(struct backend *b)
{
    null_of(b)->in_transaction = 0;
}

static enum status progress(struct backend *b, uint64_t *ret_progress)
{
    *ret_progress = null_of(b)->progress;
    return ST_OK;
}

static enum status end_session(struct backend *b, const char *outcome, wall_ns_t wall,
                               const struct store_stats *stats)
{
    (void)b;
    (void)outcome;
    (void)wall;
    (void)stats;
    return ST_OK;
}

static void close_null(struct backend *b)
{
    null_of(b)->closed = true;
}

static const struct backend_ops ops = {
    .name = "null",
    .begin = begin,
    .put = put,
    .commit = commit,
    .rollback = rollback,
    .progress = progress,
    .end_session = end_session,
    .close = close_null,
};

void null_backend_init(struct null_backend *n)
{
    memset(n, 0, sizeof *n);
    n->b.ops = &ops;
    n->b.session = 1;
    n->next_turn = 1;
    for (size_t i = 0; i < EV_SRC_MAX; i++) {
        n->next_ord[i] = 1;
    }
}
