/*
 * feed_ask.c - what the market data session asks the exchange for, and the answers.
 *
 * Nothing is sent where a need arises. feed_pump() looks at the state and sends what is missing,
 * in this order: unsubscribe what was given up, subscribe to channels that do not stand,
 * add_markets for markets not named yet, get_snapshot for books that are wanted. What the socket
 * does not take stays missing and is tried again.
 */
#include <string.h>

#include "base/log.h"
#include "feed/feed_int.h"

#define SNAPSHOT_BATCH   100 /* markets of one get_snapshot */
#define SNAPSHOT_WINDOW  400 /* snapshots asked for and not here yet */
#define LIFE_CHANNEL     "market_lifecycle_v2"
#define SUBSCRIBE_PAUSE  (500 * NS_PER_MS) /* between two subscribes of one connection */
#define TRIES_MAX        2
#define CODE_BAD_CHANNEL 8
#define CODE_UNKNOWN_SID 7
#define CODE_CHANNEL     10
#define CODE_OVERFLOW    25

static const char *const channel_names[CH_MAX] = {"orderbook_delta", "trade"};

static bool wanted(const struct feed *f, int ch)
{
    return !f->subs[ch].refused && (ch == CH_BOOK || f->config.trades);
}

static bool missing(const struct feed *f, int ch)
{
    return wanted(f, ch) && f->subs[ch].sid == 0;
}

static mono_ns_t earlier(mono_ns_t a, mono_ns_t b)
{
    return a < b ? a : b;
}

static mono_ns_t later(mono_ns_t a, mono_ns_t b)
{
    return a > b ? a : b;
}

static bool send_command(struct feed *f)
{
    if (f->command.failed) {
        log_error("feed", "command longer than %zu bytes not sent", FEED_SUBSCRIBE_MAX);
        return false;
    }
    if (f->out.send(f->out.self, f->command.p, f->command.n) != ST_OK) {
        f->retry_at = f->blocked_until = f->now + FEED_RETRY_NS;
        return false;
    }
    return true;
}

static void name_markets(struct feed *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        f->tickers[i - from] = f->markets[i].info.ticker;
    }
}

/* Snapshots of these markets are under way without get_snapshot: they count as asked for. */
static void expect_snapshots(struct feed *f, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        if (f->markets[i].book == BOOK_WAITING) {
            f->markets[i].since = f->now;
            feed_set_book(f, i, BOOK_ASKED);
        }
    }
    f->repair_deadline = earlier(f->repair_deadline, f->now + f->config.repair_timeout_ns);
}

/* --- sending --- */

static bool pump_unsubscribe(struct feed *f)
{
    uint64_t sids[CH_MAX];
    size_t n = 0;
    for (int ch = 0; ch < CH_MAX; ch++) {
        if (f->subs[ch].unsub_sid != 0) {
            sids[n++] = f->subs[ch].unsub_sid;
        }
    }
    if (n == 0) {
        return true;
    }
    buf_clear(&f->command);
    frame_unsubscribe(&f->command, f->next_id, sids, n);
    if (!send_command(f)) {
        return false;
    }
    f->unsub_id = f->next_id++;
    f->subs[CH_BOOK].unsub_sid = f->subs[CH_TRADE].unsub_sid = 0;
    return true;
}

static bool pump_subscribe(struct feed *f)
{
    const char *channels[CH_MAX];
    size_t n = 0;
    for (int ch = 0; ch < CH_MAX; ch++) {
        if (missing(f, ch)) {
            channels[n++] = channel_names[ch];
        }
    }
    if (n == 0 || f->sub_id != 0 || f->market_count == 0 || f->now < f->sub_not_before) {
        return true;
    }
    name_markets(f, 0, f->market_count);
    buf_clear(&f->command);
    frame_subscribe(&f->command, f->next_id, channels, n, f->tickers, f->market_count,
                    f->config.use_yes_price);
    if (!send_command(f)) {
        return false;
    }
    f->sub_id = f->next_id++;
    f->sub_deadline = f->now + f->config.reply_timeout_ns;
    f->sub_not_before = f->now + SUBSCRIBE_PAUSE;
    for (int ch = 0; ch < CH_MAX; ch++) {
        if (missing(f, ch)) {
            f->subs[ch].named = f->market_count;
        }
    }
    return true;
}

static bool pump_add(struct feed *f, struct subscription *sub)
{
    if (sub->sid == 0 || sub->add_id != 0 || sub->named == f->market_count ||
        f->now < sub->add_not_before) {
        return true;
    }
    name_markets(f, sub->named, f->market_count);
    buf_clear(&f->command);
    frame_update(&f->command, f->next_id, sub->sid, FRAME_ADD_MARKETS, f->tickers,
                 f->market_count - sub->named);
    if (!send_command(f)) {
        return false;
    }
    sub->add_id = f->next_id++;
    sub->add_deadline = f->now + f->config.reply_timeout_ns;
    sub->named_before = sub->named;
    sub->named = f->market_count;
    if (sub == &f->subs[CH_BOOK]) {
        expect_snapshots(f, sub->named_before, sub->named);
    }
    return true;
}

/* Up to a batch of the wanted markets into f->tickers; they leave the queue only once sent. */
static bool pump_snapshots(struct feed *f)
{
    while (f->wants.n > 0 && f->asked < SNAPSHOT_WINDOW && f->subs[CH_BOOK].sid != 0) {
        uint32_t max = f->config.markets_max, n = 0, looked = 0;
        while (looked < f->wants.n && n < SNAPSHOT_BATCH) {
            uint32_t mkt = f->wants.at[(f->wants.head + looked++) % max];
            if (f->markets[mkt].book == BOOK_WANTED) { /* else its snapshot came meanwhile */
                f->tickers[n++] = f->markets[mkt].info.ticker;
            }
        }
        if (n > 0) {
            buf_clear(&f->command);
            frame_update(&f->command, f->next_id, f->subs[CH_BOOK].sid, FRAME_GET_SNAPSHOT,
                         f->tickers, n);
            if (!send_command(f)) {
                return false;
            }
            f->next_id++;
            f->stats.repairs += n;
        }
        for (; looked > 0; looked--) {
            uint32_t mkt = f->wants.at[f->wants.head];
            f->wants.head = (f->wants.head + 1) % max;
            f->wants.n--;
            f->markets[mkt].in_wants = false;
            if (f->markets[mkt].book == BOOK_WANTED) {
                f->markets[mkt].since = f->now;
                feed_set_book(f, mkt, BOOK_ASKED);
            }
        }
        f->repair_deadline = earlier(f->repair_deadline, f->now + f->config.repair_timeout_ns);
    }
    return true;
}

static bool pump_life(struct feed *f)
{
    static const char *const channels[] = {LIFE_CHANNEL};
    struct life_channel *l = &f->life;
    if (!f->config.lifecycle || l->refused || l->sid != 0 || f->now < l->again ||
        f->subs[CH_BOOK].sid == 0) {
        return true;
    }
    buf_clear(&f->command);
    frame_subscribe(&f->command, f->next_id, channels, 1, NULL, 0, f->config.use_yes_price);
    if (!send_command(f)) {
        return false;
    }
    l->id = f->next_id++;
    l->again = f->now + f->config.reply_timeout_ns;
    return true;
}

static void life_ended(struct feed *f)
{
    struct stream *s = feed_stream(f, f->life.sid);
    if (s != NULL) {
        s->dead = true;
    }
    f->life = (struct life_channel){.again = f->now + SUBSCRIBE_PAUSE};
}

void feed_pump(struct feed *f)
{
    if (!f->open || !f->config.repair) {
        return;
    }
    /* A command that the socket did not take stops the ones behind it, so that order is kept. */
    bool going = pump_unsubscribe(f) && pump_subscribe(f) && pump_add(f, &f->subs[CH_BOOK]) &&
                 pump_add(f, &f->subs[CH_TRADE]) && pump_snapshots(f) && pump_life(f);
    (void)going;
}

/* --- wanting --- */

void feed_want(struct feed *f, uint32_t mkt)
{
    struct feed_market *m = &f->markets[mkt];
    if (!f->config.repair || f->subs[CH_BOOK].sid == 0 || mkt >= f->subs[CH_BOOK].named) {
        return; /* the subscription will bring it */
    }
    feed_set_book(f, mkt, BOOK_WANTED);
    if (!m->in_wants) {
        m->in_wants = true;
        f->wants.at[(f->wants.head + f->wants.n++) % f->config.markets_max] = mkt;
    }
}

void feed_want_all(struct feed *f)
{
    for (uint32_t i = 0; i < f->market_count; i++) {
        if (f->markets[i].book == BOOK_WAITING) {
            feed_want(f, i);
        }
    }
}

/* --- a subscription ends --- */

static void end_subscription(struct feed *f, enum channel ch, bool unsubscribe)
{
    struct subscription *sub = &f->subs[ch];
    struct stream *s = feed_stream(f, sub->sid);
    if (sub->sid == 0) {
        return;
    }
    if (s != NULL) {
        s->dead = true;
    }
    *sub = (struct subscription){.unsub_sid = unsubscribe ? sub->sid : 0};
}

void feed_subscription_ended(struct feed *f, enum channel ch, const char *reason)
{
    f->stats.resubscribes++;
    end_subscription(f, ch, false);
    if (ch == CH_BOOK) {
        feed_stale_all(f, reason);
    }
}

void feed_resubscribe(struct feed *f, const char *reason)
{
    f->stats.resubscribes++;
    end_subscription(f, CH_BOOK, true);
    end_subscription(f, CH_TRADE, true);
    feed_stale_all(f, reason);
}

/* A market whose snapshot did not come. True: the repair failed. */
static bool snapshot_overdue(struct feed *f, uint32_t mkt)
{
    struct feed_market *m = &f->markets[mkt];
    feed_set_book(f, mkt, BOOK_WAITING);
    if (m->known) {
        return true;
    }
    /* The exchange never sent a book of it here and gives no error for an unknown ticker: that is
     * no reason to disturb the other markets. */
    if (m->tries++ < TRIES_MAX) {
        feed_want(f, mkt);
    } else {
        log_warn("feed", "no snapshot comes, does the market exist? market=%s", m->info.ticker);
    }
    return false;
}

void feed_check_repairs(struct feed *f)
{
    if (f->now < f->repair_deadline) {
        return;
    }
    bool failed = false;
    mono_ns_t next = NS_NEVER;
    for (uint32_t i = 0; i < f->market_count; i++) {
        struct feed_market *m = &f->markets[i];
        mono_ns_t due = m->since + f->config.repair_timeout_ns;
        if (m->book != BOOK_ASKED && m->book != BOOK_LATER) {
            continue;
        }
        if (f->now < due) {
            next = earlier(next, due);
        } else if (m->book == BOOK_LATER) {
            feed_set_book(f, i, BOOK_WAITING);
            feed_want(f, i);
        } else {
            failed |= snapshot_overdue(f, i);
        }
    }
    f->repair_deadline = next;
    if (failed && f->resubscribed) {
        feed_drop(f, "snapshots did not come after resubscribing");
    } else if (failed) {
        log_warn("feed", "resubscribing reason=\"get_snapshot not answered\"");
        feed_resubscribe(f, "get_snapshot not answered");
        f->resubscribed = true;
    }
}

/*
 * A subscription may die without our hearing of it (its error was the frame that could not be
 * read), and a loss shows only with the next number. So after a malformed frame, and when the books
 * have been silent for long, one snapshot is asked for: its answer carries the next number, a dead
 * subscription answers with an error, and no answer is a failed repair.
 */
void feed_probe(struct feed *f)
{
    f->book_heard = f->now;
    if (f->asked > 0 || f->wants.n > 0 || f->subs[CH_BOOK].sid == 0) {
        return; /* an answer is due anyway */
    }
    for (uint32_t i = 0; i < f->market_count; i++) {
        if (f->markets[i].book == BOOK_GOOD && !f->markets[i].in_marks) {
            feed_want(f, i);
            return;
        }
    }
}

/* --- answers --- */

static void on_subscribed(struct feed *f, const struct frame *frame)
{
    if (frame->id != 0 && frame->id == f->life.id && strcmp(frame->channel, LIFE_CHANNEL) == 0) {
        feed_stream_start(f, frame->sid, false);
        f->life = (struct life_channel){.sid = frame->sid};
        return;
    }
    if (frame->id != f->sub_id || f->sub_id == 0) {
        return; /* the answer to a subscribe that was given up */
    }
    for (int ch = 0; ch < CH_MAX; ch++) {
        struct subscription *sub = &f->subs[ch];
        if (strcmp(frame->channel, channel_names[ch]) != 0 || !wanted(f, ch)) {
            continue;
        }
        if (sub->sid == 0) { /* otherwise data came first and told the sid */
            feed_stream_start(f, frame->sid, ch == CH_BOOK);
            sub->sid = frame->sid;
        }
        if (ch == CH_BOOK) {
            f->book_heard = f->now;
            expect_snapshots(f, 0, sub->named);
        }
    }
    if (!missing(f, CH_BOOK) && !missing(f, CH_TRADE)) {
        f->sub_id = 0;
    }
}

static void on_add_answer(struct feed *f, const struct frame *frame, bool refused)
{
    for (int ch = 0; ch < CH_MAX; ch++) {
        struct subscription *sub = &f->subs[ch];
        if (frame->id == 0 || frame->id != sub->add_id) {
            continue;
        }
        sub->add_id = 0;
        if (refused) {
            sub->named = sub->named_before;
            sub->add_not_before = f->now + f->config.reply_timeout_ns;
        }
    }
}

static void subscription_died(struct feed *f, const struct frame *frame)
{
    const char *reason =
        frame->error_code == CODE_OVERFLOW ? "subscription buffer overflow" : "channel error";
    for (int ch = 0; ch < CH_MAX; ch++) {
        uint64_t sid = f->subs[ch].sid;
        if (sid != 0 && (frame->sid == 0 || frame->sid == sid)) {
            feed_subscription_ended(f, (enum channel)ch, reason);
        }
    }
    if (f->life.sid != 0 && (frame->sid == 0 || frame->sid == f->life.sid)) {
        life_ended(f);
    }
}

static void on_error(struct feed *f, const struct frame *frame)
{
    f->stats.channel_errors++;
    f->stats.overflows += frame->error_code == CODE_OVERFLOW;
    log_warn("feed", "error from the exchange code=%d sid=%llu id=%llu text=\"%s\"",
             frame->error_code, (unsigned long long)frame->sid, (unsigned long long)frame->id,
             frame->text);
    if (frame->id != 0 && frame->id == f->life.id) {
        f->life = (struct life_channel){.refused = true}; /* reads tell of settlements too */
    } else if (frame->error_code == CODE_OVERFLOW || frame->error_code == CODE_CHANNEL) {
        subscription_died(f, frame);
    } else if (frame->id != 0 && frame->id == f->sub_id) {
        if (frame->error_code == CODE_BAD_CHANNEL && missing(f, CH_TRADE)) {
            f->subs[CH_TRADE].refused = true; /* books go on without trades */
            f->sub_id = missing(f, CH_BOOK) ? f->sub_id : 0;
        }
        /* Anything else: the time-out of the subscribe reconnects, with the shell's back-off. */
    } else if (frame->error_code == CODE_UNKNOWN_SID && frame->id != f->unsub_id &&
               f->sub_id == 0) {
        feed_resubscribe(f, "the exchange does not know our subscription");
    } else {
        on_add_answer(f, frame, true);
    }
}

/* A market that is there already is added: nothing changes, and it is answered. */
enum status feed_echo(struct feed *feed, mono_ns_t now, wall_ns_t wall)
{
    struct feed *f = feed;
    const struct subscription *sub = &f->subs[f->subs[CH_TRADE].sid != 0 ? CH_TRADE : CH_BOOK];
    f->now = now;
    f->wall = wall;
    if (!f->open || sub->sid == 0 || sub->named == 0) {
        return ST_CLOSED;
    }
    name_markets(f, 0, 1);
    buf_clear(&f->command);
    frame_update(&f->command, f->next_id, sub->sid, FRAME_ADD_MARKETS, f->tickers, 1);
    if (!send_command(f)) {
        return ST_FULL;
    }
    f->echo_id = f->next_id++;
    return ST_OK;
}

bool feed_echoed(const struct feed *feed)
{
    return feed->echo_id == 0;
}

void feed_on_control(struct feed *f, const struct frame *frame)
{
    if (frame->id != 0 && frame->id == f->echo_id) {
        f->echo_id = 0;
    }
    if (frame->type == FRAME_SUBSCRIBED) {
        on_subscribed(f, frame);
    } else if (frame->type == FRAME_OK) {
        on_add_answer(f, frame, false);
    } else if (frame->type == FRAME_ERROR) {
        on_error(f, frame);
    } else if (frame->type == FRAME_UNSUBSCRIBED) {
        for (int ch = 0; ch < CH_MAX; ch++) {
            if (frame->sid != 0 && f->subs[ch].sid == frame->sid) {
                feed_subscription_ended(f, (enum channel)ch, "unsubscribed by the exchange");
            }
        }
        if (frame->sid != 0 && frame->sid == f->life.sid) {
            life_ended(f);
        }
    }
}

mono_ns_t feed_ask_deadline(const struct feed *f)
{
    mono_ns_t t = f->repair_deadline;
    if (f->subs[CH_BOOK].sid != 0) {
        t = earlier(t, f->book_heard + f->config.data_timeout_ns);
    }
    if (f->sub_id != 0) {
        t = earlier(t, f->sub_deadline);
    } else if (f->market_count > 0 && (missing(f, CH_BOOK) || missing(f, CH_TRADE))) {
        t = earlier(t, later(f->sub_not_before, f->blocked_until));
    }
    if (f->config.lifecycle && !f->life.refused && f->life.sid == 0 && f->subs[CH_BOOK].sid != 0) {
        t = earlier(t, later(f->life.again, f->blocked_until));
    }
    for (int ch = 0; ch < CH_MAX; ch++) {
        const struct subscription *sub = &f->subs[ch];
        if (sub->add_id != 0) {
            t = earlier(t, sub->add_deadline);
        } else if (sub->sid != 0 && sub->named < f->market_count) {
            t = earlier(t, later(sub->add_not_before, f->blocked_until));
        }
    }
    return t;
}
