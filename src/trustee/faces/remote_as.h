// SPDX-License-Identifier: Apache-2.0
// An attestation service in another process: upstream's grpc-as, or a cc-trustee with [faces]
// attestation_grpc. It verifies, keeps the attestation policies and the reference values, and signs the
// tokens; this process keeps the resources and decides by those tokens.
//
// There is no TLS: whoever can change what travels here can make tokens of their choice. Hence unix sockets
// and loopback only, unless the configuration says otherwise.
#ifndef CC_TRUSTEE_FACES_REMOTE_AS_H_
#define CC_TRUSTEE_FACES_REMOTE_AS_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trustee/attestation/appraiser.h"
#include "trustee/faces/grpc_server.h"

namespace cc::trustee {

// Thread-safe. Errors are those of the service, Unavailable when it does not answer, DeadlineExceeded when it
// takes too long.
class RemoteAs final : public Appraiser {
 public:
  // Does not talk to anybody: the service may start later. `address` is "host:port" or "unix:/path".
  // InvalidArgument for an address that needs AllowPlaintextGrpc.
  static absl::StatusOr<std::shared_ptr<RemoteAs>> Create(const std::string& address);
  static absl::StatusOr<std::shared_ptr<RemoteAs>> Create(const std::string& address, AllowPlaintextGrpc);
  ~RemoteAs() override;

  // Always OK: the service knows, and says so when it gets the evidence.
  absl::Status CheckTee(std::string_view tee) const override;
  absl::StatusOr<std::string> Appraise(const std::vector<EvidenceItem>& items, const std::string& policy_id,
                                       const std::string& session) const override;

  // Administration. `authorization` is the value of the caller's header, which our own face wants to see.
  absl::Status SetPolicy(const std::string& id, const std::string& text, const std::string& authorization);
  absl::Status RegisterReferenceValues(const std::string& message, const std::string& authorization);
  // JSON text; nullopt when there is none.
  absl::StatusOr<std::optional<std::string>> QueryReferenceValue(const std::string& name) const;

 private:
  struct Stubs;
  explicit RemoteAs(std::unique_ptr<Stubs> stubs);
  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_FACES_REMOTE_AS_H_
