/*
 * sim_exchange.c - the exchange itself as REST shows it: status, hours, how fresh reads are, where
 * history begins; and the lists of what this exchange has none of.
 */
#include <string.h>

#include "sim/sim_read.h"

/* --- cutoffs --- */

static wall_ns_t before(const struct sim *sim, mono_ns_t window)
{
    return sim->wall > window ? sim->wall - window : 0;
}

wall_ns_t cutoff_settled(const struct sim *sim)
{
    return before(sim, sim->config.live_window_ns);
}

wall_ns_t cutoff_trades(const struct sim *sim)
{
    return before(sim, sim->config.live_window_ns);
}

wall_ns_t cutoff_orders(const struct sim *sim)
{
    return before(sim, sim->config.order_window_ns);
}

void cutoff_read(const struct read *q)
{
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_time(&w, "market_positions_last_updated_ts", cutoff_settled(q->sim));
    jw_time(&w, "market_settled_ts", cutoff_settled(q->sim));
    jw_time(&w, "orders_updated_ts", cutoff_orders(q->sim));
    jw_time(&w, "trades_created_ts", cutoff_trades(q->sim));
    jw_close(&w, '}');
}

/* --- status --- */

static void write_active(const struct sim *sim, struct jw *w)
{
    jw_bool(w, "exchange_active", !sim->exchange_paused);
    jw_bool(w, "trading_active", !sim->trading_paused);
    jw_bool(w, "intra_exchange_transfers_active", !sim->exchange_paused);
}

static void write_shard(const struct sim *sim, struct jw *w, uint32_t index, const char *what)
{
    jw_open(w, NULL, '{');
    jw_int(w, "exchange_index", index);
    jw_str(w, "description", what);
    write_active(sim, w);
    jw_close(w, '}');
}

void status_read(const struct read *q)
{
    const struct sim *sim = q->sim;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    write_active(sim, &w);
    if (sim->trading_paused && sim->resume_at != 0) {
        jw_time(&w, "exchange_estimated_resume_time", sim->resume_at);
    }
    jw_open(&w, "exchange_index_statuses", '[');
    write_shard(sim, &w, 0, "Default");
    if (sim->config.exchange_index != 0) {
        write_shard(sim, &w, sim->config.exchange_index, "Shard of the markets");
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

/* --- schedule --- */

static void write_session(struct jw *w, const char *open, const char *close)
{
    jw_open(w, NULL, '{');
    jw_str(w, "open_time", open);
    jw_str(w, "close_time", close);
    jw_close(w, '}');
}

void schedule_read(const struct read *q)
{
    static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
    const struct sim *sim = q->sim;
    wall_ns_t from = 0;
    wall_ns_t to = 0;
    hours_year(sim->wall, &from, &to);
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_open(&w, "schedule", '{');
    jw_open(&w, "standard_hours", '[');
    jw_open(&w, NULL, '{');
    jw_time(&w, "start_time", from);
    jw_time(&w, "end_time", to);
    for (size_t i = 0; i < 7; i++) {
        bool gap = i == 3 && sim->config.exchange_hours;
        jw_open(&w, days[i], '[');
        write_session(&w, "00:00", gap ? "03:00" : "00:00");
        if (gap) {
            write_session(&w, "05:00", "00:00");
        }
        jw_close(&w, ']');
    }
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_open(&w, "maintenance_windows", '[');
    for (uint32_t i = 0; i < sim->n_windows; i++) {
        if (sim->windows[i].end > sim->wall) {
            jw_open(&w, NULL, '{');
            jw_time(&w, "start_datetime", sim->windows[i].start);
            jw_time(&w, "end_datetime", sim->windows[i].end);
            jw_close(&w, '}');
        }
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    jw_close(&w, '}');
}

void as_of_read(const struct read *q)
{
    const struct sim_rules *rules = &q->sim->config.rules;
    /* Reads of orders may be as old as rules.stale_read_ms: the time never promises more. */
    int64_t lag = rules->stale_read_ms > rules->user_data_lag_ms ? rules->stale_read_ms
                                                                 : rules->user_data_lag_ms;
    struct jw w = reply_json(q->r, 200);
    jw_open(&w, NULL, '{');
    jw_time(&w, "as_of_time", before(q->sim, lag * NS_PER_MS));
    jw_close(&w, '}');
}

/* --- what this exchange has none of --- */

/* Lists that are always empty. body: the answer. */
static const struct {
    const char *path, *operation;
    int64_t limit_max; /* 0: no parameter limit */
    bool limit_required;
    const char *limit, *body;
} lists[] = {
    {"/milestones", "GetMilestones", 500, true, "limit", "{\"milestones\":[],\"cursor\":\"\"}"},
    {"/structured_targets", "GetStructuredTargets", 2000, false, "page_size",
     "{\"structured_targets\":[],\"cursor\":\"\"}"},
    {"/multivariate_event_collections", "GetMultivariateEventCollections", 200, false, "limit",
     "{\"multivariate_contracts\":[],\"cursor\":\"\"}"},
    {"/incentive_programs", "GetIncentivePrograms", 10000, false, "limit",
     "{\"incentive_programs\":[],\"next_cursor\":\"\"}"},
    {"/live_data/batch", "GetLiveDatas", 0, false, NULL, "{\"live_datas\":[]}"},
    {"/search/filters_by_sport", "GetFiltersBySports", 0, false, NULL,
     "{\"filters_by_sports\":{},\"sport_ordering\":[]}"},
};

/* Objects under these are never there. */
static const char *const nowhere[] = {"/milestones/", "/structured_targets/",
                                      "/multivariate_event_collections/", "/live_data/"};

static bool limit_good(const struct read *q, const char *name, int64_t max, bool required)
{
    int64_t limit = 1;
    const char *field = strcmp(name, "limit") == 0 ? "Limit" : "PageSize";
    if (!(required ? read_required_int(q, name, field, &limit)
                   : read_int(q, name, field, &limit))) {
        return false;
    }
    if (limit < 1 || limit > max) {
        reply_msg(q->r, q->operation, field, limit < 1 ? "gte" : "lte");
        return false;
    }
    return true;
}

bool nothing_read(const struct read *q, struct text rest)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (!text_equal(rest, text_of(lists[i].path))) {
            continue;
        }
        struct read named = *q;
        named.operation = lists[i].operation;
        if (lists[i].limit == NULL ||
            limit_good(&named, lists[i].limit, lists[i].limit_max, lists[i].limit_required)) {
            struct jw w = reply_json(q->r, 200);
            buf_str(w.b, lists[i].body);
        }
        return true;
    }
    struct text name;
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        if (path_under(rest, nowhere[i], &name)) {
            reply_not_found(q->r);
            return true;
        }
    }
    return false;
}
