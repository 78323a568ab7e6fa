add_test(NAME integ.calibration COMMAND ${CMAKE_CURRENT_LIST_DIR}/calibration.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.calibration PROPERTIES LABELS integ TIMEOUT 1200 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
