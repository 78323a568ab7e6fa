foreach(scenario halt flatten token guard_frozen guard_network guard_killed guard_back power)
  add_test(NAME integ.control.${scenario} COMMAND ${CMAKE_CURRENT_LIST_DIR}/control.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.control.${scenario} PROPERTIES LABELS integ TIMEOUT 1200 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
set_tests_properties(integ.control.halt integ.control.flatten integ.control.token integ.control.guard_back integ.control.guard_killed
  integ.control.guard_network PROPERTIES LABELS "integ;threads")
