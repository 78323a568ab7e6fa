#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("demo", EXIT_FAILED, "not built yet");
}

const struct cli_command cmd_demo = {"demo",
                                 "simulator, trading and a summary, with nothing configured", run};
