/* paper_int.h - what the files of paper/ share. */
#ifndef PAPER_PAPER_INT_H
#define PAPER_PAPER_INT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "orders/idtab.h"
#include "paper/paper.h"

#define NO_MARKET    UINT32_MAX
#define ANSWER_BYTES (48u << 10)
#define GROUPS_MAX   64 /* order groups; a client has one for each of 8 shards */

/* Something under way: a request to the exchange, an answer or a private event back. */
enum mail_kind { MAIL_REQUEST, MAIL_ANSWER, MAIL_PRIVATE };
struct mail {
    mono_ns_t due;
    uint64_t number; /* of posting: breaks ties */
    enum mail_kind kind;
    void *body; /* struct request, or an event */
};

struct request {
    struct gw_request req;
    mono_ns_t sent;
    wall_ns_t sent_wall;
    char *tickers; /* of LIST_MARKETS, NULL: none */
};

struct pmarket {
    struct ev_market info;
    uint32_t index; /* the engine's; NO_MARKET: it has no usable grid yet */
    bool stale;     /* until its next snapshot */
    bool had_levels;
    bool closed; /* by an empty snapshot or its status */
    bool settled;
    px_t last_yes_px; /* of the last trade; 0: none */
};

struct porder {      /* number n is at (n - 1) % history_max */
    uint64_t number; /* the engine's tag; 0: none here */
    struct match_order o;
    char client_id[CLIENT_ID_MAX];
};

struct paper {
    struct paper_config config;
    struct paper_out out;
    struct rng rng;
    mono_ns_t now;
    wall_ns_t wall;
    wall_ns_t wall_less_now;
    bool linked, stopping;

    struct match *match;
    uint32_t account;

    struct pmarket *markets; /* by the feed's index */
    uint32_t n_markets;
    uint32_t *mkt_of; /* the engine's index -> the feed's */
    struct idtab by_ticker;

    struct porder *orders;
    uint64_t n_orders; /* numbers given */
    uint64_t orders_cap;
    struct idtab by_client;
    struct ev_fill *fills; /* number n is at (n - 1) % history_max */
    uint64_t n_fills, fills_cap;

    uint64_t groups[GROUPS_MAX]; /* the engine's; a group's id ends with its number, from 1 */
    uint32_t n_groups;

    struct mail *mails; /* a heap by due and number */
    uint32_t n_mails, mails_cap;
    uint64_t mail_number;
    mono_ns_t private_due; /* of the newest private event */
    uint64_t ord[EV_SRC_MAX];
    uint32_t open;

    int64_t tokens_nano; /* may be below 0: promised */
    mono_ns_t tokens_at;
    struct paper_stats stats;
};

/* --- paper.c --- */
void paper_post(struct paper *p, enum mail_kind kind, void *body, mono_ns_t due);
mono_ns_t paper_jitter(struct paper *p);
/* malloc or end the process: a lost fill or answer is worse. */
void *paper_alloc(size_t size);

/* --- paper_tell.c --- */
/* Everything that the last call to the engine changed for the account, as private events. */
void paper_tell(struct paper *p);
void paper_tell_position(struct paper *p, uint32_t market);
void paper_order_row(const struct paper *p, const struct porder *po, struct ev_user_order *ret);
void paper_position_row(const struct paper *p, const struct match_position *pos,
                        struct ev_position *ret);
void paper_order_id(const struct paper *p, uint64_t number, char ret[ORDER_ID_MAX]);
struct porder *paper_order(const struct paper *p, uint64_t number); /* NULL: not kept */

/* --- paper_request.c: at the exchange --- */
void paper_execute(struct paper *p, const struct request *r);

/* --- paper_read.c --- */
/* Reads and lists; posts the answer. */
void paper_read(struct paper *p, const struct request *r);
struct ev_answer *paper_answer_new(const struct paper *p, const struct request *r, size_t rows);
/* Takes a. */
void paper_answer_send(struct paper *p, struct ev_answer *a);
/* The feed's index, NO_MARKET. */
uint32_t paper_find(const struct paper *p, const char *ticker);

/* --- paper_market.c --- */
/* Apply a market event, at p->now. */
void paper_market_event(struct paper *p, const struct ev *ev);

#endif
