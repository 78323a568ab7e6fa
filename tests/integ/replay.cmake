foreach(scenario command postgresql)
  add_test(NAME integ.replay.${scenario} COMMAND ${CMAKE_CURRENT_LIST_DIR}/replay.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.replay.${scenario} PROPERTIES LABELS "integ;threads" TIMEOUT 1200 SKIP_RETURN_CODE 77 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
