// SPDX-License-Identifier: Apache-2.0
// Which entry of an image index runs here.
#ifndef CC_IMAGE_PLATFORM_H_
#define CC_IMAGE_PLATFORM_H_

#include <string>
#include <vector>

namespace cc::image {

struct Platform {
  std::string os, architecture, variant;  // in the names of Go: "linux", "arm64", "v8"
  std::string ToString() const;

  static Platform Host();
};

// 0 = does not run here; larger is better. An exact variant beats none, none beats another compatible one.
int MatchScore(const Platform& host, const Platform& candidate);

}  // namespace cc::image

#endif  // CC_IMAGE_PLATFORM_H_
