// SPDX-License-Identifier: Apache-2.0
// The initdata of a pod on its way to the guest. The shim can change it, but not unnoticed: the guest
// compares it with the personalization value in its own token. So it is only parsed as far as is needed to
// bind it, and bounded, because whoever may create pods wrote it.
#ifndef CC_SHIM_INIT_DATA_H_
#define CC_SHIM_INIT_DATA_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shim/bundle.h"
#include "vmm/vmm.h"

namespace cc::shim {

struct PodInitData {
  std::string gzip;                     // as in the annotation
  std::array<uint8_t, 64> digest = {};  // of the text, by the algorithm that it names, zero-padded
  // Hosts and URLs that it makes the guest speak to: a guest without a network reaches them through the shim.
  std::vector<std::string> destinations;
};

// nullopt when the pod has none. InvalidArgument when the annotation is no base64 of gzip of initdata, or is
// too long.
absl::StatusOr<std::optional<PodInitData>> InitDataOf(const Annotations& annotations);

// Puts it on a disk of the guest, made in spec->state_dir, and its digest into the personalization value.
absl::Status AddInitData(const PodInitData& init_data, vmm::VmSpec* spec);

}  // namespace cc::shim

#endif  // CC_SHIM_INIT_DATA_H_
