/*
 * audit_int.h - what the files of the audit share.
 *
 *   audit.c          making, dispatch, findings
 *   audit_numbers.c  gap rows; numbers of events, turns and decisions
 *   audit_market.c   sequence and books
 *   audit_orders.c   steps of orders, fills, trades
 *   audit_money.c    account marks, settlements
 */
#ifndef AUDIT_AUDIT_INT_H
#define AUDIT_AUDIT_INT_H

#include "audit/audit.h"
#include "base/idmap.h"
#include "book/book.h"
#include "orders/order_state.h"

#define AUDIT_MARKETS_MAX 1000000U
#define AUDIT_TEXTS_MAX   100000000U

/* --- gaps --- */

/* Numbers [first, next) of something are missing, or some of them, and named so. */
struct audit_range {
    uint64_t first, next;
};
struct audit_ranges {
    struct audit_range *v;
    size_t n, cap;
    bool merged;         /* in order, and none touches the next */
    uint64_t unnumbered; /* lost without numbers */
};
/* A sequence gap that the feed named. */
struct audit_seq_gap {
    uint64_t sid, expected, got;
};

/* --- market --- */

struct audit_raw {
    uint64_t ord, sid, seq;
};

struct audit_stream {
    uint64_t sid, last;
    bool data; /* book messages or trades came on it */
};
#define AUDIT_STREAMS 256

struct audit_market {
    char ticker[TICKER_MAX];
    struct book *book; /* NULL: not announced */
    bool good;         /* a snapshot came and nothing made it stale */
    bool emptied;      /* the last snapshot was empty, and no delta came since */
    bool crossed;
    int64_t crossed_ts;
    uint64_t sid, seq; /* of its last snapshot or delta */
    uint32_t conn;
};

/* --- orders --- */

struct audit_order_row {
    uint64_t number;
    uint32_t state; /* enum order_state */
    bool restored;
    qty_t qty, filled;
    qty_t counted; /* by fills that name it */
    char order_id[ORDER_ID_MAX];
};

struct audit_fill {
    wall_ns_t wall;
    uint64_t order_number;
    uint32_t ticker; /* index in tickers */
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    uint32_t outcome;
    bool told;   /* the exchange's own message or answer was seen */
    bool absurd; /* numbers that no fill has */
    char trade_id[ORDER_ID_MAX], order_id[ORDER_ID_MAX];
};

/* --- money --- */

struct audit_paid {
    wall_ns_t wall;
    uint32_t ticker;
    usd_t paid;
};
struct audit_adopted {
    wall_ns_t wall;
    uint32_t ticker; /* of a position */
    int64_t ours, theirs;
};
/* A read of the balance, or a mark of what the account is worth: what it says of our cash is
 * checked; the balance may be adopted. */
struct audit_cash_row {
    uint64_t turn; /* UINT64_MAX: not known */
    wall_ns_t wall;
    size_t number; /* in the order in which they came */
    usd_t ours, theirs;
    bool adopted, worth;
};
#define AUDIT_CASH_SEEN 16
struct audit_held {
    qty_t position;
    usd_t cost, realized, fees;
    bool marked; /* cost, realized and fees are of a mark */
};

/* vec_room(&v, n, &cap, sizeof *v): room for one more. */
bool audit_room(void *v, size_t n, size_t *cap, size_t size);

struct audit {
    struct audit_config config;
    struct audit_counts counts;
    const char *skipped[AUDIT_RULE_MAX];
    uint64_t digest; /* of the records so far */

    /* gaps */
    struct audit_ranges events[EV_SRC_MAX], turn_gaps, decision_gaps;
    struct audit_seq_gap *seq_gaps;
    size_t n_seq_gaps, cap_seq_gaps;
    bool gaps_merged;
    uint64_t named_lost; /* by gap rows about what did not reach the database */
    bool records_lost;   /* some records are missing, nobody knows which */
    uint64_t next_ord[EV_SRC_MAX], missing_ord[EV_SRC_MAX];

    /* turns; index 0 is turn first_turn */
    struct audit_turn {
        wall_ns_t wall;
        uint64_t market; /* market events taken up to its end; UINT64_MAX: no such turn */
    } * turns;
    size_t n_turns, cap_turns;
    uint64_t next_turn, missing_turns, taken[EV_SRC_MAX];
    mono_ns_t turn_mono;
    uint64_t next_decision, decision_turn;
    bool any_observation; /* their values were recorded */

    /* market */
    struct audit_raw *raws;
    size_t n_raws, cap_raws, raw_at;
    struct audit_stream streams[AUDIT_STREAMS];
    uint32_t n_streams;
    bool hole;                   /* in this connection: its streams did not begin at 1 */
    struct audit_raw pending[8]; /* of a connection that begins: by sid */
    uint32_t conn;
    struct audit_market *markets;
    size_t n_markets, cap_markets;

    /* orders */
    struct audit_order_row *orders;
    size_t n_orders, cap_orders;
    struct idmap by_number, by_order_id, by_trade, known_trades;
    struct idmap tickers;
    uint32_t n_tickers;
    struct audit_fill *fills;
    size_t n_fills, cap_fills;
    uint64_t order_max;
    bool ready;
    wall_ns_t ready_wall;

    /* money */
    bool started;
    usd_t cash;
    struct audit_paid *paid;
    size_t n_paid, cap_paid, paid_at;
    struct audit_adopted *adopted;
    size_t n_adopted, cap_adopted, adopted_at;
    struct audit_cash_row *cash_rows;
    size_t n_cash_rows, cap_cash_rows, cash_row_at;
    bool cash_sorted;
    /* found so far, of cash rows, of worth, and of account marks; and of the start */
    uint64_t cash_turn, worth_turn, mark_turn, start_turn;
    usd_t seen[AUDIT_CASH_SEEN]; /* cash in the turn mark_turn */
    uint32_t n_seen;
    size_t fill_at;
    struct audit_held *held; /* by ticker */
    size_t cap_held, n_held;
};

/* audit.c: a finding. place and text are printf's, separated in the call by AUDIT_AT. */
void audit_found(struct audit *a, enum audit_rule rule, const char *place, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define AUDIT_PLACE 160
void audit_skip(struct audit *a, enum audit_rule rule, const char *why);
/* Index of a ticker (not ended by NUL where it is damaged). IDMAP_NONE: no memory. */
uint32_t audit_ticker(struct audit *a, const char ticker[TICKER_MAX]);
struct text audit_text(const char *s, size_t cap);
static inline int64_t add_wrap(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t sub_wrap(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* audit_numbers.c */
enum status audit_gap(struct audit *a, const struct rec_gap *g);
enum status audit_turn(struct audit *a, const struct rec_turn *t);
enum status audit_decision(struct audit *a, const struct rec_decision *d);
void audit_event_number(struct audit *a, const struct ev *ev);
void audit_numbers_finish(struct audit *a);
void audit_ranges_free(struct audit_ranges *r);

/* audit_market.c */
enum status audit_raw(struct audit *a, const struct rec_raw *r);
enum status audit_market_event(struct audit *a, const struct ev *ev);
/* Events are missing before the next one, as gap rows say: no book and no sequence goes on. */
void audit_market_hole(struct audit *a);
void audit_market_free(struct audit *a);

/* audit_orders.c */
enum status audit_order_step(struct audit *a, const struct rec_order *r);
enum status audit_applied(struct audit *a, const struct rec_applied_fill *f);
enum status audit_told_fill(struct audit *a, const struct ev_fill *f, wall_ns_t recv, bool answer);
enum status audit_answer(struct audit *a, const struct ev_answer *ans);
struct audit_order_row *audit_order_of(struct audit *a, uint64_t number); /* NULL */
void audit_orders_finish(struct audit *a);

/* audit_money.c */
enum status audit_reconcile(struct audit *a, const struct rec_reconcile *r);
enum status audit_settled(struct audit *a, const struct rec_settled *s);
enum status audit_worth(struct audit *a, const struct rec_mark *m);
enum status audit_mark(struct audit *a, const struct rec_account *m);
void audit_money_finish(struct audit *a);

#endif
