// SPDX-License-Identifier: Apache-2.0
#include "trustee/config.h"

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/toml.h"

namespace cc::trustee {
namespace {

absl::Status Check(const Config& config, std::string_view source) {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(StrCat(source, ": ", what));
  };
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    return bad("tls: certificate and key go together");
  }
  if (config.http.body_limit_kib == 0 || config.http.body_limit_kib > (1u << 20)) {
    return bad("http.body_limit_kib must be 1 to 1048576");
  }
  if (config.http.connections == 0 || config.http.connections_per_address == 0) {
    return bad("http.connections and http.connections_per_address must be at least 1");
  }
  if (config.store.postgres_connections == 0) return bad("store.postgres_connections must be at least 1");
  if (config.session.timeout_seconds == 0 || config.session.capacity == 0 ||
      config.token.lifetime_seconds == 0) {
    return bad("session.timeout_seconds, session.capacity and token.lifetime_seconds must be at least 1");
  }
  if (config.listen.empty() && config.faces.attestation_grpc.empty() &&
      config.faces.attestation_rest.empty() && config.faces.reference_grpc.empty()) {
    return bad("listen is empty and [faces] has no address: nothing would be served");
  }
  if (!config.attestation.remote_grpc.empty()) {
    if (config.token.trusted_issuers.empty()) {
      return bad("attestation.remote_grpc needs token.trusted_issuers, the issuer and keys of its tokens");
    }
    if (!config.faces.attestation_grpc.empty() || !config.faces.attestation_rest.empty() ||
        !config.faces.reference_grpc.empty()) {
      return bad(
          "attestation.remote_grpc and [faces] exclude each other: the faces are those of the parts here");
    }
  }
  if (config.token.issuer.empty()) return bad("token.issuer must not be empty");
  if (config.admin.mode == "jwt" && (config.admin.public_keys.empty() || config.admin.rules.empty())) {
    return bad("admin.mode = \"jwt\" needs admin.public_keys and admin.rules");
  }
  return absl::OkStatus();
}

}  // namespace

Config Config::Embedded() {
  Config config;
  config.admin.mode = "generated";
  return config;
}

absl::StatusOr<Config> Config::Load(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<Config> Config::Parse(std::string_view text, std::string_view source) {
  CC_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(text, source));
  Config config;
  root.Read("listen", &config.listen);
  root.Read("data_dir", &config.data_dir);
  TomlTable tls = root.Table("tls");
  tls.Read("certificate", &config.tls.certificate);
  tls.Read("key", &config.tls.key);
  TomlTable http = root.Table("http");
  http.Read("body_limit_kib", &config.http.body_limit_kib);
  http.Read("connections", &config.http.connections);
  http.Read("connections_per_address", &config.http.connections_per_address);
  http.Read("requests_per_second", &config.http.requests_per_second);
  TomlTable store = root.Table("store");
  store.Read("postgres", &config.store.postgres);
  store.Read("postgres_connections", &config.store.postgres_connections);
  store.Read("insecure_postgres_plaintext", &config.store.insecure_postgres_plaintext);
  TomlTable session = root.Table("session");
  session.ReadChoice("store", &config.session.store, {"auto", "memory", "database"});
  session.Read("timeout_seconds", &config.session.timeout_seconds);
  session.Read("capacity", &config.session.capacity);
  TomlTable token = root.Table("token");
  token.Read("issuer", &config.token.issuer);
  token.Read("lifetime_seconds", &config.token.lifetime_seconds);
  token.Read("signing_key", &config.token.signing_key);
  token.Read("trusted_issuers", &config.token.trusted_issuers);
  TomlTable admin = root.Table("admin");
  admin.ReadChoice("mode", &config.admin.mode, {"deny_all", "generated", "jwt", "insecure_allow_all"});
  admin.Read("public_keys", &config.admin.public_keys);
  admin.Read("issuer", &config.admin.issuer);
  admin.Read("audience", &config.admin.audience);
  admin.Read("rules", &config.admin.rules);
  TomlTable verifier = root.Table("verifier");
  verifier.Read("insecure_sample", &config.verifier.insecure_sample);
  verifier.Read("cca_trust_anchors", &config.verifier.cca_trust_anchors);
  verifier.Read("insecure_cca_any_platform_key", &config.verifier.insecure_cca_any_platform_key);
  verifier.Read("insecure_cca_debug_lifecycle", &config.verifier.insecure_cca_debug_lifecycle);
  TomlTable attestation = root.Table("attestation");
  attestation.Read("remote_grpc", &config.attestation.remote_grpc);
  attestation.Read("insecure_plaintext", &config.attestation.insecure_plaintext);
  TomlTable faces = root.Table("faces");
  faces.Read("attestation_grpc", &config.faces.attestation_grpc);
  faces.Read("attestation_rest", &config.faces.attestation_rest);
  faces.Read("reference_grpc", &config.faces.reference_grpc);
  faces.Read("insecure_plaintext", &config.faces.insecure_plaintext);
  faces.Read("insecure_open_administration", &config.faces.insecure_open_administration);
  TomlTable log = root.Table("log");
  log.ReadChoice("level", &config.log.level, {"debug", "info", "warning", "error"});
  log.ReadChoice("format", &config.log.format, {"text", "json"});
  CC_RETURN_IF_ERROR(root.Finish());
  CC_RETURN_IF_ERROR(Check(config, source));
  return config;
}

}  // namespace cc::trustee
