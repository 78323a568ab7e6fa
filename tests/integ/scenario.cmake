# `deltaflow sim --scenario` through its real binary: the example, and wrong files.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME integ.scenario COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/integ/scenario.py
         $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.scenario PROPERTIES LABELS integ TIMEOUT 1200)
