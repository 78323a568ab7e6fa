# A recorded session whose records the input changes.
fuzz_target(replay ${CMAKE_CURRENT_LIST_DIR}/fuzz_replay.c NEEDS world match)
target_sources(fuzz_replay PRIVATE ${CMAKE_SOURCE_DIR}/tests/prop/world/recorded.c ${CMAKE_SOURCE_DIR}/tests/world/tiny.c
  ${CMAKE_SOURCE_DIR}/tests/world/world.c)
target_include_directories(fuzz_replay PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/tests/prop/world)
target_link_libraries(fuzz_replay PRIVATE PkgConfig::cmocka)
