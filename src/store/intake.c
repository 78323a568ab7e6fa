/* intake.c - from the rings into memory, and what goes when memory is short; see store.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store/store_int.h"

#define RING_ROWS       65536U /* taken from one ring in one turn */
#define REFUSED_WAIT_NS NS_PER_SEC

/* False: there is no memory. */
static bool enqueue(struct store *s, const void *record, uint32_t size, mono_ns_t now)
{
    if (s->queue.records == 0) {
        s->oldest = now;
    }
    return queue_push(&s->queue, record, size) == ST_OK;
}

/* Without memory it waits among the drops, whose rows come later. */
static bool enqueue_gap(struct store *s, const struct rec_gap *gap, mono_ns_t now)
{
    if (!enqueue(s, gap, sizeof *gap, now)) {
        struct rec_gap *to = &s->drops.gap[DROP_RECORDS];
        uint64_t before = to->lost;
        *to = before == 0 ? *gap : *to;
        to->lost = before + gap->lost;
        s->drops.lost += gap->lost;
        return false;
    }
    log_warn("store", "gap: %s lost=%" PRIu64 " from=%" PRIu64 " to=%" PRIu64, gap->reason,
             gap->lost, gap->seq_expected, gap->seq_got);
    return true;
}

/* --- rings --- */

/* A hole in the numbers explains as many refused pushes. */
static void name_hole(struct store *s, struct source_ring *r, const struct rec_gap *gap,
                      mono_ns_t now)
{
    uint64_t n = gap->lost;
    uint64_t known = n < r->named_late ? n : r->named_late;
    r->named_late -= known;
    uint64_t rest = n - known;
    r->named += rest;
    s->stats.lost += rest;
    (void)enqueue_gap(s, gap, now);
}

/* Refused pushes that no hole has explained for a while: records without numbers. */
static void name_refused(struct store *s, struct source_ring *r, mono_ns_t now, bool at_once)
{
    r->refused = ring_refused(r->ring);
    if (r->refused <= r->named) {
        r->since = 0;
        return;
    }
    if (r->since == 0 || r->named >= r->marked) { /* holes explain the oldest first */
        r->since = now;
        r->marked = r->refused;
    }
    if (!at_once && now - r->since < REFUSED_WAIT_NS) {
        return;
    }
    struct rec_gap gap;
    uint64_t n = (at_once ? r->refused : r->marked) - r->named;
    gap_make(&gap, EV_SRC_MAX, s->wall, n, 0, 0, "store: ring full, records missing");
    r->named_late += n;
    r->named += n;
    r->since = 0;
    s->stats.lost += n;
    (void)enqueue_gap(s, &gap, now);
}

/* A record that is too short to say what it is goes no further. */
static bool headless(struct store *s, const struct rec *record, mono_ns_t now)
{
    if (record->size >= sizeof *record) {
        return false;
    }
    struct rec_gap gap;
    gap_make(&gap, EV_SRC_MAX, s->wall, 1, 0, 0, "store: malformed record refused");
    s->stats.lost++;
    (void)enqueue_gap(s, &gap, now);
    return true;
}

/* Without memory the rest stays in the ring until a batch has made room; at the end (last), when
 * no batch has, it is named like what is dropped. */
static uint32_t drain_ring(struct store *s, struct source_ring *r, mono_ns_t now, bool last)
{
    uint32_t n = 0;
    for (; n < RING_ROWS; n++) {
        const void *record = ring_peek(r->ring);
        if (record == NULL) {
            break;
        }
        struct rec_gap gap;
        if (!headless(s, record, now)) {
            if (losses_note(&s->losses, record, s->wall, &gap)) {
                name_hole(s, r, &gap, now);
            }
            if (!enqueue(s, record, ((const struct rec *)record)->size, now)) {
                if (!last) {
                    break;
                }
                intake_drop(s, record, "out of memory");
                log_error("store", "out of memory, a record of type %u is lost",
                          ((const struct rec *)record)->type);
            }
        }
        ring_pop(r->ring);
    }
    return n;
}

uint32_t intake_rings(struct store *s, mono_ns_t now, bool at_once)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->n_rings; i++) {
        n += drain_ring(s, &s->rings[i], now, at_once);
        name_refused(s, &s->rings[i], now, at_once);
    }
    return n;
}

void intake_meanwhile(void *self)
{
    struct store *s = self;
    mono_ns_t now = s->time.mono(s->time.self);
    s->wall = s->turn_wall + (now - s->turn_mono);
    (void)intake_rings(s, now, false);
    if (s->answering) {
        overflow_work(s, now);
        intake_bound(s);
    }
}

/* --- when there is no room --- */

bool intake_droppable(enum drop_class class, const void *record)
{
    const struct ev *ev = record;
    bool data = ev->type == EV_SNAPSHOT || ev->type == EV_DELTA || ev->type == EV_TRADE;
    bool market = (data && ev->source == EV_SRC_MARKET) || ev->type == REC_RAW;
    return market || (class == DROP_RECORDS && (ev->type == REC_TURN || ev->type == REC_DECISION));
}

void intake_drop(struct store *s, const void *record, const char *why)
{
    const struct ev *ev = record;
    bool event = ev->type < REC_BASE && ev->size >= sizeof *ev;
    bool market = event || ev->type == REC_RAW;
    struct rec_gap *gap = &s->drops.gap[market ? DROP_MARKET : DROP_RECORDS];
    if (gap->lost == 0) {
        const char *what = !intake_droppable(DROP_RECORDS, record) ? "records"
                           : market                                ? "market data"
                                                                   : "turns or decisions";
        char reason[REASON_MAX];
        snprintf(reason, sizeof reason, "store: %s, %s dropped", why, what);
        gap_make(gap, event ? ev->source : EV_SRC_MAX, s->wall, 0, 0, 0, reason);
    }
    gap->lost++;
    s->drops.lost++;
    s->stats.lost++;
    if (event) {
        gap->h.source = ev->source;
        bool first = gap->seq_expected == 0 || ev->ord < gap->seq_expected;
        gap->seq_expected = first ? ev->ord : gap->seq_expected;
        gap->seq_got = ev->ord + 1 > gap->seq_got ? ev->ord + 1 : gap->seq_got;
    }
}

bool intake_name_drops(struct store *s, mono_ns_t now)
{
    struct drops drops = s->drops;
    bool named = true;
    memset(&s->drops, 0, sizeof s->drops);
    for (size_t i = 0; i < DROP_CLASSES; i++) {
        if (drops.gap[i].lost > 0) {
            named = enqueue_gap(s, &drops.gap[i], now) && named;
        }
    }
    return named;
}

uint64_t intake_unsure(const struct store *s)
{
    uint64_t last = s->unsure.progress > s->in_flight ? s->unsure.progress : s->in_flight;
    return last > s->given ? last - s->given : 0;
}

static bool drop(void *self, const void *record)
{
    struct store *s = self;
    if (!intake_droppable(s->dropping, record)) {
        return false;
    }
    intake_drop(s, record, "memory full");
    return true;
}

void intake_bound(struct store *s)
{
    if (s->queue.bytes > s->stats.queued_bytes_max) {
        s->stats.queued_bytes_max = s->queue.bytes;
    }
    if (s->queue.bytes <= s->memory_max) {
        return;
    }
    /* An eighth more than needed, so that not every turn has to drop. */
    size_t target = s->memory_max - s->memory_max / 8;
    uint64_t before = s->stats.lost;
    for (s->dropping = DROP_MARKET; s->dropping < DROP_CLASSES; s->dropping++) {
        /* Those that are perhaps in the database would be named and yet be there. */
        queue_thin(&s->queue, target, intake_unsure(s), drop, s);
        if (s->queue.bytes <= s->memory_max) {
            break;
        }
    }
    if (s->stats.lost != before) {
        log_error("store", "memory full, rows dropped=%" PRIu64, s->stats.lost - before);
    }
}
