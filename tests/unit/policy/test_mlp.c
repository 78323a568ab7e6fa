/*
 * The forward pass: against a plain loop, across vector widths and batch sizes, and against
 * constants that every compiler and every build must give.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "policy/mlp.h"
#include "policy/network.h"

static float uniform(struct rng *rng, double limit)
{
    return (float)((2 * rng_unit(rng) - 1) * limit);
}

static void add(struct tensors *all, const char *prefix, uint32_t out, uint32_t in, struct rng *rng)
{
    for (int bias = 0; bias < 2; bias++) {
        struct tensor *t = &all->t[all->n++];
        snprintf(t->name, sizeof t->name, "%s%s", prefix, bias ? "bias" : "weight");
        t->dims = bias ? 1 : 2;
        t->shape[0] = out;
        t->shape[1] = bias ? 0 : in;
        t->n = bias ? out : (size_t)out * in;
        t->data = malloc(t->n * sizeof(float));
        assert_non_null(t->data);
        for (size_t i = 0; i < t->n; i++) {
            t->data[i] = uniform(rng, bias ? 0.2 : 1.5 / sqrt(in));
        }
    }
}

/* obs -> a -> b -> actions, value with one hidden layer of c. */
static struct tensors *make_tensors(uint64_t seed, uint32_t obs, uint32_t a, uint32_t b, uint32_t c,
                                    uint32_t actions)
{
    struct tensors *all = calloc(1, sizeof *all);
    struct rng rng;
    assert_non_null(all);
    rng_init(&rng, seed);
    add(all, "mlp_extractor.policy_net.0.", a, obs, &rng);
    add(all, "mlp_extractor.policy_net.2.", b, a, &rng);
    add(all, "mlp_extractor.value_net.0.", c, obs, &rng);
    add(all, "action_net.", actions, b, &rng);
    add(all, "value_net.", 1, c, &rng);
    return all;
}

static void free_tensors(struct tensors *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        free(all->t[i].data);
    }
    free(all);
}

static struct model *build(const struct tensors *all, enum activation act)
{
    struct model *m = calloc(1, sizeof *m);
    struct refusal r;
    assert_non_null(m);
    m->activation = act;
    if (network_build(m, all, &r) != ST_OK) {
        fail_msg("%s", r.err.text);
    }
    return m;
}

static const struct tensor *named(const struct tensors *all, const char *name)
{
    for (uint32_t i = 0; i < all->n; i++) {
        if (strcmp(all->t[i].name, name) == 0) {
            return &all->t[i];
        }
    }
    return NULL;
}

/* The stated order: left to right in float, bias last. */
static void plain(const struct tensors *all, const char *prefix, const float *x, float *y)
{
    char name[96];
    snprintf(name, sizeof name, "%sweight", prefix);
    const struct tensor *w = named(all, name);
    snprintf(name, sizeof name, "%sbias", prefix);
    const struct tensor *b = named(all, name);
    for (size_t o = 0; o < w->shape[0]; o++) {
        float sum = 0;
        for (size_t i = 0; i < w->shape[1]; i++) {
            float product = w->data[o * w->shape[1] + i] * x[i];
            sum = sum + product;
        }
        y[o] = sum + b->data[o];
    }
}

static void outputs_are_a_plain_left_to_right_sum_to_the_bit(void **state)
{
    (void)state;
    static const uint32_t sizes[][5] = {{52, 64, 64, 64, 5}, {1, 1, 1, 1, 1},
                                        {7, 9, 8, 63, 3},    {52, 65, 16, 7, 9},
                                        {3, 200, 130, 4, 2}, {100, 24, 72, 15, 17}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const uint32_t *z = sizes[s];
        struct tensors *all = make_tensors(s + 1, z[0], z[1], z[2], z[3], z[4]);
        struct model *m = build(all, ACT_RELU);
        struct rng rng;
        rng_init(&rng, 99);
        float x[256], h1[256], h2[256], want[256], logits[256], probs[256];
        for (int row = 0; row < 20; row++) {
            float value = 0, want_value = 0;
            bool finite = false;
            for (uint32_t i = 0; i < z[0]; i++) {
                x[i] = uniform(&rng, 3);
            }
            model_forward(m, x, 1, logits, probs, &value, &finite);
            plain(all, "mlp_extractor.policy_net.0.", x, h1);
            activation_apply(ACT_RELU, h1, z[1]);
            plain(all, "mlp_extractor.policy_net.2.", h1, h2);
            activation_apply(ACT_RELU, h2, z[2]);
            plain(all, "action_net.", h2, want);
            plain(all, "mlp_extractor.value_net.0.", x, h1);
            activation_apply(ACT_RELU, h1, z[3]);
            plain(all, "value_net.", h1, &want_value);
            assert_true(finite);
            assert_memory_equal(logits, want, z[4] * sizeof(float));
            assert_memory_equal(&value, &want_value, sizeof value);
        }
        model_destroy(m);
        free_tensors(all);
    }
}

static void sse2_and_avx2_give_the_same_bits(void **state)
{
    (void)state;
    struct tensors *all = make_tensors(11, 52, 136, 40, 8, 5);
    struct model *m = build(all, ACT_TANH);
    struct rng rng;
    rng_init(&rng, 5);
    float x[4 * 52], a[4 * 136] = {0}, b[4 * 136] = {0};
    for (size_t i = 0; i < 4 * 52; i++) {
        x[i] = uniform(&rng, 2);
    }
    for (uint32_t rows = 1; rows <= 4; rows++) {
        mlp_layer(&m->actor.layer[0], x, 52, rows, a, 136);
        mlp_layer_sse2(&m->actor.layer[0], x, 52, rows, b, 136);
        assert_memory_equal(a, b, rows * 136 * sizeof(float));
    }
    model_destroy(m);
    free_tensors(all);
}

static void a_batch_gives_the_bits_of_single_rows(void **state)
{
    (void)state;
    struct tensors *all = make_tensors(3, 52, 64, 64, 64, 5);
    struct model *m = build(all, ACT_TANH);
    struct rng rng;
    rng_init(&rng, 8);
    float x[23 * 52], logits[23 * 5], probs[23 * 5], values[23];
    bool finite[23];
    for (size_t i = 0; i < 23 * 52; i++) {
        x[i] = uniform(&rng, 2);
    }
    x[6 * 52 + 9] = NAN; /* a bad row must not touch its neighbours */
    for (size_t n = 1; n <= 23; n++) {
        model_forward(m, x, n, logits, probs, values, finite);
        for (size_t i = 0; i < n; i++) {
            float l[5], p[5], v = 0;
            bool f = false;
            model_forward(m, x + i * 52, 1, l, p, &v, &f);
            assert_int_equal(f, i != 6);
            assert_int_equal(finite[i], f);
            assert_memory_equal(logits + i * 5, l, sizeof l);
            assert_memory_equal(probs + i * 5, p, sizeof p);
            assert_memory_equal(&values[i], &v, sizeof v);
        }
    }
    model_destroy(m);
    free_tensors(all);
}

/* Golden: a change here changes every recorded decision. Computed once; gcc and clang, with and
 * without optimisation and sanitizers, must agree. */
static const struct {
    enum activation act;
    const char *digest;
} golden[] = {
    {ACT_RELU, "59bc6e90b1fce2afc565e622d4d8e659"},
    {ACT_TANH, "9b83dcfc970f50b3f9858c4562827649"},
    {ACT_GELU, "cda18f20cd2f08dfbc25ccf331d3c90b"},
    {ACT_SILU, "f40d13538ea56dd82108d45feea56fdf"},
};

static void outputs_have_the_golden_bits(void **state)
{
    (void)state;
    for (size_t g = 0; g < sizeof golden / sizeof golden[0]; g++) {
        struct tensors *all = make_tensors(42, 52, 64, 64, 64, 5);
        struct model *m = build(all, golden[g].act);
        struct digest d;
        struct rng rng;
        digest_init(&d);
        rng_init(&rng, 4);
        for (int row = 0; row < 500; row++) {
            float x[52], logits[5], probs[5], value = 0;
            bool finite = false;
            for (int i = 0; i < 52; i++) {
                x[i] = uniform(&rng, row % 5 == 0 ? 50 : 1.5);
            }
            model_forward(m, x, 1, logits, probs, &value, &finite);
            digest_add(&d, logits, sizeof logits);
            digest_add(&d, probs, sizeof probs);
            digest_add(&d, &value, sizeof value);
        }
        char text[33];
        digest_text(&d, text);
        if (strcmp(text, golden[g].digest) != 0) {
            fail_msg("%s: %s and not %s: the bits of inference (or of base/fmath.c) changed",
                     activation_name(golden[g].act), text, golden[g].digest);
        }
        model_destroy(m);
        free_tensors(all);
    }
}

static void the_first_of_equal_probabilities_is_taken(void **state)
{
    (void)state;
    assert_int_equal(model_argmax((float[]){0.2F, 0.4F, 0.4F}, 3), 1);
    assert_int_equal(model_argmax((float[]){0.25F, 0.25F, 0.25F, 0.25F}, 4), 0);
    assert_int_equal(model_argmax((float[]){1.0F}, 1), 0);
}

static void sampling_takes_the_first_running_sum_above_u(void **state)
{
    (void)state;
    const float probs[] = {0.25F, 0.0F, 0.5F, 0.25F};
    assert_int_equal(model_sample(probs, 4, 0.0), 0);
    assert_int_equal(model_sample(probs, 4, 0.2499), 0);
    assert_int_equal(model_sample(probs, 4, 0.25), 2);
    assert_int_equal(model_sample(probs, 4, 0.7499), 2);
    assert_int_equal(model_sample(probs, 4, 0.75), 3);
    /* Rounding can leave the sum below u; the last one is meant then. */
    assert_int_equal(model_sample((float[]){0.5F, 0.49F}, 2, 0.999), 1);
}

static void overflowing_logits_decide_nothing(void **state)
{
    (void)state;
    struct tensors *all = make_tensors(1, 4, 8, 8, 8, 3);
    for (uint32_t i = 0; i < all->n; i++) {
        for (size_t k = 0; k < all->t[i].n && strstr(all->t[i].name, "weight") != NULL; k++) {
            all->t[i].data[k] = 1e20F;
        }
    }
    struct model *m = build(all, ACT_RELU);
    float logits[3], probs[3], value = 1;
    bool finite = true;
    model_forward(m, (float[]){1, 1, 1, 1}, 1, logits, probs, &value, &finite);
    assert_false(finite);
    for (int i = 0; i < 3; i++) {
        assert_true(logits[i] == 0 && probs[i] == 0);
    }
    assert_true(value == 0);
    model_destroy(m);
    free_tensors(all);
}

/* Build with one tensor renamed; the class of the refusal. */
static enum refusal_class renamed(const char *from, const char *to)
{
    struct tensors *all = make_tensors(1, 4, 8, 8, 8, 3);
    struct model *m = calloc(1, sizeof *m);
    struct refusal r = {.class = REFUSED_MAX};
    assert_non_null(m);
    for (uint32_t i = 0; i < all->n; i++) {
        if (strcmp(all->t[i].name, from) == 0) {
            snprintf(all->t[i].name, sizeof all->t[i].name, "%s", to);
        }
    }
    enum status st = network_build(m, all, &r);
    assert_int_not_equal(st, ST_OK);
    model_destroy(m);
    free_tensors(all);
    return r.class;
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    assert_int_equal(renamed("value_net.bias", "log_std"), REFUSED_KEYS);
    assert_int_equal(renamed("value_net.bias", "lstm_actor.weight_ih_l0"), REFUSED_KEYS);
    assert_int_equal(renamed("value_net.bias", "value_net.bias2"), REFUSED_KEYS);
    assert_int_equal(renamed("value_net.bias", "vf_features_extractor.x"),
                     REFUSED_FEATURES_EXTRACTOR);
    assert_int_equal(
        renamed("mlp_extractor.policy_net.2.weight", "mlp_extractor.policy_net.02.weight"),
        REFUSED_KEYS);
    assert_int_equal(
        renamed("mlp_extractor.policy_net.2.weight", "mlp_extractor.policy_net.3.weight"),
        REFUSED_KEYS);
    assert_int_equal(
        renamed("mlp_extractor.policy_net.2.weight", "mlp_extractor.policy_net.9999.weight"),
        REFUSED_KEYS);
    assert_int_equal(
        renamed("mlp_extractor.policy_net.2.weight", "mlp_extractor.policy_net.2.weight "),
        REFUSED_KEYS);
    assert_int_equal(renamed("value_net.bias", "action_net.bias"), REFUSED_MISSING_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_a_plain_left_to_right_sum_to_the_bit),
        cmocka_unit_test(sse2_and_avx2_give_the_same_bits),
        cmocka_unit_test(a_batch_gives_the_bits_of_single_rows),
        cmocka_unit_test(outputs_have_the_golden_bits),
        cmocka_unit_test(the_first_of_equal_probabilities_is_taken),
        cmocka_unit_test(sampling_takes_the_first_running_sum_above_u),
        cmocka_unit_test(overflowing_logits_decide_nothing),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
