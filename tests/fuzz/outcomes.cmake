fuzz_target(outcomes ${CMAKE_CURRENT_LIST_DIR}/fuzz_outcomes.c NEEDS sim)
