/*
 * main.c - looks up a command and runs it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/build_id.h"
#include "cli/cli.h"

static const struct cli_command *const commands[] = {
    &cmd_run,  &cmd_halt,   &cmd_resume, &cmd_flatten, &cmd_status, &cmd_guard, &cmd_sessions,
    &cmd_show, &cmd_import, &cmd_verify, &cmd_export,  &cmd_prune,  &cmd_spill, &cmd_replay,
    &cmd_sim,  &cmd_demo,   &cmd_books,  &cmd_policy,  &cmd_observe};

static void help(FILE *out)
{
    fprintf(out, "deltaflow %s - trades Kalshi's prediction markets, records, and replays\n\n",
            deltaflow_version);
    fprintf(out, "usage: deltaflow COMMAND [options]\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(out, "\n'deltaflow COMMAND --help' explains a command.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("deltaflow %s\n", build_text());
        return EXIT_DONE;
    }
    /* A file at the limit of its size (ulimit -f) is a disk that is full, and no reason to die with
     * orders resting. */
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i]->name) == 0) {
            return commands[i]->run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "deltaflow: no command '%s'\nTry 'deltaflow --help'.\n", argv[1]);
    return EXIT_USAGE;
}
