# Cross build for arm64 (preset arm64): Debian's cross compiler with the root that packaging/arm64-root makes.
# Programs that run during the build (protoc, cargo, rustc, pkg-config) are the build machine's own.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

if(DEFINED ENV{CC_ARM64_ROOT})
  set(CMAKE_SYSROOT $ENV{CC_ARM64_ROOT})
else()
  set(CMAKE_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root)
endif()
cmake_path(NORMAL_PATH CMAKE_SYSROOT)
if(NOT EXISTS ${CMAKE_SYSROOT}/complete)
  message(FATAL_ERROR "${CMAKE_SYSROOT} is no root for arm64; './dev build arm64' makes one, CC_ARM64_ROOT names another")
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# Rust's standard library must be of the very compiler that uses it: Debian's rustc, not one that comes first in PATH.
find_program(CC_CARGO NAMES cargo cargo-web PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
find_program(CC_RUSTC NAMES rustc rustc-web PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
set(CC_C_COMPILER aarch64-linux-gnu-gcc) # of C inside crates
set(CC_RUST_TARGET aarch64-unknown-linux-gnu)
set(CC_RUST_STD ${CMAKE_SYSROOT}/usr/lib/rustlib/${CC_RUST_TARGET}/lib)
