// SPDX-License-Identifier: Apache-2.0
#include "cca/realm/rmi_populate.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "base/strings.h"
#include "cca/realm/call.h"
#include "cca/uapi.h"

namespace cc::cca::realm {
namespace {

constexpr uint64_t kStaging = 2 << 20;

// Pages to copy content to where it does not lie on whole pages itself.
class Staging {
 public:
  static absl::StatusOr<Staging> Create(KvmCalls& kvm) {
    void* mapped = nullptr;
    CC_RETURN_IF_ERROR(
        Checked(kvm.Mmap(kStaging, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &mapped),
                "memory to copy guest content through"));
    return Staging(kvm, static_cast<char*>(mapped));
  }
  Staging(Staging&& other) noexcept : kvm_(other.kvm_), bytes_(std::exchange(other.bytes_, nullptr)) {}
  ~Staging() {
    if (bytes_ != nullptr) kvm_.Munmap(bytes_, kStaging);
  }

  // `size` bytes (at most kStaging) that start with `content` and go on with zeros.
  const char* Fill(std::string_view content, uint64_t size) {
    std::memcpy(bytes_, content.data(), content.size());
    std::memset(bytes_ + content.size(), 0, size - content.size());
    return bytes_;
  }

 private:
  Staging(KvmCalls& kvm, char* bytes) : kvm_(kvm), bytes_(bytes) {}
  KvmCalls& kvm_;
  char* bytes_;
};

// One call. How many bytes it did, or -errno.
int64_t Step(KvmCalls& kvm, int vm, const GenerationAbi& abi, uapi::RmiPopulate argument) {
  const uint64_t size = argument.size;
  const int result = Retry([&] { return kvm.Ioctl(vm, *abi.populate, &argument); });
  if (result < 0 || !abi.populate_moves_argument) return result;
  return argument.size > size ? -1 : static_cast<int64_t>(size - argument.size);
}

// `source` is on a page and has `size` bytes.
absl::Status PopulateFrom(KvmCalls& kvm, int vm, const GenerationAbi& abi, const Populate& range,
                          uint64_t offset, const char* source, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const uapi::RmiPopulate argument = {
        .base = range.base + offset + done,
        .size = size - done,
        // SAFETY: the kernel reads `size` bytes from here, during the call only.
        .source_uaddr = reinterpret_cast<uint64_t>(source + done),
        .flags = range.measured ? uapi::kPopulateMeasure : 0,
        .reserved = 0,
    };
    const std::string what = StrCat("KVM_ARM_RMI_POPULATE of ", RangeText(argument.base, argument.size));
    const int64_t moved = Step(kvm, vm, abi, argument);
    if (moved < 0) return Checked(static_cast<int>(moved), what);
    const auto step = static_cast<uint64_t>(moved);
    if (step == 0 || step > size - done || step % kGranule != 0) {
      return absl::InternalError(StrCat(what, ": KVM says that it did ", step, " bytes"));
    }
    done += step;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RmiPopulate(KvmCalls& kvm, int vm, const GenerationAbi& abi, const Populate& range) {
  uint64_t offset = 0;
  const std::string_view content = range.content;
  // Files are mapped on pages: their whole pages go in without a copy.
  if (reinterpret_cast<uintptr_t>(content.data()) % kGranule == 0) {
    offset = content.size() / kGranule * kGranule;
    if (offset != 0) {
      CC_RETURN_IF_ERROR(PopulateFrom(kvm, vm, abi, range, 0, content.data(), offset));
    }
  }
  if (offset == range.size) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(Staging staging, Staging::Create(kvm));
  while (offset < range.size) {
    const uint64_t size = std::min(range.size - offset, kStaging);
    const std::string_view part = content.substr(std::min<uint64_t>(offset, content.size()), size);
    CC_RETURN_IF_ERROR(PopulateFrom(kvm, vm, abi, range, offset, staging.Fill(part, size), size));
    offset += size;
  }
  return absl::OkStatus();
}

}  // namespace cc::cca::realm
