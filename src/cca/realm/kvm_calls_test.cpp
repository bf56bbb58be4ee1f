// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/kvm_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace cc::cca::realm {
namespace {

TEST(RealKvm, GivesResultsAndNegativeErrors) {
  KvmCalls& kvm = RealKvm();
  EXPECT_EQ(kvm.Open("/nonexistent/kvm", O_RDWR), -ENOENT);
  EXPECT_EQ(kvm.Ioctl(-1, FIONREAD), -EBADF);
  UniqueFd null(kvm.Open("/dev/null", O_RDWR));
  ASSERT_TRUE(null.valid());
  EXPECT_EQ(kvm.Ioctl(null.get(), 0xae00), -ENOTTY);
  EXPECT_NE(::fcntl(null.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(absl::IsNotFound(kvm.ReadFile("/nonexistent/parameter").status()));
}

TEST(RealKvm, MemoryIsSizedMappedAndPunched) {
  KvmCalls& kvm = RealKvm();
  UniqueFd memory(kvm.CreateMemory("test", 8192));
  ASSERT_TRUE(memory.valid());
  void* mapped = nullptr;
  ASSERT_EQ(kvm.Mmap(8192, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0, &mapped), 0);
  auto* bytes = static_cast<unsigned char*>(mapped);
  bytes[0] = 1;
  bytes[4096] = 2;
  EXPECT_EQ(kvm.Fallocate(memory.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_EQ(bytes[0], 0);
  EXPECT_EQ(bytes[4096], 2);
  EXPECT_EQ(kvm.Madvise(bytes + 4096, 4096, MADV_REMOVE), 0);
  EXPECT_EQ(bytes[4096], 0);
  EXPECT_EQ(kvm.Munmap(mapped, 8192), 0);
  EXPECT_EQ(kvm.Mmap(8192, PROT_READ, MAP_SHARED, -1, 0, &mapped), -EBADF);
}

}  // namespace
}  // namespace cc::cca::realm
