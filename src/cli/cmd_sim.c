/*
 * cmd_sim.c - `deltaflow sim`: the simulated exchange behind its TLS server, and the commands
 * around it.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/sim_calibration.h"
#include "cli/sim_client.h"
#include "cli/sim_serve.h"

extern char **environ;

static const char usage[] =
    "usage: deltaflow sim [--capture FILE... [--speed K] | --markets N --seed S --rate R] "
    "[options]\n"
    "       deltaflow sim --scenario FILE [--markets 0] [--time-scale K] [options]\n"
    "       deltaflow sim --calibration CAPTURE... [--json]\n"
    "       deltaflow sim keygen|users|fault|do|status ...   each has --help\n"
    "\n"
    "A Kalshi-compatible exchange on this machine: REST and WebSocket over TLS on one port, signed "
    "requests, order\n"
    "books, matching, fees, accounts. Its flow is a recording served as if it happened now, or "
    "generated.\n"
    "\n"
    "examples:\n"
    "  deltaflow sim --ready-file sim.json              generated flow; then: deltaflow run "
    "--exchange sim.json\n"
    "  deltaflow sim --capture window.jsonl.zst --speed 10 --ready-file sim.json\n"
    "  deltaflow sim --calibration window.jsonl.zst     recorded and generated flow side by side\n"
    "  deltaflow sim --fault cut@5 --fault http_429@8*3 ...   faults, in seconds after the first "
    "connection\n"
    "  deltaflow sim --markets 0 --scenario examples/scenario.json    what happens when, from a "
    "file\n"
    "  deltaflow sim --fault lag@10:for=5:delay_ms=250 ...     with keys, see docs/SIMULATOR.md\n"
    "\n"
    "  deltaflow sim --state sim.db ...                 goes on where it was: users, cash, orders, "
    "books\n"
    "  deltaflow sim users add alice --balance 5000 --tier premier; deltaflow sim fault lag --for "
    "10s\n"
    "\n"
    "Stops on SIGINT or SIGTERM. exit status: 0 done, 1 failed while running, 2 usage, 4 recording "
    "or "
    "scenario or state refused,\n"
    "5 configuration, 6 address or port cannot be used.\n";

/* -1: go on, else an exit code. */
static int handle_asides(const struct config *c, const struct config_args *args, bool files)
{
    if (!args->help && args->print == NULL) {
        return args->n_rest > 0 && !files
                   ? cli_usage("sim", "'%s' is no option (options begin with --)", args->rest[0])
                   : -1;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    if (args->help) {
        buf_str(&out, usage);
        buf_char(&out, '\n');
        config_help(&sim_option_table, &out);
        buf_str(&out, "\nactions of scenarios (keys: docs/SIMULATOR.md):\n");
        sim_command_help(&out);
    } else if (strcmp(args->print, "markdown") == 0) {
        config_markdown(&sim_option_table, &out);
    } else {
        config_print(c, &out);
    }
    int code = cli_print("sim", &out);
    buf_finish(&out);
    return code;
}

/* The commands around a simulator: the first word, before any option. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"keygen", sim_cmd_keygen},
                {"users", sim_cmd_users},
                {"fault", sim_cmd_fault},
                {"do", sim_cmd_do},
                {"status", sim_cmd_status}};

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return cli_usage("sim",
                     "there is no command '%s': keygen, users, fault, do, status, or options "
                     "to serve",
                     argv[1]);
}

static int run(int argc, char **argv)
{
    if (argc > 1 && argv[1][0] != '-') {
        return run_command(argc, argv);
    }
    struct sim_options o;
    struct config *c = NULL;
    struct config_args args;
    struct err err = {0};
    if (config_load(&sim_option_table, argc, argv, environ, &o, &c, &args, &err) != ST_OK) {
        config_destroy(c);
        return cli_fail("sim", args.wrong_flag ? EXIT_USAGE : cli_config_code(&err), "%s",
                        err.text);
    }
    int code = handle_asides(c, &args, o.calibration);
    if (code < 0) {
        log_set_level((enum log_level)o.log_level);
        code = sim_options_check(&o, &err) != ST_OK ? cli_fail("sim", EXIT_CONFIG, "%s", err.text)
               : o.calibration                      ? sim_calibration(&o, c, args.rest, args.n_rest)
                                                    : sim_serve(&o);
    }
    config_destroy(c);
    return code;
}

const struct cli_command cmd_sim = {"sim", "a Kalshi-compatible exchange on this machine", run};
