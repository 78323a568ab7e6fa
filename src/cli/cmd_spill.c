/*
 * cmd_spill.c - `deltaflow spill`: rows that wait in files because their run ended before the
 * database took them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/session_args.h"
#include "store/spill_files.h"

static const char help[] =
    "usage: deltaflow spill [options]\n"
    "\n"
    "Lists the spill files: rows that a run could not write because its database was away or\n"
    "slow. A run empties its own, and at its start those of runs that were killed. With\n"
    "--drain this is done here, without trading: each row goes into the database under its own\n"
    "session and once, and the session is closed. Files of another database stay.\n"
    "\n" SESSION_OPTIONS_HELP
    "  --folder DIR       where the files are (default: store.spill of `deltaflow run`)\n"
    "  --drain            put what waits into the database; a part of a file that the disk does "
    "not\n"
    "                     give back is lost then, and named by a gap row (a run's start leaves "
    "it)\n"
    "  --json             one JSON object a file, and one for the drain (docs/schemas/spill.json)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 done; 1 output failed, or a signal came (what is not drained yet waits on);\n"
    "2 wrong usage; 3 drained, but a file is damaged in part; 4 a file stays: of another "
    "database,\n"
    "or not readable; 5 configuration; 6 the database cannot be reached.\n";

enum { OPT_DRAIN = SESSION_OPT_OWN, OPT_FOLDER };

struct listing {
    bool json;
    uint64_t files;
};

static const char *const state_names[] = {
    [SPILL_FILE_WAITS] = "waits",
    [SPILL_FILE_RUNNING] = "running",
    [SPILL_FILE_UNREADABLE] = "unreadable",
};

static void put_json(const struct spill_file *f)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_str(&b, "{\"file\":");
    buf_json_str(&b, text_of(f->path));
    buf_printf(&b, ",\"state\":\"%s\"", state_names[f->state]);
    if (f->state == SPILL_FILE_WAITS) {
        char began[TIME_TEXT_MAX];
        time_format(f->id.began, began);
        buf_printf(&b, ",\"session\":%" PRId64 ",\"began\":\"%s\",\"database\":", f->id.session,
                   began);
        buf_json_str(&b, text_of(f->id.database));
        buf_printf(&b,
                   ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"missing\":%" PRIu64
                   ",\"torn\":%s,\"outcome\":",
                   f->records, f->bytes, f->missing, f->torn ? "true" : "false");
        if (f->outcome != NULL) {
            buf_json_str(&b, text_of(f->outcome));
        } else {
            buf_str(&b, "null");
        }
    }
    if (f->error != NULL) {
        buf_str(&b, ",\"error\":");
        buf_json_str(&b, text_of(f->error));
    }
    buf_str(&b, "}\n");
    fwrite(b.p, 1, b.n, stdout);
    buf_finish(&b);
}

static void put_text(const struct spill_file *f)
{
    printf("%s: ", f->path);
    if (f->state == SPILL_FILE_RUNNING) {
        printf("its run goes on\n");
        return;
    }
    if (f->state == SPILL_FILE_UNREADABLE) {
        printf("unreadable (%s)\n", f->error);
        return;
    }
    printf("session %" PRId64 " of %s, %" PRIu64 " rows, ", f->id.session, f->id.database,
           f->records);
    printf(f->outcome != NULL ? "ended: %s" : "killed%s", f->outcome != NULL ? f->outcome : "");
    if (f->missing > 0 || f->torn) {
        printf("; damaged, %" PRIu64 "%s rows are missing", f->missing, f->torn ? " or more" : "");
    }
    printf("%s%s\n", f->error != NULL ? "; " : "", f->error != NULL ? f->error : "");
}

static enum status show(void *self, const struct spill_file *f)
{
    struct listing *l = self;
    l->files++;
    if (l->json) {
        put_json(f);
    } else {
        put_text(f);
    }
    return ST_OK;
}

static int list(const struct session_args *a, const char *folder)
{
    struct listing l = {.json = a->json};
    struct err err = {0};
    if (spill_list(NULL, folder, true, show, &l, &err) != ST_OK) {
        return cli_fail(a->command, cli_config_code(&err), "%s", err.text);
    }
    if (l.files == 0 && !a->json) {
        printf("no rows wait in %s\n", folder);
    }
    return EXIT_DONE;
}

struct found {
    uint64_t waiting, unreadable;
    char error[480]; /* of the first that cannot be read */
};

static enum status find(void *self, const struct spill_file *f)
{
    struct found *found = self;
    found->waiting += f->state == SPILL_FILE_WAITS;
    if (f->state == SPILL_FILE_UNREADABLE && found->unreadable++ == 0) {
        snprintf(found->error, sizeof found->error, "%s", f->error);
    }
    return ST_OK;
}

static bool asked_to_stop(void *unused)
{
    (void)unused;
    return interrupt_asked();
}

static int drain(const struct session_args *a, const char *folder)
{
    struct found found = {.waiting = 0};
    struct store_config c = store_config_default();
    struct backend *db = NULL;
    struct spill_drained d;
    bool stopped = false;
    struct err err = {0};
    c.path = a->path;
    c.spill = folder;
    c.no_session = true;
    if (spill_list(NULL, folder, false, find, &found, &err) != ST_OK) {
        return cli_fail(a->command, cli_config_code(&err), "%s", err.text);
    }
    if (found.waiting == 0) {
        memset(&d, 0, sizeof d); /* the database need not even be there */
        d.kept = found.unreadable;
        if (d.kept > 0) {
            (void)cli_fail(a->command, EXIT_REFUSED, "%s", found.error);
        }
    } else {
        enum status st = backend_open(&c, clock_wall(), &db, &err);
        if (st != ST_OK) {
            return cli_fail(a->command,
                            st == ST_UNSUPPORTED || st == ST_MALFORMED ? EXIT_REFUSED
                                                                       : EXIT_UNREACHABLE,
                            "%s", err.text);
        }
        c.spill_give_up = true;
        c.stop = asked_to_stop;
        st = spill_drain_all(db, &c, clock_wall(), &d, &err);
        db->ops->close(db);
        if (st != ST_OK && st != ST_AGAIN) {
            return cli_fail(a->command, EXIT_UNREACHABLE, "%s", err.text);
        }
        stopped = st == ST_AGAIN;
        if (stopped) {
            (void)cli_fail(a->command, EXIT_FAILED, "%s", err.text);
        }
    }
    printf(a->json ? "{\"drained\":{\"files\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"missing\":%" PRIu64
                     ",\"kept\":%" PRIu64 "}}\n"
                   : "drained %" PRIu64 " files: %" PRIu64 " rows, %" PRIu64
                     " were damaged; %" PRIu64 " files stay\n",
           d.files, d.rows, d.missing, d.kept);
    return stopped         ? EXIT_FAILED
           : d.kept > 0    ? EXIT_REFUSED
           : d.missing > 0 ? EXIT_PARTLY
                           : EXIT_DONE;
}

static int run(int argc, char **argv)
{
    static const struct option longs[] = {SESSION_LONG_OPTIONS,
                                          {"drain", no_argument, NULL, OPT_DRAIN},
                                          {"folder", required_argument, NULL, OPT_FOLDER},
                                          {NULL, 0, NULL, 0}};
    struct session_args a = {.command = "spill"};
    const char *given = NULL;
    bool draining = false;
    opterr = 0;
    optind = 0;
    for (int c = getopt_long(argc, argv, ":", longs, NULL); c != -1;
         c = getopt_long(argc, argv, ":", longs, NULL)) {
        if (c == OPT_DRAIN) {
            draining = true;
        } else if (c == OPT_FOLDER) {
            given = optarg;
        } else if (!session_take_option(c, &a)) {
            return session_bad_option(&a, c, argv);
        }
    }
    if (a.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (optind < argc) {
        return cli_usage("spill", "takes no argument: '%s'", argv[optind]);
    }
    char folder[SESSION_STORE_MAX];
    int code = session_store_find(&a);
    code = code == EXIT_DONE ? session_spill_find(&a, given, folder) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    if (draining) {
        interrupt_catch("spill", "what was drained is in the database, the rest is in its file");
    }
    code = draining ? drain(&a, folder) : list(&a, folder);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail("spill", EXIT_FAILED, "standard output cannot be written");
    }
    return code;
}

const struct cli_command cmd_spill = {"spill", "rows that wait for their database", run};
