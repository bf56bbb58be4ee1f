// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/key_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "attest/ocicrypt/wrap_parameters.h"

namespace cc::attest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(KeyProvider, ReadsWhatGoAndRustSend) {
  // Go (skopeo): bytes are base64.
  absl::StatusOr<KeyWrapRequest> go = ParseKeyWrapRequest(
      R"({"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"attestation-agent":["a2V5aWQ9eA==","eQ=="]},)"
      R"("DecryptConfig":{"Parameters":null}},"optsdata":"eyJzIjoxfQ=="},"keyunwrapparams":{"dc":null,"annotation":null}})");
  ASSERT_TRUE(go.ok()) << go.status();
  EXPECT_EQ(go->options.view(), R"({"s":1})");
  EXPECT_THAT(go->parameters["attestation-agent"], ElementsAre("keyid=x", "y"));
  // Rust: the options as text.
  absl::StatusOr<KeyWrapRequest> rust = ParseKeyWrapRequest(
      R"({"op":"keywrap","keywrapparams":{"ec":{"Parameters":{}},"optsdata":"{\"s\":1}"},"keyunwrapparams":{}})");
  ASSERT_TRUE(rust.ok()) << rust.status();
  EXPECT_EQ(rust->options.view(), R"({"s":1})");

  EXPECT_EQ(
      *ParseKeyUnwrapRequest(
          R"({"op":"keyunwrap","keywrapparams":{"ec":null,"optsdata":null},"keyunwrapparams":{"dc":null,"annotation":"e30="}})"),
      "{}");
  EXPECT_EQ(*ParseKeyUnwrapRequest(KeyUnwrapRequest("{}")), "{}");
  EXPECT_EQ(*ParseKeyUnwrapRequest(R"({"op":"keyunwrap","keyunwrapparams":{"annotation":[123,125]}})"), "{}");
}

TEST(KeyProvider, WritesResultsAsNumbersAndReadsBothForms) {
  EXPECT_EQ(KeyWrapResult("{}"), R"({"keywrapresults":{"annotation":[123,125]}})");
  EXPECT_EQ(KeyUnwrapResult("{\xff").view(), R"({"keyunwrapresults":{"optsdata":[123,255]}})");
  EXPECT_EQ(*ParseKeyWrapResult(KeyWrapResult("abc")), "abc");
  EXPECT_EQ(ParseKeyUnwrapResult(KeyUnwrapResult("abc").view())->view(), "abc");
  EXPECT_EQ(*ParseKeyWrapResult(R"({"keywrapresults":{"annotation":"e30="}})"), "{}");
  EXPECT_EQ(ParseKeyUnwrapResult(R"({"keyunwrapresults":{"optsdata":"e30="}})")->view(), "{}");
}

TEST(KeyProvider, RefusesAnythingElse) {
  for (const char* text :
       {"", "[]", "{}", R"({"op":"keywrap"})", R"({"op":"keyunwrap"})", R"({"op":1})",
        R"({"op":"keywrap","keywrapparams":{}})", R"({"op":"keywrap","keywrapparams":{"optsdata":"?"}})",
        R"({"op":"keywrap","keywrapparams":{"optsdata":"e30=","ec":{"Parameters":[]}}})",
        R"({"op":"keywrap","keywrapparams":{"optsdata":"e30=","ec":{"Parameters":{"a":"b"}}}})",
        R"({"op":"keywrap","keywrapparams":{"optsdata":"e30=","ec":{"Parameters":{"a":[1]}}}})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseKeyWrapRequest(text).status())) << text;
  }
  for (const char* text : {"{}", R"({"op":"keywrap","keyunwrapparams":{"annotation":"e30="}})",
                           R"({"op":"keyunwrap","keyunwrapparams":{"annotation":null}})",
                           R"({"op":"keyunwrap","keyunwrapparams":{"annotation":[256]}})",
                           R"({"op":"keyunwrap","keyunwrapparams":{"annotation":[-1]}})",
                           R"({"op":"keyunwrap","keyunwrapparams":{"annotation":[1.5]}})",
                           R"({"op":"keyunwrap","keyunwrapparams":{"annotation":["1"]}})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseKeyUnwrapRequest(text).status())) << text;
  }
  EXPECT_FALSE(ParseKeyWrapResult(R"({"keyunwrapresults":{"annotation":"e30="}})").ok());
  EXPECT_FALSE(ParseKeyUnwrapResult(R"({"keyunwrapresults":null})").ok());
  EXPECT_THAT(std::string(ParseKeyUnwrapRequest(std::string(300000, ' ')).status().message()),
              HasSubstr("longer"));
}

TEST(WrapParameters, ReadsUpstreamsForm) {
  absl::StatusOr<WrapParameters> all =
      ParseWrapParameters("keyid=kbs:///default/key/1::keypath=/home/me/a=b::algorithm=A256CTR");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->keyid.ToString(), "kbs:///default/key/1");
  EXPECT_EQ(all->keypath, "/home/me/a=b");
  EXPECT_EQ(all->algorithm, WrapType::kA256Ctr);
  EXPECT_EQ(ParseWrapParameters("keypath=/k::keyid=kbs:///a/b/c")->algorithm, WrapType::kA256Gcm);
  for (const char* text : {"", "keyid=kbs:///a/b/c", "keypath=/k", "keyid=kbs:///a/b::keypath=/k",
                           "keyid=kbs:///a/b/c::keypath=", "keyid=kbs:///a/b/c::keypath=/k::keypath=/l",
                           "keyid=kbs:///a/b/c::keypath=/k::algorithm=none",
                           "keyid=kbs:///a/b/c::keypath=/k::other=1", "sample=true", "keyid", "::"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseWrapParameters(text).status())) << text;
  }
}

}  // namespace
}  // namespace cc::attest
