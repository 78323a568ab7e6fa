/*
 * feed_seq.c - sequence numbers: per sid, over all its markets, every kind of sequenced message.
 *
 * Live, a connection's sids are known from the answers to subscribe, each count begins at 1, and a
 * number that is not new is a duplicate. Offline (no repair) a recording may begin anywhere, hold
 * any sids and go on after a reconnect that was not recorded as such: there a number that goes
 * back is a duplicate or a new connection, and is judged by what it comes with.
 */
#include <string.h>

#include "base/hash.h"
#include "feed/feed_int.h"

/* Offline: a message other than a snapshot that is so far behind is of a new connection. */
#define RESTART_DISTANCE 1000

struct stream *feed_stream(struct feed *f, uint64_t sid)
{
    if (f->stream_hint < f->stream_count && f->streams[f->stream_hint].sid == sid) {
        return &f->streams[f->stream_hint];
    }
    for (uint32_t i = 0; i < f->stream_count; i++) {
        if (f->streams[i].sid == sid) {
            f->stream_hint = i;
            return &f->streams[i];
        }
    }
    return NULL;
}

struct stream *feed_stream_start(struct feed *f, uint64_t sid, bool books)
{
    struct stream *s = feed_stream(f, sid);
    if (s == NULL) {
        /* Beyond the table, the oldest that ended makes room; offline simply the oldest. */
        uint32_t at = f->stream_count;
        if (at == STREAMS_MAX) {
            at = 0;
            while (at < STREAMS_MAX - 1 && !f->streams[at].dead && f->config.repair) {
                at++;
            }
            memmove(&f->streams[at], &f->streams[at + 1],
                    (STREAMS_MAX - 1 - at) * sizeof f->streams[0]);
            at = STREAMS_MAX - 1;
        } else {
            f->stream_count++;
        }
        s = &f->streams[at];
    }
    *s = (struct stream){.sid = sid, .started = f->config.repair, .books = books};
    return s;
}

/* --- gaps --- */

static void gap(struct feed *f, const struct stream *s, uint64_t got)
{
    f->stats.gaps++;
    feed_record_gap(f, MKT_ALL, s, s->last + 1, got, "sequence gap");
    if (!s->books) {
        return; /* trades that were missed cannot be asked for, and no book depends on them */
    }
    if (f->config.repair) {
        feed_stale_all(f, "sequence gap"); /* one subscription carries every book */
        return;
    }
    for (uint32_t i = 0; i < f->market_count; i++) {
        if (f->markets[i].sid == s->sid) {
            feed_mark_stale(f, i, "sequence gap");
        }
    }
}

static enum seq_verdict duplicate(struct feed *f)
{
    f->stats.duplicates++;
    return SEQ_DROP;
}

/* --- live --- */

/* Data may overtake the answer to subscribe (it did until 2026-09-17): its sid is ours then. */
static struct stream *adopt(struct feed *f, const struct seq_message *m)
{
    struct subscription *sub = &f->subs[m->books ? CH_BOOK : CH_TRADE];
    if (!m->foreign_ok || f->sub_id == 0 || sub->sid != 0) {
        return NULL;
    }
    sub->sid = m->sid;
    return feed_stream_start(f, m->sid, m->books);
}

static enum seq_verdict seq_live(struct feed *f, const struct seq_message *m)
{
    if (m->sid == 0) {
        return SEQ_FOREIGN;
    }
    struct stream *s = feed_stream(f, m->sid);
    if (s == NULL) {
        s = adopt(f, m);
    }
    if (s == NULL) {
        return SEQ_FOREIGN;
    }
    if (s->dead) {
        return SEQ_DROP; /* what was under way when the subscription ended */
    }
    if (!f->config.seq_check || m->seq == 0) {
        return SEQ_TAKE;
    }
    if (m->seq > s->last) {
        if (m->seq != s->last + 1) {
            gap(f, s, m->seq);
        }
        s->last = m->seq;
        return SEQ_TAKE;
    }
    /* An answer to get_snapshot might carry the count without advancing it; taking the same state
     * again is harmless. */
    if (m->snapshot && m->id != 0 && m->seq == s->last) {
        return SEQ_TAKE;
    }
    return duplicate(f);
}

/* --- offline --- */

static bool seen_before(struct feed *f, const struct seq_message *m)
{
    uint64_t hash = hash64(m->s, m->n);
    uint32_t n = f->seen_count < SEEN_MAX ? f->seen_count : SEEN_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const struct seen_snapshot *x = &f->seen[i];
        if (x->sid == m->sid && x->seq == m->seq && x->hash == hash) {
            return true;
        }
    }
    f->seen[f->seen_count++ % SEEN_MAX] = (struct seen_snapshot){m->sid, m->seq, hash};
    return false;
}

static enum seq_verdict seq_offline(struct feed *f, const struct seq_message *m)
{
    if (!f->config.seq_check || m->sid == 0 || m->seq == 0) {
        return SEQ_TAKE;
    }
    struct stream *s = feed_stream(f, m->sid);
    if (s == NULL) {
        s = feed_stream_start(f, m->sid, m->books);
    }
    s->books |= m->books;
    bool seen = m->snapshot && seen_before(f, m);
    if (!s->started || m->seq == s->last + 1) {
        s->started = true;
        s->last = m->seq;
        return SEQ_TAKE;
    }
    if (m->seq > s->last) {
        gap(f, s, m->seq);
        s->last = m->seq;
        return SEQ_TAKE;
    }
    if (m->snapshot ? seen : s->last - m->seq < RESTART_DISTANCE) {
        return duplicate(f);
    }
    /* A new connection: all of its counts begin again. */
    f->conn++;
    f->stream_count = 0;
    s = feed_stream_start(f, m->sid, m->books);
    s->started = true;
    s->last = m->seq;
    return SEQ_TAKE;
}

enum seq_verdict feed_seq(struct feed *f, const struct seq_message *m)
{
    return f->config.repair ? seq_live(f, m) : seq_offline(f, m);
}
