fuzz_target(spill ${CMAKE_CURRENT_LIST_DIR}/fuzz_spill.c NEEDS store)
