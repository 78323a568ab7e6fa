# What is below frames, over real sockets against the real binary.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME integ.wire COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/integ/wire/wire.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.wire PROPERTIES LABELS integ TIMEOUT 1200)
