// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "command.h"
#include "owner/admin_token.h"
#include "owner/key_file.h"
#include "owner/key_provider.h"

namespace cc::ccctl {
namespace {

struct TokenFlags {
  std::string key;
  owner::AdminClaims claims;
  uint32_t minutes = 5;
};

void AddToken(CLI::App* key, Outcome& outcome) {
  CLI::App* token = key->add_subcommand("token", "Print a bearer token for administering the trust service");
  token->footer("Example: curl -H \"Authorization: Bearer $(ccctl key token admin.key)\" …");
  const auto flags = std::make_shared<TokenFlags>();
  token->add_option("KEY", flags->key, "Administrator's private key (PEM)")->required();
  token->add_option("--role", flags->claims.role, "Role that the service's rules know")
      ->capture_default_str();
  token->add_option("--issuer", flags->claims.issuer, "Issuer, where the service asks for one");
  token->add_option("--audience", flags->claims.audience, "Audience; \"\" for none")->capture_default_str();
  token->add_option("--minutes", flags->minutes, "How long it is valid")->capture_default_str();
  OnRun(token, outcome, [flags]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const jose::Key admin, owner::LoadAdminKey(flags->key));
    flags->claims.lifetime_seconds = int64_t{flags->minutes} * 60;
    CC_ASSIGN_OR_RETURN(const std::string text,
                        owner::MintAdminToken(admin, flags->claims, std::time(nullptr)));
    Print(StrCat(text, "\n"));
    return absl::OkStatus();
  });
}

}  // namespace

void AddKey(CLI::App& app, Outcome& outcome) {
  CLI::App* key = app.add_subcommand("key", "Make keys; an existing file is never overwritten");
  key->require_subcommand(1)->footer("Example: ccctl key new app.key");

  CLI::App* make = key->add_subcommand("new", "Write a key that images are encrypted to (32 random bytes)");
  make->footer("Example: ccctl key new app.key");
  const auto path = std::make_shared<std::string>();
  make->add_option("FILE", *path, "Where to")->required();
  OnRun(make, outcome, [path] { return owner::NewSymmetricKey(*path); });

  CLI::App* admin =
      key->add_subcommand("admin", "Write an Ed25519 key pair for administering a trust service");
  admin->footer(
      "Writes FILE (private) and FILE.pub, which the service's configuration names in admin.public_keys.\n"
      "Example: ccctl key admin admin.key");
  const auto admin_path = std::make_shared<std::string>();
  admin->add_option("FILE", *admin_path, "Where to")->required();
  OnRun(admin, outcome, [admin_path]() -> absl::Status {
    CC_RETURN_IF_ERROR(owner::NewAdminKey(*admin_path));
    Print(StrCat("private key: ", *admin_path, "\npublic key:  ", *admin_path, ".pub\n"));
    return absl::OkStatus();
  });
  AddToken(key, outcome);
}

void AddKeyProvider(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand(
      "keyprovider", "Key provider for skopeo (1.10 or newer), buildah, nerdctl: wraps, request on stdin");
  command->footer(
      "Example: echo '{\"key-providers\":{\"attestation-agent\":{\"cmd\":{\"path\":\"/usr/bin/ccctl\","
      "\"args\":[\"keyprovider\"]}}}}' > ocicrypt.conf\n"
      "         OCICRYPT_KEYPROVIDER_CONFIG=ocicrypt.conf skopeo copy --encryption-key \\\n"
      "           provider:attestation-agent:keyid=kbs:///default/key/app::keypath=app.key SRC DST");
  const auto provider = std::make_shared<std::string>("attestation-agent");
  command->add_option("--provider", *provider, "This provider's name in ocicrypt.conf")
      ->capture_default_str();
  OnRun(command, outcome, [provider]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const std::string request, ReadInput("-"));
    CC_ASSIGN_OR_RETURN(const std::string answer, owner::WrapKey(request, *provider));
    Print(answer);
    return absl::OkStatus();
  });
}

}  // namespace cc::ccctl
