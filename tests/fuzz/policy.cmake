fuzz_target(policy_zip fuzz_policy_zip.c NEEDS policy)
fuzz_target(policy_pickle fuzz_policy_pickle.c NEEDS policy)
fuzz_target(policy_safetensors fuzz_policy_safetensors.c NEEDS policy)
