// SPDX-License-Identifier: Apache-2.0
#include "trustee/service.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "trustee/kbs/api.h"
#include "trustee/kbs/http_server.h"
#include "trustee/key_file.h"
#include "trustee/store/memory_store.h"
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

absl::StatusOr<std::shared_ptr<AdminAuth>> MakeAdminAuth(const Config& config, const Clock& clock) {
  const Config::Admin& admin = config.admin;
  if (admin.mode == "insecure_allow_all") {
    log::Warning("insecure: anybody who reaches this service may administer it");
    return std::make_shared<AdminAuth>(AllowAnybody{});
  }
  if (admin.mode == "deny_all") return std::make_shared<AdminAuth>();
  if (admin.mode == "generated") {
    CC_ASSIGN_OR_RETURN(const jose::Key key,
                        LoadOrMakeKey(StrCat(config.data_dir, "/admin.key"), jose::KeyType::kEd25519));
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

absl::StatusOr<std::vector<TrustedIssuer>> MakeTrustedIssuers(const Config::Token& config,
                                                              const TokenIssuer& own) {
  std::vector<TrustedIssuer> issuers = {{own.issuer(), {own.key()}}};
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

absl::StatusOr<std::shared_ptr<Api>> MakeApi(const Config& config, std::shared_ptr<Store> store,
                                             std::shared_ptr<Store> session_store, const Clock& clock) {
  const std::string key_path =
      config.token.signing_key.empty() ? StrCat(config.data_dir, "/token.key") : config.token.signing_key;
  CC_ASSIGN_OR_RETURN(jose::Key key, LoadOrMakeKey(key_path, jose::KeyType::kP256));
  CC_ASSIGN_OR_RETURN(
      TokenIssuer issuer,
      TokenIssuer::Create(std::move(key),
                          {.issuer = config.token.issuer, .lifetime_seconds = config.token.lifetime_seconds},
                          clock));
  CC_ASSIGN_OR_RETURN(std::vector<TrustedIssuer> issuers, MakeTrustedIssuers(config.token, issuer));
  CC_ASSIGN_OR_RETURN(Verifiers verifiers, MakeVerifiers(config.verifier));
  if (verifiers.empty()) log::Warning("no evidence is accepted: section [verifier] is empty");

  Api::Parts parts;
  CC_ASSIGN_OR_RETURN(parts.admin, MakeAdminAuth(config, clock));
  parts.policies = std::make_shared<PolicyBook>(store);
  parts.reference_values = std::make_shared<ReferenceValues>(store, clock);
  parts.decisions = std::make_shared<DecisionLog>(clock);
  parts.metrics = std::make_shared<Metrics>();
  parts.attestation = std::make_shared<AttestationService>(
      std::move(verifiers), parts.policies, parts.reference_values, parts.decisions, std::move(issuer));
  const auto sessions = std::make_shared<Sessions>(session_store, clock, config.session.timeout_seconds);
  parts.handshake = std::make_shared<Handshake>(parts.attestation, sessions, parts.metrics);
  parts.resources = std::make_shared<Resources>(
      Resources::Parts{.store = store,
                       .sessions = sessions,
                       .policies = parts.policies,
                       .decisions = parts.decisions,
                       .metrics = parts.metrics,
                       .tokens = std::make_shared<TokenVerifier>(std::move(issuers), clock),
                       .clock = clock});
  return std::make_shared<Api>(std::move(parts));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Service>> Service::Start(const Config& config, Clock clock) {
  std::unique_ptr<Service> service(new Service());
  CC_RETURN_IF_ERROR(MakeDataDir(config.data_dir));
  CC_ASSIGN_OR_RETURN(service->store_, SqliteStore::Open(StrCat(config.data_dir, "/trustee.db")));
  service->session_store_ = service->store_;
  if (config.session.store == "memory") {
    service->session_store_ = std::make_shared<MemoryStore>(config.session.capacity);
  }
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Api> api,
                      MakeApi(config, service->store_, service->session_store_, clock));
  std::shared_ptr<TlsServer> tls;
  if (!config.tls.certificate.empty()) {
    CC_ASSIGN_OR_RETURN(tls, TlsServer::Load(config.tls.certificate, config.tls.key));
  }
  CC_ASSIGN_OR_RETURN(UniqueFd listener, ListenTcp(config.listen));
  CC_ASSIGN_OR_RETURN(service->address_, LocalAddress(listener.get()));
  CC_ASSIGN_OR_RETURN(service->sweeper_,
                      Thread::Start("sweep", [raw = service.get(), clock] { raw->SweepUntilStop(clock); }));
  CC_ASSIGN_OR_RETURN(service->server_,
                      HttpServer::Start(std::move(listener), std::move(tls), MakeLimits(config.http),
                                        [api](const HttpRequest& request) { return api->Handle(request); }));
  return service;
}

Service::~Service() { Stop(); }

void Service::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (server_ != nullptr) server_->Stop();
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
