// SPDX-License-Identifier: Apache-2.0
// For tests: a whole service on a loopback port with a clock that stands still, and clients of it.
#ifndef CC_TRUSTEE_TEST_SERVICE_H_
#define CC_TRUSTEE_TEST_SERVICE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "attest/attester/sample_attester.h"
#include "attest/kbs/http.h"
#include "attest/kbs/kbs_client.h"
#include "base/file.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"
#include "trustee/service.h"

namespace cc::trustee {

class ServiceTest : public ::testing::Test {
 protected:
  using json = nlohmann::json;
  using Response = attest::HttpResponse;

  ServiceTest() {
    config_.listen = "127.0.0.1:0";
    config_.data_dir = dir_.path() + "/data";
    config_.verifier.insecure_sample = true;
  }

  void Start() {
    auto started = Service::Start(config_, [this] { return now_.load(); });
    ASSERT_TRUE(started.ok()) << started.status();
    service_ = *std::move(started);
    url_ = StrCat("http://", service_->address());
    if (config_.admin.mode == "generated") admin_ = *GeneratedAdminToken(config_.data_dir, 3600);
  }

  Response Call(const std::string& method, const std::string& path, const std::string& body = "",
                std::vector<std::string> headers = {}) {
    const auto response =
        http_->Send({.method = method, .url = url_ + path, .headers = std::move(headers), .body = body});
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : Response{};
  }
  Response Admin(const std::string& method, const std::string& path, const std::string& body = "") {
    return Call(method, path, body, {StrCat("Authorization: Bearer ", admin_)});
  }
  void PutResource(const std::string& name, const std::string& bytes) {
    EXPECT_EQ(Admin("POST", "/kbs/v0/resource/" + name, bytes).status, 200);
  }
  void Endorse(const json& values) {
    const json message = {
        {"version", "0.1.0"}, {"type", "sample"}, {"payload", jose::Base64Encode(values.dump())}};
    EXPECT_EQ(Admin("POST", "/kbs/v0/reference-value", message.dump()).status, 200);
  }
  void EndorseSample() {
    Endorse(
        {{"launch_digest", {"abcde"}}, {"svn", {"1"}}, {"major_version", 1}, {"minimum_minor_version", 4}});
  }
  Response SetPolicy(const std::string& id, const std::string& text) {
    json message = {{"type", "rego"}, {"policy", jose::Base64UrlEncode(text)}};
    if (id != "resource-policy") message["policy_id"] = id;
    return Admin("POST", id == "resource-policy" ? "/kbs/v0/resource-policy" : "/kbs/v0/attestation-policy",
                 message.dump());
  }

  // A handshake by hand, so that each piece can be wrong.
  struct Session {
    std::string cookie;  // header line
    std::string nonce;
  };
  Session Auth(const std::string& tee = "sample") {
    const Response response =
        Call("POST", "/kbs/v0/auth", json{{"version", "0.4.0"}, {"tee", tee}, {"extra-params", ""}}.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    if (response.status != 200 || response.set_cookies.empty()) return {};
    return {StrCat("Cookie: ", SplitOnce(response.set_cookies[0], ';').first),
            json::parse(response.body)["nonce"].get<std::string>()};
  }
  json Attestation(const std::string& nonce, const json& jwk) const {
    const json bound = {{"additional-evidence", ""}, {"nonce", nonce}, {"tee-pubkey", jwk}};
    const std::string digest = jose::Digest(jose::Hash::kSha384, *jose::CanonicalJson(bound));
    return {{"init-data", nullptr},
            {"runtime-data", {{"nonce", nonce}, {"tee-pubkey", jwk}}},
            {"tee-evidence",
             {{"primary_evidence", {{"svn", "1"}, {"report_data", jose::Base64Encode(digest)}}},
              {"additional_evidence", ""}}}};
  }
  Response Attest(const Session& session, const json& message) {
    return Call("POST", "/kbs/v0/attest", message.dump(), {session.cookie});
  }
  static std::string Detail(const Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    return body.is_object() ? body.value("detail", "") : "";
  }
  static std::string Type(const Response& response) {
    const json body = json::parse(response.body, nullptr, false);
    const std::string type = body.is_object() ? body.value("type", "") : "";
    return type.substr(type.rfind('/') + 1);
  }

  // The guest's real client.
  std::unique_ptr<attest::KbsClient> Guest(attest::KbsOptions options = {},
                                           std::shared_ptr<attest::Attester> attester = nullptr) {
    options.url = url_;
    if (attester == nullptr)
      attester = std::make_shared<attest::SampleAttester>(attest::AllowSampleEvidence());
    auto client = attest::KbsClient::Create(options, std::move(attester));
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  TempDir dir_ = *TempDir::Create("trustee");
  std::atomic<int64_t> now_ = WallClock();
  Config config_ = Config::Embedded();
  std::unique_ptr<Service> service_;
  std::string url_;
  std::string admin_;
  std::unique_ptr<attest::HttpClient> http_ = *attest::HttpClient::Create({});
  const json jwk_ = jose::Key::Generate(jose::KeyType::kP256)->PublicJwk("ECDH-ES+A256KW");
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_TEST_SERVICE_H_
