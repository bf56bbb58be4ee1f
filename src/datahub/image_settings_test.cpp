// SPDX-License-Identifier: Apache-2.0
#include "datahub/image_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "jose/key.h"

namespace cc::datahub {
namespace {

using testing::HasSubstr;

constexpr char kAuth[] = R"({"auths":{"reg:5000":{"auth":"dTpw"}}})";

class Broker final : public attest::ResourceSource {
 public:
  absl::StatusOr<SecretBytes> Get(const attest::ResourceUri& uri) override {
    const auto found = resources.find(uri.ToString());
    if (found == resources.end()) return absl::PermissionDeniedError("not for you");
    return SecretBytes::CopyOf(found->second);
  }
  std::map<std::string, std::string> resources;
};

TEST(ImageSettingsTest, WithoutSourcesNothingIsAskedFor) {
  Broker broker;
  const auto settings = LoadPullSettings({}, broker);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_TRUE(settings->policy.Judge(image::Reference::Parse("a.b/c").value()).ok());
}

TEST(ImageSettingsTest, ReadsFilesAndResources) {
  const auto dir = TempDir::Create("/tmp/cc-image-settings-");
  ASSERT_TRUE(dir.ok());
  ASSERT_TRUE(
      WriteFileAtomic(dir->path() + "/registries.conf", "[[registry]]\nprefix = \"a.b\"\nblocked = true\n")
          .ok());
  Broker broker;
  broker.resources = {{"kbs:///default/credential/test", kAuth},
                      {"kbs:///default/policy/test", R"({"default": [{"type": "reject"}]})"}};
  const auto settings = LoadPullSettings({.credentials_uri = "kbs:///default/credential/test",
                                          .registries_uri = "file://" + dir->path() + "/registries.conf",
                                          .policy_uri = "kbs:///default/policy/test",
                                          .policy = R"({"default": []})"},
                                         broker);
  ASSERT_TRUE(settings.ok()) << settings.status();
  const image::Reference image = image::Reference::Parse("reg:5000/app").value();
  EXPECT_EQ(settings->credentials.Find(image)->user, "u");
  EXPECT_FALSE(settings->registries.Places("a.b/c").ok());
  EXPECT_FALSE(settings->policy.Judge(image).ok());
}

TEST(ImageSettingsTest, KeysOfThePolicyAreFilesOrResources) {
  const auto dir = TempDir::Create("/tmp/cc-image-settings-");
  ASSERT_TRUE(dir.ok());
  const std::string pem = jose::Key::Generate(jose::KeyType::kP256)->PublicPem();
  ASSERT_TRUE(WriteFileAtomic(dir->path() + "/cosign.pub", pem).ok());
  Broker broker;
  broker.resources = {{"kbs:///default/cosign-public-key/test", pem}};
  const image::Reference image = image::Reference::Parse("reg:5000/app").value();
  for (const std::string& path : {std::string("kbs:///default/cosign-public-key/test"),
                                  "file://" + dir->path() + "/cosign.pub", dir->path() + "/cosign.pub"}) {
    const auto settings = LoadPullSettings(
        {.policy = R"({"default": [{"type": "sigstoreSigned", "keyPath": ")" + path + "\"}]}"}, broker);
    ASSERT_TRUE(settings.ok()) << settings.status();
    EXPECT_EQ(settings->policy.Judge(image)->size(), 1u) << path;
  }
}

TEST(ImageSettingsTest, ErrorsNameTheSetting) {
  Broker broker;
  broker.resources = {{"kbs:///a/b/json", "{"}};
  struct {
    ImageSources sources;
    const char* complaint;
  } const cases[] = {
      {{.credentials_uri = "kbs:///a/b/c"}, "registry credentials: not for you"},
      {{.credentials_uri = "kbs:///a/b/json"}, "auth.json"},
      {{.credentials_uri = "file:///not/there"}, "/not/there"},
      {{.registries_uri = "kbs:///a/b/c"}, "registry configuration: not for you"},
      {{.registries_uri = "kbs:///a/b/json"}, "kbs:///a/b/json:1"},
      {{.policy_uri = "kbs:///a/b/c"}, "image security policy: not for you"},
      {{.policy = "{}"}, "policy.json"},
      {{.policy = R"({"default": [{"type": "sigstoreSigned", "keyPath": "kbs:///a/b/c"}]})"},
       "default: keyPath kbs:///a/b/c: not for you"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(LoadPullSettings(test.sources, broker).status().ToString(), HasSubstr(test.complaint));
  }
}

}  // namespace
}  // namespace cc::datahub
