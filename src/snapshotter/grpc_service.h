// SPDX-License-Identifier: Apache-2.0
// containerd.services.snapshots.v1.Snapshots over a Snapshotter. Thread-safe.
#ifndef CC_SNAPSHOTTER_GRPC_SERVICE_H_
#define CC_SNAPSHOTTER_GRPC_SERVICE_H_

#include "containerd/snapshots.grpc.pb.h"
#include "snapshotter/snapshotter.h"

namespace cc::snapshotter {

namespace api = containerd::services::snapshots::v1;

class GrpcService final : public api::Snapshots::Service {
 public:
  // `snapshotter` must outlive the service.
  explicit GrpcService(Snapshotter& snapshotter) : snapshotter_(snapshotter) {}

  grpc::Status Prepare(grpc::ServerContext*, const api::PrepareSnapshotRequest*,
                       api::PrepareSnapshotResponse*) override;
  grpc::Status View(grpc::ServerContext*, const api::ViewSnapshotRequest*,
                    api::ViewSnapshotResponse*) override;
  grpc::Status Mounts(grpc::ServerContext*, const api::MountsRequest*, api::MountsResponse*) override;
  grpc::Status Commit(grpc::ServerContext*, const api::CommitSnapshotRequest*,
                      google::protobuf::Empty*) override;
  grpc::Status Remove(grpc::ServerContext*, const api::RemoveSnapshotRequest*,
                      google::protobuf::Empty*) override;
  grpc::Status Stat(grpc::ServerContext*, const api::StatSnapshotRequest*,
                    api::StatSnapshotResponse*) override;
  grpc::Status Update(grpc::ServerContext*, const api::UpdateSnapshotRequest*,
                      api::UpdateSnapshotResponse*) override;
  grpc::Status List(grpc::ServerContext*, const api::ListSnapshotsRequest*,
                    grpc::ServerWriter<api::ListSnapshotsResponse>*) override;
  grpc::Status Usage(grpc::ServerContext*, const api::UsageRequest*, api::UsageResponse*) override;
  grpc::Status Cleanup(grpc::ServerContext*, const api::CleanupRequest*, google::protobuf::Empty*) override;

 private:
  Snapshotter& snapshotter_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_GRPC_SERVICE_H_
