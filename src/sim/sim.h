/*
 * sim.h - a Kalshi-compatible exchange without I/O: REST requests, WebSocket frames and time in;
 * answers and frames out.
 *
 * The same code serves sockets (net/server.h) and, later, virtual-time worlds. It shares nothing
 * with the client but wire and base, so that it stays an independent judge. Owner: one thread.
 * Behaviour: kalshi-api.md, defaults of section 21.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/bytes.h"
#include "base/money.h"
#include "base/timefmt.h"

struct sim;
struct sim_rows_in; /* sim_state.h */
struct sim_conn;    /* one WebSocket connection */

/* Headers of section 3.1 as they came; n 0 when absent. */
struct sim_auth {
    struct text key_id, timestamp, signature;
};

struct sim_http_req {
    struct text method, path, query; /* path begins with /trade-api/v2; query without '?' */
    struct sim_auth auth;
    struct text body, content_type;
};
struct sim_http_resp {
    int status;
    const char *content_type;
    struct buf body;    /* initialised by the caller, reused */
    mono_ns_t delay_ns; /* answer only after so long (faults) */
    bool drop;          /* fault: close the connection without an answer */
    bool cut;           /* fault: send half of the answer, then close */
};

/* What the simulator may do to the outside. */
struct sim_out {
    void *self;
    /* Queue one text frame for a connection. ST_FULL: the reader is too slow (code 25 follows). */
    enum status (*send)(void *self, struct sim_conn *conn, void *peer, const char *s,
                        size_t n) MUST_CHECK;
    void (*close)(void *self, struct sim_conn *conn, void *peer);
    /* For faults; each may be NULL. */
    /* Send the first part bytes of a frame that has n, then close without a handshake. */
    void (*send_part)(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n,
                      size_t part);
    /* Neither read nor write from now on, pings and pongs included. */
    void (*mute)(void *self, struct sim_conn *conn, void *peer);
    /* End the process's serving and begin again, with or without the state. */
    void (*restart)(void *self, bool with_state);
};

/* Checks a signature of a user's public key; implemented in net/ with OpenSSL. */
struct sim_verifier {
    void *self;
    bool (*verify)(void *self, struct text key_id, const char *text, size_t n,
                   struct text signature);
    bool (*known)(void *self, struct text key_id);
};

/*
 * What nobody knows for sure about the exchange, or what sources disagree on (kalshi-api.md
 * sections 19 and 21). The first value of each enum is the default. Options of `deltaflow sim`:
 * [rules]; those of pings and deflate are the server's (net/server.h).
 */
enum rule_slow { RULE_SLOW_CODE, RULE_SLOW_CLOSE };
enum rule_kill { RULE_KILL_REJECT, RULE_KILL_CANCEL };
enum rule_reuse { RULE_REUSE_NEVER, RULE_REUSE_FINISHED };
enum rule_close { RULE_CLOSE_SNAPSHOT, RULE_CLOSE_TWO_SNAPSHOTS, RULE_CLOSE_DELTAS };
enum rule_unknown { RULE_UNKNOWN_EMPTY, RULE_UNKNOWN_ERROR };
struct sim_rules {
    /* WebSocket */
    bool acks_first;    /* all acks of a subscribe, then snapshots; else channel by channel */
    bool frame_newline; /* a newline ends each frame */
    int price_decimals; /* 4; 3 as in the examples of the specification */
    bool add_markets_snapshots; /* add_markets on order books sends the new markets' snapshots */
    bool get_snapshot_seq;      /* an answer to get_snapshot takes the next seq */
    int unknown_ticker;         /* enum rule_unknown: ack and empty snapshot, or code 16 */
    int slow_reader; /* enum rule_slow: code 25 ends the subscription, or the connection closes */
    bool timestamps; /* sending_ts_ms and ts_ms are sent */
    bool shuffle_channels;    /* messages of one match in random order between channels */
    bool extra_keys;          /* unknown keys in messages and answers */
    bool deprecated_fields;   /* side, action and the like are still sent */
    bool error_market_ticker; /* errors name the market */
    bool ws_public_open;      /* connections without a key may follow public channels */
    /* REST */
    int64_t clock_behind_ms, clock_ahead_ms; /* of the client's clock */
    int post_only_cross;         /* enum rule_kill: 400, or 201 and PostOnlyCrossCancel */
    int fok_kill;                /* enum rule_kill: 409, or 201 and canceled */
    int client_order_id_reuse;   /* enum rule_reuse */
    bool cancel_client_order_id; /* cancel answers name the client_order_id */
    bool create_200;             /* creates answer 200 instead of 201 */
    int64_t stale_read_ms;       /* an order may read as before so long after a cancel; 0: exact */
    int64_t cancel_all_lingers_ms; /* orders placed so long after a cancel-all are canceled too */
    bool last_cursor_null;         /* "cursor":null on the last page instead of "" */
    bool settlement_held;          /* settlements count what was held, not what was traded */
    bool portfolio_value_cash;     /* portfolio_value holds the cash too */
    bool book_falling;             /* REST book levels best first */
    bool book_needs_key;           /* REST books need a signature */
    bool unknown_key_invalid;      /* details INVALID_PARAMETER instead of NOT_FOUND */
    int bucket_seconds;            /* a token bucket holds so much of its rate; 0: by tier */
    bool auto_every_shard;         /* a write without a shard is billed to every shard's bucket */
    bool error_service;            /* "service":"exchange" in nested errors, as until August 2026 */
    /* money */
    bool balance_free;        /* balance is less what rests */
    bool entry_cash;          /* the entry check looks at cash alone */
    bool grain_cent;          /* fees round to whole cents: accounts of other than direct members */
    bool self_per_subaccount; /* self-trade prevention looks at the subaccount, not the user */
    int close;                /* enum rule_close */
    int64_t user_data_lag_ms; /* user_data_timestamp lags so much; at least stale_read_ms */
    int64_t listing_delay_ms; /* a market listed while running reads as 404 for so long */
    bool inactive_shut;       /* a deactivated market refuses cancels too */
};
struct sim_rules sim_rules_default(void);

/* A user with any number of keys; all may do everything. */
struct sim_user {
    const char *const *key_ids; /* copied */
    size_t n_keys;
    usd_t balance;    /* at start; negative: that of sim_config */
    const char *name; /* for people; copied; NULL: none */
    const char *tier; /* NULL: that of sim_config */
};

/* What happens to recorded markets after the recording. */
enum sim_end { SIM_END_SETTLE, SIM_END_CLOSE, SIM_END_STAY };

struct sim_config {
    struct sim_rules rules;
    /* source: a capture, or generated flow */
    const char *const *captures; /* paths, borrowed */
    size_t n_captures;           /* 0: generated flow */
    int capture_align;           /* enum tape_align: how several captures lie in time */
    int capture_end;             /* enum sim_end */
    const char *const *outcomes; /* files that tell how recorded markets ended (sim/outcomes.h) */
    size_t n_outcomes;
    int queue_model; /* enum match_queue: where users' orders stand in recorded levels */
    double speed;    /* of the capture: 1 as recorded, 0 as fast as the reader takes it */
    bool loop_capture;
    uint32_t markets;
    uint64_t seed;
    double rate; /* generated flow: messages a second over all markets */
    mono_ns_t
        flow_lag_ns;  /* generated flow: messages are told so late, at the median; 0: at once */
    bool flow_joins;  /* agents trade markets that are listed later, too */
    bool flow_stalls; /* and now and then not at all for a while; only with flow_lag_ns */
    mono_ns_t duration_ns;    /* generated markets close after so long; 0: never */
    mono_ns_t pause_after_ns; /* the source stops so long after it began, books stay; 0: never */
    usd_t balance;            /* of each user at start */
    const char *fee_type;     /* "quadratic", "quadratic_with_maker_fees" */
    int64_t fee_mult_micros;
    uint32_t max_open_orders, max_order_groups; /* of a user */
    uint32_t exchange_index;                    /* the shard that markets are on, 0 to 7 */
    const char *tier_name;
    int64_t read_rate, read_capacity, write_rate, write_capacity;
    double time_scale;        /* the schedule of markets and scenarios runs so many times as fast */
    bool exchange_hours;      /* trading pauses Thursdays 03:00 to 05:00 Eastern Time */
    mono_ns_t live_window_ns; /* markets settled and trades made before it are historical */
    mono_ns_t order_window_ns; /* the same for finished orders */
    bool wait_for_client;      /* the source starts when the first orderbook subscription arrives */
    const char *const *key_ids; /* one user each */
    size_t n_keys;
    const struct sim_user *users; /* after those; read by sim_create() only */
    size_t n_users;
    const struct sim_rows_in *state; /* of an earlier process; NULL: a new exchange */
};
struct sim_config sim_config_default(void);

enum status sim_create(const struct sim_config *config, const struct sim_out *out,
                       const struct sim_verifier *verifier, wall_ns_t wall, mono_ns_t now,
                       struct sim **ret_sim, struct err *err) MUST_CHECK;
void sim_destroy(struct sim *sim);

/* Makes and takes keys, for the routes of keys; implemented in net/. Without it these routes fail.
 */
struct sim_keys {
    void *self;
    /* ST_INVALID: no public key in PEM form. */
    enum status (*add)(void *self, struct text key_id, const char *pem, size_t n);
    /* The private key as PEM. */
    enum status (*generate)(void *self, struct text key_id, bool ed25519, struct buf *ret_pem);
    void (*remove)(void *self, struct text key_id);
    /* The public key as PEM, so that it is kept with the state. False: there is none. */
    bool (*public_key)(void *self, struct text key_id, struct buf *ret_pem);
};
/* Keys that came with the state of an earlier process are handed to add. */
void sim_set_keys(struct sim *sim, const struct sim_keys *keys);

/* Tokens a second and those that a bucket holds, of "basic" to "prestige" (sheet 7.4). False: no
 * such tier. */
bool sim_tier_budget(const char *tier, int64_t ret_read[2], int64_t ret_write[2]);

/* A user more. ST_INVALID: a key id is too long or there already. ST_LIMIT, ST_NOMEM. */
enum status sim_add_user(struct sim *sim, const struct sim_user *u, uint32_t *ret_user,
                         struct err *err) MUST_CHECK;

void sim_http(struct sim *sim, const struct sim_http_req *req, wall_ns_t wall, mono_ns_t now,
              struct sim_http_resp *ret_resp);

/* A WebSocket upgrade: 0 when accepted (then *ret_conn; peer is handed back in sim_out), else an
 * HTTP status with body. */
int sim_ws_open(struct sim *sim, const struct sim_auth *auth, struct text path, void *peer,
                wall_ns_t wall, mono_ns_t now, struct sim_conn **ret_conn, struct buf *ret_body);
void sim_ws_frame(struct sim *sim, struct sim_conn *conn, struct text frame, wall_ns_t wall,
                  mono_ns_t now);
void sim_ws_close(struct sim *sim, struct sim_conn *conn);

/* The connection's queue has room again after ST_FULL, or (speed 0) may take more. */
void sim_ws_writable(struct sim *sim, struct sim_conn *conn, wall_ns_t wall, mono_ns_t now);

/* Time passes: the flow, expirations, closes. Does at most a bounded amount of work; call again at
 * sim_deadline(). */
void sim_tick(struct sim *sim, wall_ns_t wall, mono_ns_t now);
mono_ns_t sim_deadline(const struct sim *sim);

/* The capture is at its end, all generated markets have closed, or the source has been paused. */
bool sim_finished(const struct sim *sim);

/* Tickers, for the ready file; NULL past the last. */
const char *sim_market(const struct sim *sim, size_t i);

/*
 * One action: {"do":"NAME",...}; docs/schemas/sim-action.json, `deltaflow sim --help`. A reply, one
 * JSON object without a newline, is appended to ret_reply in any case: {"ok":true,...}, or
 * {"ok":false,"error":TEXT} with the same text in err (NULL is fine). A key "at" is left alone.
 * ST_INVALID: not an action, or not with these values. ST_STATE: not possible now.
 */
struct json_t;
enum status sim_command(struct sim *sim, const struct json_t *action, wall_ns_t wall, mono_ns_t now,
                        struct buf *ret_reply, struct err *err) MUST_CHECK;
/* The actions as text, for --help. */
void sim_command_help(struct buf *out);
/* The JSON Schema of an action, or of a scenario. */
void sim_command_schema(struct buf *out, bool scenario);
/*
 * A list of actions with times (docs/schemas/scenario.json), checked whole: ST_MALFORMED (not JSON,
 * with its line) or ST_INVALID with err that names name, the action's number, key and reason; the
 * simulator is unchanged. Markets that a source or an earlier action has made can be named. Times
 * count from the start of the flow; without a flow from the next tick.
 */
enum status sim_load_scenario(struct sim *sim, const char *name, struct text text,
                              struct err *err) MUST_CHECK;
/* How far a scenario is, for another simulator that goes on with it (a restart that forgets the
 * state): handed over before sim_load_scenario(). */
struct sim_progress {
    wall_ns_t start; /* 0: not begun */
    uint32_t next;
};
struct sim_progress sim_scenario_progress(const struct sim *sim);
void sim_scenario_go_on(struct sim *sim, struct sim_progress progress);

/* Actions of the scenario that were done since the last call, one a call; false: no more. */
struct sim_step {
    uint32_t number; /* in the file, from 1 */
    const char *name;
    const char *error; /* NULL: done; else why it was not possible. Both live as long as the sim */
};
bool sim_next_step(struct sim *sim, struct sim_step *ret_step);

/* An action asked the program to end. */
bool sim_stopping(const struct sim *sim);

/* State as JSON (books with hash, accounts, orders, fills, counters), for tests and for the admin
 * socket. */
void sim_dump(const struct sim *sim, struct buf *out);

/*
 * --- faults on demand, seeded by sim_config.seed, each hit counted in sim_dump ---
 *
 * Faults on frames hit the next `count` frames of each open connection, or, with `for`, frames of
 * every connection during that time with probability p. Those on requests hit the next `count`, or
 * those during that time.
 */
enum sim_fault {
    SIM_FAULT_CUT,            /* close WebSocket connections now, without a closing handshake */
    SIM_FAULT_HALF_OPEN,      /* they stay, but nothing is read or written; closed at the end */
    SIM_FAULT_DROP,           /* frames are lost */
    SIM_FAULT_DUPLICATE,      /* frames come twice */
    SIM_FAULT_REORDER,        /* frames change places with the next one */
    SIM_FAULT_CORRUPT,        /* bytes of frames are damaged; what is left is no JSON */
    SIM_FAULT_MALFORMED,      /* an extra frame that is not JSON */
    SIM_FAULT_SEQ_GAP,        /* the next sequenced messages of each subscription are lost */
    SIM_FAULT_SEQ_JUMP,       /* seq of each subscription jumps by `jump`; nothing is lost */
    SIM_FAULT_PRIVATE_DELAY,  /* fill, user_order, market_position, order groups come late */
    SIM_FAULT_PRIVATE_DROP,   /* they are lost */
    SIM_FAULT_LAG,            /* all frames come late, in order */
    SIM_FAULT_HTTP_429,       /* order requests, before any effect */
    SIM_FAULT_HTTP_500,       /* the same, `status` 500 to 599 */
    SIM_FAULT_HTTP_500_AFTER, /* after the effect */
    SIM_FAULT_TIMEOUT,        /* effect, then no answer */
    SIM_FAULT_SLOW_ANSWER,    /* effect, then the answer comes late */
    SIM_FAULT_CLOCK_SKEW,     /* the exchange's clock is off by skew_ms */
    SIM_FAULT_PARTIAL_WRITE,  /* a frame or an answer is cut in the middle, then the connection */
    SIM_FAULT_WS_REFUSE,      /* upgrades are answered `status` */
    SIM_FAULT_WS_ERROR,       /* commands are answered with error `code`; 10, 17, 25 end subs */
    SIM_FAULT_RESTART,        /* of the server, with or without its state */
    SIM_FAULT_MAX
};
struct sim_fault_plan {
    enum sim_fault fault;
    mono_ns_t after_ns; /* the text form's SECONDS; the caller's business */
    uint32_t count;     /* 0: only for_ns counts */
    mono_ns_t for_ns;   /* 0: only count counts */
    mono_ns_t delay_ns, jitter_ns;
    double p; /* of a frame or request to be hit */
    int64_t skew_ms;
    uint32_t jump;
    int status, code;
    uint32_t user;   /* from 1; 0: all */
    bool all_routes; /* not order requests only */
    bool ws, http;   /* partial_write: what is cut */
    bool state;      /* restart */
};
/* The name of each; SIM_FAULT_MAX: unknown. */
enum sim_fault sim_fault_parse(const char *name);
const char *sim_fault_name(enum sim_fault fault);
/* NAME@SECONDS[*COUNT][:key=value,...]; ':' may stand for ','. ST_INVALID with the place in err. */
enum status sim_fault_read(const char *text, struct sim_fault_plan *ret,
                           struct err *err) MUST_CHECK;
/* {"fault":NAME,"count":N,key:value,...}; "do", "at" and "token" are not looked at. */
struct json_t;
enum status sim_fault_read_json(const struct json_t *action, struct sim_fault_plan *ret,
                                struct err *err) MUST_CHECK;
void sim_fault_start(struct sim *sim, const struct sim_fault_plan *plan, wall_ns_t wall,
                     mono_ns_t now);
/* The fault with its defaults, n times. */
void sim_fault(struct sim *sim, enum sim_fault fault, uint32_t n, wall_ns_t wall, mono_ns_t now);

#endif
