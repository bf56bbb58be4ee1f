// SPDX-License-Identifier: Apache-2.0
// The rows about Realms: can this machine make one for this guest, and can this guest's kernel be one?
#ifndef CC_OWNER_NODE_REALM_ROWS_H_
#define CC_OWNER_NODE_REALM_ROWS_H_

#include <vector>

#include "owner/node/check.h"

namespace cc::node_check {

// Rows fail only where tee = "cca" asks for a Realm; else they are notes.
std::vector<Row> CheckRealm(const Input& input);

}  // namespace cc::node_check

#endif  // CC_OWNER_NODE_REALM_ROWS_H_
