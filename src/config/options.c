/* options.c - what one row of a table cannot say: texts of enums, options that need each other. */
#include "config/options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_BYTES (48 << 10)

/* Order as in the choices of the tables; test_options holds the two together. */
static const char *const policy_kinds[] = {"hold", "random", "ppo"};
static const char *const fee_kinds[] = {"quadratic", "quadratic_with_maker_fees"};
static const char *const tier_kinds[] = {"basic",   "advanced", "expert",  "premier",
                                         "paragon", "prime",    "prestige"};

static const char *text_at(const char *const *v, size_t n, int i)
{
    return i >= 0 && (size_t)i < n ? v[i] : "unknown";
}

const char *policy_kind_text(int kind)
{
    return text_at(policy_kinds, sizeof policy_kinds / sizeof policy_kinds[0], kind);
}

const char *fee_kind_text(int kind)
{
    return text_at(fee_kinds, sizeof fee_kinds / sizeof fee_kinds[0], kind);
}

const char *tier_kind_text(int kind)
{
    return text_at(tier_kinds, sizeof tier_kinds / sizeof tier_kinds[0], kind);
}

/* The host of an address, without user, port and path. */
static struct text url_host(const char *url)
{
    const char *p = strstr(url, "://");
    p = p != NULL ? p + 3 : url;
    const char *at = strchr(p, '@');
    const char *slash = p + strcspn(p, "/?#");
    if (at != NULL && at < slash) {
        p = at + 1;
    }
    return (struct text){p, strcspn(p, ":/?#")};
}

static bool ends_with(struct text s, const char *tail)
{
    size_t n = strlen(tail);
    return s.n >= n && strncasecmp(s.p + s.n - n, tail, n) == 0;
}

/* kalshi-api.md section 2: production is below kalshi.com, demo below kalshi.co. A final dot names
 * the same host. */
static bool production(const char *url)
{
    struct text host = url_host(url);
    return ends_with(host, "kalshi.com") || ends_with(host, "kalshi.com.");
}

static enum status check_exchange(const struct exchange_options *e, bool paper, struct err *err)
{
    bool local = strncmp(e->rest_url, "https://", 8) == 0 && strncmp(e->ws_url, "wss://", 6) == 0;
    if (!local) {
        return err_set(err, ST_INVALID,
                       "[exchange] rest_url must begin with https:// and ws_url with wss://");
    }
    if (e->live && paper) {
        return err_set(err, ST_INVALID,
                       "[paper] enabled (--paper) and [exchange] live (--live) exclude each other: "
                       "one sends nothing, the other allows orders that cost real money");
    }
    if (!e->live && !paper && (production(e->rest_url) || production(e->ws_url))) {
        return err_set(err, ST_INVALID,
                       "[exchange] rest_url or ws_url is a production host; set [exchange] live = "
                       "true (--live) if you mean it, or trade on paper (--paper)");
    }
    if ((e->key_id[0] == '\0') != (e->key_file[0] == '\0')) {
        return err_set(err, ST_INVALID, "[exchange] key_id and key_file go together; %s is not set",
                       e->key_id[0] == '\0' ? "key_id" : "key_file");
    }
    return ST_OK;
}

/* Limits that contradict each other: nothing, or the wrong thing, would be traded. */
static enum status check_limits(const struct run_options *o, struct err *err)
{
    if (o->orders.count > o->risk.max_order_count) {
        return err_set(err, ST_INVALID, "[orders] count is greater than [risk] max_order_count");
    }
    if (o->orders.market_orders > o->risk.max_open_orders) {
        return err_set(err, ST_INVALID,
                       "[orders] market_orders is greater than [risk] max_open_orders");
    }
    if (o->risk.group_contracts != 0 &&
        o->risk.max_order_count > o->risk.group_contracts * QTY_ONE) {
        return err_set(err, ST_INVALID,
                       "[risk] max_order_count is greater than group_contracts: one order would "
                       "trigger its group");
    }
    return ST_OK;
}

/* Each of them is written anew, renamed over, or unlinked: two in one path would destroy each
 * other. */
static enum status check_paths(const struct run_options *o, struct err *err)
{
    const struct {
        const char *name, *path;
    } files[] = {{"[orders] journal", o->orders.journal},
                 {"[paper] journal", o->paper.journal},
                 {"[store] path", o->store.path},
                 {"[control] socket", o->control.socket},
                 {"[control] heartbeat", o->control.heartbeat}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (size_t k = 0; k < i; k++) {
            if (files[i].path[0] != '\0' && strcmp(files[i].path, files[k].path) == 0) {
                return err_set(err, ST_INVALID, "%s and %s are the same file: %s", files[k].name,
                               files[i].name, files[i].path);
            }
        }
    }
    return ST_OK;
}

enum status run_options_check(const struct run_options *o, struct err *err)
{
    enum status st = check_exchange(&o->exchange, o->paper.enabled, err);
    if (st != ST_OK) {
        return st;
    }
    if (o->feed.reconnect_min_ms > o->feed.reconnect_max_ms) {
        return err_set(err, ST_INVALID, "[feed] reconnect_min_ms is greater than reconnect_max_ms");
    }
    if (o->policy.kind == POLICY_KIND_PPO && o->policy.model[0] == '\0') {
        return err_set(err, ST_INVALID, "[policy] kind = ppo needs [policy] model (--model)");
    }
    if (o->orders.trading == TRADING_ON && o->exchange.key_id[0] == '\0') {
        return err_set(err, ST_INVALID,
                       "[orders] trading = on needs [exchange] key_id and key_file");
    }
    st = check_limits(o, err);
    if (st != ST_OK) {
        return st;
    }
    if (o->orders.journal[0] == '\0') {
        return err_set(err, ST_INVALID, "[orders] journal is not set, and neither is HOME");
    }
    if (o->paper.enabled &&
        (o->paper.journal[0] == '\0' || strcmp(o->paper.journal, o->orders.journal) == 0)) {
        return err_set(err, ST_INVALID,
                       "[paper] journal must be set, and another file than [orders] journal");
    }
    if (o->store.enabled && o->store.path[0] == '\0') {
        return err_set(err, ST_INVALID, "[store] path is not set, and neither is HOME");
    }
    st = check_paths(o, err);
    if (st != ST_OK) {
        return st;
    }
    /* A ring takes records of a quarter of its size; the largest is a snapshot. */
    int64_t snapshot = 128 + o->feed.levels_max * (int64_t)sizeof(struct level);
    if (snapshot > o->bus.market_ring_bytes / 4 || snapshot > o->store.ring_bytes / 4) {
        return err_set(err, ST_INVALID,
                       "a snapshot of [feed] levels_max needs %lld bytes; [bus] market_ring_bytes "
                       "and [store] ring_bytes must be four times as large",
                       (long long)snapshot);
    }
    /* Answers come in parts of 48 KiB (exchange/exchange.h), and none may be lost. */
    if (o->bus.answer_ring_bytes < 4 * ANSWER_BYTES || o->store.ring_bytes < 4 * ANSWER_BYTES) {
        return err_set(err, ST_INVALID,
                       "an answer takes up to %d bytes; [bus] answer_ring_bytes and [store] "
                       "ring_bytes must be four times as large",
                       ANSWER_BYTES);
    }
    return ST_OK;
}

enum status sim_fault_split(const char *text, struct text *ret_name, double *ret_seconds,
                            uint32_t *ret_n)
{
    const char *at = strchr(text, '@');
    if (at == NULL || at == text || at[1] < '0' || at[1] > '9') {
        return ST_MALFORMED;
    }
    const char *star = strchr(at, '*');
    const char *keys = strchr(at, ':');
    const char *all_end = keys != NULL ? keys : at + strlen(at);
    if (star != NULL && star > all_end) {
        star = NULL;
    }
    const char *number_end = star != NULL ? star : all_end;
    if (strspn(at + 1, "0123456789.") != (size_t)(number_end - at - 1)) {
        return ST_MALFORMED;
    }
    char *end = NULL;
    double seconds = strtod(at + 1, &end);
    if (end != number_end || seconds > 1e8) {
        return ST_MALFORMED;
    }
    unsigned long n = 1;
    if (star != NULL) {
        size_t digits = strspn(star + 1, "0123456789");
        n = strtoul(star + 1, NULL, 10);
        if (digits == 0 || digits > 6 || star + 1 + digits != all_end || n == 0) {
            return ST_MALFORMED;
        }
    }
    *ret_name = (struct text){text, (size_t)(at - text)};
    *ret_seconds = seconds;
    *ret_n = (uint32_t)n;
    return ST_OK;
}

bool sim_fault_goes_on(const char *text)
{
    return strchr(text, '=') != NULL && strchr(text, '@') == NULL;
}

enum status sim_options_check(const struct sim_options *o, struct err *err)
{
    if (o->state_dir[0] == '\0') {
        return err_set(err, ST_INVALID, "[sim] state_dir is not set, and neither is HOME");
    }
    if (o->capture.n == 0 && (o->outcomes.n > 0 || o->loop_capture)) {
        return err_set(err, ST_INVALID, "[sim] %s is for recordings, and capture names none",
                       o->outcomes.n > 0 ? "outcomes" : "loop_capture");
    }
    for (size_t i = 0; i < o->faults.n; i++) {
        struct text name;
        double seconds = 0;
        uint32_t n = 0;
        if (sim_fault_goes_on(o->faults.v[i]) && i > 0) {
            continue;
        }
        if (sim_fault_split(o->faults.v[i], &name, &seconds, &n) != ST_OK) {
            return err_set(err, ST_INVALID,
                           "[sim] faults: \"%.40s\" is not NAME@SECONDS[*COUNT][:key=value,...]",
                           o->faults.v[i]);
        }
    }
    return ST_OK;
}

void options_document(struct buf *out)
{
    buf_str(out,
            "<!-- Made from the option tables in src/config by the target config_doc; a test "
            "compares. -->\n"
            "# Configuration\n\n"
            "Every option has a default and can be set in a file, in the environment and by a "
            "flag; the later one wins.\n"
            "The row `position_read_delay_ms` of section `[orders]` is\n\n"
            "| where | how |\n"
            "|---|---|\n"
            "| file | `[orders]`, then `position_read_delay_ms = 100` |\n"
            "| environment | `DELTAFLOW_ORDERS_POSITION_READ_DELAY_MS=100` |\n"
            "| flag | `--orders-position-read-delay-ms 100`, and some have a short flag |\n\n"
            "The file is INI, read from `--config PATH`, else from `DELTAFLOW_CONFIG`, else from\n"
            "`$XDG_CONFIG_HOME/deltaflow/deltaflow.ini` when that exists. A line is at most 199 "
            "characters; a list goes on in\n"
            "indented lines. `;` behind a blank begins a comment. An unknown key and a bad value "
            "are refused with file, line, key\n"
            "and what is allowed. `--print-config` prints all values and where each came from, as "
            "INI again.\n\n"
            "A path may begin with `~/`, `$XDG_CONFIG_HOME/`, `$XDG_DATA_HOME/` or "
            "`$XDG_STATE_HOME/`. No option holds a secret:\n"
            "keys are named by their path. Prices, counts and dollars are decimal numbers, read "
            "exactly.\n\n");
    config_markdown(&run_option_table, out);
    buf_char(out, '\n');
    config_markdown(&sim_option_table, out);
}
