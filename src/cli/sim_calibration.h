/*
 * sim_calibration.h - what cmd_sim.c and cmd_sim_calibration.c share.
 */
#ifndef CLI_SIM_CALIBRATION_H
#define CLI_SIM_CALIBRATION_H

#include "config/options.h"
#include "sim/sim.h"

/* The simulator that options ask for; without users. Borrows texts of o. */
struct sim_config sim_config_of(const struct sim_options *o);

/*
 * `deltaflow sim --calibration CAPTURE...`: recordings and generated flow side by side. Markets,
 * rate and duration are those of the recordings where c says that they stand at their default.
 * Returns an exit code.
 */
int sim_calibration(const struct sim_options *o, const struct config *c, const char *const *paths,
                    size_t n);

#endif
