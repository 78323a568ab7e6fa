add_executable(bench_store EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_store.c
               ${CMAKE_CURRENT_LIST_DIR}/store_input.c ${CMAKE_CURRENT_LIST_DIR}/store_peers.c)
target_link_libraries(bench_store PRIVATE df_store)
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_store)
