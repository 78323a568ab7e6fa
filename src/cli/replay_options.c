/* replay_options.c - see replay_options.h. */
#include "cli/replay_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

const char replay_help[] =
    "usage: deltaflow replay SESSION [options]\n"
    "\n"
    "Feeds a recorded session to the engine again: market data, private messages, answers,\n"
    "timers and commands in the recorded order, under the recorded clock. Same inputs, same\n"
    "bits: every observation, decision and order comes out as it was. Nothing is sent\n"
    "anywhere, and the database is only read.\n"
    "\n" SESSION_ARGUMENT_HELP "\n" SESSION_OPTIONS_HELP
    "  --verify         compare every observation, decision, order transition, fill,\n"
    "                   reconciliation and account mark with the recorded ones, bit for bit, and\n"
    "                   name the first difference\n"
    "  --policy OTHER   ask another policy at each recorded step: hold, random, or a model file.\n"
    "                   The run goes on as recorded; no fill is invented. An imported\n"
    "                   session has no decisions: OTHER decides\n"
    "  --stats FILE     VecNormalize statistics of OTHER\n"
    "  --sample         OTHER draws from its probabilities (--seed N, default 1)\n"
    "  --model FILE     where the session's own model is now; its hash must be the recorded one\n"
    "  --from TIME      show and compare from there on: a time (2026-06-11T06:29:20Z), or\n"
    "                   a length after the first turn (+250ms, +90s, +5m). What comes before\n"
    "                   is applied all the same, so that the engine stands as it stood\n"
    "  --until TIME     end before the first turn after it\n"
    "  --market TICKER  show and compare only these (repeat it, or separate with commas)\n"
    "  --steps[=FORMAT] print each decision, order step, fill and account mark: text or jsonl\n"
    "  --speed X        X times the recorded pace; 0 or max (default): as fast as it goes\n"
    "  --books          only the order books: no windows, no policy, no orders\n"
    "  --memory-mb N    refuse a session that takes more (default: what this machine, the\n"
    "                   process's limits and its control group leave)\n"
    "  --json           the summary as JSON (docs/schemas/replay.json; with --steps=jsonl it is\n"
    "                   the last line)\n"
    "  --help           this text\n"
    "\n"
    "A session replays up to the first place where rows are missing (a gap row), or where a\n"
    "killed run broke off; the summary says where and why.\n"
    "\n"
    "Exit status: 0 done, 1 a difference was found, or interrupted, 2 wrong usage, 4 the\n"
    "database, the session, a market or a model is refused, or --verify found nothing to\n"
    "compare, 5 configuration, 6 the database is not reachable.\n"
    "\n"
    "Examples:\n"
    "  deltaflow replay last --verify\n"
    "  deltaflow replay 7 --policy other.zip --steps=jsonl --market KXA-1\n"
    "  deltaflow replay last --speed 10 --from +5m --until +10m --steps\n";

static int add_tickers(struct replay_options *o, const char *text)
{
    size_t before = o->tickers != NULL ? strlen(o->tickers) : 0;
    size_t n = strlen(text);
    char *grown = realloc(o->tickers, before + n + 2);
    if (grown == NULL) {
        return cli_fail("replay", EXIT_FAILED, "out of memory");
    }
    snprintf(grown + before, n + 2, "%s%s", before > 0 ? "," : "", text);
    o->tickers = grown;
    return EXIT_DONE;
}

static int parse_number(const char *flag, const char *text, uint64_t max, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v > max) {
        return cli_usage("replay", "%s '%s' is no number from 0 to %" PRIu64, flag, text, max);
    }
    *ret = v;
    return EXIT_DONE;
}

static int parse_speed(const char *text, double *ret)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (strcmp(text, "max") == 0) {
        *ret = 0;
        return EXIT_DONE;
    }
    if (end == text || *end != '\0' || !(v >= 0) || v > 1e9) {
        return cli_usage("replay", "--speed '%s' is no number from 0 to 1e9, and not 'max'", text);
    }
    *ret = v;
    return EXIT_DONE;
}

static int parse_steps(const char *text, enum replay_steps *ret)
{
    if (text == NULL || strcmp(text, "text") == 0) {
        *ret = STEPS_TEXT;
    } else if (strcmp(text, "jsonl") == 0) {
        *ret = STEPS_JSONL;
    } else {
        return cli_usage("replay", "--steps '%s' is neither text nor jsonl", text);
    }
    return EXIT_DONE;
}

/* Flags that make no sense together. */
static int check_options(const struct replay_options *o)
{
    if (o->books && (o->verify || o->policy != NULL || o->steps != STEPS_NONE || o->speed > 0 ||
                     o->from != NULL || o->until != NULL)) {
        return cli_usage("replay", "--books goes with --store, --market, --memory-mb and --json");
    }
    if (o->policy == NULL && (o->stats != NULL || o->sample)) {
        return cli_usage("replay", "--stats and --sample are of --policy OTHER");
    }
    return EXIT_DONE;
}

enum {
    OPT_VERIFY = SESSION_OPT_OWN,
    OPT_POLICY,
    OPT_STATS,
    OPT_SAMPLE,
    OPT_SEED,
    OPT_MODEL,
    OPT_FROM,
    OPT_UNTIL,
    OPT_MARKET,
    OPT_STEPS,
    OPT_SPEED,
    OPT_BOOKS,
    OPT_MEMORY
};

static const struct option table[] = {SESSION_LONG_OPTIONS,
                                      {"verify", no_argument, NULL, OPT_VERIFY},
                                      {"policy", required_argument, NULL, OPT_POLICY},
                                      {"stats", required_argument, NULL, OPT_STATS},
                                      {"sample", no_argument, NULL, OPT_SAMPLE},
                                      {"seed", required_argument, NULL, OPT_SEED},
                                      {"model", required_argument, NULL, OPT_MODEL},
                                      {"from", required_argument, NULL, OPT_FROM},
                                      {"until", required_argument, NULL, OPT_UNTIL},
                                      {"market", required_argument, NULL, OPT_MARKET},
                                      {"steps", optional_argument, NULL, OPT_STEPS},
                                      {"speed", required_argument, NULL, OPT_SPEED},
                                      {"books", no_argument, NULL, OPT_BOOKS},
                                      {"memory-mb", required_argument, NULL, OPT_MEMORY},
                                      {NULL, 0, NULL, 0}};

/* One of our own. An exit code. */
static int take_option(int c, struct replay_options *o)
{
    uint64_t v = 0;
    int code = EXIT_DONE;
    switch (c) {
    case OPT_VERIFY:
        o->verify = true;
        break;
    case OPT_POLICY:
        o->policy = optarg;
        break;
    case OPT_STATS:
        o->stats = optarg;
        break;
    case OPT_SAMPLE:
        o->sample = true;
        break;
    case OPT_SEED:
        code = parse_number("--seed", optarg, UINT64_MAX, &o->seed);
        break;
    case OPT_MODEL:
        o->model = optarg;
        break;
    case OPT_FROM:
        o->from = optarg;
        break;
    case OPT_UNTIL:
        o->until = optarg;
        break;
    case OPT_MARKET:
        code = add_tickers(o, optarg);
        break;
    case OPT_STEPS:
        code = parse_steps(optarg, &o->steps);
        break;
    case OPT_SPEED:
        code = parse_speed(optarg, &o->speed);
        break;
    case OPT_BOOKS:
        o->books = true;
        break;
    default: /* OPT_MEMORY */
        code = parse_number("--memory-mb", optarg, INT64_C(1) << 30, &v);
        o->memory_mb = (int64_t)v;
        break;
    }
    return code;
}

int replay_options_parse(int argc, char **argv, struct replay_options *o)
{
    *o = (struct replay_options){.shared = {.command = "replay"}, .seed = 1};
    optind = 0;
    opterr = 0;
    for (int c = getopt_long(argc, argv, ":", table, NULL); c != -1;
         c = getopt_long(argc, argv, ":", table, NULL)) {
        if (session_take_option(c, &o->shared)) {
            continue;
        }
        if (c == ':' || c == '?') {
            return session_bad_option(&o->shared, c, argv);
        }
        int code = take_option(c, o);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (o->shared.help) {
        return EXIT_DONE;
    }
    if (optind + 1 != argc) {
        return cli_usage("replay", "give one SESSION: a number, or 'last'");
    }
    o->session = argv[optind];
    return check_options(o);
}

void replay_options_finish(struct replay_options *o)
{
    free(o->tickers);
    o->tickers = NULL;
}

int replay_time(const char *flag, const char *text, wall_ns_t first, wall_ns_t *ret)
{
    if (text == NULL || session_time(text, first, ret)) {
        return EXIT_DONE;
    }
    return cli_usage("replay", "%s '%s': neither a time like 2026-06-11T06:29:20Z nor +5m", flag,
                     text);
}
