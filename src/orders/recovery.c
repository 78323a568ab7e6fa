#include "orders/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "orders/orders.h"

static uint32_t find(const struct recovery *r, const struct journal_record *rec)
{
    uint32_t i = 0;
    while (i < r->n && strncmp(r->rec[i].client_id, rec->client_id, CLIENT_ID_MAX) != 0) {
        i++;
    }
    return i;
}

static enum status add(struct recovery *r, const struct journal_record *rec)
{
    if (r->n == r->cap) {
        uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
        struct journal_record *p = realloc(r->rec, cap * sizeof *p);
        if (p == NULL) {
            return ST_NOMEM;
        }
        r->rec = p;
        r->cap = cap;
    }
    r->rec[r->n++] = *rec;
    return ST_OK;
}

static bool has_halt(const struct recovery *r, const struct journal_record *rec)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->rec[i].type == JOURNAL_HALT && strcmp(r->rec[i].ticker, rec->ticker) == 0) {
            return true;
        }
    }
    return false;
}

/* A release lets all go. */
static void release(struct recovery *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->rec[i].type != JOURNAL_HALT) {
            r->rec[n++] = r->rec[i];
        }
    }
    r->n = n;
}

enum status recovery_take(void *self, const struct journal_record *rec)
{
    struct recovery *r = self;
    uint32_t i = 0;
    switch ((enum journal_type)rec->type) {
    case JOURNAL_INTENT:
        return find(r, rec) == r->n ? add(r, rec) : ST_OK;
    case JOURNAL_ACK:
        i = find(r, rec);
        if (i < r->n) {
            memcpy(r->rec[i].order_id, rec->order_id, sizeof rec->order_id);
        }
        return ST_OK;
    case JOURNAL_DONE:
        i = find(r, rec);
        if (i < r->n) {
            r->n--;
            memmove(&r->rec[i], &r->rec[i + 1], (r->n - i) * sizeof *r->rec);
        }
        return ST_OK;
    case JOURNAL_AMEND: /* either terms may hold: the dearer ones are counted */
        i = find(r, rec);
        if (i < r->n) {
            struct journal_record *k = &r->rec[i];
            bool dearer = (rec->yes_px > k->yes_px) == (k->outcome == SIDE_YES);
            k->yes_px = dearer ? rec->yes_px : k->yes_px;
            k->qty = rec->qty > k->qty ? rec->qty : k->qty;
        }
        return ST_OK;
    case JOURNAL_HALT: /* of all: journal_recovery tells it */
        return rec->ticker[0] != '\0' && !has_halt(r, rec) ? add(r, rec) : ST_OK;
    case JOURNAL_RELEASE:
        release(r);
        return ST_OK;
    case JOURNAL_NONE:
    case JOURNAL_SESSION:
    case JOURNAL_TYPE_MAX:
        break;
    }
    return ST_OK;
}

void recovery_to_record(const struct journal_record *rec, struct rec_restored *ret)
{
    bool halt = rec->type == JOURNAL_HALT;
    if (rec->type == JOURNAL_SESSION) {
        *ret = (struct rec_restored){
            .h = {.size = sizeof *ret, .type = REC_RESTORED, .mkt = MKT_NONE, .wall = rec->wall},
            .kind = RESTORED_SESSION};
        order_client_id(rec->number, 0, ret->client_id);
        return;
    }
    *ret = (struct rec_restored){
        .h = {.size = sizeof *ret, .type = REC_RESTORED, .mkt = MKT_NONE, .wall = rec->wall},
        .number = rec->number,
        .kind = halt ? RESTORED_HALT : RESTORED_ORDER,
        .outcome = rec->outcome,
        .is_buy = rec->is_buy,
        .yes_px = rec->yes_px,
        .qty = rec->qty,
        .reserved = rec->reserved,
    };
    memcpy(ret->ticker, rec->ticker, strnlen(rec->ticker, TICKER_MAX - 1));
    memcpy(ret->order_id, rec->order_id, strnlen(rec->order_id, ORDER_ID_MAX - 1));
    if (halt) {
        memcpy(ret->reason, rec->reason, strnlen(rec->reason, REASON_MAX - 1));
    } else {
        memcpy(ret->client_id, rec->client_id, strnlen(rec->client_id, CLIENT_ID_MAX - 1));
    }
}

enum status recovery_of_record(const struct rec_restored *row, struct journal_record *ret)
{
    if (row->kind >= RESTORED_KIND_MAX) {
        return ST_MALFORMED;
    }
    bool halt = row->kind == RESTORED_HALT;
    if (row->kind == RESTORED_SESSION) {
        *ret = (struct journal_record){.type = JOURNAL_SESSION, .wall = row->h.wall};
        return order_session_of(row->client_id, &ret->number) ? ST_OK : ST_MALFORMED;
    }
    *ret = (struct journal_record){
        .type = halt ? JOURNAL_HALT : JOURNAL_INTENT,
        .wall = row->h.wall,
        .number = row->number,
        .outcome = row->outcome,
        .is_buy = row->is_buy,
        .yes_px = row->yes_px,
        .qty = row->qty,
        .reserved = row->reserved,
    };
    memcpy(ret->ticker, row->ticker, sizeof ret->ticker);
    memcpy(ret->order_id, row->order_id, sizeof ret->order_id);
    if (halt) {
        memcpy(ret->reason, row->reason, sizeof ret->reason);
    } else {
        memcpy(ret->client_id, row->client_id, sizeof ret->client_id);
    }
    return ST_OK;
}

void recovery_finish(struct recovery *r)
{
    free(r->rec);
    *r = (struct recovery){0};
}
