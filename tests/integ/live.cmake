foreach(scenario capture_hold capture_ppo generated_random recorded in_postgres in_postgres_killed own_thread passive_shorts fees settled settled_away settled_unheard by_hand faults crash_restart outage_kill kill_restart)
  add_test(NAME integ.live.${scenario}
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/live.py $<TARGET_FILE:deltaflow> ${scenario})
  set_tests_properties(integ.live.${scenario} PROPERTIES LABELS integ TIMEOUT 1200 SKIP_RETURN_CODE 77
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endforeach()
set_tests_properties(integ.live.own_thread integ.live.generated_random integ.live.faults integ.live.outage_kill integ.live.in_postgres
  integ.live.recorded integ.live.fees integ.live.passive_shorts integ.live.by_hand
  PROPERTIES LABELS "integ;threads")
add_test(NAME integ.bad_input COMMAND ${CMAKE_CURRENT_LIST_DIR}/bad_input.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.bad_input PROPERTIES LABELS integ TIMEOUT 1200 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})

add_test(NAME integ.recorded_session COMMAND ${CMAKE_CURRENT_LIST_DIR}/replayed.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.recorded_session PROPERTIES LABELS "integ;bits" TIMEOUT 1200 SKIP_RETURN_CODE 77
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
# The same on a CPU without these.
add_test(NAME integ.recorded_session_masked COMMAND ${CMAKE_CURRENT_LIST_DIR}/replayed.py $<TARGET_FILE:deltaflow>)
set_tests_properties(integ.recorded_session_masked PROPERTIES LABELS "integ;bits" TIMEOUT 1200 SKIP_RETURN_CODE 77
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} ENVIRONMENT
  "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-FMA,-SSE4_2,-SSE4_1,-BMI2,-ERMS")
