// SPDX-License-Identifier: Apache-2.0
#include "image/auth_file.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

std::string EncodeBase64(std::string_view data) {
  std::string out((data.size() + 2) / 3 * 4 + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded.push_back('=');
  std::string out(padded.size() / 4 * 3 + 1, '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (n < 0 || padded.ends_with("===")) return std::nullopt;
  out.resize(static_cast<size_t>(n) - (padded.ends_with("==") ? 2 : padded.ends_with("=") ? 1 : 0));
  return out;
}

// "https://index.docker.io/v1/" and "registry.example/" as plain names.
std::string NormaliseKey(std::string_view key) {
  if (const size_t scheme = key.find("://"); scheme != std::string_view::npos) {
    key.remove_prefix(scheme + 3);
    key = SplitOnce(key, '/').first;
  }
  while (key.ends_with("/")) key.remove_suffix(1);
  const SplitPair parts = SplitOnce(key, '/');
  std::string host = ToLower(parts.first);
  if (host == "index.docker.io" || host == "registry-1.docker.io") host = "docker.io";
  return parts.found ? StrCat(host, "/", parts.second) : host;
}

}  // namespace

std::string Credentials::Basic() const { return "Basic " + EncodeBase64(user + ":" + password); }

absl::StatusOr<AuthFile> AuthFile::Parse(std::string_view text) {
  const auto bad = [](std::string_view why) {
    return absl::InvalidArgumentError(StrCat("registry credentials (auth.json): ", why));
  };
  const nlohmann::json json =
      nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return bad("not a JSON object");
  AuthFile file;
  const auto auths = json.find("auths");
  if (auths == json.end() || auths->is_null()) return file;
  if (!auths->is_object()) return bad("'auths' is not an object");
  for (const auto& [key, value] : auths->items()) {
    if (!value.is_object()) return bad(StrCat("entry '", key, "' is not an object"));
    const auto auth = value.find("auth");
    if (auth == value.end() || !auth->is_string()) continue;  // credential helpers have none here
    const std::optional<std::string> decoded = DecodeBase64(auth->get<std::string>());
    const SplitPair parts = decoded ? SplitOnce(*decoded, ':') : SplitPair{};
    if (!parts.found) return bad(StrCat("entry '", key, "' is not the base64 form of user:password"));
    file.entries_.insert_or_assign(NormaliseKey(key),
                                   Credentials{std::string(parts.first), std::string(parts.second)});
  }
  return file;
}

std::optional<Credentials> AuthFile::Find(const Reference& reference) const {
  std::string key = reference.Name();
  while (true) {
    if (const auto found = entries_.find(key); found != entries_.end()) return found->second;
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos) return std::nullopt;
    key.resize(slash);
  }
}

}  // namespace cc::image
