// SPDX-License-Identifier: Apache-2.0
// What a guest is made of, as digests, and the reference values to endorse for it: a pure function of the
// configuration and the files it names. For tee = "none" nothing is measured by hardware; the reference
// values are those of the sample TEE, which proves nothing (development only).
#ifndef CC_OWNER_MEASUREMENT_H_
#define CC_OWNER_MEASUREMENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::owner {

struct GuestDescription {
  std::string kernel;  // paths
  std::string initramfs;
  std::string command_line;  // text
  bool cca = false;          // tee = "cca"
};

struct Artifact {
  std::string name;  // "kernel", "initramfs", "command line"
  std::string what;  // path or text
  uint64_t size = 0;
  std::string sha256, sha384, sha512;  // hex
};

struct Measurement {
  std::vector<Artifact> artifacts;
};

// NotFound and the like for the files. Unimplemented for a Realm, naming what is missing: no number is made
// up.
absl::StatusOr<Measurement> Measure(const GuestDescription& guest);

// {"tee", "artifacts": […], "reference_values": {…}}: what `ccctl trustee endorse` takes.
std::string MeasurementJson(const Measurement& measurement);
std::string MeasurementTable(const Measurement& measurement);

}  // namespace cc::owner

#endif  // CC_OWNER_MEASUREMENT_H_
