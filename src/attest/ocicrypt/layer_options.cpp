// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/layer_options.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"
#include "jose/openssl.h"

namespace cc::attest {
namespace {

constexpr size_t kMaxJson = 16 << 10;

absl::StatusOr<nlohmann::json> ParseOptions(std::string_view json, std::string_view what) {
  if (json.size() > kMaxJson)
    return absl::InvalidArgumentError(StrCat(what, ": longer than ", kMaxJson, " bytes"));
  return jose::ParseJsonObject(json, what);
}

absl::StatusOr<std::string> Bytes(const nlohmann::json& object, const std::string& key, size_t size,
                                  std::string_view what) {
  CC_ASSIGN_OR_RETURN(std::string text, jose::StringMember(object, key, what));
  absl::StatusOr<std::string> bytes = jose::Base64Decode(text);
  jose::Cleanse(text);
  if (!bytes.ok() || bytes->size() != size) {
    return absl::InvalidArgumentError(StrCat(what, ": '", key, "' must be ", size, " bytes in base64"));
  }
  return bytes;
}

// Go writes no cipheroptions, or null, when there are none.
absl::StatusOr<std::string> Nonce(const nlohmann::json& object, std::string_view what) {
  const auto options = object.find("cipheroptions");
  if (options == object.end() || options->is_null()) return std::string();
  if (!options->is_object())
    return absl::InvalidArgumentError(StrCat(what, ": 'cipheroptions' must be an object"));
  if (!options->contains("nonce")) return std::string();
  return Bytes(*options, "nonce", kLayerNonceSize, what);
}

nlohmann::ordered_json CipherOptions(const std::string& nonce) {
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  if (!nonce.empty()) options["nonce"] = jose::Base64Encode(nonce);
  return options;
}

}  // namespace

absl::StatusOr<PublicLayerOptions> ParsePublicLayerOptions(std::string_view json) {
  constexpr std::string_view kWhat = "public options of the encrypted layer";
  CC_ASSIGN_OR_RETURN(const nlohmann::json object, ParseOptions(json, kWhat));
  CC_ASSIGN_OR_RETURN(const std::string cipher, jose::StringMember(object, "cipher", kWhat));
  if (cipher != kLayerCipher) {
    return absl::InvalidArgumentError(
        StrCat(kWhat, ": cipher '", cipher.substr(0, 64), "' is not supported, only ", kLayerCipher));
  }
  PublicLayerOptions options;
  CC_ASSIGN_OR_RETURN(options.hmac, Bytes(object, "hmac", kLayerHmacSize, kWhat));
  CC_ASSIGN_OR_RETURN(options.nonce, Nonce(object, kWhat));
  return options;
}

absl::StatusOr<PrivateLayerOptions> ParsePrivateLayerOptions(std::string_view json) {
  constexpr std::string_view kWhat = "private options of the encrypted layer";
  CC_ASSIGN_OR_RETURN(const nlohmann::json object, ParseOptions(json, kWhat));
  PrivateLayerOptions options;
  CC_ASSIGN_OR_RETURN(std::string key, Bytes(object, "symkey", kLayerKeySize, kWhat));
  options.key = SecretBytes(std::move(key));
  CC_ASSIGN_OR_RETURN(options.nonce, Nonce(object, kWhat));
  CC_ASSIGN_OR_RETURN(options.digest, jose::StringMember(object, "digest", kWhat));
  const std::string_view digest = options.digest;
  if (!digest.empty() &&
      (!digest.starts_with("sha256:") || digest.size() != 71 || !jose::FromHex(digest.substr(7)).ok())) {
    return absl::InvalidArgumentError(StrCat(kWhat, ": 'digest' must be sha256:<64 hex digits>"));
  }
  return options;
}

std::string ToJson(const PublicLayerOptions& options) {
  return nlohmann::ordered_json{{"cipher", kLayerCipher},
                                {"hmac", jose::Base64Encode(options.hmac)},
                                {"cipheroptions", CipherOptions(options.nonce)}}
      .dump();
}

SecretBytes ToJson(const PrivateLayerOptions& options) {
  nlohmann::ordered_json json{{"symkey", jose::Base64Encode(options.key.view())},
                              {"digest", options.digest},
                              {"cipheroptions", CipherOptions(options.nonce)}};
  SecretBytes text(json.dump());
  jose::Cleanse(json["symkey"].get_ref<std::string&>());
  return text;
}

}  // namespace cc::attest
