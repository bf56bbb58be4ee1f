# cc_cargo_library: a Rust package as one static library, made by cargo from the committed lock file.
# Debian's package is cargo-web.
#
#   cc_cargo_library(cc_ext_rego DIR rego CRATE cc_rego SOURCES src/lib.rs
#                    INCLUDE include              # headers that its build script writes there, in $CC_HEADERS
#                    FEATURES time                # of the package
#                    LIBS m)                      # what the library itself needs
find_program(CC_CARGO NAMES cargo cargo-web REQUIRED)

function(cc_cargo_library target)
  cmake_parse_arguments(arg "" "DIR;CRATE;INCLUDE" "SOURCES;FEATURES;LIBS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${arg_DIR})
  set(output ${CMAKE_BINARY_DIR}/cargo/${target})
  set(environment CARGO_TARGET_DIR=${output})
  set(flags --remap-path-prefix=${CMAKE_SOURCE_DIR}=.)
  set(arguments --release --locked --quiet --manifest-path ${dir}/Cargo.toml)
  if(arg_FEATURES)
    list(APPEND arguments --features ${arg_FEATURES})
  endif()
  set(archive ${output}/release/lib${arg_CRATE}.a)
  if(CMAKE_CROSSCOMPILING) # the toolchain file says which compilers and standard library
    string(REPLACE "-" "_" suffix ${CC_RUST_TARGET})
    list(APPEND environment
      RUSTC=${CC_RUSTC} CC_${suffix}=${CC_C_COMPILER} CFLAGS_${suffix}=--sysroot=${CMAKE_SYSROOT}
      PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG_SYSROOT_DIR=$ENV{PKG_CONFIG_SYSROOT_DIR}
      PKG_CONFIG_LIBDIR=$ENV{PKG_CONFIG_LIBDIR})
    string(APPEND flags " -L${CC_RUST_STD}")
    list(APPEND arguments --target ${CC_RUST_TARGET})
    set(archive ${output}/${CC_RUST_TARGET}/release/lib${arg_CRATE}.a)
  endif()
  add_library(${target} STATIC IMPORTED GLOBAL)
  if(arg_INCLUDE)
    set(headers ${output}/${arg_INCLUDE})
    file(MAKE_DIRECTORY ${headers}) # an imported target's directory has to exist
    list(APPEND environment CC_HEADERS=${headers})
    target_include_directories(${target} SYSTEM INTERFACE ${headers})
  endif()
  list(TRANSFORM arg_SOURCES PREPEND ${dir}/)
  add_custom_command(
    OUTPUT ${archive}
    COMMAND ${CMAKE_COMMAND} -E env ${environment} RUSTFLAGS=${flags} ${CC_CARGO} build ${arguments}
    DEPENDS ${dir}/Cargo.toml ${dir}/Cargo.lock ${arg_SOURCES}
    COMMENT "Building ${arg_CRATE} with cargo, for ${target}" VERBATIM)
  add_custom_target(${target}_build DEPENDS ${archive})
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${archive})
  target_link_libraries(${target} INTERFACE ${arg_LIBS})
  add_dependencies(${target} ${target}_build)
endfunction()
