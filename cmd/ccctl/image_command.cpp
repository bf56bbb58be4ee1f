// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "attest/resource_uri.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "command.h"
#include "owner/image/encrypt.h"
#include "owner/image/location.h"
#include "owner/key_file.h"
#include "progress.h"

namespace cc::ccctl {
namespace {

struct Flags {
  std::string source, destination, key_id, key_file, platform, auth, wrap = "A256GCM";
  std::vector<std::string> plain_http, certificates;
  bool json = false;
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Where `docker login`, `podman login` and `skopeo login` leave credentials.
absl::StatusOr<std::string> FindAuth(const std::string& given) {
  if (!given.empty()) return ReadFile(given);
  if (const std::string path = Environment("REGISTRY_AUTH_FILE"); !path.empty()) return ReadFile(path);
  const std::string runtime = Environment("XDG_RUNTIME_DIR"), home = Environment("HOME");
  for (const std::string& path :
       {StrCat(runtime, "/containers/auth.json"), StrCat(home, "/.docker/config.json")}) {
    if (path.front() == '/' && ::access(path.c_str(), R_OK) == 0) return ReadFile(path);
  }
  return std::string();
}

absl::StatusOr<owner::RegistryOptions> ReadRegistryOptions(const Flags& flags) {
  owner::RegistryOptions options;
  options.plain_http.insert(flags.plain_http.begin(), flags.plain_http.end());
  CC_ASSIGN_OR_RETURN(options.auth_json, FindAuth(flags.auth));
  for (const std::string& path : flags.certificates) {
    CC_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    StrAppend(&options.roots_pem, pem, "\n");
  }
  return options;
}

absl::StatusOr<std::optional<image::Platform>> ParsePlatform(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::vector<std::string_view> parts = StrSplit(text, '/');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].empty()) {
    return absl::InvalidArgumentError(StrCat("--platform '", text, "': expected OS/ARCHITECTURE[/VARIANT]"));
  }
  return image::Platform{std::string(parts[0]), std::string(parts[1]),
                         parts.size() == 3 ? std::string(parts[2]) : std::string()};
}

// The key in the file that was named, or one made there. Without a name it is made in <tag>.key: a key that
// lies there already may be for something else.
absl::StatusOr<SecretBytes> ReadOrMakeKey(const std::string& named, const attest::ResourceUri& id) {
  const std::string path = named.empty() ? StrCat(id.path().substr(id.path().rfind('/') + 1), ".key") : named;
  absl::StatusOr<SecretBytes> key = owner::LoadSymmetricKey(path);
  if (key.ok() && named.empty()) {
    return absl::AlreadyExistsError(StrCat("key ", path, " exists; use it with --key-file ", path));
  }
  if (!absl::IsNotFound(key.status())) return key;
  CC_RETURN_IF_ERROR(owner::NewSymmetricKey(path));
  std::cerr << "made a new key in " << path
            << "; give it to the trust service with\n  ccctl trustee resource put " << id.path() << " "
            << path << "\n";
  return owner::LoadSymmetricKey(path);
}

std::string InWords(const owner::EncryptReport& report, const Flags& flags) {
  std::string out = StrCat("encrypted ", flags.destination, "\n  digest   ", report.digest, "\n  key      ",
                           flags.key_id, "\n");
  for (const auto& image : report.images) {
    StrAppend(&out, "  image    ", image.platform.empty() ? "" : StrCat(image.platform, ": "), image.layers,
              " layers, ", image.digest, "\n");
  }
  for (const std::string& digest : report.left_out) {
    StrAppend(&out, "  left out ", digest, " (an attestation about the plain image)\n");
  }
  return out;
}

std::string InJson(const owner::EncryptReport& report, const Flags& flags) {
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  for (const auto& image : report.images) {
    images.push_back({{"platform", image.platform}, {"digest", image.digest}, {"layers", image.layers}});
  }
  return nlohmann::ordered_json{{"destination", flags.destination},
                                {"digest", report.digest},
                                {"key", flags.key_id},
                                {"images", images},
                                {"left_out", report.left_out},
                                {"bytes", report.bytes}}
             .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

absl::Status Encrypt(const Flags& flags) {
  CC_ASSIGN_OR_RETURN(const owner::ImageLocation from, owner::ImageLocation::Parse(flags.source));
  CC_ASSIGN_OR_RETURN(const owner::ImageLocation to, owner::ImageLocation::Parse(flags.destination));
  CC_ASSIGN_OR_RETURN(const owner::RegistryOptions registry, ReadRegistryOptions(flags));
  CC_ASSIGN_OR_RETURN(const auto source, owner::OpenSource(from, registry));
  CC_ASSIGN_OR_RETURN(const auto destination, owner::OpenDestination(to, registry));
  owner::EncryptRequest request;
  CC_ASSIGN_OR_RETURN(request.key_id, attest::ResourceUri::Parse(flags.key_id));
  CC_ASSIGN_OR_RETURN(request.wrap, attest::ParseWrapType(flags.wrap));
  CC_ASSIGN_OR_RETURN(request.platform, ParsePlatform(flags.platform));
  CC_ASSIGN_OR_RETURN(const SecretBytes key, ReadOrMakeKey(flags.key_file, request.key_id));
  request.key = key.view();
  if (const std::string directory = Environment("TMPDIR"); !directory.empty()) {
    request.scratch_directory = directory;
  }
  absl::StatusOr<owner::EncryptReport> report = absl::UnknownError("");
  {
    ProgressLine line;
    request.progress = [&line](const owner::EncryptProgress& progress) {
      line.Show(StrCat(progress.layers_done, " of ", progress.layers, " layers, ", progress.bytes_done >> 20,
                       " of ", progress.bytes >> 20, " MiB encrypted"));
    };
    report = owner::EncryptImage(*source, *destination, request, {});
  }
  if (!report.ok()) return Annotate(report.status(), StrCat("encrypt ", flags.source));
  Print(flags.json ? InJson(*report, flags) : InWords(*report, flags));
  return absl::OkStatus();
}

}  // namespace

void AddImage(CLI::App& app, Outcome& outcome) {
  CLI::App* image = app.add_subcommand("image", "Images whose layers only attested guests can read");
  image->require_subcommand(1)->footer(
      "Example: ccctl image encrypt docker://docker.io/library/nginx:1.27 oci:/tmp/nginx:enc --key "
      "kbs:///default/key/app");
  CLI::App* encrypt = image->add_subcommand("encrypt", "Copy an image with its layers encrypted");
  encrypt->footer(
      "SRC and DST are oci:DIR[:TAG] or docker://REGISTRY/NAME:TAG. Entry point, environment and layer sizes "
      "stay readable.\n"
      "Example: ccctl image encrypt docker://docker.io/library/nginx:1.27 oci:/tmp/nginx:enc \\\n"
      "           --key kbs:///default/key/app --key-file app.key --platform linux/arm64");
  const auto flags = std::make_shared<Flags>();
  encrypt->add_option("SRC", flags->source, "The plain image")->required();
  encrypt->add_option("DST", flags->destination, "Where the encrypted one goes")->required();
  encrypt->add_option("--key", flags->key_id, "The key's name at the trust service, kbs:///REPO/TYPE/TAG")
      ->required();
  encrypt->add_option("--key-file", flags->key_file,
                      "The key (32 bytes), made when the file is absent; without it TAG.key is made");
  encrypt->add_option("--platform", flags->platform, "Of an index only this, e.g. linux/arm64; else all");
  encrypt
      ->add_option("--plain-http", flags->plain_http,
                   "Registry (host:port) to speak to without TLS; may be repeated")
      ->allow_extra_args(false);
  encrypt
      ->add_option("--certificate", flags->certificates,
                   "PEM file of a registry's private CA; may be repeated")
      ->allow_extra_args(false);
  encrypt->add_option("--auth", flags->auth, "Registry credentials, as `docker login` writes them");
  encrypt
      ->add_option("--wrap", flags->wrap, "How the layer keys are wrapped: A256GCM or A256CTR (no integrity)")
      ->capture_default_str();
  encrypt->add_flag("--json", flags->json, "Print the result as JSON");
  OnRun(encrypt, outcome, [flags] { return Encrypt(*flags); });
}

}  // namespace cc::ccctl
