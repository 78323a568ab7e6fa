# The commands about recorded sessions through their real binary.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
foreach(part import verify export show prune damage postgres)
  add_test(NAME integ.sessions.${part} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/sessions/${part}_test.py $<TARGET_FILE:deltaflow>)
  set_tests_properties(integ.sessions.${part} PROPERTIES LABELS integ TIMEOUT 1200 SKIP_RETURN_CODE 77 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
