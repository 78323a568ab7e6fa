/*
 * timefmt.h - units of time, and dates as text. No function here reads a clock; base/clock.h does.
 */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef int64_t mono_ns_t; /* CLOCK_MONOTONIC, for durations and deadlines */
typedef int64_t wall_ns_t; /* UTC since 1970, for records */

#define NS_PER_US  INT64_C(1000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)
#define NS_NEVER   INT64_MAX /* a deadline that never comes */

#define TIME_TEXT_MAX 40

/* "2026-06-11T06:29:20.866753Z": UTC, microseconds, trailing zeros cut as the exchange does;
 * returns the length. */
size_t time_format(wall_ns_t t, char buf[TIME_TEXT_MAX]);

/* RFC 3339 with Z or an offset, 0 to 9 decimals, years 1970 to 2200. ST_MALFORMED otherwise. */
enum status time_parse(const char *s, size_t n, wall_ns_t *ret_t) MUST_CHECK;

#endif
