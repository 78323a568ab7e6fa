/*
 * session_report.h - what a recorded session holds, and how good the data in it is.
 *
 * Read once, record by record; memory for markets and orders only.
 */
#ifndef CLI_SESSION_REPORT_H
#define CLI_SESSION_REPORT_H

#include "base/idmap.h"
#include "metrics/metrics.h"
#include "orders/order_state.h"
#include "store/store.h"

struct report_market {
    char ticker[TICKER_MAX];
    uint64_t snapshots, deltas, trades, stale_marks;
    wall_ns_t first, last; /* of its book messages and trades */
    /* Time without a book that could be trusted, after its first snapshot. */
    mono_ns_t stale_ns;
    mono_ns_t stale_since; /* 0: it is good */
    bool based;            /* a snapshot came */
    bool counted;          /* it was announced */
    /* account marks: how they began and stand */
    bool marked;
    usd_t realized_before, realized, fees_before, fees, cost;
    qty_t position;
};

#define REPORT_REASONS 32
#define REPORT_GAPS    20

struct report {
    /* market data */
    struct report_market *markets;
    uint32_t n_markets, cap_markets;
    uint64_t snapshots, deltas, trades, marks_stale, links_up, links_down, unknown, malformed;
    uint64_t by_type[32];  /* records, by store_type_index() */
    wall_ns_t first, last; /* of the market data */
    mono_ns_t last_mono;
    mono_ns_t silence; /* the longest time without a message while connected */
    wall_ns_t silence_at;
    uint64_t silences; /* over one second */
    uint64_t second, in_second, in_second_max;
    wall_ns_t in_second_at;
    bool link_up;
    mono_ns_t down_since, down_ns, mono_end;
    /* Receive time less the exchange's, less the clock's offset, in ns. */
    struct histogram lag;
    uint64_t lag_negative;
    int64_t clock_ahead, clock_min, clock_max; /* ms */
    uint64_t clocks;
    /* gaps */
    uint64_t gaps, gaps_seq, lost;
    struct rec_gap first_gaps[REPORT_GAPS];
    /* engine */
    uint64_t turns, decisions, actions[ACTION_COUNT], verdicts[VERDICT_MAX];
    struct {
        char name[REASON_MAX];
        uint64_t n;
    } checks[REPORT_REASONS];
    /* orders */
    struct idmap order_states; /* number to enum order_state */
    uint64_t orders, orders_by_state[ORDER_STATE_MAX];
    uint64_t fills, fills_taker, fills_foreign, answers, answers_bad;
    qty_t contracts;
    usd_t fees;
    uint64_t settlements, positions_adopted, cash_adoptions, fee_drifts;
    usd_t paid, cash_adopted;
    bool has_account;
    usd_t cash_start, cash_end;
    bool has_worth;
    struct rec_mark worth_first, worth_last;
};

/* go_on is called for every record; false: stop, ST_CLOSED. */
enum status report_read(const char *path, int64_t session, bool (*go_on)(void *self), void *self,
                        struct report *ret, struct err *err) MUST_CHECK;
void report_finish(struct report *r);

/* Realised profit and loss of the session, before fees. */
usd_t report_realized(const struct report *r);

#endif
