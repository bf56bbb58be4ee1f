// SPDX-License-Identifier: Apache-2.0
#include "shim/bootstrap.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "containerd/bootstrap.pb.h"
#include "containerd/runtimeoptions.pb.h"
#include "containerd/types.pb.h"

namespace cc::shim {
namespace {

namespace api = containerd::runtime::bootstrap::v1;

Flags TestFlags() {
  Flags flags;
  flags.id = "c1";
  flags.namespace_name = "default";
  flags.address = "/run/c.sock";
  return flags;
}

std::string Options(const std::string& path) {
  runtimeoptions::v1::Options options;
  options.set_config_path(path);
  google::protobuf::Any any;
  any.set_type_url("runtimeoptions.v1.Options");
  any.set_value(options.SerializeAsString());
  return any.SerializeAsString();
}

TEST(BootstrapTest, OldContainerdGetsABareLine) {
  absl::StatusOr<Bootstrap> got =
      ParseBootstrap("", TestFlags(), {.ttrpc_address = "/t", .grpc_address = "", .max_shim_version = ""});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->reply, ReplyForm::kAddressLine);
  EXPECT_EQ(got->ttrpc_address, "/t");
  EXPECT_FALSE(got->options.has_value());
  EXPECT_EQ(FormatReply(got->reply, "unix:///s"), "unix:///s");
}

TEST(BootstrapTest, Version2OfTheEnvironmentStaysWithTheLine) {
  absl::StatusOr<Bootstrap> got =
      ParseBootstrap("", TestFlags(), {.ttrpc_address = "", .grpc_address = "", .max_shim_version = "2"});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->reply, ReplyForm::kAddressLine);
}

TEST(BootstrapTest, Version3GetsJson) {
  absl::StatusOr<Bootstrap> got =
      ParseBootstrap(Options("/etc/x.toml"), TestFlags(),
                     {.ttrpc_address = "", .grpc_address = "", .max_shim_version = "3"});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->reply, ReplyForm::kJson);
  ASSERT_TRUE(got->options.has_value());
  EXPECT_EQ(got->options->type_url(), "runtimeoptions.v1.Options");
  const auto json = nlohmann::json::parse(FormatReply(got->reply, "unix:///s"));
  EXPECT_EQ(json["version"], 3);
  EXPECT_EQ(json["address"], "unix:///s");
  EXPECT_EQ(json["protocol"], "ttrpc");
}

TEST(BootstrapTest, BootstrapParametersGetProtobuf) {
  api::BootstrapParams params;
  params.set_instance_id("c1");
  params.set_namespace_("default");
  params.set_containerd_grpc_address("/g");
  params.set_containerd_ttrpc_address("/t");
  params.set_socket_dir("/tmp/s");
  params.set_log_level(api::LOG_LEVEL_DEBUG);
  ASSERT_TRUE(params.add_extensions()->mutable_value()->ParseFromString(Options("/p")));
  absl::StatusOr<Bootstrap> got = ParseBootstrap(params.SerializeAsString(), TestFlags(), {});
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->reply, ReplyForm::kProtobuf);
  EXPECT_EQ(got->grpc_address, "/g");
  EXPECT_EQ(got->ttrpc_address, "/t");
  EXPECT_EQ(got->socket_dir, "/tmp/s");
  EXPECT_TRUE(got->debug);
  EXPECT_TRUE(got->options.has_value());
  api::BootstrapResult result;
  ASSERT_TRUE(result.ParseFromString(FormatReply(got->reply, "unix:///s")));
  EXPECT_EQ(result.version(), 3);
  EXPECT_EQ(result.address(), "unix:///s");
  EXPECT_EQ(result.protocol(), "ttrpc");
}

TEST(BootstrapTest, ParametersOfAnotherIdAreNotOurs) {
  api::BootstrapParams params;
  params.set_instance_id("other");
  params.set_namespace_("default");
  absl::StatusOr<Bootstrap> got = ParseBootstrap(params.SerializeAsString(), TestFlags(), {});
  ASSERT_TRUE(got.ok());
  EXPECT_NE(got->reply, ReplyForm::kProtobuf);
}

// `ctr run --uidmap` sends options with numbers in them; containerd reads stdout and stderr together as the
// address.
TEST(BootstrapTest, OptionsThatAreNoTextLeaveTheOutputAlone) {
  google::protobuf::Any any;
  any.set_type_url("containerd.runc.v1.Options");
  any.set_value("\x50\xe8\x07\x58\xe8\x07");
  testing::internal::CaptureStderr();
  absl::StatusOr<Bootstrap> got = ParseBootstrap(any.SerializeAsString(), TestFlags(), {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->options->value(), any.value());
}

TEST(BootstrapTest, GarbageIsRefused) {
  EXPECT_EQ(ParseBootstrap("\xff\xff\xff garbage", TestFlags(), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BootstrapTest, SocketPathIsThatOfContainerdsHelper) {
  // printf '/run/containerd/containerd.sock/default/c1' | sha256sum
  EXPECT_EQ(SocketPath("/run/containerd/s", "/run/containerd/containerd.sock", "default", "c1"),
            "/run/containerd/s/d25aa4ef11a84e954e74a5bcff06557d0b6ea8d0c00243896f29826694bbd888");
}

TEST(BootstrapTest, InfoNamesRuntimeAndVersion) {
  containerd::types::RuntimeInfo info;
  ASSERT_TRUE(info.ParseFromString(RuntimeInfo()));
  EXPECT_EQ(info.name(), "io.containerd.cc.v2");
  EXPECT_FALSE(info.version().version().empty());
}

}  // namespace
}  // namespace cc::shim
