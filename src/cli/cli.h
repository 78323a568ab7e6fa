/*
 * cli.h - what the commands share: the command table, exit statuses, messages to a person.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

/* Exit statuses of every command (design: contracts of the command line). */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,      /* failed while running */
    EXIT_USAGE = 2,       /* wrong usage */
    EXIT_PARTLY = 3,      /* input read but partly malformed */
    EXIT_REFUSED = 4,     /* input refused: model, recording, state */
    EXIT_CONFIG = 5,      /* configuration or credentials */
    EXIT_UNREACHABLE = 6, /* exchange or database not reachable */
    EXIT_HALTED = 7
};

struct cli_command {
    const char *name;
    const char *summary;               /* one line for `deltaflow help` */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit code */
};

extern const struct cli_command cmd_flatten, cmd_guard, cmd_halt, cmd_resume, cmd_status;
extern const struct cli_command cmd_books, cmd_demo, cmd_observe, cmd_policy, cmd_run, cmd_sim;
extern const struct cli_command cmd_import, cmd_replay, cmd_sessions, cmd_verify;
extern const struct cli_command cmd_export, cmd_prune, cmd_show, cmd_spill;

/* "deltaflow books: what" on stderr, with the hint to try --help; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "deltaflow books: what" on stderr; returns code. */
int cli_fail(const char *command, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The text on stdout, or a complaint when it is not whole or cannot be written. EXIT_DONE or
 * EXIT_FAILED. */
int cli_print(const char *command, const struct buf *text);

/* How a command ends whose configuration could not be read: EXIT_CONFIG, or EXIT_FAILED without
 * memory. */
int cli_config_code(const struct err *err);

/* No core file of this process: it would hold the private key. */
void cli_no_core(void);

/* A status line that is rewritten in place on a terminal, and printed at most every 5 s elsewhere.
 */
void cli_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_progress_end(void);

extern const char deltaflow_version[];

#endif
