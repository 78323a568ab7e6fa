/*
 * sim_rest.h - what the files of signed REST routes share: the table of routes, the call that a
 * handler gets, reading its query and body, and refusing it.
 *
 *   sim_http.c       routing, signatures         sim_orders.c       create
 *                                                sim_order_change.c amend, decrease, cancel
 *   sim_answer.c     answers, errors, pages      sim_batch.c        batches of orders
 *   sim_body.c       bodies and queries          sim_order_read.c   reading orders
 *   sim_budget.c     token buckets, tiers        sim_groups.c       order groups
 *   sim_keys.c       keys of the API             sim_portfolio.c    balance, positions, fills ...
 *   sim_routes.c     the table of routes         sim_subaccounts.c  subaccounts, transfers
 */
#ifndef SIM_SIM_REST_H
#define SIM_SIM_REST_H

#include "sim/sim_int.h"

/* A refusal of the nested shape; status 0: none. */
struct refusal {
    int status;
    const char *code, *details; /* details may be NULL */
};

#define NO_REFUSAL ((struct refusal){0, NULL, NULL})

enum route_flags {
    ROUTE_ORDER = 1,    /* order entry: stands still in a pause, has faults, may name a shard */
    ROUTE_CREATES = 2,  /* also refused while only cancels work */
    ROUTE_PER_ITEM = 4, /* the cost is that of one of the body's orders */
    ROUTE_WHOLE = 8     /* not for keys locked to one subaccount */
};

struct call;
struct route {
    const char *method, *path; /* a part ":name" stands for anything */
    const char *op;            /* operationId of the specification */
    void (*run)(struct call *c);
    int cost;        /* tokens */
    unsigned flags;  /* of enum route_flags */
    unsigned scopes; /* the key needs one of them */
};
extern const struct route sim_routes[];
extern const size_t sim_n_routes;

struct call {
    struct sim *sim;
    uint32_t user;
    const struct route *route;
    const struct sim_http_req *req;
    struct sim_http_resp *r;
    struct text id;         /* the path's ":name" part */
    json_t *body;           /* NULL: there is none, or it is no JSON */
    const char *body_error; /* why it is no JSON */
};

/* --- sim_answer.c --- */
void reply_refusal(struct sim_http_resp *r, struct refusal why);
void write_refusal(struct jw *w, const char *key, struct refusal why); /* an ErrorResponse */
void reply_empty(struct sim_http_resp *r, int status);                 /* {} */
struct jw reply_raw(struct sim_http_resp *r, int status, const char *content_type);

/* --- sim_body.c --- */
struct body {
    const json_t *root;
    const char *type; /* "CreateOrderV2Request", as the exchange's decoder names it */
    struct sim_http_resp *r;
    bool failed; /* the answer is written */
};
/* False: the answer is written. */
bool body_open(struct body *b, const struct call *c, const char *type);
void body_missing(struct body *b, const char *key, const char *tag);
const char *body_str(struct body *b, const char *key, bool required); /* "" when absent */
bool body_bool(struct body *b, const char *key);
/* lo to hi, else 400; *ret_there: it was given. */
int64_t body_int(struct body *b, const char *key, bool required, int64_t lo, int64_t hi,
                 bool *ret_there);
const json_t *body_array(struct body *b, const char *key);  /* required */
int one_of(const char *s, const char *const *words, int n); /* n: none of them */
/* A whole number of the query. False: the answer is written. */
bool query_int(const struct call *c, const char *name, const char *field, int64_t lo, int64_t hi,
               int64_t dflt, int64_t *ret);
/* Subaccount of the query; dflt when absent (-1: all of them). A locked key's own is its default
 * and the only one. False: the answer is written. */
bool query_subaccount(const struct call *c, int64_t dflt, int64_t *ret);
struct refusal pick_subaccount(const struct sim *sim, bool given, int64_t *subaccount);
/* The shard that a request reaches: index >= 0 directly, -1 (or absent) by the ticker when there
 * is one, else shard 0. */
struct refusal pick_shard(const struct sim *sim, bool given, int64_t index, const char *ticker,
                          uint32_t *ret_shard);
/* The user's accounts of one subaccount (-1: all) and one shard (-1: all); *at begins with 0.
 * NO_INDEX: no more. */
uint32_t next_account(const struct sim *sim, uint32_t user, int64_t subaccount, int64_t shard,
                      uint32_t *at);

/* Filters of lists. */
struct filter {
    char ticker[8192], event[1024], status[64], order_id[64];
    int64_t min_ts, max_ts; /* seconds */
    int64_t subaccount;     /* -1: all */
    int64_t shard;          /* -1: all */
    uint32_t limit, from;   /* of the page; from 0: the first */
};
/* NULL: the answer is written. Ended with free(). */
struct filter *filter_read(const struct call *c, int64_t max_limit, int64_t subaccount);
bool filter_market(const struct sim *sim, const struct filter *f, uint32_t market);
bool filter_time(const struct filter *f, wall_ns_t at);
bool filter_account(const struct sim *sim, const struct filter *f, uint32_t user, uint32_t account);

/* --- sim_budget.c --- */
struct sim_tier {
    const char *name;
    int64_t read, write, read_s, write_s; /* tokens a second, seconds that a bucket holds */
};
/* False: the bucket is too empty; nothing was taken. shard > 0: that shard's own bucket. */
#define BUDGET_EVERY_SHARD UINT32_MAX /* of the write buckets: all must hold it, all pay it */
bool budget_take(struct sim *sim, uint32_t user, bool read, uint32_t shard, int64_t cost);
bool sim_tier_at_least(const char *tier, const char *least);
void account_limits(struct call *c);
void account_upgrade(struct call *c);
void account_progress(struct call *c);
bool account_costs(struct text rest, struct sim_http_resp *r); /* needs no key */

/* --- sim_orders.c --- */
struct create {
    struct match_request r;
    char client_id[CLIENT_ID_MAX];
    struct refusal why; /* found while reading */
};
struct refusal refusal_of(enum match_verdict v);
/* Price and count of the body; the own price of the outcome that side buys. */
struct refusal order_numbers(struct body *b, enum side side, px_t *ret_px, qty_t *ret_qty);
wall_ns_t order_expiry(int64_t seconds);
/* client_order_ids are unique for each user, for ever or while the order is open. */
#define ID_USED_UP (UINT32_MAX - 1) /* as order: there is none to tell of it */
bool client_id_used(const struct sim *sim, uint32_t user, const char *client_id);
bool client_id_take(struct sim *sim, uint32_t user, const char *client_id, uint32_t order);
void write_client_of(struct jw *w, const struct sorder *o); /* nothing when it has none */
void create_read(struct call *c, struct body *b, struct create *ret);
struct refusal create_place(struct call *c, const struct create *k, struct sorder **ret_order);
/* --- sim_order_change.c --- */
/* An order that is to be canceled or changed: the caller's, open, on the shard that was reached. */
struct target {
    struct text id;
    bool has_subaccount, has_shard;
    int64_t subaccount, shard;
    const char *ticker; /* for routing; "" */
};
/* The caller's order of an id, open or not; NULL with why. */
struct sorder *sim_order_of(const struct call *c, struct text id, struct refusal *ret_why);
struct refusal cancel_target(const struct call *c, const struct target *t, struct sorder **ret,
                             qty_t *ret_reduced);
/* After the answer: a cancel-all of a moment ago reaches the order too (cancel_all_lingers_ms). */
void order_linger(struct call *c, const struct sorder *o);
px_t average_of(usd_t sum, qty_t qty); /* per contract, rounded to 4 decimals */
usd_t yes_cost(const struct match_order *o);
void order_create(struct call *c);
void order_cancel(struct call *c);
void order_cancel_all(struct call *c);
void order_amend(struct call *c);
void order_decrease(struct call *c);
void order_v1(struct call *c);

/* --- sim_batch.c --- */
void batch_create(struct call *c);
void batch_cancel(struct call *c);

/* --- sim_order_read.c --- */
void orders_list(struct call *c);
void orders_historical(struct call *c);
void orders_get(struct call *c);
void orders_queue(struct call *c);
void orders_queue_one(struct call *c);
/* Let reads show the order as it is now for rules.stale_read_ms. Call before it changes. */
void order_remember(struct sim *sim, const struct sorder *o);

/* --- sim_groups.c --- */
void group_list(struct call *c);
void group_get(struct call *c);
void group_create(struct call *c);
void group_reset(struct call *c);
void group_trigger(struct call *c);
void group_limit(struct call *c);
void group_delete(struct call *c);
/* The caller's group of a text; NULL: there is none. */
struct sgroup *group_find(const struct sim *sim, uint32_t account, struct text id);

/* --- sim_portfolio.c --- */
usd_t sim_balance(const struct sim *sim, uint32_t account); /* cash, or with a rule what is free */
void portfolio_balance(struct call *c);
void portfolio_positions(struct call *c);
void positions_historical(struct call *c);
void portfolio_fills(struct call *c);
void fills_historical(struct call *c);
void portfolio_settlements(struct call *c);
void portfolio_resting_value(struct call *c);
void portfolio_deposits(struct call *c);
void portfolio_withdrawals(struct call *c);

/* --- sim_subaccounts.c --- */
void subaccount_create(struct call *c);
void subaccount_balances(struct call *c);
void subaccount_netting(struct call *c);
void subaccount_set_netting(struct call *c);
void subaccount_transfer(struct call *c);
void subaccount_transfers(struct call *c);
void shard_transfer(struct call *c);
void shard_transfers(struct call *c);
void shard_transfer_get(struct call *c);
void allocation_get(struct call *c);
void allocation_set(struct call *c);

/* --- sim_keys.c --- */
void keys_list(struct call *c);
void keys_create(struct call *c);
void keys_generate(struct call *c);
void keys_delete(struct call *c);

#endif
