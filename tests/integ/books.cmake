# `deltaflow books` through its real binary, on input the test makes itself.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_test(NAME integ.books COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/integ/books/books_test.py
         $<TARGET_FILE:deltaflow> ${CMAKE_SOURCE_DIR}/docs/schemas/books.json)
set_tests_properties(integ.books PROPERTIES LABELS integ TIMEOUT 1200)
