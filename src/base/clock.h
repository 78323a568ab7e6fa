/*
 * clock.h - the only readers of the machine's clocks. For agents and commands; engines are given
 * the time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/timefmt.h"

mono_ns_t clock_mono(void);
wall_ns_t clock_wall(void);

#endif
