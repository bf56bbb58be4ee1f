// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/socket.h"
#include "cca/generation.h"
#include "owner/node/check.h"
#include "owner/node/realm_probe.h"

namespace cc::node_check {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A kernel with one generation of the ABI.
class FakeKvm final : public Kvm {
 public:
  int CheckExtension(uint32_t capability) override {
    if (capability == 165) return ipa_bits;
    return capabilities.contains(capability) ? 1 : 0;
  }
  int TryVm(uint64_t type, uint32_t capability) override {
    tried.push_back(type);
    if ((type & ~uint64_t{0xff}) != vm_type) return -EINVAL;
    if (create_error != 0) return -create_error;
    return vm_capabilities.contains(capability) ? 1 : 0;
  }
  int ipa_bits = 0;
  std::set<uint32_t> capabilities, vm_capabilities;
  uint64_t vm_type = ~uint64_t{0};
  int create_error = 0;
  std::vector<uint64_t> tried;
};

FakeKvm With(cca::Generation generation) {
  const cca::GenerationAbi& abi = cca::Describe(generation);
  FakeKvm kvm;
  kvm.capabilities = kvm.vm_capabilities = {abi.capability};
  kvm.vm_type = abi.vm_type;
  return kvm;
}

TEST(RealmProbe, FindsEachGeneration) {
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    FakeKvm kvm = With(abi.id);
    kvm.ipa_bits = 44;
    const RealmSupport support = ProbeRealm(kvm, std::nullopt);
    EXPECT_THAT(support.generations, Contains(std::string(abi.name)));
    EXPECT_EQ(support.ipa_bits, 44);
    EXPECT_EQ(kvm.tried.front() & 0xff, 44u);
  }
}

TEST(RealmProbe, ANumberAloneProvesNothing) {
  // Mainline gives these numbers to other things: the capability is there, the VM type is not.
  FakeKvm kvm;
  for (const cca::GenerationAbi& abi : cca::Generations()) kvm.capabilities.insert(abi.capability);
  RealmSupport support = ProbeRealm(kvm, std::nullopt);
  EXPECT_TRUE(support.generations.empty());
  EXPECT_THAT(support.reason, HasSubstr("makes no VM"));
  // Or the VM is made, and has not the capability.
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    kvm.vm_type = abi.vm_type;
    EXPECT_TRUE(ProbeRealm(kvm, std::nullopt).generations.empty());
  }
}

TEST(RealmProbe, NothingIsTriedWithoutACapability) {
  FakeKvm kvm;
  kvm.vm_type = cca::Describe(cca::Generation::kRmeV10).vm_type;
  EXPECT_THAT(ProbeRealm(kvm, std::nullopt).reason, HasSubstr("no Realm capability"));
  EXPECT_TRUE(kvm.tried.empty());
}

TEST(RealmProbe, TellsWhenTheMonitorIsMissing) {
  for (const cca::GenerationAbi& abi : cca::Generations()) {
    if (abi.no_rmm_error != EPERM) continue;
    FakeKvm kvm = With(abi.id);
    kvm.create_error = EPERM;
    const RealmSupport support = ProbeRealm(kvm, std::nullopt);
    EXPECT_TRUE(support.generations.empty());
    EXPECT_THAT(support.reason, HasSubstr("no Realm Management Monitor (RMM) answers")) << abi.name;
  }
}

TEST(RealmProbe, AKernelMayExportItsOwnNumber) {
  FakeKvm kvm = With(cca::Generation::kRmiV15);
  kvm.capabilities = kvm.vm_capabilities = {999};
  EXPECT_TRUE(ProbeRealm(kvm, std::nullopt).generations.empty());
  EXPECT_THAT(ProbeRealm(kvm, 999).generations,
              Contains(std::string(cca::Describe(cca::Generation::kRmiV15).name)));
}

TEST(RealmProbe, ReadsTheExportedNumber) {
  const TempDir dir = TempDir::Create("/tmp/cc-probe-test-").value();
  const std::string path = dir.path() + "/n";
  EXPECT_EQ(LiveCapability(path), std::nullopt);
  const std::pair<const char*, std::optional<uint32_t>> kCases[] = {{"250\n", 250},
                                                                    {"", std::nullopt},
                                                                    {"-1", std::nullopt},
                                                                    {"0x10", std::nullopt},
                                                                    {"Y\n", std::nullopt}};
  for (const auto& [text, number] : kCases) {
    ASSERT_TRUE(WriteFileAtomic(path, text).ok());
    EXPECT_EQ(LiveCapability(path), number) << text;
  }
}

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    Write("kernel", "k");
    Write("initramfs", "i");
    Write("bin/containerd-shim-cc-v2", "#!/bin/sh\n");
    Write("bin/qemu", "#!/bin/sh\necho QEMU emulator version 7.2\n");
    listener_ = ListenUnix(Path("containerd.sock")).value();
    input_.spec.arch = vmm::qemu::HostArch();
    input_.spec.kernel = Path("kernel");
    input_.spec.initramfs = Path("initramfs");
    input_.spec.binary = Path("bin/qemu");
    input_.containerd_socket = Path("containerd.sock");
    input_.search_path = ":/nowhere:" + Path("bin");
    input_.host.kvm_device = Path("kvm");
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& text) {
    ::mkdir(Path("bin").c_str(), 0755);
    ASSERT_TRUE(WriteFileAtomic(Path(name), text, 0755).ok());
  }
  Row Find(const std::string& name) {
    for (const Row& row : CheckNode(input_)) {
      if (row.name == name) return row;
    }
    ADD_FAILURE() << "no row " << name;
    return {};
  }

  const TempDir dir_ = TempDir::Create("/tmp/cc-check-test-").value();
  UniqueFd listener_;
  Input input_;
};

TEST_F(CheckTest, ANodeWithoutKvmIsUsableAndSaysSo) {
  const std::vector<Row> rows = CheckNode(input_);
  EXPECT_TRUE(AllUsable(rows)) << RowsTable(rows, false);
  EXPECT_EQ(Find("kvm").state, State::kNote);
  EXPECT_EQ(Find("realm").state, State::kNote);
  EXPECT_EQ(Find("vhost-vsock").state, State::kOk);
  EXPECT_THAT(Find("qemu").finding, HasSubstr("7.2"));
  const nlohmann::json json = nlohmann::json::parse(RowsJson(rows));
  EXPECT_EQ(json["usable"], true);
  EXPECT_EQ(json["checks"].size(), rows.size());
}

TEST_F(CheckTest, EachFailedRowHasItsFix) {
  const struct {
    const char* row;
    std::function<void(Input&)> breakage;
  } kCases[] = {
      {"kvm", [](Input& input) { input.spec.accel = vmm::Accel::kKvm; }},
      {"qemu", [](Input& input) { input.spec.binary = "/nowhere/qemu"; }},
      {"qemu", [](Input& input) { input.spec.binary = "/bin/false"; }},
      {"kernel", [](Input& input) { input.spec.kernel = "/nowhere/kernel"; }},
      {"kernel", [](Input& input) { input.spec.kernel = "/dev/null"; }},
      {"initramfs", [](Input& input) { input.spec.initramfs = ""; }},
      {"containerd", [](Input& input) { input.containerd_socket = "/nowhere/sock"; }},
      {"runtime", [](Input& input) { input.search_path = "/nowhere"; }},
      {"realm", [](Input& input) { input.spec.tee = vmm::Tee::kCca; }},
  };
  const Input good = input_;
  for (const auto& c : kCases) {
    input_ = good;
    c.breakage(input_);
    const std::vector<Row> rows = CheckNode(input_);
    EXPECT_FALSE(AllUsable(rows)) << c.row;
    const Row row = Find(c.row);
    EXPECT_EQ(row.state, State::kFailed) << c.row;
    EXPECT_FALSE(row.fix.empty()) << c.row;
    EXPECT_THAT(RowsTable(rows, false), HasSubstr("fix: " + row.fix));
    EXPECT_EQ(nlohmann::json::parse(RowsJson(rows))["usable"], false);
  }
}

TEST_F(CheckTest, ColoursAreForTerminalsOnly) {
  const std::vector<Row> rows = CheckNode(input_);
  EXPECT_EQ(RowsTable(rows, false).find('\x1b'), std::string::npos);
  EXPECT_NE(RowsTable(rows, true).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cc::node_check
