/*
 * export.h - one kind of row of a recorded session, written out.
 */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "cli/export_row.h"
#include "store/store.h"

enum export_what {
    EXPORT_DELTAS,
    EXPORT_TRADES,
    EXPORT_SNAPSHOTS,
    EXPORT_ORDERS,
    EXPORT_FILLS,
    EXPORT_DECISIONS,
    EXPORT_OBSERVATIONS,
    EXPORT_GAPS,
    EXPORT_WHAT_MAX
};
const char *export_name(enum export_what what);

struct export_config {
    const char *path;
    int64_t session;
    enum export_what what;
    enum export_format format;
    const char *const *markets; /* tickers; none: all */
    size_t n_markets;
    wall_ns_t from, until; /* receive time, or that of the record; 0: no bound */
    void *self;
    /* Called for every row that was read; false: stop. */
    bool (*go_on)(void *self);
};

struct export_counts {
    uint64_t rows;   /* written */
    uint64_t hashed; /* EXPORT_OBSERVATIONS: decisions of which only the hash was recorded */
};

/*
 * Write them to file. ST_CLOSED: go_on said no. ST_IO with err "...cannot be
 * written": the file is full or gone. ST_NOT_FOUND: a market of the config is not in the session.
 * Else what the reading side says.
 */
enum status export_session(const struct export_config *config, FILE *file,
                           struct export_counts *ret, struct err *err) MUST_CHECK;

/* When the session's first turn or event was; 0: it has none. */
enum status export_first_time(const char *path, int64_t session, wall_ns_t *ret,
                              struct err *err) MUST_CHECK;

#endif
