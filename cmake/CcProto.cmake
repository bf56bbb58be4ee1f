# cc_proto_library: C++ for the given .proto files in the lite runtime (no descriptors, no reflection).
# The well-known types are generated too, because Debian ships their full-runtime form only.
function(cc_proto_library)
  cmake_parse_arguments(P "" "NAME" "PROTOS;WELL_KNOWN" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${out})
  set(sources)
  foreach(proto ${P_PROTOS} ${P_WELL_KNOWN})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(dep)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${proto})
      set(dep ${CMAKE_CURRENT_SOURCE_DIR}/${proto})
    endif()
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc --cpp_out=lite:${out} -I${CMAKE_CURRENT_SOURCE_DIR} -I${Protobuf_INCLUDE_DIRS} ${proto}
      DEPENDS ${dep} VERBATIM)
    list(APPEND sources ${out}/${stem}.pb.cc)
  endforeach()
  add_library(cc_${P_NAME} STATIC ${sources})
  set_target_properties(cc_${P_NAME} PROPERTIES CC_SIDE both)
  target_compile_options(cc_${P_NAME} PRIVATE -w -ffunction-sections -fdata-sections -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
  if(CC_SANITIZE)
    target_compile_options(cc_${P_NAME} PUBLIC -fsanitize=${CC_SANITIZE})
  endif()
  target_include_directories(cc_${P_NAME} SYSTEM BEFORE PUBLIC ${out})
  # The full archive holds the lite runtime too, and only what is used of it is linked. One archive and not two,
  # because the agent takes descriptors from it, and ours of the well-known types must come before it.
  target_link_libraries(cc_${P_NAME} PUBLIC protobuf::libprotobuf)
endfunction()

# cc_grpc_library: gRPC services and stubs of .proto files whose messages library MESSAGES holds. A module takes it
# as one of its DEPENDS.
function(cc_grpc_library)
  cmake_parse_arguments(G "" "NAME;MESSAGES" "PROTOS" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/gen)
  set(sources)
  foreach(proto ${G_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h
      COMMAND protobuf::protoc --grpc_out=${out} --plugin=protoc-gen-grpc=${CC_GRPC_PLUGIN}
              -I${CMAKE_CURRENT_SOURCE_DIR} -I${Protobuf_INCLUDE_DIRS} ${proto}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
    list(APPEND sources ${out}/${stem}.grpc.pb.cc)
  endforeach()
  add_library(cc_${G_NAME} STATIC ${sources})
  set_target_properties(cc_${G_NAME} PROPERTIES CC_SIDE host)
  target_compile_options(cc_${G_NAME} PRIVATE -w -ffunction-sections -fdata-sections -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
  target_link_libraries(cc_${G_NAME} PUBLIC cc_${G_MESSAGES} cc_grpc)
endfunction()
