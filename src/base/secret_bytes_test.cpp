// SPDX-License-Identifier: Apache-2.0
#include "base/secret_bytes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <new>

namespace cc {
namespace {

TEST(SecretBytes, MovesAndLeavesNothingBehind) {
  for (const size_t size : {size_t{4}, size_t{4096}}) {
    SecretBytes first(std::string(size, 'k'));
    SecretBytes second(std::move(first));
    EXPECT_TRUE(first.empty());
    EXPECT_EQ(second.view(), std::string(size, 'k'));
    SecretBytes third = SecretBytes::CopyOf("other");
    third = std::move(second);
    EXPECT_TRUE(second.empty());
    EXPECT_EQ(third.size(), size);
  }
}

TEST(SecretBytes, WipesItsOwnMemoryWhenItGoes) {
  // Mapped memory: the compiler knows nothing of its contents, so it may be looked at after the object's end.
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* secret = new (memory) SecretBytes(SecretBytes::CopyOf("short-key"));  // held in the object itself
  ASSERT_NE(::memmem(memory, 4096, "short-key", 9), nullptr);
  secret->~SecretBytes();
  EXPECT_EQ(::memmem(memory, 4096, "short-key", 9), nullptr);
  ::munmap(memory, 4096);
}

}  // namespace
}  // namespace cc
