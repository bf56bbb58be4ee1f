// SPDX-License-Identifier: Apache-2.0
#include "cca/cose_sign1.h"

#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor.h"
#include "cca/cbor_map.h"
#include "cca/cbor_writer.h"
#include "jose/digest.h"
#include "jose/openssl.h"

namespace cc::cca {
namespace {

constexpr uint64_t kTagSign1 = 18;  // RFC 9052 table 1
constexpr int64_t kHeaderAlg = 1;   // RFC 9052 table 3
constexpr int64_t kHeaderCrit = 2;

struct Algorithm {
  CoseAlgorithm id;
  std::string_view name;
  jose::KeyType key;
  const EVP_MD* (*hash)();
};
constexpr Algorithm kAlgorithms[] = {
    {CoseAlgorithm::kEs256, "ES256", jose::KeyType::kP256, EVP_sha256},
    {CoseAlgorithm::kEs384, "ES384", jose::KeyType::kP384, EVP_sha384},
    {CoseAlgorithm::kEs512, "ES512", jose::KeyType::kP521, EVP_sha512},
};

const Algorithm& Describe(CoseAlgorithm id) {
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.id == id) return algorithm;
  }
  return kAlgorithms[0];
}

absl::Status Invalid(std::string_view why) { return absl::InvalidArgumentError(StrCat("COSE_Sign1: ", why)); }

absl::StatusOr<CoseAlgorithm> ReadProtected(std::string_view bytes) {
  if (bytes.empty()) return Invalid("the protected header is empty, so it names no algorithm");
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(bytes, "COSE_Sign1 protected header"));
  CC_ASSIGN_OR_RETURN(const CborMap header, CborMap::Of(value));
  if (header.Find(kHeaderCrit) != nullptr) return Invalid("critical headers are not understood");
  CC_ASSIGN_OR_RETURN(const int64_t id, header.Int(kHeaderAlg, "COSE_Sign1 algorithm"));
  for (const Algorithm& algorithm : kAlgorithms) {
    if (static_cast<int64_t>(algorithm.id) == id) return algorithm.id;
  }
  return Invalid(StrCat("algorithm ", id, " is not ES256 (-7), ES384 (-35) or ES512 (-36)"));
}

// Sig_structure, RFC 9052 section 4.4, without external data.
std::string SignedBytes(std::string_view protected_header, std::string_view payload) {
  CborWriter out;
  out.Array(4).Text("Signature1").Bytes(protected_header).Bytes("").Bytes(payload);
  return std::move(out).str();
}

// OpenSSL takes a signature as a DER sequence of two integers, COSE as r || s in full width.
absl::StatusOr<std::string> ToDer(std::string_view raw) {
  const size_t half = raw.size() / 2;
  const auto number = [&](size_t at) {
    return BN_bin2bn(jose::Bytes(raw.substr(at, half)), static_cast<int>(half), nullptr);
  };
  const jose::EcdsaSigPtr signature(ECDSA_SIG_new());
  if (signature == nullptr || ECDSA_SIG_set0(signature.get(), number(0), number(half)) != 1) {
    return jose::OpensslError("reading an ECDSA signature");
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return jose::OpensslError("encoding an ECDSA signature");
  std::string out(reinterpret_cast<const char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

absl::StatusOr<std::string> FromDer(std::string_view der, size_t half) {
  const unsigned char* at = jose::Bytes(der);
  const jose::EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  const int width = static_cast<int>(half);
  if (signature == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), jose::Bytes(raw), width) != width ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), jose::Bytes(raw) + half, width) != width) {
    return jose::OpensslError("reading an ECDSA signature of OpenSSL");
  }
  return raw;
}

}  // namespace

absl::StatusOr<CoseSign1> CoseSign1::Parse(std::string_view bytes, std::string_view what) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(bytes, what));
  if (value.type() == CborValue::Type::kTag && !value.IsTag(kTagSign1)) {
    return Annotate(Invalid(StrCat("tag ", value.tag_number(), " is not 18")), what);
  }
  const auto read = [&]() -> absl::StatusOr<CoseSign1> {
    CC_ASSIGN_OR_RETURN(const auto parts, (value.IsTag(kTagSign1) ? value.tagged() : value).Array());
    if (parts.size() != 4) return Invalid(StrCat("array of ", parts.size(), " elements where 4 are due"));
    CC_ASSIGN_OR_RETURN(const std::string_view protected_header, parts[0].Bytes());
    CC_ASSIGN_OR_RETURN(const CborMap unprotected, CborMap::Of(parts[1]));
    if (unprotected.Find(kHeaderAlg) != nullptr || unprotected.Find(kHeaderCrit) != nullptr) {
      return Invalid("algorithm or critical headers outside the protected header");
    }
    if (parts[2].IsNull()) return Invalid("the payload is detached");
    CC_ASSIGN_OR_RETURN(const std::string_view payload, parts[2].Bytes());
    CC_ASSIGN_OR_RETURN(const std::string_view signature, parts[3].Bytes());
    CoseSign1 message;
    CC_ASSIGN_OR_RETURN(message.algorithm_, ReadProtected(protected_header));
    message.protected_ = protected_header;
    message.payload_ = payload;
    message.signature_ = signature;
    return message;
  };
  absl::StatusOr<CoseSign1> message = read();
  if (!message.ok()) return Annotate(message.status(), what);
  return message;
}

std::string CoseSign1::Fingerprint() const {
  // SignedBytes is CBOR, so it ends where it ends; the signature is what follows.
  return jose::Digest(jose::Hash::kSha256, StrCat(SignedBytes(protected_, payload_), signature_));
}

absl::Status CoseSign1::Verify(const jose::Key& key) const {
  const Algorithm& algorithm = Describe(algorithm_);
  if (key.type() != algorithm.key) {
    return absl::PermissionDeniedError(
        StrCat("algorithm ", algorithm.name, " does not fit a ", jose::KeyTypeName(key.type()), " key"));
  }
  if (signature_.size() != 2 * key.coordinate_size()) {
    return absl::PermissionDeniedError(
        StrCat("signature of ", signature_.size(), " bytes where ", 2 * key.coordinate_size(), " are due"));
  }
  CC_ASSIGN_OR_RETURN(const std::string der, ToDer(signature_));
  const std::string message = SignedBytes(protected_, payload_);
  const jose::MdCtxPtr context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, algorithm.hash(), nullptr, key.get()) != 1) {
    return jose::OpensslError("preparing a signature check");
  }
  if (EVP_DigestVerify(context.get(), jose::Bytes(der), der.size(), jose::Bytes(message), message.size()) !=
      1) {
    static_cast<void>(jose::OpensslError(""));  // empties the error queue
    return absl::PermissionDeniedError("the signature is wrong");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CoseSign(std::string_view payload, const jose::Key& key) {
  if (!key.has_private()) return absl::FailedPreconditionError("COSE signing: the key has no private part");
  const Algorithm* algorithm = nullptr;
  for (const Algorithm& candidate : kAlgorithms) {
    if (candidate.key == key.type()) algorithm = &candidate;
  }
  if (algorithm == nullptr) {
    return absl::InvalidArgumentError(
        StrCat("COSE signing: no algorithm for a ", jose::KeyTypeName(key.type()), " key"));
  }
  CborWriter header;
  header.Map(1).Int(kHeaderAlg).Int(static_cast<int64_t>(algorithm->id));
  const std::string message = SignedBytes(header.str(), payload);
  const jose::MdCtxPtr context(EVP_MD_CTX_new());
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, algorithm->hash(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, jose::Bytes(message), message.size()) != 1) {
    return jose::OpensslError("COSE signing");
  }
  std::string der(size, '\0');
  if (EVP_DigestSign(context.get(), jose::Bytes(der), &size, jose::Bytes(message), message.size()) != 1) {
    return jose::OpensslError("COSE signing");
  }
  der.resize(size);
  CC_ASSIGN_OR_RETURN(const std::string signature, FromDer(der, key.coordinate_size()));
  CborWriter out;
  out.Tag(kTagSign1).Array(4).Bytes(header.str()).Map(0).Bytes(payload).Bytes(signature);
  return std::move(out).str();
}

}  // namespace cc::cca
