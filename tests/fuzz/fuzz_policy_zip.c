/*
 * fuzz_policy_zip.c - whole SB3 archives.
 *
 * Checksums would stop a fuzzer at the first changed byte, so the input is also tried as the torch
 * stream of a state dict, which has none.
 */
#include <stdint.h>

#include "fuzz_policy_model.h"
#include "policy/torch_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *m = NULL;
    struct tensors *tensors = NULL;
    struct refusal r = {0};
    if (model_parse(data, size, &m, &r) == ST_OK) {
        check_model(m);
    } else {
        check_refusal(&r);
    }
    if (torch_load(data, size, &tensors, &r) == ST_OK) {
        tensors_destroy(tensors);
    } else {
        check_refusal(&r);
    }
    return 0;
}
