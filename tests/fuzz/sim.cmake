fuzz_target(sim ${CMAKE_CURRENT_LIST_DIR}/fuzz_sim.c NEEDS sim)
fuzz_target(ws ${CMAKE_CURRENT_LIST_DIR}/fuzz_ws.c NEEDS sim)
fuzz_target(sim_admin ${CMAKE_CURRENT_LIST_DIR}/fuzz_sim_admin.c NEEDS cli)
fuzz_target(sim_book ${CMAKE_CURRENT_LIST_DIR}/fuzz_sim_book.c NEEDS match)
