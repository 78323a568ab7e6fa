/*
 * frames.h - the busiest recorded market as frames of any number of markets.
 *
 * The frames of KXGOLD15M-26AUG102130-30 are kept in memory. frames_text() makes the n-th frame's
 * text of a market: its own ticker, a seq that runs over all markets as a subscription's does, and
 * the exchange's time moved on when the window is repeated. Owner: one thread.
 */
#ifndef TESTS_GROWTH_FRAMES_H
#define TESTS_GROWTH_FRAMES_H

#include "base/bytes.h"
#include "base/timefmt.h"

#define FRAMES_MARKETS_MAX 100

struct frames;

/* ST_NOT_FOUND: no shared data (said on standard error). Other errors: err. */
enum status frames_load(struct frames **ret, struct err *err) MUST_CHECK;
void frames_free(struct frames *f);

size_t frames_count(const struct frames *f);
/* Receive time since the first frame, and of the window: to the last frame. */
mono_ns_t frames_at(const struct frames *f, size_t i);
mono_ns_t frames_window(const struct frames *f);
wall_ns_t frames_first(const struct frames *f); /* receive time of the first */

/* Ticker of a market, 0 to FRAMES_MARKETS_MAX - 1; valid as long as f. */
const char *frames_ticker(const struct frames *f, uint32_t mkt);

/* Valid until the next call. pass: how often the window was over before. */
struct text frames_text(struct frames *f, size_t i, uint32_t mkt, uint64_t pass);

#endif
