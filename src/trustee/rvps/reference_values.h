// SPDX-License-Identifier: Apache-2.0
// Reference value provider: what the owner endorses, by name, until a day. Messages come from
// administrators; they are parsed strictly all the same.
//
// Message: {"version": "0.1.0", "type": T, "payload": P}.
//   type "sample"   P is standard base64 of a JSON object {name: any value}; each holds for 12 months
//   type "corim"    P is standard base64 of a CoRIM without a signature (corim.h); each holds until the end
//   of its
//                   validity, or for 12 months
//   type "minimal"  P is the JSON text {"values": {name: any value}, "expiration": "2027-01-31T00:00:00Z"}
// A message registers all its values or none. A value that has expired is no value.
#ifndef CC_TRUSTEE_RVPS_REFERENCE_VALUES_H_
#define CC_TRUSTEE_RVPS_REFERENCE_VALUES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trustee/clock.h"
#include "trustee/store/store.h"

namespace cc::trustee {

// Thread-safe.
class ReferenceValues {
 public:
  ReferenceValues(std::shared_ptr<Store> store, Clock clock)
      : store_(std::move(store)), clock_(std::move(clock)) {}

  // Returns the names registered. InvalidArgument for a malformed message or another version,
  // Unimplemented for a type that is not known.
  absl::StatusOr<std::vector<std::string>> Register(std::string_view message);

  // The value as JSON text; nullopt when there is none or it has expired.
  absl::StatusOr<std::optional<std::string>> Query(std::string_view name) const;

  // Whether a value exists and has expired: for saying so.
  bool Expired(std::string_view name) const;

  absl::StatusOr<bool> Remove(std::string_view name) { return store_->Remove(Area::kReferenceValue, name); }

 private:
  const std::shared_ptr<Store> store_;
  const Clock clock_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_RVPS_REFERENCE_VALUES_H_
