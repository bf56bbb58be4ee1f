// SPDX-License-Identifier: Apache-2.0
#include "owner/node/realm_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "vmm/kvm/machine/test_image.h"

namespace cc::node_check {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RealmRowsTest : public testing::Test {
 protected:
  RealmRowsTest() {
    Write("vmlinuz-1", vmm::kvm::ImageBytes());
    Write("initramfs", "070701 cpio");
    Write("config-1", "CONFIG_ARM_CCA_GUEST=y\nCONFIG_TSM_REPORTS=y\nCONFIG_SWIOTLB=y\n");
    input_.spec.arch = "aarch64";
    input_.spec.tee = vmm::Tee::kCca;
    input_.spec.kernel = Path("vmlinuz-1");
    input_.spec.initramfs = Path("initramfs");
    input_.arch = "aarch64";
    input_.kernel_log = "[    0.000000] Booting Linux\n";
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomic(Path(name), text).ok());
  }
  Row Find(const std::string& name, cca::realm::FakeKvmOptions options = {}) {
    cca::realm::FakeKvm kvm(std::move(options));
    input_.kvm = &kvm;
    for (const Row& row : CheckRealm(input_)) {
      if (row.name == name) return row;
    }
    return {};
  }
  const TempDir dir_ = TempDir::Create("/tmp/cc-realm-rows-test-").value();
  Input input_;
};

TEST_F(RealmRowsTest, SayWhichGenerationAndLimits) {
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    const Row realm = Find("realm", {.generation = abi.id});
    EXPECT_EQ(realm.state, State::kOk);
    EXPECT_THAT(realm.finding, HasSubstr(std::string(abi.name)));
    const Row limits = Find("realm limits", {.generation = abi.id, .sha512 = false});
    EXPECT_EQ(limits.finding, "40 address bits (this guest needs 32), SVE no, measures with sha256");
  }
}

TEST_F(RealmRowsTest, FailWithAFixWhereARealmIsWanted) {
  const Row none = Find("realm");
  EXPECT_EQ(none.state, State::kFailed);
  EXPECT_EQ(none.finding, "KVM has no Realm capability");
  EXPECT_THAT(none.fix, HasSubstr("tee = \"none\""));
  input_.spec.tee = vmm::Tee::kNone;
  EXPECT_EQ(Find("realm").state, State::kNote);
  input_.spec.tee = vmm::Tee::kCca;
  input_.arch = "x86_64";
  EXPECT_THAT(Find("realm").finding, HasSubstr("no Realms on x86_64"));
}

TEST_F(RealmRowsTest, QuoteTheKernelAboutItsMonitor) {
  input_.kernel_log = "[    0.1] kvm [1]: RMI ABI version 1.0\n";
  EXPECT_EQ(Find("realm monitor", {.generation = cca::Generation::kRmeV7}).finding,
            "kvm [1]: RMI ABI version 1.0");
  input_.kernel_log =
      "<6>CPU features: detected: 52-bit Virtual Addressing for KVM (LPA2)\n<6>kvm [1]: RMI ABI version "
      "1.0\n";
  EXPECT_EQ(Find("realm monitor", {.generation = cca::Generation::kRmeV7}).finding,
            "kvm [1]: RMI ABI version 1.0");
  input_.kernel_log =
      "[    0.1] kvm [1]: RMI ABI version 1.0\n[    0.2] kvm [1]: RMM doesn't support LPA2\n[ 0.3] other\n";
  const Row lpa2 = Find("realm monitor");
  EXPECT_EQ(lpa2.state, State::kFailed);
  EXPECT_THAT(lpa2.finding, HasSubstr("doesn't support LPA2"));
  EXPECT_THAT(lpa2.fix, HasSubstr("RMM built with LPA2"));
}

TEST_F(RealmRowsTest, LookIntoTheGuestsKernel) {
  EXPECT_EQ(Find("guest kernel").state, State::kOk);
  Write("config-1", "CONFIG_ARM_CCA_GUEST=m\nCONFIG_TSM_REPORTS=m\nCONFIG_SWIOTLB=y\n");
  EXPECT_THAT(Find("guest kernel").finding, HasSubstr("is a module, which is not in"));
  Write("initramfs", "\x1f\x8b compressed");
  EXPECT_EQ(Find("guest kernel").state, State::kNote);
  Write("initramfs", "070701...lib/modules/arm-cca-guest.ko...tsm.ko");
  EXPECT_EQ(Find("guest kernel").state, State::kOk);
  Write("config-1", "CONFIG_ARM_CCA_GUEST=y\nCONFIG_TSM_REPORTS=y\n");
  const Row no_swiotlb = Find("guest kernel");
  EXPECT_EQ(no_swiotlb.state, State::kFailed);
  EXPECT_THAT(no_swiotlb.finding, HasSubstr("has no CONFIG_SWIOTLB"));
  Write("config-1", "");
  EXPECT_EQ(Find("guest kernel").state, State::kNote);
  Write("vmlinuz-1", "MZ no image");
  EXPECT_EQ(Find("guest kernel").state, State::kFailed);
}

}  // namespace
}  // namespace cc::node_check
