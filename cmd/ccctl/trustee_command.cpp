// SPDX-License-Identifier: Apache-2.0
// ccctl trustee: everything an owner tells or asks a trust service.
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "attest/resource_uri.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "command.h"
#include "jose/json.h"
#include "owner/admin_token.h"
#include "owner/ear_token.h"
#include "owner/key_file.h"
#include "owner/reference_values.h"
#include "owner/resource_reader.h"
#include "owner/trustee_client.h"

namespace cc::ccctl {
namespace {

using nlohmann::json;
using Client = std::unique_ptr<owner::TrusteeClient>;

// How the service is reached; the same for all commands.
struct Service {
  std::string url = "http://127.0.0.1:8080";
  std::string admin_key, admin_token, certificate;
  owner::AdminClaims claims;

  absl::StatusOr<std::string> Roots() const {
    return certificate.empty() ? std::string() : ReadFile(certificate);
  }
  absl::StatusOr<Client> Connect() const {
    owner::TrusteeOptions options{.url = url, .token = {}, .roots_pem = {}};
    CC_ASSIGN_OR_RETURN(options.roots_pem, Roots());
    if (!admin_token.empty()) {
      CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(admin_token));
      options.token = StrTrim(text);
    } else if (!admin_key.empty()) {
      CC_ASSIGN_OR_RETURN(const jose::Key key, owner::LoadAdminKey(admin_key));
      CC_ASSIGN_OR_RETURN(options.token, owner::MintAdminToken(key, claims, std::time(nullptr)));
    }
    return owner::TrusteeClient::Create(std::move(options));
  }
};
using ServicePtr = std::shared_ptr<Service>;

// "kbs:///a/b/c" or "a/b/c".
absl::StatusOr<attest::ResourceUri> ParseResource(const std::string& text) {
  return text.find("://") == std::string::npos ? attest::ResourceUri::FromPath(text)
                                               : attest::ResourceUri::Parse(text);
}

struct GetFlags {
  std::string resource, token, tee_key, out;
  bool insecure_sample = false;
};

absl::Status GetResource(const Service& service, const GetFlags& flags) {
  CC_ASSIGN_OR_RETURN(const attest::ResourceUri uri, ParseResource(flags.resource));
  attest::HttpOptions http;
  CC_ASSIGN_OR_RETURN(http.roots_pem, service.Roots());
  absl::StatusOr<SecretBytes> resource = absl::UnknownError("");
  if (flags.token.empty() != flags.tee_key.empty()) {
    return absl::InvalidArgumentError("--token and --tee-key belong together");
  }
  if (flags.token.empty()) {
    std::optional<attest::AllowSampleEvidence> sample;
    if (flags.insecure_sample) sample.emplace();
    resource = owner::ReadAsGuest(service.url, http, uri, sample);
  } else {
    CC_ASSIGN_OR_RETURN(const std::string token, ReadFile(flags.token));
    CC_ASSIGN_OR_RETURN(const jose::Key key, owner::LoadAdminKey(flags.tee_key));
    resource = owner::ReadWithToken(service.url, http, uri, token, key);
  }
  if (!resource.ok()) return resource.status();
  if (!flags.out.empty()) return WriteFileAtomic(flags.out, resource->view(), 0600);
  Print(resource->view());
  return absl::OkStatus();
}

void AddResource(CLI::App* trustee, const ServicePtr& service, Outcome& outcome) {
  CLI::App* group = trustee->add_subcommand("resource", "Keys and secrets that attested guests may fetch");
  group->require_subcommand(1)->fallthrough()->footer(
      "Example: ccctl trustee --admin-key admin.key resource put default/key/app app.key");

  struct PutFlags {
    std::string resource, file;
  };
  CLI::App* put = group->add_subcommand("put", "Store a resource, replacing what has its name");
  put->fallthrough()->footer(
      "Example: ccctl trustee --admin-key admin.key resource put default/key/app app.key");
  const auto put_flags = std::make_shared<PutFlags>();
  put->add_option("RESOURCE", put_flags->resource, "REPO/TYPE/TAG or kbs:///REPO/TYPE/TAG")->required();
  put->add_option("FILE", put_flags->file, "Its bytes; - is standard input")->required();
  OnRun(put, outcome, [service, put_flags]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const attest::ResourceUri uri, ParseResource(put_flags->resource));
    CC_ASSIGN_OR_RETURN(std::string text, ReadInput(put_flags->file));
    const SecretBytes bytes(std::move(text));
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    return client->PutResource(uri, bytes.view());
  });

  CLI::App* get =
      group->add_subcommand("get", "Fetch a resource as a guest would, by attesting this machine");
  get->fallthrough()->footer(
      "Example: ccctl trustee resource get default/key/app --token token.jwt --tee-key tee.pem --out "
      "app.key");
  const auto get_flags = std::make_shared<GetFlags>();
  get->add_option("RESOURCE", get_flags->resource, "REPO/TYPE/TAG or kbs:///REPO/TYPE/TAG")->required();
  get->add_option("--token", get_flags->token, "Use this attestation token instead of attesting");
  get->add_option("--tee-key", get_flags->tee_key, "The private key (PEM) that the token names");
  get->add_flag("--insecure-sample", get_flags->insecure_sample,
                "Without a TEE show evidence that proves nothing (development)");
  get->add_option("--out", get_flags->out, "Write to this file (0600) instead of standard output");
  OnRun(get, outcome, [service, get_flags] { return GetResource(*service, *get_flags); });

  CLI::App* remove = group->add_subcommand("delete", "Remove a resource");
  remove->fallthrough()->footer(
      "Example: ccctl trustee --admin-key admin.key resource delete default/key/app");
  const auto name = std::make_shared<std::string>();
  remove->add_option("RESOURCE", *name, "REPO/TYPE/TAG or kbs:///REPO/TYPE/TAG")->required();
  OnRun(remove, outcome, [service, name]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const attest::ResourceUri uri, ParseResource(*name));
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    return client->DeleteResource(uri);
  });
}

void AddPolicies(CLI::App* trustee, const ServicePtr& service, Outcome& outcome) {
  CLI::App* resource = trustee->add_subcommand("resource-policy", "Which guests get which resources (Rego)");
  resource->require_subcommand(1)->fallthrough();
  CLI::App* set = resource->add_subcommand("set", "Replace the resource policy");
  set->fallthrough()->footer("Example: ccctl trustee --admin-key admin.key resource-policy set policy.rego");
  const auto file = std::make_shared<std::string>();
  set->add_option("FILE", *file, "Rego; - is standard input")->required();
  OnRun(set, outcome, [service, file]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const std::string rego, ReadInput(*file));
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    return client->SetResourcePolicy(rego);
  });
  CLI::App* show =
      resource->add_subcommand("show", "List the resource policies; the protocol gives their ids");
  show->fallthrough()->footer("Example: ccctl trustee --admin-key admin.key resource-policy show --json");
  const auto as_json = std::make_shared<bool>(false);
  show->add_flag("--json", *as_json, "Print a JSON list");
  OnRun(show, outcome, [service, as_json]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    CC_ASSIGN_OR_RETURN(const std::vector<std::string> ids, client->ListResourcePolicies());
    Print(*as_json ? StrCat(json(ids).dump(), "\n") : StrCat(StrJoin(ids, "\n"), ids.empty() ? "" : "\n"));
    return absl::OkStatus();
  });

  struct AttestationFlags {
    std::string file, id = "default_cpu";
  };
  CLI::App* attestation = trustee->add_subcommand("attestation-policy", "What evidence is worth (Rego)");
  attestation->require_subcommand(1)->fallthrough();
  CLI::App* set_attestation = attestation->add_subcommand("set", "Replace an attestation policy");
  set_attestation->fallthrough()->footer(
      "Example: ccctl trustee --admin-key admin.key attestation-policy set cpu.rego --id default_cpu");
  const auto flags = std::make_shared<AttestationFlags>();
  set_attestation->add_option("FILE", flags->file, "Rego; - is standard input")->required();
  set_attestation->add_option("--id", flags->id, "NAME_CLASS, of a class of TEEs")->capture_default_str();
  OnRun(set_attestation, outcome, [service, flags]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const std::string rego, ReadInput(flags->file));
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    return client->SetAttestationPolicy(flags->id, rego);
  });
}

absl::Status Register(const Service& service, const json& values) {
  CC_ASSIGN_OR_RETURN(const std::string message, owner::ReferenceValueMessage(values));
  CC_ASSIGN_OR_RETURN(const Client client, service.Connect());
  CC_RETURN_IF_ERROR(client->RegisterReferenceValues(message));
  for (const auto& [name, value] : values.items()) {
    Print(StrCat("endorsed ", name, " = ", value.dump(-1, ' ', false, json::error_handler_t::replace), "\n"));
  }
  return absl::OkStatus();
}

struct SetFlags {
  std::string name, value;
  bool text = false;
};

void AddReferenceValue(CLI::App* trustee, const ServicePtr& service, Outcome& outcome) {
  CLI::App* group = trustee->add_subcommand("reference-value", "Single values that policies compare with");
  group->require_subcommand(1)->fallthrough();
  CLI::App* set = group->add_subcommand("set", "Register a value, replacing what has its name");
  set->fallthrough()->footer(
      "VALUE is JSON where it reads as JSON, else a text.\n"
      "Example: ccctl trustee --admin-key admin.key reference-value set svn '[\"1\"]'");
  const auto flags = std::make_shared<SetFlags>();
  set->add_option("NAME", flags->name, "The name that the policy asks for")->required();
  set->add_option("VALUE", flags->value, "The value")->required();
  set->add_flag("--string", flags->text, "Take VALUE as a text even where it reads as JSON");
  OnRun(set, outcome, [service, flags]() -> absl::Status {
    const absl::StatusOr<json> value = jose::ParseJson(flags->value, "value");
    return Register(*service, {{flags->name, flags->text || !value.ok() ? json(flags->value) : *value}});
  });
  CLI::App* get = group->add_subcommand("get", "Print a value as JSON");
  get->fallthrough()->footer("Example: ccctl trustee --admin-key admin.key reference-value get svn");
  const auto name = std::make_shared<std::string>();
  get->add_option("NAME", *name, "Its name")->required();
  OnRun(get, outcome, [service, name]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    CC_ASSIGN_OR_RETURN(const std::string value, client->GetReferenceValue(*name));
    Print(StrCat(value, "\n"));
    return absl::OkStatus();
  });
}

// What is registered already, united with `values`.
absl::StatusOr<json> UniteWithRegistered(const Service& service, json values) {
  CC_ASSIGN_OR_RETURN(const Client client, service.Connect());
  for (auto& [name, value] : values.items()) {
    const absl::StatusOr<std::string> existing = client->GetReferenceValue(name);
    if (absl::IsNotFound(existing.status())) continue;
    if (!existing.ok()) return existing.status();
    CC_ASSIGN_OR_RETURN(const json before, jose::ParseJson(*existing, StrCat("reference value ", name)));
    value = owner::UniteValues(before, value);
  }
  return values;
}

struct EndorseFlags {
  std::vector<std::string> words;
  bool add = false;
};

void AddEndorse(CLI::App* trustee, const ServicePtr& service, Outcome& outcome) {
  CLI::App* endorse = trustee->add_subcommand("endorse", "Register what `ccctl measure` says of a guest");
  endorse->fallthrough()->footer(
      "Example: ccctl measure --config config.toml --json > guest.json\n"
      "         ccctl trustee --admin-key admin.key endorse guest.json\n"
      "         ccctl trustee --admin-key admin.key endorse --add launch_digest abcde");
  const auto flags = std::make_shared<EndorseFlags>();
  endorse->add_option("WHAT", flags->words, "FILE (- is standard input), or NAME VALUE pairs of texts")
      ->required();
  endorse->add_flag("--add", flags->add, "Beside what is endorsed already, instead of in its place");
  OnRun(endorse, outcome, [service, flags]() -> absl::Status {
    absl::StatusOr<json> values = absl::UnknownError("");
    if (flags->words.size() == 1) {
      CC_ASSIGN_OR_RETURN(const std::string document, ReadInput(flags->words.front()));
      values = owner::ValuesOfMeasurement(document);
    } else {
      values = owner::ValuesOfPairs(flags->words);
    }
    if (values.ok() && flags->add) values = UniteWithRegistered(*service, *std::move(values));
    if (!values.ok()) return values.status();
    return Register(*service, *values);
  });
}

struct TokenFlags {
  std::string file = "-", jwks;
  bool verify = false, as_json = false;
};

absl::Status ShowToken(const Service& service, const TokenFlags& flags) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadInput(flags.file));
  std::optional<std::string> jwks;
  if (!flags.jwks.empty()) {
    CC_ASSIGN_OR_RETURN(jwks, ReadFile(flags.jwks));
  } else if (flags.verify) {
    CC_ASSIGN_OR_RETURN(const Client client, service.Connect());
    CC_ASSIGN_OR_RETURN(jwks, client->KeySet());
  }
  CC_ASSIGN_OR_RETURN(const owner::EarToken token, owner::ReadEarToken(text, jwks));
  const json document = {{"verified", token.verified}, {"header", token.header}, {"claims", token.claims}};
  Print(flags.as_json ? StrCat(document.dump(2, ' ', false, json::error_handler_t::replace), "\n")
                      : owner::DescribeEarToken(token, std::time(nullptr)));
  return absl::OkStatus();
}

void AddWhy(CLI::App* trustee, const ServicePtr& service, Outcome& outcome) {
  struct ExplainFlags {
    std::string session;
    bool as_json = false;
  };
  CLI::App* explain = trustee->add_subcommand("explain", "Why a session was refused or allowed, in words");
  explain->fallthrough()->footer(
      "Example: ccctl trustee --admin-key admin.key explain 3f9a…   (from the service's log)");
  const auto explain_flags = std::make_shared<ExplainFlags>();
  explain->add_option("SESSION", explain_flags->session, "The session's label in the log")->required();
  explain->add_flag("--json", explain_flags->as_json, "Print evidence and decisions as JSON");
  OnRun(explain, outcome, [service, explain_flags]() -> absl::Status {
    CC_ASSIGN_OR_RETURN(const Client client, service->Connect());
    CC_ASSIGN_OR_RETURN(const std::string body, client->Explain(explain_flags->session));
    CC_ASSIGN_OR_RETURN(const json document, jose::ParseJsonObject(body, "explanation"));
    if (explain_flags->as_json) {
      Print(StrCat(document.dump(2, ' ', false, json::error_handler_t::replace), "\n"));
      return absl::OkStatus();
    }
    CC_ASSIGN_OR_RETURN(const std::string words, jose::StringMember(document, "text", "explanation"));
    Print(words);
    return absl::OkStatus();
  });

  CLI::App* token = trustee->add_subcommand("token", "Show what an attestation token (EAR) says");
  token->fallthrough()->footer("Example: ccctl trustee token token.jwt --verify");
  const auto flags = std::make_shared<TokenFlags>();
  token->add_option("FILE", flags->file, "The token; - is standard input")->capture_default_str();
  token->add_option("--jwks", flags->jwks, "Verify its signature with these keys");
  token->add_flag("--verify", flags->verify, "Verify its signature with the keys that the service publishes");
  token->add_flag("--json", flags->as_json, "Print header and claims as JSON");
  OnRun(token, outcome, [service, flags] { return ShowToken(*service, *flags); });
}

}  // namespace

void AddTrustee(CLI::App& app, Outcome& outcome) {
  CLI::App* trustee = app.add_subcommand("trustee", "Keys, policies and endorsements at a trust service");
  trustee->require_subcommand(1);
  trustee->footer(
      "Example: ccctl trustee --url https://trust.example:8080 --admin-key admin.key resource-policy show");
  const auto service = std::make_shared<Service>();
  trustee->add_option("--url", service->url, "The service")->envname("CC_TRUSTEE_URL")->capture_default_str();
  trustee
      ->add_option("--admin-key", service->admin_key,
                   "Administrator's private key (PEM); a token is made of it")
      ->envname("CC_TRUSTEE_ADMIN_KEY");
  trustee->add_option("--admin-token", service->admin_token, "File with a token, instead of a key");
  trustee->add_option("--certificate", service->certificate, "PEM file; the only roots then trusted");
  trustee->add_option("--role", service->claims.role, "Role in the token")->capture_default_str();
  trustee->add_option("--issuer", service->claims.issuer, "Issuer in the token");
  trustee->add_option("--audience", service->claims.audience, "Audience in the token")->capture_default_str();
  AddResource(trustee, service, outcome);
  AddPolicies(trustee, service, outcome);
  AddReferenceValue(trustee, service, outcome);
  AddEndorse(trustee, service, outcome);
  AddWhy(trustee, service, outcome);
}

}  // namespace cc::ccctl
