// SPDX-License-Identifier: Apache-2.0
// The gRPC faces: CoCo's attestation.AttestationService and reference.ReferenceValueProviderService. Like
// upstream's grpc-as, the attestation server answers for both services; the reference value server for its
// own only.
//
// Evidence may come from anybody. SetAttestationPolicy and RegisterReferenceValue change what is trusted:
// they need an administrator's token (metadata "authorization: Bearer …") with the rights of the KBS endpoint
// that does the same, unless the configuration opens them. There is no TLS here, so addresses are unix
// sockets
// ("unix:/run/…") or loopback unless the configuration says otherwise.
#ifndef CC_TRUSTEE_FACES_GRPC_SERVER_H_
#define CC_TRUSTEE_FACES_GRPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trustee/attestation/attestation_service.h"
#include "trustee/kbs/admin_auth.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace cc::trustee {

// The token type for gRPC without TLS on an address that other machines reach.
struct AllowPlaintextGrpc {};

// InvalidArgument for an address that other machines reach.
absl::Status CheckLocalGrpc(const std::string& address);

class GrpcServer {
 public:
  struct Parts {
    std::shared_ptr<AttestationService> attestation;  // null: reference values only
    std::shared_ptr<PolicyBook> policies;             // null with it
    std::shared_ptr<ReferenceValues> reference_values;
    std::shared_ptr<AdminAuth> admin;  // of the faces: may be one that lets anybody in
  };

  // Serves when it returns. `address` is "host:port" (port 0 takes a free one) or "unix:/path".
  // InvalidArgument for an address that needs AllowPlaintextGrpc, Unavailable when it cannot be had.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& address, Parts parts);
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& address, Parts parts,
                                                           AllowPlaintextGrpc);
  ~GrpcServer();

  // As given, with the port that was taken.
  const std::string& address() const { return address_; }

  // Calls in work have a second to end. Idempotent.
  void Stop();

 private:
  GrpcServer() = default;
  std::string address_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_FACES_GRPC_SERVER_H_
