# The real binary over our own models, over the shared ones, and as a command line.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(policy_tests ${CMAKE_SOURCE_DIR}/tests/integ/policy)
add_test(NAME integ.policy.command
  COMMAND ${Python3_EXECUTABLE} ${policy_tests}/command.py $<TARGET_FILE:deltaflow> ${CMAKE_SOURCE_DIR})
add_test(NAME integ.policy.own
  COMMAND ${Python3_EXECUTABLE} ${policy_tests}/manifest.py $<TARGET_FILE:deltaflow> ${CMAKE_SOURCE_DIR}/tests/data/models)
add_test(NAME integ.policy.shared
  COMMAND ${Python3_EXECUTABLE} ${policy_tests}/manifest.py $<TARGET_FILE:deltaflow> --shared)
set_tests_properties(integ.policy.command integ.policy.own integ.policy.shared PROPERTIES
  LABELS integ TIMEOUT 1200 SKIP_RETURN_CODE 77 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
