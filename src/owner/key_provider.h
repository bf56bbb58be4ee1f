// SPDX-License-Identifier: Apache-2.0
// ocicrypt's key provider as a command: skopeo, buildah and nerdctl (with ocicrypt-rs' and Go's libraries)
// run it, write a request to its stdin and read the wrapped key from its stdout. It wraps only: who may have
// a key is for the trust service to decide, and only guests ask it.
#ifndef CC_OWNER_KEY_PROVIDER_H_
#define CC_OWNER_KEY_PROVIDER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::owner {

// The answer to one "keywrap" request. `provider` is the name that the user's configuration gives this
// command. InvalidArgument for a malformed request, Unimplemented for "keyunwrap", and what reading the key
// file says.
absl::StatusOr<std::string> WrapKey(std::string_view request, const std::string& provider);

}  // namespace cc::owner

#endif  // CC_OWNER_KEY_PROVIDER_H_
