/*
 * cmd_sim_calibration.c - `deltaflow sim --calibration`: is the generated flow like the recorded?
 */
#include "cli/sim_calibration.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "sim/calibrate.h"

#define QUIET (2 * NS_PER_SEC) /* no progress before */

struct report {
    struct calibrate_reading recorded;
    struct flow_figures generated;
    struct sim_config config; /* of the generated side */
};

static void tell(void *self, const char *what, double done)
{
    const mono_ns_t *began = self;
    if (clock_mono() - *began < QUIET) {
        return;
    }
    if (done < 0) {
        cli_progress("measuring %s", what);
    } else {
        cli_progress("measuring %s flow: %.0f %%", what, done * 100);
    }
}

/* The generated side has the shape of the recorded one, but for what was asked for. */
static struct sim_config config_for(const struct sim_options *o, const struct config *c,
                                    const struct flow_figures *f)
{
    struct sim_config s = sim_config_of(o);
    if (config_source(c, "sim", "markets") == CONFIG_DEFAULT) {
        s.markets = (uint32_t)f->v[FLOW_MARKETS];
    }
    if (config_source(c, "sim", "duration_s") == CONFIG_DEFAULT || s.duration_ns == 0) {
        double seconds = f->v[FLOW_SECONDS] > 1 ? ceil(f->v[FLOW_SECONDS]) : 1;
        s.duration_ns = (mono_ns_t)seconds * NS_PER_SEC;
    }
    if (config_source(c, "sim", "rate") == CONFIG_DEFAULT && f->v[FLOW_RATE_MEAN] > 0) {
        s.rate = f->v[FLOW_RATE_MEAN] * s.markets;
    }
    return s;
}

static void print_cell(double v, const struct flow_figure_info *info)
{
    if (isnan(v)) {
        printf(" %12s", "-");
    } else {
        printf(" %12.*f", info->decimals, v);
    }
}

static void print_table(const struct report *r, size_t n_files)
{
    printf("%zu recording%s; generated: %u markets, %.1f messages/s, %lld s, seed %llu\n\n",
           n_files, n_files == 1 ? "" : "s", r->config.markets, r->config.rate,
           (long long)(r->config.duration_ns / NS_PER_SEC), (unsigned long long)r->config.seed);
    printf("%-24s %12s %12s %8s\n", "", "recorded", "generated", "ratio");
    for (int i = 0; i < FLOW_FIGURE_MAX; i++) {
        const struct flow_figure_info *info = flow_figure_info((enum flow_figure)i);
        double a = r->recorded.figures.v[i];
        double b = r->generated.v[i];
        printf("%-24s", info->name);
        print_cell(a, info);
        print_cell(b, info);
        if (a > 0 && b >= 0) {
            printf(" %8.2f", b / a);
        } else {
            printf(" %8s", "-");
        }
        printf("  %s%s%s\n", info->text, info->unit[0] != '\0' ? ", " : "", info->unit);
    }
    if (r->recorded.skipped > 0) {
        printf("\n%llu lines of the recordings are no message and were passed over.\n",
               (unsigned long long)r->recorded.skipped);
    }
}

static void json_figures(struct buf *out, const char *key, const struct flow_figures *f)
{
    buf_printf(out, "\"%s\":{", key);
    for (int i = 0; i < FLOW_FIGURE_MAX; i++) {
        const struct flow_figure_info *info = flow_figure_info((enum flow_figure)i);
        buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", info->name);
        if (isnan(f->v[i])) {
            buf_str(out, "null");
        } else {
            buf_printf(out, "%.*f", info->decimals > 3 ? info->decimals : 3, f->v[i]);
        }
    }
    buf_char(out, '}');
}

static enum status print_json(const struct report *r, const char *const *paths, size_t n)
{
    struct buf out;
    buf_init(&out, 1u << 24);
    buf_str(&out, "{\"captures\":[");
    for (size_t i = 0; i < n; i++) {
        buf_str(&out, i == 0 ? "" : ",");
        buf_json_str(&out, text_of(paths[i]));
    }
    buf_printf(
        &out,
        "],\"skipped_lines\":%llu,\"options\":{\"markets\":%u,\"rate\":%.3f,\"duration_s\":%lld,"
        "\"seed\":%llu},",
        (unsigned long long)r->recorded.skipped, r->config.markets, r->config.rate,
        (long long)(r->config.duration_ns / NS_PER_SEC), (unsigned long long)r->config.seed);
    json_figures(&out, "recorded", &r->recorded.figures);
    buf_char(&out, ',');
    json_figures(&out, "generated", &r->generated);
    buf_str(&out, "}\n");
    enum status st = out.failed ? ST_NOMEM : ST_OK;
    if (st == ST_OK) {
        fwrite(out.p, 1, out.n, stdout);
    }
    buf_finish(&out);
    return st;
}

static int measure(const struct sim_options *o, const struct config *c, const char *const *paths,
                   size_t n, struct report *r)
{
    struct err err = {0};
    mono_ns_t began = clock_mono();
    const struct calibrate_progress progress = {&began, tell};
    enum status st = calibrate_recorded(paths, n, &progress, &r->recorded, &err);
    int code = st == ST_OK ? EXIT_DONE : st == ST_NOMEM ? EXIT_FAILED : EXIT_REFUSED;
    if (st == ST_OK) {
        r->config = config_for(o, c, &r->recorded.figures);
        st = calibrate_generated(&r->config, &progress, &r->generated, &err);
        code = st == ST_OK ? EXIT_DONE : st == ST_INVALID ? EXIT_CONFIG : EXIT_FAILED;
    }
    cli_progress_end();
    return st == ST_OK ? EXIT_DONE : cli_fail("sim", code, "%s", err.text);
}

int sim_calibration(const struct sim_options *o, const struct config *c, const char *const *paths,
                    size_t n)
{
    struct report r;
    if (n == 0) {
        paths = o->capture.v;
        n = o->capture.n;
    }
    if (n == 0) {
        return cli_usage("sim", "--calibration needs recordings to compare with");
    }
    int code = measure(o, c, paths, n, &r);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o->json && print_json(&r, paths, n) != ST_OK) {
        return cli_fail("sim", EXIT_FAILED, "no memory for the report");
    }
    if (!o->json) {
        print_table(&r, n);
    }
    return fflush(stdout) == 0 && ferror(stdout) == 0
               ? EXIT_DONE
               : cli_fail("sim", EXIT_FAILED, "the report cannot be written");
}
