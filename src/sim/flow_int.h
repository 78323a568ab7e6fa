/*
 * flow_int.h - what the files of the generated source share.
 *
 *   flow_params.h  the numbers             flow_pace.c   when something happens, and when it is
 * told flow_walk.c    what a market is worth  flow_agents.c who does what sim_flow.c     the
 * source: markets, the heap of what is next, their end
 */
#ifndef SIM_FLOW_INT_H
#define SIM_FLOW_INT_H

#include "base/rng.h"
#include "sim/flow_params.h"
#include "sim/sim_int.h"

#define MAKERS       4
#define FLOW_SLOTS   128u    /* standing orders of all agents in one market */
#define SLOTS_BUDGET 500000u /* over all markets: more markets have thinner books */
#define SLOTS_MIN    16u

/* The population. Each is one account of the engine for all markets. */
enum agent {
    AGENT_MAKER, /* the first of MAKERS: four levels near the value on both sides */
    AGENT_WHALE = MAKERS,
    AGENT_LADDER,   /* 50 lots at 5 to 10 cents */
    AGENT_PING,     /* a tenth of a contract, in and out */
    AGENT_FAR,      /* orders far from the value that hardly move */
    AGENT_NOISE,    /* takes for no reason */
    AGENT_INFORMED, /* takes what is wrong */
    AGENT_MAX
};

/* A place for one order of an agent. Which agent, side and distance: flow_agents.c. */
struct standing {
    uint64_t id; /* of the engine; 0: none */
    px_t px;
};

enum stage {
    STAGE_OPEN,
    STAGE_ENDING, /* the close has come; it will be settled at next */
    STAGE_DONE
};

struct fmarket {
    struct rng rng;
    double value;      /* the hidden walk */
    double seen;       /* the probability that makers know of */
    double rate;       /* messages a second */
    double fast, slow; /* excitement: events a second above the base */
    double step_s;     /* between two orders of the present burst */
    double fear;       /* ticks that makers stay away further */
    uint32_t react;    /* bits of agents that still move their orders after news */
    uint32_t cursor;   /* slot at which the reaction goes on */
    bool up;           /* the news was good for YES */
    bool opened;       /* the agents have come */
    bool resumed;      /* it was there before this process */
    bool theirs;       /* listed by somebody else: its end is not ours */
    enum stage stage;
    mono_ns_t event; /* engine time of its next event */
    mono_ns_t next;  /* that, or a burst's next step before it */
    mono_ns_t news;  /* of the last one */
};

struct flow_source {
    struct fmarket *m; /* index: that of the market */
    struct standing *slots;
    uint32_t n, cap, n_slots; /* n_slots: of each market */
    uint32_t *heap;           /* markets by next */
    uint32_t account[AGENT_MAX];
    struct rng rng; /* of the feed */
    bool started;
    mono_ns_t start;
    wall_ns_t start_wall;
    uint32_t settled, own;    /* own: markets whose end is ours */
    double events, messages;  /* lately: what an event brings on average */
    mono_ns_t lag, lag_until; /* engine time until which this age holds */
    mono_ns_t stall_from, stall_until;
};

/* --- flow_pace.c --- */
double flow_normal(struct rng *r);
double flow_exponential(struct rng *r);
/* As excited as the market is on average. */
void pace_start(const struct flow_source *s, struct fmarket *f);
/* When the market's next event comes after t. */
mono_ns_t pace_next(const struct flow_source *s, struct fmarket *f, mono_ns_t t);
/* An event came: later ones are likelier. */
void pace_excite(struct fmarket *f, bool news);
/* So many messages came of one event. */
void pace_learn(struct flow_source *s, uint32_t messages);
/* When an event of engine time t is told: later by the feed's age, or when a stall ends. */
mono_ns_t feed_due(const struct sim *sim, mono_ns_t t);
/* The feed's state goes on until engine time t. */
void feed_advance(struct sim *sim, mono_ns_t t);

/* --- flow_walk.c --- */
void walk_start(struct fmarket *f, double left_s);
/* The value at which YES is worth p. */
void walk_resume(struct fmarket *f, double left_s, double p);
/* Move; left_s: until the close, since_s: since the last move. */
void walk_move(struct fmarket *f, double left_s, double since_s, bool endless);
double walk_probability(const struct fmarket *f, double left_s);

/* --- flow_agents.c: each returns how many messages it made --- */
void agents_open(struct sim *sim, uint32_t market, wall_ns_t at);
/* An open order of an earlier process is the agent's: it takes a free place. */
void agents_adopt(struct sim *sim, enum agent agent, uint64_t id);
/* News: who reacts is noted in f->react. */
uint32_t agents_news(struct sim *sim, uint32_t market, double p, wall_ns_t at);
/* One step of the reaction. f->react 0: it is over. */
uint32_t agents_react(struct sim *sim, uint32_t market, wall_ns_t at);
/* One agent does something of its own. p: the true probability. */
uint32_t agents_act(struct sim *sim, uint32_t market, double p, wall_ns_t at);

#endif
