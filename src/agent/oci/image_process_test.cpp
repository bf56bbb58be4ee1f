// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/image_process.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cc::agent {
namespace {

using ::testing::ElementsAre;

constexpr char kImage[] = R"({"ociVersion": "1.0.2", "process": {
  "args": ["nginx", "-g"], "env": ["PATH=/bin", "A=image"], "cwd": "/srv",
  "user": {"uid": 101, "gid": 102, "additionalGids": [7]}}})";

TEST(MergeImageProcess, FillsAnEmptyProcess) {
  grpc::Process process;
  ASSERT_TRUE(MergeImageProcess(kImage, &process).ok());
  EXPECT_THAT(process.args(), ElementsAre("nginx", "-g"));
  EXPECT_THAT(process.env(), ElementsAre("PATH=/bin", "A=image"));
  EXPECT_EQ(process.cwd(), "/srv");
  EXPECT_EQ(process.user().uid(), 101U);
  EXPECT_EQ(process.user().gid(), 102U);
  EXPECT_THAT(process.user().additionalgids(), ElementsAre(7U));
}

TEST(MergeImageProcess, KeepsWhatTheHostSaid) {
  grpc::Process process;
  process.add_args("sh");
  process.add_env("A=host");
  process.add_env("B");
  process.set_cwd("/");
  process.mutable_user();
  ASSERT_TRUE(MergeImageProcess(kImage, &process).ok());
  EXPECT_THAT(process.args(), ElementsAre("sh"));
  EXPECT_THAT(process.env(), ElementsAre("A=host", "B", "PATH=/bin"));
  EXPECT_EQ(process.cwd(), "/");
  EXPECT_EQ(process.user().uid(), 0U);
}

TEST(MergeImageProcess, RefusesDamagedConfigurations) {
  for (const char* text :
       {"", "[", "[]", "{", R"({"process": 1})", R"({"process": {"args": [1]}})",
        R"({"process": {"args": "sh"}})", R"({"process": {"env": {}, "args": ["a"], "cwd": 3}})",
        R"({"process": {"args": ["a"], "user": {"uid": "root"}}})"}) {
    grpc::Process process;
    EXPECT_EQ(MergeImageProcess(text, &process).code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(MergeImageProcess, RefusesToRunNothing) {
  grpc::Process process;
  EXPECT_EQ(MergeImageProcess("{}", &process).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace cc::agent
