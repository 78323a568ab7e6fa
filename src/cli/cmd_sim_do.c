/*
 * cmd_sim_do.c - `deltaflow sim do`, `fault` and `status`: a running simulator is told, or asked.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/sim_client.h"
#include "sim/sim.h"

#define EXIT_HELP                                                                                  \
    "\n"                                                                                           \
    "Exit status: 0 done, 1 failed, 2 wrong usage, 4 the simulator refused the action, 5 the "     \
    "token\n"                                                                                      \
    "cannot be used, 6 no simulator answers.\n"

static const char do_help[] =
    "usage: deltaflow sim do [options] ACTION\n"
    "\n"
    "Tells a running simulator to do something: ACTION is one JSON object, {\"do\":NAME,...}, or "
    "'-'\n"
    "for objects on stdin, one a line. The reply, one JSON object a line, is printed\n"
    "(docs/schemas/sim-admin.json).\n"
    "\n" SIM_PLACE_HELP "  --help               this text, with all actions\n" EXIT_HELP "\n"
    "Examples:\n"
    "  deltaflow sim do '{\"do\":\"pause\",\"kind\":\"trading\",\"resume_in\":\"30s\"}'\n"
    "  deltaflow sim do '{\"do\":\"determine\",\"market\":\"KXSIM1-S1-M01\",\"result\":\"yes\"}'\n"
    "\n"
    "Actions and their keys:\n";

static const char status_help[] =
    "usage: deltaflow sim status [options]\n"
    "\n"
    "Asks a running simulator how it is: markets, users, connections, orders, pauses.\n"
    "\n" SIM_PLACE_HELP
    "  --json               print one JSON object (docs/schemas/sim-admin.json)\n"
    "  --help               this text\n" EXIT_HELP;

static const char fault_help[] =
    "usage: deltaflow sim fault NAME [options] [KEY=VALUE...]\n"
    "       deltaflow sim fault --list\n"
    "\n"
    "Causes a fault at a running simulator. Without --count and --for a fault has the extent that "
    "is\n"
    "usual for it. Faults are seeded by the simulator's --seed and counted in its dump.\n"
    "\n"
    "  --count N            so many frames, requests or times\n"
    "  --for TIME           for a while: 5s, 500ms, or a number of seconds\n"
    "  --list               print the names\n" SIM_PLACE_HELP
    "  --json               print the simulator's reply\n"
    "  --help               this text\n"
    "\n"
    "Keys: delay_ms, jitter_ms, p (0 to 1), skew_ms, jump, user (from 1), status, code,\n"
    "route=order|all, on=ws|http|both, state=true|false. docs/SIMULATOR.md tells which fault "
    "takes\n"
    "which.\n" EXIT_HELP "\n"
    "Examples:\n"
    "  deltaflow sim fault cut\n"
    "  deltaflow sim fault http_429 --count 5\n"
    "  deltaflow sim fault lag --for 10s delay_ms=250 jitter_ms=50\n"
    "  deltaflow sim fault restart state=false\n";

struct options {
    struct sim_common common;
    bool list;
    long count;     /* 0: not given */
    double seconds; /* below 0: not given */
};

enum { OPT_LIST = SIM_OPT_OWN, OPT_COUNT, OPT_FOR };

static bool seconds_of(const char *text, double *ret)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (!isdigit((unsigned char)text[0]) || v < 0 || v > 1e8) {
        return false;
    }
    *ret = strcmp(end, "ms") == 0 ? v / 1000 : v;
    return *end == '\0' || strcmp(end, "s") == 0 || strcmp(end, "ms") == 0;
}

static int take_option(const char *command, int c, char **argv, struct options *o)
{
    char *end = NULL;
    if (sim_take_option(c, &o->common)) {
        return EXIT_DONE;
    }
    switch (c) {
    case OPT_LIST:
        o->list = true;
        return EXIT_DONE;
    case OPT_COUNT:
        o->count = strtol(optarg, &end, 10);
        return o->count >= 1 && o->count <= 1000000 && *end == '\0'
                   ? EXIT_DONE
                   : cli_usage(command, "--count '%s' is not 1 to 1000000", optarg);
    case OPT_FOR:
        return seconds_of(optarg, &o->seconds)
                   ? EXIT_DONE
                   : cli_usage(command, "--for '%s' is no time such as 5s or 500ms", optarg);
    default:
        return cli_usage(command, "'%s' is no option, or lacks its value", argv[optind - 1]);
    }
}

static int parse(const char *command, bool fault, int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {SIM_LONG_OPTIONS,
                                          {"list", no_argument, NULL, OPT_LIST},
                                          {"count", required_argument, NULL, OPT_COUNT},
                                          {"for", required_argument, NULL, OPT_FOR},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.seconds = -1};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (!fault && c >= OPT_LIST && c <= OPT_FOR) {
            return cli_usage(command, "'%s' is no option of this command", argv[optind - 1]);
        }
        int code = take_option(command, c, argv, o);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    return EXIT_DONE;
}

/* --- do --- */

/* place: where text stands, for the error. */
static int do_one(const struct options *o, const char *place, const char *text)
{
    json_error_t je;
    json_t *action = json_loads(text, JSON_REJECT_DUPLICATES, &je);
    json_t *reply = NULL;
    if (!json_is_object(action)) {
        int code = cli_usage("sim do", "%san action is one JSON object {\"do\":NAME,...}: %s",
                             place, action == NULL ? je.text : "this is another kind of value");
        json_decref(action);
        return code;
    }
    int code = sim_ask(&o->common.place, "sim do", action, false, &reply);
    json_decref(action);
    if (code != EXIT_DONE) {
        return code;
    }
    code = sim_print_json("sim do", reply);
    if (code == EXIT_DONE && !json_is_true(json_object_get(reply, "ok"))) {
        code = EXIT_REFUSED;
    }
    json_decref(reply);
    return code;
}

static int do_lines(const struct options *o)
{
    char *line = NULL;
    size_t cap = 0;
    int worst = EXIT_DONE;
    for (unsigned long n = 1; getline(&line, &cap, stdin) > 0; n++) {
        char place[40];
        snprintf(place, sizeof place, "line %lu: ", n);
        int code = line[strspn(line, " \t\r\n")] != '\0' ? do_one(o, place, line) : EXIT_DONE;
        worst = code != EXIT_DONE ? code : worst;
        if (code == EXIT_UNREACHABLE) {
            break;
        }
    }
    free(line);
    return worst;
}

int sim_cmd_do(int argc, char **argv)
{
    struct options o;
    int code = parse("sim do", false, argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.common.help) {
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_str(&b, do_help);
        sim_command_help(&b);
        code = cli_print("sim do", &b);
        buf_finish(&b);
        return code;
    }
    if (optind + 1 != argc) {
        return cli_usage("sim do", optind == argc ? "the action is missing"
                                                  : "one action only; put it into quotes");
    }
    code = sim_place_find(&o.common.place, "sim do");
    if (code != EXIT_DONE) {
        return code;
    }
    return strcmp(argv[optind], "-") == 0 ? do_lines(&o) : do_one(&o, "", argv[optind]);
}

/* --- status --- */

int sim_cmd_status(int argc, char **argv)
{
    struct options o;
    json_t *reply = NULL;
    int code = parse("sim status", false, argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.common.help) {
        fputs(status_help, stdout);
        return EXIT_DONE;
    }
    if (optind < argc) {
        return cli_usage("sim status", "'%s' is not expected here", argv[optind]);
    }
    json_t *action = json_pack("{s:s}", "do", "status");
    code = sim_place_find(&o.common.place, "sim status");
    code = code == EXIT_DONE ? sim_ask_ok(&o.common.place, "sim status", action, &reply) : code;
    json_decref(action);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.common.json) {
        code = sim_print_json("sim status", reply);
    } else {
        const char *key;
        json_t *v;
        json_object_foreach(reply, key, v)
        {
            char *text = json_dumps(v, JSON_ENCODE_ANY);
            if (strcmp(key, "ok") != 0 && text != NULL) {
                printf("%-16s %s\n", key, json_is_string(v) ? json_string_value(v) : text);
            }
            free(text);
        }
    }
    json_decref(reply);
    return code;
}

/* --- fault --- */

static int add_pair(json_t *action, const char *pair)
{
    const char *eq = strchr(pair, '=');
    char key[64];
    if (eq == NULL || !text_copy(key, sizeof key, (struct text){pair, (size_t)(eq - pair)}) ||
        eq == pair) {
        return cli_usage("sim fault", "'%s' is not KEY=VALUE", pair);
    }
    json_t *v = json_loads(eq + 1, JSON_DECODE_ANY, NULL);
    if (!json_is_number(v) && !json_is_boolean(v)) {
        json_decref(v);
        v = json_string(eq + 1);
    }
    return v != NULL && json_object_set_new(action, key, v) == 0
               ? EXIT_DONE
               : cli_usage("sim fault", "'%s' is not KEY=VALUE in UTF-8", pair);
}

static int fault_action(const struct options *o, int argc, char **argv, json_t *action)
{
    struct sim_fault_plan plan;
    struct err err = {0};
    json_object_set_new(action, "do", json_string("fault"));
    json_object_set_new(action, "fault", json_string(argv[optind]));
    if (o->count > 0) {
        json_object_set_new(action, "count", json_integer(o->count));
    }
    if (o->seconds >= 0) {
        json_object_set_new(action, "for", json_real(o->seconds));
    }
    for (int i = optind + 1; i < argc; i++) {
        int code = add_pair(action, argv[i]);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    /* Said here, where the command line is: the simulator would say the same. */
    bool known = sim_fault_parse(argv[optind]) != SIM_FAULT_MAX;
    return sim_fault_read_json(action, &plan, &err) == ST_OK
               ? EXIT_DONE
               : cli_usage("sim fault", "%s%s", err.text, known ? "" : " (--list names them all)");
}

int sim_cmd_fault(int argc, char **argv)
{
    struct options o;
    json_t *reply = NULL;
    int code = parse("sim fault", true, argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.common.help) {
        fputs(fault_help, stdout);
        return EXIT_DONE;
    }
    for (int i = 0; o.list && i < SIM_FAULT_MAX; i++) {
        printf("%s\n", sim_fault_name((enum sim_fault)i));
    }
    if (o.list) {
        return EXIT_DONE;
    }
    if (optind == argc) {
        return cli_usage("sim fault", "the fault's name is missing (--list names them all)");
    }
    json_t *action = json_object();
    code = fault_action(&o, argc, argv, action);
    code = code == EXIT_DONE ? sim_place_find(&o.common.place, "sim fault") : code;
    code = code == EXIT_DONE ? sim_ask_ok(&o.common.place, "sim fault", action, &reply) : code;
    json_decref(action);
    if (code == EXIT_DONE && o.common.json) {
        code = sim_print_json("sim fault", reply);
    }
    json_decref(reply);
    return code;
}
