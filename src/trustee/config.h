// SPDX-License-Identifier: Apache-2.0
// Configuration of cc-trustee. Without a file the defaults below hold and the service is complete: loopback,
// SQLite and generated keys in the data directory, an administrator key made for the first start.
#ifndef CC_TRUSTEE_CONFIG_H_
#define CC_TRUSTEE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::trustee {

struct Config {
  std::string listen = "127.0.0.1:8080";  // the KBS; empty: this process serves only the faces below
  std::string data_dir = "/var/lib/cc-trustee";

  struct Tls {
    std::string certificate;  // PEM files; both or none
    std::string key;
  } tls;

  struct Http {
    uint32_t body_limit_kib = 2048;
    uint32_t connections = 512;
    uint32_t connections_per_address = 64;
    uint32_t requests_per_second = 2000;  // from one address; 0 is no limit
  } http;

  struct Store {
    // Connection string of a PostgreSQL database that replicas share, keys included; empty: SQLite in
    // DATA_DIR. It may hold a password: never logged. libpq's PGPASSFILE keeps it out of this file.
    std::string postgres;
    uint32_t postgres_connections = 16;
    bool insecure_postgres_plaintext = false;  // over a network without a verified certificate
  } store;

  struct Session {
    // "memory", or "database", which lets replicas share sessions; "auto" is "database" with PostgreSQL.
    std::string store = "auto";
    uint32_t timeout_seconds = 300;
    uint32_t capacity = 100000;  // of the memory store; when it is full the oldest session goes
  } session;

  struct Token {
    std::string issuer = "CoCo-Attestation-Service";
    uint32_t lifetime_seconds = 300;
    std::string signing_key;  // PEM, P-256; default DATA_DIR/token.key, made when absent
    // Tokens of other attestation services: "ISSUER PATH-OF-JWKS".
    std::vector<std::string> trusted_issuers;
  } token;

  struct Admin {
    // "generated": one key, DATA_DIR/admin.key, made when absent, role "owner" may do everything.
    // "jwt": the keys and rules below. "deny_all", "insecure_allow_all".
    std::string mode = "deny_all";
    std::vector<std::string> public_keys;  // PEM files
    std::string issuer;
    std::string audience;
    std::vector<std::string> rules;  // "ROLE REGEX"
  } admin;

  struct Verifier {
    bool insecure_sample = false;
    std::string cca_trust_anchors;              // JSON, upstream's ta-store
    std::string insecure_cca_any_platform_key;  // JWK file; one key for every platform
    bool insecure_cca_debug_lifecycle = false;
  } verifier;

  // Another process that verifies evidence, keeps attestation policies and reference values, and signs
  // tokens: upstream's grpc-as or one of ours. [verifier] and token.signing_key are its business then, and
  // token.trusted_issuers must name its key.
  struct Attestation {
    std::string remote_grpc;  // "unix:/PATH" or "HOST:PORT"; empty: all of it is done here
    bool insecure_plaintext = false;
  } attestation;

  // Faces of the parts, off unless they have an address. gRPC has no TLS: unix:/PATH or loopback.
  struct Faces {
    std::string attestation_grpc;  // CoCo's AS and RVPS, upstream's port is 50004
    std::string attestation_rest;  // CoCo's restful-as; with [tls] when that is set
    std::string reference_grpc;    // CoCo's RVPS alone, upstream's port is 50003
    bool insecure_plaintext = false;
    // Policies and reference values by anybody who reaches a face, as upstream's programs expect.
    bool insecure_open_administration = false;
  } faces;

  struct Log {
    std::string level = "info";
    std::string format = "text";
  } log;

  // What holds without a file: as above, with admin mode "generated".
  static Config Embedded();
  // A file says everything it wants; what it leaves out is as above, so nobody may administer.
  static absl::StatusOr<Config> Load(const std::string& path);
  static absl::StatusOr<Config> Parse(std::string_view text, std::string_view source);
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_CONFIG_H_
