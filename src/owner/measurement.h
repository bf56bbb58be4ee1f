// SPDX-License-Identifier: Apache-2.0
// What a guest is made of, as digests, and the reference values to endorse for it: a pure function of the
// configuration and the files it names. For tee = "none" nothing is measured by hardware; the reference
// values are those of the sample TEE, which proves nothing (development only).
#ifndef CC_OWNER_MEASUREMENT_H_
#define CC_OWNER_MEASUREMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::owner {

// A guest that is a Realm, and what its token will say of it. Byte strings are raw.
struct RealmDescription {
  struct Rim {
    std::vector<std::string> generations;  // of KVM's ABI, that give this measurement
    std::string rim;                       // 32 or 64 bytes
  };
  std::vector<Rim> rims;
  std::string rpv;   // 64 bytes
  std::string hash;  // "sha256" or "sha512"
  std::string device_tree;
  unsigned ipa_bits = 0;  // what else is measured, for people
  unsigned breakpoints = 0, watchpoints = 0;
  uint64_t measured_pages = 0;  // of 4 KiB
};

struct GuestDescription {
  std::string kernel;  // paths
  std::string initramfs;
  std::string command_line;               // text
  std::optional<RealmDescription> realm;  // tee = "cca"
};

struct Artifact {
  std::string name;  // "kernel", "initramfs", "command line", "device tree"
  std::string what;  // path or text
  uint64_t size = 0;
  std::string sha256, sha384, sha512;  // hex
};

struct Measurement {
  std::vector<Artifact> artifacts;
  std::optional<RealmDescription> realm;
};

// NotFound and the like for the files.
absl::StatusOr<Measurement> Measure(const GuestDescription& guest);

// {"tee", "artifacts": […], "realm": {…}, "reference_values": {…}}: what `ccctl trustee endorse` takes. The
// reference values of a Realm have the names that the default attestation policy asks for
// (src/trustee/policies/default_cpu.rego), byte strings in base64 as it sees them.
std::string MeasurementJson(const Measurement& measurement);
std::string MeasurementTable(const Measurement& measurement);

}  // namespace cc::owner

#endif  // CC_OWNER_MEASUREMENT_H_
