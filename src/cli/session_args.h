/*
 * session_args.h - what the commands about recorded sessions share: which database, which session,
 * and how a mistake there is told.
 */
#ifndef CLI_SESSION_ARGS_H
#define CLI_SESSION_ARGS_H

#include <getopt.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "store/store.h"

#define SESSION_STORE_MAX 4096

/* The options that all of them take; a command's own begin at SESSION_OPT_OWN. */
enum {
    SESSION_OPT_STORE = 1,
    SESSION_OPT_CONFIG,
    SESSION_OPT_JSON,
    SESSION_OPT_HELP,
    SESSION_OPT_OWN
};
/* clang-format off */
#define SESSION_LONG_OPTIONS                                \
    {"store", required_argument, NULL, SESSION_OPT_STORE},  \
    {"config", required_argument, NULL, SESSION_OPT_CONFIG},\
    {"json", no_argument, NULL, SESSION_OPT_JSON},          \
    {"help", no_argument, NULL, SESSION_OPT_HELP}
/* clang-format on */
#define SESSION_OPTIONS_HELP                                                                       \
    "  --store FILE       the database: a file or a postgresql:// URL (default: store.path of\n"   \
    "                     `deltaflow run`)\n"                                                      \
    "  --config FILE      configuration file, as of `deltaflow run`\n"
#define SESSION_ARGUMENT_HELP                                                                      \
    "SESSION is a number, as `deltaflow sessions` lists them, or `last`.\n"

struct session_args {
    const char *command;
    const char *store, *config; /* of the command line; NULL: not given */
    bool json, help;
    char path[SESSION_STORE_MAX]; /* after session_store_find() */
};

/* Take one of the shared options, of optarg; false: c is another. */
bool session_take_option(int c, struct session_args *a);
/* "unknown option", "wants a value": what getopt_long said with c; returns EXIT_USAGE. */
int session_bad_option(const struct session_args *a, int c, char *const *argv);

/* Fill in path by what the options, the environment and the config file say. 0, or an exit code
 * (told). */
int session_store_find(struct session_args *a);

/* The folder of the spill files: given, or else as the environment and the config file say. 0, or
 * an exit code (told). */
int session_spill_find(const struct session_args *a, const char *given,
                       char ret_folder[SESSION_STORE_MAX]);

/* The same, without a folder given; "": no rows are spilled. */
int session_spill_folder(const struct session_args *a, char ret_folder[SESSION_STORE_MAX]);

/* A session row, copied. */
struct session_row {
    struct store_session s; /* its texts are those below */
    struct buf texts[5];
    bool found;
};
/*
 * The session that text names ("last", "17"). 0, or an exit code (told): there is none, or the
 * database cannot be read. The caller ends *ret with session_row_finish() in any case.
 */
int session_pick(const struct session_args *a, const char *text, struct session_row *ret);
void session_row_finish(struct session_row *row);
/* It is being recorded now. */
bool session_running(const struct store_session *s);
/* It was made by `deltaflow import`; *ret_seq_check: with sequence numbers looked at. */
bool session_imported(const struct store_session *s, bool *ret_seq_check);

/* A status of the reading side as an exit code, told with err's text. */
int session_fail(const struct session_args *a, enum status st, const struct err *err);

/*
 * A time on the command line: RFC 3339, seconds since 1970, or +N with a unit (ms, s, m, h, d)
 * behind `from`. False: none of them.
 */
bool session_time(const char *text, wall_ns_t from, wall_ns_t *ret);
/* "90s", "15m", "12h", "30d": a length of time. False: no such text, or over 100 years. */
bool session_duration(const char *text, mono_ns_t *ret);

#endif
