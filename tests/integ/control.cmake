foreach(scenario halt flatten token guard_frozen guard_network guard_killed guard_back)
  add_test(NAME integ.control.${scenario} COMMAND ${CMAKE_CURRENT_LIST_DIR}/control.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.control.${scenario} PROPERTIES LABELS integ TIMEOUT 300 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
