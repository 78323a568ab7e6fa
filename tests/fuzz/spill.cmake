fuzz_target(spill ${CMAKE_CURRENT_LIST_DIR}/fuzz_spill.c NEEDS store)
fuzz_target(btree ${CMAKE_CURRENT_LIST_DIR}/fuzz_btree.c NEEDS store)
