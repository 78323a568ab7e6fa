/*
 * The three selectors, as the agent sees them. Models are those of tests/data/models and share/.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "policy/policy.h"

#define DEMO "share/models/demo.safetensors"
#define ROWS 300

static struct policy *make(struct policy_config config)
{
    struct policy *p = NULL;
    struct err err = {0};
    if (policy_create(&config, &p, &err) != ST_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

static void observations(float *obs, size_t n)
{
    struct rng rng;
    rng_init(&rng, 77);
    for (size_t i = 0; i < n * POLICY_OBS; i++) {
        obs[i] = (float)(rng_unit(&rng) * 2 - 1);
    }
}

static void hold_always_holds(void **state)
{
    (void)state;
    struct policy *p = make((struct policy_config){.kind = "hold"});
    float obs[3 * POLICY_OBS];
    struct policy_out out[3];
    observations(obs, 3);
    memset(out, 0xff, sizeof out);
    policy_select(p, obs, 3, out);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out[i].action, 0);
        assert_true(out[i].probs[4] == 0 && out[i].logits[0] == 0);
    }
    assert_string_equal(policy_text(p), "hold");
    assert_string_equal(policy_hash(p), "");
    policy_destroy(p);
}

static void random_is_even_and_repeats_from_its_seed(void **state)
{
    (void)state;
    static float obs[ROWS * POLICY_OBS];
    static struct policy_out a[ROWS], b[ROWS];
    int count[POLICY_ACTIONS] = {0};
    observations(obs, ROWS);
    struct policy *p = make((struct policy_config){.kind = "random", .seed = 5});
    struct policy *q = make((struct policy_config){.kind = "random", .seed = 5});
    struct policy *other = make((struct policy_config){.kind = "random", .seed = 6});
    assert_string_equal(policy_hash(p), policy_hash(q));
    assert_string_not_equal(policy_hash(p), policy_hash(other));
    bool differs = false;
    for (int round = 0; round < 20; round++) {
        policy_select(p, obs, ROWS, a);
        for (size_t i = 0; i < ROWS; i++) {
            policy_select(q, obs + i * POLICY_OBS, 1, &b[i]);
            assert_int_equal(a[i].action, b[i].action);
            assert_in_range(a[i].action, 0, POLICY_ACTIONS - 1);
            count[a[i].action]++;
        }
        policy_select(other, obs, ROWS, b);
        for (size_t i = 0; i < ROWS; i++) {
            differs |= a[i].action != b[i].action;
        }
    }
    assert_true(differs);
    for (int i = 0; i < POLICY_ACTIONS; i++) {
        assert_in_range(count[i], 1050, 1350); /* 1200 each expected, five standard deviations */
    }
    policy_destroy(p);
    policy_destroy(q);
    policy_destroy(other);
}

static void ppo_takes_the_most_probable_action(void **state)
{
    (void)state;
    static float obs[ROWS * POLICY_OBS];
    static struct policy_out out[ROWS];
    observations(obs, ROWS);
    struct policy *p = make((struct policy_config){.kind = "ppo", .model = DEMO});
    policy_select(p, obs, ROWS, out);
    for (size_t i = 0; i < ROWS; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < POLICY_ACTIONS; k++) {
            sum += out[i].probs[k];
            assert_true(out[i].probs[k] <= out[i].probs[out[i].action]);
            assert_true(k >= out[i].action || out[i].probs[k] < out[i].probs[out[i].action]);
        }
        assert_true(fabs(sum - 1) < 1e-6);
        struct policy_out one;
        policy_select(p, obs + i * POLICY_OBS, 1, &one);
        assert_memory_equal(&one, &out[i], sizeof one);
    }
    assert_int_equal(strlen(policy_hash(p)), 32);
    assert_non_null(strstr(policy_text(p), "52-64-64-5 Tanh"));
    policy_destroy(p);
}

static void sampling_follows_the_probabilities(void **state)
{
    (void)state;
    static float obs[ROWS * POLICY_OBS];
    static struct policy_out out[ROWS];
    double want[POLICY_ACTIONS] = {0};
    double got[POLICY_ACTIONS] = {0};
    observations(obs, ROWS);
    struct policy *p =
        make((struct policy_config){.kind = "ppo", .model = DEMO, .sample = true, .seed = 9});
    for (int round = 0; round < 20; round++) {
        policy_select(p, obs, ROWS, out);
        for (size_t i = 0; i < ROWS; i++) {
            for (int k = 0; k < POLICY_ACTIONS; k++) {
                want[k] += out[i].probs[k];
            }
            got[out[i].action]++;
        }
    }
    for (int k = 0; k < POLICY_ACTIONS; k++) {
        assert_true(want[k] > 200); /* the demo policy uses every action */
        assert_true(fabs(got[k] - want[k]) < 5 * sqrt(want[k]));
    }
    policy_destroy(p);
}

static void a_bad_observation_holds_and_shifts_no_other_choice(void **state)
{
    (void)state;
    static const char *const kinds[] = {"random", "ppo"};
    static float obs[10 * POLICY_OBS];
    for (size_t kind = 0; kind < 2; kind++) {
        for (int bad = 0; bad < 3; bad++) {
            struct policy_out clean[10], dirty[10];
            struct policy_config c = {
                .kind = kinds[kind], .model = DEMO, .sample = true, .seed = 3};
            observations(obs, 10);
            struct policy *p = make(c);
            policy_select(p, obs, 10, clean);
            policy_destroy(p);
            obs[4 * POLICY_OBS + 51] = bad == 0 ? NAN : bad == 1 ? INFINITY : -INFINITY;
            p = make(c);
            policy_select(p, obs, 10, dirty);
            policy_destroy(p);
            for (int i = 0; i < 10; i++) {
                assert_int_equal(dirty[i].action, i == 4 ? 0 : clean[i].action);
            }
            assert_true(dirty[4].probs[0] == 0);
        }
    }
}

static void wrong(struct policy_config config, enum status st, const char *mention)
{
    struct policy *p = NULL;
    struct err err = {0};
    assert_int_equal(policy_create(&config, &p, &err), st);
    if (strstr(err.text, mention) == NULL) {
        fail_msg("'%s' not in: %s", mention, err.text);
    }
}

static void what_cannot_be_used_is_refused_with_its_reason(void **state)
{
    (void)state;
    wrong((struct policy_config){.kind = "oracle"}, ST_INVALID, "oracle");
    wrong((struct policy_config){.kind = "ppo"}, ST_INVALID, "model");
    wrong((struct policy_config){.kind = "ppo", .model = "tests/data/models/none.zip"},
          ST_NOT_FOUND, "none.zip");
    wrong((struct policy_config){.kind = "ppo", .model = "tests/data/models"}, ST_IO, "regular");
    wrong((struct policy_config){.kind = "ppo", .model = "tests/data/models/tanh.zip"},
          ST_UNSUPPORTED, "observation_size");
    wrong((struct policy_config){.kind = "ppo",
                                 .model = DEMO,
                                 .stats = "tests/data/models/scaled.pkl"},
          ST_UNSUPPORTED, "scaled.pkl");
    wrong((struct policy_config){.kind = "ppo", .model = "tests/data/models/bad_crc.zip"},
          ST_MALFORMED, "CRC");
}

static void options_that_matter_change_the_hash(void **state)
{
    (void)state;
    struct policy *a = make((struct policy_config){.kind = "ppo", .model = DEMO, .seed = 1});
    struct policy *b = make((struct policy_config){.kind = "ppo", .model = DEMO, .seed = 2});
    struct policy *c =
        make((struct policy_config){.kind = "ppo", .model = DEMO, .seed = 1, .sample = true});
    struct policy *d =
        make((struct policy_config){.kind = "ppo", .model = DEMO, .seed = 2, .sample = true});
    struct policy *e =
        make((struct policy_config){.kind = "ppo", .model = "tests/data/models/agent.zip"});
    assert_string_equal(policy_hash(a), policy_hash(b)); /* a seed without sampling does nothing */
    assert_string_not_equal(policy_hash(a), policy_hash(c));
    assert_string_not_equal(policy_hash(c), policy_hash(d));
    assert_string_not_equal(policy_hash(a), policy_hash(e));
    policy_destroy(a);
    policy_destroy(b);
    policy_destroy(c);
    policy_destroy(d);
    policy_destroy(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hold_always_holds),
        cmocka_unit_test(random_is_even_and_repeats_from_its_seed),
        cmocka_unit_test(ppo_takes_the_most_probable_action),
        cmocka_unit_test(sampling_follows_the_probabilities),
        cmocka_unit_test(a_bad_observation_holds_and_shifts_no_other_choice),
        cmocka_unit_test(what_cannot_be_used_is_refused_with_its_reason),
        cmocka_unit_test(options_that_matter_change_the_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
