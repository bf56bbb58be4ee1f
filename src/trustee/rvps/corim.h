// SPDX-License-Identifier: Apache-2.0
// CoRIM (draft-ietf-rats-corim): the reference values of a manifest without a signature, named as upstream's
// reference value provider names them.
#ifndef CC_TRUSTEE_RVPS_CORIM_H_
#define CC_TRUSTEE_RVPS_CORIM_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::trustee {

struct CorimValues {
  // From the reference triples of all CoMID tags, by name: vendor, model, key of the measurement, its name
  // and serial number as far as they are there, and "digests" (array of hex texts) or "raw_bytes" (hex text),
  // with
  // '/' between. What several triples say of one name is all in its array.
  nlohmann::json values = nlohmann::json::object();
  std::optional<int64_t> not_after;  // seconds since the epoch
};

// `cbor` is the unsigned map, with or without its tag 501 and the tags 500 and 502 of older tools around it.
// InvalidArgument for anything malformed, for one name with two raw values, and when the validity has passed
// or not begun at `now`; Unimplemented for a signed manifest.
absl::StatusOr<CorimValues> ParseCorim(std::string_view cbor, int64_t now);

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_RVPS_CORIM_H_
