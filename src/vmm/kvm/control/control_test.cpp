// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/socket.h"
#include "base/strings.h"
#include "vmm/kvm/control/launch.h"
#include "vmm/kvm/control/message.h"

namespace cc::vmm::kvm {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Launch FullLaunch() {
  Launch launch{.kernel_fd = 5, .initramfs_fd = 6, .disk_fds = {7}, .pod_network = true};
  launch.spec.id = "pod";
  launch.spec.arch = "aarch64";
  launch.spec.vcpus = 3;
  launch.spec.memory_mib = 300;
  launch.spec.kernel = "/k";
  launch.spec.initramfs = "/i";
  launch.spec.cmdline = {"a=1", "b"};
  launch.spec.tee = Tee::kCca;
  launch.spec.realm.hash = RealmSpec::Hash::kSha512;
  launch.spec.realm.rpv[63] = 9;
  launch.spec.nics = {{.tap_fd = 8, .mac = {2, 0, 0, 0, 0, 1}, .mtu = 9000}};
  launch.spec.disks = {{.path = "/d", .read_only = false, .serial = "scratch"}};
  return launch;
}

TEST(Launch, AllOfItArrives) {
  const Launch got = LaunchFromJson(json::parse(LaunchToJson(FullLaunch()).dump())).value();
  EXPECT_EQ(LaunchToJson(got), LaunchToJson(FullLaunch()));
  EXPECT_EQ(got.spec.tee, Tee::kCca);
  EXPECT_EQ(got.spec.realm.rpv[63], 9);
  EXPECT_EQ(got.spec.nics[0].mac[5], 1);
  EXPECT_EQ(got.disk_fds[0], 7);
  EXPECT_TRUE(got.pod_network);
  EXPECT_FALSE(got.spec.disks[0].read_only);
}

TEST(Launch, RefusesWhatIsMissingOrWrong) {
  const json good = LaunchToJson(FullLaunch());
  for (const auto& [key, value] : good.items()) {
    json bad = good;
    bad.erase(key);
    EXPECT_TRUE(absl::IsInvalidArgument(LaunchFromJson(bad).status())) << key;
    bad[key] = json::array({json::object()});
    EXPECT_TRUE(absl::IsInvalidArgument(LaunchFromJson(bad).status())) << key;
  }
  for (const int fd : {-1, 0, 3, 4, 1024}) {
    json bad = good;
    bad["kernel_fd"] = fd;
    EXPECT_THAT(std::string(MessageOf(LaunchFromJson(bad).status())), HasSubstr("descriptor"));
  }
  EXPECT_FALSE(LaunchFromJson(json::array()).ok());
}

TEST(Message, LinesBecomeMessages) {
  auto [ours, theirs] = SocketPair().value();
  MessageReader reader;
  EXPECT_FALSE(reader.Next(ours.get(), false).value().has_value());
  ASSERT_TRUE(SendMessage(theirs.get(), {{"verb", "start"}, {"id", 7}}).ok());
  ASSERT_TRUE(SendMessage(theirs.get(), Reply(8, absl::NotFoundError("no kernel"))).ok());
  const json first = *reader.Next(ours.get(), true).value();
  EXPECT_EQ(TextOf(first, "verb"), "start");
  EXPECT_EQ(NumberOf(first, "id"), 7u);
  EXPECT_EQ(TextOf(first, "id"), "");
  EXPECT_TRUE(StatusOf(first).ok());
  const json second = *reader.Next(ours.get(), true).value();
  EXPECT_EQ(StatusOf(second), absl::NotFoundError("no kernel"));
  theirs.reset();
  EXPECT_TRUE(absl::IsUnavailable(reader.Next(ours.get(), true).status()));
}

TEST(Message, RefusesOtherBytesAndEndlessLines) {
  for (const std::string& bytes :
       {std::string("hello\n"), std::string("[1]\n"), std::string(MessageReader::kMaxLine + 5000, 'x')}) {
    auto [ours, theirs] = SocketPair().value();
    MessageReader reader;
    absl::Status status;
    for (size_t at = 0; at < bytes.size() && status.ok(); at += 4096) {
      ASSERT_TRUE(SendFull(theirs.get(), std::string_view(bytes).substr(at, 4096)).ok());
      status = reader.Next(ours.get(), false).status();
    }
    EXPECT_TRUE(absl::IsInvalidArgument(status));
  }
}

TEST(Message, TextIsAlwaysValidJson) {
  auto [ours, theirs] = SocketPair().value();
  ASSERT_TRUE(SendMessage(theirs.get(), {{"ended", "\xff\xfe\n"}}).ok());
  MessageReader reader;
  EXPECT_THAT(TextOf(*reader.Next(ours.get(), true).value(), "ended"), HasSubstr("\n"));
}

}  // namespace
}  // namespace cc::vmm::kvm
