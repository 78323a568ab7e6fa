/*
 * cmd_sim_users.c - `deltaflow sim users`: who may trade at a simulator.
 *
 * The list is STATE_DIR/users.json. A running simulator is told at once; one that starts later
 * reads the file.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/sim_client.h"
#include "cli/users_file.h"
#include "net/files.h"
#include "sim/sim.h"

#define COMMAND "sim users"

static const char help_text[] =
    "usage: deltaflow sim users [list] [options]\n"
    "       deltaflow sim users add NAME [--type rsa|ed25519] [--bits N] [--out FILE] [options]\n"
    "       deltaflow sim users add NAME --public-key FILE --key-id ID [options]\n"
    "       deltaflow sim users remove NAME [options]\n"
    "       deltaflow sim users deposit NAME AMOUNT [options]\n"
    "       deltaflow sim users tier NAME TIER [options]\n"
    "\n"
    "The users of a simulator beside the numbered ones (`deltaflow sim --users N`), each with a "
    "key,\n"
    "cash and a usage tier. They stand in users.json in the simulator's state folder\n"
    "(docs/schemas/sim-users.json): a simulator that runs is told at once, one that starts later\n"
    "reads them.\n"
    "\n"
    "  list      name, tier, cash and key ids; of a running simulator all its users\n"
    "  add       a user more. Without --public-key a key pair is made: NAME.key in the state "
    "folder\n"
    "            or FILE, as `deltaflow sim keygen` does\n"
    "  remove    his keys are good no more, and he is not there at the next start. What he has "
    "stays.\n"
    "            With a state file: while the simulator runs, as the file holds keys too\n"
    "  deposit   money to (or, negative, from) a user of a running simulator, in dollars; a "
    "number,\n"
    "            as user1, names a numbered user\n"
    "  tier      another usage tier: basic, advanced, expert, premier, paragon, prime, prestige\n"
    "\n"
    "  --balance DOLLARS    cash at start (default: the simulator's --balance)\n"
    "  --tier TIER          usage tier (default: the simulator's --tier)\n"
    "  --type TYPE          of a new key: rsa (default) or ed25519\n"
    "  --bits N             of a new RSA key: 2048 (default), 3072 or 4096\n"
    "  --out FILE           where a new private key is written\n"
    "  --public-key FILE    a key that there is already (PEM)\n"
    "  --key-id ID          its id\n" SIM_PLACE_HELP
    "  --json               print one JSON object (docs/schemas/sim-user-list.json,\n"
    "                       docs/schemas/sim-user.json)\n"
    "  --help               this text\n"
    "\n"
    "Exit status: 0 done, 1 a file could not be written, 2 wrong usage, 4 refused (the name is "
    "taken,\n"
    "the file or the key is malformed, there is no such user), 5 the token cannot be used, 6 no\n"
    "simulator answers (deposit, tier).\n"
    "\n"
    "Examples:\n"
    "  deltaflow sim users add alice --balance 50000 --tier premier\n"
    "  deltaflow sim users add bot --type ed25519 --out bot.key --json\n"
    "  deltaflow sim users deposit alice 250.00\n";

struct options {
    struct sim_common common;
    usd_t balance;    /* negative: not given */
    const char *tier; /* NULL: not given */
    enum key_kind kind;
    int bits;
    const char *out, *public_key, *key_id;
    const char *negative;     /* a word that is a negative number, or NULL */
    char users[NET_PATH_MAX]; /* users.json */
};

enum { OPT_BALANCE = SIM_OPT_OWN, OPT_TIER, OPT_TYPE, OPT_BITS, OPT_OUT, OPT_PUBLIC, OPT_KEY_ID };

static bool tier_ok(const char *tier)
{
    int64_t read[2];
    int64_t write[2];
    return sim_tier_budget(tier, read, write);
}

static int take_key_option(int c, struct options *o)
{
    switch (c) {
    case OPT_TYPE:
        return sim_take_key_type(COMMAND, optarg, &o->kind);
    case OPT_BITS:
        return sim_take_key_bits(COMMAND, optarg, &o->bits);
    case OPT_OUT:
        o->out = optarg;
        return EXIT_DONE;
    case OPT_PUBLIC:
        o->public_key = optarg;
        return EXIT_DONE;
    case OPT_KEY_ID:
        o->key_id = optarg;
        return strlen(optarg) > 0 && strlen(optarg) < PERSON_KEY_MAX
                   ? EXIT_DONE
                   : cli_usage(COMMAND, "--key-id is empty or too long");
    default:
        return -1;
    }
}

/* A word such as -5.00 is an amount. getopt takes it for an option with an argument. */
static const char negative_begins[] = "0123456789";
static const char shorts[] = "0::1::2::3::4::5::6::7::8::9::";

static int take_option(int c, char **argv, struct options *o)
{
    if (sim_take_option(c, &o->common)) {
        return EXIT_DONE;
    }
    switch (c) {
    case OPT_BALANCE:
        return usd_parse(optarg, strlen(optarg), &o->balance) == ST_OK && o->balance >= 0 &&
                       o->balance <= USD_LIMIT / 1000
                   ? EXIT_DONE
                   : cli_usage(COMMAND, "--balance '%s' is no amount in dollars", optarg);
    case OPT_TIER:
        o->tier = optarg;
        return tier_ok(optarg) ? EXIT_DONE
                               : cli_usage(COMMAND, "--tier '%s' is not basic to prestige", optarg);
    default: {
        if (strchr(negative_begins, c) != NULL) {
            o->negative = argv[optind - 1];
            return EXIT_DONE;
        }
        int code = take_key_option(c, o);
        return code >= 0
                   ? code
                   : cli_usage(COMMAND, "'%s' is no option, or lacks its value", argv[optind - 1]);
    }
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {SIM_LONG_OPTIONS,
                                          {"balance", required_argument, NULL, OPT_BALANCE},
                                          {"tier", required_argument, NULL, OPT_TIER},
                                          {"type", required_argument, NULL, OPT_TYPE},
                                          {"bits", required_argument, NULL, OPT_BITS},
                                          {"out", required_argument, NULL, OPT_OUT},
                                          {"public-key", required_argument, NULL, OPT_PUBLIC},
                                          {"key-id", required_argument, NULL, OPT_KEY_ID},
                                          {NULL, 0, NULL, 0}};
    *o = (struct options){.balance = -1, .kind = KEY_RSA, .bits = 2048};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        int code = take_option(c, argv, o);
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if ((o->public_key == NULL) != (o->key_id == NULL)) {
        return cli_usage(COMMAND, "--public-key and --key-id go together");
    }
    return o->public_key != NULL && o->out != NULL
               ? cli_usage(COMMAND, "--out is for a new key, --public-key for one that is there")
               : EXIT_DONE;
}

static int fail(const struct err *err)
{
    bool broken =
        err->st == ST_IO || err->st == ST_DENIED || err->st == ST_NOMEM || err->st == ST_LIMIT;
    return cli_fail(COMMAND, broken ? EXIT_FAILED : EXIT_REFUSED, "%s", err->text);
}

/* --- list --- */

static json_t *numbered(const struct options *o)
{
    json_t *users = json_array();
    for (int i = 1; i <= 1000; i++) {
        char path[NET_PATH_MAX + 32];
        struct buf id;
        struct err err;
        snprintf(path, sizeof path, "%s/user%d.id", o->common.place.dir, i);
        buf_init(&id, 128);
        if (file_read(path, &id, &err) != ST_OK || id.n == 0) {
            buf_finish(&id);
            break;
        }
        id.p[strcspn(id.p, "\n")] = '\0';
        char name[32];
        snprintf(name, sizeof name, "user%d", i);
        json_array_append_new(users, json_pack("{s:s,s:[s]}", "name", name, "key_ids", id.p));
        buf_finish(&id);
    }
    return users;
}

/* What the files say, when no simulator runs. */
static int list_files(const struct options *o, json_t **ret_users)
{
    struct person_list list = {0};
    struct err err = {0};
    enum status st = users_read(o->users, &list, &err);
    if (st != ST_OK && st != ST_NOT_FOUND) {
        return fail(&err);
    }
    json_t *users = numbered(o);
    for (size_t i = 0; i < list.n; i++) {
        const struct person *p = &list.v[i];
        json_t *keys = json_array();
        for (size_t k = 0; k < p->n_keys; k++) {
            json_array_append_new(keys, json_string(p->keys[k].id));
        }
        json_t *u = json_pack("{s:s,s:o}", "name", p->name, "key_ids", keys);
        if (p->tier[0] != '\0') {
            json_object_set_new(u, "tier", json_string(p->tier));
        }
        if (p->balance >= 0) {
            char usd[MONEY_TEXT_MAX];
            usd_format(p->balance, usd);
            json_object_set_new(u, "balance", json_string(usd));
        }
        json_array_append_new(users, u);
    }
    people_finish(&list);
    *ret_users = users;
    return EXIT_DONE;
}

static const char *text_or_dash(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s != NULL && s[0] != '\0' ? s : "-";
}

static void print_table(const json_t *users, bool running)
{
    size_t i;
    json_t *u;
    printf("%-20s %-9s %16s  %s\n", "NAME", "TIER", running ? "CASH" : "BALANCE", "KEY IDS");
    json_array_foreach(users, i, u)
    {
        printf("%-20s %-9s %16s ", text_or_dash(u, "name"), text_or_dash(u, "tier"),
               text_or_dash(u, running ? "cash" : "balance"));
        size_t k;
        json_t *id;
        json_array_foreach(json_object_get(u, "key_ids"), k, id)
        {
            printf(" %s", json_string_value(id));
        }
        printf("\n");
    }
}

static int list(const struct options *o)
{
    json_t *action = json_pack("{s:s}", "do", "users");
    json_t *reply = NULL;
    json_t *users = NULL;
    int code = sim_ask(&o->common.place, COMMAND, action, true, &reply);
    json_decref(action);
    bool running = code == EXIT_DONE;
    if (running) {
        users = json_incref(json_object_get(reply, "users"));
        json_decref(reply);
    } else if (code == EXIT_UNREACHABLE) {
        code = list_files(o, &users);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    if (o->common.json) {
        json_t *j = json_pack("{s:b,s:O}", "running", running, "users", users);
        code = sim_print_json(COMMAND, j);
        json_decref(j);
    } else {
        print_table(users, running);
    }
    json_decref(users);
    return code;
}

/* --- add --- */

static enum status get_key(const struct options *o, struct person *p, char *key_file,
                           struct err *err)
{
    struct buf pem;
    enum status st;
    struct person_key *k = &p->keys[0];
    buf_init(&pem, KEY_PEM_MAX);
    if (o->public_key != NULL) {
        struct verifier *check = NULL;
        st = file_read(o->public_key, &pem, err);
        st = st == ST_OK ? verifier_create(&check) : st;
        st = st == ST_OK ? verifier_add(check, o->key_id, o->public_key, err) : st;
        verifier_destroy(check);
        text_copy(k->id, sizeof k->id, text_of(o->key_id));
    } else {
        char id[37] = "";
        st = sim_key_files(key_file, o->kind, o->bits, false, id, &pem, err);
        text_copy(k->id, sizeof k->id, text_of(id));
    }
    if (st == ST_OK) {
        k->pem = strdup(pem.p);
        p->n_keys = 1;
        st = k->pem != NULL ? ST_OK : err_set(err, ST_NOMEM, "out of memory");
    }
    buf_finish(&pem);
    return st;
}

static json_t *create_action(const struct person *p)
{
    json_t *j = json_pack("{s:s,s:s,s:s,s:s}", "do", "create_user", "name", p->name, "key_id",
                          p->keys[0].id, "public_key", p->keys[0].pem);
    if (p->balance >= 0) {
        char usd[MONEY_TEXT_MAX];
        usd_format(p->balance, usd);
        json_object_set_new(j, "balance", json_string(usd));
    }
    if (p->tier[0] != '\0') {
        json_object_set_new(j, "tier", json_string(p->tier));
    }
    return j;
}

/* Tell a running simulator. EXIT_DONE, EXIT_UNREACHABLE (not told: none runs), or why not. */
static int tell(const struct options *o, json_t *action)
{
    json_t *reply = NULL;
    int code = sim_ask(&o->common.place, COMMAND, action, true, &reply);
    json_decref(action);
    if (code == EXIT_DONE && !json_is_true(json_object_get(reply, "ok"))) {
        const char *why = json_string_value(json_object_get(reply, "error"));
        code = cli_fail(COMMAND, EXIT_REFUSED, "%s", why != NULL ? why : "refused");
    }
    json_decref(reply);
    return code;
}

static int print_user(const struct options *o, const struct person *p, const char *key_file,
                      bool running)
{
    if (!o->common.json) {
        printf("%s key_id=%s%s%s%s\n", p->name, p->keys[0].id, key_file != NULL ? " key_file=" : "",
               key_file != NULL ? key_file : "",
               running ? "; the running simulator knows" : "; at the next start");
        return EXIT_DONE;
    }
    json_t *j =
        json_pack("{s:s,s:s,s:b}", "name", p->name, "key_id", p->keys[0].id, "running", running);
    if (key_file != NULL) {
        json_object_set_new(j, "key_file", json_string(key_file));
    }
    int code = sim_print_json(COMMAND, j);
    json_decref(j);
    return code;
}

static int add_to(const struct options *o, const char *name, struct person_list *list)
{
    struct err err = {0};
    char key_file[NET_PATH_MAX + 80];
    struct person p = {.balance = o->balance};
    if (people_find(list, name) != NULL) {
        return cli_fail(COMMAND, EXIT_REFUSED, "there is a user '%s' already", name);
    }
    snprintf(key_file, sizeof key_file, "%s/%s.key", o->common.place.dir, name);
    const char *file = o->out != NULL ? o->out : key_file;
    text_copy(p.name, sizeof p.name, text_of(name));
    text_copy(p.tier, sizeof p.tier, text_of(o->tier != NULL ? o->tier : ""));
    enum status st = get_key(o, &p, (char *)(uintptr_t)file, &err);
    if (st != ST_OK) {
        return fail(&err);
    }
    json_t *action = create_action(&p);
    struct person shown = p; /* its texts live in the list from now on */
    st = people_add(list, &p, &err);
    if (st != ST_OK) {
        free(p.keys[0].pem);
        json_decref(action);
        return fail(&err);
    }
    int told = tell(o, action);
    if (told != EXIT_DONE && told != EXIT_UNREACHABLE) {
        return told;
    }
    if (users_write(o->users, list, &err) != ST_OK) {
        return fail(&err);
    }
    return print_user(o, &shown, o->public_key == NULL ? file : NULL, told == EXIT_DONE);
}

/* With the users of the file, which no other command changes meanwhile. */
static int with_list(const struct options *o, const char *name,
                     int (*act)(const struct options *, const char *, struct person_list *))
{
    struct person_list list = {0};
    struct err err = {0};
    if (!person_name_valid(name)) {
        return cli_usage(COMMAND, "'%s' is no name: letters, digits, '.', '_' and '-'", name);
    }
    int lock = -1;
    enum status st = act == add_to ? folder_make(o->common.place.dir, &err) : ST_OK;
    st = st == ST_OK ? folder_lock(o->common.place.dir, &lock, &err) : st;
    st = st == ST_OK ? users_read(o->users, &list, &err) : st;
    int code = st == ST_OK || st == ST_NOT_FOUND ? act(o, name, &list) : fail(&err);
    people_finish(&list);
    if (lock >= 0) {
        folder_unlock(lock);
    }
    return code;
}

/* --- remove --- */

static int remove_from(const struct options *o, const char *name, struct person_list *list)
{
    struct err err = {0};
    struct person *p = people_find(list, name);
    if (p == NULL) {
        return cli_fail(COMMAND, EXIT_REFUSED, "there is no user '%s' in %s", name, o->users);
    }
    bool running = false;
    for (size_t i = 0; i < p->n_keys; i++) {
        json_t *reply = NULL;
        json_t *action = json_pack("{s:s,s:s}", "do", "remove_key", "key_id", p->keys[i].id);
        int code = sim_ask(&o->common.place, COMMAND, action, true, &reply);
        json_decref(action);
        json_decref(reply);
        if (code != EXIT_DONE && code != EXIT_UNREACHABLE) {
            return code;
        }
        running = code == EXIT_DONE;
    }
    struct person shown = *p;
    char key_id[PERSON_KEY_MAX];
    text_copy(key_id, sizeof key_id, text_of(p->keys[0].id));
    people_remove(list, p);
    if (users_write(o->users, list, &err) != ST_OK) {
        return fail(&err);
    }
    return print_user(o, &shown, NULL, running);
}

/* --- what only a running simulator can do --- */

static int running_only(const struct options *o, json_t *action)
{
    json_t *reply = NULL;
    int code = sim_ask_ok(&o->common.place, COMMAND, action, &reply);
    json_decref(action);
    if (code == EXIT_DONE && o->common.json) {
        code = sim_print_json(COMMAND, reply);
    } else if (code == EXIT_DONE) {
        const char *cash = json_string_value(json_object_get(reply, "cash"));
        printf("%s%s\n", cash != NULL ? "cash " : "done", cash != NULL ? cash : "");
    }
    json_decref(reply);
    return code;
}

static int set_tier(const struct options *o, const char *name, struct person_list *list)
{
    struct err err = {0};
    struct person *p = people_find(list, name);
    if (p != NULL) {
        text_copy(p->tier, sizeof p->tier, text_of(o->tier));
        if (users_write(o->users, list, &err) != ST_OK) {
            return fail(&err);
        }
    }
    return running_only(
        o, json_pack("{s:s,s:s,s:s}", "do", "set_tier", "user", name, "tier", o->tier));
}

int sim_cmd_users(int argc, char **argv)
{
    struct options o;
    int code = parse(argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.common.help) {
        fputs(help_text, stdout);
        return EXIT_DONE;
    }
    char **rest = argv + optind;
    int n = argc - optind;
    const char *what = n > 0 ? rest[0] : "list";
    static const struct {
        const char *name;
        int words;
        const char *missing;
    } kinds[] = {{"list", 0, ""},
                 {"add", 1, "NAME"},
                 {"remove", 1, "NAME"},
                 {"deposit", 2, "NAME AMOUNT"},
                 {"tier", 2, "NAME TIER"}};
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && strcmp(kinds[k].name, what) != 0) {
        k++;
    }
    if (k == sizeof kinds / sizeof kinds[0]) {
        return cli_usage(COMMAND, "'%s' is not list, add, remove, deposit or tier", what);
    }
    const char *amount = n > 2 ? rest[2] : o.negative;
    if (n == 0 && o.negative != NULL) {
        return cli_usage(COMMAND, "'%s' is not expected here", o.negative);
    }
    if (n > 0 && n - 1 + (o.negative != NULL) != kinds[k].words) {
        return cli_usage(COMMAND, "%s takes %s", what,
                         kinds[k].words > 0 ? kinds[k].missing : "nothing more");
    }
    code = sim_place_find(&o.common.place, COMMAND);
    if (code != EXIT_DONE) {
        return code;
    }
    snprintf(o.users, sizeof o.users, "%.1000s/users.json", o.common.place.dir);
    if (k == 0) {
        return list(&o);
    }
    if (k == 1 || k == 2) {
        return with_list(&o, rest[1], k == 1 ? add_to : remove_from);
    }
    if (k == 3) {
        return running_only(
            &o, json_pack("{s:s,s:s,s:s}", "do", "deposit", "user", rest[1], "amount", amount));
    }
    o.tier = amount;
    return tier_ok(o.tier) ? with_list(&o, rest[1], set_tier)
                           : cli_usage(COMMAND, "'%s' is not basic to prestige", o.tier);
}
