/*
 * extent.c - how long a session is (store.h).
 *
 * Tables with a key are asked for their last number, which is the end of an index; the others are
 * counted, over an index too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/layout.h"
#include "store/reader.h"

static const enum cell_kind number_kind[] = {CELL_INT};

/* The one number of a statement; what says which table, for err. */
static enum status one_number(struct reader *r, const char *sql, const char *table, uint64_t *ret,
                              struct err *err)
{
    struct row_source *s = NULL;
    enum status st = r->ops->select(r, sql, number_kind, 1, &s);
    if (st == ST_OK) {
        st = s->ops->next(s);
        if (st == ST_OK) {
            *ret = s->cells[0].i < 0 ? 0 : (uint64_t)s->cells[0].i;
        }
        s->ops->close(s);
    }
    st = st == ST_END ? ST_MALFORMED : st;
    return st == ST_OK ? ST_OK : err_set(err, st, "reading %s: %s", table, r->error);
}

static enum status records(struct reader *r, const struct layout *l, int64_t session, bool counted,
                           uint64_t *ret, struct err *err)
{
    char sql[160];
    bool last = !counted && l->key[0] != '\0';
    snprintf(sql, sizeof sql, "SELECT %s%s%s FROM %s WHERE session=%" PRId64,
             last ? "coalesce(max(" : "count(*)", last ? l->key : "", last ? "), 0)" : "", l->table,
             session);
    return one_number(r, sql, l->table, ret, err);
}

/* Numbers are those of all types of events together, counts are of one. */
static enum status market_events(struct reader *r, const struct layout *l, int64_t session,
                                 bool counted, uint64_t *events, struct err *err)
{
    char sql[160];
    uint64_t n = 0;
    snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE session=%" PRId64 " AND source=%d",
             counted ? "count(*)" : "coalesce(max(ord), 0)", l->table, session, EV_SRC_MARKET);
    enum status st = one_number(r, sql, l->table, &n, err);
    *events = counted ? *events + n : n > *events ? n : *events;
    return st;
}

enum status store_read_extent(const char *path, int64_t session, bool counted,
                              struct store_extent *ret_extent, struct err *err)
{
    struct store_extent x = {0};
    struct reader *r = NULL;
    size_t n = 0;
    const struct layout *l = layouts(&n);
    enum status st = reader_open(path, &r, err);
    if (st != ST_OK) {
        return st;
    }
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        if (l[i].type > REC_BASE) {
            st = records(r, &l[i], session, counted, &x.records[l[i].type - REC_BASE], err);
        } else {
            st = market_events(r, &l[i], session, counted, &x.market_events, err);
        }
    }
    r->ops->close(r);
    if (st == ST_OK) {
        *ret_extent = x;
    }
    return st;
}
