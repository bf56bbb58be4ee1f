// SPDX-License-Identifier: Apache-2.0
// The OCI runtime specification that an image implies: what the agent merges into the one it was given.
#ifndef CC_IMAGE_RUNTIME_SPEC_H_
#define CC_IMAGE_RUNTIME_SPEC_H_

#include <string>

#include "image/manifest.h"
#include "image/user.h"

namespace cc::image {

// JSON with ociVersion, root and process (args = entrypoint + cmd, env, cwd, user). Labels and other metadata
// of the image are left out on purpose: they must not become configuration.
std::string RuntimeSpec(const ImageConfig& config, const ProcessUser& user);

}  // namespace cc::image

#endif  // CC_IMAGE_RUNTIME_SPEC_H_
