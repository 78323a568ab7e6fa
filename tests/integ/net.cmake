# The shells of src/net over real sockets on loopback, with a scripted application behind the server.
function(net_test name)
  add_executable(integ_${name} ${CMAKE_SOURCE_DIR}/tests/integ/net/${name}.c ${CMAKE_SOURCE_DIR}/tests/integ/net/net_fixture.c)
  target_include_directories(integ_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(integ_${name} PRIVATE df_net PkgConfig::cmocka)
  add_test(NAME integ.net.${name} COMMAND integ_${name})
  set_tests_properties(integ.net.${name} PROPERTIES LABELS "integ;threads" TIMEOUT 1200 SKIP_RETURN_CODE 77
    ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0;LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/integ/net/lsan.supp:print_suppressions=0")
endfunction()
net_test(test_http)
net_test(test_ws)
