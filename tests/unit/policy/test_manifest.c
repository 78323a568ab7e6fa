/*
 * Every file of the two manifests (ours and the shared one) in this process, so that sanitizers see
 * each refusal's way out, and the numbers, the sampling included.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "policy/model.h"
#include "shared_data.h"

#define OWN "tests/data/models"

static json_t *read_json(const char *dir, const char *name)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    json_t *json = json_load_file(path, 0, &error);
    if (json == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return json;
}

static const char *text(const json_t *entry, const char *key)
{
    const char *s = json_string_value(json_object_get(entry, key));
    return s != NULL ? s : "";
}

static double at(const json_t *v, const char *key, size_t row)
{
    return json_number_value(json_array_get(json_object_get(v, key), row));
}

/* Row of numbers; returns how many. */
static uint32_t row_of(const json_t *v, const char *key, size_t row, double *out)
{
    const json_t *r = json_array_get(json_object_get(v, key), row);
    assert_in_range(json_array_size(r), 1, 16384);
    for (size_t i = 0; i < json_array_size(r); i++) {
        out[i] = json_number_value(json_array_get(r, i));
    }
    return (uint32_t)json_array_size(r);
}

static void check_row(struct model *m, const json_t *entry, const json_t *v, const json_t *o,
                      size_t row)
{
    static double numbers[16384], want[16384], want_p[16384];
    static float obs[16384], logits[64], probs[64];
    float value = 0;
    bool finite = false;
    double largest = 0;
    uint32_t n = row_of(o, "obs", row, numbers);
    assert_int_equal(n, m->obs_count);
    for (uint32_t i = 0; i < n; i++) {
        obs[i] = (float)numbers[i];
    }
    model_forward(m, obs, 1, logits, probs, &value, &finite);
    assert_true(finite);
    assert_int_equal(row_of(v, "logits", row, want), m->action_count);
    row_of(v, "probs", row, want_p);
    for (uint32_t i = 0; i < m->action_count; i++) {
        bool good = fabs((double)logits[i] - want[i]) <= 1e-4 * (1 + fabs(want[i])) &&
                    fabs((double)probs[i] - want_p[i]) <= 1e-4;
        if (!good) {
            fail_msg("%s row %zu: logit %u is %.9g and not %.9g", text(entry, "file"), row, i,
                     (double)logits[i], want[i]);
        }
        largest = fmax(largest, fabs(want[i]));
    }
    double want_value = at(v, "value", row);
    assert_true(fabs((double)value - want_value) <= 1e-4 * (1 + fabs(want_value)));
    if (json_is_true(json_object_get(entry, "exact_argmax")) ||
        at(v, "gap", row) > 1e-3 * (1 + largest)) {
        assert_int_equal(model_argmax(probs, m->action_count), (int)at(v, "argmax", row));
    }
    if (at(v, "sample_margin", row) > 1e-3) {
        assert_int_equal(model_sample(probs, m->action_count, at(o, "u", row)),
                         (int)at(v, "sample", row));
    }
}

static void check_numbers(struct model *m, const char *dir, const json_t *entry)
{
    json_t *v = read_json(dir, text(entry, "vectors"));
    json_t *o = read_json(dir, text(v, "obs_file"));
    size_t rows = json_array_size(json_object_get(v, "logits"));
    assert_true(rows > 0);
    for (size_t row = 0; row < rows; row++) {
        check_row(m, entry, v, o, row);
    }
    json_decref(o);
    json_decref(v);
}

static void check_refusal(const json_t *entry, const struct refusal *r)
{
    bool sound_elsewhere = strcmp(text(entry, "expect"), "accept") == 0;
    if (sound_elsewhere) {
        fail_msg("%s refused: %s", text(entry, "file"), r->err.text);
    }
    if (text(entry, "error")[0] != '\0' &&
        strcmp(text(entry, "error"), refusal_name(r->class)) != 0) {
        fail_msg("%s: class %s and not %s: %s", text(entry, "file"), refusal_name(r->class),
                 text(entry, "error"), r->err.text);
    }
    const json_t *words = json_object_get(entry, "mention_any");
    bool mentioned = json_array_size(words) == 0;
    for (size_t i = 0; i < json_array_size(words); i++) {
        mentioned |= strstr(r->err.text, json_string_value(json_array_get(words, i))) != NULL;
    }
    if (!mentioned) {
        fail_msg("%s: no expected word in: %s", text(entry, "file"), r->err.text);
    }
    assert_null(strchr(r->err.text, '\n'));
}

static void check_entry(const char *dir, const json_t *entry)
{
    char path[1024];
    char stats[1024];
    bool is_stats = text(entry, "for_model")[0] != '\0';
    const char *model = is_stats ? text(entry, "for_model") : text(entry, "file");
    const char *pkl = is_stats ? text(entry, "file") : text(entry, "vecnormalize");
    snprintf(path, sizeof path, "%s/%s", dir, model);
    snprintf(stats, sizeof stats, "%s/%s", dir, pkl);
    struct model *m = NULL;
    struct refusal r = {0};
    if (model_load(path, pkl[0] != '\0' ? stats : NULL, &m, &r) != ST_OK) {
        check_refusal(entry, &r);
        return;
    }
    if (strcmp(text(entry, "expect"), "reject") == 0) {
        fail_msg("%s was accepted", text(entry, "file"));
    }
    bool fits = model_check_agent(m, &r) == ST_OK;
    const char *agent = text(entry, "agent_52x5");
    assert_true(strcmp(agent, "either") == 0 || fits == (strcmp(agent, "accept") == 0));
    if (text(entry, "vectors")[0] != '\0') {
        check_numbers(m, dir, entry);
    }
    model_destroy(m);
}

static void check_manifest(const char *dir, size_t at_least)
{
    json_t *manifest = read_json(dir, "manifest.json");
    assert_true(json_array_size(manifest) >= at_least);
    for (size_t i = 0; i < json_array_size(manifest); i++) {
        check_entry(dir, json_array_get(manifest, i));
    }
    printf("%zu files of %s\n", json_array_size(manifest), dir);
    json_decref(manifest);
    assert_int_not_equal(access("sb3_pwned_marker", F_OK), 0);
}

static void our_own_models_have_their_verdicts_and_numbers(void **state)
{
    (void)state;
    check_manifest(OWN, 20);
}

static void the_shared_models_have_their_verdicts_and_numbers(void **state)
{
    (void)state;
    char dir[512];
    if (!shared_path("data/models", dir, sizeof dir)) {
        skip();
    }
    check_manifest(dir, 100);
}

static void one_network_has_one_hash_in_any_container(void **state)
{
    (void)state;
    static const char *const files[] = {OWN "/tanh.zip", OWN "/tanh_deflated.zip",
                                        OWN "/tanh.safetensors"};
    char hash[33] = "";
    for (size_t i = 0; i < 3; i++) {
        struct model *m = NULL;
        struct refusal r;
        assert_int_equal(model_load(files[i], NULL, &m, &r), ST_OK);
        assert_true(i == 0 || strcmp(m->hash, hash) == 0);
        memcpy(hash, m->hash, sizeof hash);
        model_destroy(m);
    }
}

/* Each byte of a small model set to something else, and the file cut everywhere: any verdict will
 * do, but no crash, and no network that is not finite. */
static void damaged_files_never_crash(void **state)
{
    (void)state;
    static const char *const files[] = {OWN "/linear.zip", OWN "/stream_leakyrelu.zip",
                                        OWN "/tanh.safetensors"};
    for (size_t f = 0; f < 3; f++) {
        FILE *in = fopen(files[f], "rb");
        assert_non_null(in);
        static uint8_t good[65536];
        size_t n = fread(good, 1, sizeof good, in);
        fclose(in);
        for (size_t i = 0; i < n; i += 3) {
            uint8_t *bytes = malloc(n);
            struct model *m = NULL;
            struct refusal r;
            memcpy(bytes, good, n);
            bytes[i] = (uint8_t)(bytes[i] ^ (1U << i % 8));
            if (model_parse(bytes, n, &m, &r) == ST_OK) {
                model_destroy(m);
            }
            free(bytes);
            bytes = malloc(i > 0 ? i : 1);
            memcpy(bytes, good, i);
            assert_int_not_equal(model_parse(bytes, i, &m, &r), ST_OK);
            free(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_models_have_their_verdicts_and_numbers),
        cmocka_unit_test(the_shared_models_have_their_verdicts_and_numbers),
        cmocka_unit_test(one_network_has_one_hash_in_any_container),
        cmocka_unit_test(damaged_files_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
