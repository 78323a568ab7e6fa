# The build's small vocabulary: component(), unit_test(), prop_test(), fuzz_target().

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(DELTAFLOW_FUZZ "build libFuzzer binaries (clang only)" OFF)
set(DELTAFLOW_SANITIZE "" CACHE STRING "sanitizers, as given to -fsanitize=")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
  -Wswitch-enum -Wvla -Wundef -Wformat=2 -Werror
  # Same inputs, same bits: neither compiler may fuse or reorder floating point.
  -ffp-contract=off -fno-fast-math -fno-common -fno-strict-aliasing -fstack-protector-strong)
add_compile_definitions(_GNU_SOURCE)
add_link_options(-Wl,--build-id=sha1) # names the program in each recorded session
if(DELTAFLOW_SANITIZE)
  add_compile_options(-fsanitize=${DELTAFLOW_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${DELTAFLOW_SANITIZE})
  if(DELTAFLOW_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
if(DELTAFLOW_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(lib jansson cmocka libzip libzstd sqlite3 libpq libcurl openssl inih)
  pkg_check_modules(${lib} REQUIRED IMPORTED_TARGET ${lib})
endforeach()
pkg_check_modules(libwebsockets REQUIRED IMPORTED_TARGET libwebsockets)

# component(name SOURCES a.c b.c NEEDS base wire LIBS PkgConfig::jansson)
# One folder of src/ as a static library; NEEDS are components of ours.
function(component name)
  cmake_parse_arguments(C "" "" "SOURCES;NEEDS;LIBS" ${ARGN})
  add_library(df_${name} STATIC ${C_SOURCES})
  target_include_directories(df_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  foreach(need ${C_NEEDS})
    target_link_libraries(df_${name} PUBLIC df_${need})
  endforeach()
  target_link_libraries(df_${name} PUBLIC ${C_LIBS})
endfunction()

# unit_test(folder file.c [more sources] [NEEDS extra components] [LABELS ...])
# Builds tests/unit/folder/file.c as test "unit.folder.file", linked with that component only.
function(df_test kind folder)
  cmake_parse_arguments(T "" "TIMEOUT" "NEEDS;LABELS" ${ARGN})
  list(GET T_UNPARSED_ARGUMENTS 0 first)
  get_filename_component(stem ${first} NAME_WE)
  set(target ${kind}_${folder}_${stem})
  add_executable(${target} ${T_UNPARSED_ARGUMENTS})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE df_${folder} PkgConfig::cmocka)
  foreach(need ${T_NEEDS})
    target_link_libraries(${target} PRIVATE df_${need})
  endforeach()
  add_test(NAME ${kind}.${folder}.${stem} COMMAND ${target})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 600) # most take less than a second; a slow machine in a crowd, with a slow disk, needs a hundred times that
  endif()
  set_tests_properties(${kind}.${folder}.${stem} PROPERTIES
    LABELS "${kind};${T_LABELS}" TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()
function(unit_test folder)
  df_test(unit ${folder} ${ARGN})
endfunction()
function(prop_test folder)
  df_test(prop ${folder} ${ARGN})
endfunction()

# fuzz_target(name file.c NEEDS components): with DELTAFLOW_FUZZ a libFuzzer binary fuzz_name; otherwise a test
# that runs tests/fuzz/corpus/name/* once through the same function.
function(fuzz_target name source)
  cmake_parse_arguments(F "" "" "NEEDS" ${ARGN})
  if(DELTAFLOW_FUZZ)
    add_executable(fuzz_${name} ${source})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/regression_main.c)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 600)
  endif()
  foreach(need ${F_NEEDS})
    target_link_libraries(fuzz_${name} PRIVATE df_${need})
  endforeach()
endfunction()
