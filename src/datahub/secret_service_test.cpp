// SPDX-License-Identifier: Apache-2.0
#include "datahub/secret_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/key_provider.h"
#include "attest/test_keys.h"
#include "coco/cdh.pb.h"
#include "coco/keyprovider.pb.h"
#include "datahub/test_connection.h"

namespace cc::datahub {
namespace {

using ::testing::HasSubstr;

const std::string kKek(32, 'k');
constexpr char kKeyId[] = "kbs:///default/key/1";

class SecretServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RegisterSecretServices(keys_, attest::UnsealOptions{.unverified = attest::AllowUnverifiedSecret{}},
                           connection_.server);
    client_ = &connection_.Connect();
  }
  absl::StatusOr<api::GetResourceResponse> Get(const std::string& path) {
    api::GetResourceRequest request;
    request.set_resourcepath(path);
    return client_->Call<api::GetResourceResponse>("api.GetResourceService", "GetResource", request);
  }
  absl::StatusOr<api::UnsealSecretOutput> Unseal(const std::string& text) {
    api::UnsealSecretInput request;
    request.set_secret(text);
    return client_->Call<api::UnsealSecretOutput>("api.SealedSecretService", "UnsealSecret", request);
  }
  absl::StatusOr<std::string> KeyProvider(const char* method, const std::string& json) {
    keyprovider::KeyProviderKeyWrapProtocolInput request;
    request.set_keyproviderkeywrapprotocolinput(json);
    const auto response = client_->Call<keyprovider::KeyProviderKeyWrapProtocolOutput>(
        "keyprovider.KeyProviderService", method, request);
    if (!response.ok()) return response.status();
    return response->keyproviderkeywrapprotocoloutput();
  }

  attest::TestKeys keys_{{kKeyId, kKek}, {"kbs:///a/b/c", std::string("\0\xff secret", 9)}};
  TestConnection connection_;
  ttrpc::Client* client_ = nullptr;
};

TEST_F(SecretServiceTest, ResourcesComeByUriAndByPath) {
  for (const char* path : {"kbs:///a/b/c", "kbs://ignored.example:80/a/b/c", "a/b/c", "/a/b/c"}) {
    const auto response = Get(path);
    ASSERT_TRUE(response.ok()) << path << ": " << response.status();
    EXPECT_EQ(response->resource(), std::string("\0\xff secret", 9)) << path;
  }
}

TEST_F(SecretServiceTest, MalformedResourceNamesAskNobody) {
  for (const char* path : {"", "a/b", "../../etc/passwd", "kbs:///a/b/..", "http://a/b/c", "kbs:///a//c"}) {
    EXPECT_EQ(Get(path).status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
  EXPECT_EQ(keys_.asked(), 0);
}

TEST_F(SecretServiceTest, RefusalsKeepCodeAndReason) {
  EXPECT_EQ(Get("no/such/thing").status().code(), absl::StatusCode::kNotFound);
  keys_.set_error(absl::PermissionDeniedError("attestation: m is not endorsed"));
  const absl::Status status = Get("a/b/c").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.ToString(), HasSubstr("attestation: m is not endorsed"));
}

TEST_F(SecretServiceTest, UnsealsASecret) {
  const attest::ResourceUri name = *attest::ResourceUri::Parse("kbs:///a/b/c");
  const jose::Key key = jose::Key::Generate(jose::KeyType::kP256).value();
  const auto response = Unseal(attest::SealVault(name, key, "kbs:///default/signing/1").value());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->plaintext(), std::string("\0\xff secret", 9));
  EXPECT_EQ(Unseal("sealed.nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SecretServiceTest, UnwrapsAKeyOfTheKeyProviderProtocol) {
  const auto packet = attest::WrapPacket(*attest::ResourceUri::Parse(kKeyId), kKek,
                                         attest::WrapType::kA256Gcm, "private options");
  ASSERT_TRUE(packet.ok());
  const auto json = KeyProvider("UnWrapKey", attest::KeyUnwrapRequest(attest::ToJson(*packet)));
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(attest::ParseKeyUnwrapResult(*json)->view(), "private options");
  EXPECT_EQ(KeyProvider("UnWrapKey", "{}").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SecretServiceTest, WrappingIsNotTheGuestsWork) {
  const absl::Status status = KeyProvider("WrapKey", "{}").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.ToString(), HasSubstr("ccctl image encrypt"));
}

}  // namespace
}  // namespace cc::datahub
