# Small parsers of files, lines and words.
fuzz_target(values ${CMAKE_CURRENT_LIST_DIR}/fuzz_values.c NEEDS cli)
fuzz_target(control ${CMAKE_CURRENT_LIST_DIR}/fuzz_control.c NEEDS cli)
fuzz_target(session ${CMAKE_CURRENT_LIST_DIR}/fuzz_session.c NEEDS cli)
fuzz_target(options ${CMAKE_CURRENT_LIST_DIR}/fuzz_options.c NEEDS cli)
fuzz_target(keys ${CMAKE_CURRENT_LIST_DIR}/fuzz_keys.c NEEDS net)

# A database with changed rows or bytes.
fuzz_target(store ${CMAKE_CURRENT_LIST_DIR}/fuzz_store.c NEEDS store)
target_sources(fuzz_store PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/store/make_records.c)
target_include_directories(fuzz_store PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(fuzz_store PRIVATE PkgConfig::sqlite3 PkgConfig::cmocka)
target_link_libraries(fuzz_keys PRIVATE PkgConfig::openssl)
