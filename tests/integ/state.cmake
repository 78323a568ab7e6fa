# The exchange outlives its process; and it is administered while it runs.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
foreach(scenario crash instant restart flow refused run)
  add_test(NAME integ.state.${scenario}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/state/state.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.state.${scenario} PROPERTIES LABELS integ TIMEOUT 1200)
endforeach()
add_test(NAME integ.sim_admin COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/state/admin.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.sim_admin PROPERTIES LABELS integ TIMEOUT 1200)
