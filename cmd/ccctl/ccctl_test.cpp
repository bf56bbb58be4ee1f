// SPDX-License-Identifier: Apache-2.0
// The program as people run it, against a whole trust service in this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "trustee/service.h"

namespace cc::ccctl {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class CcctlTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(WriteFileAtomic(Path(name), text, 0600).ok());
  }
  Output Ccctl(const std::vector<std::string>& arguments, const std::string& input = "") const {
    SpawnOptions options{.argv = {CC_CCCTL}};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.env = {"PATH=/usr/bin:/bin", "TMPDIR=" + dir_.path()};
    options.cwd = dir_.path();
    absl::StatusOr<Output> output = cc::Run(options, input);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *std::move(output) : Output{};
  }
  std::string Succeed(const std::vector<std::string>& arguments, const std::string& input = "") const {
    const Output output = Ccctl(arguments, input);
    EXPECT_EQ(output.exit.Status(), 0) << StrJoin(arguments, " ") << ": " << output.err;
    return output.out;
  }
  std::string Fail(const std::vector<std::string>& arguments, const std::string& input = "") const {
    const Output output = Ccctl(arguments, input);
    EXPECT_EQ(output.exit.Status(), 1) << StrJoin(arguments, " ") << ": " << output.out;
    return output.err;
  }
  const TempDir dir_ = TempDir::Create("/tmp/cc-ccctl-test-").value();
};

class TrusteeCommands : public CcctlTest {
 protected:
  TrusteeCommands() {
    trustee::Config config = trustee::Config::Embedded();
    config.listen = "127.0.0.1:0";
    config.data_dir = Path("trustee");
    config.verifier.insecure_sample = true;
    service_ = trustee::Service::Start(config).value();
    // What the sample TEE is asked about, and a policy that gives endorsed guests everything.
    Write("policy.rego",
          "package policy\n\nimport rego.v1\n\ndefault allow := false\n\n"
          "allow if input.submods.cpu0[\"ear.status\"] == \"affirming\"\n");
    Write("kernel", "k");
    Write("initramfs", "i");
    Write("config.toml",
          StrCat("[vmm]\nkernel = \"", Path("kernel"), "\"\ninitramfs = \"", Path("initramfs"), "\"\n"));
  }
  std::vector<std::string> Admin(std::vector<std::string> arguments) const {
    std::vector<std::string> all = {"trustee", "--url", "http://" + service_->address(), "--admin-key",
                                    Path("trustee/admin.key")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  std::unique_ptr<trustee::Service> service_;
};

TEST_F(TrusteeCommands, AKeyIsReleasedOnlyAfterTheGuestIsEndorsed) {
  Succeed({"key", "new", "app.key"});
  Succeed(Admin({"resource", "put", "default/key/app", "app.key"}));
  Succeed(Admin({"resource-policy", "set", "policy.rego"}));
  const std::vector<std::string> get =
      Admin({"resource", "get", "kbs:///default/key/app", "--insecure-sample"});
  EXPECT_THAT(Fail(get), HasSubstr("not endorsed"));

  Write("guest.json", Succeed({"measure", "--config", "config.toml", "--json"}));
  EXPECT_THAT(Succeed(Admin({"endorse", "guest.json"})), HasSubstr("launch_digest"));
  EXPECT_EQ(Succeed(Admin({"reference-value", "get", "svn"})), "[\"1\"]\n");
  Succeed(Admin({"resource", "get", "default/key/app", "--insecure-sample", "--out", "got.key"}));
  EXPECT_EQ(*ReadFile(Path("got.key")), *ReadFile(Path("app.key")));
  struct stat info {};
  ASSERT_EQ(::stat(Path("got.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  Succeed(Admin({"endorse", "launch_digest", "other"}));
  EXPECT_THAT(Fail(get), HasSubstr("not endorsed"));
  Succeed(Admin({"endorse", "--add", "launch_digest", "abcde"}));
  EXPECT_EQ(Succeed(Admin({"reference-value", "get", "launch_digest"})), "[\"other\",\"abcde\"]\n");
  EXPECT_EQ(Succeed(get), *ReadFile(Path("app.key")));

  Succeed(Admin({"resource", "delete", "default/key/app"}));
  EXPECT_THAT(Fail(get), HasSubstr("does not exist"));
  EXPECT_THAT(Fail(Admin({"resource", "delete", "default/key/app"})), HasSubstr("404"));
}

TEST_F(TrusteeCommands, OnlyAnAdministratorAdministers) {
  Succeed({"key", "admin", "other.key"});
  Write("secret", "s");
  const std::string url = "http://" + service_->address();
  EXPECT_THAT(Fail({"trustee", "--url", url, "resource", "put", "a/b/c", "secret"}),
              HasSubstr("--admin-key"));
  EXPECT_THAT(
      Fail({"trustee", "--url", url, "--admin-key", "other.key", "resource", "put", "a/b/c", "secret"}),
      HasSubstr("401"));
  EXPECT_THAT(Fail(Admin({"--role", "guest", "resource", "put", "a/b/c", "secret"})), HasSubstr("403"));
  EXPECT_THAT(Fail({"trustee", "--admin-key", "other.key", "--url", "http://192.0.2.1", "resource", "put",
                    "a/b/c", "secret"}),
              HasSubstr("use https"));
  Write("admin.jwt", Succeed({"key", "token", "trustee/admin.key"}));
  Succeed({"trustee", "--url", url, "--admin-token", "admin.jwt", "resource", "put", "a/b/c", "secret"});
}

TEST_F(TrusteeCommands, PoliciesAndValuesAreCheckedByTheService) {
  EXPECT_THAT(Fail(Admin({"resource-policy", "set", "-"}), "package policy\nallow {{{"), HasSubstr("400"));
  EXPECT_THAT(Fail(Admin({"attestation-policy", "set", "-"}), "nonsense"), HasSubstr("400"));
  Succeed(Admin({"resource-policy", "set", "policy.rego"}));
  EXPECT_TRUE(json::parse(Succeed(Admin({"resource-policy", "show", "--json"}))).is_array());
  Succeed(Admin({"reference-value", "set", "minimum_minor_version", "4"}));
  EXPECT_EQ(Succeed(Admin({"reference-value", "get", "minimum_minor_version"})), "4\n");
  Succeed(Admin({"reference-value", "set", "n", "4", "--string"}));
  EXPECT_EQ(Succeed(Admin({"reference-value", "get", "n"})), "\"4\"\n");
  EXPECT_THAT(Fail(Admin({"reference-value", "get", "none"})), HasSubstr("not registered"));
  EXPECT_THAT(Fail(Admin({"explain", "none"})), HasSubstr("no decision"));
  EXPECT_THAT(Fail(Admin({"endorse", "config.toml"})), HasSubstr("JSON"));
}

TEST_F(CcctlTest, EncryptsAnImageAndMakesItsKey) {
  const std::string config =
      R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})";
  const auto digest = [this](const std::string& text) {
    const auto run = cc::Run({.argv = {"sha256sum"}}, text);
    return run->out.substr(0, 64);
  };
  const auto blob = [&](const std::string& text) {
    Write("plain/blobs/sha256/" + digest(text), text);
    return StrCat("\"digest\":\"sha256:", digest(text), "\",\"size\":", text.size());
  };
  ASSERT_EQ(::mkdir(Path("plain").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(Path("plain/blobs").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir(Path("plain/blobs/sha256").c_str(), 0755), 0);
  const std::string manifest = StrCat(
      R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",)", blob(config),
      R"(},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",)", blob("secret layer"), "}]}");
  Write(
      "plain/index.json",
      StrCat(R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)",
             blob(manifest), "}]}"));
  const std::vector<std::string> encrypt = {
      "image", "encrypt", "oci:plain", "oci:out:v1", "--key", "kbs:///default/key/app", "--json"};
  const json report = json::parse(Succeed(encrypt));
  EXPECT_EQ(report["images"][0]["layers"], 1);
  EXPECT_EQ(ReadFile(Path("app.key"))->size(), 32u);
  const json index = json::parse(*ReadFile(Path("out/index.json")));
  EXPECT_EQ(index["manifests"][0]["digest"], report["digest"]);
  // Nobody's key is taken for this one, unless it is named.
  EXPECT_THAT(Fail(encrypt), HasSubstr("--key-file app.key"));
  std::vector<std::string> named = encrypt;
  named.insert(named.end(), {"--key-file", "app.key"});
  Succeed(named);
  EXPECT_THAT(Fail({"image", "encrypt", "oci:out:v1", "oci:again", "--key", "kbs:///default/key/app",
                    "--key-file", "app.key"}),
              HasSubstr("encrypted already"));
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"plain", "oci:x", "--key", "kbs:///a/b/c"},
        {"oci:plain", "oci:x", "--key", "kbs:///a/b"},
        {"oci:plain", "oci:x", "--key", "kbs:///a/b/c", "--platform", "linux"},
        {"oci:plain", "oci:x", "--key", "kbs:///a/b/c", "--wrap", "none"}}) {
    std::vector<std::string> arguments = {"image", "encrypt"};
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    Fail(arguments);
    EXPECT_TRUE(absl::IsNotFound(ReadFile(Path("c.key")).status()));
  }
}

TEST_F(CcctlTest, TheKeyProviderAnswersOnStandardOutput) {
  Succeed({"key", "new", "k"});
  const std::string request = StrCat(
      R"({"op":"keywrap","keywrapparams":{"ec":{"Parameters":{"attestation-agent":[")",
      jose::Base64Encode("keyid=kbs:///default/key/1::keypath=" + Path("k")),
      R"("]},"DecryptConfig":{"Parameters":null}},"optsdata":"e30="},"keyunwrapparams":{"dc":null,"annotation":null}})");
  const json answer = json::parse(Succeed({"keyprovider"}, request));
  EXPECT_TRUE(answer["keywrapresults"]["annotation"].is_array());
  EXPECT_THAT(Fail({"keyprovider"}, "{}"), HasSubstr("key provider"));
}

TEST_F(CcctlTest, CheckReportsByExitCode) {
  Write("config.toml", "[vmm]\nkernel = \"/nowhere/kernel\"\n");
  const Output output = Ccctl({"check", "--config", "config.toml", "--json"});
  EXPECT_EQ(output.exit.Status(), 2) << output.err;
  EXPECT_EQ(json::parse(output.out)["usable"], false);
  EXPECT_THAT(Fail({"check", "--config", "/nowhere/config.toml"}), HasSubstr("/nowhere/config.toml"));
}

TEST_F(CcctlTest, MeasuringARealmUnderQemuIsRefusedInWords) {
  Write("config.toml", "[vmm]\ntee = \"cca\"\nbackend = \"qemu\"\n");
  EXPECT_THAT(Fail({"measure", "--config", "config.toml"}), HasSubstr("native VMM"));
}

TEST_F(CcctlTest, MeasuresARealmWithoutKvm) {
  std::string image(0x20000, 'k');
  const uint64_t header[] = {0, 0x40000, 0b1010};  // text offset, memory of the kernel, flags
  std::memcpy(image.data() + 8, header, sizeof(header));
  std::memcpy(image.data() + 56, "ARM\x64", 4);
  Write("kernel", image);
  Write("initramfs", "cpio");
  Write("config.toml", StrCat("[vmm]\ntee = \"cca\"\nbackend = \"kvm\"\narch = \"aarch64\"\nkernel = \"",
                              Path("kernel"), "\"\ninitramfs = \"", Path("initramfs"), "\"\n"));
  const std::string text = Succeed({"measure", "--config", "config.toml", "--json"});
  EXPECT_EQ(text, Succeed({"measure", "--config", "config.toml", "--json"}));
  const json document = json::parse(text);
  EXPECT_EQ(document["tee"], "cca");
  EXPECT_EQ(document["artifacts"].size(), 4u);
  EXPECT_EQ(document["realm"]["initial_measurements"].size(), 3u);
  EXPECT_EQ(document["reference_values"]["cca_realm_initial_measurement"].size(), 3u);
  EXPECT_THAT(Succeed({"measure", "--config", "config.toml"}), HasSubstr("RMI v15"));

  Write("initdata.toml", "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n");
  const json bound = json::parse(
      Succeed({"measure", "--config", "config.toml", "--initdata", "initdata.toml", "--json"}))["realm"];
  // sha256sum initdata.toml; zero-padded.
  EXPECT_EQ(bound["personalization_value"],
            "af398df379eb475aff9f02cd056d0d1f5d496b7a073927cb3ea92407d8ad61a3" + std::string(64, '0'));
  ASSERT_EQ(bound["initial_measurements"].size(), 1u) << "RMI v12 to v15 take no personalization value";
  EXPECT_EQ(bound["initial_measurements"][0]["rim"], document["realm"]["initial_measurements"][0]["rim"]);
  Write("initdata.toml", "no initdata");
  EXPECT_THAT(Fail({"measure", "--config", "config.toml", "--initdata", "initdata.toml"}),
              HasSubstr("initdata.toml"));
}

TEST_F(CcctlTest, KeysAreNotOverwritten) {
  Succeed({"key", "new", "k"});
  EXPECT_THAT(Fail({"key", "new", "k"}), HasSubstr("never overwritten"));
}

TEST_F(CcctlTest, EveryHelpShowsAnExample) {
  for (const char* command : {"",
                              "check",
                              "measure",
                              "realm",
                              "realm try",
                              "key",
                              "key new",
                              "key admin",
                              "key token",
                              "image",
                              "image encrypt",
                              "trustee",
                              "trustee resource",
                              "trustee resource put",
                              "trustee resource get",
                              "trustee resource delete",
                              "trustee resource-policy set",
                              "trustee resource-policy show",
                              "trustee attestation-policy set",
                              "trustee reference-value set",
                              "trustee reference-value get",
                              "trustee endorse",
                              "trustee explain",
                              "trustee token",
                              "keyprovider"}) {
    std::vector<std::string> arguments;
    for (const std::string_view word : StrSplit(command, ' ')) {
      if (!word.empty()) arguments.emplace_back(word);
    }
    arguments.emplace_back("--help");
    EXPECT_THAT(Succeed(arguments), HasSubstr("Example")) << command;
  }
  EXPECT_GE(Ccctl({}).exit.Status(), 100);
  EXPECT_GE(Ccctl({"nonsense"}).exit.Status(), 100);
}

}  // namespace
}  // namespace cc::ccctl
