# Operations of the matching engine, with money and invariants checked after each.
fuzz_target(match ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_match.c NEEDS match)
