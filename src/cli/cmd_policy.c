#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("policy", EXIT_FAILED, "not built yet");
}

const struct cli_command cmd_policy = {"policy", "describe a model, or ask it about observations", run};
