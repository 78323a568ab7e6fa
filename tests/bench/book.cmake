# Book updates against a plain ladder; memory of many markets.
add_executable(bench_book EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/bench_book.c)
target_include_directories(bench_book PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(bench_book PRIVATE df_book df_capture df_wire)
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_book)
