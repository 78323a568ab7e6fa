/* put.c - see put.h. */
#include "store/put.h"

#include "store/losses.h"

enum status put_record(struct backend *db, const void *record, wall_ns_t wall,
                       struct store_stats *tally)
{
    const struct ev *ev = record;
    enum status st = db->ops->put(db, record);
    if (st == ST_OK) {
        tally->rows++;
        tally->by_type[store_type_index(ev->type)]++;
        return ST_OK;
    }
    if (st != ST_INVALID && st != ST_EXISTS) {
        return st;
    }
    /* One that is too short has no number. */
    uint64_t ord = ev->type < REC_BASE && ev->size >= sizeof *ev ? ev->ord : 0;
    struct rec_gap gap;
    gap_make(&gap, ev->source, wall, 1, ord, ord,
             st == ST_EXISTS ? "store: a number came twice, row refused"
                             : "store: malformed record refused");
    tally->lost++;
    return db->ops->put(db, &gap);
}

void put_tally(struct store_stats *stats, const struct store_stats *tally)
{
    stats->rows += tally->rows;
    stats->lost += tally->lost;
    for (size_t i = 0; i < sizeof stats->by_type / sizeof stats->by_type[0]; i++) {
        stats->by_type[i] += tally->by_type[i];
    }
}
