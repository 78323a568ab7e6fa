/* replay_options.c - see replay_options.h. */
#include "cli/replay_options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

const char replay_help[] =
    "usage: deltaflow replay SESSION [options]\n"
    "\n"
    "Feeds a recorded session to the engine again: market data, private messages, answers,\n"
    "timers and commands in the recorded order, under the recorded clock. Same inputs, same\n"
    "bits: every observation, decision and order comes out as it was. SESSION is a number, or\n"
    "'last'. Nothing is sent anywhere, and the database is only read.\n"
    "\n"
    "  --store FILE     the database (a file, or a postgresql:// URL; default: store.path of the\n"
    "                   configuration)\n"
    "  --verify         compare every observation, decision, order transition, fill,\n"
    "                   reconciliation and account mark with the recorded ones, bit for bit, and\n"
    "                   name the first difference\n"
    "  --policy OTHER   ask another policy at each recorded step: hold, random, or a model file.\n"
    "                   The run goes on as recorded; no fill is invented\n"
    "  --stats FILE     VecNormalize statistics of OTHER\n"
    "  --sample         OTHER draws from its probabilities (--seed N, default 1)\n"
    "  --model FILE     where the session's own model is now; its hash must be the recorded one\n"
    "  --from TIME      show and compare from there on: a time (2026-06-11T06:29:20Z), or\n"
    "                   +DURATION (+90, +250ms, +5m, +2h) after the first turn. What comes before\n"
    "                   is applied all the same, so that the engine stands as it stood\n"
    "  --until TIME     end before the first turn after it\n"
    "  --market TICKER  show and compare only these (repeat it, or separate with commas)\n"
    "  --steps[=FORMAT] print each decision, order step, fill and account mark: text or jsonl\n"
    "  --speed X        X times the recorded pace; 0 or max (default): as fast as it goes\n"
    "  --books          only the order books: no windows, no policy, no orders\n"
    "  --memory-mb N    refuse a session that takes more (default: this machine's memory)\n"
    "  --json           the summary as JSON (docs/schemas/replay.json; with --steps=jsonl it is\n"
    "                   the last line)\n"
    "  --help           this text\n"
    "\n"
    "A session replays up to the first place where rows are missing (a gap row), or where a\n"
    "killed run broke off; the summary says where and why.\n"
    "\n"
    "Exit status: 0 done, 1 a difference was found, or interrupted, 2 wrong usage, 4 the "
    "database,\n"
    "the session or a model is refused, 5 configuration, 6 the database is not reachable.\n"
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

static int parse_session(struct replay_options *o)
{
    uint64_t v = 0;
    if (strcmp(o->session_text, "last") == 0) {
        return EXIT_DONE;
    }
    int code = parse_number("SESSION", o->session_text, INT64_MAX, &v);
    if (code == EXIT_DONE && v == 0) {
        return cli_usage("replay", "sessions are numbered from 1");
    }
    o->session = (int64_t)v;
    return code;
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

int replay_options_parse(int argc, char **argv, struct replay_options *o)
{
    enum { STORE = 256, VERIFY, POLICY, STATS, SAMPLE, SEED, MODEL, FROM, UNTIL, MARKET, STEPS };
    enum { SPEED = 300, BOOKS, MEMORY, JSON };
    static const struct option table[] = {{"store", required_argument, NULL, STORE},
                                          {"verify", no_argument, NULL, VERIFY},
                                          {"policy", required_argument, NULL, POLICY},
                                          {"stats", required_argument, NULL, STATS},
                                          {"sample", no_argument, NULL, SAMPLE},
                                          {"seed", required_argument, NULL, SEED},
                                          {"model", required_argument, NULL, MODEL},
                                          {"from", required_argument, NULL, FROM},
                                          {"until", required_argument, NULL, UNTIL},
                                          {"market", required_argument, NULL, MARKET},
                                          {"steps", optional_argument, NULL, STEPS},
                                          {"speed", required_argument, NULL, SPEED},
                                          {"books", no_argument, NULL, BOOKS},
                                          {"memory-mb", required_argument, NULL, MEMORY},
                                          {"json", no_argument, NULL, JSON},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    uint64_t v = 0;
    *o = (struct replay_options){.seed = 1};
    optind = 0;
    opterr = 0;
    for (int c = getopt_long(argc, argv, ":h", table, NULL); c != -1;
         c = getopt_long(argc, argv, ":h", table, NULL)) {
        int code = EXIT_DONE;
        switch (c) {
        case STORE:
            o->store = optarg;
            break;
        case VERIFY:
            o->verify = true;
            break;
        case POLICY:
            o->policy = optarg;
            break;
        case STATS:
            o->stats = optarg;
            break;
        case SAMPLE:
            o->sample = true;
            break;
        case SEED:
            code = parse_number("--seed", optarg, UINT64_MAX, &o->seed);
            break;
        case MODEL:
            o->model = optarg;
            break;
        case FROM:
            o->from = optarg;
            break;
        case UNTIL:
            o->until = optarg;
            break;
        case MARKET:
            code = add_tickers(o, optarg);
            break;
        case STEPS:
            code = parse_steps(optarg, &o->steps);
            break;
        case SPEED:
            code = parse_speed(optarg, &o->speed);
            break;
        case BOOKS:
            o->books = true;
            break;
        case MEMORY:
            code = parse_number("--memory-mb", optarg, INT64_C(1) << 30, &v);
            o->memory_mb = (int64_t)v;
            break;
        case JSON:
            o->json = true;
            break;
        case 'h':
            o->help = true;
            return EXIT_DONE;
        case ':':
            return cli_usage("replay", "%s needs a value", argv[optind - 1]);
        default:
            return cli_usage("replay", "unknown option '%s'", argv[optind - 1]);
        }
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (optind + 1 != argc) {
        return cli_usage("replay", "give one SESSION: a number, or 'last'");
    }
    o->session_text = argv[optind];
    int code = parse_session(o);
    return code == EXIT_DONE ? check_options(o) : code;
}

void replay_options_finish(struct replay_options *o)
{
    free(o->tickers);
    o->tickers = NULL;
}

/* +DURATION in ns; false: not one. */
static bool parse_duration(const char *text, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"", NS_PER_SEC},       {"ms", NS_PER_MS},        {"s", NS_PER_SEC},
                 {"m", 60 * NS_PER_SEC}, {"h", 3600 * NS_PER_SEC}, {"d", 86400 * NS_PER_SEC}};
    char *end = NULL;
    double v = strtod(text, &end);
    if (text[0] < '0' || text[0] > '9' || !isfinite(v)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0 && v * (double)units[i].ns < 4e18) {
            *ret = (int64_t)(v * (double)units[i].ns);
            return true;
        }
    }
    return false;
}

int replay_time(const char *flag, const char *text, wall_ns_t first, wall_ns_t *ret)
{
    int64_t after = 0;
    if (text == NULL) {
        return EXIT_DONE;
    }
    if (text[0] == '+') {
        if (!parse_duration(text + 1, &after)) {
            return cli_usage("replay", "%s '%s': +DURATION is like +90, +250ms, +5m, +2h", flag,
                             text);
        }
        *ret = first + after;
        return EXIT_DONE;
    }
    if (time_parse(text, strlen(text), ret) != ST_OK) {
        return cli_usage("replay",
                         "%s '%s': neither a time like 2026-06-11T06:29:20Z nor +DURATION", flag,
                         text);
    }
    return EXIT_DONE;
}
