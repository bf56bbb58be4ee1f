# Flags for our own code: strict warnings, hardening, reproducible output, sanitizers on request.
set(CC_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined")
option(CC_COVERAGE "Instrument for gcov" OFF)
option(CC_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)

find_program(CC_CCACHE ccache)
if(CC_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CC_CCACHE})
endif()

set(CMAKE_CXX_FLAGS_DEV "-O1 -g1" CACHE STRING "" FORCE)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "" FORCE)

add_library(cc_flags INTERFACE)
target_compile_options(cc_flags INTERFACE
  -Wall -Wextra -Wconversion -Werror
  -Wno-missing-field-initializers # designated initialisers leave the other members at their defaults
  -fno-plt -ffunction-sections -fdata-sections
  -fstack-protector-strong -fstack-clash-protection
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
target_link_options(cc_flags INTERFACE
  -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
# Relocations of position-independent programs packed: about a megabyte of the agent. glibc knows them since 2.36, binutils
# on some architectures only.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-z,pack-relative-relocs)
check_cxx_source_compiles("int main() {}" CC_PACKS_RELOCATIONS FAIL_REGEX "ignored")
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(CC_PACKS_RELOCATIONS)
  target_link_options(cc_flags INTERFACE -Wl,-z,pack-relative-relocs)
endif()
target_include_directories(cc_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(cc_flags INTERFACE CC_VERSION="${PROJECT_VERSION}")

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(cc_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  target_compile_options(cc_flags INTERFACE -mbranch-protection=standard)
endif()
if(CC_SANITIZE)
  # Without no-recover undefined behaviour is only printed, and the test passes.
  target_compile_options(cc_flags INTERFACE -fsanitize=${CC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(cc_flags INTERFACE -fsanitize=${CC_SANITIZE})
endif()
if(CC_COVERAGE)
  target_compile_options(cc_flags INTERFACE --coverage)
  target_link_options(cc_flags INTERFACE --coverage)
endif()
if(CC_FUZZ)
  # GCC's warnings are the ones that the code is kept free of.
  target_compile_options(cc_flags INTERFACE -fsanitize=fuzzer-no-link -Wno-error)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
