/*
 * run_net.c - the net thread: both WebSocket sessions, from sockets to rings.
 *
 * It waits in the WebSocket loop's poll, so that a frame is decoded as soon as the socket has it. A
 * market event goes to the actor's ring first: only what the actor took is stored and published, so
 * that the record is what was applied.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "net/keys.h"
#include "net/ws_client.h"

#define LOOP_WAIT_MAX (20 * NS_PER_MS)
#define REFUSALS_MAX  3

struct run_net {
    struct run *r;
    struct key *key;
    struct signer signer;
    struct ws_loop *loop;
    struct ws_conn *market_conn, *private_conn; /* private_conn: when trading, not on paper */
    struct feed *feed;
    struct fill_listener *fills;
    uint64_t heard;       /* frames, pings and pongs so far */
    uint32_t refusals;    /* of the market session, before it ever stood */
    uint8_t *seen_levels; /* per market: 1 the last snapshot had levels, 2 it was empty after such a
                             one */
};

/* --- what the sessions ask for
 * ------------------------------------------------------------------------------------- */

/* A market is closed when its book is emptied by a snapshot (kalshi-api.md 5.8). */
static void note_market_event(struct run_net *n, const struct ev *ev)
{
    struct run_monitor *m = &n->r->monitor;
    if (ev->type == EV_MARKET) {
        uint64_t count = counter_get(&m->markets);
        counter_add(&m->markets, ev->mkt >= count ? ev->mkt + 1 - count : 0);
    } else if (ev->type == EV_SNAPSHOT) {
        const struct ev_snapshot *s = (const struct ev_snapshot *)ev;
        uint8_t *state = &n->seen_levels[ev->mkt];
        bool empty = s->n_yes + s->n_no == 0;
        if (empty && *state == 1) {
            *state = 2;
            counter_add(&m->markets_closed, 1);
        } else if (!empty) {
            if (*state == 2) {
                counter_add(&m->markets_closed, UINT64_MAX); /* minus one: it opened again */
            }
            *state = 1;
        }
    } else if (ev->type == EV_LINK) {
        bool up = ((const struct ev_mark *)ev)->code != 0;
        atomic_store_explicit(&m->market_link, up, memory_order_release);
        counter_add(up ? &m->links_up : &m->links_down, 1);
    }
}

static enum status emit_market(void *self, const struct ev *ev)
{
    struct run_net *n = self;
    struct run *r = n->r;
    enum status st = run_paper_market(r, ev);
    if (st != ST_OK) {
        /* One market for both: the feed repairs it for both. Marks are tried again, not lost. */
        bool lost = ev->type == EV_SNAPSHOT || ev->type == EV_DELTA || ev->type == EV_TRADE;
        counter_add(&r->monitor.paper_not_taken, lost ? 1 : 0);
        return st;
    }
    st = ring_push(r->to_actor[EV_SRC_MARKET], ev, ev->size);
    if (!r->actor_on_net) {
        /* At once: the rest of a burst is decoded while the actor wakes. Costs one instruction when
         * it is awake. */
        run_actor_wake(r);
    }
    if (st != ST_OK) {
        counter_add(&r->monitor.not_taken, 1);
        return st;
    }
    run_store_push(r->store_net, ev);
    bus_publish(r->bus, ev);
    note_market_event(n, ev);
    return ST_OK;
}

/* Fills may not be lost: wait for the actor, which drains thousands a turn. */
static enum status emit_private(void *self, const struct ev *ev)
{
    struct run_net *n = self;
    struct run *r = n->r;
    while (ring_push(r->to_actor[EV_SRC_PRIVATE], ev, ev->size) != ST_OK) {
        if (!agent_running(r->actor_agent)) {
            return ST_FULL;
        }
        if (r->actor_on_net) {
            run_actor_turn(r, clock_mono());
        } else {
            run_actor_wake(r);
            usleep(100);
        }
    }
    if (!r->actor_on_net) {
        run_actor_wake(r);
    }
    if (ev->type == EV_LINK) {
        atomic_store_explicit(&r->monitor.private_link, ((const struct ev_mark *)ev)->code != 0,
                              memory_order_release);
    }
    run_store_push(r->store_net, ev);
    return ST_OK;
}

static void record(void *self, const struct rec *rec)
{
    struct run_net *n = self;
    run_store_push(n->r->store_net, rec);
}

static enum status send_market(void *self, const char *text, size_t len)
{
    struct run_net *n = self;
    return ws_conn_send(n->market_conn, text, len);
}

static enum status send_private(void *self, const char *text, size_t len)
{
    struct run_net *n = self;
    return ws_conn_send(n->private_conn, text, len);
}

static void reconnect_market(void *self, const char *reason)
{
    struct run_net *n = self;
    log_warn("feed", "reconnecting: %s", reason);
    ws_conn_reconnect(n->market_conn, reason);
}

static void reconnect_private(void *self, const char *reason)
{
    struct run_net *n = self;
    log_warn("fills", "reconnecting: %s", reason);
    ws_conn_reconnect(n->private_conn, reason);
}

/* --- what the sockets bring
 * ---------------------------------------------------------------------------------------- */

static void market_open(void *self, mono_ns_t now, wall_ns_t wall)
{
    struct run_net *n = self;
    log_info("feed", "connected url=%s", n->r->o->exchange.ws_url);
    feed_open(n->feed, now, wall);
}

static void market_frame(void *self, const char *s, size_t len, mono_ns_t now, wall_ns_t wall)
{
    struct run_net *n = self;
    enum status st = feed_frame(n->feed, s, len, now, wall);
    (void)st; /* what could not be understood was counted, kept raw, and is repaired */
}

/* A paper run reads nothing private before, so this is where a wrong key or clock shows first. */
static void note_refusal(struct run_net *n, int http_status)
{
    bool refused = http_status == 401 || http_status == 403;
    if (!n->r->paper || counter_get(&n->r->monitor.links_up) > 0 || !refused) {
        return;
    }
    if (++n->refusals == REFUSALS_MAX) {
        log_error(
            "feed",
            "%s refuses the connection: HTTP %d. Check exchange.key_id, exchange.key_file and "
            "this machine's clock",
            n->r->o->exchange.ws_url, http_status);
        atomic_store_explicit(&n->r->failed, EXIT_CONFIG, memory_order_release);
    }
}

static void market_close(void *self, const char *reason, int http_status, mono_ns_t now,
                         wall_ns_t wall)
{
    struct run_net *n = self;
    log_warn("feed", "not connected: %s http_status=%d", reason, http_status);
    feed_close(n->feed, reason, now, wall);
    note_refusal(n, http_status);
}

static void private_open(void *self, mono_ns_t now, wall_ns_t wall)
{
    struct run_net *n = self;
    log_info("fills", "connected");
    fill_listener_open(n->fills, now, wall);
}

static void private_frame(void *self, const char *s, size_t len, mono_ns_t now, wall_ns_t wall)
{
    struct run_net *n = self;
    enum status st = fill_listener_frame(n->fills, s, len, now, wall);
    (void)st;
}

static void private_close(void *self, const char *reason, int http_status, mono_ns_t now,
                          wall_ns_t wall)
{
    struct run_net *n = self;
    log_warn("fills", "not connected: %s http_status=%d", reason, http_status);
    fill_listener_close(n->fills, reason, now, wall);
}

/* --- the thread
 * ----------------------------------------------------------------------------------------------------
 */

static int take_repairs(struct run_net *n, struct ring *ring, mono_ns_t now, wall_ns_t wall)
{
    int did = 0;
    for (const struct ev_mark *m = ring_peek(ring); m != NULL; m = ring_peek(ring)) {
        feed_repair(n->feed, m->h.mkt, now, wall);
        ring_pop(ring);
        did++;
    }
    return did;
}

static int take_rings(struct run_net *n, mono_ns_t now, wall_ns_t wall)
{
    int did = take_repairs(n, n->r->repairs, now, wall);
    if (n->r->paper_repairs != NULL) {
        did += take_repairs(n, n->r->paper_repairs, now, wall);
    }
    for (const struct ev_market *m = ring_peek(n->r->discovered); m != NULL;
         m = ring_peek(n->r->discovered)) {
        enum status st = feed_add_market(n->feed, m, now, wall);
        if (st != ST_OK) {
            log_warn("feed", "market %s is not followed: %s", m->ticker, status_text(st));
        }
        ring_pop(n->r->discovered);
        did++;
    }
    if (did > 0 && n->fills != NULL) {
        fill_listener_refresh(n->fills, now, wall);
    }
    return did;
}

/* Anything at all that came from the exchange. */
static void note_heard(struct run_net *n, mono_ns_t now)
{
    const struct ws_conn *conns[] = {n->market_conn, n->private_conn};
    uint64_t sum = 0;
    for (size_t i = 0; i < 2; i++) {
        const struct ws_stats *s = conns[i] != NULL ? ws_conn_stats(conns[i]) : NULL;
        sum += s != NULL ? s->frames + s->pings + s->pongs : 0;
    }
    if (sum != n->heard) {
        n->heard = sum;
        atomic_store_explicit(&n->r->heard, now, memory_order_release);
    }
}

/* Main asks whether all news are here: an answer of the exchange comes behind them. */
static void answer_news(struct run_net *n, mono_ns_t now, wall_ns_t wall)
{
    int news = atomic_load_explicit(&n->r->news, memory_order_acquire);
    if (news == RUN_NEWS_ASKED) {
        enum status st = feed_echo(n->feed, now, wall);
        news = st == ST_OK ? RUN_NEWS_COMING : st == ST_FULL ? RUN_NEWS_ASKED : RUN_NEWS_HERE;
    } else if (news == RUN_NEWS_COMING && feed_echoed(n->feed)) {
        news = RUN_NEWS_HERE;
    } else {
        return;
    }
    atomic_store_explicit(&n->r->news, news, memory_order_release);
}

static int net_work(void *self, mono_ns_t now)
{
    struct run_net *n = self;
    wall_ns_t wall = clock_wall();
    int did = take_rings(n, now, wall);
    feed_tick(n->feed, now, wall);
    if (n->fills != NULL) {
        fill_listener_tick(n->fills, now, wall);
    }
    did += ws_loop_work(n->loop, 0);
    answer_news(n, now, wall);
    note_heard(n, now);
    if (n->r->actor_on_net) {
        did += run_actor_turn(n->r, clock_mono());
    }
    return did;
}

static void net_park(void *self, int64_t max_ns)
{
    struct run_net *n = self;
    mono_ns_t deadline = feed_deadline(n->feed);
    if (n->fills != NULL && fill_listener_deadline(n->fills) < deadline) {
        deadline = fill_listener_deadline(n->fills);
    }
    int64_t wait = deadline - clock_mono();
    if (wait > max_ns) {
        wait = max_ns;
    }
    if (n->r->actor_on_net && engine_deadline(n->r->engine) - clock_mono() < wait) {
        wait = engine_deadline(n->r->engine) - clock_mono();
    }
    if (wait > 0 && ws_loop_work(n->loop, wait) > 0 && n->r->actor_on_net) {
        run_actor_turn(n->r, clock_mono());
    }
}

static void net_unpark(void *self)
{
    struct run_net *n = self;
    ws_loop_wake(n->loop);
}

static void net_on_start(void *self)
{
    struct run_net *n = self;
    ws_conn_start(n->market_conn);
    if (n->private_conn != NULL) {
        ws_conn_start(n->private_conn);
    }
}

/* --- building
 * ------------------------------------------------------------------------------------------------------
 */

static struct feed_config feed_config_of(const struct feed_options *o)
{
    struct feed_config c = feed_config_default();
    c.seq_check = true;
    c.repair = true;
    c.use_yes_price = o->use_yes_price;
    c.trades = o->trades;
    c.lifecycle = true;
    c.markets_max = (uint32_t)o->markets_max;
    c.levels_max = (uint32_t)o->levels_max;
    c.data_timeout_ns = o->data_timeout_ms * NS_PER_MS;
    c.repair_timeout_ns = o->repair_timeout_ms * NS_PER_MS;
    c.reply_timeout_ns = o->reply_timeout_ms * NS_PER_MS;
    return c;
}

static enum status connect_one(struct run_net *n, const struct ws_handler *handler,
                               struct ws_conn **ret, struct err *err)
{
    const struct run_options *o = n->r->o;
    struct ws_config c = ws_config_default();
    c.url = o->exchange.ws_url;
    c.signer = &n->signer;
    c.backoff_min_ns = o->feed.reconnect_min_ms * NS_PER_MS;
    c.backoff_max_ns = o->feed.reconnect_max_ms * NS_PER_MS;
    c.ping_interval_ns = o->feed.ping_interval_ms * NS_PER_MS;
    enum status st = seed_random(&c.seed);
    return st == ST_OK ? ws_conn_create(n->loop, &c, handler, ret, err) : st;
}

static enum status build_market_session(struct run_net *n, struct err *err)
{
    struct feed_config fc = feed_config_of(&n->r->o->feed);
    struct feed_out out = {n, emit_market, record, send_market, reconnect_market};
    enum status st = feed_create(&fc, &out, &n->feed);
    if (st != ST_OK) {
        return err_set(err, st, "no memory for %lld markets (feed.markets_max)",
                       (long long)n->r->o->feed.markets_max);
    }
    struct ws_handler h = {n, market_open, market_frame, market_close};
    return connect_one(n, &h, &n->market_conn, err);
}

static enum status build_private_session(struct run_net *n, struct err *err)
{
    if (!n->r->trading || n->r->paper) {
        return ST_OK;
    }
    struct feed_config fc = feed_config_of(&n->r->o->feed);
    /* Private channels are silent for as long as nothing trades: only pings tell whether the
     * connection lives. */
    fc.data_timeout_ns = NS_NEVER / 4;
    struct feed_out out = {n, emit_private, record, send_private, reconnect_private};
    enum status st = fill_listener_create(&fc, &out, n->feed, &n->fills);
    if (st != ST_OK) {
        return err_set(err, st, "no memory for the private session");
    }
    struct ws_handler h = {n, private_open, private_frame, private_close};
    return connect_one(n, &h, &n->private_conn, err);
}

int run_net_build(struct run *r, struct err *err)
{
    struct run_net *n = calloc(1, sizeof *n);
    if (n == NULL) {
        err_set(err, ST_NOMEM, "no memory for the net thread");
        return EXIT_FAILED;
    }
    n->r = r;
    r->net = n;
    n->seen_levels = calloc((size_t)r->o->feed.markets_max, 1);
    const struct exchange_options *x = &r->o->exchange;
    enum status st =
        n->seen_levels != NULL ? ST_OK : err_set(err, ST_NOMEM, "no memory for the net thread");
    if (st == ST_OK) {
        st = key_load(x->key_file, x->key_id, &n->key, err);
    }
    if (st == ST_OK) {
        n->signer = key_signer(n->key);
        st = ws_loop_create(x->ca_file, &n->loop, err);
    }
    if (st == ST_OK) {
        st = build_market_session(n, err);
    }
    if (st == ST_OK) {
        st = build_private_session(n, err);
    }
    if (st != ST_OK) {
        return st == ST_NOMEM ? EXIT_FAILED : EXIT_CONFIG;
    }
    struct agent_config ac = {
        .name = "net",
        .self = n,
        .do_work = net_work,
        .on_start = net_on_start,
        .park = net_park,
        .unpark = net_unpark,
        .idle = (enum idle_kind)r->o->actor.idle,
        .max_sleep_ns = LOOP_WAIT_MAX,
        .slow_turn_ns = r->o->actor.slow_turn_ms * NS_PER_MS,
    };
    if (agent_create(&ac, &r->net_agent) != ST_OK) {
        err_set(err, ST_NOMEM, "cannot make the net agent");
        return EXIT_FAILED;
    }
    if (r->actor_on_net) {
        r->actor_agent = r->net_agent;
    }
    return EXIT_DONE;
}

void run_net_destroy(struct run *r)
{
    struct run_net *n = r->net;
    if (n == NULL) {
        return;
    }
    agent_destroy(r->net_agent);
    r->net_agent = NULL;
    ws_conn_destroy(n->market_conn);
    ws_conn_destroy(n->private_conn);
    ws_loop_destroy(n->loop);
    fill_listener_destroy(n->fills);
    feed_destroy(n->feed);
    key_destroy(n->key);
    free(n->seen_levels);
    free(n);
    r->net = NULL;
}

enum status run_follow(struct run *r, const struct ev_market *m, bool started)
{
    if (!started) {
        return feed_add_market(r->net->feed, m, clock_mono(), clock_wall());
    }
    struct ev_market copy = *m;
    copy.h.size = ev_round8(sizeof copy);
    copy.h.type = EV_MARKET;
    enum status st = ring_push(r->discovered, &copy, copy.h.size);
    agent_wake(r->net_agent);
    return st;
}

const struct feed_stats *run_feed_stats(const struct run *r)
{
    return feed_stats(r->net->feed);
}
