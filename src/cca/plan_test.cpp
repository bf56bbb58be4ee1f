// SPDX-License-Identifier: Apache-2.0
#include "cca/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"

namespace cc::cca {
namespace {

RealmLayout Good() {
  RealmLayout layout;
  layout.params.ipa_bits = 33;
  layout.ram = {{0x80000000, 0x10000000}};
  layout.content = {{.base = 0x8fe00000, .size = 0x10000, .content = "dtb"},
                    {.base = 0x80000000, .size = 0x800000, .content = "kernel"}};
  layout.recs = {{.runnable = true}, {.mpidr = 1}};
  return layout;
}

TEST(Plan, ContentIsPopulatedInAscendingOrder) {
  const RealmPlan plan = OrderPlan(Good(), PlanOrder::kRipasFirst).value();
  ASSERT_EQ(plan.steps.size(), 5u);
  EXPECT_TRUE(std::holds_alternative<InitRipas>(plan.steps[0]));
  EXPECT_EQ(std::get<Populate>(plan.steps[1]).content, "kernel");
  EXPECT_EQ(std::get<Populate>(plan.steps[2]).content, "dtb");
  EXPECT_TRUE(std::get<CreateRec>(plan.steps[3]).runnable);
  EXPECT_EQ(std::get<CreateRec>(plan.steps[4]).mpidr, 1u);
}

TEST(Plan, RipasComesLastWhereKvmDoesIt) {
  const RealmPlan plan = OrderPlan(Good(), PlanOrder::kRipasLast).value();
  EXPECT_TRUE(std::holds_alternative<Populate>(plan.steps.front()));
  EXPECT_TRUE(std::holds_alternative<InitRipas>(plan.steps.back()));
}

TEST(Plan, OneRangeOfRamWhereKvmChoosesTheOrder) {
  RealmLayout layout = Good();
  layout.ram = {{0x90000000, 0x1000}, {0x80000000, 0x10000000}};
  EXPECT_TRUE(OrderPlan(layout, PlanOrder::kRipasFirst).ok());
  EXPECT_FALSE(OrderPlan(layout, PlanOrder::kRipasLast).ok());
}

struct BadCase {
  const char* text;  // part of the message
  std::function<void(RealmLayout&)> spoil;
};

TEST(Plan, RefusesWhatCannotBecomeARealm) {
  const BadCase cases[] = {
      {"whole 4 KiB granules", [](RealmLayout& l) { l.ram[0].base += 1; }},
      {"whole 4 KiB granules", [](RealmLayout& l) { l.content[0].size = 0x800; }},
      {"is empty", [](RealmLayout& l) { l.content[0].size = 0; }},
      {"wraps around", [](RealmLayout& l) { l.ram[0].size = ~uint64_t{0xfff}; }},
      {"overlaps",
       [](RealmLayout& l) {
         l.ram.push_back({0x8f000000, 0x1000});
       }},
      {"overlaps", [](RealmLayout& l) { l.content[0].base = 0x807ff000; }},
      {"not inside one range of RAM", [](RealmLayout& l) { l.content[0].base = 0x90000000; }},
      {"bytes to hold",
       [](RealmLayout& l) {
         l.content[0] = {.base = 0x8f000000, .size = 0x1000};
         static const std::string long_text(4097, 'x');
         l.content[0].content = long_text;
       }},
      {"beyond the private half", [](RealmLayout& l) { l.params.ipa_bits = 32; }},
      {"address bits", [](RealmLayout& l) { l.params.ipa_bits = 31; }},
      {"address bits", [](RealmLayout& l) { l.params.ipa_bits = 53; }},
      {"no vCPU", [](RealmLayout& l) { l.recs.clear(); }},
      {"vCPU 0 is not runnable", [](RealmLayout& l) { l.recs[0].runnable = false; }},
      {"vCPU 1 is runnable", [](RealmLayout& l) { l.recs[1].runnable = true; }},
  };
  for (const BadCase& bad : cases) {
    RealmLayout layout = Good();
    bad.spoil(layout);
    const absl::Status status = OrderPlan(layout, PlanOrder::kRipasFirst).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(std::string(MessageOf(status)), testing::HasSubstr(bad.text));
  }
}

}  // namespace
}  // namespace cc::cca
