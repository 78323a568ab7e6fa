# Order operations a second in the matching engine.
add_executable(bench_match EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_match.c
               ${CMAKE_CURRENT_LIST_DIR}/plain_match.c)
target_link_libraries(bench_match PRIVATE df_match)
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_match)
# Messages a second of the generated flow.
add_executable(bench_flow EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_flow.c)
target_link_libraries(bench_flow PRIVATE df_sim)
add_dependencies(bench bench_flow)
add_executable(bench_simdb EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_simdb.c)
target_include_directories(bench_simdb PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_SOURCE_DIR}/tests/unit/sim)
target_link_libraries(bench_simdb PRIVATE df_simdb PkgConfig::cmocka)
add_dependencies(bench bench_simdb)
