// SPDX-License-Identifier: Apache-2.0
#include "datahub/credential_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

namespace cc::datahub {
namespace {

class Broker final : public attest::ResourceSource {
 public:
  absl::StatusOr<SecretBytes> Get(const attest::ResourceUri& uri) override {
    if (uri.path() != "a/b/c") return absl::NotFoundError("no such resource");
    return SecretBytes::CopyOf("secret");
  }
};

class CredentialFilesTest : public ::testing::Test {
 protected:
  absl::Status Store(const char* uri, const std::string& name) {
    Broker broker;
    return StoreCredential(
        {.resource = attest::ResourceUri::Parse(uri).value(), .path = StrCat(kCredentialRoot, "/", name)},
        broker, Root());
  }
  std::string Root() const { return dir_.path() + "/kbs"; }
  TempDir dir_ = TempDir::Create("/tmp/cc-credentials-").value();
};

TEST_F(CredentialFilesTest, WritesForTheOwnerAlone) {
  ASSERT_TRUE(Store("kbs:///a/b/c", "x/y").ok());
  EXPECT_EQ(ReadFile(Root() + "/x/y").value(), "secret");
  struct stat info = {};
  ASSERT_EQ(::stat((Root() + "/x/y").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(CredentialFilesTest, ARefusedResourceLeavesNoFile) {
  EXPECT_TRUE(absl::IsNotFound(Store("kbs:///d/e/f", "x")));
  EXPECT_NE(::access((Root() + "/x").c_str(), F_OK), 0);
}

TEST_F(CredentialFilesTest, FollowsNoSymbolicLink) {
  ASSERT_TRUE(Store("kbs:///a/b/c", "x").ok());
  ASSERT_EQ(::symlink(dir_.path().c_str(), (Root() + "/out").c_str()), 0);
  EXPECT_FALSE(Store("kbs:///a/b/c", "out/file").ok());
  EXPECT_NE(::access((dir_.path() + "/file").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace cc::datahub
