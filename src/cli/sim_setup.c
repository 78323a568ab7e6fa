/*
 * sim_setup.c - what the options of `deltaflow sim` mean: faults, the simulator's config, the
 * dump, the ready file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sim_calibration.h"
#include "cli/sim_serve.h"
#include "net/files.h"

/* --- faults --- */

enum status sim_plan_faults(struct exchange *x, struct err *err)
{
    const struct config_list *list = &x->o->faults;
    struct buf text;
    buf_init(&text, 1024);
    enum status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < list->n;) {
        if (x->n_faults == FAULTS_MAX) {
            st = err_set(err, ST_LIMIT, "more than %d faults", FAULTS_MAX);
            break;
        }
        buf_clear(&text);
        buf_str(&text, list->v[i++]);
        for (; i < list->n && sim_fault_goes_on(list->v[i]); i++) { /* the list's commas */
            buf_char(&text, ',');
            buf_str(&text, list->v[i]);
        }
        struct err why = {0};
        st = sim_fault_read(text.p, &x->faults[x->n_faults].plan, &why);
        if (st != ST_OK) {
            (void)err_set(err, st, "sim.faults: %s", why.text);
        }
        x->n_faults++;
    }
    buf_finish(&text);
    return st;
}

static struct sim_rules rules_of(const struct rules_options *o)
{
    return (struct sim_rules){
        .acks_first = o->acks_first,
        .frame_newline = o->frame_newline,
        .price_decimals = (int)o->price_decimals,
        .add_markets_snapshots = o->add_markets_snapshots,
        .get_snapshot_seq = o->get_snapshot_seq,
        .unknown_ticker = o->unknown_ticker,
        .slow_reader = o->slow_reader,
        .timestamps = o->timestamps,
        .shuffle_channels = o->shuffle_channels,
        .extra_keys = o->extra_keys,
        .deprecated_fields = o->deprecated_fields,
        .error_market_ticker = o->error_market_ticker,
        .ws_public_open = o->ws_public_open,
        .clock_behind_ms = o->clock_behind_ms,
        .clock_ahead_ms = o->clock_ahead_ms,
        .post_only_cross = o->post_only_cross,
        .fok_kill = o->fok_kill,
        .user_data_lag_ms = o->user_data_lag_ms,
        .listing_delay_ms = o->listing_delay_ms,
        .client_order_id_reuse = o->client_order_id_reuse,
        .cancel_client_order_id = o->cancel_client_order_id,
        .create_200 = o->create_200,
        .stale_read_ms = o->stale_read_ms,
        .cancel_all_lingers_ms = o->cancel_all_lingers_ms,
        .last_cursor_null = o->last_cursor_null,
        .settlement_held = o->settlement_held,
        .portfolio_value_cash = o->portfolio_value_cash,
        .book_falling = o->book_falling,
        .book_needs_key = o->book_needs_key,
        .unknown_key_invalid = o->unknown_key_invalid,
        .bucket_seconds = (int)o->bucket_seconds,
        .auto_every_shard = o->auto_every_shard,
        .error_service = o->error_service,
        .balance_free = o->balance_free,
        .entry_cash = o->entry_cash,
        .grain_cent = o->grain_cent,
        .self_per_subaccount = o->self_per_subaccount,
        .close = o->close,
        .inactive_shut = o->inactive_shut,
    };
}

struct sim_config sim_config_of(const struct sim_options *o)
{
    struct sim_config c = sim_config_default();
    c.rules = rules_of(&o->rules);
    c.captures = o->capture.v;
    c.n_captures = o->capture.n;
    c.capture_align = o->capture_align;
    c.capture_end = o->capture_end;
    c.outcomes = o->outcomes.v;
    c.n_outcomes = o->outcomes.n;
    c.queue_model = o->queue_model;
    c.speed = o->speed;
    c.loop_capture = o->loop_capture;
    c.markets = (uint32_t)o->markets;
    c.seed = (uint64_t)o->seed;
    c.rate = o->rate;
    c.flow_lag_ns = o->flow_lag_ms * NS_PER_MS;
    c.flow_stalls = o->flow_stalls;
    c.flow_joins = o->flow_joins;
    c.duration_ns = o->duration_s * NS_PER_SEC;
    c.pause_after_ns = o->pause_after_s * NS_PER_SEC;
    c.balance = o->balance;
    c.fee_type = fee_kind_text(o->fee_type);
    c.fee_mult_micros = o->fee_multiplier;
    c.tier_name = tier_kind_text(o->tier);
    int64_t read[2] = {c.read_rate, c.read_capacity};
    int64_t write[2] = {c.write_rate, c.write_capacity};
    (void)sim_tier_budget(c.tier_name, read, write); /* every choice of the option is one */
    c.read_rate = read[0];
    c.read_capacity = read[1];
    c.write_rate = write[0];
    c.write_capacity = write[1];
    c.exchange_index = (uint32_t)o->exchange_index;
    c.time_scale = o->time_scale;
    c.exchange_hours = o->hours == HOURS_EXCHANGE;
    c.live_window_ns = o->live_window_s * NS_PER_SEC;
    c.order_window_ns = o->order_window_s * NS_PER_SEC;
    c.wait_for_client = o->wait_for_client;
    return c;
}

/* --- the dump --- */

enum status sim_check_dump(const struct exchange *x, struct err *err)
{
    char folder[NET_PATH_MAX];
    const char *path = x->o->dump;
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", n > 0 ? (int)n : 1, n > 0 ? path : ".");
    return path[0] == '\0' || access(folder, W_OK) == 0
               ? ST_OK
               : err_set(err, ST_IO, "the dump %s cannot be written: %s", path, strerror(errno));
}

/* --- the ready file --- */

/* A JSON string of the whole path, so that the ready file can be used from any folder. */
static void json_path(struct buf *out, const char *path)
{
    char *whole = realpath(path, NULL);
    buf_json_str(out, text_of(whole != NULL ? whole : path));
    free(whole);
}

static void ready_text(const struct exchange *x, struct buf *out)
{
    char key_file[NET_PATH_MAX] = "";
    snprintf(key_file, sizeof key_file, "%s/user1.key", x->o->state_dir);
    bool v6 = strchr(x->o->listen, ':') != NULL;
    int port = server_port(x->server);
    buf_printf(out, "{\"rest_url\":\"https://%s%s%s:%d/trade-api/v2\",", v6 ? "[" : "",
               x->o->listen, v6 ? "]" : "", port);
    buf_printf(out, "\"ws_url\":\"wss://%s%s%s:%d/trade-api/ws/v2\",\"ca_file\":", v6 ? "[" : "",
               x->o->listen, v6 ? "]" : "", port);
    json_path(out, x->ca.ca_cert);
    buf_printf(out, ",\"key_id\":\"%s\",\"key_file\":", people_first_key(x->people));
    json_path(out, key_file);
    buf_str(out, ",\"markets\":[");
    for (size_t i = 0; sim_market(x->sim, i) != NULL; i++) {
        buf_str(out, i == 0 ? "" : ",");
        buf_json_str(out, text_of(sim_market(x->sim, i)));
    }
    buf_str(out, "]}\n");
}

enum status sim_write_ready_file(const struct exchange *x, struct err *err)
{
    if (x->o->ready_file[0] == '\0') {
        return ST_OK;
    }
    struct buf out;
    buf_init(&out, 64u << 20);
    ready_text(x, &out);
    enum status st = out.failed ? err_set(err, ST_NOMEM, "no memory for the ready file")
                                : file_write(x->o->ready_file, out.p, out.n, 0600, err);
    buf_finish(&out);
    return st;
}
