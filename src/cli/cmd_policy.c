/*
 * cmd_policy.c - `deltaflow policy`: describe a model file, or ask it about observations.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "cli/cli.h"
#include "policy/model.h"

static const char help_text[] =
    "usage: deltaflow policy MODEL [options]\n"
    "\n"
    "Reads a PPO model with an MlpPolicy and discrete actions: a .zip written by "
    "Stable-Baselines3's\n"
    "PPO.save, or a .safetensors file of the same weights that names its activation. Nothing in "
    "the\n"
    "file is ever executed: pickles are read as data, and everything unexpected is refused.\n"
    "\n"
    "Without --obs the model is described. With --obs it is asked, and each row of FILE gives one "
    "line\n"
    "of JSON: {\"action\":2,\"logits\":[...],\"probs\":[...],\"value\":0.25}. Numbers are float32 "
    "in the\n"
    "shortest form of 9 digits, which reads back exactly.\n"
    "\n"
    "  --obs FILE     observations: JSON with \"obs\": [[numbers, one for each input], ...]; '-' "
    "is stdin\n"
    "  --stats FILE   VecNormalize statistics (.pkl); observations are then raw and are normalised "
    "here\n"
    "  --agent        demand what the trading agent needs: 52 inputs and 5 actions\n"
    "  --sample       draw actions from the probabilities; without it, the first of the most "
    "probable\n"
    "  --seed N       seed of --sample (default 1); the same seed gives the same actions\n"
    "  --json         the description as one line of JSON\n"
    "  --help         this text\n"
    "\n"
    "The hash covers what decides an action (weights, activation, statistics), not the container: "
    "the\n"
    "same network as .zip and as .safetensors has the same hash.\n"
    "\n"
    "A model that was trained inside VecNormalize gives nonsense without its statistics: this "
    "command\n"
    "warns, `deltaflow run` refuses.\n"
    "\n"
    "A row whose result is not a finite number (a NaN among the inputs, weights that overflow) "
    "gives\n"
    "nulls and an \"error\"; `deltaflow run` holds then.\n"
    "\n"
    "Exit status: 0 done, 1 output failed, 2 wrong usage, 3 some rows gave no finite result, 4 "
    "model,\n"
    "statistics or observations refused; then one line on stderr says \"refused: CLASS: file: "
    "reason\".\n"
    "\n"
    "Examples:\n"
    "  deltaflow policy model.zip\n"
    "  deltaflow policy model.zip --stats vecnormalize.pkl --obs rows.json --sample --seed 7\n"
    "  deltaflow policy model.safetensors --agent --json\n";

struct options {
    const char *model;
    const char *stats;
    const char *obs;
    bool agent;
    bool json;
    bool sample;
    bool help;
    uint64_t seed;
};

/* EXIT_DONE, or the exit code of a usage message that was printed. */
static int parse_seed(const char *text, uint64_t *ret_seed)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return cli_usage("policy", "--seed '%s' is no number from 0 to 2^64-1", text);
    }
    *ret_seed = v;
    return EXIT_DONE;
}

static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {
        {"obs", required_argument, NULL, 'o'},  {"stats", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, 'n'}, {"agent", no_argument, NULL, 'a'},
        {"sample", no_argument, NULL, 'p'},     {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    *o = (struct options){.seed = 1};
    optind = 0;
    opterr = 0;
    for (int c = getopt_long(argc, argv, ":h", table, NULL); c != -1;
         c = getopt_long(argc, argv, ":h", table, NULL)) {
        int code = EXIT_DONE;
        switch (c) {
        case 'o':
            o->obs = optarg;
            break;
        case 's':
            o->stats = optarg;
            break;
        case 'n':
            code = parse_seed(optarg, &o->seed);
            break;
        case 'a':
            o->agent = true;
            break;
        case 'p':
            o->sample = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            o->help = true;
            return EXIT_DONE;
        case ':':
            return cli_usage("policy", "%s needs a value", argv[optind - 1]);
        default:
            return cli_usage("policy", "unknown option '%s'", argv[optind - 1]);
        }
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (optind + 1 != argc) {
        return cli_usage("policy", "give one MODEL");
    }
    o->model = argv[optind];
    if (o->sample && o->obs == NULL) {
        return cli_usage("policy", "--sample needs --obs");
    }
    return EXIT_DONE;
}

static int refused(const struct refusal *r)
{
    if (r->class == REFUSED_NOMEM) {
        return cli_fail("policy", EXIT_FAILED, "%s", r->err.text);
    }
    return cli_fail("policy", EXIT_REFUSED, "refused: %s: %s", refusal_name(r->class), r->err.text);
}

/* --- describing --- */

static size_t count_parameters(const struct model *m)
{
    const struct layers *stacks[] = {&m->shared, &m->actor, &m->critic};
    size_t n = ((size_t)m->action_head.in + 1) * m->action_head.out +
               ((size_t)m->value_head.in + 1) * m->value_head.out;
    for (size_t s = 0; s < 3; s++) {
        for (uint32_t i = 0; i < stacks[s]->n; i++) {
            n += ((size_t)stacks[s]->layer[i].in + 1) * stacks[s]->layer[i].out;
        }
    }
    return n;
}

static bool fits_agent(const struct model *m)
{
    struct refusal r;
    return model_check_agent(m, &r) == ST_OK;
}

static const char *source_name(const struct model *m)
{
    return m->source == MODEL_SB3_ZIP ? "sb3_zip" : "safetensors";
}

static void json_widths(struct buf *b, const char *key, const struct layers *layers)
{
    buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < layers->n; i++) {
        buf_printf(b, "%s%u", i > 0 ? "," : "", layers->layer[i].out);
    }
    buf_char(b, ']');
}

static void describe_json(struct buf *b, const struct options *o, const struct model *m)
{
    buf_str(b, "{\"file\":");
    buf_json_str(b, text_of(o->model));
    buf_printf(b, ",\"source\":\"%s\",\"version\":\"%s\",\"observations\":%u,\"actions\":%u",
               source_name(m), m->version, m->obs_count, m->action_count);
    buf_printf(b, ",\"activation\":\"%s\"", activation_name(m->activation));
    json_widths(b, "shared", &m->shared);
    json_widths(b, "policy", &m->actor);
    json_widths(b, "value", &m->critic);
    buf_printf(b,
               ",\"parameters\":%zu,\"wants_statistics\":%s,\"statistics\":", count_parameters(m),
               m->wants_statistics ? "true" : "false");
    if (m->normalizer.given) {
        buf_printf(b, "{\"norm_obs\":%s,\"clip_obs\":", m->normalizer.applies ? "true" : "false");
        /* JSON has no infinity, and no limit is what an infinite one means. */
        if (m->normalizer.applies && m->normalizer.limit <= 1e300) {
            buf_printf(b, "%.17g,\"epsilon\":%.17g}", m->normalizer.limit, m->normalizer.epsilon);
        } else {
            buf_printf(b, "null,\"epsilon\":%.17g}", m->normalizer.epsilon);
        }
    } else {
        buf_str(b, "null");
    }
    buf_printf(b, ",\"agent\":%s,\"hash\":\"%s\"}\n", fits_agent(m) ? "true" : "false", m->hash);
}

static void text_widths(struct buf *b, const char *label, const struct layers *layers)
{
    buf_printf(b, "%-14s", label);
    for (uint32_t i = 0; i < layers->n; i++) {
        buf_printf(b, "%s%u", i > 0 ? " " : "", layers->layer[i].out);
    }
    buf_str(b, layers->n == 0 ? "none\n" : "\n");
}

static void describe_text(struct buf *b, const struct options *o, const struct model *m)
{
    char line[256];
    model_text(m, line, sizeof line);
    buf_printf(b, "%-14s%s\n%-14s%s\n", "file", o->model, "network", line);
    buf_printf(b, "%-14s%u\n%-14s%u\n%-14s%s\n", "observations", m->obs_count, "actions",
               m->action_count, "activation", activation_name(m->activation));
    text_widths(b, "shared", &m->shared);
    text_widths(b, "policy", &m->actor);
    text_widths(b, "value", &m->critic);
    buf_printf(b, "%-14s%zu\n", "parameters", count_parameters(m));
    if (m->normalizer.given) {
        buf_printf(b, "%-14sfrom %s, %s\n", "statistics", o->stats,
                   m->normalizer.applies ? "observations are normalised"
                                         : "not applied (norm_obs false)");
    } else {
        buf_printf(b, "%-14s%s\n", "statistics",
                   m->wants_statistics ? "none given, but trained inside VecNormalize" : "none");
    }
    buf_printf(b, "%-14s%s\n%-14s%s\n", "fits agent",
               fits_agent(m) ? "yes" : "no (52 inputs and 5 actions are needed)", "hash", m->hash);
}

static int write_out(struct buf *b)
{
    bool ok = !b->failed && (b->n == 0 || fwrite(b->p, 1, b->n, stdout) == b->n);
    buf_clear(b);
    return ok ? EXIT_DONE : cli_fail("policy", EXIT_FAILED, "output failed");
}

static int describe(const struct options *o, const struct model *m)
{
    struct buf b;
    buf_init(&b, 1U << 20);
    if (o->json) {
        describe_json(&b, o, m);
    } else {
        describe_text(&b, o, m);
    }
    int code = write_out(&b);
    buf_finish(&b);
    return code;
}

/* --- asking --- */

/* What one row needs, taken once. */
struct ask {
    const struct options *o;
    struct model *model;
    struct rng rng;
    float *obs;
    float *logits;
    float *probs;
    struct buf out;
    size_t bad_rows;
};

static json_t *read_obs(const struct options *o, const json_t **ret_rows, int *ret_code)
{
    bool is_stdin = strcmp(o->obs, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(o->obs, "r");
    if (f == NULL) {
        *ret_code =
            cli_fail("policy", EXIT_REFUSED, "refused: io: %s: %s", o->obs, strerror(errno));
        return NULL;
    }
    json_error_t error;
    json_t *json = json_loadf(f, 0, &error);
    if (!is_stdin) {
        fclose(f);
    }
    if (json == NULL) {
        *ret_code = cli_fail("policy", EXIT_REFUSED, "refused: json: %s: line %d: %s", o->obs,
                             error.line, error.text);
        return NULL;
    }
    *ret_rows = json_is_array(json) ? json : json_object_get(json, "obs");
    if (!json_is_array(*ret_rows)) {
        *ret_code = cli_fail("policy", EXIT_REFUSED, "refused: json: %s: no array \"obs\"", o->obs);
        json_decref(json);
        return NULL;
    }
    return json;
}

static int read_row(struct ask *a, const json_t *row, size_t index)
{
    if (!json_is_array(row) || json_array_size(row) != a->model->obs_count) {
        return cli_fail(
            "policy", EXIT_REFUSED,
            "refused: observation_size: %s: row %zu has %zu numbers, the model takes %u", a->o->obs,
            index, json_array_size(row), a->model->obs_count);
    }
    for (uint32_t i = 0; i < a->model->obs_count; i++) {
        const json_t *v = json_array_get(row, i);
        if (!json_is_number(v)) {
            return cli_fail("policy", EXIT_REFUSED,
                            "refused: json: %s: row %zu, column %u is no number", a->o->obs, index,
                            i);
        }
        double d = json_number_value(v);
        /* Beyond float's range the conversion is undefined in C; it means infinity. */
        bool fits = d < 3.4028235677973366e38 && d > -3.4028235677973366e38;
        a->obs[i] = fits ? (float)d : d > 0 ? __builtin_inff() : -__builtin_inff();
    }
    return EXIT_DONE;
}

static void put_floats(struct buf *b, const char *key, const float *v, uint32_t n)
{
    buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(b, "%s%.9g", i > 0 ? "," : "", (double)v[i]);
    }
    buf_char(b, ']');
}

static void ask_row(struct ask *a)
{
    float value = 0;
    bool finite = false;
    uint32_t n = a->model->action_count;
    model_forward(a->model, a->obs, 1, a->logits, a->probs, &value, &finite);
    /* Drawn for every row, so that a bad one does not shift the later ones. */
    double u = a->o->sample ? rng_unit(&a->rng) : 0;
    if (!finite) {
        a->bad_rows++;
        buf_str(&a->out, "{\"action\":null,\"logits\":null,\"probs\":null,\"value\":null,"
                         "\"error\":\"not finite\"}\n");
        return;
    }
    buf_printf(&a->out, "{\"action\":%u",
               a->o->sample ? model_sample(a->probs, n, u) : model_argmax(a->probs, n));
    put_floats(&a->out, "logits", a->logits, n);
    put_floats(&a->out, "probs", a->probs, n);
    buf_printf(&a->out, ",\"value\":%.9g}\n", (double)value);
}

static int ask_rows(struct ask *a, const json_t *rows)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int code = read_row(a, json_array_get(rows, i), i);
        if (code == EXIT_DONE) {
            ask_row(a);
            code = write_out(&a->out);
        }
        if (code != EXIT_DONE) {
            return code;
        }
    }
    if (a->bad_rows > 0) {
        return cli_fail("policy", EXIT_PARTLY, "%zu of %zu rows gave no finite result", a->bad_rows,
                        json_array_size(rows));
    }
    return EXIT_DONE;
}

static int ask(const struct options *o, struct model *m)
{
    int code = EXIT_FAILED;
    const json_t *rows = NULL;
    json_t *json = read_obs(o, &rows, &code);
    if (json == NULL) {
        return code;
    }
    struct ask a = {.o = o, .model = m};
    a.obs = calloc(m->obs_count, sizeof *a.obs);
    a.logits = calloc(m->action_count, sizeof *a.logits);
    a.probs = calloc(m->action_count, sizeof *a.probs);
    buf_init(&a.out, 16U << 20);
    rng_init(&a.rng, o->seed);
    if (a.obs != NULL && a.logits != NULL && a.probs != NULL) {
        code = ask_rows(&a, rows);
    } else {
        code = cli_fail("policy", EXIT_FAILED, "not enough memory");
    }
    buf_finish(&a.out);
    free(a.probs);
    free(a.logits);
    free(a.obs);
    json_decref(json);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o;
    int code = parse_options(argc, argv, &o);
    if (code != EXIT_DONE) {
        return code;
    }
    if (o.help) {
        fputs(help_text, stdout);
        return EXIT_DONE;
    }
    struct refusal r;
    struct model *model = NULL;
    if (model_load(o.model, o.stats, &model, &r) != ST_OK) {
        return refused(&r);
    }
    if (o.agent && model_check_agent(model, &r) != ST_OK) {
        refuse_at(&r, "%s", o.model);
        model_destroy(model);
        return refused(&r);
    }
    if (model->wants_statistics && o.stats == NULL) {
        fprintf(stderr,
                "deltaflow policy: warning: %s was trained inside VecNormalize; without "
                "--stats its answers make no sense\n",
                o.model);
    }
    code = o.obs != NULL ? ask(&o, model) : describe(&o, model);
    model_destroy(model);
    if (fflush(stdout) != 0 && code == EXIT_DONE) {
        code = cli_fail("policy", EXIT_FAILED, "output failed: %s", strerror(errno));
    }
    return code;
}

const struct cli_command cmd_policy = {"policy", "describe a model, or ask it about observations",
                                       run};
