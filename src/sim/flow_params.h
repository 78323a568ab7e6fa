/*
 * flow_params.h - the numbers of the generated flow and where they come from.
 *
 * "gold" is the production tape of 25 windows of KXGOLD15M (August 2026: 1,467,094 deltas, 34,198
 * trades, in 15-minute markets). Figures were read off it by `deltaflow sim --calibration` and by
 * one-off counts named below; what could not be read off was moved until the generated figures of
 * that report lay near the recorded ones ("fitted"). docs/SIMULATOR.md shows the report.
 */
#ifndef SIM_FLOW_PARAMS_H
#define SIM_FLOW_PARAMS_H

/* --- when: clusters that bring forth clusters --- */

/*
 * The index of dispersion of gold by ts_ms is 6 in 10 ms, 21 in 100 ms, 63 in 1 s and 220 in 10 s:
 * no Poisson process at any scale. Events excite later ones with two exponential kernels. An
 * event's offspring and its time constant in seconds; fitted.
 */
#define PACE_FAST_OFFSPRING 0.42
#define PACE_FAST_S         0.15
#define PACE_SLOW_OFFSPRING 0.47
#define PACE_SLOW_S         4.0
/* News excites so many times as much as other events, which excite less for it. Fitted. */
#define PACE_NEWS_WEIGHT 14.0

/* Between two orders of a burst, seconds, from fast bursts to slow ones: gold has 47 messages in
 * its busiest 10 ms of ts_ms, and 1.7 messages with the same ts_ms. Fitted. */
#define BURST_STEP_MIN_S 0.0004
#define BURST_STEP_MAX_S 0.008

/* --- the feed: age of messages, and stalls --- */

/*
 * gold's messages are 12 ms old at the median when they are received, 5 ms at the first quartile
 * and 14 at the third. Nine in ten gaps of that tape are like its ts_ms, but about every 15 s the
 * reader gets nothing for a while and then all at once (57 times in 850 s at the median window; the
 * oldest message of such a batch is 0.17 s old at the first quartile, 0.33 at the median, 2.25 at
 * the third, 2.6 at 95 %). That makes the peaks: 570 messages in 10 ms and 2,837 in a second by
 * receive time are 56 and 1,038 by ts_ms.
 */
#define STALL_EVERY_S 15.0
#define STALL_SPEED   100 /* what was held comes so many times as fast; fitted */
#define LAG_REDRAWN_S 1.0 /* the age is another one every so often */

/* --- what a market is worth --- */

/*
 * The hidden value is a random walk that ends above or below 0: YES or NO. Its probability of
 * ending above 0 moves as the price of a 15-minute market does: gold's mid moves 0.3 to 1.2 cents a
 * second on average, which is what this walk does by itself. WALK_LIFE_S: of markets without end.
 * WALK_START: how far from even a market begins, in units of its remaining deviation; gold's
 * windows begin at 38 to 67 cents.
 */
#define WALK_LIFE_S 900.0
#define WALK_START  0.35

/* --- who --- */

/* Share of events that are news: the makers see what has changed and move. Fitted to the dispersion
 * in 100 ms and to the share of amends. */
#define NEWS_SHARE 0.05
/* No market is longer without news than this share of the time to its close: at the end everybody
 * looks, in quiet markets too. */
#define NEWS_AT_LEAST 0.1
/* Share of stale orders that react to one piece of news; the rest moves with later ones. Fitted. */
#define NEWS_REACTION 0.6
/* News tempts the informed to take what is wrong by more than INFORMED_EDGE dollars. Fitted to
 * gold's share of trades, 2.3 % of deltas and trades. */
#define NEWS_INFORMED 0.05
#define INFORMED_EDGE 0.006

/* What one agent does alone, of 1,000: fitted to gold's shares of trades (2.3 %), of amends (23 %
 * of deltas), and of 0.10 contracts (16 % of deltas). The rest: nobody finds anything to do. */
#define DO_MAKER_AMEND   120
#define DO_MAKER_TOGGLE  260
#define DO_PING          300
#define DO_FAR           120
#define DO_WHALE         25
#define DO_NOISE_TAKE    17
#define DO_INFORMED_TAKE 9

/*
 * gold's levels, by cents from the best: occupied 100, 88, 84, 81, 71, 52, 45, 44, 43, 44, 38, 31 %
 * and then about 30 % down to the end; sizes 116, 68, 43, 35, 10 contracts at the median, 50 at
 * 5 to 10 cents; one in eight of the nearest four has 2,000 and more, as one or two hold there. 34
 * of 1,000 deltas are of exactly 2,000 contracts.
 */
#define WHALE_SIZE 2000 /* contracts */

/* Leaning against what a maker holds: dollars for each contract, and at most. Fitted. */
#define LEAN_PER_CONTRACT 0.00001
#define LEAN_MAX          0.04

/* How wrong a maker's own view is, dollars. Fitted to gold's spread: 1 cent for most of the time, 4
 * at 95 %. */
#define VIEW_ERROR 0.006

/* Sizes that are fractions, beside 0.10: gold has 19.4 % fractional deltas, 16.3 of them 0.10.
 * Other recordings have about 16 % in all. */
#define FRACTION_SHARE 4 /* of 100 */

#endif
