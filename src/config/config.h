/*
 * config.h - options: one row each, read from default < file < environment < flag.
 *
 * `[orders] position_read_delay_ms` in the file = DELTAFLOW_ORDERS_POSITION_READ_DELAY_MS =
 * --orders-position-read-delay-ms (some have a short flag too). Unknown keys and bad values are
 * refused with their place, the reason and what is allowed. The result is a plain struct of the
 * caller; struct config owns its texts and knows where each value came from.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum option_type {
    OPT_BOOL,  /* bool: true, false, yes, no, on, off, 1, 0 */
    OPT_INT,   /* int64_t */
    OPT_FLOAT, /* double */
    OPT_PX,    /* px_t, decimal dollars */
    OPT_QTY,   /* qty_t, decimal contracts */
    OPT_USD,   /* usd_t, decimal dollars (or any number with six decimals) */
    OPT_TEXT,  /* const char *, "" when not set */
    OPT_PATH,  /* const char *: ~/ and $XDG_..._HOME/ at the beginning are replaced */
    OPT_ENUM,  /* int: index in choices */
    OPT_LIST   /* struct config_list: separated by commas; repeated flags and lines add to it */
};

/* Strings, each NUL-terminated; owned by struct config. */
struct config_list {
    const char *const *v;
    size_t n;
};

#define OPT_POWER_OF_TWO 1U

struct config_option {
    const char *section, *name;
    enum option_type type;
    size_t offset;       /* of the value in the caller's struct */
    const char *initial; /* default, as text */
    int64_t min, max; /* numbers, in the type's own unit (1e-4 USD for OPT_PX...); floats: whole */
    const char *unit; /* "ms", "contracts", NULL */
    const char *choices; /* OPT_ENUM: "gtc|ioc" */
    const char *alias;   /* short flag without --, NULL */
    unsigned flags;
    const char *help; /* one or two sentences */
};

struct option_table {
    const char *command; /* "run" */
    const struct config_option *v;
    size_t n;
    size_t size; /* of the caller's struct */
    /* Tables of other commands, NULL-terminated or NULL: their keys may be in the same file and
     * environment and are passed over. */
    const struct option_table *const *others;
};

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_FLAG, CONFIG_PROGRAM };

struct config;

/* Everything at its default; ret_out (table->size bytes) is overwritten. env is a NULL-terminated
 * environment for HOME and the XDG folders, borrowed as long as the config. ST_NOMEM. */
enum status config_create(const struct option_table *table, char *const *env, void *out,
                          struct config **ret_config) MUST_CHECK;
void config_destroy(struct config *c); /* NULL is fine; the struct's texts end with it */

/* INI text; name is what messages call it. The first mistake ends it: ST_INVALID, ST_NOT_FOUND
 * (unknown key), ST_MALFORMED; err has name:line, key, reason, what is allowed. */
enum status config_read_text(struct config *c, const char *name, struct text ini,
                             struct err *err) MUST_CHECK;

/* DELTAFLOW_* of the environment given at config_create. */
enum status config_read_env(struct config *c, struct err *err) MUST_CHECK;

/* What the flags asked for besides options. */
struct config_args {
    bool help;
    bool wrong_flag;   /* config_load failed because of a flag: wrong usage, not a wrong file */
    const char *print; /* NULL, "ini" or "markdown": --print-config[=FORMAT] */
    const char *file;  /* --config FILE, NULL */
    const char **rest; /* arguments that are no flags; owned by the config */
    size_t n_rest;
};
/* argv[0] is passed over. --name value, --name=value, --flag, --no-flag; "--" ends the flags. */
enum status config_read_flags(struct config *c, int argc, char *const *argv,
                              struct config_args *ret_args, struct err *err) MUST_CHECK;

/*
 * All of it in order: default, the file (--config, else DELTAFLOW_CONFIG, else
 * $XDG_CONFIG_HOME/deltaflow/deltaflow.ini when it is there), environment, flags. With --help or
 * --print-config mistakes in file and environment are still told.
 */
enum status config_load(const struct option_table *table, int argc, char *const *argv,
                        char *const *env, void *out, struct config **ret_config,
                        struct config_args *ret_args, struct err *err) MUST_CHECK;

/* Set one option by the program (a ready file), as text; origin is what --print-config will say. */
enum status config_set(struct config *c, const char *section, const char *name, const char *value,
                       const char *origin, struct err *err) MUST_CHECK;

/* Where a value came from; CONFIG_DEFAULT for an unknown option. */
enum config_source config_source(const struct config *c, const char *section, const char *name);

/* --- printing
 * ------------------------------------------------------------------------------------------------
 */

/* All options with their values and where each came from, valid INI. */
void config_print(const struct config *c, struct buf *out);
/* The same as one JSON object {"section":{"name":"value"}}, for the session row. */
void config_json(const struct config *c, struct buf *out);
/* Text for --help: flags, values, defaults, meaning. */
void config_help(const struct option_table *table, struct buf *out);
/* A part of docs/CONFIG.md: one table for each section. */
void config_markdown(const struct option_table *table, struct buf *out);

/* --- folders
 * -------------------------------------------------------------------------------------------------
 */

enum config_dir { CONFIG_DIR_CONFIG, CONFIG_DIR_DATA, CONFIG_DIR_STATE };

/* $XDG_CONFIG_HOME/deltaflow, $XDG_DATA_HOME/deltaflow, $XDG_STATE_HOME/deltaflow, with the XDG
 * defaults below $HOME. False, and buf is empty, when neither is set or it is too long. */
bool config_dir(enum config_dir dir, char *const *env, char *buf, size_t cap);

/* Create the folders above a file, mode 0700. ST_DENIED, ST_IO; err has the path. */
enum status config_make_folder_of(const char *path, struct err *err) MUST_CHECK;

#endif
