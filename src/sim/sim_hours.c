/*
 * sim_hours.c - when the exchange pauses by itself (sheet 17.1): Thursdays 03:00 to 05:00 Eastern
 * Time trading stands still when config.exchange_hours is set; maintenance windows that an action
 * announced stop trading, or everything, while they last.
 *
 * Eastern Time is UTC-5, from the second Sunday of March 02:00 to the first Sunday of November
 * 02:00 UTC-4.
 */
#include "sim/sim_life.h"

#define HOUR INT64_C(3600)
#define DAY  INT64_C(86400)

/* Days since 1970 of the first of a month, by the Gregorian calendar. */
static int64_t first_of(int64_t year, int64_t month)
{
    int64_t y = year - (month <= 2);
    int64_t m = (month + 9) % 12; /* March is 0 */
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 - 719468;
}

/* 0 is Monday. */
static int64_t weekday(int64_t day)
{
    return (day + 3) % 7;
}

/* The n-th Sunday of a month, in days. */
static int64_t sunday(int64_t year, int64_t month, int64_t n)
{
    int64_t first = first_of(year, month);
    return first + (6 - weekday(first)) + 7 * (n - 1);
}

static int64_t year_of(int64_t s)
{
    int64_t year =
        1970 + s / DAY / 366; /* never too late, and a year at most too early a century */
    while (first_of(year + 1, 1) * DAY <= s) {
        year++;
    }
    return year;
}

static int64_t eastern_offset(int64_t s)
{
    int64_t year = year_of(s);
    int64_t from = sunday(year, 3, 2) * DAY + 7 * HOUR;
    int64_t to = sunday(year, 11, 1) * DAY + 6 * HOUR;
    return s >= from && s < to ? -4 * HOUR : -5 * HOUR;
}

void hours_year(wall_ns_t now, wall_ns_t *ret_from, wall_ns_t *ret_to)
{
    int64_t year = year_of(now / NS_PER_SEC - 5 * HOUR);
    *ret_from = (first_of(year, 1) * DAY + 5 * HOUR) * NS_PER_SEC;
    *ret_to = (first_of(year + 1, 1) * DAY + 5 * HOUR) * NS_PER_SEC;
}

/* The weekly pause: whether now lies in it, and when that changes. Both hours lie after 02:00, so
 * the offset does not change between them. */
static bool weekly(wall_ns_t now, wall_ns_t *ret_next)
{
    int64_t s = now / NS_PER_SEC;
    int64_t local = s + eastern_offset(s);
    int64_t thursday = local / DAY + (3 - weekday(local / DAY) + 7) % 7;
    int64_t open = thursday * DAY + 5 * HOUR;
    if (local >= open) {
        open += 7 * DAY;
    }
    int64_t shut = open - 2 * HOUR;
    bool in = local >= shut;
    int64_t next = in ? open : shut;
    /* back to UTC with the offset that holds then */
    *ret_next = (next - eastern_offset(next + 5 * HOUR)) * NS_PER_SEC;
    return in;
}

/* What the calendar says now; *ret_next: when it may say something else. */
static void calendar(const struct sim *sim, wall_ns_t now, bool *ret_trading, bool *ret_exchange,
                     wall_ns_t *ret_resume, wall_ns_t *ret_next)
{
    wall_ns_t change = NS_NEVER;
    *ret_trading = sim->config.exchange_hours && weekly(now, &change);
    *ret_resume = *ret_trading ? change : 0;
    *ret_exchange = false;
    for (uint32_t i = 0; i < sim->n_windows; i++) {
        const struct window *x = &sim->windows[i];
        bool in = x->start <= now && now < x->end;
        wall_ns_t edge = in ? x->end : x->start > now ? x->start : NS_NEVER;
        change = edge < change ? edge : change;
        *ret_trading = *ret_trading || in;
        *ret_exchange = *ret_exchange || (in && x->exchange);
        *ret_resume = in && x->end > *ret_resume ? x->end : *ret_resume;
    }
    *ret_next = change;
}

void hours_tick(struct sim *sim)
{
    while (sim->hours_next <= sim->wall) {
        wall_ns_t at = sim->hours_next != 0 ? sim->hours_next : sim->wall;
        bool trading = false;
        bool exchange = false;
        wall_ns_t resume = 0;
        calendar(sim, at, &trading, &exchange, &resume, &sim->hours_next);
        if (trading != sim->by_hours_trading || exchange != sim->by_hours_exchange) {
            sim->by_hours_trading = trading;
            sim->by_hours_exchange = exchange;
            life_pause(sim, trading, exchange, resume, at);
        }
    }
}

wall_ns_t hours_next(const struct sim *sim)
{
    return sim->hours_next;
}

void hours_end_windows(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->n_windows; i++) {
        struct window *x = &sim->windows[i];
        x->end = x->start <= sim->wall && sim->wall < x->end ? sim->wall : x->end;
    }
    sim->hours_next = 0;
    hours_tick(sim);
}

enum status hours_add_window(struct sim *sim, wall_ns_t start, wall_ns_t end, bool exchange)
{
    if (!sim_grow((void **)&sim->windows, sim->n_windows, &sim->windows_cap,
                  sizeof *sim->windows)) {
        return ST_NOMEM;
    }
    sim->windows[sim->n_windows++] = (struct window){start, end, exchange};
    sim->hours_next = 0; /* look again */
    hours_tick(sim);
    return ST_OK;
}
