// SPDX-License-Identifier: Apache-2.0
// EC public keys in the two forms CCA tokens carry them: the uncompressed SEC 1 point (legacy profile) and an
// encoded COSE_Key (RFC 9052 section 7, RFC 9053 section 7.1).
#ifndef CC_CCA_COSE_KEY_H_
#define CC_CCA_COSE_KEY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "jose/key.h"

namespace cc::cca {

// 0x04 || x || y; the curve follows from the length (65 P-256, 97 P-384, 133 P-521). InvalidArgument for any
// other length or form and for a point that is not on the curve.
absl::StatusOr<jose::Key> KeyFromPoint(std::string_view point);

// A COSE_Key of type EC2 with both coordinates in full width; a compressed `y` and private members are
// refused.
absl::StatusOr<jose::Key> KeyFromCoseKey(std::string_view encoded);

// Of an EC key; InvalidArgument for other kinds.
absl::StatusOr<std::string> PointOf(const jose::Key& key);
absl::StatusOr<std::string> CoseKeyOf(const jose::Key& key);

}  // namespace cc::cca

#endif  // CC_CCA_COSE_KEY_H_
