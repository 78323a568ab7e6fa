fuzz_target(sim ${CMAKE_CURRENT_LIST_DIR}/fuzz_sim.c NEEDS sim)
