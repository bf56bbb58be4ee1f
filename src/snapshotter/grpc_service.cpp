// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/grpc_service.h"

#include "base/log.h"
#include "base/strings.h"

namespace cc::snapshotter {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

Labels LabelsOf(const google::protobuf::Map<std::string, std::string>& map) {
  return {map.begin(), map.end()};
}

google::protobuf::Timestamp TimestampOf(int64_t ns) {
  google::protobuf::Timestamp out;
  out.set_seconds(ns / kSecond);
  out.set_nanos(static_cast<int32_t>(ns % kSecond));
  return out;
}

api::Info InfoOf(const Snapshot& snapshot) {
  api::Info info;
  info.set_name(snapshot.name);
  info.set_parent(snapshot.parent);
  info.set_kind(static_cast<api::Kind>(snapshot.kind));
  *info.mutable_created_at() = TimestampOf(snapshot.created_ns);
  *info.mutable_updated_at() = TimestampOf(snapshot.updated_ns);
  info.mutable_labels()->insert(snapshot.labels.begin(), snapshot.labels.end());
  return info;
}

// What a client may ask for is answered; what is wrong with us is logged as well.
grpc::Status ToGrpc(std::string_view call, const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  switch (status.code()) {
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      log::Debug("refused", {{"call", call}, {"status", status}});
      break;
    default:
      log::Error("failed", {{"call", call}, {"status", status}});
  }
  return {static_cast<grpc::StatusCode>(status.code()), StrCat("cc-snapshotter: ", MessageOf(status))};
}

template <typename Response>
grpc::Status AnswerMount(std::string_view call, absl::StatusOr<containerd::types::Mount> mount,
                         Response* response) {
  if (mount.ok()) *response->add_mounts() = *std::move(mount);
  return ToGrpc(call, mount.status());
}

template <typename Response>
grpc::Status AnswerInfo(std::string_view call, const absl::StatusOr<Snapshot>& snapshot, Response* response) {
  if (snapshot.ok()) *response->mutable_info() = InfoOf(*snapshot);
  return ToGrpc(call, snapshot.status());
}

}  // namespace

grpc::Status GrpcService::Prepare(grpc::ServerContext*, const api::PrepareSnapshotRequest* request,
                                  api::PrepareSnapshotResponse* response) {
  return AnswerMount("Prepare",
                     snapshotter_.Prepare(request->key(), request->parent(), LabelsOf(request->labels())),
                     response);
}

grpc::Status GrpcService::View(grpc::ServerContext*, const api::ViewSnapshotRequest* request,
                               api::ViewSnapshotResponse* response) {
  return AnswerMount(
      "View", snapshotter_.View(request->key(), request->parent(), LabelsOf(request->labels())), response);
}

grpc::Status GrpcService::Mounts(grpc::ServerContext*, const api::MountsRequest* request,
                                 api::MountsResponse* response) {
  return AnswerMount("Mounts", snapshotter_.Mounts(request->key()), response);
}

grpc::Status GrpcService::Commit(grpc::ServerContext*, const api::CommitSnapshotRequest* request,
                                 google::protobuf::Empty*) {
  return ToGrpc("Commit", snapshotter_.Commit(request->name(), request->key(), LabelsOf(request->labels())));
}

grpc::Status GrpcService::Remove(grpc::ServerContext*, const api::RemoveSnapshotRequest* request,
                                 google::protobuf::Empty*) {
  return ToGrpc("Remove", snapshotter_.Remove(request->key()));
}

grpc::Status GrpcService::Stat(grpc::ServerContext*, const api::StatSnapshotRequest* request,
                               api::StatSnapshotResponse* response) {
  return AnswerInfo("Stat", snapshotter_.Stat(request->key()), response);
}

grpc::Status GrpcService::Update(grpc::ServerContext*, const api::UpdateSnapshotRequest* request,
                                 api::UpdateSnapshotResponse* response) {
  const auto& paths = request->update_mask().paths();
  return AnswerInfo("Update",
                    snapshotter_.Update(request->info().name(), LabelsOf(request->info().labels()),
                                        {paths.begin(), paths.end()}),
                    response);
}

grpc::Status GrpcService::List(grpc::ServerContext* context, const api::ListSnapshotsRequest* request,
                               grpc::ServerWriter<api::ListSnapshotsResponse>* writer) {
  const absl::StatusOr<Filter> filter = Filter::Parse({request->filters().begin(), request->filters().end()});
  if (!filter.ok()) return ToGrpc("List", filter.status());
  return ToGrpc("List", snapshotter_.List(*filter, [&](const std::vector<Snapshot>& page) {
    api::ListSnapshotsResponse response;
    for (const Snapshot& snapshot : page) *response.add_info() = InfoOf(snapshot);
    return writer->Write(response) && !context->IsCancelled();
  }));
}

// Nothing of an image is on the host.
grpc::Status GrpcService::Usage(grpc::ServerContext*, const api::UsageRequest* request, api::UsageResponse*) {
  return ToGrpc("Usage", snapshotter_.Stat(request->key()).status());
}

grpc::Status GrpcService::Cleanup(grpc::ServerContext*, const api::CleanupRequest*,
                                  google::protobuf::Empty*) {
  return ToGrpc("Cleanup", snapshotter_.Cleanup());
}

}  // namespace cc::snapshotter
