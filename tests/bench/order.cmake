# From an order's intent to the bytes of its signed request.
add_executable(bench_order EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_order.c)
target_link_libraries(bench_order PRIVATE df_net)
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_order)
