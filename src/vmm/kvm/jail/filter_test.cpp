// SPDX-License-Identifier: Apache-2.0
// Calls outside of the rules, all of them, against the kernel.
#include "vmm/kvm/jail/filter.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <set>

#include "vmm/kvm/jail/test_child.h"

namespace cc::vmm::kvm::jail {
namespace {

constexpr int kLastCall = 480;  // beyond the newest of Linux 6.17

std::string Try(const Program& program, long call, uint64_t argument) {
  return InChild([&] {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!Install(program).ok()) return 2;
    ::syscall(call, argument, argument, argument, argument, argument, argument);
    return 3;
  });
}

class FilterTest : public ::testing::TestWithParam<ThreadKind> {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  }
  bool Applies(const Rule& rule) const { return GetParam() == ThreadKind::kBuilder || rule.Has(GetParam()); }
};

TEST_P(FilterTest, AnyOtherCallEndsTheProcess) {
  const Program program = *Compile(Rules(), GetParam(), Allowed::kAllow);
  std::set<int> free_of_conditions;
  for (const Rule& rule : Rules()) {
    if (rule.exists() && Applies(rule) && !rule.condition) free_of_conditions.insert(rule.call);
  }
#if defined(__x86_64__)
  // uretprobe and uprobe: of the kernel's own trampolines, hidden from filters; elsewhere they do nothing.
  free_of_conditions.insert({335, 336});
#endif
  for (int call = 0; call <= kLastCall; ++call) {
    if (free_of_conditions.contains(call)) continue;
    // Every condition is false for it, so it also stands for the calls with conditions.
    EXPECT_EQ(Try(program, call, UINT64_MAX), "SIGSYS") << "call " << call;
  }
}

TEST_P(FilterTest, EachConditionIsLookedAt) {
  const Program program = *Compile(Rules(), GetParam(), Allowed::kAllow);
  for (const Rule& rule : Rules()) {
    if (!rule.exists() || !rule.condition || !Applies(rule)) continue;
    // A bit of the argument is wrong, for each bit that is looked at.
    const Condition& condition = *rule.condition;
    for (int bit = 0; bit < 32; ++bit) {
      const uint64_t flip = uint64_t{1} << bit;
      if ((condition.mask & flip) == 0) continue;
      const uint64_t value = condition.value == kOwnPid ? 0 : condition.value;
      const uint64_t wrong = value ^ flip;
      const bool other_rule = std::any_of(Rules().begin(), Rules().end(), [&](const Rule& other) {
        return other.call == rule.call && other.condition && Applies(other) &&
               (wrong & other.condition->mask) == other.condition->value;
      });
      if (other_rule) continue;
      EXPECT_EQ(Try(program, rule.call, wrong), "SIGSYS") << rule.name << " with " << wrong;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FilterTest,
                         ::testing::Values(ThreadKind::kBuilder, ThreadKind::kMain, ThreadKind::kDevices,
                                           ThreadKind::kVcpu));

TEST(Filter, CallsOfAnotherArchitectureEndTheProcess) {
#if defined(__x86_64__)
  if (kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
  const Program program = *Compile(Rules(), ThreadKind::kBuilder, Allowed::kAllow);
  EXPECT_EQ(Try(program, 0x40000000 | SYS_getpid, 0), "SIGSYS") << "x32";
  EXPECT_EQ(InChild([&] {
              ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
              if (!Install(program).ok()) return 2;
              // 20 is getpid for 32-bit programs, and writev for 64-bit ones.
              long result = 20;
              __asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "memory");
              return 3;
            }),
            "SIGSYS");
#else
  GTEST_SKIP() << "only x86-64 has several";
#endif
}

TEST(Filter, MakesThreadsOnlyByTheCallThatCanBeSeen) {
  for (const Rule& rule : Rules()) {
    const bool refuses = rule.answer == Rule::Answer::kNoSuchCall;
    EXPECT_EQ(refuses, std::string_view(rule.name) == "clone3") << rule.name;
  }
}

TEST(Filter, NeedsNoNewPrivileges) {
  const Program program = *Compile(Rules(), ThreadKind::kMain, Allowed::kAllow);
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(InChild([&] {
              CC_CHILD_CHECK(::setresuid(65534, 65534, 65534) == 0);
              CC_CHILD_CHECK(!Install(program).ok());
              return 0;
            }),
            "0");
}

}  // namespace
}  // namespace cc::vmm::kvm::jail
