/* config_int.h - what the files of config/ share. */
#ifndef CONFIG_CONFIG_INT_H
#define CONFIG_CONFIG_INT_H

#include "config/config.h"

#define CONFIG_TEXT_MAX 4096U  /* of one value */
#define CONFIG_LIST_MAX 10000U /* entries of one list */
#define CONFIG_NAME_MAX 128U   /* of a key in any of its three spellings */

struct option_state {
    enum config_source source;
    char *origin;        /* "file.ini:12", NULL for defaults; owned */
    unsigned pass;       /* reading in which it was set last */
    const char **values; /* OPT_LIST: the entries; owned */
    size_t n_values;
    size_t cap_values;
};

struct block {
    struct block *next;
    char bytes[];
};

struct config {
    const struct option_table *table;
    char *const *env;
    void *out;
    struct option_state *state; /* one for each row of the table */
    struct block *blocks;       /* texts */
    unsigned pass;
    const char **rest; /* of the last config_read_flags */
};

/* --- value.c --- */

/* Parse and store a value. err: what is wrong and what is allowed, without the place. With add, a
 * list grows instead of beginning anew. */
enum status value_set(struct config *c, size_t i, const char *text, bool add,
                      struct err *err) MUST_CHECK;
/* The value as text that value_set takes. */
void value_text(const struct config *c, size_t i, struct buf *out);
/* "0 to 60000 ms", "true or false", "gtc, ioc"... */
void value_allowed(const struct config_option *o, struct buf *out);

/* --- config.c --- */

#define OPTION_NONE SIZE_MAX
size_t option_find(const struct option_table *t, const char *section, const char *name);
/* True when another command's table has it. */
bool option_elsewhere(const struct option_table *t, const char *section, const char *name);
/* value_set, with the origin kept and err prefixed by place. add: see value_set. */
enum status config_apply(struct config *c, size_t i, const char *text, enum config_source source,
                         const char *origin, struct err *err) MUST_CHECK;

/* The three spellings. */
void option_env_name(const struct config_option *o, char buf[CONFIG_NAME_MAX]);
void option_flag_name(const struct config_option *o, char buf[CONFIG_NAME_MAX]);

/* Remember the candidate nearest to a misspelt word. */
struct nearest {
    const char *word;
    unsigned distance;
    char best[CONFIG_NAME_MAX];
};
void nearest_init(struct nearest *n, const char *word);
void nearest_try(struct nearest *n, const char *candidate);
/* "; did you mean X?" or "". */
const char *nearest_hint(const struct nearest *n, char buf[CONFIG_NAME_MAX + 32]);

/* --- dirs.c --- */

/* ~/ and $XDG_..._HOME/ at the beginning replaced. ST_NOT_FOUND: HOME is not set; ST_INVALID:
 * another variable; ST_LIMIT. */
enum status path_expand(char *const *env, const char *path, char *buf, size_t cap) MUST_CHECK;
const char *env_get(char *const *env, const char *name);

#endif
