// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/socket.h"
#include "owner/node/check.h"

namespace cc::node_check {
namespace {

using ::testing::HasSubstr;

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
