// SPDX-License-Identifier: Apache-2.0
#include "image/platform.h"

namespace cc::image {
namespace {

// arm64 "v8" and no variant are the same machine, as are amd64 "v1" and no variant.
std::string BaseVariant(const Platform& platform) {
  if (platform.architecture == "arm64" && platform.variant == "v8") return "";
  if (platform.architecture == "amd64" && platform.variant == "v1") return "";
  return platform.variant;
}

}  // namespace

std::string Platform::ToString() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

Platform Platform::Host() {
#if defined(__aarch64__)
  return {"linux", "arm64", "v8"};
#elif defined(__x86_64__)
  return {"linux", "amd64", ""};
#else
#error "add this machine's name in image indexes"
#endif
}

int MatchScore(const Platform& host, const Platform& candidate) {
  if (candidate.os != host.os || candidate.architecture != host.architecture) return 0;
  if (candidate.variant == host.variant) return 3;
  if (BaseVariant(candidate) == BaseVariant(host)) return 2;
  // A variant we cannot judge (arm64/v9, amd64/v3) may need instructions that are missing here.
  return 0;
}

}  // namespace cc::image
