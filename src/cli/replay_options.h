/* replay_options.h - the flags of `deltaflow replay`. */
#ifndef CLI_REPLAY_OPTIONS_H
#define CLI_REPLAY_OPTIONS_H

#include "base/timefmt.h"
#include "cli/replay_say.h"
#include "cli/session_args.h"

struct replay_options {
    struct session_args shared;
    const char *session; /* as it was given */
    bool verify, books, sample;
    const char *policy, *stats, *model;
    uint64_t seed;
    const char *from, *until;
    enum replay_steps steps;
    double speed; /* 0: no waiting */
    int64_t memory_mb;
    char *tickers; /* separated by commas; owned */
};

extern const char replay_help[];

/* An exit code; anything but EXIT_DONE was said on stderr. replay_options_finish ends *ret either
 * way. */
int replay_options_parse(int argc, char **argv, struct replay_options *ret);
void replay_options_finish(struct replay_options *o);

/* The time that a flag means, +N counted from first; text NULL: *ret stays. An exit code. */
int replay_time(const char *flag, const char *text, wall_ns_t first, wall_ns_t *ret);

#endif
