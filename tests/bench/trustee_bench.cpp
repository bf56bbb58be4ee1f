// SPDX-License-Identifier: Apache-2.0
// How many guests cc-trustee attests, how fast, and in how little memory. The service is a process of its own
// with a temporary data directory; guests are connections over loopback that speak the KBS protocol with
// src/attest, with sample evidence and with CCA tokens that are minted here. What a guest costs is not in the
// service's CPU time, so the figures per CPU-second hold on a busy machine, too; those per second and the
// latencies do not. See --help.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "attest/attester/sample_attester.h"
#include "attest/kbs/http.h"
#include "attest/kbs/messages.h"
#include "attest/kbs/tee_key.h"
#include "base/file.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/tcp.h"
#include "cca/cose_key.h"
#include "cca/cose_sign1.h"
#include "cca/token_samples.h"
#include "jose/base64.h"
#include "jose/digest.h"

namespace {

using cc::StrCat;
using cc::attest::HttpClient;
using cc::attest::HttpRequest;
using cc::attest::HttpResponse;
using json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr char kResource[] = "default/key/bench";
constexpr char kSecret[] = "a key of thirty-two bytes length";

double Milliseconds(Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// The line of a file of /proc that begins with `prefix`; empty when there is none.
std::string LineOf(const std::string& path, std::string_view prefix = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(prefix)) return line;
  }
  return "";
}

// A guest on a platform whose keys are ours. As on real ones, all Realms of a boot show the same platform
// token, and each has a realm token of its own.
class MintingAttester final : public cc::attest::Attester {
 public:
  MintingAttester() : realm_(cc::cca::SampleRealm()) {
    cc::cca::PlatformClaims platform = cc::cca::SamplePlatform();
    realm_.public_key = cc::cca::CoseKeyOf(cc::cca::SampleRak()).value();
    platform.challenge = cc::jose::Digest(cc::jose::Hash::kSha256, realm_.public_key);
    platform_token_ = cc::cca::CoseSign(platform.Encode(), cc::cca::SampleCpak()).value();
  }
  std::string_view tee() const override { return "cca"; }
  absl::StatusOr<std::string> GetEvidence(std::string_view report_data) override {
    cc::cca::RealmClaims realm = realm_;
    realm.challenge = std::string(report_data);
    realm.challenge.resize(64, '\0');
    CC_ASSIGN_OR_RETURN(const std::string realm_token,
                        cc::cca::CoseSign(realm.Encode(), cc::cca::SampleRak()));
    const std::string token =
        cc::cca::EncodeCollection(cc::cca::TokenForm::kCollection, platform_token_, realm_token);
    const std::vector<uint8_t> bytes(token.begin(), token.end());
    return json{{"token", bytes}}.dump();
  }

 private:
  cc::cca::RealmClaims realm_;
  std::string platform_token_;
};

// ------------------------------------------------------------------ the service

class Trustee {
 public:
  // Starts `program` on a free port, with reference values that affirm both kinds of guest and one resource.
  static absl::StatusOr<std::unique_ptr<Trustee>> Start(const std::string& program, size_t sessions);
  ~Trustee() {
    child_.Kill(SIGTERM).IgnoreError();
    child_.Wait(std::chrono::seconds(10)).IgnoreError();
  }

  const std::string& url() const { return url_; }
  // Of all its threads, since it started.
  double CpuSeconds() const {
    const std::string stat = LineOf(StrCat("/proc/", child_.pid(), "/stat"));
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  double ResidentMb() const {
    const std::string line = LineOf(StrCat("/proc/", child_.pid(), "/status"), "VmRSS:");
    return std::strtod(line.c_str() + std::min<size_t>(line.size(), 6), nullptr) * 1024 / 1e6;
  }

 private:
  explicit Trustee(cc::TempDir dir) : dir_(std::move(dir)) {}
  absl::Status Configure(size_t sessions);
  absl::Status Spawn(const std::string& program);
  absl::Status Prepare(const std::string& program);

  const cc::TempDir dir_;
  std::string url_;
  cc::Child child_;
  std::unique_ptr<HttpClient> http_;
};

absl::StatusOr<std::unique_ptr<Trustee>> Trustee::Start(const std::string& program, size_t sessions) {
  CC_ASSIGN_OR_RETURN(cc::TempDir dir, cc::TempDir::Create("/tmp/cc-trustee-bench-"));
  std::unique_ptr<Trustee> trustee(new Trustee(std::move(dir)));
  CC_ASSIGN_OR_RETURN(trustee->http_, HttpClient::Create({}));
  CC_RETURN_IF_ERROR(trustee->Configure(sessions));
  CC_RETURN_IF_ERROR(trustee->Spawn(program));
  CC_RETURN_IF_ERROR(trustee->Prepare(program));
  return trustee;
}

// No rate limit, and sessions that outlive the run: what is measured is the work and all of the memory.
absl::Status Trustee::Configure(size_t sessions) {
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd probe, cc::ListenTcp("127.0.0.1:0"));
  CC_ASSIGN_OR_RETURN(const std::string address, cc::LocalAddress(probe.get()));
  url_ = StrCat("http://", address);
  const cc::cca::PlatformClaims platform = cc::cca::SamplePlatform();
  const json anchors = {{{"pkey", cc::cca::SampleCpak().PublicJwk()},
                         {"implementation-id", cc::jose::ToHex(platform.implementation_id)},
                         {"instance-id", cc::jose::ToHex(platform.instance_id)}}};
  const std::string anchors_path = dir_.path() + "/anchors.json";
  CC_RETURN_IF_ERROR(cc::WriteFileAtomic(anchors_path, anchors.dump()));
  return cc::WriteFileAtomic(
      dir_.path() + "/config.toml",
      StrCat("listen = \"", address, "\"\ndata_dir = \"", dir_.path(),
             "/data\"\n[http]\nrequests_per_second = 0\n[session]\ntimeout_seconds = 86400\ncapacity = ",
             sessions, "\n[token]\nlifetime_seconds = 86400\n[admin]\nmode = \"generated\"\n[verifier]\n",
             "insecure_sample = true\ncca_trust_anchors = \"", anchors_path, "\"\n"));
}

absl::Status Trustee::Spawn(const std::string& program) {
  const std::string log_path = dir_.path() + "/log";
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd log, cc::OpenFile(log_path, O_WRONLY | O_CREAT | O_APPEND));
  CC_ASSIGN_OR_RETURN(child_, cc::Spawn({.argv = {program, "--config", dir_.path() + "/config.toml"},
                                         .fds = {{log.get(), 1}, {log.get(), 2}},
                                         .parent_death_signal = SIGKILL}));
  while (true) {
    const auto health = http_->Send({.url = url_ + "/healthz"});
    if (health.ok() && health->status == 200) return absl::OkStatus();
    const auto ended = child_.Wait(std::chrono::milliseconds(20));
    if (ended.ok()) {
      return absl::InternalError(StrCat(program, " ended: ", cc::ReadFile(log_path).value_or("")));
    }
  }
}

absl::Status Trustee::Prepare(const std::string& program) {
  CC_ASSIGN_OR_RETURN(const cc::Output token,
                      cc::Run({.argv = {program, "admin-token", "--data-dir", dir_.path() + "/data"}}));
  const auto post = [&](const std::string& path, const std::string& body) -> absl::Status {
    CC_ASSIGN_OR_RETURN(const HttpResponse response,
                        http_->Send({.method = "POST",
                                     .url = StrCat(url_, "/kbs/v0/", path),
                                     .headers = {StrCat("Authorization: Bearer ", cc::StrTrim(token.out))},
                                     .body = body}));
    if (response.status == 200) return absl::OkStatus();
    return absl::InternalError(StrCat("POST ", path, ": ", response.status, " ", response.body));
  };
  const cc::cca::PlatformClaims platform = cc::cca::SamplePlatform();
  const cc::cca::RealmClaims realm = cc::cca::SampleRealm();
  json components = json::array();
  for (const auto& c : platform.sw_components) components.push_back(cc::jose::Base64Encode(c.measurement));
  const json values = {
      {"launch_digest", {"abcde"}},
      {"svn", {"1"}},
      {"major_version", 1},
      {"minimum_minor_version", 4},
      {"cca_realm_initial_measurement", {cc::jose::Base64Encode(realm.rim)}},
      {"cca_realm_personalization_value", {cc::jose::Base64Encode(realm.rpv)}},
      {"cca_platform_implementation_id", {cc::jose::Base64Encode(platform.implementation_id)}},
      {"cca_platform_sw_component", components}};
  const json message = {
      {"version", "0.1.0"}, {"type", "sample"}, {"payload", cc::jose::Base64Encode(values.dump())}};
  CC_RETURN_IF_ERROR(post("reference-value", message.dump()));
  return post(StrCat("resource/", kResource), kSecret);
}

// ------------------------------------------------------------------ the guests

// One connection, kept, and one key. Thread-compatible.
class Guest {
 public:
  static absl::StatusOr<std::unique_ptr<Guest>> Create(const std::string& url,
                                                       std::shared_ptr<cc::attest::Attester> attester) {
    CC_ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http, HttpClient::Create({}));
    CC_ASSIGN_OR_RETURN(auto key,
                        cc::attest::TeeKey::Generate(cc::attest::TeeKeyAlgorithm::kEcdhEsA256KwP256));
    return std::unique_ptr<Guest>(
        new Guest(url + "/kbs/v0", std::move(attester), std::move(http), std::move(key)));
  }

  // /auth and /attest; milliseconds spent waiting for the two answers.
  absl::StatusOr<double> Handshake() {
    double waited = 0;
    const std::string type = "Content-Type: application/json";
    CC_ASSIGN_OR_RETURN(const HttpResponse auth, Ask({.method = "POST",
                                                      .url = base_ + "/auth",
                                                      .headers = {type},
                                                      .body = cc::attest::AuthRequest(attester_->tee())},
                                                     &waited));
    CC_ASSIGN_OR_RETURN(const cc::attest::Challenge challenge, cc::attest::ParseChallenge(auth.body));
    if (auth.set_cookies.empty()) return absl::InternalError("/auth set no cookie");
    const std::string cookie = cc::attest::SessionCookie(auth.set_cookies[0]).value_or("");
    CC_ASSIGN_OR_RETURN(const std::string digest, cc::attest::RuntimeDigest(challenge, jwk_, ""));
    CC_ASSIGN_OR_RETURN(const std::string evidence, attester_->GetEvidence(digest));
    CC_ASSIGN_OR_RETURN(std::string body,
                        cc::attest::AttestRequest(std::nullopt, challenge.nonce, jwk_, evidence, ""));
    const std::string proof = StrCat("Cookie: ", cc::attest::kKbsCookie, "=", cookie);
    CC_ASSIGN_OR_RETURN(
        const HttpResponse attested,
        Ask({.method = "POST", .url = base_ + "/attest", .headers = {type, proof}, .body = std::move(body)},
            &waited));
    CC_ASSIGN_OR_RETURN(const cc::attest::Token token, cc::attest::ParseTokenReply(attested.body));
    token_ = token.text;
    return waited;
  }

  // The resource with the token of the last handshake; milliseconds. The first answer is decrypted and
  // checked.
  absl::StatusOr<double> Get() {
    if (token_.empty()) CC_RETURN_IF_ERROR(Handshake().status());
    double waited = 0;
    CC_ASSIGN_OR_RETURN(const HttpResponse response,
                        Ask({.url = StrCat(base_, "/resource/", kResource),
                             .headers = {StrCat("Authorization: Bearer ", token_)}},
                            &waited));
    if (!checked_) {
      CC_ASSIGN_OR_RETURN(const cc::SecretBytes secret, key_.Decrypt(response.body));
      if (secret.view() != kSecret) return absl::DataLossError("another resource than was stored");
      checked_ = true;
    }
    return waited;
  }

 private:
  Guest(std::string base, std::shared_ptr<cc::attest::Attester> attester, std::unique_ptr<HttpClient> http,
        cc::attest::TeeKey key)
      : base_(std::move(base)),
        attester_(std::move(attester)),
        http_(std::move(http)),
        key_(std::move(key)),
        jwk_(key_.PublicJwk()) {}

  absl::StatusOr<HttpResponse> Ask(const HttpRequest& request, double* waited) {
    const Clock::time_point start = Clock::now();
    CC_ASSIGN_OR_RETURN(HttpResponse response, http_->Send(request));
    *waited += Milliseconds(Clock::now() - start);
    if (response.status != 200) return cc::attest::KbsError(request.url, response.status, response.body);
    return response;
  }

  const std::string base_;
  const std::shared_ptr<cc::attest::Attester> attester_;
  const std::unique_ptr<HttpClient> http_;
  const cc::attest::TeeKey key_;
  const json jwk_;
  std::string token_;
  bool checked_ = false;
};

// ------------------------------------------------------------------ measurements

using Guests = std::vector<std::unique_ptr<Guest>>;
using Request = absl::StatusOr<double> (Guest::*)();

// Each guest sends its next request when it has the answer to the last, `count` in all.
absl::Status Measure(const std::string& name, const Trustee& trustee, const Guests& guests, size_t count,
                     Request request) {
  for (const auto& guest : guests) CC_RETURN_IF_ERROR((guest.get()->*request)().status());
  std::vector<double> times;
  absl::Status failure;
  std::mutex mutex;  // guards times and failure
  std::atomic<size_t> next = 0;
  const double cpu_before = trustee.CpuSeconds();
  const Clock::time_point start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (const auto& guest : guests) {
      threads.emplace_back([&, guest = guest.get()] {
        std::vector<double> own;
        absl::Status status;
        while (status.ok() && next.fetch_add(1) < count) {
          const absl::StatusOr<double> waited = (guest->*request)();
          status = waited.status();
          if (waited.ok()) own.push_back(*waited);
        }
        if (!status.ok()) next = count;
        const std::lock_guard lock(mutex);
        times.insert(times.end(), own.begin(), own.end());
        if (!status.ok()) failure = status;
      });
    }
  }
  const double wall_s = Milliseconds(Clock::now() - start) / 1000;
  const double cpu_s = trustee.CpuSeconds() - cpu_before;
  CC_RETURN_IF_ERROR(failure);
  std::sort(times.begin(), times.end());
  const auto percentile = [&](size_t p) { return times[std::min(times.size() - 1, times.size() * p / 100)]; };
  std::printf("%-24s %8zu %12zu %10.0f %14.0f %12.2f %8.2f %8.2f\n", name.c_str(), times.size(),
              guests.size(), static_cast<double>(times.size()) / wall_s,
              static_cast<double>(times.size()) / std::max(cpu_s, 0.01), cpu_s, percentile(50),
              percentile(99));
  std::fflush(stdout);
  return absl::OkStatus();
}

struct Options {
  std::string trustee;
  std::string tee = "both";
  size_t handshakes = 20000;
  size_t gets = 20000;
  size_t connections = std::max(1u, std::thread::hardware_concurrency());
};

absl::Status MeasureTee(const Options& options, std::shared_ptr<cc::attest::Attester> attester) {
  const std::string tee(attester->tee());
  const size_t alone = std::max<size_t>(1, options.handshakes / 10);
  CC_ASSIGN_OR_RETURN(const std::unique_ptr<Trustee> trustee,
                      Trustee::Start(options.trustee, 2 * options.handshakes + 1000));
  Guests guests;
  for (size_t i = 0; i < options.connections; ++i) {
    CC_ASSIGN_OR_RETURN(guests.emplace_back(), Guest::Create(trustee->url(), attester));
  }
  Guests one;
  CC_ASSIGN_OR_RETURN(one.emplace_back(), Guest::Create(trustee->url(), attester));
  const double idle = trustee->ResidentMb();
  CC_RETURN_IF_ERROR(Measure(tee + " handshake", *trustee, one, alone, &Guest::Handshake));
  CC_RETURN_IF_ERROR(
      Measure(tee + " handshake", *trustee, guests, options.handshakes - alone, &Guest::Handshake));
  const double after = trustee->ResidentMb();
  CC_RETURN_IF_ERROR(Measure(tee + " resource GET", *trustee, one, options.gets / 10, &Guest::Get));
  CC_RETURN_IF_ERROR(Measure(tee + " resource GET", *trustee, guests, options.gets, &Guest::Get));
  std::printf("%s RSS: idle %.1f MB, after %zu handshakes %.1f MB (%.0f bytes a session)\n", tee.c_str(),
              idle, options.handshakes, after,
              (after - idle) * 1e6 / static_cast<double>(options.handshakes));
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status RunAll(const Options& options) {
  std::printf(
      "conditions: %s; %u CPUs, %s; load %s; loopback HTTP/1.1, connections kept; guest keys P-256 "
      "(ECDH-ES+A256KW), tokens ES256; CCA: platform and realm token both ES384, 2 software components; "
      "default "
      "policies, everything endorsed; log level info into a file; sessions in memory, none of them expires\n",
      options.trustee.c_str(), std::thread::hardware_concurrency(),
      LineOf("/proc/cpuinfo", "model name").c_str(), LineOf("/proc/loadavg").c_str());
  std::printf("%-24s %8s %12s %10s %14s %12s %8s %8s\n", "request", "n", "connections", "per second",
              "per CPU-second", "CPU seconds", "p50 ms", "p99 ms");
  if (options.tee != "cca") {
    CC_RETURN_IF_ERROR(
        MeasureTee(options, std::make_shared<cc::attest::SampleAttester>(cc::attest::AllowSampleEvidence())));
  }
  if (options.tee != "sample") CC_RETURN_IF_ERROR(MeasureTee(options, std::make_shared<MintingAttester>()));
  std::printf("CPU seconds are the service's, of all its threads; what is per CPU-second is per core.\n");
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Benchmark of the trust service: handshakes, resources and memory"};
  app.footer("Example: trustee_bench --handshakes 100000 --connections 8");
  Options options;
  options.trustee = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../bin/cc-trustee")
                        .lexically_normal();
  app.add_option("--trustee", options.trustee, "The service's program")->capture_default_str();
  app.add_option("--tee", options.tee, "Kind of evidence")
      ->capture_default_str()
      ->check(CLI::IsMember({"sample", "cca", "both"}));
  app.add_option("--handshakes", options.handshakes, "Handshakes for each kind of evidence")
      ->capture_default_str()
      ->check(CLI::Range(size_t{10}, size_t{1000000}));
  app.add_option("--gets", options.gets, "Resource requests for each kind of evidence")
      ->capture_default_str()
      ->check(CLI::Range(size_t{10}, size_t{10000000}));
  app.add_option("--connections", options.connections, "Guests at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 60));
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = RunAll(options);
  if (!status.ok()) std::fprintf(stderr, "trustee_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
