/*
 * event.h - what threads tell the actor, as plain structs.
 *
 * Every event begins with struct ev (64 bytes), which says how long the whole record is; snapshots
 * and answers carry rows behind their struct. Records are copied whole (into rings, into the store,
 * into tests) and hold no pointer, so that a recorded run can be fed to the engine again. All
 * integers in host byte order; unused bytes are zero.
 *
 * A market is known by its index `mkt`, given by the feed in order of EV_MARKET events, which carry
 * its ticker.
 */
#ifndef BUS_EVENT_H
#define BUS_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/grid.h"
#include "base/money.h"
#include "base/timefmt.h"

#define MKT_NONE UINT32_MAX       /* the event is about no market */
#define MKT_ALL  (UINT32_MAX - 1) /* ... about every market of the source */

#define TICKER_MAX    64 /* with NUL */
#define ORDER_ID_MAX  40 /* exchange's ids: UUID text, with NUL */
#define CLIENT_ID_MAX 68 /* client_order_id: at most 64 characters, with NUL */
#define REASON_MAX    64

/* The rings into the actor, in the order in which a turn drains them. */
enum ev_source {
    EV_SRC_COMMAND, /* main, ctl: a person's commands, stop */
    EV_SRC_PRIVATE, /* net: FillListener */
    EV_SRC_ANSWER,  /* gateway: answers of REST requests */
    EV_SRC_MARKET,  /* net: OrderbookClient */
    EV_SRC_MAX
};

enum ev_type {
    EV_NONE,
    /* market data */
    EV_MARKET, /* struct ev_market: a market is followed from now on, or its grid or status changed
                */
    EV_SNAPSHOT, /* struct ev_snapshot */
    EV_DELTA,    /* struct ev_delta */
    EV_TRADE,    /* struct ev_trade */
    EV_STALE,    /* struct ev_mark: book(s) not to be trusted until the next snapshot; mkt may be
                    MKT_ALL */
    EV_LINK,     /* struct ev_mark: the session's connection came (code 1) or went (code 0) */
    /* private data */
    EV_FILL,       /* struct ev_fill */
    EV_USER_ORDER, /* struct ev_user_order */
    EV_POSITION,   /* struct ev_position: a market_position message */
    /* REST */
    EV_ANSWER, /* struct ev_answer */
    /* person */
    EV_COMMAND, /* struct ev_command */
    /* market data */
    EV_CLOCK, /* struct ev_mark: our clock is code ms ahead of the exchange's, the shortest way of a
                 message included */
    EV_TYPE_MAX
};

struct ev {
    uint32_t size;   /* bytes of the whole record, a multiple of 8 */
    uint16_t type;   /* enum ev_type */
    uint16_t source; /* enum ev_source */
    uint32_t mkt;
    uint32_t conn; /* number of the session's connection, from 1; sids are only unique inside one */
    uint64_t ord;  /* number of the event in its source, from 1, without holes */
    uint64_t sid;
    uint64_t seq;  /* 0: the message has none */
    int64_t ts_ms; /* the exchange's time, 0: the message has none */
    wall_ns_t recv_wall;
    mono_ns_t recv_mono;
};
_Static_assert(sizeof(struct ev) == 64, "the header is one cache line");

enum market_status {
    MARKET_UNKNOWN,
    MARKET_INITIALIZED,
    MARKET_ACTIVE,
    MARKET_INACTIVE,
    MARKET_CLOSED,
    MARKET_DETERMINED,
    MARKET_FINALIZED
};

/* What a market pays, once that is known. */
enum market_result { RESULT_NONE, RESULT_YES, RESULT_NO, RESULT_SCALAR };

/* Fee formula of a series (kalshi-api.md section 16). FEE_NONE: a multiplier of 0. */
enum fee_type { FEE_QUADRATIC, FEE_QUADRATIC_MAKER, FEE_FLAT_UNKNOWN, FEE_NONE };

struct ev_market {
    struct ev h;
    char ticker[TICKER_MAX];
    struct grid grid;
    int32_t status; /* enum market_status */
    int32_t exchange_index;
    int32_t fee_type;        /* enum fee_type */
    int32_t fee_mult_micros; /* fee_multiplier times 1e6; 0: unknown, take 1 */
    wall_ns_t close_time;    /* 0: unknown */
    qty_t volume_24h;        /* contracts traded in the last day, as of the listing */
    /* With MARKET_FINALIZED it is paid; before, the result may still be doubted. */
    int32_t result;   /* enum market_result */
    int32_t pad;      /* zero */
    px_t settle_px;   /* what a YES pays, when there is a result */
    wall_ns_t waived; /* trades before it cost no fees; 0: none */
    /* Fees of the series, in force when an event's override ends; as fee_type, fee_mult_micros. */
    int32_t series_fee_type, series_fee_mult_micros;
};

struct ev_snapshot {
    struct ev h;
    uint32_t n_yes;
    uint32_t n_no;
    /* n_yes YES bids, then n_no NO bids, each rising by price, on the scale of their own side */
    struct level levels[];
};

#define EV_DELTA_OWN 1U /* our own order caused it (the message carried client_order_id) */

struct ev_delta {
    struct ev h;
    px_t px; /* on the scale of its own side */
    qty_t qty;
    uint32_t side; /* enum side */
    uint32_t flags;
};

struct ev_trade {
    struct ev h;
    px_t yes_px;
    qty_t qty;
    uint32_t taker; /* enum side: outcome the taker acquired */
    uint32_t block;
    char trade_id[ORDER_ID_MAX];
};

struct ev_mark {
    struct ev h;
    int64_t code;
    char reason[REASON_MAX];
};

/* A fill, from whichever channel: also the row of a fills answer (then h is inside the answer and
 * all zero). */
struct ev_fill {
    struct ev h;
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    qty_t post_position; /* signed, as the message says; QTY_UNKNOWN when it does not */
    uint32_t outcome;    /* enum side: outcome acquired (YES for book side bid) */
    uint32_t is_taker;
    int32_t exchange_index;
    int32_t subaccount;
    char ticker[TICKER_MAX];
    char trade_id[ORDER_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char client_id[CLIENT_ID_MAX]; /* empty when absent, as in GET fills */
    char pad[4];
};
#define QTY_UNKNOWN INT64_MIN

enum xorder_status { XORDER_UNKNOWN, XORDER_RESTING, XORDER_CANCELED, XORDER_EXECUTED };

/* The exchange's view of an order: a user_order message, or a row of an orders answer. */
struct ev_user_order {
    struct ev h;
    px_t yes_px; /* limit */
    qty_t initial, filled, remaining;
    usd_t taker_cost, maker_cost, taker_fees, maker_fees;
    int64_t created_ms, updated_ms; /* 0: unknown */
    uint32_t status;                /* enum xorder_status */
    uint32_t outcome;               /* enum side */
    int32_t exchange_index;
    int32_t subaccount;
    char ticker[TICKER_MAX];
    char order_id[ORDER_ID_MAX];
    char client_id[CLIENT_ID_MAX];
    char reason[REASON_MAX]; /* last_update_reason, empty when absent */
    char pad[4];
};

/* A position as the exchange reports it: a market_position message, or a row of a positions answer.
 */
struct ev_position {
    struct ev h;
    qty_t position; /* signed, YES positive */
    usd_t cost;     /* market_exposure / position_cost */
    usd_t realized, fees;
    char ticker[TICKER_MAX];
};

/* What was asked for (see orders/gateway.h for the requests). */
enum gw_op {
    GW_CREATE,
    GW_CANCEL,
    GW_GET_ORDER,
    GW_LIST_ORDERS,
    GW_LIST_FILLS,
    GW_LIST_POSITIONS,
    GW_GET_BALANCE,
    GW_GET_BOOK,
    GW_LIST_MARKETS,
    GW_GET_LIMITS,
    GW_AS_OF,
    GW_AMEND,
    GW_GROUP_CREATE,
    GW_GROUP_RESET,
    GW_OP_MAX
};

enum gw_outcome {
    GW_OK,         /* the answer says it is done; for a read: the rows are whole */
    GW_REJECTED,   /* the exchange refused: certainly no effect */
    GW_NOT_FOUND,  /* 404; of a cancel this does not prove that the order is gone by a cancel */
    GW_NOT_SENT,   /* certainly never reached the exchange (no token, refused connection, shutting
                      down) */
    GW_RATE_LIMIT, /* 429: certainly no effect */
    GW_AUTH,       /* 401, 403: certainly no effect */
    GW_UNKNOWN,    /* time-out, cut, 5xx, unreadable answer: it may or may not have happened */
    GW_OUTCOME_MAX
};

enum gw_row {
    GW_ROW_NONE,
    GW_ROW_ORDER,
    GW_ROW_FILL,
    GW_ROW_POSITION,
    GW_ROW_MARKET,
    GW_ROW_LEVEL
};

#define GW_ANSWER_MORE                                                                             \
    1U /* further events of the same req_id follow; outcome is that of this part */

/*
 * The answer of one request, or a part of it: long lists come as several events, the last without
 * GW_ANSWER_MORE. n_rows records follow the struct, each of row_size bytes: struct ev_user_order,
 * ev_fill, ev_position, ev_market (headers zero) or struct level (n_yes of them YES).
 */
struct ev_answer {
    struct ev h;
    uint64_t req_id;
    uint32_t op;         /* enum gw_op */
    uint32_t outcome;    /* enum gw_outcome */
    int32_t http_status; /* 0: none came */
    uint32_t flags;
    wall_ns_t signed_wall; /* time in the signature of the (last) request; 0: never signed */
    wall_ns_t
        as_of; /* GW_AS_OF and lists with as_of: the read is current to this time; 0 unknown */
    mono_ns_t sent_mono; /* handed to the transport */
    /* GW_CREATE, GW_CANCEL, GW_AMEND, GW_GET_ORDER; GW_GROUP_CREATE: order_id is the group's */
    char order_id[ORDER_ID_MAX];
    char client_id[CLIENT_ID_MAX];
    char error_code[REASON_MAX]; /* the exchange's code ("insufficient_balance"), or ours
                                    ("timeout") */
    char pad[4];
    qty_t filled, remaining; /* GW_CREATE, GW_AMEND (QTY_UNKNOWN: not said); remaining: reduced_by
                                of GW_CANCEL */
    px_t average_px;         /* GW_CREATE with fills, else 0 */
    int64_t engine_ms;
    /* GW_GET_BALANCE */
    usd_t balance, portfolio_value;
    /* GW_GET_LIMITS: tokens and tokens per second */
    int64_t read_capacity, read_rate, write_capacity, write_rate;
    uint32_t row_kind; /* enum gw_row */
    uint32_t row_size;
    uint32_t n_rows;
    uint32_t n_yes;
    /* rows follow */
};

enum command { CMD_NONE, CMD_STOP, CMD_HALT, CMD_RESUME, CMD_CANCEL_ALL, CMD_FLATTEN };

struct ev_command {
    struct ev h;
    uint32_t command; /* enum command */
    uint32_t flags;
    char reason[REASON_MAX];
};

/* Bytes of one row; 0: GW_ROW_NONE, or no kind of row. */
static inline uint32_t ev_row_size(uint32_t row_kind)
{
    static const uint32_t sizes[] = {
        [GW_ROW_NONE] = 0,
        [GW_ROW_ORDER] = sizeof(struct ev_user_order),
        [GW_ROW_FILL] = sizeof(struct ev_fill),
        [GW_ROW_POSITION] = sizeof(struct ev_position),
        [GW_ROW_MARKET] = sizeof(struct ev_market),
        [GW_ROW_LEVEL] = sizeof(struct level),
    };
    return row_kind < sizeof sizes / sizeof sizes[0] ? sizes[row_kind] : 0;
}

/* The rows of an answer. */
static inline const void *ev_answer_rows(const struct ev_answer *a)
{
    return a + 1;
}

static inline uint32_t ev_round8(size_t n)
{
    return (uint32_t)((n + 7) & ~(size_t)7);
}

/* The exchange's word for a fee formula and its multiplier. False: no formula of ours. */
bool fee_type_named(const char *name, int32_t mult_micros, int32_t *ret_type);
/* The exchange's result ("yes", "no", "scalar") with settlement value or without. False: there is
 * none yet, or it makes no sense. */
bool market_result_of(const char *result, bool has_px, px_t px, int32_t *ret_result, px_t *ret_px);

#endif
