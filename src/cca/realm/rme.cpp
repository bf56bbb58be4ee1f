// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/rme.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/realm/kvm_uapi.h"

namespace cc::cca::realm {

using uapi::RmeCommand;

int RmeCalls::Enable(RmeCommand command, const void* argument) const {
  uapi::EnableCap enable = {};
  enable.cap = capability_;
  enable.args[0] = static_cast<uint64_t>(command);
  // SAFETY: the kernel reads the command's structure from here, during the call only.
  enable.args[1] = reinterpret_cast<uint64_t>(argument);
  return Retry([&] { return kvm_.Ioctl(vm_, uapi::kEnableCap, &enable); });
}

absl::Status RmeCalls::ConfigHash(RealmHash hash) const {
  uapi::RmeConfig config = {};
  config.item = uapi::RmeConfig::kHashAlgorithm;
  config.hash_algorithm = static_cast<uint32_t>(hash);
  const int result = Enable(RmeCommand::kConfigRealm, &config);
  const char* name = hash == RealmHash::kSha512 ? "sha512" : "sha256";
  return Checked(result, StrCat("CONFIG_REALM hash algorithm ", name,
                                result == -EINVAL ? " (the RMM may not have it)" : ""));
}

absl::Status RmeCalls::ConfigRpv(const RealmParams& params) const {
  uapi::RmeConfig config = {};
  config.item = uapi::RmeConfig::kRpv;
  static_assert(sizeof(config.rpv) == sizeof(params.rpv));
  std::memcpy(config.rpv, params.rpv.data(), params.rpv.size());
  return Checked(Enable(RmeCommand::kConfigRealm, &config), "CONFIG_REALM personalization value");
}

absl::Status RmeCalls::CreateRealm() const {
  const int result = Enable(RmeCommand::kCreateRealm, nullptr);
  return Checked(
      result, result == -ENXIO ? "CREATE_REALM (the RMM refuses the vCPU's ID registers)" : "CREATE_REALM");
}

absl::Status RmeCalls::InitRipas(const cca::InitRipas& range) const {
  const uapi::RmeInitRipas init = {.base = range.base, .size = range.size, .reserved = {}};
  return Checked(Enable(RmeCommand::kInitRipas, &init),
                 StrCat("INIT_RIPAS_REALM of ", RangeText(range.base, range.size)));
}

absl::Status RmeCalls::Populate(const cca::Populate& range, RealmMemory& memory) const {
  const std::string what = StrCat("POPULATE_REALM of ", RangeText(range.base, range.size));
  const std::span<std::byte> shared = memory.Shared(range.base, range.size);
  if (shared.empty()) return absl::InvalidArgumentError(StrCat(what, ": that is no RAM"));
  std::memcpy(shared.data(), range.content.data(), std::min(range.content.size(), shared.size()));
  const uapi::RmePopulate populate = {.base = range.base,
                                      .size = range.size,
                                      .flags = range.measured ? uapi::kPopulateMeasure : 0,
                                      .reserved = {}};
  CC_RETURN_IF_ERROR(Checked(Enable(RmeCommand::kPopulate, &populate), what));
  return memory.DropShared(range.base, range.size);
}

absl::Status RmeCalls::Activate() const {
  return Checked(Enable(RmeCommand::kActivate, nullptr), "ACTIVATE_REALM");
}

}  // namespace cc::cca::realm
