// SPDX-License-Identifier: Apache-2.0
#include "jose/jws.h"

#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"
#include "jose/openssl.h"

namespace cc::jose {
namespace {

using nlohmann::json;

constexpr size_t kMaxSize = 1 << 20;

struct Parts {
  std::string_view signed_text;  // header and payload as received
  std::string header;
  std::string payload;
  std::string signature;
};

absl::StatusOr<Parts> SplitCompact(std::string_view text) {
  if (text.size() > kMaxSize) return absl::InvalidArgumentError("JWS: longer than 1 MiB");
  const std::vector<std::string_view> pieces = StrSplit(text, '.');
  if (pieces.size() != 3) return absl::InvalidArgumentError("JWS: no three parts separated by dots");
  Parts parts;
  parts.signed_text = text.substr(0, pieces[0].size() + 1 + pieces[1].size());
  std::string* const out[] = {&parts.header, &parts.payload, &parts.signature};
  for (size_t i = 0; i < 3; ++i) {
    absl::StatusOr<std::string> bytes = Base64UrlDecode(pieces[i]);
    if (!bytes.ok()) return Annotate(bytes.status(), StrCat("JWS: part ", i + 1));
    *out[i] = *std::move(bytes);
  }
  return parts;
}

absl::Status CheckFit(const Key& key, SignatureAlgorithm algorithm) {
  const bool fits = (algorithm == SignatureAlgorithm::kEs256 && key.type() == KeyType::kP256) ||
                    (algorithm == SignatureAlgorithm::kEs384 && key.type() == KeyType::kP384) ||
                    (algorithm == SignatureAlgorithm::kEdDsa && key.type() == KeyType::kEd25519) ||
                    ((algorithm == SignatureAlgorithm::kRs256 || algorithm == SignatureAlgorithm::kPs256) &&
                     key.type() == KeyType::kRsa);
  if (fits) return absl::OkStatus();
  return absl::PermissionDeniedError(StrCat("JWS: a ", KeyTypeName(key.type()), " key does not make ",
                                            SignatureAlgorithmName(algorithm), " signatures"));
}

const EVP_MD* DigestOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEdDsa:
      return nullptr;
    case SignatureAlgorithm::kEs384:
      return EVP_sha384();
    default:
      return EVP_sha256();
  }
}

bool SetPadding(EVP_PKEY_CTX* context, SignatureAlgorithm algorithm) {
  if (algorithm != SignatureAlgorithm::kPs256) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

// JOSE's fixed-width r || s and OpenSSL's DER.
std::string DerToRaw(std::string_view der, size_t width) {
  const unsigned char* cursor = Bytes(der);
  const EcdsaSigPtr sig(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  std::string raw(2 * width, '\0');
  if (sig == nullptr) return {};
  BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), Bytes(raw), static_cast<int>(width));
  BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), Bytes(raw) + width, static_cast<int>(width));
  return raw;
}

std::string RawToDer(std::string_view raw, size_t width) {
  if (raw.size() != 2 * width) return {};
  const EcdsaSigPtr sig(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(Bytes(raw), static_cast<int>(width), nullptr);
  BIGNUM* s = BN_bin2bn(Bytes(raw) + width, static_cast<int>(width), nullptr);
  ECDSA_SIG_set0(sig.get(), r, s);
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(sig.get(), &out);
  std::string der(reinterpret_cast<char*>(out), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(out);
  return der;
}

}  // namespace

std::string_view SignatureAlgorithmName(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEs256:
      return "ES256";
    case SignatureAlgorithm::kEs384:
      return "ES384";
    case SignatureAlgorithm::kEdDsa:
      return "EdDSA";
    case SignatureAlgorithm::kRs256:
      return "RS256";
    case SignatureAlgorithm::kPs256:
      return "PS256";
  }
  return "";
}

absl::StatusOr<SignatureAlgorithm> DefaultAlgorithm(const Key& key) {
  switch (key.type()) {
    case KeyType::kP256:
      return SignatureAlgorithm::kEs256;
    case KeyType::kP384:
      return SignatureAlgorithm::kEs384;
    case KeyType::kEd25519:
      return SignatureAlgorithm::kEdDsa;
    case KeyType::kRsa:
      return SignatureAlgorithm::kRs256;
    case KeyType::kP521:
      break;
  }
  return absl::UnimplementedError("JWS: no signatures with P-521 keys; use P-256, P-384, Ed25519 or RSA");
}

absl::StatusOr<UnverifiedJws> PeekCompact(std::string_view text) {
  CC_ASSIGN_OR_RETURN(Parts parts, SplitCompact(text));
  CC_RETURN_IF_ERROR(ParseJsonObject(parts.header, "JWS header").status());
  return UnverifiedJws{std::move(parts.header), std::move(parts.payload)};
}

absl::StatusOr<std::string> SignCompact(const Key& key, SignatureAlgorithm algorithm, const json& header,
                                        std::string_view payload) {
  CC_RETURN_IF_ERROR(CheckFit(key, algorithm));
  if (!key.has_private()) return absl::FailedPreconditionError("sign JWS: the key is public only");
  json full = header;
  full["alg"] = SignatureAlgorithmName(algorithm);
  std::string text = StrCat(Base64UrlEncode(full.dump()), ".", Base64UrlEncode(payload));

  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  size_t size = 0;
  if (EVP_DigestSignInit(context.get(), &key_context, DigestOf(algorithm), nullptr, key.get()) != 1 ||
      !SetPadding(key_context, algorithm) ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(text), text.size()) != 1) {
    return OpensslError("sign JWS");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(text), text.size()) != 1) {
    return OpensslError("sign JWS");
  }
  signature.resize(size);
  if (key.IsEc()) signature = DerToRaw(signature, key.coordinate_size());
  return StrCat(text, ".", Base64UrlEncode(signature));
}

absl::StatusOr<std::string> VerifyCompact(std::string_view text, const Key& key,
                                          SignatureAlgorithm algorithm) {
  CC_ASSIGN_OR_RETURN(Parts parts, SplitCompact(text));
  CC_ASSIGN_OR_RETURN(const json header, ParseJsonObject(parts.header, "JWS header"));
  CC_ASSIGN_OR_RETURN(const std::string alg, StringMember(header, "alg", "JWS header"));
  if (alg != SignatureAlgorithmName(algorithm)) {
    return absl::PermissionDeniedError(
        StrCat("JWS: signed with '", alg.substr(0, 32), "', expected ", SignatureAlgorithmName(algorithm)));
  }
  if (header.contains("crit")) {
    return absl::PermissionDeniedError("JWS: the header has critical extensions, none is understood");
  }
  // Upstream's tool for sealed secrets writes the default, true.
  if (const auto b64 = header.find("b64"); b64 != header.end() && *b64 != true) {
    return absl::PermissionDeniedError("JWS: unencoded payloads are not accepted");
  }
  CC_RETURN_IF_ERROR(CheckFit(key, algorithm));
  if (key.IsEc()) parts.signature = RawToDer(parts.signature, key.coordinate_size());

  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  if (EVP_DigestVerifyInit(context.get(), &key_context, DigestOf(algorithm), nullptr, key.get()) != 1 ||
      !SetPadding(key_context, algorithm)) {
    return OpensslError("verify JWS");
  }
  const int verdict = EVP_DigestVerify(context.get(), Bytes(parts.signature), parts.signature.size(),
                                       Bytes(parts.signed_text), parts.signed_text.size());
  if (verdict != 1) {
    OpensslError("verify JWS").IgnoreError();  // empties the queue
    return absl::PermissionDeniedError("JWS: the signature is wrong");
  }
  return std::move(parts.payload);
}

}  // namespace cc::jose
