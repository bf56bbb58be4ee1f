// SPDX-License-Identifier: Apache-2.0
#include "datahub/rest_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "attest/kbs/test_kbs.h"
#include "jose/base64.h"

namespace cc::datahub {
namespace {

using ::testing::HasSubstr;

constexpr RestFeatures kAll{.resource = true, .attestation = true};

RestResponse Get(const RestApi& api, const std::string& target) {
  return api.Handle({.method = "GET", .target = target});
}
std::string Body(const RestResponse& response) { return std::string(response.body.view()); }

TEST(RestFeatures, AreNamedAsUpstreamNamesThem) {
  for (const char* name : {"none", "resource", "attestation", "all"}) {
    EXPECT_EQ(ParseRestFeatures(name)->name(), name);
  }
  for (const char* bad : {"", "All", "resource,attestation"})
    EXPECT_FALSE(ParseRestFeatures(bad).ok()) << bad;
}

TEST(RestApi, GivesOutResources) {
  attest::TestKbs kbs(attest::TestKbs::Resources{{"default/key/1", std::string("a\0b", 3)}});
  Attestation attestation({.kbs_url = kbs.url(), .insecure_sample_evidence = true});
  const RestApi api(attestation, kAll);
  const RestResponse response = Get(api, "/cdh/resource/default/key/1");
  EXPECT_EQ(response.status, 200u) << Body(response);
  EXPECT_EQ(response.content_type, "application/octet-stream");
  EXPECT_EQ(Body(response), std::string("a\0b", 3));
  EXPECT_EQ(Get(api, "/cdh/resource/default/key/none").status, 404u);
}

TEST(RestApi, RefusalOfTheBrokerIsForbidden) {
  attest::TestKbs kbs({},
                      [](const attest::TestKbs::Request& request) -> std::optional<attest::TestKbs::Reply> {
                        if (request.target.find("/resource/") == std::string::npos) return std::nullopt;
                        return attest::TestKbs::Reply{
                            .status = 403, .body = R"({"type":"x/PolicyDeny","detail":"m is not endorsed"})"};
                      });
  Attestation attestation({.kbs_url = kbs.url(), .insecure_sample_evidence = true});
  const RestResponse response = Get(RestApi(attestation, kAll), "/cdh/resource/default/key/1");
  EXPECT_EQ(response.status, 403u);
  EXPECT_THAT(Body(response), HasSubstr("m is not endorsed"));
}

TEST(RestApi, EvidenceTakesTextAndBase64) {
  Attestation attestation({.insecure_sample_evidence = true});
  const RestApi api(attestation, kAll);
  const auto report_data = [&](const std::string& query) {
    const RestResponse response = Get(api, "/aa/evidence?" + query);
    return response.status == 200 ? nlohmann::json::parse(Body(response)).at("report_data").get<std::string>()
                                  : std::to_string(response.status);
  };
  EXPECT_EQ(report_data("runtime_data=report"), jose::Base64Encode("report"));
  EXPECT_EQ(report_data("runtime_data=a%20b+c"), jose::Base64Encode("a b c"));
  EXPECT_EQ(report_data("runtime_data=cmVwb3J0&encoding=base64"), jose::Base64Encode("report"));
  EXPECT_EQ(report_data("x=y"), "400");
  EXPECT_EQ(report_data("runtime_data=%2"), "400");
  EXPECT_EQ(report_data("runtime_data=%zz"), "400");
  EXPECT_EQ(report_data("runtime_data=!!!&encoding=base64"), "400");
  EXPECT_EQ(report_data("runtime_data=x&encoding=hex"), "400");
  EXPECT_EQ(report_data("runtime_data=" + std::string(65, 'x')), "400");
}

TEST(RestApi, TokenComesFromTheBroker) {
  attest::TestKbs kbs({});
  Attestation attestation({.kbs_url = kbs.url(), .insecure_sample_evidence = true});
  const RestApi api(attestation, kAll);
  EXPECT_TRUE(nlohmann::json::parse(Body(Get(api, "/aa/token?token_type=kbs"))).contains("tee_keypair"));
  EXPECT_EQ(Get(api, "/aa/token").status, 400u);
  EXPECT_EQ(Get(api, "/aa/token?token_type=coco_as").status, 500u);
}

TEST(RestApi, WhatIsNotEnabledIsNotThere) {
  Attestation attestation({.insecure_sample_evidence = true});
  const RestApi resource(attestation, {.resource = true});
  EXPECT_THAT(Body(Get(resource, "/aa/evidence?runtime_data=x")), HasSubstr("Not Enabled"));
  EXPECT_EQ(nlohmann::json::parse(Body(Get(resource, "/info"))).at("feature"), "resource");
  const RestApi attest_only(attestation, {.attestation = true});
  EXPECT_THAT(Body(Get(attest_only, "/cdh/resource/a/b/c")), HasSubstr("Not Enabled"));
  EXPECT_EQ(nlohmann::json::parse(Body(Get(attest_only, "/info"))).at("tee"), "sample");
}

TEST(RestApi, WrongPathsAndMethods) {
  Attestation attestation({.insecure_sample_evidence = true});
  const RestApi api(attestation, kAll);
  struct Case {
    const char *method, *target;
    unsigned status;
  };
  for (const Case& c :
       {Case{"GET", "/", 404}, Case{"GET", "", 404}, Case{"GET", "/cdh", 404}, Case{"GET", "/aa/tokens", 404},
        Case{"POST", "/info", 405}, Case{"POST", "/aa/token?token_type=kbs", 405},
        Case{"GET", "/aa/aael", 405}, Case{"DELETE", "/cdh/resource/a/b/c", 405},
        Case{"GET", "/cdh/resource/a/b", 400}, Case{"GET", "/cdh/resource/../../etc", 400},
        Case{"GET", "/cdh/resource/a/b/%2e%2e", 400}, Case{"GET", "/cdh/resource/a/b/c", 500},
        Case{"POST", "/aa/aael", 200}}) {
    EXPECT_EQ(api.Handle({.method = c.method, .target = c.target}).status, c.status)
        << c.method << " " << c.target;
  }
}

}  // namespace
}  // namespace cc::datahub
