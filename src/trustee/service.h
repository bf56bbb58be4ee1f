// SPDX-License-Identifier: Apache-2.0
// The whole of cc-trustee, put together from a configuration.
//
//   CC_ASSIGN_OR_RETURN(auto service, Service::Start(Config::Embedded()));
//   … service->address() … service->Stop();
#ifndef CC_TRUSTEE_SERVICE_H_
#define CC_TRUSTEE_SERVICE_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/thread.h"
#include "trustee/clock.h"
#include "trustee/config.h"

namespace cc::trustee {

class GrpcServer;
class HttpServer;
class Store;

// Thread-compatible.
class Service {
 public:
  // Serves requests when it returns. The error names the setting or file that is at fault.
  static absl::StatusOr<std::unique_ptr<Service>> Start(const Config& config, Clock clock = WallClock);
  ~Service();

  // "host:port" the KBS listens on, empty when it is off; those of the faces that are on.
  const std::string& address() const { return address_; }
  struct FaceAddresses {
    std::string attestation_grpc;
    std::string attestation_rest;
    std::string reference_grpc;
  };
  const FaceAddresses& faces() const { return faces_; }

  // Finishes requests in work and ends. Idempotent.
  void Stop();

 private:
  Service() = default;
  absl::Status Serve(const Config& config, const Clock& clock);
  void SweepUntilStop(const Clock& clock);

  std::string address_;
  std::shared_ptr<Store> store_;
  std::shared_ptr<Store> session_store_;
  FaceAddresses faces_;
  std::vector<std::unique_ptr<HttpServer>> http_;
  std::vector<std::unique_ptr<GrpcServer>> grpc_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Thread sweeper_;
};

// A bearer token for `ccctl trustee` with the generated administrator key of a data directory.
absl::StatusOr<std::string> GeneratedAdminToken(const std::string& data_dir, int64_t lifetime_seconds);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_SERVICE_H_
