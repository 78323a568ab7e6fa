/*
 * record.h - what goes to the store besides the events themselves: turns, decisions, orders, and
 * raw frames.
 *
 * Same rules as bus/event.h: plain, copied whole, no pointer, size first. A record starts with
 * struct rec; events are put into the store's rings as they are (their type is below REC_BASE).
 */
#ifndef BUS_RECORD_H
#define BUS_RECORD_H

#include "base/hash.h"
#include "bus/event.h"

enum rec_type {
    REC_BASE = 256,
    REC_TURN,      /* struct rec_turn: one turn of the actor */
    REC_DECISION,  /* struct rec_decision */
    REC_ORDER,     /* struct rec_order: one transition of an order */
    REC_APPLIED,   /* struct rec_applied_fill: a fill counted by the account, once for each trade id
                    */
    REC_RECONCILE, /* struct rec_reconcile: a position read and what it meant */
    REC_POSITION,  /* struct rec_account: a change of position or cash */
    REC_RAW,       /* struct rec_raw: a frame kept as it came */
    REC_GAP,       /* struct rec_gap: something was lost, and where */
    REC_CONN,      /* struct rec_raw: connection events as text */
    REC_FEE_DRIFT, /* struct rec_fee_drift: a fee that our formula does not give */
    REC_SETTLED,   /* struct rec_settled: a market has paid */
    REC_RESTORED,  /* struct rec_restored: what an earlier run left, handed to the engine at its
                      start */
    REC_REFUSED,   /* struct rec_refused: a call of the engine to the outside that failed */
    REC_MARK,      /* struct rec_mark: what the whole account is worth */
    REC_TYPE_MAX
};

struct rec {
    uint32_t size; /* bytes of the whole record, a multiple of 8 */
    uint16_t type; /* enum rec_type */
    uint16_t source;
    uint32_t mkt;
    uint32_t pad;
    wall_ns_t wall;
};

/* One turn of the actor: with the events of each source this gives the one order in which all was
 * applied. */
struct rec_turn {
    struct rec h;
    uint64_t turn; /* from 1, without holes */
    mono_ns_t mono;
    uint32_t taken[EV_SRC_MAX]; /* events taken from each source, in the order of enum ev_source */
};

#define OBS_SIZE     52
#define ACTION_COUNT 5

enum action { ACT_HOLD, ACT_BUY_YES, ACT_SELL_YES, ACT_BUY_NO, ACT_SELL_NO };

/* What became of an action. */
enum verdict {
    VERDICT_HOLD,      /* action 0 */
    VERDICT_THROTTLED, /* too soon after the last */
    VERDICT_BREAKER,   /* the market's circuit breaker is open */
    VERDICT_REFUSED,   /* a risk check said no; its name is in check */
    VERDICT_KEPT,      /* the same intent rests already */
    VERDICT_SENT,      /* an order left for the gateway */
    VERDICT_ERROR,     /* our own error, named in check */
    VERDICT_MAX
};

struct rec_decision {
    struct rec h;
    uint64_t turn;
    uint64_t number;       /* from 1, without holes */
    uint64_t last_ord;     /* last market event applied before it */
    uint64_t book_version; /* of the market's book */
    uint32_t action;       /* enum action */
    uint32_t verdict;      /* enum verdict */
    uint32_t shared;       /* changes of this market that share the decision */
    uint32_t pad;
    uint64_t order_number; /* VERDICT_SENT: the order, 0 otherwise */
    uint64_t obs_hash;     /* obs_hash_of obs */
    char check[REASON_MAX];
    int64_t risk_value,
        risk_limit; /* of a check of the risk gate that refused (orders/risk.h), else 0 */
    float logits[ACTION_COUNT];
    float probs[ACTION_COUNT];
    float obs[OBS_SIZE]; /* all zero with store.observations = hash */
};

/* The hash that stands for an observation. */
static inline uint64_t obs_hash_of(const float obs[OBS_SIZE])
{
    _Static_assert(OBS_SIZE % 2 == 0, "floats make whole words");
    return hash64_words(obs, OBS_SIZE / 2);
}

/* One transition of an order: the state after it. States are named in orders/. */
struct rec_order {
    struct rec h;
    uint64_t number; /* the order's own number in this session, from 1 */
    uint32_t from_state, to_state, event;
    uint32_t outcome; /* enum side acquired */
    uint32_t is_buy;  /* 1: BUY action, 0: SELL action (of the other outcome's position) */
    uint32_t pad;
    px_t yes_px;
    qty_t qty, filled;
    usd_t reserved;
    char ticker[TICKER_MAX];
    char client_id[CLIENT_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char reason[REASON_MAX];
    char from_name[24], to_name[24], event_name[24];
    char pad2[4];
};

struct rec_applied_fill {
    struct rec h;
    uint64_t order_number; /* 0: not an order of ours */
    px_t yes_px;
    qty_t qty;
    usd_t fee;
    uint32_t outcome, is_taker, via, pad; /* via: enum ev_source it came through first */
    char ticker[TICKER_MAX];
    char trade_id[ORDER_ID_MAX];
    char order_id[ORDER_ID_MAX];
};

enum reconcile_kind {
    RECONCILE_POSITION, /* contracts of ticker's market */
    RECONCILE_CASH,     /* 1e-6 USD; ticker is "cash" */
    RECONCILE_FOREIGN,  /* orders of others that rest: ours is how many, theirs what they cost */
    RECONCILE_KIND_MAX
};

struct rec_reconcile {
    struct rec h;
    int64_t ours, theirs; /* in the unit of its kind */
    uint32_t in_flight;   /* orders or fills under way: a difference proves nothing */
    uint32_t adopted;     /* 1: theirs was taken */
    uint32_t kind;        /* enum reconcile_kind */
    uint32_t pad;
    char ticker[TICKER_MAX];
    char reason[REASON_MAX]; /* why it was read or what it meant */
};

/* A fill of an order of ours whose fee is not what our formula gives; the exchange's is counted. */
struct rec_fee_drift {
    struct rec h;
    uint64_t order_number;
    usd_t fee, ours;
    px_t yes_px;
    qty_t qty;
    uint32_t outcome, is_taker;
    int32_t fee_type, fee_mult_micros; /* of the formula */
    char ticker[TICKER_MAX];
    char trade_id[ORDER_ID_MAX];
    char order_id[ORDER_ID_MAX];
};

/* The account's net position in a market that was settled, and what it brought. */
struct rec_settled {
    struct rec h;
    qty_t position;
    px_t yes_px;                /* what a YES paid */
    usd_t cost, paid, realized; /* realized: paid less cost */
    char ticker[TICKER_MAX];
};

struct rec_account {
    struct rec h;
    qty_t position;
    usd_t cost, realized, fees;
    usd_t cash_total, cash_reserved, pv_mid, pv_exit;
    char ticker[TICKER_MAX];
};

enum restored_kind {
    RESTORED_ORDER,   /* an order that may still rest */
    RESTORED_HALT,    /* the halt of a market; reason says why */
    RESTORED_SESSION, /* a run; client_id is the one that its order 0 would have */
    RESTORED_KIND_MAX
};

/* One entry of the order journal of earlier runs, as the engine got it: an input like the events,
 * before the first of them. wall is the entry's own. */
struct rec_restored {
    struct rec h;
    uint64_t number; /* the order's, in its session */
    uint32_t kind;   /* enum restored_kind */
    uint32_t outcome, is_buy, pad;
    px_t yes_px;
    qty_t qty;
    usd_t reserved;
    char ticker[TICKER_MAX];
    char client_id[CLIENT_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char reason[REASON_MAX];
    char pad2[4];
};

enum engine_call {
    CALL_REQUEST, /* a request into the gateway's ring */
    CALL_JOURNAL, /* a record into the order journal */
    CALL_MAX
};

/* Calls of a kind are numbered from 1; those that went well leave no row. */
struct rec_refused {
    struct rec h;
    uint64_t call;
    uint32_t kind; /* enum engine_call */
    uint32_t pad;
    char status[24]; /* name of the enum status that came back */
};

/* The account as a whole, every store.mark_s when something changed. */
struct rec_mark {
    struct rec h;
    usd_t cash_total, cash_reserved, pv_mid, pv_exit;
    usd_t pv_exchange; /* as the exchange said last */
    uint32_t pv_known; /* 1: it has said */
    uint32_t positions, open_orders, pad;
};

struct rec_raw {
    struct rec h;
    uint32_t len;
    uint32_t kind; /* 0: a type we do not decode, 1: malformed, 2: connection event */
    uint64_t ord;  /* ordinal of the event after which it came */
    char bytes[];  /* len bytes */
};

struct rec_gap {
    struct rec h;
    uint64_t lost; /* rows or messages, 0: unknown */
    uint64_t sid, seq_expected, seq_got;
    char reason[REASON_MAX];
};

/* A fingerprint of all bytes of an event or record. Those of many, joined with ^, tell whether the
 * same ones are there, in whatever order. Not cryptographic. */
static inline uint64_t record_digest(const void *record)
{
    const struct rec *head = record; /* an event begins with its size too */
    return hash64_words(record, head->size / sizeof(uint64_t));
}

#endif
