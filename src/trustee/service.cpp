// SPDX-License-Identifier: Apache-2.0
#include "trustee/service.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "trustee/faces/grpc_server.h"
#include "trustee/faces/remote_as.h"
#include "trustee/faces/restful_as.h"
#include "trustee/kbs/api.h"
#include "trustee/kbs/http_server.h"
#include "trustee/key_file.h"
#include "trustee/store/memory_store.h"
#include "trustee/store/postgres_store.h"
#include "trustee/store/sqlite_store.h"
#include "trustee/verifier/cca_verifier.h"
#include "trustee/verifier/sample_verifier.h"

namespace cc::trustee {
namespace {

constexpr std::chrono::seconds kSweepInterval(10);
constexpr char kGeneratedAudience[] = "cc-trustee";
constexpr char kGeneratedRole[] = "owner";

absl::Status MakeDataDir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, StrCat("make data_dir ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Store>> OpenStore(const Config& config) {
  const Config::Store& store = config.store;
  if (store.postgres.empty()) {
    CC_ASSIGN_OR_RETURN(std::shared_ptr<Store> sqlite,
                        SqliteStore::Open(StrCat(config.data_dir, "/trustee.db")));
    return sqlite;
  }
  if (store.insecure_postgres_plaintext) {
    log::Warning("insecure: the database may be reached without a verified certificate");
  }
  CC_ASSIGN_OR_RETURN(PostgresAddress address,
                      store.insecure_postgres_plaintext
                          ? PostgresAddress::Parse(store.postgres, AllowPlaintextDatabase{})
                          : PostgresAddress::Parse(store.postgres));
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Store> postgres,
                      PostgresStore::Open(std::move(address), store.postgres_connections));
  return postgres;
}

// With a shared database the key is shared too: a token of one replica holds at all.
absl::StatusOr<jose::Key> OwnKey(const Config& config, Store& store, const std::string& name,
                                 jose::KeyType type) {
  const std::string path = StrCat(config.data_dir, "/", name);
  return config.store.postgres.empty() ? LoadOrMakeKey(path, type) : ShareKey(store, name, path, type);
}

absl::StatusOr<Verifiers> MakeVerifiers(const Config::Verifier& config) {
  Verifiers verifiers;
  if (config.insecure_sample) {
    log::Warning("insecure: evidence of the sample TEE is accepted, which anybody can write");
    verifiers.emplace("sample", std::make_unique<SampleVerifier>(AllowSampleEvidence{}));
  }
  if (config.cca_trust_anchors.empty() && config.insecure_cca_any_platform_key.empty()) return verifiers;
  cca::TrustAnchors anchors;
  if (!config.cca_trust_anchors.empty()) {
    CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(config.cca_trust_anchors));
    absl::StatusOr<cca::TrustAnchors> loaded = cca::TrustAnchors::FromTaStore(text);
    if (!loaded.ok()) return Annotate(loaded.status(), StrCat("read ", config.cca_trust_anchors));
    anchors = *std::move(loaded);
  }
  if (!config.insecure_cca_any_platform_key.empty()) {
    log::Warning("insecure: one key stands for every CCA platform");
    CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(config.insecure_cca_any_platform_key));
    const absl::StatusOr<jose::Key> key = jose::Key::FromJwkText(text);
    if (!key.ok()) return Annotate(key.status(), StrCat("read ", config.insecure_cca_any_platform_key));
    CC_RETURN_IF_ERROR(anchors.Add(cca::AnyPlatform{}, *key));
  }
  cca::VerifyOptions options;
  if (config.insecure_cca_debug_lifecycle) {
    log::Warning("insecure: CCA platforms in debug states are verified");
    options.debug_lifecycle = cca::AllowDebugLifecycle{};
  }
  verifiers.emplace("cca", std::make_unique<CcaVerifier>(std::move(anchors), options));
  return verifiers;
}

absl::StatusOr<std::shared_ptr<AdminAuth>> MakeAdminAuth(const Config& config, Store& store,
                                                         const Clock& clock) {
  const Config::Admin& admin = config.admin;
  if (admin.mode == "insecure_allow_all") {
    log::Warning("insecure: anybody who reaches this service may administer it");
    return std::make_shared<AdminAuth>(AllowAnybody{});
  }
  if (admin.mode == "deny_all") return std::make_shared<AdminAuth>();
  if (admin.mode == "generated") {
    CC_ASSIGN_OR_RETURN(const jose::Key key, OwnKey(config, store, "admin.key", jose::KeyType::kEd25519));
    CC_ASSIGN_OR_RETURN(const AdminRule rule, AdminRule::Parse(StrCat(kGeneratedRole, " /kbs/v0/.*")));
    return std::make_shared<AdminAuth>(std::vector<jose::Key>{key}, "", kGeneratedAudience,
                                       std::vector<AdminRule>{rule}, clock);
  }
  std::vector<jose::Key> keys;
  for (const std::string& path : admin.public_keys) {
    CC_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    absl::StatusOr<jose::Key> key = jose::Key::FromPem(pem);
    if (!key.ok()) return Annotate(key.status(), StrCat("read administrator key ", path));
    keys.push_back(*std::move(key));
  }
  std::vector<AdminRule> rules;
  for (const std::string& text : admin.rules) {
    CC_ASSIGN_OR_RETURN(AdminRule rule, AdminRule::Parse(text));
    rules.push_back(std::move(rule));
  }
  return std::make_shared<AdminAuth>(std::move(keys), admin.issuer, admin.audience, std::move(rules), clock);
}

// Of other services, as configured.
absl::StatusOr<std::vector<TrustedIssuer>> MakeTrustedIssuers(const Config::Token& config) {
  std::vector<TrustedIssuer> issuers;
  for (const std::string& text : config.trusted_issuers) {
    const SplitPair parts = SplitOnce(text, ' ');
    if (!parts.found || parts.first.empty()) {
      return absl::InvalidArgumentError(
          StrCat("token.trusted_issuers: '", text, "': expected \"ISSUER PATH-OF-JWKS\""));
    }
    const std::string path(StrTrim(parts.second));
    CC_ASSIGN_OR_RETURN(const std::string jwks, ReadFile(path));
    absl::StatusOr<std::vector<jose::Key>> keys = ParseJwks(jwks);
    if (!keys.ok()) return Annotate(keys.status(), StrCat("read ", path));
    issuers.push_back({std::string(parts.first), *std::move(keys)});
  }
  return issuers;
}

HttpLimits MakeLimits(const Config::Http& config) {
  HttpLimits limits;
  limits.body = size_t{config.body_limit_kib} << 10;
  limits.connections = config.connections;
  limits.per_address = config.connections_per_address;
  limits.requests_per_second = config.requests_per_second;
  return limits;
}

absl::StatusOr<std::shared_ptr<AttestationService>> MakeAttestation(const Config& config, Store& store,
                                                                    const Api::Parts& parts,
                                                                    const Clock& clock) {
  CC_ASSIGN_OR_RETURN(jose::Key key, config.token.signing_key.empty()
                                         ? OwnKey(config, store, "token.key", jose::KeyType::kP256)
                                         : LoadOrMakeKey(config.token.signing_key, jose::KeyType::kP256));
  CC_ASSIGN_OR_RETURN(
      TokenIssuer issuer,
      TokenIssuer::Create(std::move(key),
                          {.issuer = config.token.issuer, .lifetime_seconds = config.token.lifetime_seconds},
                          clock));
  CC_ASSIGN_OR_RETURN(Verifiers verifiers, MakeVerifiers(config.verifier));
  if (verifiers.empty()) log::Warning("no evidence is accepted: section [verifier] is empty");
  return std::make_shared<AttestationService>(std::move(verifiers), parts.policies, parts.reference_values,
                                              parts.decisions, std::move(issuer));
}

absl::StatusOr<std::shared_ptr<RemoteAs>> MakeRemote(const Config::Attestation& config) {
  if (!config.insecure_plaintext) return RemoteAs::Create(config.remote_grpc);
  log::Warning("insecure: the attestation service is asked without TLS", {{"address", config.remote_grpc}});
  return RemoteAs::Create(config.remote_grpc, AllowPlaintextGrpc{});
}

absl::StatusOr<Api::Parts> MakeParts(const Config& config, std::shared_ptr<Store> store,
                                     std::shared_ptr<Store> session_store, const Clock& clock) {
  Api::Parts parts;
  parts.policies = std::make_shared<PolicyBook>(store);
  parts.reference_values = std::make_shared<ReferenceValues>(store, clock);
  parts.decisions = std::make_shared<DecisionLog>(clock);
  parts.metrics = std::make_shared<Metrics>();
  CC_ASSIGN_OR_RETURN(std::vector<TrustedIssuer> issuers, MakeTrustedIssuers(config.token));
  std::shared_ptr<Appraiser> appraiser;
  if (config.attestation.remote_grpc.empty()) {
    CC_ASSIGN_OR_RETURN(parts.attestation, MakeAttestation(config, *store, parts, clock));
    const TokenIssuer& own = parts.attestation->issuer();
    issuers.insert(issuers.begin(), {own.issuer(), {own.key()}});
    appraiser = parts.attestation;
  } else {
    CC_ASSIGN_OR_RETURN(parts.remote, MakeRemote(config.attestation));
    appraiser = parts.remote;
  }
  CC_ASSIGN_OR_RETURN(parts.admin, MakeAdminAuth(config, *store, clock));
  const auto sessions = std::make_shared<Sessions>(session_store, clock, config.session.timeout_seconds);
  parts.handshake = std::make_shared<Handshake>(appraiser, sessions, parts.metrics);
  parts.resources = std::make_shared<Resources>(
      Resources::Parts{.store = store,
                       .sessions = sessions,
                       .policies = parts.policies,
                       .decisions = parts.decisions,
                       .metrics = parts.metrics,
                       .tokens = std::make_shared<TokenVerifier>(std::move(issuers), clock),
                       .clock = clock});
  return parts;
}

// What the faces ask for administration.
std::shared_ptr<AdminAuth> FaceAdmin(const Config::Faces& faces, const Api::Parts& parts) {
  if (!faces.insecure_open_administration) return parts.admin;
  log::Warning("insecure: anybody who reaches a face may set attestation policies and reference values");
  return std::make_shared<AdminAuth>(AllowAnybody{});
}

absl::StatusOr<std::unique_ptr<GrpcServer>> StartGrpc(const Config::Faces& faces, const std::string& address,
                                                      GrpcServer::Parts parts) {
  if (!faces.insecure_plaintext) return GrpcServer::Start(address, std::move(parts));
  log::Warning("insecure: gRPC without TLS", {{"address", address}});
  return GrpcServer::Start(address, std::move(parts), AllowPlaintextGrpc{});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const Config& config, Clock clock) {
  std::unique_ptr<Service> service(new Service());
  CC_RETURN_IF_ERROR(MakeDataDir(config.data_dir));
  CC_ASSIGN_OR_RETURN(service->store_, OpenStore(config));
  service->session_store_ = service->store_;
  if (config.session.store == "memory" || (config.session.store == "auto" && config.store.postgres.empty())) {
    service->session_store_ = std::make_shared<MemoryStore>(config.session.capacity);
  }
  CC_RETURN_IF_ERROR(service->Serve(config, clock));
  CC_ASSIGN_OR_RETURN(service->sweeper_,
                      Thread::Start("sweep", [raw = service.get(), clock] { raw->SweepUntilStop(clock); }));
  return service;
}

absl::Status Service::Serve(const Config& config, const Clock& clock) {
  CC_ASSIGN_OR_RETURN(const Api::Parts parts, MakeParts(config, store_, session_store_, clock));
  std::shared_ptr<TlsServer> tls;
  if (!config.tls.certificate.empty()) {
    CC_ASSIGN_OR_RETURN(tls, TlsServer::Load(config.tls.certificate, config.tls.key));
  }
  const auto serve_http = [&](const std::string& address,
                              HttpServer::Handler handler) -> absl::StatusOr<std::string> {
    CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenTcp(address));
    CC_ASSIGN_OR_RETURN(std::string taken, LocalAddress(listener.get()));
    CC_ASSIGN_OR_RETURN(
        std::unique_ptr<HttpServer> server,
        HttpServer::Start(std::move(listener), tls, MakeLimits(config.http), std::move(handler)));
    http_.push_back(std::move(server));
    return taken;
  };
  if (!config.listen.empty()) {
    const auto api = std::make_shared<Api>(parts);
    CC_ASSIGN_OR_RETURN(address_, serve_http(config.listen, [api](const HttpRequest& request) {
                          return api->Handle(request);
                        }));
  }
  const std::shared_ptr<AdminAuth> admin = FaceAdmin(config.faces, parts);
  if (!config.faces.attestation_rest.empty()) {
    const auto rest = std::make_shared<RestfulAs>(parts.attestation, parts.policies, admin);
    CC_ASSIGN_OR_RETURN(faces_.attestation_rest,
                        serve_http(config.faces.attestation_rest,
                                   [rest](const HttpRequest& request) { return rest->Handle(request); }));
  }
  const auto serve_grpc = [&](const std::string& address, bool attestation) -> absl::StatusOr<std::string> {
    GrpcServer::Parts served{.reference_values = parts.reference_values, .admin = admin};
    if (attestation) {
      served.attestation = parts.attestation;
      served.policies = parts.policies;
    }
    CC_ASSIGN_OR_RETURN(std::unique_ptr<GrpcServer> server,
                        StartGrpc(config.faces, address, std::move(served)));
    grpc_.push_back(std::move(server));
    return grpc_.back()->address();
  };
  if (!config.faces.attestation_grpc.empty()) {
    CC_ASSIGN_OR_RETURN(faces_.attestation_grpc, serve_grpc(config.faces.attestation_grpc, true));
  }
  if (!config.faces.reference_grpc.empty()) {
    CC_ASSIGN_OR_RETURN(faces_.reference_grpc, serve_grpc(config.faces.reference_grpc, false));
  }
  return absl::OkStatus();
}

Service::~Service() { Stop(); }

void Service::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (const auto& server : http_) server->Stop();
  for (const auto& server : grpc_) server->Stop();
  sweeper_.Join();
}

void Service::SweepUntilStop(const Clock& clock) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kSweepInterval, [this] { return stopping_; })) {
    lock.unlock();
    const absl::StatusOr<size_t> swept = session_store_->Sweep(clock());
    if (!swept.ok()) log::Error("cannot remove expired sessions", {{"error", swept.status()}});
    lock.lock();
  }
}

absl::StatusOr<std::string> GeneratedAdminToken(const std::string& data_dir, int64_t lifetime_seconds) {
  CC_ASSIGN_OR_RETURN(const jose::Key key, LoadKey(StrCat(data_dir, "/admin.key")));
  return MintAdminToken(key, kGeneratedRole, "", kGeneratedAudience, WallClock(), lifetime_seconds);
}

}  // namespace cc::trustee
