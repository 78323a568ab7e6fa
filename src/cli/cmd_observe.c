#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/observe.h"

#define INPUT_MAX ((size_t)1 << 30)

static const char help[] =
    "usage: deltaflow observe FILE [--json]\n"
    "\n"
    "Computes the 52 features of the observation for inputs in the golden format\n"
    "(\"features-golden/1\"; \"-\" reads standard input) and prints one JSON line each, in file\n"
    "order:\n"
    "\n"
    "  {\"sequence\",\"step\",\"features\":[52]}            each step of sequences\n"
    "  {\"sequence\",\"step\",\"market\",\"features\":[52]}   each target of each point of "
    "sessions\n"
    "\n"
    "Time gap, activity and momentum are computed from the books: per market in sequences,\n"
    "session-wide in sessions. Asks that a book leaves out are derived from the other side's\n"
    "bids with the sequence's mirror (100, or 99 as the prototype did). A book of null means\n"
    "that there was no snapshot yet. Steps count from 0. Numbers are the shortest decimals\n"
    "that give the float back.\n"
    "\n"
    "exit status: 0 done; 1 output could not be written; 2 wrong usage; 3 a sequence or session\n"
    "was malformed (named on stderr; it ends there, the others are printed); 4 the input cannot\n"
    "be read or is not in the golden format.\n";

static void print_line(void *ctx, const char *text, size_t n)
{
    (void)ctx;
    fwrite(text, 1, n, stdout);
    putchar('\n');
}

static void print_complaint(void *ctx, const char *text)
{
    fprintf(stderr, "deltaflow observe: %s: %s\n", (const char *)ctx, text);
}

static enum status read_all(FILE *f, struct buf *b)
{
    char chunk[65536];
    size_t n = fread(chunk, 1, sizeof chunk, f);
    while (n > 0) {
        buf_add(b, chunk, n);
        n = fread(chunk, 1, sizeof chunk, f);
    }
    return ferror(f) ? ST_IO : b->failed ? ST_LIMIT : ST_OK;
}

static int observe_buffer(const char *name, const struct buf *b)
{
    char place[4200];
    snprintf(place, sizeof place, "%s", name);
    struct observe_sink sink = {print_line, print_complaint, place};
    struct err err = {0};
    uint32_t malformed = 0;
    enum status st = observe_text(b->p != NULL ? b->p : "", b->n, &sink, &malformed, &err);
    if (st == ST_NOMEM) {
        return cli_fail("observe", EXIT_FAILED, "%s: %s", name, err.text);
    }
    if (st != ST_OK) {
        return cli_fail("observe", EXIT_REFUSED, "%s: %s", name, err.text);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("observe", EXIT_FAILED, "cannot write to standard output");
    }
    return malformed > 0 ? EXIT_PARTLY : EXIT_DONE;
}

static int observe_file(const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (f == NULL) {
        return cli_fail("observe", EXIT_REFUSED, "%s: cannot be opened: %s", name, strerror(errno));
    }
    struct buf b;
    buf_init(&b, INPUT_MAX);
    enum status st = read_all(f, &b);
    int code = st == ST_OK ? observe_buffer(name, &b)
                           : cli_fail("observe", EXIT_REFUSED, "%s: %s", name,
                                      st == ST_LIMIT ? "larger than 1 GiB" : "cannot be read");
    buf_finish(&b);
    if (!standard) {
        fclose(f);
    }
    return code;
}

static int run(int argc, char **argv)
{
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (strcmp(argv[i], "--json") == 0) {
            continue; /* JSON is all there is; taken so that every command knows the flag */
        }
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return cli_usage("observe", "unknown option '%s'", argv[i]);
        }
        if (path != NULL) {
            return cli_usage("observe", "one FILE only, '%s' is a second", argv[i]);
        }
        path = argv[i];
    }
    return path != NULL ? observe_file(path) : cli_usage("observe", "FILE is missing");
}

const struct cli_command cmd_observe = {"observe", "the 52 features of inputs in the golden format",
                                        run};
