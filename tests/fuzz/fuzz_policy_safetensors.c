/*
 * fuzz_policy_safetensors.c - safetensors files, which carry no checksum: the fuzzer reaches the
 * network itself.
 */
#include <stdint.h>

#include "fuzz_policy_model.h"
#include "policy/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = NULL;
    struct refusal r = {0};
    if (!safetensors_looks_like(data, size)) {
        return 0;
    }
    if (model_parse(data, size, &m, &r) == ST_OK) {
        check_model(m);
    } else {
        check_refusal(&r);
    }
    return 0;
}
