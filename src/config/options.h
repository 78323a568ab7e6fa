/*
 * options.h - the options of the commands as plain structs, and the tables that fill them.
 *
 * options_run.c and options_sim.c hold one row for each option: default, limits, unit, help.
 * docs/CONFIG.md is made from them. No option holds a secret: keys are named by path.
 * Texts and paths are never NULL (not set: ""); they belong to the struct config that filled them.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "config/config.h"

/* [exchange] */
struct exchange_options {
    const char *file; /* a ready file of `deltaflow sim`: fills what is not set here (--exchange) */
    const char *rest_url, *ws_url;
    const char *ca_file; /* "": the system's */
    const char *key_id, *key_file;
    int64_t request_timeout_ms;
    int64_t sign_ahead, sign_cancels, sign_age_ms;
    bool live; /* production hosts are refused without it */
};

/* [feed] */
struct feed_options {
    struct config_list markets; /* tickers */
    const char *markets_file;   /* one ticker a line */
    const char *series, *event, *status;
    int64_t min_volume; /* whole contracts */
    int64_t limit;
    int64_t discovery_interval_s; /* 0: once */
    bool use_yes_price, trades;
    int64_t data_timeout_ms, repair_timeout_ms, reply_timeout_ms;
    int64_t reconnect_min_ms, reconnect_max_ms, ping_interval_ms;
    int64_t markets_max, levels_max;
};

enum observations_kind { OBSERVATIONS_VALUES, OBSERVATIONS_HASH };

/* [store] */
struct store_options {
    bool enabled;
    const char *path;
    int64_t answer_ms; /* longest wait for an answer */
    int64_t rows_max, interval_ms;
    int64_t ring_bytes; /* of each producer's ring */
    enum observations_kind observations;
    int64_t mark_s;
    int64_t memory_bytes; /* most that is kept while the database cannot be written */
    const char *spill;    /* folder */
    int64_t spill_bytes;  /* 0: no spill file */
};

/* [bus]: bytes of the rings into the actor and into the gateway, powers of two */
struct bus_options {
    int64_t market_ring_bytes, private_ring_bytes, answer_ring_bytes, command_ring_bytes,
        request_ring_bytes;
};

enum actor_thread { ACTOR_THREAD_AUTO, ACTOR_THREAD_OWN, ACTOR_THREAD_NET };

/* [actor] */
struct actor_options {
    int thread; /* enum actor_thread */
    int64_t throttle_ms;
    int64_t breaker_errors; /* the next error in a row opens it */
    int64_t breaker_cooldown_s;
    int64_t slow_turn_ms;
    int idle;               /* 0 spin, 1 yield, 2 park: enum idle_kind of bus/agent.h */
    int64_t message_age_ms; /* older: the market lags and does not trade; 0: no limit */
};

/* [features] */
struct features_options {
    int64_t mirror; /* 100 or 99 */
    bool zero_order_features;
};

enum policy_kind { POLICY_KIND_HOLD, POLICY_KIND_RANDOM, POLICY_KIND_PPO };

/* [policy] */
struct policy_options {
    int kind; /* enum policy_kind; the text is policy_kind_text() */
    const char *model, *stats;
    bool sample;
    int64_t seed;
};

enum trading_kind { TRADING_AUTO, TRADING_ON, TRADING_OFF };
enum pricing_kind { PRICING_AGGRESSIVE, PRICING_PASSIVE, PRICING_MID };
enum tif_kind { TIF_GTC, TIF_IOC };

/* [orders] */
struct orders_options {
    int trading; /* enum trading_kind; auto: on when there are credentials and a policy other than
                    hold */
    qty_t count; /* of each order */
    int pricing; /* enum pricing_kind */
    int tif;     /* enum tif_kind */
    bool allow_short;
    bool cancel_on_stop;
    int64_t position_read_delay_ms, sweep_s;
    bool balance_excludes_resting;
    px_t replace_distance; /* a resting order further off its price than this is replaced */
    bool amend;
    int64_t market_orders, max_age_s;
    px_t max_distance;
    const char *journal;
    bool release_halt;          /* let go the halt that the journal holds */
    qty_t drift_halt_all_count; /* ... halts everything */
    qty_t drift_halt_count;     /* a position drift above it halts the market */
    int64_t clock_window_ms;
};

enum fee_kind { FEE_KIND_QUADRATIC, FEE_KIND_QUADRATIC_MAKER };
enum paper_queue { PAPER_QUEUE_PESSIMISTIC, PAPER_QUEUE_PROPORTIONAL, PAPER_QUEUE_TRADE_THROUGH };

/* [paper] */
struct paper_options {
    bool enabled; /* orders are filled in this process; nothing is sent */
    usd_t balance;
    int queue_model;      /* enum paper_queue */
    bool series_fees;     /* ask the exchange for each series' fees */
    int fee_type;         /* enum fee_kind, where the series' own is not known */
    usd_t fee_multiplier; /* 1e-6 */
    int64_t order_latency_ms, answer_latency_ms, private_latency_ms, market_latency_ms, jitter_ms;
    int64_t seed;
    int64_t write_tokens;  /* a second; 0: no limit */
    int64_t settle_poll_s; /* results of closed markets are asked for so often; 0: never */
    const char *journal;
};

/* [risk]: limits of the risk gate */
struct risk_options {
    qty_t max_order_count;
    px_t collar_mid, collar_trade;
    qty_t max_position_count; /* of each market */
    usd_t max_gross_usd;      /* worst case of all positions and open orders */
    int64_t max_open_orders;
    usd_t min_cash_usd; /* never spent */
    usd_t max_loss_usd, max_loss_day_usd, max_drawdown_usd;
    int64_t max_fills_per_s, max_orders_per_s;
    int64_t group_contracts, unknown_halt;
    int64_t duplicate_ms;
};

/* [control] */
struct control_options {
    const char *socket;    /* "": none; the token stands in socket.token */
    const char *heartbeat; /* "": none */
};

/* [guard] */
struct guard_options {
    const char *key_id, *key_file; /* "": those of [exchange] */
    int64_t beat_s, exchange_s;
    bool cancel_all;
    bool once;
};

/* [run] */
struct run_only_options {
    const char *summary_json;
    int64_t duration_s; /* 0: until stopped */
    bool stop_when_closed;
    int log_level; /* enum log_level */
};

struct run_options {
    struct exchange_options exchange;
    struct feed_options feed;
    struct store_options store;
    struct bus_options bus;
    struct actor_options actor;
    struct features_options features;
    struct policy_options policy;
    struct orders_options orders;
    struct risk_options risk;
    struct paper_options paper;
    struct control_options control;
    struct guard_options guard;
    struct run_only_options run;
};

enum hours_kind {
    HOURS_ALWAYS,
    HOURS_EXCHANGE,
};
enum tier_kind {
    TIER_BASIC,
    TIER_ADVANCED,
    TIER_EXPERT,
    TIER_PREMIER,
    TIER_PARAGON,
    TIER_PRIME,
    TIER_PRESTIGE
};

/* [rules]: see struct sim_rules of sim/sim.h */
struct rules_options {
    bool acks_first;
    bool frame_newline;
    int64_t price_decimals;
    bool add_markets_snapshots;
    bool get_snapshot_seq;
    int unknown_ticker;
    int slow_reader;
    bool timestamps;
    bool shuffle_channels;
    bool extra_keys;
    bool deprecated_fields;
    bool error_market_ticker;
    bool ws_public_open;
    int64_t ping_interval_ms;
    bool ping_when_idle;
    int64_t pong_timeout_ms;
    bool deflate;
    int64_t clock_behind_ms;
    int64_t clock_ahead_ms;
    int post_only_cross;
    int fok_kill;
    int client_order_id_reuse;
    bool cancel_client_order_id;
    bool create_200;
    int64_t stale_read_ms, cancel_all_lingers_ms;
    bool last_cursor_null;
    bool settlement_held;
    bool portfolio_value_cash;
    bool book_falling;
    bool book_needs_key;
    bool unknown_key_invalid;
    int64_t bucket_seconds;
    bool auto_every_shard;
    bool error_service;
    bool balance_free;
    bool entry_cash;
    bool grain_cent;
    bool self_per_subaccount;
    int close;
    int64_t user_data_lag_ms;
    int64_t listing_delay_ms;
    bool inactive_shut;
};

/* [sim] and [rules] */
struct sim_options {
    struct rules_options rules;
    const char *listen;          /* address */
    int64_t port;                /* 0: the system chooses */
    const char *state_dir;       /* CA, server certificate and users' keys */
    const char *ready_file;      /* written once it listens */
    struct config_list capture;  /* none: generated flow */
    int capture_align;           /* index in recorded|start: enum tape_align */
    int capture_end;             /* index in settle|close|stay: enum sim_end */
    struct config_list outcomes; /* files that tell how recorded markets ended */
    int queue_model;             /* enum match_queue */
    double speed;
    bool loop_capture;
    int64_t markets, seed;
    double rate;
    int64_t flow_lag_ms;
    bool flow_stalls, flow_joins;
    int64_t duration_s;    /* generated markets close after so long; 0: never */
    int64_t pause_after_s; /* the flow stops so long after it began; 0: never */
    usd_t balance;
    int fee_type;         /* enum fee_kind; the text is fee_kind_text() */
    usd_t fee_multiplier; /* 1e-6: 1.000000 is one */
    int tier;             /* enum tier_kind; the text is tier_kind_text() */
    int64_t users, exchange_index;
    const char *scenario; /* JSON file; "": none */
    double time_scale;
    int hours;              /* enum hours_kind */
    int64_t live_window_s;  /* after it settled markets and trades are historical */
    int64_t order_window_s; /* the same for finished orders */
    bool calibration, json; /* print the report instead of serving; as JSON */
    bool wait_for_client;
    const char *state;         /* SQLite file; "": nothing is kept */
    const char *users_file;    /* "": none */
    const char *admin_socket;  /* "": in state_dir */
    const char *dump;          /* state as JSON, written at the end */
    bool exit_when_finished;   /* when the flow is at its end and no connection is left */
    struct config_list faults; /* "name@seconds[*count][:key=value,...]" */
    int log_level;             /* enum log_level */
};

extern const struct option_table run_option_table; /* fills struct run_options */
extern const struct option_table sim_option_table; /* fills struct sim_options */

/* docs/CONFIG.md. */
void options_document(struct buf *out);

/* The texts that other parts take for an enum value. */
const char *policy_kind_text(int kind);
const char *fee_kind_text(int kind);
const char *tier_kind_text(int kind);

/*
 * What one row cannot say: options that need each other. err names them.
 * run: ppo needs a model; reconnect_min <= reconnect_max; key_id and key_file go together; trading
 * on needs a key; production hosts need live or paper, which exclude each other. Call after the
 * ready file has filled what it fills.
 */
enum status run_options_check(const struct run_options *o, struct err *err) MUST_CHECK;
enum status sim_options_check(const struct sim_options *o, struct err *err) MUST_CHECK;

/* "name@seconds" or "name@seconds*count" of faults; what follows a ':' is not looked at.
 * ST_MALFORMED. *ret_name is valid as long as text, n is 1 without count. */
enum status sim_fault_split(const char *text, struct text *ret_name, double *ret_seconds,
                            uint32_t *ret_n) MUST_CHECK;
/* A word of the list that belongs to the fault before it: commas part keys as well. */
bool sim_fault_goes_on(const char *text);

#endif
