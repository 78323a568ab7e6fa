#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("sim", EXIT_FAILED, "not built yet");
}

const struct cli_command cmd_sim = {"sim", "a Kalshi-compatible exchange on this machine", run};
