/*
 * feed_int.h - what the files of the market data session share.
 *
 * feed.c has its life, timers and the marks that the actor must get; feed_in.c reads frames and
 * checks sequences; feed_ask.c sends commands: subscribe, add_markets, get_snapshot.
 */
#ifndef FEED_FEED_INT_H
#define FEED_FEED_INT_H

#include "base/idmap.h"
#include "feed/cut.h"
#include "feed/feed.h"
#include "wire/frame.h"

#define FEED_RETRY_NS (10 * NS_PER_MS) /* a full ring or socket is tried again after so long */
#define FEED_SUBSCRIBE_MAX                                                                         \
    ((size_t)64 << 20) /* longest command: the exchange's largest message                          \
                        */

enum channel { CH_BOOK, CH_TRADE, CH_MAX };

/* Where a market's book stands in its way from stale to good. */
enum book_state {
    BOOK_WAITING, /* stale; a subscription under way will bring its snapshot, or nothing can */
    BOOK_WANTED,  /* stale, in the queue for get_snapshot */
    BOOK_ASKED,   /* stale, a snapshot was asked for at `since` */
    BOOK_LATER,   /* stale again soon after it was repaired: asked for when `since` is old enough */
    BOOK_GOOD
};

struct feed_market {
    struct ev_market info; /* as announced */
    uint64_t sid;          /* of its last book message */
    mono_ns_t since;       /* last time a snapshot was asked for */
    const char *stale_reason;
    uint8_t book;      /* enum book_state */
    uint8_t tries;     /* get_snapshot without an answer, before the first snapshot */
    bool known;        /* the exchange sent a snapshot on this connection */
    bool announce_due; /* EV_MARKET was not taken yet */
    bool stale_due;    /* EV_STALE was not taken yet */
    bool in_marks, in_wants;
};

/* The numbering of one sid. */
struct stream {
    uint64_t sid, last;
    bool started; /* last is a number seen, or 0 at the start of a subscription of ours */
    bool dead;    /* subscription ended: what still comes of it is ignored */
    bool books;
};
#define STREAMS_MAX 64

/* Snapshots seen lately, offline: tells a duplicate from a new connection's first message. */
struct seen_snapshot {
    uint64_t sid, seq, hash;
};
#define SEEN_MAX 64

/* A queue of market indices, each at most once (the markets hold the flags). */
struct index_queue {
    uint32_t *at;
    uint32_t head, n;
};

struct subscription {
    uint64_t sid;          /* 0: not standing */
    uint64_t unsub_sid;    /* to be unsubscribed, 0: none */
    uint32_t named;        /* markets [0, named) were named to the exchange */
    uint32_t named_before; /* to go back to when add_markets is refused */
    uint64_t add_id;       /* add_markets under way, 0: none */
    mono_ns_t add_deadline;
    mono_ns_t add_not_before;
    bool refused; /* the exchange does not give this channel on this connection */
};

/* feed_clock.c: differences of clocks in ms, ours less the exchange's */
struct feed_clock {
    uint32_t windows;      /* begun so far */
    mono_ns_t began;       /* the present one */
    int64_t least, before; /* of this window, of the one before */
    bool any;
    int64_t told;
};

/* The channel of market_lifecycle_v2: without filter, and nothing waits for it. */
struct life_channel {
    uint64_t sid;    /* 0: not standing */
    uint64_t id;     /* of the subscribe under way, 0: none */
    mono_ns_t again; /* no subscribe before this; one that is not answered by then is given up */
    bool refused;
};

struct feed {
    struct feed_config config;
    struct feed_out out;
    struct feed_stats stats;
    mono_ns_t now;
    wall_ns_t wall;

    struct feed_market *markets;
    uint32_t market_count;
    struct idmap by_ticker;

    bool open;
    uint32_t conn;
    uint64_t ord;
    mono_ns_t last_frame;
    mono_ns_t blocked_until; /* the socket took nothing */
    mono_ns_t retry_at;      /* something could not be handed over: try again then */

    /* what the actor knows of the link, and must still be told */
    bool told_link, missed_down;
    struct feed_clock clock;
    char down_reason[REASON_MAX];
    const char *all_stale_due; /* reason; NULL: nothing due */
    struct index_queue marks;

    struct stream streams[STREAMS_MAX];
    uint32_t stream_count, stream_hint;
    struct seen_snapshot seen[SEEN_MAX];
    uint32_t seen_count;

    struct subscription subs[CH_MAX];
    struct life_channel life;
    uint64_t next_id;
    uint64_t sub_id; /* subscribe under way, 0: none */
    mono_ns_t sub_deadline;
    mono_ns_t sub_not_before; /* a subscription that dies at once is not renewed at once */
    uint64_t unsub_id;
    uint64_t echo_id; /* a command that waits for its answer only, 0: none */
    struct index_queue wants;
    uint32_t asked;       /* markets in BOOK_ASKED */
    mono_ns_t book_heard; /* last message of the book subscription, or last probe of it */
    mono_ns_t repair_deadline;
    bool resubscribed; /* the last repair failed and a resubscription followed */

    struct wire_decoder decoder;
    struct ev_snapshot *snapshot; /* levels_max levels */
    struct frame frame;
    struct buf command;
    const char **tickers; /* arguments of a command */
    struct buf raw;       /* a struct rec_raw being made */
    char unknown_types[16][FRAME_TEXT];
    uint32_t unknown_type_count;
};

/* --- feed.c --- */

bool feed_put(struct feed *f, struct ev *ev);
bool feed_put_mark(struct feed *f, enum ev_type type, uint32_t mkt, int64_t code,
                   const char *reason);
/* A message was sent by the exchange at that time. */
void feed_clock(struct feed *f, int64_t sending_ts_ms);
void feed_stamp(const struct feed *f, struct ev *h, enum ev_type type, size_t size, uint32_t mkt);
void feed_set_book(struct feed *f, uint32_t mkt, enum book_state state);
/* Tell the actor what it must still know. True: nothing is due any more. */
bool feed_flush_marks(struct feed *f);
/* The market's event with these numbers was not taken, or could not be offered: a gap of this
 * market alone. */
void feed_lost(struct feed *f, uint32_t mkt, uint64_t sid, uint64_t seq);
/* The row about it. */
void feed_record_lost(struct feed *f, uint32_t mkt, uint64_t sid, uint64_t seq, const char *reason);
/* What is known of a followed market is that from now on; announced when it is another. */
void feed_change_market(struct feed *f, uint32_t mkt, const struct ev_market *info);
void feed_mark_stale(struct feed *f, uint32_t mkt, const char *reason);
void feed_stale_all(struct feed *f, const char *reason);
bool feed_gated(const struct feed *f, uint32_t mkt);
void feed_record_raw(struct feed *f, enum rec_type type, uint32_t kind, const char *s, size_t n);
void feed_record_gap(struct feed *f, uint32_t mkt, const struct stream *stream, uint64_t expected,
                     uint64_t got, const char *reason);
void feed_drop(struct feed *f, const char *reason);

/* --- feed_ask.c --- */

void feed_pump(struct feed *f);
void feed_want(struct feed *f, uint32_t mkt);
void feed_want_all(struct feed *f);
void feed_subscription_ended(struct feed *f, enum channel ch, const char *reason);
void feed_resubscribe(struct feed *f, const char *reason);
void feed_check_repairs(struct feed *f);
/* Ask for one good book again, to hear whether the book subscription lives and what it missed. */
void feed_probe(struct feed *f);
void feed_on_control(struct feed *f, const struct frame *frame);
mono_ns_t feed_ask_deadline(const struct feed *f);

/* --- feed_seq.c --- */

enum seq_verdict { SEQ_TAKE, SEQ_DROP, SEQ_FOREIGN };
struct stream *feed_stream(struct feed *f, uint64_t sid);
struct stream *feed_stream_start(struct feed *f, uint64_t sid, bool books);
/* May a message with these numbers be taken? Deals with gaps, duplicates and restarts on the way.
 */
struct seq_message {
    uint64_t sid, seq, id;
    bool books, snapshot, foreign_ok;
    const char *s;
    size_t n;
};
enum seq_verdict feed_seq(struct feed *f, const struct seq_message *m);

#endif
