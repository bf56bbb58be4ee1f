// SPDX-License-Identifier: Apache-2.0
#include "agent/policy/request_json.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using nlohmann::json;

template <typename Request>
json Json(const Request& request) {
  const auto text = RequestJson(request.GetTypeName(), request.SerializeAsString());
  EXPECT_TRUE(text.ok()) << text.status();
  return json::parse(text.value_or("null"));
}

TEST(RequestJsonTest, EveryFieldIsThereUnderItsName) {
  EXPECT_EQ(Json(grpc::SignalProcessRequest()), json({{"container_id", ""}, {"exec_id", ""}, {"signal", 0}}));
  const json create = Json(grpc::CreateContainerRequest());
  EXPECT_EQ(create["OCI"], nullptr);
  EXPECT_EQ(create["storages"], json::array());
  EXPECT_EQ(create["sandbox_pidns"], false);
}

TEST(RequestJsonTest, NestedMessagesMapsAndLargeNumbers) {
  grpc::CreateContainerRequest request;
  request.mutable_oci()->mutable_process()->add_args("sh");
  request.mutable_oci()->mutable_process()->mutable_user()->set_uid(7);
  (*request.mutable_oci()->mutable_annotations())["io.kubernetes.cri.image-name"] = "busybox";
  request.mutable_oci()->mutable_linux()->mutable_resources()->mutable_memory()->set_limit(int64_t{1} << 60);
  grpc::Storage* storage = request.add_storages();
  storage->set_driver("image_guest_pull");
  const json create = Json(request);
  EXPECT_EQ(create["OCI"]["Process"]["Args"], json({"sh"}));
  EXPECT_EQ(create["OCI"]["Process"]["User"]["UID"], 7);
  EXPECT_EQ(create["OCI"]["Annotations"]["io.kubernetes.cri.image-name"], "busybox");
  EXPECT_EQ(create["OCI"]["Linux"]["Resources"]["Memory"]["Limit"], int64_t{1} << 60);
  EXPECT_EQ(create["storages"][0]["driver"], "image_guest_pull");
  EXPECT_EQ(create["storages"][0]["fs_group"], nullptr);
}

TEST(RequestJsonTest, BytesAreNumbers) {
  grpc::WriteStreamRequest request;
  request.set_data("a\xff");
  EXPECT_EQ(Json(request)["data"], json({97, 255}));
}

TEST(RequestJsonTest, OfAFileOnlyWhereItGoes) {
  grpc::CopyFileRequest file;
  file.set_path("/run/kata-containers/shared/containers/x");
  file.set_file_mode(S_IFREG | 0644);
  file.set_data("content");
  EXPECT_EQ(Json(file)["symlink_src"], "");
  EXPECT_FALSE(Json(file).contains("data"));
  file.set_file_mode(S_IFLNK | 0777);
  file.set_data("../target");
  EXPECT_EQ(Json(file)["symlink_src"], "../target");
}

TEST(RequestJsonTest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(RequestJson("grpc.SignalProcessRequest", "\xff").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(RequestJson("grpc.NoSuchRequest", "").status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace cc::agent
