/*
 * cmd_sim_keygen.c - `deltaflow sim keygen`: a key pair, as a client of the exchange needs it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/sim_client.h"

#define COMMAND "sim keygen"

static const char help_text[] =
    "usage: deltaflow sim keygen [options]\n"
    "\n"
    "Makes a key pair for signing requests to the exchange, and an id for it. Three files are\n"
    "written: FILE holds the private key (PEM, PKCS#8, mode 0600), FILE.pub the public key, "
    "FILE.id\n"
    "the id that goes into KALSHI-ACCESS-KEY. No simulator has to run; to let the key trade at "
    "one,\n"
    "see `deltaflow sim users add NAME --public-key FILE.pub --key-id ID`.\n"
    "\n"
    "  --type TYPE   rsa (default) or ed25519\n"
    "  --bits N      size of an RSA key: 2048 (default), 3072 or 4096\n"
    "  --out FILE    where to write (default: kalshi.key)\n"
    "  --force       overwrite files that are there\n"
    "  --json        print one JSON object (docs/schemas/sim-keygen.json)\n"
    "  --help        this text\n"
    "\n"
    "Prints the id. Keys never appear on the terminal.\n"
    "\n"
    "Exit status: 0 done, 1 a file could not be written, 2 wrong usage, 4 a file exists already.\n"
    "\n"
    "Examples:\n"
    "  deltaflow sim keygen --out alice.key\n"
    "  deltaflow sim keygen --type ed25519 --out bot.key --json\n";

struct options {
    enum key_kind kind;
    int bits;
    const char *out;
    bool force, json, help;
};

enum { OPT_TYPE = 1, OPT_BITS, OPT_OUT, OPT_FORCE, OPT_JSON, OPT_HELP };

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"type", required_argument, NULL, OPT_TYPE},
                                          {"bits", required_argument, NULL, OPT_BITS},
                                          {"out", required_argument, NULL, OPT_OUT},
                                          {"force", no_argument, NULL, OPT_FORCE},
                                          {"json", no_argument, NULL, OPT_JSON},
                                          {"help", no_argument, NULL, OPT_HELP},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.kind = KEY_RSA, .bits = 2048, .out = "kalshi.key"};
    bool bits = false;
    int code = EXIT_DONE;
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case OPT_TYPE:
            code = sim_take_key_type(COMMAND, optarg, &o->kind);
            break;
        case OPT_BITS:
            bits = true;
            code = sim_take_key_bits(COMMAND, optarg, &o->bits);
            break;
        case OPT_OUT:
            o->out = optarg;
            break;
        case OPT_FORCE:
            o->force = true;
            break;
        case OPT_JSON:
            o->json = true;
            break;
        case OPT_HELP:
            o->help = true;
            break;
        default:
            code = cli_usage(COMMAND, "'%s' is no option, or lacks its value", argv[optind - 1]);
        }
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (optind < argc) {
        return cli_usage(COMMAND, "'%s' is not expected here", argv[optind]);
    }
    if (bits && o->kind == KEY_ED25519) {
        return cli_usage(COMMAND, "--bits is for --type rsa");
    }
    return o->out[0] == '\0' ? cli_usage(COMMAND, "--out is empty") : EXIT_DONE;
}

static int print(const struct options *o, const char *id)
{
    if (!o->json) {
        printf("%s\n", id);
        return fflush(stdout) == 0 ? EXIT_DONE : cli_fail(COMMAND, EXIT_FAILED, "output failed");
    }
    char public_path[NET_PATH_MAX];
    snprintf(public_path, sizeof public_path, "%s.pub", o->out);
    json_t *j = json_pack("{s:s,s:s,s:s,s:s}", "key_id", id, "type", key_kind_name(o->kind),
                          "key_file", o->out, "public_key_file", public_path);
    if (o->kind == KEY_RSA) {
        json_object_set_new(j, "bits", json_integer(o->bits));
    }
    int code = sim_print_json(COMMAND, j);
    json_decref(j);
    return code;
}

int sim_cmd_keygen(int argc, char **argv)
{
    struct options o;
    struct err err = {0};
    struct buf public;
    char id[37];
    int code = parse(argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.help) {
        fputs(help_text, stdout);
        return EXIT_DONE;
    }
    buf_init(&public, KEY_PEM_MAX);
    enum status st = sim_key_files(o.out, o.kind, o.bits, o.force, id, &public, &err);
    buf_finish(&public);
    if (st != ST_OK) {
        return cli_fail(COMMAND, st == ST_EXISTS ? EXIT_REFUSED : EXIT_FAILED, "%s", err.text);
    }
    return print(&o, id);
}
