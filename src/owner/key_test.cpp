// SPDX-License-Identifier: Apache-2.0
// Keys in files, administrators' tokens, and the key provider.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "attest/ocicrypt/annotation_packet.h"
#include "attest/ocicrypt/key_provider.h"
#include "attest/test_keys.h"
#include "base/file.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/jwt.h"
#include "owner/admin_token.h"
#include "owner/key_file.h"
#include "owner/key_provider.h"

namespace cc::owner {
namespace {

using ::testing::HasSubstr;

class KeyTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  unsigned ModeOf(const std::string& name) const {
    struct stat info {};
    EXPECT_EQ(::stat(Path(name).c_str(), &info), 0) << name;
    return info.st_mode & 0777;
  }
  const TempDir dir_ = TempDir::Create("/tmp/cc-key-test-").value();
};

TEST_F(KeyTest, AKeyIsRandomPrivateAndNeverOverwritten) {
  ASSERT_TRUE(NewSymmetricKey(Path("a")).ok());
  ASSERT_TRUE(NewSymmetricKey(Path("b")).ok());
  EXPECT_EQ(ModeOf("a"), 0600u);
  const std::string a(LoadSymmetricKey(Path("a"))->view());
  EXPECT_EQ(a.size(), 32u);
  EXPECT_NE(a, LoadSymmetricKey(Path("b"))->view());
  const absl::Status again = NewSymmetricKey(Path("a"));
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_EQ(LoadSymmetricKey(Path("a"))->view(), a);
}

TEST_F(KeyTest, RefusesKeysThatAreNone) {
  EXPECT_TRUE(absl::IsNotFound(LoadSymmetricKey(Path("none")).status()));
  for (const size_t size : {0, 31, 33, 64}) {
    ASSERT_TRUE(WriteFileAtomic(Path("k"), std::string(size, 'k'), 0600).ok());
    EXPECT_TRUE(absl::IsInvalidArgument(LoadSymmetricKey(Path("k")).status())) << size;
  }
  ASSERT_TRUE(WriteFileAtomic(Path("k"), std::string(32, 'k'), 0640).ok());
  EXPECT_THAT(LoadSymmetricKey(Path("k")).status().ToString(), HasSubstr("chmod 600"));
}

TEST_F(KeyTest, AnAdminTokenVerifiesWithThePublicHalf) {
  ASSERT_TRUE(NewAdminKey(Path("admin")).ok());
  EXPECT_EQ(ModeOf("admin"), 0600u);
  EXPECT_TRUE(absl::IsAlreadyExists(NewAdminKey(Path("admin"))));
  const jose::Key key = LoadAdminKey(Path("admin")).value();
  EXPECT_EQ(key.type(), jose::KeyType::kEd25519);
  const jose::Key open = jose::Key::FromPem(ReadFile(Path("admin.pub")).value()).value();
  EXPECT_FALSE(open.has_private());
  const std::string token = MintAdminToken(key, {}, 1000).value();
  const auto claims = jose::VerifyJwt(token, open, jose::SignatureAlgorithm::kEdDsa,
                                      {.now = 1299, .leeway = 0, .issuer = "", .audience = "cc-trustee"});
  ASSERT_TRUE(claims.ok()) << claims.status();
  EXPECT_EQ((*claims)["role"], "owner");
  EXPECT_FALSE(claims->contains("iss"));
  EXPECT_FALSE(jose::VerifyJwt(token, open, jose::SignatureAlgorithm::kEdDsa,
                               {.now = 1301, .issuer = "", .audience = ""})
                   .ok());
  EXPECT_FALSE(LoadAdminKey(Path("admin.pub")).ok());
  EXPECT_FALSE(MintAdminToken(key, {.issuer = "", .lifetime_seconds = 0}, 1000).ok());
  EXPECT_FALSE(MintAdminToken(key, {.role = "\xff", .issuer = ""}, 1000).ok());
}

TEST_F(KeyTest, ANewAdminKeyLeavesNothingHalfWritten) {
  ASSERT_TRUE(WriteFileAtomic(Path("admin"), "mine", 0600).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(NewAdminKey(Path("admin"))));
  EXPECT_TRUE(absl::IsNotFound(ReadFile(Path("admin.pub")).status()));
  EXPECT_EQ(*ReadFile(Path("admin")), "mine");
}

// As Go's ocicrypt writes it (skopeo 1.13): parameters and options in base64.
std::string WrapRequest(const std::string& parameters) {
  return R"({"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"attestation-agent":[")" +
         jose::Base64Encode(parameters) +
         R"("]},"DecryptConfig":{"Parameters":null}},"optsdata":"eyJzeW1rZXkiOiJ4In0="},)"
         R"("keyunwrapparams":{"dc":null,"annotation":null}})";
}

TEST_F(KeyTest, TheKeyProviderWrapsSoThatAGuestUnwraps) {
  ASSERT_TRUE(NewSymmetricKey(Path("k")).ok());
  const auto answer =
      WrapKey(WrapRequest("keyid=kbs:///default/key/1::keypath=" + Path("k")), "attestation-agent");
  ASSERT_TRUE(answer.ok()) << answer.status();
  const std::string annotation = attest::ParseKeyWrapResult(*answer).value();
  const auto packet = attest::ParseAnnotationPacket(annotation);
  ASSERT_TRUE(packet.ok()) << packet.status();
  attest::TestKeys keys{{"kbs:///default/key/1", std::string(LoadSymmetricKey(Path("k"))->view())}};
  EXPECT_EQ(attest::UnwrapPacket(*packet, keys)->view(), R"({"symkey":"x"})");
}

TEST_F(KeyTest, TheKeyProviderSaysWhatIsWrong) {
  ASSERT_TRUE(NewSymmetricKey(Path("k")).ok());
  const struct {
    std::string request, provider;
    absl::StatusCode code;
    const char* message;
  } kCases[] = {
      {"", "attestation-agent", absl::StatusCode::kInvalidArgument, ""},
      {WrapRequest("keyid=kbs:///a/b/c::keypath=" + Path("k")), "other", absl::StatusCode::kInvalidArgument,
       "no parameters for 'other'"},
      {WrapRequest("keyid=kbs:///a/b/c::keypath=" + Path("none")), "attestation-agent",
       absl::StatusCode::kNotFound, "none"},
      {WrapRequest("sample=true"), "attestation-agent", absl::StatusCode::kInvalidArgument,
       "everybody knows"},
      {R"({"op":"keyunwrap","keyunwrapparams":{"annotation":"e30="}})", "attestation-agent",
       absl::StatusCode::kUnimplemented, "wraps keys only"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = WrapKey(c.request, c.provider).status();
    EXPECT_EQ(status.code(), c.code) << c.request;
    EXPECT_THAT(status.ToString(), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace cc::owner
