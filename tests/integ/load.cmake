# Many readers at once. The whole minute is run by hand: tests/load/load.py BINARY LOAD
add_library(wslight STATIC EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/wslight/wslight.c)
target_include_directories(wslight PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(wslight PUBLIC df_exchange PkgConfig::openssl)
add_executable(load ${CMAKE_SOURCE_DIR}/tests/load/load.c)
target_link_libraries(load PRIVATE wslight df_net df_metrics PkgConfig::jansson)
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME integ.load COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/load/load.py
         $<TARGET_FILE:deltaflow> $<TARGET_FILE:load> --clients 20 --markets 500 --seconds 3
         --min-messages 50 --patient)
set_tests_properties(integ.load PROPERTIES LABELS integ TIMEOUT 1200)
