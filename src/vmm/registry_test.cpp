// SPDX-License-Identifier: Apache-2.0
#include "vmm/registry.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace cc::vmm {
namespace {

class NoVmm : public Vmm {
 public:
  Capabilities Probe(const VmSpec&) override { return {}; }
  absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec&) override {
    return absl::UnimplementedError("nothing to create");
  }
};

TEST(RegistryTest, MakesWhatWasAddedAndNamesItForEverythingElse) {
  Registry registry;
  registry.Add("one", [] { return std::make_unique<NoVmm>(); });
  registry.Add("two", [] { return std::make_unique<NoVmm>(); });
  EXPECT_TRUE(registry.Make("one").ok());
  const absl::Status status = registry.Make("three").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_NE(MessageOf(status).find("one, two"), std::string_view::npos);
}

}  // namespace
}  // namespace cc::vmm
