// SPDX-License-Identifier: Apache-2.0
// Does the token of a Realm that really ran say what was predicted?
#ifndef CC_OWNER_NODE_TOKEN_ROWS_H_
#define CC_OWNER_NODE_TOKEN_ROWS_H_

#include <string>
#include <string_view>
#include <vector>

#include "owner/node/check.h"

namespace cc::node_check {

// Raw bytes.
struct Prediction {
  std::string rim;        // 32 or 64 bytes
  std::string rpv;        // 64 bytes
  std::string challenge;  // 64 bytes
  // By the rules of an RMM of another version than the kernel's series is written for.
  std::string other_rim = {};
  std::string other_rmm = {};  // that version, as text
};

// A row each for the token's form, initial measurement, personalization value, challenge, and the binding of
// the realm's key to the platform; a value that differs is a failed row with both values, but a measurement
// by the other RMM's rules is a note, because it is explained. Signatures are not judged: whose platform this
// is, is not known here.
std::vector<Row> CompareToken(std::string_view token, const Prediction& predicted);

}  // namespace cc::node_check

#endif  // CC_OWNER_NODE_TOKEN_ROWS_H_
