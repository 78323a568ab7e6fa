/*
 * fuzz_policy_pickle.c - pickles under both sets of rules, VecNormalize files, and `data` as JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_policy_model.h"
#include "policy/sb3_int.h"
#include "policy/unpickle.h"
#include "policy/vecnormalize.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const globals[] = {"collections OrderedDict", "torch FloatStorage",
                                      "torch._utils _rebuild_tensor_v2", NULL};

static void try_rules(const uint8_t *data, size_t size, const struct pickle_rules *rules)
{
    struct pickle *p = NULL;
    struct refusal r = {0};
    size_t used = 0;
    if (unpickle(data, size, rules, &p, &used, &r) != ST_OK) {
        check_refusal(&r);
        return;
    }
    if (used > size || pickle_root(p) == NULL) {
        abort();
    }
    pickle_destroy(p);
}

static void try_json(const uint8_t *data, size_t size)
{
    struct refusal r = {0};
    json_t *json = NULL;
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, data, size);
    if (sb3_json(copy, size, &json, &r) == ST_OK) {
        json_decref(json);
    } else {
        check_refusal(&r);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pickle_rules state = {.globals = globals, .more_may_follow = true};
    const struct pickle_rules symbolic = {.symbolic = true};
    struct normalizer norm = {0};
    struct refusal r = {0};
    try_rules(data, size, &state);
    try_rules(data, size, &symbolic);
    if (vecnormalize_load(data, size, 6, &norm, &r) == ST_OK) {
        normalizer_finish(&norm);
    } else {
        check_refusal(&r);
    }
    try_json(data, size);
    return 0;
}
