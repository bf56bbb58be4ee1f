# cc_module: one call declares a module, its dependencies and its tests.
#
#   cc_module(NAME shim SIDE host
#             SOURCES a.cpp b.cpp
#             DEPENDS vmm agent_proto          # our modules
#             LIBS PkgConfig::seccomp          # outside libraries
#             TESTS a_test.cpp)                # one googletest binary, <name>_test
#
# SIDE is host, guest or both. Host-only and guest-only code never include each other, and a module may
# depend only on modules of a lower rank: the build stops otherwise.
set(CC_RANK_proto 0)
set(CC_RANK_base 1)
set(CC_RANK_ttrpc 2)
set(CC_RANK_agent_proto 3)
set(CC_RANK_image 3)
set(CC_RANK_jose 2)
set(CC_RANK_cca 3)
set(CC_RANK_policy 3)
set(CC_RANK_attest 4)
set(CC_RANK_trustee 5)
set(CC_RANK_owner 5)
set(CC_RANK_node_check 6)
set(CC_RANK_virtio 3)
set(CC_RANK_vsock_device 4)
set(CC_RANK_vhost_user 4)
set(CC_RANK_vmm 4)
set(CC_RANK_vmm_qemu 5)
set(CC_RANK_datahub 5)
set(CC_RANK_agent 5)
set(CC_RANK_shim 6)
set(CC_RANK_cmd 7)

function(_cc_check_dependency name side dep)
  if(NOT DEFINED CC_RANK_${dep})
    message(FATAL_ERROR "${name}: '${dep}' is no module of ours; add it to CC_RANK in cmake/CcModule.cmake")
  endif()
  if(CC_RANK_${dep} GREATER CC_RANK_${name} OR CC_RANK_${dep} EQUAL CC_RANK_${name})
    message(FATAL_ERROR "${name} must not depend on ${dep}: dependencies point down only")
  endif()
  get_target_property(dep_side cc_${dep} CC_SIDE)
  if(NOT side STREQUAL dep_side AND NOT dep_side STREQUAL "both")
    message(FATAL_ERROR "${name} (${side}) must not depend on ${dep} (${dep_side})")
  endif()
endfunction()

function(cc_module)
  cmake_parse_arguments(M "" "NAME;SIDE" "SOURCES;DEPENDS;LIBS;TESTS;TEST_LIBS" ${ARGN})
  add_library(cc_${M_NAME} STATIC ${M_SOURCES})
  set_target_properties(cc_${M_NAME} PROPERTIES CC_SIDE ${M_SIDE})
  target_link_libraries(cc_${M_NAME} PUBLIC cc_flags ${M_LIBS})
  foreach(dep ${M_DEPENDS})
    _cc_check_dependency(${M_NAME} ${M_SIDE} ${dep})
    target_link_libraries(cc_${M_NAME} PUBLIC cc_${dep})
  endforeach()
  if(M_TESTS)
    add_executable(${M_NAME}_test ${M_TESTS})
    target_link_libraries(${M_NAME}_test PRIVATE cc_${M_NAME} ${M_TEST_LIBS} GTest::gmock GTest::gtest_main)
    set_target_properties(${M_NAME}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
    add_test(NAME ${M_NAME} COMMAND ${M_NAME}_test)
    set_tests_properties(${M_NAME} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# cc_binary: a thin main in cmd/<name>/. Target `binaries` builds them all and nothing else.
add_custom_target(binaries)
function(cc_binary)
  cmake_parse_arguments(B "" "NAME;SIDE" "SOURCES;DEPENDS;LIBS" ${ARGN})
  add_executable(${B_NAME} ${B_SOURCES})
  add_dependencies(binaries ${B_NAME})
  target_link_libraries(${B_NAME} PRIVATE cc_flags ${B_LIBS})
  # The C++ runtime is linked in: a host needs nothing installed, a guest image stays small.
  if(NOT CC_SANITIZE)
    target_link_options(${B_NAME} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
  foreach(dep ${B_DEPENDS})
    _cc_check_dependency(cmd ${B_SIDE} ${dep})
    target_link_libraries(${B_NAME} PRIVATE cc_${dep})
  endforeach()
endfunction()
