fuzz_target(scenario ${CMAKE_CURRENT_LIST_DIR}/fuzz_scenario.c NEEDS sim)
