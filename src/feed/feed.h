/*
 * feed.h - OrderbookClient and FillListener: frames in, events and commands out.
 *
 * Two sessions as plain state machines: no socket, no clock, no thread. The shell (net/, or a test)
 * tells them what came and what time it is, and does what they ask through struct feed_out. Owner:
 * one thread, live net's.
 *
 * Rules (design.md section 3, kalshi-api.md 5): seq counts per sid, over all its markets, ok
 * answers included; after a gap every book of the sid is marked stale and asked for again with
 * get_snapshot; if that does not come in time, resubscribe; if that fails, reconnect.
 *
 * After a frame that could not be read, and when the books were silent for data_timeout_ns, one
 * good book is asked for again: the answer shows what was missed and that the subscription lives. A
 * market of which no snapshot ever came on a connection is asked for twice and then left alone.
 * A book event that was not taken (ST_FULL) makes its market stale and is repaired; a trade that
 * was not taken is lost and counted (not_taken, REC_GAP). Events of a stale market go on being
 * emitted, since they are records, too; only its next snapshot makes it good.
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include "base/grid.h"
#include "bus/event.h"
#include "bus/record.h"
#include "wire/msg.h"

/* What a session may do. Callbacks must not call back into the session. */
struct feed_out {
    void *self;
    /* One event for the actor. ST_FULL: it was not taken; the session marks what was lost and
     * repairs it. */
    enum status (*emit)(void *self, const struct ev *ev) MUST_CHECK;
    /* One record for the store (events are stored by the caller of emit too). Never blocks; loss is
     * counted there. */
    void (*record)(void *self, const struct rec *rec);
    /* Text frame to the exchange. ST_FULL or ST_CLOSED: the session tries again in feed_tick. */
    enum status (*send)(void *self, const char *text, size_t n) MUST_CHECK;
    /* Drop the connection and dial again (the shell backs off). reason is constant text. */
    void (*reconnect)(void *self, const char *reason);
};

struct feed_config {
    bool seq_check;     /* false: captures of one market out of many (gaps mean nothing) */
    bool repair;        /* false: offline (books command): gaps are counted, nothing is asked for */
    bool use_yes_price; /* scale asked for, and the scale of incoming NO prices */
    bool trades;        /* subscribe to the trade channel too */
    bool lifecycle;     /* ... and to what becomes of markets: their states, results, fees */
    uint32_t markets_max;
    uint32_t levels_max;         /* of one snapshot */
    mono_ns_t data_timeout_ns;   /* no frame of any kind for so long: reconnect */
    mono_ns_t repair_timeout_ns; /* get_snapshot not answered: resubscribe; again: reconnect */
    mono_ns_t reply_timeout_ns;  /* subscribe not answered: reconnect */
};
struct feed_config feed_config_default(void);

struct feed_stats {
    uint64_t frames, snapshots, deltas, trades, unknown, malformed;
    uint64_t gaps, duplicates, repairs, resubscribes, reconnects, overflows, channel_errors,
        not_taken;
    uint64_t bytes;
};

/* --- market data
 * ------------------------------------------------------------------------------------------------
 */

struct feed; /* OrderbookClient */

enum status feed_create(const struct feed_config *config, const struct feed_out *out,
                        struct feed **ret_feed) MUST_CHECK;
void feed_destroy(struct feed *feed);

/*
 * Follow a market: emits EV_MARKET with the next index, and subscribes (add_markets when the
 * subscription stands). A market that is followed already gets EV_MARKET again when its grid or
 * status changed. ST_LIMIT: markets_max.
 */
enum status feed_add_market(struct feed *feed, const struct ev_market *market, mono_ns_t now,
                            wall_ns_t wall) MUST_CHECK;
/* Index of a ticker, MKT_NONE when it is not followed; ticker of an index, NULL when there is none.
 */
uint32_t feed_find(const struct feed *feed, struct text ticker);
const char *feed_ticker(const struct feed *feed, uint32_t mkt);
uint32_t feed_market_count(const struct feed *feed);

void feed_open(struct feed *feed, mono_ns_t now, wall_ns_t wall); /* the upgrade succeeded */
void feed_close(struct feed *feed, const char *reason, mono_ns_t now, wall_ns_t wall);

/*
 * One whole text frame. Answers ST_OK also for frames that could not be understood (counted, kept
 * raw, repaired); ST_MALFORMED and ST_UNSUPPORTED tell an offline reader what the line was,
 * ST_NOMEM that a market that came up in it could not be followed.
 */
enum status feed_frame(struct feed *feed, const char *s, size_t n, mono_ns_t now, wall_ns_t wall);

/* Something arrived that is no text frame, such as the exchange's ping: the connection lives, so
 * the data time-out starts again. */
void feed_heartbeat(struct feed *feed, mono_ns_t now);

/* The actor says that a market's book contradicts its frames: ask for a snapshot. */
void feed_repair(struct feed *feed, uint32_t mkt, mono_ns_t now, wall_ns_t wall);

/*
 * Ask for an answer that comes behind all that the exchange has sent on this connection so far.
 * ST_CLOSED: there is nothing to ask on; ST_FULL: the socket took nothing. feed_echoed() is true
 * from when the answer came, or the connection ended.
 */
enum status feed_echo(struct feed *feed, mono_ns_t now, wall_ns_t wall) MUST_CHECK;
bool feed_echoed(const struct feed *feed);

/* Time passes: call at feed_deadline() at the latest. */
void feed_tick(struct feed *feed, mono_ns_t now, wall_ns_t wall);
mono_ns_t feed_deadline(const struct feed *feed);

const struct feed_stats *feed_stats(const struct feed *feed);

/* --- private data
 * -----------------------------------------------------------------------------------------------
 */

struct fill_listener; /* FillListener: channels fill, user_orders, market_positions of the tracked
                         markets */

/* markets gives tickers their index (the same feed, owned by the same thread). */
enum status fill_listener_create(const struct feed_config *config, const struct feed_out *out,
                                 const struct feed *markets,
                                 struct fill_listener **ret_fl) MUST_CHECK;
void fill_listener_destroy(struct fill_listener *fl);
void fill_listener_open(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall);
void fill_listener_close(struct fill_listener *fl, const char *reason, mono_ns_t now,
                         wall_ns_t wall);
enum status fill_listener_frame(struct fill_listener *fl, const char *s, size_t n, mono_ns_t now,
                                wall_ns_t wall);
void fill_listener_heartbeat(struct fill_listener *fl, mono_ns_t now); /* as feed_heartbeat */
/* Markets were added to the feed: subscribe to them too. */
void fill_listener_refresh(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall);
void fill_listener_tick(struct fill_listener *fl, mono_ns_t now, wall_ns_t wall);
mono_ns_t fill_listener_deadline(const struct fill_listener *fl);
const struct feed_stats *fill_listener_stats(const struct fill_listener *fl);

#endif
