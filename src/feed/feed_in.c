/*
 * feed_in.c - frames of the market data session: decoded, numbered, turned into events.
 */
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "feed/feed_int.h"

/* --- books --- */

static void sift_down(struct level *l, uint32_t at, uint32_t n)
{
    for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        child += child + 1 < n && l[child + 1].px > l[child].px;
        if (l[at].px >= l[child].px) {
            return;
        }
        struct level t = l[at];
        l[at] = l[child];
        l[child] = t;
        at = child;
    }
}

/* Rising by price. Nearly always they are already, or (on the other scale) the other way round;
 * anything else is sorted in place, since a frame must not decide how long we are busy. */
static void make_rising(struct level *l, uint32_t n)
{
    bool rising = true, falling = true;
    for (uint32_t i = 1; i < n; i++) {
        rising = rising && l[i - 1].px <= l[i].px;
        falling = falling && l[i - 1].px >= l[i].px;
    }
    if (rising) {
        return;
    }
    for (uint32_t i = falling ? 0 : n / 2; !falling && i-- > 0;) {
        sift_down(l, i, n);
    }
    for (uint32_t last = n - 1; !falling && last > 0; last--) {
        struct level t = l[0];
        l[0] = l[last];
        l[last] = t;
        sift_down(l, 0, last);
    }
    for (uint32_t i = 0; falling && i < n / 2; i++) {
        struct level t = l[i];
        l[i] = l[n - 1 - i];
        l[n - 1 - i] = t;
    }
}

static void head_of(const struct feed *f, struct ev *h, enum ev_type type, size_t size,
                    uint32_t mkt, const struct wire_msg *msg)
{
    feed_stamp(f, h, type, size, mkt);
    h->sid = msg->sid;
    h->seq = msg->seq;
    h->ts_ms = msg->ts_ms;
}

static void on_snapshot(struct feed *f, uint32_t mkt, const struct wire_msg *msg)
{
    const struct wire_snapshot *w = &msg->u.snapshot;
    struct ev_snapshot *e = f->snapshot;
    struct feed_market *m = &f->markets[mkt];
    uint32_t n = w->n_yes + w->n_no;
    head_of(f, &e->h, EV_SNAPSHOT, sizeof *e + n * sizeof(struct level), mkt, msg);
    e->n_yes = w->n_yes;
    e->n_no = w->n_no;
    struct level *yes = e->levels, *no = e->levels + w->n_yes;
    if (w->n_yes > 0) {
        memcpy(yes, w->yes, w->n_yes * sizeof *yes);
    }
    for (uint32_t i = 0; i < w->n_no; i++) {
        px_t px = w->no[i].px;
        no[i] = (struct level){f->config.use_yes_price ? PX_ONE - px : px, w->no[i].qty};
    }
    make_rising(yes, w->n_yes);
    make_rising(no, w->n_no);
    f->stats.snapshots++;
    m->sid = msg->sid;
    if (feed_gated(f, mkt) || !feed_put(f, &e->h)) {
        feed_lost(f, mkt, msg->sid, msg->seq);
        return;
    }
    m->known = true;
    m->tries = 0;
    feed_set_book(f, mkt, BOOK_GOOD);
    f->resubscribed = f->resubscribed && (f->asked > 0 || f->wants.n > 0);
}

static void on_delta(struct feed *f, uint32_t mkt, const struct wire_msg *msg)
{
    const struct wire_delta *w = &msg->u.delta;
    struct ev_delta e;
    head_of(f, &e.h, EV_DELTA, sizeof e, mkt, msg);
    e.px = f->config.use_yes_price && w->side == SIDE_NO ? PX_ONE - w->px : w->px;
    e.qty = w->qty;
    e.side = (uint32_t)w->side;
    e.flags = w->client_id.n > 0 ? EV_DELTA_OWN : 0;
    f->stats.deltas++;
    f->markets[mkt].sid = msg->sid;
    if (feed_gated(f, mkt) || !feed_put(f, &e.h)) {
        feed_lost(f, mkt, msg->sid, msg->seq);
    }
}

static void on_trade(struct feed *f, uint32_t mkt, const struct wire_msg *msg)
{
    const struct wire_trade *w = &msg->u.trade;
    struct ev_trade e;
    memset(&e, 0, sizeof e);
    head_of(f, &e.h, EV_TRADE, sizeof e, mkt, msg);
    e.yes_px = w->yes_px;
    e.qty = w->qty;
    e.taker = (uint32_t)w->taker;
    e.block = w->block;
    /* An id that is too long stays empty: the trade is public and nothing is keyed by its id. */
    (void)text_copy(e.trade_id, sizeof e.trade_id, w->trade_id);
    f->stats.trades++;
    if (feed_gated(f, mkt) || !feed_put(f, &e.h)) {
        f->stats.not_taken++;
        feed_record_lost(f, mkt, msg->sid, msg->seq, "trade not taken: the actor's ring is full");
    }
}

/* --- what is not a book message or trade --- */

static bool unknown_type_is_new(struct feed *f, const char *type)
{
    size_t max = sizeof f->unknown_types / sizeof f->unknown_types[0];
    for (uint32_t i = 0; i < f->unknown_type_count; i++) {
        if (strcmp(f->unknown_types[i], type) == 0) {
            return false;
        }
    }
    if (f->unknown_type_count == max) {
        return false; /* sixteen kinds were named; the counter goes on */
    }
    cut(f->unknown_types[f->unknown_type_count++], FRAME_TEXT, type);
    return true;
}

static enum status on_unknown(struct feed *f, const char *type, const char *s, size_t n)
{
    f->stats.unknown++;
    feed_record_raw(f, REC_RAW, 0, s, n);
    if (f->config.repair && unknown_type_is_new(f, type)) {
        log_warn("feed", "message of unknown type kept raw type=\"%s\"", type);
    }
    return ST_UNSUPPORTED;
}

static enum status on_malformed(struct feed *f, const char *why, const char *s, size_t n)
{
    f->stats.malformed++;
    feed_record_raw(f, REC_RAW, 1, s, n);
    if (f->config.repair) {
        log_warn("feed", "malformed frame kept raw bytes=%zu why=\"%s\"", n, why);
        feed_probe(f);
    }
    return ST_MALFORMED;
}

/* Messages of other channels of the exchange: whole or not, they are not for this session. */
static bool other_channel(const char *type)
{
    static const char *const types[] = {"fill", "user_order", "market_position", "ticker",
                                        "order_group_updates"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i], type) == 0) {
            return true;
        }
    }
    return false;
}

/* A frame that no decoder took. Its type says whether it was meant for us at all. */
static enum status on_undecoded(struct feed *f, const char *why, const char *s, size_t n)
{
    json_t *root = json_loadb(s, n, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    bool other = type != NULL && other_channel(type);
    json_decref(root);
    if (!other) {
        return on_malformed(f, why, s, n);
    }
    feed_record_raw(f, REC_RAW, 0, s, n);
    return ST_OK;
}

static void on_lifecycle(struct feed *f, const struct frame *frame, const char *s, size_t n)
{
    static const struct {
        const char *event;
        enum market_status status;
    } rows[] = {{"activated", MARKET_ACTIVE},
                {"deactivated", MARKET_INACTIVE},
                {"determined", MARKET_DETERMINED},
                {"settled", MARKET_FINALIZED}};
    uint32_t mkt = feed_find(f, text_of(frame->ticker));
    if (mkt == MKT_NONE) {
        return; /* the channel tells of all markets there are */
    }
    feed_record_raw(f, REC_RAW, 0, s, n);
    struct ev_market info = f->markets[mkt].info;
    if (frame->has_grid) {
        info.grid = frame->grid;
    }
    if (frame->close_ts > 0 && frame->close_ts < INT64_MAX / NS_PER_SEC) {
        info.close_time = frame->close_ts * NS_PER_SEC;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(frame->event_type, rows[i].event) == 0) {
            info.status = (int32_t)rows[i].status;
        }
    }
    (void)market_result_of(frame->result, frame->has_settlement, frame->settlement_px, &info.result,
                           &info.settle_px);
    feed_change_market(f, mkt, &info);
}

/* By the exchange's naming, a market's ticker begins with that of its event and a dash. */
static bool of_event(const struct ev_market *m, const char *event)
{
    size_t n = strlen(event);
    return strncmp(m->ticker, event, n) == 0 && m->ticker[n] == '-';
}

static void on_event_fee(struct feed *f, const struct frame *frame, const char *s, size_t n)
{
    int32_t type = FEE_FLAT_UNKNOWN;
    bool over = frame->fee_type[0] == '\0';
    bool known = over || fee_type_named(frame->fee_type, frame->fee_mult_micros, &type);
    bool told = false;
    for (uint32_t i = 0; i < f->market_count; i++) {
        struct ev_market info = f->markets[i].info;
        if (of_event(&info, frame->ticker)) {
            if (!told && !known) {
                log_warn("feed", "event %s has fees of an unknown kind: %s", frame->ticker,
                         frame->fee_type);
            }
            if (!told) {
                feed_record_raw(f, REC_RAW, 0, s, n);
            }
            told = true;
            info.fee_type = over ? info.series_fee_type : type;
            info.fee_mult_micros = over ? info.series_fee_mult_micros : frame->fee_mult_micros;
            feed_change_market(f, i, &info);
        }
    }
}

/* Offline there is no subscription of ours: what the recorder's commands were answered shows where
 * a connection begins. */
static void on_control_offline(struct feed *f, const struct frame *frame)
{
    if (frame->type != FRAME_SUBSCRIBED || frame->sid == 0) {
        return;
    }
    struct stream *s = feed_stream(f, frame->sid);
    if (s != NULL && s->started) {
        f->conn++;
        f->stream_count = 0;
    }
    feed_stream_start(f, frame->sid, strcmp(frame->channel, "orderbook_delta") == 0);
}

static enum status on_rare(struct feed *f, const char *s, size_t n)
{
    struct err err;
    struct frame *frame = &f->frame;
    if (frame_decode(s, n, frame, &err) != ST_OK) {
        return on_undecoded(f, err.text, s, n);
    }
    bool counted = frame->sid != 0 && frame->seq != 0;
    if (counted && (!f->config.repair || feed_stream(f, frame->sid) != NULL)) {
        struct seq_message m = {.sid = frame->sid, .seq = frame->seq, .s = s, .n = n};
        if (feed_seq(f, &m) != SEQ_TAKE) {
            return ST_OK;
        }
    }
    switch (frame->type) {
    case FRAME_SUBSCRIBED:
    case FRAME_OK:
    case FRAME_UNSUBSCRIBED:
    case FRAME_ERROR:
        feed_record_raw(f, REC_CONN, 2, s, n);
        if (f->config.repair) {
            feed_on_control(f, frame);
        } else {
            on_control_offline(f, frame);
        }
        return ST_OK;
    case FRAME_LIFECYCLE:
        on_lifecycle(f, frame, s, n);
        return ST_OK;
    case FRAME_EVENT_FEE:
        on_event_fee(f, frame, s, n);
        return ST_OK;
    case FRAME_UNKNOWN:
        if (f->config.lifecycle && strcmp(frame->text, "event_lifecycle") == 0) {
            return ST_OK; /* comes with the channel; its markets are what concerns us */
        }
        if (other_channel(frame->text)) {
            break;
        }
        return on_unknown(f, frame->text, s, n);
    case FRAME_USER_ORDER:
    case FRAME_MARKET_POSITION:
    case FRAME_TICKER:
    case FRAME_GROUP:
        break;
    }
    feed_record_raw(f, REC_RAW, 0, s, n); /* of a channel that is not this session's */
    return ST_OK;
}

/* --- hot messages --- */

/* Offline, a market is followed from the first message about it; its grid is not in the file. */
static enum status follow(struct feed *f, struct text ticker)
{
    struct ev_market market;
    memset(&market, 0, sizeof market);
    market.grid = grid_cents();
    if (f->config.repair || !text_copy(market.ticker, sizeof market.ticker, ticker)) {
        return ST_NOT_FOUND;
    }
    return feed_add_market(f, &market, f->now, f->wall);
}

static struct text ticker_of(const struct wire_msg *msg)
{
    switch (msg->type) {
    case WIRE_SNAPSHOT:
        return msg->u.snapshot.ticker;
    case WIRE_DELTA:
        return msg->u.delta.ticker;
    case WIRE_TRADE:
        return msg->u.trade.ticker;
    case WIRE_FILL:
    case WIRE_OTHER:
        break;
    }
    return (struct text){"", 0};
}

static enum status on_hot(struct feed *f, const struct wire_msg *msg, const char *s, size_t n)
{
    struct seq_message m = {.sid = msg->sid,
                            .seq = msg->seq,
                            .id = msg->id,
                            .books = msg->type != WIRE_TRADE,
                            .snapshot = msg->type == WIRE_SNAPSHOT,
                            .foreign_ok = true,
                            .s = s,
                            .n = n};
    enum seq_verdict verdict = feed_seq(f, &m);
    if (verdict == SEQ_FOREIGN) {
        return on_unknown(f, "message of a sid that is not ours", s, n);
    }
    f->book_heard = m.books ? f->now : f->book_heard;
    if (verdict == SEQ_DROP) {
        return ST_OK;
    }
    struct text ticker = ticker_of(msg);
    uint32_t mkt = feed_find(f, ticker);
    if (mkt == MKT_NONE) {
        if (follow(f, ticker) == ST_NOMEM) {
            return ST_NOMEM;
        }
        mkt = feed_find(f, ticker);
    }
    if (mkt == MKT_NONE) {
        return on_unknown(f, "message of a market that is not followed", s, n);
    }
    if (msg->type == WIRE_SNAPSHOT) {
        on_snapshot(f, mkt, msg);
    } else if (msg->type == WIRE_DELTA) {
        on_delta(f, mkt, msg);
    } else {
        on_trade(f, mkt, msg);
    }
    return ST_OK;
}

enum status feed_frame(struct feed *feed, const char *s, size_t n, mono_ns_t now, wall_ns_t wall)
{
    feed->now = now;
    feed->wall = wall;
    feed->stats.frames++;
    feed->stats.bytes += n;
    if (!feed->open) {
        return ST_OK; /* what the shell still had of a connection that was given up */
    }
    feed->last_frame = now;
    feed_flush_marks(feed);
    struct wire_msg msg;
    enum status st = wire_decode(&feed->decoder, s, n, &msg, NULL);
    if (st != ST_OK) {
        const char *why = st == ST_LIMIT ? "snapshot with more levels than levels_max"
                                         : "not a whole message of its type";
        st = on_undecoded(feed, why, s, n);
    } else if (msg.type == WIRE_OTHER) {
        st = on_rare(feed, s, n);
    } else if (msg.type == WIRE_FILL) {
        feed_record_raw(feed, REC_RAW, 0, s, n); /* the FillListener's */
    } else {
        if (msg.sending_ts_ms != 0) {
            feed_clock(feed, msg.sending_ts_ms);
        }
        st = on_hot(feed, &msg, s, n);
    }
    feed_pump(feed);
    return st;
}
