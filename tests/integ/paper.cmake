foreach(scenario generated control own_thread faults overload crash refused wrong_key capture)
  add_test(NAME integ.paper.${scenario}
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/paper.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.paper.${scenario} PROPERTIES LABELS integ TIMEOUT 1200 SKIP_RETURN_CODE 77
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
set_tests_properties(integ.paper.own_thread integ.paper.control integ.paper.crash integ.paper.faults PROPERTIES LABELS "integ;threads")
