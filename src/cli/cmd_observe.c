#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("observe", EXIT_FAILED, "not built yet");
}

const struct cli_command cmd_observe = {"observe", "the 52 features of inputs in the golden format",
                                    run};
