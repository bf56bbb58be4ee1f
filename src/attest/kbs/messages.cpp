// SPDX-License-Identifier: Apache-2.0
#include "attest/kbs/messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"
#include "jose/jws.h"

namespace cc::attest {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxNonce = 4096;
constexpr size_t kMaxToken = 1 << 20;
constexpr size_t kMaxShown = 2048;

// Another party's text in our message: one line, no control characters, bounded.
std::string Shown(std::string_view text) {
  std::string shown(text.substr(0, kMaxShown));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; },
      ' ');
  if (text.size() > kMaxShown) shown += "…";
  return shown;
}

// The texts of the `type` member end in one of these.
enum class Kind { kUnknown, kRefused, kToken, kMissing, kServer };
struct KnownType {
  std::string_view name;
  Kind kind;
};
constexpr KnownType kTypes[] = {
    {"AttestationError", Kind::kRefused},
    {"PolicyDeny", Kind::kRefused},
    {"TokenNotFound", Kind::kToken},
    {"TokenVerifierError", Kind::kToken},
    {"InvalidRequestPath", Kind::kMissing},
    {"PluginNotFound", Kind::kMissing},
    // Upstream's answer for a resource that is not there.
    {"PluginInternalError", Kind::kMissing},
    {"ParsePolicyError", Kind::kServer},
    {"PolicyEngineError", Kind::kServer},
    {"RvpsError", Kind::kServer},
    {"SerdeError", Kind::kServer},
    {"JweError", Kind::kServer},
    {"StorageBackendInitialization", Kind::kServer},
};

Kind KindOf(std::string_view type) {
  const std::string_view name = type.substr(type.rfind('/') + 1);
  for (const KnownType& known : kTypes) {
    if (name == known.name) return known.kind;
  }
  return Kind::kUnknown;
}

Kind KindOf(long http_status) {
  switch (http_status) {
    case 401:
      return Kind::kToken;
    case 403:
      return Kind::kRefused;
    case 404:
      return Kind::kMissing;
    default:
      return Kind::kServer;
  }
}

std::optional<std::chrono::seconds> Lifetime(std::string_view jwt) {
  const absl::StatusOr<jose::UnverifiedJws> jws = jose::PeekCompact(jwt);
  if (!jws.ok()) return std::nullopt;
  const absl::StatusOr<json> claims = jose::ParseJsonObject(jws->payload, "attestation token");
  if (!claims.ok()) return std::nullopt;
  const auto number = [&](const char* name) -> std::optional<int64_t> {
    const auto claim = claims->find(name);
    if (claim == claims->end() || !claim->is_number_integer()) return std::nullopt;
    return claim->get<int64_t>();
  };
  const std::optional<int64_t> expires = number("exp"), issued = number("iat");
  constexpr int64_t kLatest = int64_t{1} << 40;
  if (!expires || !issued || *issued < 0 || *expires > kLatest || *expires < *issued) return std::nullopt;
  return std::chrono::seconds(*expires - *issued);
}

}  // namespace

std::string AuthRequest(std::string_view tee) {
  return ordered_json{
      {"version", kKbsVersion},
      {"tee", tee},
      {"extra-params", {{"supported-hash-algorithms", ordered_json::array({"sha256", "sha384", "sha512"})}}}}
      .dump();
}

absl::StatusOr<Challenge> ParseChallenge(std::string_view text) {
  constexpr std::string_view kWhat = "KBS challenge";
  CC_ASSIGN_OR_RETURN(const json object, jose::ParseJsonObject(text, kWhat));
  Challenge challenge;
  CC_ASSIGN_OR_RETURN(challenge.nonce, jose::StringMember(object, "nonce", kWhat));
  if (challenge.nonce.empty() || challenge.nonce.size() > kMaxNonce) {
    return absl::InvalidArgumentError(StrCat(kWhat, ": the nonce must have 1 to ", kMaxNonce, " characters"));
  }
  const auto extra = object.find("extra-params");
  if (extra == object.end() || !extra->is_object() || !extra->contains("selected-hash-algorithm"))
    return challenge;
  CC_ASSIGN_OR_RETURN(const std::string name, jose::StringMember(*extra, "selected-hash-algorithm", kWhat));
  absl::StatusOr<jose::Hash> hash = jose::ParseHash(name);
  if (!hash.ok()) return absl::UnimplementedError(StrCat(kWhat, ": hash algorithm '", Shown(name), "'"));
  challenge.hash = *hash;
  return challenge;
}

absl::StatusOr<std::string> RuntimeDigest(const Challenge& challenge, const json& tee_pubkey,
                                          std::string_view additional_evidence) {
  CC_ASSIGN_OR_RETURN(const std::string canonical,
                      jose::CanonicalJson(json{{"additional-evidence", additional_evidence},
                                               {"nonce", challenge.nonce},
                                               {"tee-pubkey", tee_pubkey}}));
  return jose::Digest(challenge.hash, canonical);
}

absl::StatusOr<std::string> AttestRequest(const std::optional<std::string>& init_data, std::string_view nonce,
                                          const json& tee_pubkey, std::string_view evidence,
                                          std::string_view additional_evidence) {
  CC_ASSIGN_OR_RETURN(const json primary, jose::ParseJson(evidence, "evidence"));
  ordered_json request;
  request["init-data"] = nullptr;
  if (init_data.has_value()) request["init-data"] = ordered_json{{"format", "toml"}, {"body", *init_data}};
  request["runtime-data"] = ordered_json{{"nonce", nonce}, {"tee-pubkey", tee_pubkey}};
  request["tee-evidence"] =
      ordered_json{{"primary_evidence", primary}, {"additional_evidence", additional_evidence}};
  return request.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

absl::StatusOr<Token> ParseTokenReply(std::string_view text) {
  constexpr std::string_view kWhat = "KBS attestation reply";
  CC_ASSIGN_OR_RETURN(const json object, jose::ParseJsonObject(text, kWhat));
  CC_ASSIGN_OR_RETURN(std::string token, jose::StringMember(object, "token", kWhat));
  return ParseToken(std::move(token), kWhat);
}

absl::StatusOr<Token> ParseToken(std::string text, std::string_view what) {
  // It goes into a header.
  const auto fits = [](char c) { return c > ' ' && c <= '~'; };
  if (text.empty() || text.size() > kMaxToken || !std::all_of(text.begin(), text.end(), fits)) {
    return absl::InvalidArgumentError(StrCat(what, ": the token is no JWT"));
  }
  Token token{.text = std::move(text), .lifetime = {}};
  token.lifetime = Lifetime(token.text);
  return token;
}

std::optional<std::string> SessionCookie(std::string_view set_cookie) {
  const SplitPair pair = SplitOnce(SplitOnce(set_cookie, ';').first, '=');
  const std::string_view value = StrTrim(pair.second);
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  if (StrTrim(pair.first) != kKbsCookie || value.empty() || value.size() > 256) return std::nullopt;
  if (!std::all_of(value.begin(), value.end(), fits)) return std::nullopt;
  return std::string(value);
}

absl::Status KbsError(std::string_view what, long http_status, std::string_view body) {
  std::string type, detail;
  if (const absl::StatusOr<json> object = jose::ParseJsonObject(body, "KBS error"); object.ok()) {
    type = jose::StringMember(*object, "type", "").value_or("");
    detail = jose::StringMember(*object, "detail", "").value_or("");
  }
  if (type.empty() && detail.empty()) detail = "the answer explains nothing; is this the address of a KBS?";
  const std::string reason =
      StrCat(Shown(detail), " (HTTP ", http_status, type.empty() ? "" : ", ", Shown(type), ")");
  const std::string message = StrCat(what, ": ", reason);
  if (http_status == 429 || http_status >= 500) return absl::UnavailableError(message);
  if (http_status == 413) return absl::ResourceExhaustedError(message);
  Kind kind = KindOf(type);
  if (kind == Kind::kUnknown) kind = KindOf(http_status);
  switch (kind) {
    case Kind::kRefused:
      // Our own trust service begins its reason that way too.
      return absl::PermissionDeniedError(
          StrCat(what, detail.starts_with("attestation:") ? ": " : ": attestation: ", reason));
    case Kind::kToken:
      return absl::UnauthenticatedError(message);
    case Kind::kMissing:
      return absl::NotFoundError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace cc::attest
