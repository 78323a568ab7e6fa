/*
 * sim_client.h - what the commands around a simulator share: their options, and talking to one that
 * runs.
 */
#ifndef CLI_SIM_CLIENT_H
#define CLI_SIM_CLIENT_H

#include <getopt.h>
#include <jansson.h>

#include "net/keys.h"

/* Each takes argv[0] as its own name; returns an exit code. */
int sim_cmd_keygen(int argc, char **argv);
int sim_cmd_users(int argc, char **argv);
int sim_cmd_fault(int argc, char **argv);
int sim_cmd_do(int argc, char **argv);
int sim_cmd_status(int argc, char **argv);

/* Where a simulator is found. */
struct sim_place {
    const char *state_dir, *admin_socket; /* of the command line; NULL: not given */
    char dir[NET_PATH_MAX], socket[NET_PATH_MAX], token[NET_PATH_MAX]; /* after sim_place_find() */
};
#define SIM_PLACE_HELP                                                                             \
    "  --state-dir DIR      folder of the simulator (default: that of `deltaflow sim`)\n"          \
    "  --admin-socket PATH  its socket (default: admin.sock in that folder)\n"

/* The options that all of them take; a command's own begin at SIM_OPT_OWN. */
enum { SIM_OPT_DIR = 1, SIM_OPT_SOCKET, SIM_OPT_JSON, SIM_OPT_HELP, SIM_OPT_OWN };
/* clang-format off */
#define SIM_LONG_OPTIONS                                       \
    {"state-dir", required_argument, NULL, SIM_OPT_DIR},       \
    {"admin-socket", required_argument, NULL, SIM_OPT_SOCKET}, \
    {"json", no_argument, NULL, SIM_OPT_JSON},                 \
    {"help", no_argument, NULL, SIM_OPT_HELP}
/* clang-format on */
struct sim_common {
    struct sim_place place;
    bool json, help;
};
/* Take one of them, of optarg; false: c is another. */
bool sim_take_option(int c, struct sim_common *o);

/* A new key's --type and --bits; returns an exit code, told. */
int sim_take_key_type(const char *command, const char *text, enum key_kind *ret);
int sim_take_key_bits(const char *command, const char *text, int *ret);

/* Fill in what the options, the environment and the config file say. 0, or an exit code (told). */
int sim_place_find(struct sim_place *p, const char *command);

/*
 * Ask the simulator. 0: *ret_reply is its answer, ok or not, owned by the caller. Else an exit
 * code: EXIT_UNREACHABLE when none answers; told unless quiet.
 */
int sim_ask(const struct sim_place *p, const char *command, const json_t *action, bool quiet,
            json_t **ret_reply);
/* The same; an answer that is not ok is told, and is EXIT_REFUSED. */
int sim_ask_ok(const struct sim_place *p, const char *command, const json_t *action,
               json_t **ret_reply);

/*
 * A new key pair in files: PATH (0600), PATH.pub and PATH.id. Existing files are not overwritten
 * unless force. The public key and the id are handed out too. ST_EXISTS, and as of file_write().
 */
enum status sim_key_files(const char *path, enum key_kind kind, int bits, bool force, char id[37],
                          struct buf *ret_public, struct err *err) MUST_CHECK;

/* Print JSON on one line to stdout; returns an exit code. */
int sim_print_json(const char *command, const json_t *j);

#endif
