#include "sim/calibrate.h"

#include <stdio.h>

#include "capture/capture.h"
#include "sim/sim.h"

#define LEVELS_MAX  20000u
#define TELL_LINES  20000u              /* progress every so many messages */
#define START       (1000 * NS_PER_SEC) /* of virtual time */
#define START_WALL  (INT64_C(1767225600) * NS_PER_SEC)
#define AFTER_CLOSE (10 * NS_PER_SEC) /* closes and settlements come within */

static const char key_id[] = "00000000-0000-4000-8000-000000000001";

static void tell(const struct calibrate_progress *p, const char *what, double done)
{
    if (p != NULL && p->tell != NULL) {
        p->tell(p->self, what, done);
    }
}

/* --- recordings --- */

static enum status read_file(const char *path, struct flow_stats *s, struct wire_decoder *dec,
                             const struct calibrate_progress *progress,
                             struct calibrate_reading *ret, struct err *err)
{
    struct capture *file = NULL;
    struct capture_line line;
    struct wire_msg m;
    uint64_t taken = 0;
    enum status st = capture_open(path, 0, &file, err);
    if (st != ST_OK) {
        return st;
    }
    for (st = capture_next(file, &line); st == ST_OK || st == ST_MALFORMED;
         st = capture_next(file, &line)) {
        if (st == ST_MALFORMED || wire_decode(dec, line.msg.p, line.msg.n, &m, NULL) != ST_OK) {
            ret->skipped++;
            continue;
        }
        bool counts = m.type == WIRE_SNAPSHOT || m.type == WIRE_DELTA || m.type == WIRE_TRADE;
        enum status took = flow_stats_take(s, &m, line.has_recv ? line.recv : 0);
        if (took != ST_OK) {
            capture_close(file);
            return err_set(err, took, "%s:%llu: %s", path, (unsigned long long)line.number,
                           status_text(took));
        }
        taken += counts;
        if (line.number % TELL_LINES == 0) {
            tell(progress, path, -1);
        }
    }
    if (st != ST_END) {
        st = err_set(err, st, "%s",
                     capture_error(file)[0] != '\0' ? capture_error(file) : status_text(st));
    } else {
        st = taken > 0 ? ST_OK
                       : err_set(err, ST_MALFORMED,
                                 "%s: no book or trade message in this recording", path);
    }
    capture_close(file);
    return st;
}

enum status calibrate_recorded(const char *const *paths, size_t n,
                               const struct calibrate_progress *progress,
                               struct calibrate_reading *ret, struct err *err)
{
    struct flow_stats *s = NULL;
    struct wire_decoder dec = {0};
    ret->skipped = 0;
    enum status st = flow_stats_create(CALIBRATE_MARKETS_MAX, &s);
    st = st == ST_OK ? wire_decoder_init(&dec, LEVELS_MAX) : st;
    if (st != ST_OK) {
        st = err_set(err, st, "no memory for the statistics");
    }
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        st = read_file(paths[i], s, &dec, progress, ret, err);
    }
    if (st == ST_OK && flow_stats_figures(s, &ret->figures) != ST_OK) {
        st = err_set(err, ST_NOMEM, "no memory for the statistics");
    }
    wire_decoder_finish(&dec);
    flow_stats_destroy(s);
    return st;
}

/* --- generated flow, as a subscriber sees it --- */

struct reader {
    struct sim *sim;
    struct sim_conn *conn;
    struct flow_stats *stats;
    struct wire_decoder dec;
    wall_ns_t wall;
    mono_ns_t now;
    enum status st; /* first trouble */
    uint64_t messages;
};

static enum status on_frame(void *self, struct sim_conn *conn, void *peer, const char *s, size_t n)
{
    struct reader *r = self;
    struct wire_msg m;
    (void)conn;
    (void)peer;
    if (r->st == ST_OK) {
        r->st = wire_decode(&r->dec, s, n, &m, NULL);
    }
    if (r->st == ST_OK) {
        r->st = flow_stats_take(r->stats, &m, r->wall);
        r->messages++;
    }
    return ST_OK;
}

static void on_close(void *self, struct sim_conn *conn, void *peer)
{
    struct reader *r = self;
    (void)conn;
    (void)peer;
    r->st = r->st == ST_OK ? ST_CLOSED : r->st;
}

static bool accept(void *self, struct text key, const char *text, size_t n, struct text signature)
{
    (void)self;
    (void)key;
    (void)text;
    (void)n;
    (void)signature;
    return true;
}

static bool known(void *self, struct text key)
{
    (void)self;
    (void)key;
    return true;
}

static enum status connect_reader(struct reader *r, struct err *err)
{
    char stamp[32];
    struct buf body;
    snprintf(stamp, sizeof stamp, "%lld", (long long)(r->wall / NS_PER_MS));
    struct sim_auth auth = {text_of(key_id), text_of(stamp), TEXT("signed")};
    buf_init(&body, 4096);
    int code =
        sim_ws_open(r->sim, &auth, TEXT("/trade-api/ws/v2"), r, r->wall, r->now, &r->conn, &body);
    buf_finish(&body);
    if (code != 0) {
        return err_set(err, ST_DENIED, "the simulator refuses its reader: %d", code);
    }
    static const char all[] = "{\"id\":1,\"cmd\":\"subscribe\",\"params\":{\"channels\":["
                              "\"orderbook_delta\",\"trade\"],\"market_tickers\":[";
    struct buf text;
    buf_init(&text, (size_t)32 << 20);
    buf_str(&text, all);
    for (size_t i = 0; sim_market(r->sim, i) != NULL; i++) {
        buf_str(&text, i == 0 ? "" : ",");
        buf_json_str(&text, text_of(sim_market(r->sim, i)));
    }
    buf_str(&text, "]}}");
    enum status st = text.failed ? err_set(err, ST_NOMEM, "no memory for the subscription") : ST_OK;
    if (st == ST_OK) {
        sim_ws_frame(r->sim, r->conn, (struct text){text.p, text.n}, r->wall, r->now);
    }
    buf_finish(&text);
    return st;
}

static enum status run(struct reader *r, mono_ns_t duration,
                       const struct calibrate_progress *progress, struct err *err)
{
    mono_ns_t end = r->now + duration + AFTER_CLOSE;
    uint64_t told = 0;
    while (!sim_finished(r->sim) && r->st == ST_OK) {
        mono_ns_t next = sim_deadline(r->sim);
        if (next > end) {
            break;
        }
        if (next > r->now) {
            r->wall += next - r->now;
            r->now = next;
        }
        sim_tick(r->sim, r->wall, r->now);
        if (r->messages - told >= TELL_LINES) {
            told = r->messages;
            tell(progress, "generated", (double)(r->now - START) / (double)(end - START));
        }
    }
    return r->st == ST_OK ? ST_OK
                          : err_set(err, r->st, "generated flow: %s after %llu messages",
                                    status_text(r->st), (unsigned long long)r->messages);
}

static enum status measure(struct reader *r, const struct sim_config *config,
                           const struct calibrate_progress *progress, struct flow_figures *ret,
                           struct err *err)
{
    enum status st = flow_stats_create(CALIBRATE_MARKETS_MAX, &r->stats);
    st = st == ST_OK ? wire_decoder_init(&r->dec, LEVELS_MAX) : st;
    if (st != ST_OK) {
        return err_set(err, st, "no memory for the statistics");
    }
    const struct sim_out out = {.self = r, .send = on_frame, .close = on_close};
    const struct sim_verifier verifier = {NULL, accept, known};
    st = sim_create(config, &out, &verifier, r->wall, r->now, &r->sim, err);
    st = st == ST_OK ? connect_reader(r, err) : st;
    st = st == ST_OK ? run(r, config->duration_ns, progress, err) : st;
    if (st == ST_OK && flow_stats_figures(r->stats, ret) != ST_OK) {
        st = err_set(err, ST_NOMEM, "no memory for the statistics");
    }
    return st;
}

enum status calibrate_generated(const struct sim_config *config,
                                const struct calibrate_progress *progress, struct flow_figures *ret,
                                struct err *err)
{
    static const char *const keys[] = {key_id};
    struct sim_config c = *config;
    struct reader r = {.wall = START_WALL, .now = START};
    if (c.duration_ns <= 0) {
        return err_set(err, ST_INVALID, "generated flow is measured for a time above 0");
    }
    c.n_captures = 0;
    c.wait_for_client = false;
    c.pause_after_ns = 0;
    c.key_ids = keys;
    c.n_keys = 1;
    enum status st = measure(&r, &c, progress, ret, err);
    sim_destroy(r.sim);
    wire_decoder_finish(&r.dec);
    flow_stats_destroy(r.stats);
    return st;
}
