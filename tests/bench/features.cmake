# Features, rings and histograms.
add_executable(bench_features EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/bench_features.c)
target_include_directories(bench_features PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(bench_features PRIVATE df_features df_bus df_metrics m)
if(NOT TARGET bench)
  add_custom_target(bench)
endif()
add_dependencies(bench bench_features)
