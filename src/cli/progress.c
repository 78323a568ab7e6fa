#include "cli/progress.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"

#define QUIET_NS   (2 * NS_PER_SEC)
#define LOOK_EVERY 4096
#define BAR_WIDTH  30

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){.what = what, .total = total, .began = clock_mono()};
}

static void show(const struct progress *p, mono_ns_t took)
{
    char bar[BAR_WIDTH + 1];
    if (p->total == 0) {
        cli_progress("%s: %" PRIu64, p->what, p->done);
        return;
    }
    /* What was counted before may be less than what comes. */
    uint64_t done = p->done < p->total ? p->done : p->total;
    double part = (double)done / (double)p->total;
    size_t n = (size_t)(part * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', n);
    bar[BAR_WIDTH] = '\0';
    double left = part > 0 ? (double)took / 1e9 * (1 - part) / part : 0;
    cli_progress("%s [%s] %3.0f%%  %" PRIu64 " of %" PRIu64 "  %.0f s left", p->what, bar,
                 part * 100, done, p->total, left);
}

void progress_add(struct progress *p, uint64_t n)
{
    p->done += n;
    if (p->calls++ % LOOK_EVERY != 0) {
        return;
    }
    mono_ns_t took = clock_mono() - p->began;
    if (took > QUIET_NS) {
        show(p, took);
    }
}

void progress_end(struct progress *p)
{
    (void)p;
    cli_progress_end();
}
