# A loaded session into books, and through the engine; loading it.
add_executable(bench_replay EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_replay.c ${CMAKE_CURRENT_LIST_DIR}/replay_session.c)
target_include_directories(bench_replay PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(bench_replay PRIVATE df_world PkgConfig::sqlite3 m)
target_compile_definitions(bench_replay PRIVATE DEMO_MODEL="${CMAKE_SOURCE_DIR}/share/models/demo.safetensors")
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_replay)
