/*
 * calibrate.h - recordings and generated flow measured alike (sim/flow_stats.h).
 *
 * Generated flow is measured as a subscriber sees it: a simulator runs in virtual time, as fast as
 * the machine can, and its frames are decoded. No clock, no socket. Owner: one thread.
 */
#ifndef SIM_CALIBRATE_H
#define SIM_CALIBRATE_H

#include "sim/flow_stats.h"
#include "sim/sim.h"

#define CALIBRATE_MARKETS_MAX 200000u

/* Called now and then. what: a file's name, or "generated"; done: 0..1, below 0 when unknown. */
struct calibrate_progress {
    void *self; /* NULL with tell NULL: nobody looks */
    void (*tell)(void *self, const char *what, double done);
};

struct calibrate_reading {
    struct flow_figures figures;
    uint64_t skipped; /* lines that are no message */
};

/*
 * Measure n recordings as one. ST_MALFORMED: a file holds no book and no trade; otherwise as
 * capture_open(); err names the file.
 */
enum status calibrate_recorded(const char *const *paths, size_t n,
                               const struct calibrate_progress *progress,
                               struct calibrate_reading *ret, struct err *err) MUST_CHECK;

/*
 * Measure generated flow from its beginning until config->duration_ns (required) have passed and
 * the markets have closed. Users, captures and waiting of config are ignored. ST_INVALID and what
 * sim_create() says.
 */
enum status calibrate_generated(const struct sim_config *config,
                                const struct calibrate_progress *progress, struct flow_figures *ret,
                                struct err *err) MUST_CHECK;

#endif
