add_test(NAME integ.replay COMMAND ${CMAKE_CURRENT_LIST_DIR}/replay.py $<TARGET_FILE:deltaflow> command)
set_tests_properties(integ.replay PROPERTIES LABELS integ TIMEOUT 400 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
