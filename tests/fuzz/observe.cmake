fuzz_target(observe fuzz_observe.c NEEDS features)
target_sources(fuzz_observe PRIVATE ${CMAKE_SOURCE_DIR}/src/cli/observe.c)
target_link_libraries(fuzz_observe PRIVATE PkgConfig::jansson)
