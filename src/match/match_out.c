#include <stdlib.h>

#include "base/ensure.h"
#include "match/match_int.h"

static void *more(void *p, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap) {
        return p;
    }
    uint32_t next = *cap == 0 ? 16 : *cap * 2;
    void *q = realloc(p, (size_t)next * size);
    ensure_memory(q);
    *cap = next;
    return q;
}

void out_clear(struct match *m)
{
    m->n_deltas = 0;
    m->n_trades = 0;
    m->n_fills = 0;
    m->n_updates = 0;
    m->n_triggered = 0;
    m->result_no++;
}

void out_delta(struct match *m, uint32_t market, enum side side, px_t px, qty_t qty,
               const struct slot *by)
{
    if (qty == 0) {
        return;
    }
    m->deltas = more(m->deltas, m->n_deltas, &m->cap_deltas, sizeof *m->deltas);
    m->deltas[m->n_deltas++] = (struct match_delta){
        .market = market,
        .side = side,
        .px = px,
        .qty = qty,
        .account = by != NULL ? by->o.account : MATCH_ANON,
        .tag = by != NULL ? by->o.tag : 0,
    };
}

uint64_t out_trade(struct match *m, uint32_t market, enum side taker, px_t yes_px, qty_t qty)
{
    m->trades = more(m->trades, m->n_trades, &m->cap_trades, sizeof *m->trades);
    uint64_t id = ++m->next_trade;
    m->trades[m->n_trades++] = (struct match_trade){id, market, taker, yes_px, qty};
    return id;
}

void out_fill(struct match *m, const struct match_fill *fill)
{
    m->fills = more(m->fills, m->n_fills, &m->cap_fills, sizeof *m->fills);
    m->fills[m->n_fills++] = *fill;
}

void out_update(struct match *m, struct slot *s)
{
    if (s->told == m->result_no) { /* one message for each order, with its final numbers */
        m->updates[s->told_at] = s->o;
        return;
    }
    m->updates = more(m->updates, m->n_updates, &m->cap_updates, sizeof *m->updates);
    s->told = m->result_no;
    s->told_at = m->n_updates;
    m->updates[m->n_updates++] = s->o;
}

void out_triggered(struct match *m, uint64_t group)
{
    m->triggered = more(m->triggered, m->n_triggered, &m->cap_triggered, sizeof *m->triggered);
    m->triggered[m->n_triggered++] = group;
}

struct match_result match_result(const struct match *m)
{
    return (struct match_result){
        .deltas = m->deltas,
        .trades = m->trades,
        .fills = m->fills,
        .updates = m->updates,
        .triggered = m->triggered,
        .n_deltas = m->n_deltas,
        .n_trades = m->n_trades,
        .n_fills = m->n_fills,
        .n_updates = m->n_updates,
        .n_triggered = m->n_triggered,
    };
}
