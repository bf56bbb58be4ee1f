// SPDX-License-Identifier: Apache-2.0
#include "jose/key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/digest.h"
#include "jose/json.h"
#include "jose/openssl.h"

namespace cc::jose {
namespace {

using nlohmann::json;

constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;

struct Curve {
  KeyType type;
  std::string_view jwk;
  const char* openssl;
  size_t coordinate;
};
constexpr Curve kCurves[] = {
    {KeyType::kP256, "P-256", "prime256v1", 32},
    {KeyType::kP384, "P-384", "secp384r1", 48},
    {KeyType::kP521, "P-521", "secp521r1", 66},
};

const Curve* FindCurve(KeyType type) {
  for (const Curve& curve : kCurves) {
    if (curve.type == type) return &curve;
  }
  return nullptr;
}

absl::StatusOr<std::string> BytesMember(const json& jwk, const char* name) {
  CC_ASSIGN_OR_RETURN(std::string text, StringMember(jwk, name, "JWK"));
  if (text.size() > 4096) return absl::InvalidArgumentError(StrCat("JWK: member '", name, "' is too long"));
  absl::StatusOr<std::string> bytes = Base64UrlDecode(text);
  if (!bytes.ok()) return Annotate(bytes.status(), StrCat("JWK: member '", name, "'"));
  return bytes;
}

BignumPtr ToBignum(std::string_view bytes) {
  return BignumPtr(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// A built key from parameters; InvalidArgument because parameters come from the peer.
absl::StatusOr<PkeyPtr> Build(const char* type, OSSL_PARAM_BLD* builder, bool has_private) {
  const ParamPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* pkey = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, has_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) != 1) {
    return absl::InvalidArgumentError(std::string(OpensslError("JWK: no valid key").message()));
  }
  return PkeyPtr(pkey);
}

absl::StatusOr<PkeyPtr> ReadEc(const json& jwk) {
  CC_ASSIGN_OR_RETURN(const std::string name, StringMember(jwk, "crv", "JWK"));
  const Curve* curve = nullptr;
  for (const Curve& candidate : kCurves) {
    if (candidate.jwk == name) curve = &candidate;
  }
  if (curve == nullptr) {
    return absl::InvalidArgumentError(
        StrCat("JWK: curve '", name.substr(0, 32), "' is not supported: use P-256, P-384 or P-521"));
  }
  CC_ASSIGN_OR_RETURN(const std::string x, BytesMember(jwk, "x"));
  CC_ASSIGN_OR_RETURN(const std::string y, BytesMember(jwk, "y"));
  if (x.size() != curve->coordinate || y.size() != curve->coordinate) {
    return absl::InvalidArgumentError(StrCat("JWK: coordinates of ", name, " must have ", curve->coordinate,
                                             " bytes, got ", x.size(), " and ", y.size()));
  }
  const std::string point = StrCat('\x04', x, y);
  const bool has_private = jwk.contains("d");
  BignumPtr d;
  const ParamBldPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  if (has_private) {
    CC_ASSIGN_OR_RETURN(std::string bytes, BytesMember(jwk, "d"));
    if (bytes.size() != curve->coordinate) {
      return absl::InvalidArgumentError(
          StrCat("JWK: 'd' of ", name, " must have ", curve->coordinate, " bytes"));
    }
    d = ToBignum(bytes);
    Cleanse(bytes);
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get());
  }
  return Build("EC", builder.get(), has_private);
}

absl::StatusOr<PkeyPtr> ReadRsa(const json& jwk) {
  struct Member {
    const char* jwk;
    const char* openssl;
  };
  static constexpr Member kMembers[] = {
      {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
      {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
      {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
      {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
  };
  const bool has_private = jwk.contains("d");
  std::vector<BignumPtr> numbers;
  const ParamBldPtr builder(OSSL_PARAM_BLD_new());
  const size_t count = has_private ? std::size(kMembers) : 2;
  for (size_t i = 0; i < count; ++i) {
    CC_ASSIGN_OR_RETURN(std::string bytes, BytesMember(jwk, kMembers[i].jwk));
    // An exponent of a few bits only: a huge one makes each operation arbitrarily slow.
    if (i == 1 && bytes.size() > 4) return absl::InvalidArgumentError("JWK: RSA exponent beyond 32 bits");
    numbers.push_back(ToBignum(bytes));
    Cleanse(bytes);
    OSSL_PARAM_BLD_push_BN(builder.get(), kMembers[i].openssl, numbers.back().get());
  }
  const int bits = BN_num_bits(numbers[0].get());
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return absl::InvalidArgumentError(StrCat("JWK: RSA key of ", bits, " bits; 2048 to 8192 are accepted"));
  }
  return Build("RSA", builder.get(), has_private);
}

absl::StatusOr<PkeyPtr> ReadOkp(const json& jwk) {
  CC_ASSIGN_OR_RETURN(const std::string name, StringMember(jwk, "crv", "JWK"));
  if (name != "Ed25519") {
    return absl::InvalidArgumentError(
        StrCat("JWK: curve '", name.substr(0, 32), "' is not supported: use Ed25519"));
  }
  CC_ASSIGN_OR_RETURN(const std::string x, BytesMember(jwk, "x"));
  if (x.size() != 32) return absl::InvalidArgumentError("JWK: 'x' of Ed25519 must have 32 bytes");
  if (!jwk.contains("d")) {
    PkeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()));
    if (key == nullptr) return absl::InvalidArgumentError("JWK: no valid Ed25519 key");
    return key;
  }
  CC_ASSIGN_OR_RETURN(std::string d, BytesMember(jwk, "d"));
  if (d.size() != 32) return absl::InvalidArgumentError("JWK: 'd' of Ed25519 must have 32 bytes");
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(d), d.size()));
  Cleanse(d);
  std::string derived(32, '\0');
  size_t size = derived.size();
  if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), Bytes(derived), &size) != 1 || derived != x) {
    return absl::InvalidArgumentError("JWK: 'd' and 'x' of the Ed25519 key do not belong together");
  }
  return key;
}

std::string Number(const EVP_PKEY* key, const char* name, size_t width) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  const BignumPtr number(raw);
  std::string bytes(width > 0 ? width : static_cast<size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2binpad(raw, Bytes(bytes), static_cast<int>(bytes.size()));
  return bytes;
}

bool HasPrivate(EVP_PKEY* key, KeyType type) {
  if (type == KeyType::kEd25519) {
    size_t size = 0;
    return EVP_PKEY_get_raw_private_key(key, nullptr, &size) == 1;
  }
  BIGNUM* raw = nullptr;
  const bool found =
      EVP_PKEY_get_bn_param(key, type == KeyType::kRsa ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY,
                            &raw) == 1;
  BN_clear_free(raw);
  return found;
}

std::string FromBio(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

std::string_view KeyTypeName(KeyType type) {
  if (const Curve* curve = FindCurve(type)) return curve->jwk;
  return type == KeyType::kRsa ? "RSA" : "Ed25519";
}

absl::StatusOr<Key> Key::FromPkey(EVP_PKEY* pkey) {
  EVP_PKEY_up_ref(pkey);
  std::shared_ptr<EVP_PKEY> shared(pkey, EVP_PKEY_free);
  KeyType type = KeyType::kEd25519;
  if (EVP_PKEY_is_a(pkey, "EC") == 1) {
    char name[32] = {};
    EVP_PKEY_get_group_name(pkey, name, sizeof(name), nullptr);
    const Curve* found = nullptr;
    for (const Curve& curve : kCurves) {
      if (std::string_view(name) == curve.openssl) found = &curve;
    }
    if (found == nullptr)
      return absl::InvalidArgumentError(StrCat("key: curve '", name, "' is not supported"));
    type = found->type;
  } else if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
    type = KeyType::kRsa;
    const int bits = EVP_PKEY_get_bits(pkey);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      return absl::InvalidArgumentError(StrCat("key: RSA of ", bits, " bits; 2048 to 8192 are accepted"));
    }
  } else if (EVP_PKEY_is_a(pkey, "ED25519") != 1) {
    return absl::InvalidArgumentError("key: of no supported type (EC, RSA, Ed25519)");
  }
  const bool has_private = HasPrivate(pkey, type);
  const PkeyCtxPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey, nullptr));
  if (context == nullptr || EVP_PKEY_public_check_quick(context.get()) != 1 ||
      (has_private && type <= KeyType::kP521 && EVP_PKEY_pairwise_check(context.get()) != 1)) {
    return absl::InvalidArgumentError(
        std::string(OpensslError("key: not a valid key of its type").message()));
  }
  return Key(std::move(shared), type, has_private);
}

absl::StatusOr<Key> Key::Generate(KeyType type, unsigned rsa_bits) {
  PkeyPtr pkey;
  if (const Curve* curve = FindCurve(type)) {
    pkey.reset(EVP_EC_gen(curve->openssl));
  } else if (type == KeyType::kRsa) {
    pkey.reset(EVP_RSA_gen(rsa_bits));
  } else {
    pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  if (pkey == nullptr) return OpensslError(StrCat("generate a ", KeyTypeName(type), " key"));
  return FromPkey(pkey.get());
}

absl::StatusOr<Key> Key::FromJwk(const json& jwk) {
  if (!jwk.is_object()) return absl::InvalidArgumentError("JWK: expected a JSON object");
  CC_ASSIGN_OR_RETURN(const std::string kty, StringMember(jwk, "kty", "JWK"));
  absl::StatusOr<PkeyPtr> pkey;
  if (kty == "EC") {
    pkey = ReadEc(jwk);
  } else if (kty == "RSA") {
    pkey = ReadRsa(jwk);
  } else if (kty == "OKP") {
    pkey = ReadOkp(jwk);
  } else {
    return absl::InvalidArgumentError(
        StrCat("JWK: key type '", kty.substr(0, 32), "' is not supported: use EC, RSA or OKP"));
  }
  CC_RETURN_IF_ERROR(pkey.status());
  return FromPkey(pkey->get());
}

absl::StatusOr<Key> Key::FromJwkText(std::string_view text) {
  CC_ASSIGN_OR_RETURN(const json jwk, ParseJsonObject(text, "JWK"));
  return FromJwk(jwk);
}

absl::StatusOr<Key> Key::FromPem(std::string_view pem) {
  if (pem.size() > (64 << 10)) return absl::InvalidArgumentError("PEM key: longer than 64 KiB");
  const auto open = [&] { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); };
  PkeyPtr pkey;
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    // Without a callback OpenSSL would ask for the pass phrase on the terminal.
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    pkey.reset(PEM_read_bio_PrivateKey(open().get(), nullptr, no_passphrase, nullptr));
  } else if (pem.find("BEGIN CERTIFICATE-----") != std::string_view::npos) {
    const X509Ptr certificate(PEM_read_bio_X509(open().get(), nullptr, nullptr, nullptr));
    if (certificate != nullptr) pkey.reset(X509_get_pubkey(certificate.get()));
  } else {
    pkey.reset(PEM_read_bio_PUBKEY(open().get(), nullptr, nullptr, nullptr));
  }
  if (pkey == nullptr) {
    return absl::InvalidArgumentError(std::string(
        OpensslError("PEM key: neither public key, certificate nor unencrypted private key").message()));
  }
  return FromPkey(pkey.get());
}

size_t Key::coordinate_size() const {
  const Curve* curve = FindCurve(type_);
  return curve == nullptr ? 0 : curve->coordinate;
}

json Key::PublicJwk(std::string_view alg) const {
  json jwk = json::object();
  if (const Curve* curve = FindCurve(type_)) {
    jwk["kty"] = "EC";
    jwk["crv"] = curve->jwk;
    jwk["x"] = Base64UrlEncode(Number(get(), OSSL_PKEY_PARAM_EC_PUB_X, curve->coordinate));
    jwk["y"] = Base64UrlEncode(Number(get(), OSSL_PKEY_PARAM_EC_PUB_Y, curve->coordinate));
  } else if (type_ == KeyType::kRsa) {
    jwk["kty"] = "RSA";
    jwk["n"] = Base64UrlEncode(Number(get(), OSSL_PKEY_PARAM_RSA_N, 0));
    jwk["e"] = Base64UrlEncode(Number(get(), OSSL_PKEY_PARAM_RSA_E, 0));
  } else {
    std::string x(32, '\0');
    size_t size = x.size();
    EVP_PKEY_get_raw_public_key(get(), Bytes(x), &size);
    jwk["kty"] = "OKP";
    jwk["crv"] = "Ed25519";
    jwk["x"] = Base64UrlEncode(x);
  }
  if (!alg.empty()) jwk["alg"] = alg;
  return jwk;
}

std::string Key::Thumbprint() const {
  // Members are strings and their names ASCII, so nlohmann's sorted compact form is the canonical one.
  return Base64UrlEncode(Digest(Hash::kSha256, PublicJwk().dump()));
}

std::string Key::PublicPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), get());
  return FromBio(bio.get());
}

absl::StatusOr<std::string> Key::PrivatePem() const {
  if (!has_private_) return absl::FailedPreconditionError("write private key: the key is public only");
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpensslError("write private key");
  }
  return FromBio(bio.get());
}

}  // namespace cc::jose
