// SPDX-License-Identifier: Apache-2.0
#include "jose/jwe.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"
#include "jose/key_wrap.h"
#include "jose/openssl.h"

namespace cc::jose {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kCekSize = 32;
constexpr size_t kIvSize = 12;

absl::StatusOr<std::string> Part(const json& object, const char* name) {
  CC_ASSIGN_OR_RETURN(const std::string text, StringMember(object, name, "JWE"));
  absl::StatusOr<std::string> bytes = Base64UrlDecode(text);
  if (!bytes.ok()) return Annotate(bytes.status(), StrCat("JWE: member '", name, "'"));
  return bytes;
}

// The sender's ephemeral key of an ECDH-ES header.
absl::StatusOr<Key> EphemeralKey(const json& header, const Key& private_key) {
  const auto epk = header.find("epk");
  if (epk == header.end()) return absl::InvalidArgumentError("JWE header: member 'epk' is missing");
  absl::StatusOr<Key> key = Key::FromJwk(*epk);
  if (!key.ok()) return Annotate(key.status(), "JWE header: member 'epk'");
  if (key->type() != private_key.type()) {
    return absl::PermissionDeniedError(StrCat("JWE header: 'epk' is a ", KeyTypeName(key->type()),
                                              " key, the recipient's is ", KeyTypeName(private_key.type())));
  }
  return key;
}

absl::StatusOr<std::string> UnwrapKey(const Key& key, KeyAlgorithm algorithm, const json& header,
                                      std::string_view wrapped) {
  if (algorithm == KeyAlgorithm::kRsaOaep256) return UnwrapRsaOaep256(key, wrapped);
  CC_ASSIGN_OR_RETURN(const Key ephemeral, EphemeralKey(header, key));
  // Party names would enter the key derivation; nobody of this protocol sends them.
  if (header.contains("apu") || header.contains("apv")) {
    return absl::InvalidArgumentError("JWE header: 'apu' and 'apv' are not supported");
  }
  CC_ASSIGN_OR_RETURN(std::string kek, AgreeEcdhEsA256Kw(key, ephemeral));
  absl::StatusOr<std::string> cek = UnwrapAes256(kek, wrapped);
  Cleanse(kek);
  return cek;
}

}  // namespace

std::string_view KeyAlgorithmName(KeyAlgorithm algorithm) {
  return algorithm == KeyAlgorithm::kRsaOaep256 ? "RSA-OAEP-256" : "ECDH-ES+A256KW";
}

absl::StatusOr<KeyAlgorithm> ParseKeyAlgorithm(std::string_view name) {
  if (name == "RSA-OAEP-256") return KeyAlgorithm::kRsaOaep256;
  if (name == "ECDH-ES+A256KW") return KeyAlgorithm::kEcdhEsA256Kw;
  return absl::InvalidArgumentError(StrCat("key algorithm '", name.substr(0, 32),
                                           "' is not supported: use RSA-OAEP-256 or ECDH-ES+A256KW"));
}

absl::Status CheckKeyAlgorithm(const Key& key, KeyAlgorithm algorithm) {
  const bool fits = algorithm == KeyAlgorithm::kRsaOaep256
                        ? key.type() == KeyType::kRsa
                        : key.type() == KeyType::kP256 || key.type() == KeyType::kP521;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("JWE: a ", KeyTypeName(key.type()), " key does not fit ", KeyAlgorithmName(algorithm),
             algorithm == KeyAlgorithm::kRsaOaep256 ? " (RSA)" : " (P-256 or P-521)"));
}

absl::StatusOr<std::string> EncryptFlattened(const Key& recipient, KeyAlgorithm algorithm,
                                             std::string_view plaintext) {
  CC_RETURN_IF_ERROR(CheckKeyAlgorithm(recipient, algorithm));
  std::string cek = RandomBytes(kCekSize);
  const std::string iv = RandomBytes(kIvSize);

  ordered_json header = {{"alg", KeyAlgorithmName(algorithm)}, {"enc", "A256GCM"}};
  absl::StatusOr<std::string> wrapped;
  if (algorithm == KeyAlgorithm::kRsaOaep256) {
    wrapped = WrapRsaOaep256(recipient, cek);
  } else {
    CC_ASSIGN_OR_RETURN(const Key ephemeral, Key::Generate(recipient.type()));
    const json epk = ephemeral.PublicJwk();
    header["epk"] = ordered_json{{"crv", epk["crv"].get<std::string>()},
                                 {"kty", epk["kty"].get<std::string>()},
                                 {"x", epk["x"].get<std::string>()},
                                 {"y", epk["y"].get<std::string>()}};
    CC_ASSIGN_OR_RETURN(std::string kek, AgreeEcdhEsA256Kw(ephemeral, recipient));
    wrapped = WrapAes256(kek, cek);
    Cleanse(kek);
  }
  CC_RETURN_IF_ERROR(wrapped.status());

  const std::string protected_text = Base64UrlEncode(header.dump());
  absl::StatusOr<Sealed> sealed = SealAes256Gcm(cek, iv, protected_text, plaintext);
  Cleanse(cek);
  CC_RETURN_IF_ERROR(sealed.status());
  const ordered_json out = {{"protected", protected_text},
                            {"encrypted_key", Base64UrlEncode(*wrapped)},
                            {"iv", Base64UrlEncode(iv)},
                            {"ciphertext", Base64UrlEncode(sealed->ciphertext)},
                            {"tag", Base64UrlEncode(sealed->tag)}};
  return out.dump();
}

absl::StatusOr<std::string> DecryptFlattened(const Key& private_key, KeyAlgorithm algorithm,
                                             std::string_view json_text) {
  CC_RETURN_IF_ERROR(CheckKeyAlgorithm(private_key, algorithm));
  CC_ASSIGN_OR_RETURN(const json message, ParseJsonObject(json_text, "JWE"));
  CC_ASSIGN_OR_RETURN(std::string aad, StringMember(message, "protected", "JWE"));
  CC_ASSIGN_OR_RETURN(const std::string header_text, Part(message, "protected"));
  CC_ASSIGN_OR_RETURN(const json header, ParseJsonObject(header_text, "JWE header"));
  CC_ASSIGN_OR_RETURN(const std::string alg, StringMember(header, "alg", "JWE header"));
  CC_ASSIGN_OR_RETURN(const std::string enc, StringMember(header, "enc", "JWE header"));
  if (alg != KeyAlgorithmName(algorithm) || enc != "A256GCM") {
    return absl::PermissionDeniedError(StrCat("JWE: made with '", alg.substr(0, 32), "' and '",
                                              enc.substr(0, 32), "', expected ", KeyAlgorithmName(algorithm),
                                              " and A256GCM"));
  }
  if (header.contains("crit") || header.contains("zip")) {
    return absl::PermissionDeniedError("JWE: the header has extensions (crit, zip), none is understood");
  }
  CC_ASSIGN_OR_RETURN(const std::string wrapped, Part(message, "encrypted_key"));
  CC_ASSIGN_OR_RETURN(const std::string iv, Part(message, "iv"));
  Sealed sealed;
  CC_ASSIGN_OR_RETURN(sealed.ciphertext, Part(message, "ciphertext"));
  CC_ASSIGN_OR_RETURN(sealed.tag, Part(message, "tag"));
  if (const auto extra = message.find("aad"); extra != message.end() && !extra->is_null()) {
    CC_ASSIGN_OR_RETURN(const std::string text, StringMember(message, "aad", "JWE"));
    if (!text.empty()) StrAppend(&aad, ".", text);
  }
  CC_ASSIGN_OR_RETURN(std::string cek, UnwrapKey(private_key, algorithm, header, wrapped));
  if (cek.size() != kCekSize) {
    Cleanse(cek);
    return absl::PermissionDeniedError("JWE: the content key has not 32 bytes");
  }
  absl::StatusOr<std::string> plaintext = OpenAes256Gcm(cek, iv, aad, sealed);
  Cleanse(cek);
  if (!plaintext.ok()) return Annotate(plaintext.status(), "JWE");
  return plaintext;
}

}  // namespace cc::jose
