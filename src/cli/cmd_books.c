#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return cli_fail("books", EXIT_FAILED, "not built yet");
}

const struct cli_command cmd_books = {"books", "books of recorded captures, message by message", run};
