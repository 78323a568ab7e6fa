#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("run", EXIT_FAILED, "not built yet");
}

const struct command cmd_run = {"run", "follow markets, decide, trade, record", run};
