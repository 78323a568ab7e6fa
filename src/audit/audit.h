/*
 * audit.h - does a recorded session agree with itself? Records and events in, findings out.
 *
 * Rules look at what was recorded only: numbers, sequence, books, orders, fills, money, decisions.
 * An audit does no I/O; it is fed in the order that audit_order() gives, ended with audit_finish(),
 * and calls back for each finding. What rows that are known to be missing (gap rows, a session that
 * was cut off) make uncertain is not judged, and audit_skipped() says so.
 * It believes nothing that it is given: a damaged session gives findings, never worse.
 * Owner: one thread. Memory: 16 bytes a turn, and some hundred bytes a fill, an order, a market.
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "bus/record.h"

/* The claim of each rule; a finding is its contrary. */
#define AUDIT_RULES(X)                                                                             \
    X(EVENT_NUMBERS, "event_numbers", "events of a source are numbered without holes")             \
    X(TURN_NUMBERS, "turn_numbers", "turns are numbered without holes")                            \
    X(TURN_EVENTS, "turn_events", "turns take the events that are recorded, and no others")        \
    X(TURN_TIME, "turn_time", "the monotonic time of turns never goes back")                       \
    X(SEQ, "seq", "seq is contiguous for each connection and subscription, but for named gaps")    \
    X(MARKET, "market", "market events are about announced markets, with a price grid")            \
    X(BOOK_DELTA, "book_delta", "a delta takes no level below zero and is on the grid")            \
    X(BOOK_CROSSED, "book_crossed", "no book is crossed when the exchange's time moves on")        \
    X(BOOK_SNAPSHOT, "book_snapshot",                                                              \
      "a snapshot is a book: on the grid, each price once, not "                                   \
      "crossed")                                                                                   \
    X(BOOK_DIFFERS, "book_differs", "a snapshot behind contiguous deltas equals the rebuilt book") \
    X(ORDER_STEP, "order_step",                                                                    \
      "each step of an order is a row of the transition table and "                                \
      "begins where the last one ended")                                                           \
    X(ORDER_NUMBERS, "order_numbers", "orders are numbered without holes")                         \
    X(ORDER_FILLS, "order_fills", "the fills of an order add up to its filled count")              \
    X(TRADE_ONCE, "trade_once", "each trade is counted once")                                      \
    X(FILL_SOURCE, "fill_source",                                                                  \
      "each counted fill was told by the exchange, with these numbers")                            \
    X(FILL_COUNTED, "fill_counted", "each fill that the exchange told is counted")                 \
    X(POSITION, "position", "positions are the sum of fills, settlements and adopted drifts")      \
    X(CASH, "cash", "cash is its start and fills, fees, settlements and adopted drifts")           \
    X(PROFIT, "profit", "a change of cash is realised P&L less fees less cost")                    \
    X(SETTLEMENT, "settlement", "a settlement pays the position by the result, in whole cents")    \
    X(DECISION_NUMBERS, "decision_numbers", "decisions are numbered without holes")                \
    X(DECISION_TURN, "decision_turn", "a decision names its turn and the last event before it")    \
    X(DECISION_ORDER, "decision_order", "a decision that sent names an order, another none")       \
    X(DECISION_HASH, "decision_hash", "the observation has its recorded hash")                     \
    X(ROWS, "rows",                                                                                \
      "the database has as many rows as the session wrote, and names each that was lost")          \
    X(DIGEST, "digest", "the rows are those that were written, to the byte")

enum audit_rule {
#define X(id, name, claim) AUDIT_##id,
    AUDIT_RULES(X)
#undef X
        AUDIT_RULE_MAX
};

const char *audit_rule_name(enum audit_rule rule);
const char *audit_rule_claim(enum audit_rule rule);

struct audit_finding {
    enum audit_rule rule;
    char place[160]; /* "market KX..., event 17, sid 1, seq 33" */
    char text[240];  /* what is wrong there */
};

struct audit_config {
    bool whole;      /* the session was closed: its end must add up */
    bool from_start; /* each count begins at 1: recorded live, not imported */
    bool seq_check;  /* false: imported without looking at seq */
    uint64_t rows;   /* as the session row says, as lost; looked at when whole */
    uint64_t lost;
    bool has_digest;
    uint64_t digest; /* record_digest() of all its records, joined with ^ */
    void *self;
    void (*found)(void *self, const struct audit_finding *f);
};

struct audit_counts {
    uint64_t records, events[EV_SRC_MAX], gaps, turns, decisions, order_steps, orders, fills, marks,
        settlements;
    uint64_t findings[AUDIT_RULE_MAX];
};

struct audit;

enum status audit_create(const struct audit_config *config, struct audit **ret_audit) MUST_CHECK;
void audit_destroy(struct audit *a); /* NULL is fine */

/*
 * What to read in which order: step i is either all records of a type (of enum rec_type) or all
 * events of a source. False: that was the last.
 */
struct audit_step {
    uint16_t type; /* 0: events of source */
    enum ev_source source;
};
bool audit_order(uint32_t i, struct audit_step *ret);

/* One record or event of the step. ST_NOMEM. */
enum status audit_take(struct audit *a, const void *record) MUST_CHECK;
/* Behind the last one. */
void audit_finish(struct audit *a);

const struct audit_counts *audit_counts(const struct audit *a);
/* Why a rule was not judged; NULL: it was. Constant text. */
const char *audit_skipped(const struct audit *a, enum audit_rule rule);

#endif
