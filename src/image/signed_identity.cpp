// SPDX-License-Identifier: Apache-2.0
#include "image/signed_identity.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/json.h"

namespace cc::image {

absl::StatusOr<SignedIdentity> SignedIdentity::Parse(const nlohmann::json& json, std::string_view where) {
  if (!json.is_object()) return absl::InvalidArgumentError(StrCat(where, " is not an object"));
  CC_ASSIGN_OR_RETURN(const std::string type, jose::StringMember(json, "type", where));
  SignedIdentity identity;
  const char* name_key = nullptr;
  if (type == "matchExact") {
    identity.kind_ = Kind::kExact;
  } else if (type == "matchRepoDigestOrExact") {
    identity.kind_ = Kind::kRepoDigestOrExact;
  } else if (type == "matchRepository") {
    identity.kind_ = Kind::kRepository;
  } else if (type == "exactReference") {
    identity.kind_ = Kind::kExactReference;
    name_key = "dockerReference";
  } else if (type == "exactRepository") {
    identity.kind_ = Kind::kExactRepository;
    name_key = "dockerRepository";
  } else {
    return absl::InvalidArgumentError(
        StrCat(where, ": type '", type.substr(0, 64),
               "' is none of matchExact, matchRepoDigestOrExact, matchRepository, exactReference, "
               "exactRepository"));
  }
  if (name_key == nullptr) return identity;
  CC_ASSIGN_OR_RETURN(const std::string name, jose::StringMember(json, name_key, where));
  const absl::StatusOr<Reference> reference = Reference::Parse(name);
  if (!reference.ok()) return Annotate(reference.status(), StrCat(where, ": ", name_key));
  identity.name_ = identity.kind_ == Kind::kExactReference ? reference->ToString() : reference->Name();
  return identity;
}

bool SignedIdentity::Accepts(const Reference& image, std::string_view signed_name) const {
  const absl::StatusOr<Reference> signed_as = Reference::Parse(signed_name);
  if (!signed_as.ok()) return false;
  // A name without a tag reads as ":latest", which the signer did not say.
  const bool tagged = signed_as->digest.has_value() || signed_name.ends_with(":" + signed_as->tag);
  switch (kind_) {
    case Kind::kExact:
      return !image.digest && tagged && signed_as->ToString() == image.ToString();
    case Kind::kRepoDigestOrExact:
      return image.digest ? signed_as->Name() == image.Name()
                          : tagged && signed_as->ToString() == image.ToString();
    case Kind::kRepository:
      return signed_as->Name() == image.Name();
    case Kind::kExactReference:
      return tagged && signed_as->ToString() == name_;
    case Kind::kExactRepository:
      return signed_as->Name() == name_;
  }
  return false;
}

}  // namespace cc::image
