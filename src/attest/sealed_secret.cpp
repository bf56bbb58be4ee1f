// SPDX-License-Identifier: Apache-2.0
#include "attest/sealed_secret.h"

#include <fcntl.h>

#include <array>
#include <nlohmann/json.hpp>

#include "attest/wrap.h"
#include "base/beneath.h"
#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"
#include "jose/jws.h"
#include "jose/key_wrap.h"

namespace cc::attest {
namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "sealed secret";
constexpr std::string_view kPrefix = "sealed.";
constexpr std::string_view kVersion = "0.1.0";
constexpr std::string_view kProvider = "kbs";
constexpr size_t kMaxSize = size_t{2} << 20;

absl::StatusOr<std::string> ReadKeyFile(const std::string& directory, const std::string& name) {
  CC_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(directory, O_PATH | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(const UniqueFd file, OpenBeneath(root.get(), name, O_RDONLY));
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() <= 64 << 10) {
    CC_ASSIGN_OR_RETURN(const size_t size, ReadSome(file.get(), buffer));
    if (size == 0) return text;
    text.append(buffer.data(), size);
  }
  return absl::InvalidArgumentError(StrCat(name, " is too long for a key"));
}

absl::StatusOr<jose::Key> VerificationKey(const std::string& kid, ResourceSource& resources,
                                          const UnsealOptions& options) {
  SecretBytes text;
  if (const absl::StatusOr<ResourceUri> uri = ResourceUri::Parse(kid); uri.ok()) {
    CC_ASSIGN_OR_RETURN(text, resources.Get(*uri));
  } else {
    CC_ASSIGN_OR_RETURN(std::string file, ReadKeyFile(options.key_directory, kid));
    text = SecretBytes(std::move(file));
  }
  CC_ASSIGN_OR_RETURN(jose::Key key, jose::Key::FromJwkText(text.view()));
  if (key.type() == jose::KeyType::kP256) return key;
  return absl::PermissionDeniedError(
      StrCat("the key is of type ", jose::KeyTypeName(key.type()), ", must be P-256"));
}

// The payload, after the signature was checked.
absl::StatusOr<std::string> OpenJws(std::string_view jws, ResourceSource& resources,
                                    const UnsealOptions& options) {
  if (options.unverified.has_value()) {
    // Header and signature may be any text then; upstream's tools wrote some that are no base64.
    const std::vector<std::string_view> parts = StrSplit(jws, '.');
    if (parts.size() != 3)
      return absl::InvalidArgumentError(StrCat(kWhat, ": expected sealed.<three parts>"));
    return jose::Base64UrlDecode(parts[1]);
  }
  CC_ASSIGN_OR_RETURN(const jose::UnverifiedJws peek, jose::PeekCompact(jws));
  CC_ASSIGN_OR_RETURN(const json header, jose::ParseJsonObject(peek.header, "header"));
  CC_ASSIGN_OR_RETURN(const std::string kid, jose::StringMember(header, "kid", "header"));
  const absl::StatusOr<jose::Key> key = VerificationKey(kid, resources, options);
  if (!key.ok()) return Annotate(key.status(), "verification key");
  return jose::VerifyCompact(jws, *key, jose::SignatureAlgorithm::kEs256);
}

absl::StatusOr<std::string> Base64Member(const json& object, const std::string& name) {
  CC_ASSIGN_OR_RETURN(const std::string text, jose::StringMember(object, name, "payload"));
  absl::StatusOr<std::string> bytes = jose::Base64Decode(text);
  if (!bytes.ok()) return absl::InvalidArgumentError(StrCat("payload: '", name, "' is no base64"));
  return bytes;
}

absl::StatusOr<ResourceUri> UriMember(const json& object, const std::string& name) {
  CC_ASSIGN_OR_RETURN(const std::string text, jose::StringMember(object, name, "payload"));
  return ResourceUri::Parse(text);
}

absl::StatusOr<SecretBytes> OpenEnvelope(const json& payload, ResourceSource& resources) {
  CC_ASSIGN_OR_RETURN(const ResourceUri key_id, UriMember(payload, "key_id"));
  CC_ASSIGN_OR_RETURN(const std::string wrapped_key, Base64Member(payload, "encrypted_key"));
  CC_ASSIGN_OR_RETURN(const std::string data, Base64Member(payload, "encrypted_data"));
  CC_ASSIGN_OR_RETURN(const std::string iv, Base64Member(payload, "iv"));
  CC_ASSIGN_OR_RETURN(const std::string wrap_name, jose::StringMember(payload, "wrap_type", "payload"));
  CC_ASSIGN_OR_RETURN(const WrapType wrap_type, ParseWrapType(wrap_name));
  CC_ASSIGN_OR_RETURN(const SecretBytes kek, resources.Get(key_id));
  CC_ASSIGN_OR_RETURN(std::string key, jose::UnwrapAes256(kek.view(), wrapped_key));
  const SecretBytes data_key(std::move(key));
  return Unwrap(wrap_type, data_key.view(), iv, data);
}

absl::StatusOr<SecretBytes> OpenPayload(std::string_view text, ResourceSource& resources) {
  CC_ASSIGN_OR_RETURN(const json payload, jose::ParseJsonObject(text, "payload"));
  CC_ASSIGN_OR_RETURN(const std::string version, jose::StringMember(payload, "version", "payload"));
  if (version != kVersion) {
    return absl::InvalidArgumentError(StrCat("version '", version.substr(0, 32), "', expected ", kVersion));
  }
  CC_ASSIGN_OR_RETURN(const std::string type, jose::StringMember(payload, "type", "payload"));
  CC_ASSIGN_OR_RETURN(const std::string provider, jose::StringMember(payload, "provider", "payload"));
  if (provider != kProvider) {
    return absl::UnimplementedError(
        StrCat("provider '", provider.substr(0, 32), "' is not supported, only kbs"));
  }
  if (type == "vault") {
    CC_ASSIGN_OR_RETURN(const ResourceUri name, UriMember(payload, "name"));
    return resources.Get(name);
  }
  if (type == "envelope") return OpenEnvelope(payload, resources);
  return absl::InvalidArgumentError(StrCat("type '", type.substr(0, 32), "', expected vault or envelope"));
}

absl::StatusOr<std::string> Sign(nlohmann::ordered_json payload, const jose::Key& key, std::string_view kid) {
  payload["provider"] = kProvider;
  payload["provider_settings"] = nlohmann::ordered_json::object();
  payload["annotations"] = nlohmann::ordered_json::object();
  CC_ASSIGN_OR_RETURN(const std::string jws, jose::SignCompact(key, jose::SignatureAlgorithm::kEs256,
                                                               json{{"kid", kid}}, payload.dump()));
  return StrCat(kPrefix, jws);
}

}  // namespace

bool IsSealedSecret(std::string_view text) { return text.starts_with(kPrefix); }

absl::StatusOr<SecretBytes> Unseal(std::string_view sealed, ResourceSource& resources,
                                   const UnsealOptions& options) {
  if (!IsSealedSecret(sealed))
    return absl::InvalidArgumentError(StrCat(kWhat, ": must begin with 'sealed.'"));
  if (sealed.size() > kMaxSize)
    return absl::InvalidArgumentError(StrCat(kWhat, ": longer than ", kMaxSize, " bytes"));
  const absl::StatusOr<std::string> payload = OpenJws(sealed.substr(kPrefix.size()), resources, options);
  if (!payload.ok()) return Annotate(payload.status(), kWhat);
  absl::StatusOr<SecretBytes> secret = OpenPayload(*payload, resources);
  if (!secret.ok()) return Annotate(secret.status(), kWhat);
  return secret;
}

absl::StatusOr<std::string> SealVault(const ResourceUri& name, const jose::Key& key, std::string_view kid) {
  return Sign({{"version", kVersion}, {"type", "vault"}, {"name", name.ToString()}}, key, kid);
}

absl::StatusOr<std::string> SealEnvelope(std::string_view secret, const ResourceUri& key_id,
                                         std::string_view kek, const jose::Key& key, std::string_view kid) {
  const SecretBytes data_key(jose::RandomBytes(kWrapKeySize));
  const std::string iv = jose::RandomBytes(WrapIvSize(WrapType::kA256Gcm));
  CC_ASSIGN_OR_RETURN(const std::string wrapped_key, jose::WrapAes256(kek, data_key.view()));
  CC_ASSIGN_OR_RETURN(const std::string data, Wrap(WrapType::kA256Gcm, data_key.view(), iv, secret));
  return Sign({{"version", kVersion},
               {"type", "envelope"},
               {"key_id", key_id.ToString()},
               {"encrypted_key", jose::Base64Encode(wrapped_key)},
               {"encrypted_data", jose::Base64Encode(data)},
               {"wrap_type", WrapTypeName(WrapType::kA256Gcm)},
               {"iv", jose::Base64Encode(iv)}},
              key, kid);
}

}  // namespace cc::attest
