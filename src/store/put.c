/* put.c - see put.h. */
#include "store/put.h"

#include <string.h>

#include "store/losses.h"

#define TYPES_MAX (sizeof((struct store_stats *)0)->by_type / sizeof(uint64_t))

void put_begin(struct putter *p, wall_ns_t wall)
{
    p->wall = wall;
    p->n = 0;
    memset(&p->tally, 0, sizeof p->tally);
}

/* What the database did not take becomes a gap row. */
static enum status put_refused(const struct putter *p, const struct refused *refused)
{
    const struct ev *ev = refused->record;
    /* One that is too short has no number. */
    uint64_t ord = ev->type < REC_BASE && ev->size >= sizeof *ev ? ev->ord : 0;
    struct rec_gap gap;
    gap_make(&gap, ev->source, p->wall, 1, ord, ord,
             refused->why == ST_EXISTS ? "store: a number came twice, row refused"
                                       : "store: malformed record refused");
    return p->db->ops->put(p->db, &gap);
}

static void count_row(struct store_stats *tally, const void *record, uint64_t n)
{
    uint32_t i = store_type_index(((const struct rec *)record)->type);
    tally->rows += n;
    if (i < TYPES_MAX) { /* strange types are malformed, and refused */
        tally->by_type[i] += n;
    }
}

enum status put_flush(struct putter *p)
{
    size_t n_refused = 0;
    enum status st =
        p->n > 0 ? backend_put_all(p->db, p->chunk, p->n, p->refused, &n_refused) : ST_OK;
    for (size_t i = 0; i < p->n && st == ST_OK; i++) {
        count_row(&p->tally, p->chunk[i], 1);
    }
    p->n = 0;
    for (size_t i = 0; i < n_refused && st == ST_OK; i++) {
        count_row(&p->tally, p->refused[i].record, UINT64_MAX); /* less one */
        p->tally.lost++;
        st = put_refused(p, &p->refused[i]);
    }
    return st;
}

enum status put_add(struct putter *p, const void *record)
{
    p->chunk[p->n++] = record;
    return p->n < PUT_CHUNK ? ST_OK : put_flush(p);
}

void put_tally(struct store_stats *stats, const struct store_stats *tally)
{
    stats->rows += tally->rows;
    stats->lost += tally->lost;
    for (size_t i = 0; i < TYPES_MAX; i++) {
        stats->by_type[i] += tally->by_type[i];
    }
}
