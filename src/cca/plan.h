// SPDX-License-Identifier: Apache-2.0
// A realm plan says everything that makes a Realm what it is, in the order in which it is done. One value
// serves two readers: the VMM executes it, MeasureRealm (rim.h) folds it into the Realm Initial Measurement,
// so that prediction and reality cannot drift. Plain values; whoever builds a plan keeps nothing in it that
// can change.
#ifndef CC_CCA_PLAN_H_
#define CC_CCA_PLAN_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cc::cca {

inline constexpr uint64_t kGranule = 4096;

// Values are RmiHashAlgorithm (RMM specification, RmiRealmParams).
enum class RealmHash : uint8_t { kSha256 = 0, kSha512 = 1 };

// What the hypervisor asks of the RMM when it creates the Realm. All of it but `rpv` is measured.
struct RealmParams {
  uint64_t flags = 0;    // RmiRealmFlags: bit 0 LPA2, 1 SVE, 2 PMU
  uint8_t ipa_bits = 0;  // s2sz: the shared half counts too, so private memory is below 1 << (ipa_bits - 1)
  uint8_t sve_vl = 0;    // as encoded in RmiRealmParams
  uint8_t num_bps = 0;   // breakpoints - 1, as in ID_AA64DFR0_EL1
  uint8_t num_wps = 0;   // watchpoints - 1
  uint8_t pmu_num_ctrs = 0;
  RealmHash hash = RealmHash::kSha256;
  std::array<uint8_t, 64> rpv = {};  // Realm personalization value; in the token, not in the measurement
};

// [base, base + size) becomes private RAM without content.
struct InitRipas {
  uint64_t base = 0;
  uint64_t size = 0;
};

// [base, base + size) gets `content` and then zeros. Each page counts, also one that is not measured (its
// address is in the RIM then, its content is not).
struct Populate {
  uint64_t base = 0;
  uint64_t size = 0;
  bool measured = true;
  std::string_view content;           // at most `size` bytes
  std::shared_ptr<const void> owner;  // keeps `content` alive; may be empty
};

// One vCPU. Only runnable ones (vCPU 0) are measured.
struct CreateRec {
  bool runnable = false;
  uint64_t mpidr = 0;
  uint64_t pc = 0;
  std::array<uint64_t, 8> gprs = {};  // x0 is the address of the device tree
};

using RealmStep = std::variant<InitRipas, Populate, CreateRec>;

struct RealmPlan {
  RealmParams params;
  std::vector<RealmStep> steps;
};

// The parts of a guest before they have an order.
struct RealmLayout {
  RealmParams params;
  std::vector<InitRipas> ram;     // all guest RAM, one entry for each memory slot
  std::vector<Populate> content;  // kernel, initramfs, device tree
  std::vector<CreateRec> recs;    // by vCPU index
};

// Who decides the order.
enum class PlanOrder {
  kRipasFirst,  // the VMM, by explicit calls: RIPAS of all RAM, content, vCPUs (ABI generation "RME")
  kRipasLast,   // KVM, at the first run of a vCPU: content, vCPUs, RIPAS of all slots (ABI generation "RMI")
};

// The layout checked and put in order, content by ascending address. InvalidArgument when an address is not
// on a granule, ranges overlap, content lies outside RAM or is longer than its range, RAM is beyond the
// private half of the address space, not exactly the first vCPU is runnable, or (kRipasLast) RAM is more than
// one range: KVM goes through memory slots by a hash of their number.
absl::StatusOr<RealmPlan> OrderPlan(const RealmLayout& layout, PlanOrder order);

}  // namespace cc::cca

#endif  // CC_CCA_PLAN_H_
