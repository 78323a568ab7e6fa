/*
 * real_int.h - what the files of the real world share.
 *
 *   real.c         the world: made, turned, brought to rest
 *   real_process.c the client's process: made, driven, killed, started again
 *   real_sim.c     the exchange: made, started again, told what to do
 *   real_net.c     the network: HTTP requests, WebSocket connections
 *   real_fault.c   which faults happen, and when
 *   real_disk.c    the disks of journal and database
 *   real_store.c   the store, and what of its records is in the database
 *   real_guard.c   the guard
 *   real_judge.c   what must hold whenever an order leaves or arrives
 *   real_quiet.c   what must hold after a quiet period
 */
#ifndef TESTS_WORLD_REAL_INT_H
#define TESTS_WORLD_REAL_INT_H

#include "bus/ring.h"
#include "exchange/exchange.h"
#include "feed/feed.h"
#include "orders/recovery.h"
#include "store/spill_files.h"
#include "store/store.h"
#include "world/aside.h"
#include "world/real.h"
#include "world/truth.h"
#include "world/vdisk.h"
#include "world/vfs.h"

#define REAL_MARKETS 4
#define REAL_KEY     "a0000000-0000-4000-8000-00000000000a"
#define BASE         "/trade-api/v2"
#define PX_LEVELS    (PX_ONE + 1)
#define WHY_MAX      240

struct evq {
    struct ev **v;
    uint32_t head, n, cap;
};

struct text_at {
    char *p;
    size_t n;
    mono_ns_t at;
};
struct textq {
    struct text_at *v;
    uint32_t head, n, cap;
    mono_ns_t last;
};

struct conn {
    struct real *r;
    bool private_one;
    struct sim_conn *conn; /* NULL: not connected */
    bool dead;             /* the exchange closed it: what was sent before is still read */
    bool wants_new;        /* the client drops it */
    bool cut_off;          /* the exchange's process has ended, and the client does not know yet */
    mono_ns_t redial_at, ping_at, silent_at; /* silent: no pong will come */
    struct textq in, out;
};

struct http_call {
    uint32_t generation; /* whose process asked; 0: free */
    uint64_t id;
    enum http_method method;
    char *path, *query, *body;
    bool arrives, arrived, bare, denied;
    enum real_death death;
    mono_ns_t arrive_at, answer_at, deadline, sent;
    wall_ns_t signed_wall;
    enum http_fate fate;
    int status;
    char *answer;
    size_t answer_n;
};
#define CALLS 64

/* A market as the events that reached the engine tell it, kept the slow way. */
struct shadow {
    char ticker[TICKER_MAX];
    struct grid grid;
    int32_t status;
    bool seen, stale;
    qty_t *levels[2];
    px_t trades[8];
    uint32_t n_trades;
    bool sent_any;
    uint32_t sent_outcome;
    px_t sent_px;
    qty_t sent_qty;
    mono_ns_t sent_at;
    bool halted; /* this market, by the journal */
};

struct known_order {
    char client_id[CLIENT_ID_MAX];
    bool arrived; /* a create with this id reached the exchange */
    bool recorded, ended;
    bool lost;       /* power went before its intent was on the medium */
    uint64_t intent; /* its number among the intents of the journal */
    qty_t filled;
};

/* Of the store's rings, in the order in which the program adds them. */
enum store_ring { STORE_NET, STORE_GATEWAY, STORE_ACTOR, STORE_RINGS };

struct ledger;   /* real_store.c: what the rings took, session by session */
struct guarding; /* real_guard.c */

struct real {
    struct real_config config;
    struct rng rng;
    struct digest digest;
    mono_ns_t now, started;
    wall_ns_t wall;
    bool flowing; /* the policy acts */
    /* the exchange (real_sim.c) */
    struct sim *sim;
    uint64_t sim_faults[SIM_FAULT_MAX]; /* of those that have ended */
    mono_ns_t reopen_at;                /* a market that was closed; 0: none is */
    uint32_t closed_market;
    bool determined, settled; /* the first market */
    uint32_t settled_with;    /* the process that knew its account then; 0: none */
    /* faults (real_fault.c) */
    bool faults; /* on */
    uint64_t draws[FAULT_MAX], next_hit[FAULT_MAX], happened[FAULT_MAX];
    struct real_hit *hits;
    uint32_t n_hits, cap_hits;
    struct rng event;           /* for the particulars of a hit */
    mono_ns_t until[FAULT_MAX]; /* a fault that lasts */
    wall_ns_t clock_off;        /* of the client's wall clock */
    /* the process */
    uint32_t generation; /* 0: there is none */
    uint32_t generations;
    struct engine *engine;
    struct policy *policy;
    uint32_t last_action[REAL_MARKETS];
    enum action want;
    enum gw_op death_op;
    enum real_death death;
    struct gateway *gateway;
    bool held; /* the gateway holds orders back: a halt */
    struct feed *feed;
    struct fill_listener *fills;
    struct journal *journal;
    mono_ns_t journal_synced;
    bool journal_urgent; /* to be synced at once */
    bool journal_open;   /* at the process's end it had records that were not on the medium */
    bool journal_cut;    /* power went: they may be lost, and what is behind a lost one is not */
    uint64_t earlier[JOURNAL_SESSIONS]; /* sessions that the journal knew at the start */
    struct ring *events[EV_SRC_MAX];
    bool turning; /* inside a turn of the actor */
    struct gw_request requests[64];
    uint32_t n_requests;
    struct evq repairs;
    uint64_t command_ord;
    mono_ns_t start_at;
    uint32_t steps_left; /* until it dies; 0: it lives on */
    bool dying, power_goes;
    mono_ns_t halted_since; /* 0: it is not halted */
    mono_ns_t heard;        /* the exchange, last */
    char group[ORDER_ID_MAX];
    int32_t group_shard;
    /* the network */
    struct conn conns[2];
    struct http_call calls[CALLS];
    struct sim_http_resp resp;
    /* disks, store, guard */
    struct vdisk journal_disk, db_disk, spill_disk;
    struct file_system files; /* of the spill disk */
    struct vfs_host host;
    struct rng disk_rng;
    bool own_disk_use; /* the world looks at the disk: nothing fails */
    mono_ns_t disk_ns; /* that the store's thread has spent waiting in this turn */
    struct store *store;
    struct ring *store_rings[STORE_RINGS];
    mono_ns_t store_busy; /* until then */
    struct aside *aside;  /* the store's turn when its disk may hang; NULL: not needed yet */
    struct ledger *ledger;
    struct guarding *guarding;
    /* what is kept of it all */
    struct ev_market markets[REAL_MARKETS];
    uint32_t n_markets;
    uint64_t count[REAL_COUNT_MAX];
    uint64_t checked[CHECK_MAX];
    struct orders_stats stats;
    uint64_t refused[RISK_MAX];
    /* the judge */
    struct shadow shadows[REAL_MARKETS];
    bool link_up, cmd_halted, stopped, journal_halted;
    bool halt_stands;                   /* a halt was applied, and nobody has let it go */
    bool halt_unsynced;                 /* ... and power may still take it */
    uint64_t n_intents, intents_synced; /* in the journal, and on its medium */
    mono_ns_t left_at[256];             /* creates and amends, a ring */
    uint32_t n_left;
    struct known_order *known;
    uint32_t n_known, cap_known;
    char why[WHY_MAX]; /* the first thing that must not happen */
};

/* --- real.c --- */
mono_ns_t real_delay(struct real *r);
/* It dies within its next 60 steps, power: and so does its machine. */
void real_die_soon(struct real *r, bool power);
/* A step of the process: it may be its last. False: it is dead already. */
bool real_step(struct real *r);
void real_forbid(struct real *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *real_grow(void *p, uint32_t n, uint32_t *cap, size_t size);
wall_ns_t real_wall(const struct real *r); /* the client's clock */
void real_trace(struct real *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void real_turn(struct real *r, mono_ns_t dt);
mono_ns_t real_next(const struct real *r); /* when something is due */
bool real_quiet(const struct real *r);     /* nothing is under way */

/* --- real_process.c --- */
void client_start(struct real *r);
void client_turn(struct real *r);
void client_end(struct real *r, const char *outcome); /* NULL: it dies */
void client_command(struct real *r, enum command what, const char *reason);
void client_keep_stats(struct real *r);
/* Intents without an end in the journal as it is now; it cannot be written after that. */
uint64_t client_unsettled(struct real *r);

/* --- real_sim.c --- */
void exchange_start(struct real *r);
void exchange_discover(struct real *r);
void exchange_restart(struct real *r);
void exchange_flow(struct real *r, mono_ns_t ns); /* goes on for so long */
void exchange_turn(struct real *r);               /* what becomes of markets */
void exchange_fault(struct real *r, enum real_fault kind);
bool exchange_pause(struct real *r, const char *kind, uint32_t ms);
void exchange_close_market(struct real *r);
bool exchange_open(const struct real *r); /* markets that were closed are open again */

/* --- real_fault.c --- */
void faults_init(struct real *r);
/* One more draw of a kind. True: it happens; r->event gives its particulars. */
bool real_happens(struct real *r, enum real_fault kind);
void faults_turn(struct real *r);
void faults_end(struct real *r); /* nothing that was begun lasts on */
static inline bool real_lasts(const struct real *r, enum real_fault kind)
{
    return r->now < r->until[kind];
}

/* --- real_net.c --- */
struct sim_out net_sim_out(struct real *r);
void net_turn(struct real *r);
void net_client_died(struct real *r);
void net_exchange_died(
    struct real *r); /* connections are gone, requests under way are not answered */
mono_ns_t net_deadline(const struct real *r);
void net_finish(struct real *r);
enum status net_send(void *conn, const char *text, size_t n);
void net_reconnect(void *conn, const char *reason);
bool net_idle(const struct real *r);

/* --- real_disk.c --- */
void disk_init(struct real *r);
void disk_finish(struct real *r);
/* ST_OK, or why not. */
enum status disk_journal(struct real *r, struct file_io *ret);
bool disk_spilled(struct real *r);                               /* files of ended processes wait */
void disk_waiting(struct real *r, spill_file_fn fn, void *self); /* each of them */

/* --- real_store.c --- */
void store_init(struct real *r);
void store_destroy_all(struct real *r);
/* A database for the process; false: it cannot be opened now. */
bool store_begin(struct real *r);
void store_end(struct real *r, const char *outcome); /* NULL: it dies */
void store_push(struct real *r, enum store_ring ring, const void *record);
void store_turn(struct real *r);
bool store_idle(const struct real *r);
/* From a disk that hangs, inside of the store's turn: what it does meanwhile. */
void store_meanwhile(struct real *r);
void store_check(struct real *r); /* what must be in the database is there */
void store_bounded(struct real *r);

/* --- real_guard.c --- */
void guard_init(struct real *r);
void guard_finish(struct real *r);
void guard_turn(struct real *r);
void guard_beat(struct real *r,
                bool stopped); /* the process writes its heartbeat, when it is due */
/* The guard was done with the trouble that lasts. */
bool guard_acted(const struct real *r);
mono_ns_t guard_due(const struct real *r);
bool guard_idle(const struct real *r);

/* --- real_judge.c --- */
void judge_event(struct real *r, const struct ev *ev);
void judge_leaves(struct real *r, const struct gw_request *req);
void judge_arrives(struct real *r, const struct http_call *c);
void judge_answered(struct real *r, const struct http_call *c, int status, const char *body);
void judge_record(struct real *r, const struct rec *rec);
void judge_journal(struct real *r, const struct journal_record *rec);
void judge_forget(struct real *r); /* a new process */

/* --- real_quiet.c --- */
/* Orders, money, books; last: nothing rests and the journal is settled. */
bool quiet_agrees(struct real *r, bool last);

#endif
