// SPDX-License-Identifier: Apache-2.0
#include "cca/cose_key.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "cca/cbor.h"
#include "cca/cbor_map.h"
#include "cca/cbor_writer.h"
#include "jose/base64.h"

namespace cc::cca {
namespace {

// RFC 9053 table 18 (curves) and RFC 9052 table 4, RFC 9053 table 19 (parameters).
struct Curve {
  jose::KeyType type;
  int64_t cose;
  std::string_view jwk;
  size_t coordinate;
};
constexpr Curve kCurves[] = {
    {jose::KeyType::kP256, 1, "P-256", 32},
    {jose::KeyType::kP384, 2, "P-384", 48},
    {jose::KeyType::kP521, 3, "P-521", 66},
};
constexpr int64_t kKty = 1;
constexpr int64_t kKtyEc2 = 2;
constexpr int64_t kCurve = -1;
constexpr int64_t kX = -2;
constexpr int64_t kY = -3;
constexpr int64_t kD = -4;

absl::StatusOr<jose::Key> Build(const Curve& curve, std::string_view x, std::string_view y) {
  return jose::Key::FromJwk(
      {{"kty", "EC"}, {"crv", curve.jwk}, {"x", jose::Base64UrlEncode(x)}, {"y", jose::Base64UrlEncode(y)}});
}

struct Coordinates {
  const Curve* curve;
  std::string x;
  std::string y;
};

absl::StatusOr<Coordinates> CoordinatesOf(const jose::Key& key) {
  for (const Curve& curve : kCurves) {
    if (curve.type != key.type()) continue;
    const nlohmann::json jwk = key.PublicJwk();
    CC_ASSIGN_OR_RETURN(std::string x, jose::Base64UrlDecode(jwk.at("x").get<std::string>()));
    CC_ASSIGN_OR_RETURN(std::string y, jose::Base64UrlDecode(jwk.at("y").get<std::string>()));
    return Coordinates{&curve, std::move(x), std::move(y)};
  }
  return absl::InvalidArgumentError(
      StrCat("a key of type ", jose::KeyTypeName(key.type()), " has no EC point"));
}

}  // namespace

absl::StatusOr<jose::Key> KeyFromPoint(std::string_view point) {
  for (const Curve& curve : kCurves) {
    if (point.size() != 1 + 2 * curve.coordinate) continue;
    if (point[0] != '\x04') return absl::InvalidArgumentError("EC point: not in uncompressed form");
    return Build(curve, point.substr(1, curve.coordinate), point.substr(1 + curve.coordinate));
  }
  return absl::InvalidArgumentError(StrCat("EC point: ", point.size(), " bytes where 65, 97 or 133 are due"));
}

absl::StatusOr<jose::Key> KeyFromCoseKey(std::string_view encoded) {
  CC_ASSIGN_OR_RETURN(const CborValue value, CborValue::Parse(encoded, "COSE_Key", {.max_bytes = 512}));
  CC_ASSIGN_OR_RETURN(const CborMap map, CborMap::Of(value));
  CC_ASSIGN_OR_RETURN(const int64_t type, map.Int(kKty, "COSE_Key type"));
  if (type != kKtyEc2) return absl::InvalidArgumentError(StrCat("COSE_Key: type ", type, " is not EC2"));
  if (map.Find(kD) != nullptr) return absl::InvalidArgumentError("COSE_Key: has a private key in it");
  CC_ASSIGN_OR_RETURN(const int64_t number, map.Int(kCurve, "COSE_Key curve"));
  for (const Curve& curve : kCurves) {
    if (curve.cose != number) continue;
    CC_ASSIGN_OR_RETURN(const std::string_view x, map.Bytes(kX, "COSE_Key x", {curve.coordinate}));
    CC_ASSIGN_OR_RETURN(const std::string_view y, map.Bytes(kY, "COSE_Key y", {curve.coordinate}));
    return Build(curve, x, y);
  }
  return absl::InvalidArgumentError(StrCat("COSE_Key: curve ", number, " is not P-256, P-384 or P-521"));
}

absl::StatusOr<std::string> PointOf(const jose::Key& key) {
  CC_ASSIGN_OR_RETURN(const Coordinates point, CoordinatesOf(key));
  return StrCat('\x04', point.x, point.y);
}

absl::StatusOr<std::string> CoseKeyOf(const jose::Key& key) {
  CC_ASSIGN_OR_RETURN(const Coordinates point, CoordinatesOf(key));
  CborWriter out;
  out.Map(4).Int(kKty).Int(kKtyEc2).Int(kCurve).Int(point.curve->cose);
  out.Int(kX).Bytes(point.x).Int(kY).Bytes(point.y);
  return std::move(out).str();
}

}  // namespace cc::cca
