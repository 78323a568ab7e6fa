/*
 * fills.c - FillListener: the private session.
 *
 * Its channels (fill, user_orders, market_positions) carry no sequence numbers, so a loss cannot be
 * seen; the truth is read over REST. The session therefore tells the actor whenever something may
 * have been missed: it shows the link as gone and back (EV_LINK 0, then 1) when a subscription died
 * or a frame could not be read, and the actor reconciles when the link is back.
 *
 * Fills are never dropped because the actor's ring is full: what is not taken waits here, in
 * order. Only when that backlog is full too is something lost; then it is counted, recorded, and
 * the session begins anew.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "feed/cut.h"
#include "feed/feed.h"
#include "wire/frame.h"

#define RETRY_NS         (10 * NS_PER_MS)
#define SUBSCRIBE_PAUSE  (500 * NS_PER_MS)
#define COMMAND_MAX      ((size_t)64 << 20)
#define RAW_MAX          ((size_t)1 << 20)
#define RAW_KEPT         ((size_t)16 << 10) /* room for so much is taken at the start */
#define BACKLOG          1024
#define BACKLOG_MARKS    16 /* of them for link marks only */
#define CODE_UNKNOWN_SID 7
#define CODE_CHANNEL     10
#define CODE_OVERFLOW    25

enum { CH_FILL, CH_ORDERS, CH_POSITIONS, CH_PRIVATE };
static const char *const channel_names[CH_PRIVATE] = {"fill", "user_orders", "market_positions"};

union private_event {
    struct ev h;
    struct ev_fill fill;
    struct ev_user_order order;
    struct ev_position position;
    struct ev_mark mark;
};

struct private_sub {
    uint64_t sid; /* 0: not standing */
    uint32_t named, named_before;
    uint64_t add_id;
    mono_ns_t add_deadline, add_not_before;
};

struct fill_listener {
    struct feed_config config;
    struct feed_out out;
    const struct feed *markets;
    struct feed_stats stats;
    mono_ns_t now;
    wall_ns_t wall;
    bool open;
    uint32_t conn;
    uint64_t ord;
    mono_ns_t last_frame, retry_at;
    mono_ns_t blocked_until; /* the socket took nothing */
    struct private_sub subs[CH_PRIVATE];
    uint64_t next_id, sub_id;
    mono_ns_t sub_deadline, sub_not_before;
    struct wire_decoder decoder;
    struct frame frame;
    struct buf command, raw;
    const char **tickers;
    union private_event *backlog;
    uint32_t backlog_head, backlog_n;
};

/* --- life --- */

enum status fill_listener_create(const struct feed_config *config, const struct feed_out *out,
                                 const struct feed *markets, struct fill_listener **ret_fl)
{
    struct fill_listener *fl = calloc(1, sizeof *fl);
    if (fl == NULL) {
        return ST_NOMEM;
    }
    fl->config = *config;
    fl->out = *out;
    fl->markets = markets;
    fl->next_id = 1;
    fl->retry_at = NS_NEVER;
    buf_init(&fl->command, COMMAND_MAX);
    buf_init(&fl->raw, sizeof(struct rec_raw) + RAW_MAX + 8);
    fl->tickers = calloc(config->markets_max, sizeof *fl->tickers);
    fl->backlog = calloc(BACKLOG, sizeof *fl->backlog);
    /* Hot decoder for fills only: it never needs room for levels. */
    if (fl->tickers == NULL || fl->backlog == NULL ||
        !buf_reserve(&fl->raw, sizeof(struct rec_raw) + RAW_KEPT + 8) ||
        wire_decoder_init(&fl->decoder, 1) != ST_OK) {
        fill_listener_destroy(fl);
        return ST_NOMEM;
    }
    *ret_fl = fl;
    return ST_OK;
}

void fill_listener_destroy(struct fill_listener *fl)
{
    if (fl == NULL) {
        return;
    }
    free(fl->tickers);
    free(fl->backlog);
    wire_decoder_finish(&fl->decoder);
    buf_finish(&fl->command);
    buf_finish(&fl->raw);
    free(fl);
}

static void set_now(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall)
{
    fl->now = now;
    fl->wall = wall;
}

static mono_ns_t earlier(mono_ns_t a, mono_ns_t b)
{
    return a < b ? a : b;
}

static mono_ns_t later(mono_ns_t a, mono_ns_t b)
{
    return a > b ? a : b;
}

/* --- out --- */

static void record_raw(struct fill_listener *fl, enum rec_type type, uint32_t kind, const char *s,
                       size_t n)
{
    if (fl->out.record == NULL) {
        return;
    }
    struct rec_raw head;
    memset(&head, 0, sizeof head);
    size_t kept = n < RAW_MAX ? n : RAW_MAX;
    buf_clear(&fl->raw);
    if (!buf_reserve(&fl->raw, sizeof head + kept + 8)) {
        kept = kept < RAW_KEPT ? kept : RAW_KEPT; /* no memory: more is cut */
    }
    head.h = (struct rec){.size = ev_round8(sizeof head + kept),
                          .type = (uint16_t)type,
                          .source = EV_SRC_PRIVATE,
                          .mkt = MKT_NONE,
                          .wall = fl->wall};
    head.len = (uint32_t)kept;
    head.kind = kind;
    head.ord = fl->ord;
    buf_clear(&fl->raw);
    buf_add(&fl->raw, &head, sizeof head);
    buf_add(&fl->raw, s, kept);
    buf_add(&fl->raw, "\0\0\0\0\0\0\0", head.h.size - sizeof head - kept);
    if (!fl->raw.failed) {
        fl->out.record(fl->out.self, (const struct rec *)(const void *)fl->raw.p);
    }
}

static void record_loss(struct fill_listener *fl)
{
    if (fl->out.record == NULL) {
        return;
    }
    struct rec_gap gap;
    memset(&gap, 0, sizeof gap);
    gap.h = (struct rec){.size = ev_round8(sizeof gap),
                         .type = REC_GAP,
                         .source = EV_SRC_PRIVATE,
                         .mkt = MKT_NONE,
                         .wall = fl->wall};
    gap.lost = 1;
    cut(gap.reason, sizeof gap.reason, "private event not taken, backlog full");
    fl->out.record(fl->out.self, &gap.h);
}

static bool flush_backlog(struct fill_listener *fl)
{
    while (fl->backlog_n > 0) {
        union private_event *e = &fl->backlog[fl->backlog_head];
        e->h.ord = fl->ord + 1;
        if (fl->out.emit(fl->out.self, &e->h) != ST_OK) {
            fl->retry_at = fl->now + RETRY_NS;
            return false;
        }
        fl->ord++;
        fl->backlog_head = (fl->backlog_head + 1) % BACKLOG;
        fl->backlog_n--;
    }
    return true;
}

/* False: lost. */
static bool put(struct fill_listener *fl, const union private_event *e)
{
    bool mark = e->h.type == EV_LINK;
    if (fl->backlog_n >= (mark ? BACKLOG : BACKLOG - BACKLOG_MARKS)) {
        fl->stats.not_taken++;
        record_loss(fl);
        return false;
    }
    fl->backlog[(fl->backlog_head + fl->backlog_n++) % BACKLOG] = *e;
    (void)flush_backlog(fl); /* what is not taken now waits for fill_listener_tick */
    return true;
}

static void stamp(const struct fill_listener *fl, struct ev *h, enum ev_type type, size_t size,
                  uint32_t mkt)
{
    *h = (struct ev){.size = ev_round8(size),
                     .type = (uint16_t)type,
                     .source = EV_SRC_PRIVATE,
                     .mkt = mkt,
                     .conn = fl->conn,
                     .recv_wall = fl->wall,
                     .recv_mono = fl->now};
}

static void put_link(struct fill_listener *fl, int64_t code, const char *reason)
{
    union private_event e;
    memset(&e, 0, sizeof e);
    stamp(fl, &e.h, EV_LINK, sizeof e.mark, MKT_NONE);
    e.mark.code = code;
    cut(e.mark.reason, sizeof e.mark.reason, reason);
    (void)put(fl, &e);
}

/* Something may have been missed: the actor reconciles when the link is back. */
static void blink(struct fill_listener *fl, const char *reason)
{
    if (fl->backlog_n < BACKLOG - 4) { /* four places stay for a real close and open */
        put_link(fl, 0, reason);
        put_link(fl, 1, reason);
    }
}

/* --- connection --- */

static void go_down(struct fill_listener *fl, const char *reason)
{
    fl->open = false;
    memset(fl->subs, 0, sizeof fl->subs);
    fl->sub_id = 0;
    record_raw(fl, REC_CONN, 2, reason, strlen(reason));
    put_link(fl, 0, reason);
}

static void drop(struct fill_listener *fl, const char *reason)
{
    fl->stats.reconnects++;
    log_warn("fills", "reconnecting reason=\"%s\"", reason);
    go_down(fl, reason);
    fl->out.reconnect(fl->out.self, reason);
}

/* --- asking --- */

static bool send_command(struct fill_listener *fl)
{
    if (fl->command.failed || fl->out.send(fl->out.self, fl->command.p, fl->command.n) != ST_OK) {
        fl->retry_at = fl->blocked_until = fl->now + RETRY_NS;
        return false;
    }
    return true;
}

static void name_markets(struct fill_listener *fl, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        fl->tickers[i - from] = feed_ticker(fl->markets, i);
    }
}

static uint32_t market_count(const struct fill_listener *fl)
{
    uint32_t n = feed_market_count(fl->markets);
    return n < fl->config.markets_max ? n : fl->config.markets_max;
}

static size_t missing(const struct fill_listener *fl, const char *names[CH_PRIVATE])
{
    size_t n = 0;
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        if (fl->subs[ch].sid == 0) {
            names[n++] = channel_names[ch];
        }
    }
    return n;
}

static bool pump_subscribe(struct fill_listener *fl)
{
    const char *names[CH_PRIVATE];
    size_t n = missing(fl, names);
    uint32_t markets = market_count(fl);
    if (n == 0 || markets == 0 || fl->sub_id != 0 || fl->now < fl->sub_not_before) {
        return true;
    }
    name_markets(fl, 0, markets);
    buf_clear(&fl->command);
    frame_subscribe(&fl->command, fl->next_id, names, n, fl->tickers, markets,
                    fl->config.use_yes_price);
    if (!send_command(fl)) {
        return false;
    }
    fl->sub_id = fl->next_id++;
    fl->sub_deadline = fl->now + fl->config.reply_timeout_ns;
    fl->sub_not_before = fl->now + SUBSCRIBE_PAUSE;
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        fl->subs[ch].named = fl->subs[ch].sid == 0 ? markets : fl->subs[ch].named;
    }
    return true;
}

static bool pump_add(struct fill_listener *fl, struct private_sub *sub)
{
    uint32_t markets = market_count(fl);
    if (sub->sid == 0 || sub->add_id != 0 || sub->named >= markets ||
        fl->now < sub->add_not_before) {
        return true;
    }
    name_markets(fl, sub->named, markets);
    buf_clear(&fl->command);
    frame_update(&fl->command, fl->next_id, sub->sid, FRAME_ADD_MARKETS, fl->tickers,
                 markets - sub->named);
    if (!send_command(fl)) {
        return false;
    }
    sub->add_id = fl->next_id++;
    sub->add_deadline = fl->now + fl->config.reply_timeout_ns;
    sub->named_before = sub->named;
    sub->named = markets;
    return true;
}

static void pump(struct fill_listener *fl)
{
    bool going = fl->open && pump_subscribe(fl);
    for (int ch = 0; going && ch < CH_PRIVATE; ch++) {
        going = pump_add(fl, &fl->subs[ch]);
    }
}

/* --- answers --- */

static void on_subscribed(struct fill_listener *fl, const struct frame *frame)
{
    const char *names[CH_PRIVATE];
    if (fl->sub_id == 0 || frame->id != fl->sub_id) {
        return;
    }
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        if (fl->subs[ch].sid == 0 && strcmp(frame->channel, channel_names[ch]) == 0) {
            fl->subs[ch].sid = frame->sid;
        }
    }
    if (missing(fl, names) == 0) {
        fl->sub_id = 0;
        /* What happened since the connection opened was told to nobody: it is read now. */
        blink(fl, "subscribed");
    }
}

static void on_add_answer(struct fill_listener *fl, const struct frame *frame, bool refused)
{
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        struct private_sub *sub = &fl->subs[ch];
        if (frame->id == 0 || frame->id != sub->add_id) {
            continue;
        }
        sub->add_id = 0;
        if (refused) {
            sub->named = sub->named_before;
            sub->add_not_before = fl->now + fl->config.reply_timeout_ns;
        }
    }
}

static bool subscription_died(struct fill_listener *fl, uint64_t sid, const char *reason)
{
    bool any = false;
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        if (fl->subs[ch].sid != 0 && (sid == 0 || fl->subs[ch].sid == sid)) {
            fl->subs[ch] = (struct private_sub){0};
            any = true;
        }
    }
    if (any) {
        fl->stats.resubscribes++;
        blink(fl, reason);
    }
    return any;
}

static void on_error(struct fill_listener *fl, const struct frame *frame)
{
    fl->stats.channel_errors++;
    fl->stats.overflows += frame->error_code == CODE_OVERFLOW;
    log_warn("fills", "error from the exchange code=%d sid=%llu id=%llu text=\"%s\"",
             frame->error_code, (unsigned long long)frame->sid, (unsigned long long)frame->id,
             frame->text);
    if (frame->error_code == CODE_OVERFLOW || frame->error_code == CODE_CHANNEL) {
        (void)subscription_died(fl, frame->sid, "private subscription died");
    } else if (frame->error_code == CODE_UNKNOWN_SID && fl->sub_id == 0) {
        (void)subscription_died(fl, 0, "the exchange does not know our subscription");
    } else {
        on_add_answer(fl, frame, true); /* a refused subscribe runs into its time-out */
    }
}

/* --- private messages --- */

static enum status bad(struct fill_listener *fl, const char *why, const char *s, size_t n)
{
    fl->stats.malformed++;
    record_raw(fl, REC_RAW, 1, s, n);
    log_warn("fills", "malformed frame kept raw bytes=%zu why=\"%s\"", n, why);
    blink(fl, "private frame could not be read");
    return ST_MALFORMED;
}

static enum status emit(struct fill_listener *fl, const union private_event *e)
{
    if (!put(fl, e)) {
        drop(fl, "private events lost");
    }
    return ST_OK;
}

static bool ids(char *dst, size_t cap, const char *src)
{
    return text_copy(dst, cap, text_of(src));
}

static enum status on_fill(struct fill_listener *fl, const struct wire_msg *msg, const char *s,
                           size_t n)
{
    const struct wire_fill *w = &msg->u.fill;
    union private_event e;
    memset(&e, 0, sizeof e);
    stamp(fl, &e.h, EV_FILL, sizeof e.fill, feed_find(fl->markets, w->ticker));
    e.h.sid = msg->sid;
    e.h.ts_ms = msg->ts_ms;
    e.fill.yes_px = w->yes_px;
    e.fill.qty = w->qty;
    e.fill.fee = w->fee;
    e.fill.post_position = w->has_post_position ? w->post_position : QTY_UNKNOWN;
    e.fill.outcome = (uint32_t)w->outcome;
    e.fill.is_taker = w->is_taker;
    e.fill.exchange_index = w->exchange_index;
    e.fill.subaccount = w->subaccount;
    if (!text_copy(e.fill.ticker, sizeof e.fill.ticker, w->ticker) ||
        !text_copy(e.fill.trade_id, sizeof e.fill.trade_id, w->trade_id) ||
        !text_copy(e.fill.order_id, sizeof e.fill.order_id, w->order_id) ||
        !text_copy(e.fill.client_id, sizeof e.fill.client_id, w->client_id)) {
        return bad(fl, "fill with an id that is too long", s, n);
    }
    return emit(fl, &e);
}

static uint32_t order_status(const char *text)
{
    static const struct {
        const char *name;
        enum xorder_status status;
    } rows[] = {
        {"resting", XORDER_RESTING}, {"canceled", XORDER_CANCELED}, {"executed", XORDER_EXECUTED}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(text, rows[i].name) == 0) {
            return (uint32_t)rows[i].status;
        }
    }
    return XORDER_UNKNOWN;
}

static enum status on_user_order(struct fill_listener *fl, const char *s, size_t n)
{
    const struct frame *m = &fl->frame;
    union private_event e;
    memset(&e, 0, sizeof e);
    stamp(fl, &e.h, EV_USER_ORDER, sizeof e.order, feed_find(fl->markets, text_of(m->ticker)));
    e.h.sid = m->sid;
    e.h.ts_ms = m->updated_ms != 0 ? m->updated_ms : m->ts_ms;
    e.order.yes_px = m->yes_px;
    e.order.initial = m->initial;
    e.order.filled = m->filled;
    e.order.remaining = m->remaining;
    e.order.taker_cost = m->taker_cost;
    e.order.maker_cost = m->maker_cost;
    e.order.taker_fees = m->taker_fees;
    e.order.maker_fees = m->maker_fees;
    e.order.created_ms = m->created_ms;
    e.order.updated_ms = m->updated_ms;
    e.order.status = order_status(m->status);
    e.order.outcome = (uint32_t)m->outcome;
    e.order.exchange_index = m->exchange_index;
    e.order.subaccount = m->subaccount;
    if (!ids(e.order.ticker, sizeof e.order.ticker, m->ticker) ||
        !ids(e.order.order_id, sizeof e.order.order_id, m->order_id) ||
        !ids(e.order.client_id, sizeof e.order.client_id, m->client_id)) {
        return bad(fl, "user_order with an id that is too long", s, n);
    }
    cut(e.order.reason, sizeof e.order.reason, m->reason);
    return emit(fl, &e);
}

static enum status on_position(struct fill_listener *fl, const char *s, size_t n)
{
    const struct frame *m = &fl->frame;
    union private_event e;
    memset(&e, 0, sizeof e);
    stamp(fl, &e.h, EV_POSITION, sizeof e.position, feed_find(fl->markets, text_of(m->ticker)));
    e.h.sid = m->sid;
    e.h.ts_ms = m->ts_ms;
    e.position.position = m->position;
    e.position.cost = m->position_cost;
    e.position.realized = m->realized;
    e.position.fees = m->fees_paid;
    if (!ids(e.position.ticker, sizeof e.position.ticker, m->ticker)) {
        return bad(fl, "market_position with a ticker that is too long", s, n);
    }
    return emit(fl, &e);
}

static enum status on_rare(struct fill_listener *fl, const char *s, size_t n)
{
    struct err err;
    const struct frame *frame = &fl->frame;
    if (frame_decode(s, n, &fl->frame, &err) != ST_OK) {
        return bad(fl, err.text, s, n);
    }
    switch (frame->type) {
    case FRAME_USER_ORDER:
        return on_user_order(fl, s, n);
    case FRAME_MARKET_POSITION:
        return on_position(fl, s, n);
    case FRAME_SUBSCRIBED:
        record_raw(fl, REC_CONN, 2, s, n);
        on_subscribed(fl, frame);
        return ST_OK;
    case FRAME_OK:
        record_raw(fl, REC_CONN, 2, s, n);
        on_add_answer(fl, frame, false);
        return ST_OK;
    case FRAME_ERROR:
        record_raw(fl, REC_CONN, 2, s, n);
        on_error(fl, frame);
        return ST_OK;
    case FRAME_UNSUBSCRIBED:
        record_raw(fl, REC_CONN, 2, s, n);
        (void)subscription_died(fl, frame->sid, "unsubscribed by the exchange");
        return ST_OK;
    case FRAME_UNKNOWN:
    case FRAME_LIFECYCLE:
    case FRAME_EVENT_FEE:
    case FRAME_TICKER:
    case FRAME_GROUP:
        break;
    }
    fl->stats.unknown++;
    record_raw(fl, REC_RAW, 0, s, n);
    return ST_UNSUPPORTED;
}

/* --- what the shell calls --- */

void fill_listener_open(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall)
{
    set_now(fl, now, wall);
    if (fl->open) {
        go_down(fl, "opened again");
    }
    fl->open = true;
    fl->conn++;
    fl->last_frame = now;
    fl->sub_not_before = now;
    record_raw(fl, REC_CONN, 2, "open", 4);
    put_link(fl, 1, "open");
    pump(fl);
}

void fill_listener_close(struct fill_listener *fl, const char *reason, mono_ns_t now,
                         wall_ns_t wall)
{
    set_now(fl, now, wall);
    if (fl->open) {
        go_down(fl, reason);
    }
}

enum status fill_listener_frame(struct fill_listener *fl, const char *s, size_t n, mono_ns_t now,
                                wall_ns_t wall)
{
    set_now(fl, now, wall);
    fl->stats.frames++;
    fl->stats.bytes += n;
    /* A fill counts whenever it comes, also one that the shell still had of a given-up connection:
     * the actor counts each trade id once. */
    fl->last_frame = fl->open ? now : fl->last_frame;
    struct wire_msg msg;
    enum status st = wire_decode(&fl->decoder, s, n, &msg, NULL);
    if (st == ST_OK && msg.type == WIRE_FILL) {
        st = on_fill(fl, &msg, s, n);
    } else if (st == ST_OK && msg.type == WIRE_OTHER) {
        st = on_rare(fl, s, n);
    } else if (st == ST_OK) {
        fl->stats.unknown++; /* book data on the private session */
        record_raw(fl, REC_RAW, 0, s, n);
        st = ST_UNSUPPORTED;
    } else {
        st = bad(fl, "not a whole message of its type", s, n);
    }
    pump(fl);
    return st;
}

void fill_listener_heartbeat(struct fill_listener *fl, mono_ns_t now)
{
    fl->last_frame = now;
}

void fill_listener_refresh(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall)
{
    set_now(fl, now, wall);
    pump(fl);
}

void fill_listener_tick(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall)
{
    set_now(fl, now, wall);
    fl->retry_at = NS_NEVER;
    (void)flush_backlog(fl);
    if (!fl->open) {
        return;
    }
    bool add_late = false;
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        add_late |= fl->subs[ch].add_id != 0 && now >= fl->subs[ch].add_deadline;
    }
    if (now - fl->last_frame >= fl->config.data_timeout_ns) {
        drop(fl, "no data");
    } else if (fl->sub_id != 0 && now >= fl->sub_deadline) {
        drop(fl, "subscribe not answered");
    } else if (add_late) {
        drop(fl, "add_markets not answered");
    } else {
        pump(fl);
    }
}

mono_ns_t fill_listener_deadline(const struct fill_listener *fl)
{
    mono_ns_t t = fl->retry_at;
    const char *names[CH_PRIVATE];
    if (!fl->open) {
        return t;
    }
    t = earlier(t, fl->last_frame + fl->config.data_timeout_ns);
    if (fl->sub_id != 0) {
        t = earlier(t, fl->sub_deadline);
    } else if (market_count(fl) > 0 && missing(fl, names) > 0) {
        t = earlier(t, later(fl->sub_not_before, fl->blocked_until));
    }
    for (int ch = 0; ch < CH_PRIVATE; ch++) {
        const struct private_sub *sub = &fl->subs[ch];
        if (sub->add_id != 0) {
            t = earlier(t, sub->add_deadline);
        } else if (sub->sid != 0 && sub->named < market_count(fl)) {
            t = earlier(t, later(sub->add_not_before, fl->blocked_until));
        }
    }
    return t;
}

const struct feed_stats *fill_listener_stats(const struct fill_listener *fl)
{
    return &fl->stats;
}
