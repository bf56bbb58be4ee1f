// SPDX-License-Identifier: Apache-2.0
// Where the puller looks for an image, and which images it refuses before it looks.
#include <gmock/gmock.h>

#include "image/test_puller.h"

namespace cc::image {
namespace {

using ::testing::HasSubstr;

class PullerPlacesTest : public testing::PullerTest {
 protected:
  void SetUp() override {
    PullerTest::SetUp();
    if (!IsSkipped()) Serve(testing::MakeImage({testing::BaseLayer()}));
  }
  // The registry of the test has no TLS: only what the rules say makes it reachable.
  void UseSettings(std::function<absl::StatusOr<PullSettings>()> settings) {
    PullerOptions options;
    options.store = Store();
    options.bundle_root = Bundles();
    options.settings = std::move(settings);
    options.retry = {.max_attempts = 1};
    auto puller = Puller::Create(options);
    ASSERT_TRUE(puller.ok()) << puller.status();
    puller_ = std::move(puller).value();
  }
  RegistryRules Mirrored(std::vector<RegistryRules::Mirror> mirrors) const {
    return {.registries = {{.prefix = "images.invalid", .mirrors = std::move(mirrors)}}};
  }
  absl::Status PullNamed(const std::string& image) { return puller_->Pull(image, Bundle("c1"), {}).status(); }
};

TEST_F(PullerPlacesTest, AMirrorThatFailsIsPassedOver) {
  UseSettings([this] {
    return PullSettings{.registries = Mirrored({{.location = "127.0.0.1:1", .insecure = true},
                                                {.location = server_->Host(), .insecure = true}})};
  });
  EXPECT_TRUE(PullNamed("images.invalid/app:v1").ok());
  EXPECT_TRUE(testing::fs::exists(Rootfs("c1", "etc/passwd")));
}

TEST_F(PullerPlacesTest, EachPlaceThatFailedIsNamed) {
  UseSettings([this] {
    return PullSettings{.registries = Mirrored({{.location = server_->Host(), .insecure = true}})};
  });
  const absl::Status status = PullNamed("images.invalid/other:v1");
  EXPECT_THAT(status.ToString(), HasSubstr("pull images.invalid/other:v1"));
  EXPECT_THAT(status.ToString(), HasSubstr("at " + server_->Host()));
  EXPECT_THAT(status.ToString(), HasSubstr("at images.invalid"));
}

TEST_F(PullerPlacesTest, WhatThePolicyRefusesIsNotAskedFor) {
  UseSettings([this]() -> absl::StatusOr<PullSettings> {
    auto policy = ImagePolicy::Parse(R"({"default": [{"type": "reject"}]})", {});
    return PullSettings{.registries = Mirrored({{.location = server_->Host(), .insecure = true}}),
                        .policy = std::move(policy).value()};
  });
  EXPECT_EQ(PullNamed("images.invalid/app:v1").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(server_->Requests().empty());
}

TEST_F(PullerPlacesTest, SettingsThatCannotBeHadStopThePullAndAreAskedForAgain) {
  int calls = 0;
  UseSettings([this, &calls]() -> absl::StatusOr<PullSettings> {
    if (++calls == 1) return absl::UnavailableError("key broker down");
    return PullSettings{.registries = Mirrored({{.location = server_->Host(), .insecure = true}})};
  });
  EXPECT_THAT(PullNamed("images.invalid/app:v1").ToString(), HasSubstr("key broker down"));
  EXPECT_TRUE(PullNamed("images.invalid/app:v1").ok());
  ASSERT_TRUE(puller_->Release(Bundle("c1")).ok());
  EXPECT_TRUE(PullNamed("images.invalid/app:v1").ok());
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace cc::image
