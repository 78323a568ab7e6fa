/*
 * sim_int.h - what the files of sim/ share.
 *
 *   sim.c               the object: creating it, time, what is due
 *   sim_market.c        tables of series, events and markets; sim_fees.c what trading in them costs
 *   sim_life.c          states of markets; sim_due.c what the clock does next; sim_hours.c pauses
 *   sim_users.c         users, keys, subaccounts; sim_budget.c token buckets, tiers, costs
 *   sim_dump.c          the state as JSON; sim_count.c what clients asked for
 *   sim_state.c         saving; sim_state_load.c loading; sim_state_tables.c which fields are kept
 *   sim_fault.c         faults on demand
 *
 *   sim_http.c          requests: routing, signatures, scopes; sim_routes.c the signed routes
 *   sim_public.c        which public route is whose; sim_read.c their queries
 *   sim_*_read.c        markets, events and series, books and trades, candlesticks, orders
 *   sim_exchange.c      status, hours, how fresh reads are
 *   sim_body.c          bodies and queries; sim_answer.c errors and pages; sim_json.c writing JSON
 *   sim_orders.c        placing; sim_order_change.c canceling, amending; sim_batch.c many
 *   sim_groups.c        order groups
 *   sim_portfolio.c     what a user has; sim_subaccounts.c his subaccounts and transfers
 *   sim_keys.c          the API's own keys
 *
 *   sim_ws.c            connections; sim_ws_command.c commands; sim_reply.c replies to them
 *   sim_sub.c           subscriptions and their index
 *   sim_emit.c          what happened, to subscribers; sim_link.c frames on their way out
 *   sim_message.c       the texts of messages; sim_lifecycle.c those of market_lifecycle_v2
 *   sim_candle.c        minutes of each market
 *
 *   sim_command.c       actions; sim_act_*.c what they do; sim_command_doc.c help and schema
 *   sim_scenario.c      actions at their times
 *   sim_capture.c       recorded markets (capture_*.c); tape.c many recordings in order of time
 *   sim_flow.c          generated markets (flow_*.c), compared with recorded ones by calibrate.c,
 *                       flow_stats.c and outcomes.c (how recorded ones ended)
 *
 * Headers of parts: sim_life.h (markets and their life), sim_read.h (public reads), sim_rest.h
 * (signed requests), sim_command.h and sim_act.h (actions), sim_state.h (rows), sim_state_int.h
 * (saving and loading), capture_int.h and flow_int.h (the two sources).
 */
#ifndef SIM_SIM_INT_H
#define SIM_SIM_INT_H

#include <jansson.h>

#include "base/idmap.h"
#include "base/rng.h"
#include "match/match.h"
#include "sim/sim.h"
#include "sim/sim_state.h"

#define TICKER_MAX     64
#define UUID_TEXT      37
#define CLIENT_ID_MAX  65 /* 64 characters: FIX's limit */
#define NO_INDEX       UINT32_MAX
#define KEY_ID_MAX     80
#define USER_NAME_MAX  64
#define SUBACCOUNTS    64
#define SHARDS         8 /* exchange_index 0 to 7 */
#define MAX_ACCOUNTS   65536u
#define STALE_MAX      256                  /* canceled orders whose reads may lag at one time */
#define CLIENT_KEY_MAX (CLIENT_ID_MAX + 16) /* "user:client_order_id" */

#define BACKLOG_MAX      ((size_t)16 << 20)  /* bytes kept for a reader that is behind */
#define SNAPSHOTS_MAX    ((size_t)256 << 20) /* the same while it is sent snapshots */
#define BACKLOG_SLACK    ((size_t)1 << 20)
#define CONNECTIONS_MAX  200u    /* of one user */
#define TRADES_KEPT      50000u  /* public trades that can be read over REST */
#define TICK_MESSAGES    512u    /* most messages of one sim_tick */
#define MARKETS_SUBS_MAX 500000u /* market subscriptions of a connection */
#define COMMANDS_PER_SEC 10000u

/* The first CH_INDEXED are public and many: they are found by market. */
enum channel {
    CH_BOOK,
    CH_TICKER,
    CH_TRADE,
    CH_FILL,
    CH_POSITIONS,
    CH_ORDERS,
    CH_GROUPS,
    CH_LIFECYCLE,
    CH_MULTIVARIATE,
    CH_COMMUNICATIONS,
    CH_CFBENCHMARKS,
    CH_CFBENCHMARKS_5HZ,
    CH_PYTH,
    CH_MAX
};
#define CH_INDEXED 3

enum mstatus {
    M_INITIALIZED, /* listed, open_time is ahead */
    M_ACTIVE,
    M_INACTIVE,   /* deactivated: no trading until it is activated again */
    M_CLOSED,     /* close_time has passed */
    M_DETERMINED, /* the result is known, settlement_timer runs */
    M_DISPUTED,   /* the timer stands still */
    M_AMENDED,    /* another result than first, the timer runs again */
    M_FINALIZED,  /* paid */
    M_STATUS_MAX
};

/* Texts of a market, an event or a series; NULL where nothing was said. Each owns its memory. */
enum market_text {
    MT_TITLE,
    MT_SUBTITLE,
    MT_YES_SUB_TITLE,
    MT_NO_SUB_TITLE,
    MT_RULES_PRIMARY,
    MT_RULES_SECONDARY,
    MT_EARLY_CLOSE_CONDITION,
    MT_EXPIRATION_VALUE,
    MT_STRIKE_TYPE,
    MT_FLOOR_STRIKE, /* a JSON number */
    MT_CAP_STRIKE,   /* a JSON number */
    MT_FUNCTIONAL_STRIKE,
    MT_CUSTOM_STRIKE, /* a JSON object */
    MT_MAX
};
enum event_text {
    ET_TITLE,
    ET_SUB_TITLE,
    ET_STRIKE_PERIOD,
    ET_PRODUCT_METADATA, /* a JSON object */
    ET_MAX
};
enum series_text {
    SX_TITLE,
    SX_CATEGORY,
    SX_FREQUENCY,
    SX_CONTRACT_URL,
    SX_CONTRACT_TERMS_URL,
    SX_TAGS,               /* JSON arrays of texts */
    SX_SETTLEMENT_SOURCES, /* a JSON array of {name, url} */
    SX_PRODUCT_METADATA,   /* a JSON object */
    SX_MAX
};

struct fee_rule {
    char type[40]; /* "": none */
    int64_t mult_micros;
};

struct sseries { /* state: persisted */
    char ticker[TICKER_MAX];
    char *text[SX_MAX];
    struct fee_rule fee;
    wall_ns_t updated;
};

struct sevent { /* state: persisted */
    char ticker[TICKER_MAX];
    uint32_t series;
    char *text[ET_MAX];
    char collateral_return[12]; /* MECNET, DIRECNET or empty */
    bool mutually_exclusive;
    wall_ns_t strike_date; /* 0: none */
    struct fee_rule fee;   /* type "": that of the series */
    wall_ns_t updated;
    uint32_t first, last; /* markets, linked by next_of_event; NO_INDEX: none */
    bool told;            /* event_lifecycle was sent, or it was there at the start */
};

/* A change of an event's (or, with event NO_INDEX, a series') fees: told by fee_changes. */
struct fee_change { /* state: persisted */
    char id[UUID_TEXT];
    uint32_t event, series;
    struct fee_rule fee; /* type "": the override ends */
    wall_ns_t at;
    bool done;
};

/* A maintenance window: trading pauses in it, or everything. */
struct window { /* state: persisted */
    wall_ns_t start, end;
    bool exchange;
};

struct candles; /* sim_candle.c */

struct smarket { /* state: persisted */
    char ticker[TICKER_MAX], id[UUID_TEXT], event[TICKER_MAX], series[TICKER_MAX];
    uint32_t event_index, series_index, next_of_event;
    char structure[48];
    char *text[MT_MAX];
    bool scalar;          /* market_type */
    bool can_close_early; /* may be determined while it is open */
    bool managed;         /* the clock opens, closes and settles it (sim_life.c) */
    enum mstatus status;
    uint32_t exchange_index; /* the shard it lives on */
    enum match_access access;
    bool result_yes; /* of a binary market */
    px_t value;      /* of one YES, once determined: PX_ONE or 0 unless scalar */
    px_t floor;      /* settlement_floor_dollars; 0: settlement_bounds_type is default */
    int32_t timer_s; /* settlement_timer_seconds */
    wall_ns_t created, opens, closes, settled;
    wall_ns_t updated;                    /* of what is no trading */
    wall_ns_t expected, latest, occurred; /* expiration; 0: as closes, none for occurred */
    wall_ns_t waived_until;               /* fee_waiver_expiration_time; 0: none */
    wall_ns_t determined;
    px_t last_yes_px, prev_yes_px;
    qty_t last_qty, volume;
    px_t told_bid, told_ask; /* of the last ticker message */
    qty_t told_bid_qty, told_ask_qty, told_volume;
    struct candles *candles;
    /* the clock's next step, in sim->due */
    int step; /* enum life_step */
    wall_ns_t due;
    uint32_t heap_at; /* NO_INDEX: nothing is due */
};

struct strade {
    char id[UUID_TEXT + 8];
    uint32_t market;
    enum side taker;
    px_t yes_px;
    qty_t qty;
    wall_ns_t at;
    bool block;
};

struct sorder {
    struct match_order o;
    char id[UUID_TEXT], client_id[CLIENT_ID_MAX];
};

/* How an order still reads after it was canceled (rules.stale_read_ms). */
struct stale {
    uint32_t order; /* index in orders */
    struct match_order was;
    wall_ns_t until;
};

/* state: persisted; the rest of a group is the engine's */
struct sgroup {
    char id[UUID_TEXT];
    uint64_t number; /* the engine's */
    uint32_t account;
    bool deleted;
};

/* A transfer between subaccounts, or between shards. state: persisted */
struct stransfer {
    char id[UUID_TEXT], client_id[UUID_TEXT];
    uint32_t user;
    uint8_t from, to;             /* subaccounts */
    uint8_t from_shard, to_shard; /* the same for transfers between subaccounts */
    bool between_shards;
    usd_t amount;
    wall_ns_t at;
};

/* Money from or (negative) to outside. state: persisted */
struct sdeposit {
    char id[UUID_TEXT];
    uint32_t user;
    usd_t amount;
    wall_ns_t at;
};

struct sfill {
    struct match_fill f;
    uint32_t order; /* index in orders */
    wall_ns_t at;
};

struct ssettle {
    uint32_t account, market;
    struct match_position before;
    usd_t revenue;
    wall_ns_t at;
};

/* A client_order_id that was used up without an order: state: persisted */
struct sburned {
    char key[CLIENT_KEY_MAX];
};

struct bucket {
    int64_t rate, capacity; /* tokens a second, tokens */
    int64_t nano;           /* tokens held, 1e-9 */
    mono_ns_t at;
};

/* Scopes of a key (sheet 3.4). */
enum scope {
    SCOPE_READ = 1,
    SCOPE_WRITE = 2,
    SCOPE_READ_BLOCK = 4,
    SCOPE_READ_BALANCE = 8,
    SCOPE_WRITE_TRADE = 16,
    SCOPE_WRITE_TRANSFER = 32,
    SCOPE_WRITE_BLOCK = 64
};

/* state: persisted */
struct skey {
    char id[KEY_ID_MAX], name[80];
    uint32_t user;
    uint32_t scopes;    /* of enum scope */
    int32_t subaccount; /* it may use no other; -1: any */
    bool removed;
    char *public_pem; /* owned; NULL: nobody told it */
};

/* state: persisted, but the buckets and cancel_until */
struct user {
    char id[UUID_TEXT], name[USER_NAME_MAX];
    uint32_t account;                     /* of subaccount 0 */
    uint32_t accounts[SUBACCOUNTS];       /* on shard 0; NO_INDEX: not made yet */
    uint32_t shards[SUBACCOUNTS][SHARDS]; /* the same by shard: made when money comes to it */
    bool netting[SUBACCOUNTS];
    wall_ns_t cancel_until[SUBACCOUNTS]; /* a cancel-all reaches orders placed before it */
    char tier[32];
    bool granted;               /* Advanced for ever */
    int32_t allocation[SHARDS]; /* percent of target_balance_allocation */
    struct bucket read, write[SHARDS];
};

struct sub;
struct sub_list {
    struct sub **v;
    uint32_t n, cap;
};

/* A set of small numbers: markets, or tickers that no market has. */
struct number_set {
    uint64_t *bits;
    uint32_t words, n;
};

struct sub {
    struct sim_conn *conn;
    uint64_t sid, seq;
    enum channel channel;
    bool all; /* every market but those of the set */
    bool use_yes_price, skip_ack, by_id, dead;
    uint32_t lose; /* fault: sequenced messages to lose */
    json_t *names; /* what it follows of indices or underlyings; NULL */
    struct number_set markets, ghosts;
};

/* Tickers that were subscribed to and that no market has (yet). */
struct ghost {
    char ticker[TICKER_MAX];
    struct sub_list subs;
};

/* Frames that wait: due time, length, bytes. */
struct frame_queue {
    struct buf b;
    size_t from;
};

struct sim_conn {
    struct sim *sim;
    void *peer;
    uint32_t user;      /* NO_INDEX: nobody's (rules.ws_public_open) */
    int32_t subaccount; /* the one that its key is locked to, -1: all of the user's */
    bool closing;
    uint64_t next_sid;
    struct sub **subs;
    uint32_t n_subs;
    struct frame_queue backlog; /* the reader could not take them yet */
    bool blocks;                /* counted in sim.blocked */
    int64_t command_second;
    uint32_t commands;
    /* faults */
    bool faulty, mute;
    mono_ns_t mute_until, held_due;
    uint32_t fault_left[SIM_FAULT_MAX];
    struct frame_queue delayed, lagging; /* private messages; all frames */
    struct buf held;                     /* a frame that goes after the next one */
    struct sim_conn *prev, *next;
};

/* A fault of one kind: how many events are left, or until when it lasts. */
struct fault_state {
    struct sim_fault_plan plan; /* the last one */
    uint32_t left;
    mono_ns_t until;
};

#define COUNT_METHODS 5
#define COUNT_FOLDERS 10
struct counters {
    uint64_t http_requests, ws_frames_in, ws_frames_out, source_messages, overflows, clamped,
        source_errors, scenario_errors;
    uint64_t faults[SIM_FAULT_MAX];
    uint64_t requests[COUNT_METHODS][COUNT_FOLDERS]; /* their names: sim_count.c */
    uint64_t subscribed[CH_MAX];                     /* subscriptions ever made */
};

struct capture_source;
struct flow_source;

struct sim {
    struct sim_config config;
    char tier[32], fee_type[48];
    struct sim_out out;
    struct sim_verifier verifier;
    struct sim_keys keymaker;
    struct match *match;
    struct match_fees fees;
    wall_ns_t wall; /* of the current call */
    mono_ns_t now;
    wall_ns_t start_wall; /* of the first process that served this state: part of all ids */
    uint64_t id_seed;     /* its seed, the same */
    mono_ns_t start;
    struct kept *kept;        /* sim_state.c; NULL: nobody keeps the state */
    bool restored;            /* it began with the state of an earlier process */
    wall_ns_t scenario_start; /* 0: not begun; of the first process */
    uint32_t scenario_next;   /* so many of its actions are done */

    struct smarket *markets; /* index = the engine's */
    uint32_t n_markets, markets_cap;
    struct idmap by_ticker, by_market_id;
    struct sevent *events;
    uint32_t n_events, events_cap;
    struct sseries *series;
    uint32_t n_series, series_cap;
    struct idmap by_event, by_series;
    struct fee_change *fee_changes;
    uint32_t n_fee_changes, fee_changes_cap;
    uint32_t fee_changes_done; /* so many from the first are in effect */
    uint32_t *due; /* heap of the markets for which the clock will do something (sim_life.c) */
    uint32_t n_due, due_cap;
    bool trading_paused;  /* cancels work, creates and amends do not */
    bool exchange_paused; /* nothing works */
    wall_ns_t resume_at;  /* exchange_estimated_resume_time; 0: not said */
    struct window *windows;
    uint32_t n_windows, windows_cap;
    wall_ns_t hours_next; /* when the calendar may change something; 0: look now */
    bool by_hours_trading, by_hours_exchange; /* paused by the calendar */

    struct user *users;
    uint32_t n_users, users_cap;
    struct skey *keys;
    uint32_t n_keys, keys_cap;
    struct idmap by_key_id;
    uint32_t key;              /* index in keys of who asks; set by auth_check() */
    uint32_t *user_of_account; /* MAX_ACCOUNTS + 1 of them; NO_INDEX: nobody's, or the flow's */
    uint8_t *subaccount_of;    /* the same, its number */
    uint8_t *shard_of;         /* the same, its exchange_index */
    uint32_t top_account;      /* the highest that a user owns */

    struct sorder *orders; /* tag of the engine's order = index + 1 */
    uint32_t n_orders, orders_cap;
    struct idmap by_order_id, client_ids; /* client_ids: "user:client_order_id" */
    struct stale stale[STALE_MAX];        /* a ring */
    uint32_t n_stale;                     /* ever */
    struct sgroup *groups;
    uint32_t n_groups, groups_cap;
    struct idmap by_group_id;
    struct stransfer *transfers;
    uint32_t n_transfers, transfers_cap;
    struct idmap transfer_ids; /* "user:client_transfer_id", never removed */
    struct sdeposit *deposits;
    uint32_t n_deposits, deposits_cap;
    struct sburned *burned;
    uint32_t n_burned, burned_cap;
    struct sfill *fills;
    uint32_t n_fills, fills_cap;
    struct ssettle *settles;
    uint32_t n_settles, settles_cap;
    struct strade *trades; /* a ring of TRADES_KEPT */
    uint64_t n_trades;     /* ever */

    struct sim_conn *conns;
    uint32_t subs_of[CH_MAX];
    struct sub_list *followers[CH_INDEXED]; /* by market */
    uint32_t followers_cap;
    struct sub_list listeners[CH_MAX]; /* of every market, or of a channel that is not indexed */
    struct ghost *ghosts;
    uint32_t n_ghosts, ghosts_cap;
    struct idmap by_ghost;
    bool client_came;       /* a book subscription was made */
    bool source_stopped;    /* by an action */
    bool paused;            /* source_stopped, or pause_after_ns have passed */
    mono_ns_t source_began; /* 0: not yet; only with pause_after_ns */
    uint32_t blocked;       /* readers that have a backlog */

    struct capture_source *capture;
    struct flow_source *flow;
    bool finished;
    struct scenario *scenario; /* NULL: none */
    mono_ns_t scenario_due;    /* its next action, as of the last tick; 0: not looked yet */
    bool stop;                 /* the action "stop" came */

    struct fault_state faults[SIM_FAULT_MAX];
    mono_ns_t frame_faults_until; /* some fault on frames lasts until then */
    mono_ns_t link_due;           /* delayed frames; NS_NEVER: none */
    wall_ns_t skew;               /* of this exchange's clock */
    struct rng fault_rng, shuffle_rng;
    struct counters count;
    struct buf body, body_yes, frame; /* scratch; body_yes: on the scale of YES prices */
};

/* --- sim_market.c --- */
enum status sim_add_market(struct sim *sim, const char *ticker, const char *id,
                           const struct grid *grid, const char *structure, bool recorded,
                           uint32_t *ret_market, struct err *err) MUST_CHECK;
uint32_t sim_find_market(const struct sim *sim, struct text ticker); /* NO_INDEX */
/* --- sim.c --- */
/* A UUID that only kind, number and the seed decide. */
void sim_uuid(const struct sim *sim, const char *kind, uint64_t number, char out[UUID_TEXT]);
/* Grow an array by one; false without memory. */
bool sim_grow(void **p, uint32_t n, uint32_t *cap, size_t size);
void sim_close_market(struct sim *sim, uint32_t market, wall_ns_t at);
/* Every entry sets the time first; sim->wall has the fault clock_skew in it. */
void sim_set_time(struct sim *sim, wall_ns_t wall, mono_ns_t now);
void sim_settle_market(struct sim *sim, uint32_t market, bool yes, wall_ns_t at);

/* --- sim_users.c --- */
enum status sim_users_init(struct sim *sim) MUST_CHECK;
enum status sim_users_start(struct sim *sim, struct err *err) MUST_CHECK;
void sim_users_finish(struct sim *sim);
uint32_t sim_find_user(const struct sim *sim, struct text key_id); /* NO_INDEX */
uint32_t sim_find_key(const struct sim *sim, struct text key_id);  /* NO_INDEX */
/* key->user is set. ST_INVALID: the id is empty or there already. ST_NOMEM. */
enum status sim_add_key(struct sim *sim, uint32_t user, const struct skey *key,
                        struct err *err) MUST_CHECK;
void sim_remove_key(struct sim *sim, uint32_t key);
/* ST_LIMIT: the user has all 64, or there are too many accounts. ST_NOMEM. */
enum status sim_add_subaccount(struct sim *sim, uint32_t user, uint32_t *ret_subaccount) MUST_CHECK;
/* The engine's account of a user's subaccount; NO_INDEX: there is none. */
uint32_t sim_account_of(const struct sim *sim, uint32_t user, int64_t subaccount);
/* The same on a shard; NO_INDEX also when no money ever came to it. */
uint32_t sim_account_at(const struct sim *sim, uint32_t user, int64_t subaccount, uint32_t shard);
/* Make the account of a subaccount on a shard, if it is not there. ST_NOT_FOUND: no such
 * subaccount. ST_LIMIT, ST_NOMEM. */
enum status sim_open_shard(struct sim *sim, uint32_t user, int64_t subaccount, uint32_t shard,
                           uint32_t *ret_account) MUST_CHECK;
/* Money from or (negative) to outside, listed among deposits or withdrawals. ST_NOT_FOUND: no such
 * subaccount. ST_LIMIT: more than is free. ST_NOMEM. */
enum status sim_deposit(struct sim *sim, uint32_t user, int64_t subaccount,
                        usd_t amount) MUST_CHECK;
void budget_start(struct sim *sim, struct user *u); /* sim_budget.c */
/* The same for a user of an earlier process: his tier stays, the buckets start full. */
void budget_restore(struct sim *sim, struct user *u);
bool sim_owns(const struct sim *sim, uint32_t user, uint32_t account);

/* --- sim_state.c --- */
/* A market, or what the engine holds of it, changed otherwise than by the engine's last result. */
void sim_state_touch(struct sim *sim, uint32_t market);
/* The same of what cannot be named one by one: the next save compares everything. */
void sim_state_touch_all(struct sim *sim);
void sim_state_note(struct sim *sim); /* the engine's last result changed something */
void sim_state_tell(struct sim *sim); /* what changed must be saved before the answer leaves */
void sim_state_finish(struct sim *sim);
enum status sim_state_load(struct sim *sim, const struct sim_rows_in *from,
                           struct err *err) MUST_CHECK;

/* --- sim_json.c: a writer that knows where commas belong --- */
struct jw {
    struct buf *b;
    bool comma;
};
void jw_open(struct jw *w, const char *key, char bracket);
void jw_close(struct jw *w, char bracket);
void jw_key(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, const char *raw);
void jw_text(struct jw *w, const char *key, struct text s);
void jw_str(struct jw *w, const char *key, const char *s);
void jw_int(struct jw *w, const char *key, int64_t v);
void jw_bool(struct jw *w, const char *key, bool v);
void jw_px(struct jw *w, const char *key, px_t v);
void jw_qty(struct jw *w, const char *key, qty_t v);
void jw_usd(struct jw *w, const char *key, usd_t v);
void jw_usd4(struct jw *w, const char *key, usd_t v); /* cut to 4 decimals */
void jw_time(struct jw *w, const char *key, wall_ns_t t);
void jw_levels(struct jw *w, const char *key, const struct level *lv, size_t n, bool complement);

/* A parameter of a query, percent-decoded into buf. False: absent. Too long counts as empty. */
bool query_get(struct text query, const char *name, char *buf, size_t cap);
bool list_has(const char *list, const char *item); /* comma separated; an empty list has all */
int64_t wall_ms(wall_ns_t t);
const char *side_text(enum side s);      /* yes, no */
const char *book_side_text(enum side s); /* bid, ask */

/* --- sim_sub.c: which subscription wants what --- */
enum status subs_init(struct sim *sim) MUST_CHECK;
void subs_finish(struct sim *sim);
struct sub *sub_create(struct sim *sim, struct sim_conn *c, enum channel channel);
void sub_end(struct sim *sim, struct sub *s); /* out of its connection and of every list */
struct sub *sub_find(struct sim_conn *c, uint64_t sid);               /* NULL; not a dead one */
struct sub *sub_of_channel(struct sim_conn *c, enum channel channel); /* the same */
bool sub_follows(const struct sim *sim, const struct sub *s, const char *ticker);
/* True when the ticker is new to the subscription. */
bool sub_add_ticker(struct sim *sim, struct sub *s, const char *ticker);
void sub_remove_ticker(struct sim *sim, struct sub *s, const char *ticker);
void sub_take_all(struct sim *sim, struct sub *s);
bool set_has(const struct number_set *s, uint32_t i);
/* Those who subscribed to a market's ticker before it was listed follow it now. */
void subs_market_added(struct sim *sim, uint32_t market);

/* Walk the subscriptions of a channel that want a market's message. */
struct sub_walk {
    const struct sub_list *lists[2];
    uint32_t list, i, market;
};
struct sub_walk sub_walk(const struct sim *sim, enum channel channel, uint32_t market);
struct sub *sub_next(struct sub_walk *w); /* NULL: past the last */
#define EACH_SUB(s_, walk_) for (struct sub *s_ = sub_next(walk_); s_ != NULL; s_ = sub_next(walk_))

/* --- sim_reply.c --- */
const char *channel_name(enum channel channel);
enum channel channel_parse(const char *name); /* CH_MAX: there is none */
bool channel_public(enum channel channel);    /* needs no user */
bool channel_sequenced(enum channel channel);
bool channel_has_markets(enum channel channel); /* commands may name markets */
/* market: the one it is about, NULL: none. */
void ws_error(struct sim *sim, struct sim_conn *c, uint64_t id, int code, const char *market);
void ws_subscribed(struct sim *sim, struct sub *s, uint64_t id);
void ws_ok(struct sim *sim, struct sub *s, uint64_t id);
void ws_unsubscribed(struct sim *sim, struct sub *s, uint64_t id);
void ws_list(struct sim *sim, struct sim_conn *c, uint64_t id);
/* indexlist, underlying_list: which there are. This exchange has none. */
void ws_names(struct sim *sim, struct sub *s, uint64_t id);
/* The subscription ends with a final error: 10, 17 or 25. */
void sub_fail(struct sim *sim, struct sub *s, int code);

/* --- sim_ws_command.c: each answers the command, with an error or not --- */
void ws_cmd_subscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params);
void ws_cmd_unsubscribe(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params);
void ws_cmd_update(struct sim *sim, struct sim_conn *c, uint64_t id, json_t *params);

/* --- sim_link.c: frames on their way out --- */
void link_send(struct sim *sim, struct sim_conn *c, const char *p, size_t n, bool private);
void link_flush(struct sim *sim, struct sim_conn *c); /* the reader takes frames again */
size_t link_waiting(const struct sim_conn *c);        /* bytes of the backlog */
void link_tick(struct sim *sim);                      /* frames that are due now */
void link_finish(struct sim_conn *c);
void link_mute(struct sim *sim, struct sim_conn *c, mono_ns_t until);

/* --- sim_fault.c --- */
/* True when a fault hits a frame of the connection; counted. */
bool fault_hits_frame(struct sim *sim, struct sim_conn *c, enum sim_fault fault);
/* The same for a request, upgrade or command. order: it is an order request. */
bool fault_hits_request(struct sim *sim, enum sim_fault fault, bool order, uint32_t user);
mono_ns_t fault_delay(struct sim *sim, enum sim_fault fault);

/* --- sim_emit.c --- */
/* To every subscription of a channel that is not indexed. */
void emit_broadcast(struct sim *sim, enum channel channel, const char *type, struct text msg);
void emit_snapshot(struct sim *sim, struct sub *s, uint32_t market, uint64_t id);
void emit_unknown_snapshot(struct sim *sim, struct sub *s, const char *ticker, uint64_t id);
void emit_snapshot_all(struct sim *sim, uint32_t market);
void emit_ticker(struct sim *sim, struct sub *s, uint32_t market);
void emit_position(struct sim *sim, uint32_t account, uint32_t market);
/* order_group_updates of the account's user: created, triggered, reset, deleted, limit_updated.
 * limit is told with created and limit_updated only; emit_result() tells of what the engine
 * triggered. */
void emit_group_event(struct sim *sim, uint32_t account, const char *group_id,
                      const char *event_type, qty_t limit, wall_ns_t at);
void group_id_text(const struct sim *sim, uint64_t group, char out[UUID_TEXT]);
/* Tell everything of the engine's last result; at: the time it happened. */
void emit_result(struct sim *sim, wall_ns_t at);
/* Parts of it, for the recorded source. */
void emit_deltas(struct sim *sim, wall_ns_t at);
void emit_after_deltas(struct sim *sim, wall_ns_t at);
void emit_trade(struct sim *sim, const struct strade *t);
void emit_tickers(struct sim *sim, uint32_t market, wall_ns_t at);
void trade_id_text(const struct sim *sim, uint64_t id, char out[UUID_TEXT]);

/* --- sim_message.c: the msg of each message, by the rules --- */
struct jw msg_open(struct sim *sim, struct buf *b);
void msg_close(struct sim *sim, struct jw *w);
void msg_ts_ms(struct sim *sim, struct jw *w, const char *key, wall_ns_t at);
void msg_snapshot(struct sim *sim, struct buf *b, uint32_t market, bool yes_scale);
/* own: the receiver's order that caused it, or NULL. */
void msg_delta(struct sim *sim, struct buf *b, const struct match_delta *d, bool yes_scale,
               const struct sorder *own, wall_ns_t at);
void msg_trade(struct sim *sim, struct buf *b, const struct strade *t);
void msg_ticker(struct sim *sim, struct buf *b, uint32_t market);
void msg_fill(struct sim *sim, struct buf *b, const struct match_fill *f, wall_ns_t at);
void msg_order(struct sim *sim, struct buf *b, const struct sorder *so);
void msg_position(struct sim *sim, struct buf *b, uint32_t account, uint32_t market);

/* --- sim_count.c --- */
/* rest: the path below the root of the API. */
void sim_count_request(struct sim *sim, const struct sim_http_req *req, struct text rest);
void sim_dump_requests(const struct sim *sim, struct jw *w);

/* --- sim_http.c --- */
void reply_nested(struct sim_http_resp *r, int status, const char *code, const char *details);
void reply_flat(struct sim_http_resp *r, int status, const char *code, const char *details);
void reply_msg(struct sim_http_resp *r, const char *operation, const char *field, const char *tag);
void reply_unknown_route(struct sim_http_resp *r);
struct jw reply_json(struct sim_http_resp *r, int status);
/* Page parameters: *ret_from is where the cursor points (0 without one, or with a made-up one).
 * False: the answer is already written. */
bool page_get(struct text query, const char *operation, int64_t max, int64_t dflt,
              struct sim_http_resp *r, uint32_t *ret_limit, uint32_t *ret_from);
void page_end(struct jw *w, uint32_t next); /* NO_INDEX: last page */
/* 0: *ret_user is who asks; else the HTTP status, with the body written. */
int auth_check(struct sim *sim, const struct sim_auth *auth, const char *method, struct text path,
               uint32_t *ret_user, struct buf *body);

/* --- sim_public.c: true when the route was theirs --- */
bool public_route(struct sim *sim, const struct sim_http_req *req, struct text rest,
                  struct sim_http_resp *r);
void write_market(struct sim *sim, struct jw *w, const char *key, uint32_t market);
bool is_uuid(struct text s);

/* --- sources: each with create, destroy, tick, deadline --- */
enum status capture_source_create(struct sim *sim, struct err *err) MUST_CHECK;
void capture_source_destroy(struct capture_source *s);
void capture_source_tick(struct sim *sim);
mono_ns_t capture_source_deadline(const struct sim *sim);
enum status flow_source_create(struct sim *sim, struct err *err) MUST_CHECK;
void flow_source_destroy(struct flow_source *s);
void flow_source_tick(struct sim *sim);
mono_ns_t flow_source_deadline(const struct sim *sim);
/* Orders that the flow's agents have in each of so many markets, at most. */
uint32_t flow_orders_of(uint32_t markets);
/* Cash of the flow's agents, and what they started with; 0 without generated flow. */
usd_t flow_house_cash(const struct sim *sim, usd_t *ret_started);

#endif
