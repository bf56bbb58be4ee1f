// SPDX-License-Identifier: Apache-2.0
#include "shim/image_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace cc::shim {
namespace {

using ::testing::HasSubstr;
using Mounts = google::protobuf::RepeatedPtrField<containerd::types::Mount>;

Mounts Volume(const std::string& json) {
  Mounts mounts;
  mounts.Add()->add_options("ro");
  mounts.rbegin()->add_options("io.katacontainers.volume=" + absl::Base64Escape(json));
  return mounts;
}

absl::StatusOr<std::string> Name(const Mounts& mounts, const Annotations& annotations,
                                 const std::string& record, ContainerKind kind = ContainerKind::kSingle) {
  return ImageName(mounts, annotations, kind, [&]() -> absl::StatusOr<std::string> { return record; });
}

TEST(ImageNameTest, VolumeBeforeAnnotationBeforeRecord) {
  const Mounts volume =
      Volume(R"({"volume_type":"image_guest_pull","source":"from.volume/x","image_pull":{}})");
  const Annotations annotations{{"io.kubernetes.cri.image-name", "from.annotation/x"}};
  EXPECT_EQ(*Name(volume, annotations, "from.record/x"), "from.volume/x");
  EXPECT_EQ(*Name({}, annotations, "from.record/x"), "from.annotation/x");
  EXPECT_EQ(*Name({}, {{"io.kubernetes.cri-o.ImageName", "crio/x"}}, "from.record/x"), "crio/x");
  EXPECT_EQ(*Name({}, {}, "from.record/x"), "from.record/x");
}

TEST(ImageNameTest, PlaceholderAndOtherVolumesAreNoNames) {
  for (const char* json :
       {R"({"volume_type":"image_guest_pull","source":"dummy-image-reference"})",
        R"({"volume_type":"image_guest_pull"})", R"({"volume_type":"direct_block","source":"/d"})"}) {
    EXPECT_EQ(*Name(Volume(json), {}, "r/x"), "r/x") << json;
  }
}

TEST(ImageNameTest, SandboxContainerIsThePauseOfTheGuest) {
  EXPECT_EQ(*Name({}, {{"io.kubernetes.cri.image-name", "pause:3.9"}}, "x", ContainerKind::kSandbox),
            "pause");
}

TEST(ImageNameTest, NobodyKnowsIsAClearError) {
  const absl::Status status = Name({}, {}, "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("image-name"));
}

TEST(ImageNameTest, DamagedVolumeIsRefused) {
  Mounts mounts;
  mounts.Add()->add_options("io.katacontainers.volume=%%%");
  EXPECT_EQ(Name(mounts, {}, "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Name(Volume("{not json"), {}, "x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Name(Volume(R"({"volume_type":3})"), {}, "x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ImageNameTest, FailedLookUpKeepsItsCode) {
  absl::StatusOr<std::string> name =
      ImageName({}, {}, ContainerKind::kSingle,
                []() -> absl::StatusOr<std::string> { return absl::UnavailableError("no containerd"); });
  EXPECT_EQ(name.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace cc::shim
