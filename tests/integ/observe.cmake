# `deltaflow observe` through its real binary, on the project's own golden file.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME integ.observe COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/integ/observe/observe_test.py
         $<TARGET_FILE:deltaflow> ${CMAKE_SOURCE_DIR}/docs/schemas/observe.json
         ${CMAKE_SOURCE_DIR}/tests/data/features-own.json)
set_tests_properties(integ.observe PROPERTIES LABELS integ TIMEOUT 1200)
