// SPDX-License-Identifier: Apache-2.0
// Request numbers and offsets are written out here, not taken from uapi.h, so that a slip in a structure
// shows.
#include "cca/realm/fake_kvm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "base/strings.h"

namespace cc::cca::realm {
namespace {

constexpr size_t kRunSize = 4096;
constexpr uint32_t kExitMmio = 6;
constexpr uint32_t kExitMemoryFault = 39;

template <typename Number>
Number At(const void* bytes, size_t offset) {
  Number number;
  std::memcpy(&number, static_cast<const uint8_t*>(bytes) + offset, sizeof(number));
  return number;
}

std::string Hex(uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

ino_t InodeOf(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

}  // namespace

FakeKvm::FakeKvm(FakeKvmOptions options)
    : options_(std::move(options)), abi_(options_.generation ? &Describe(*options_.generation) : nullptr) {
  if (abi_ != nullptr) capability_ = options_.live_capability.value_or(abi_->capability);
}

FakeKvm::~FakeKvm() {
  for (const auto& [fd, handle] : handles_) {
    if (handle.run != nullptr) ::munmap(handle.run, kRunSize);
  }
}

std::optional<int> FakeKvm::Failure() {
  if (fail_index_ == calls_++) return -fail_error_;
  return std::nullopt;
}

int FakeKvm::OpenDescriptors() const {
  int open = 0;
  for (const auto& [fd, handle] : handles_) open += InodeOf(fd) == handle.inode ? 1 : 0;
  return open;
}

FakeKvm::Handle* FakeKvm::Find(int fd) {
  const auto found = handles_.find(fd);
  return found == handles_.end() || InodeOf(fd) != found->second.inode ? nullptr : &found->second;
}

int FakeKvm::NewHandle(Kind kind, size_t index, uint64_t size) {
  const int fd = ::memfd_create("fake-kvm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || (size != 0 && ::ftruncate(fd, static_cast<off_t>(size)) != 0)) return -EIO;
  if (const auto old = handles_.find(fd); old != handles_.end() && old->second.run != nullptr) {
    ::munmap(old->second.run, kRunSize);
  }
  handles_.insert_or_assign(fd, Handle{kind, index, InodeOf(fd)});
  return fd;
}

void FakeKvm::Note(const Handle& handle, unsigned long request, const std::string& argument) {
  static constexpr const char* kNames[] = {"kvm", "vm", "vcpu", "vgic", "memfd", "shared"};
  std::string line = kNames[static_cast<size_t>(handle.kind)];
  if (handle.kind == Kind::kVcpu) StrAppend(&line, handle.index);
  StrAppend(&line, " ", Hex(request));
  if (!argument.empty()) StrAppend(&line, " ", argument);
  trace.push_back(std::move(line));
}

int FakeKvm::Open(const char* path, int) {
  if (const auto failure = Failure()) return *failure;
  trace.push_back(StrCat("open ", path));
  return std::string_view(path) == "/dev/kvm" ? NewHandle(Kind::kKvm, 0) : -ENOENT;
}

absl::StatusOr<std::string> FakeKvm::ReadFile(const std::string& path) {
  if (path == kLiveCapabilityPath && options_.live_capability) {
    return StrCat(*options_.live_capability, "\n");
  }
  return absl::NotFoundError(path);
}

int FakeKvm::CreateMemory(const char* name, uint64_t size) {
  if (const auto failure = Failure()) return *failure;
  trace.push_back(StrCat("memory ", name, " ", Hex(size)));
  const int fd = NewHandle(Kind::kShared, shared_++, size);
  if (fd >= 0) ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  return fd;
}

int FakeKvm::Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) {
  if (const auto failure = Failure()) return *failure;
  void* address = ::mmap(nullptr, size, protection, flags, fd, offset);
  if (address == MAP_FAILED) return -errno;
  mappings_[address] = size;
  *mapped = address;
  return 0;
}

int FakeKvm::Munmap(void* address, size_t size) {
  const auto found = mappings_.find(address);
  if (found == mappings_.end() || found->second != size) return -EINVAL;
  mappings_.erase(found);
  return ::munmap(address, size) == 0 ? 0 : -errno;
}

int FakeKvm::Madvise(void* address, size_t size, int advice) {
  if (const auto failure = Failure()) return *failure;
  for (const auto& [mapping, length] : mappings_) {
    const auto offset = static_cast<std::byte*>(address) - static_cast<std::byte*>(mapping);
    if (offset < 0 || static_cast<size_t>(offset) + size > length) continue;
    trace.push_back(StrCat("madvise ", advice, " +", Hex(static_cast<uint64_t>(offset)), " ", Hex(size)));
    return ::madvise(address, size, advice) == 0 ? 0 : -errno;
  }
  return -ENOMEM;
}

int FakeKvm::Fallocate(int fd, int mode, off_t offset, off_t size) {
  if (const auto failure = Failure()) return *failure;
  Handle* handle = Find(fd);
  if (handle == nullptr || handle->kind != Kind::kGuestMemfd) return -EBADF;
  trace.push_back(StrCat("fallocate memfd", handle->index, " ", mode, " +",
                         Hex(static_cast<uint64_t>(offset)), " ", Hex(static_cast<uint64_t>(size))));
  if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
  if (realm_) realm_->Punch(fd, static_cast<uint64_t>(offset), static_cast<uint64_t>(size));
  return 0;
}

int FakeKvm::Ioctl(int fd, unsigned long request, void* argument) {
  if (const auto failure = Failure()) return *failure;
  Handle* handle = Find(fd);
  if (handle == nullptr) return -EBADF;
  const auto number = reinterpret_cast<uintptr_t>(argument);
  if (request == 0xae03 && (handle->kind == Kind::kKvm || handle->kind == Kind::kVm)) {
    Note(*handle, request, StrCat("cap ", number));
    return CheckExtension(*handle, static_cast<uint32_t>(number));
  }
  switch (handle->kind) {
    case Kind::kKvm:
      if (request == 0xae01) {
        Note(*handle, request, StrCat("type ", Hex(number)));
        return CreateVm(number);
      }
      return request == 0xae04 ? static_cast<int>(kRunSize) : -EINVAL;
    case Kind::kVm:
      return VmIoctl(*handle, request, argument);
    case Kind::kVcpu:
      return VcpuIoctl(*handle, request, argument);
    case Kind::kVgic: {
      if (request != 0x4018aee1) return -ENOTTY;
      const auto group = At<uint32_t>(argument, 4);
      Note(*handle, request, StrCat("group ", group, " attr ", Hex(At<uint64_t>(argument, 8))));
      if (group == 4 && At<uint64_t>(argument, 8) == 0 && realm_) realm_->vgic = true;
      return 0;
    }
    default:
      return -ENOTTY;
  }
}

int FakeKvm::CheckExtension(const Handle& handle, uint32_t capability) {
  if (abi_ != nullptr && capability == capability_) {
    return handle.kind == Kind::kVm && !handle.realm_vm ? 0 : 1;
  }
  switch (capability) {
    case 165:
      return options_.host_ipa_bits;
    case 231:
    case 234:
      return 1;
    case 233:
      return abi_ == nullptr || abi_->memory_attributes ? 8 : 0;
    case 250:
      if (abi_ == nullptr || !abi_->private_memory_capability) break;
      return options_.in_place_conversion ? 8 : 0;
    default:
      break;
  }
  const auto other = options_.other_capabilities.find(capability);
  if (other == options_.other_capabilities.end()) return 0;
  // Architecture capabilities read 0 on a VM of Realm type.
  return handle.realm_vm ? 0 : other->second;
}

int FakeKvm::CreateVm(uint64_t type) {
  const auto bits = static_cast<int>(type & 0xff);
  const uint64_t kind = type & ~uint64_t{0xff};
  if (bits > options_.host_ipa_bits || (bits != 0 && bits < 32)) return -EINVAL;
  const bool realm = abi_ != nullptr && kind == abi_->vm_type;
  if (kind != 0 && !realm) return -EINVAL;
  if (realm && !options_.rmm) return -abi_->no_rmm_error;
  if (realm && bits > options_.max_ipa_bits) return -EINVAL;
  const int fd = NewHandle(Kind::kVm, 0);
  if (fd < 0) return fd;
  handles_.at(fd).realm_vm = realm;
  realm_ = realm ? std::make_unique<FakeRealm>(*abi_, bits == 0 ? 40 : bits, options_.sha512) : nullptr;
  pending_.reset();
  return fd;
}

int FakeKvm::VmIoctl(Handle& handle, unsigned long request, void* argument) {
  auto* bytes = static_cast<uint8_t*>(argument);
  if (realm_ == nullptr) return -EINVAL;
  switch (request) {
    case 0xae41: {
      const auto id = reinterpret_cast<uintptr_t>(argument);
      Note(handle, request, StrCat("id ", id));
      if (id != realm_->vcpus.size()) return -EINVAL;  // MPIDRs must be contiguous
      const int fd = NewHandle(Kind::kVcpu, id, kRunSize);
      if (fd < 0) return fd;
      void* run = ::mmap(nullptr, kRunSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (run == MAP_FAILED) return -errno;
      handles_.at(fd).run = static_cast<std::byte*>(run);
      realm_->vcpus.emplace_back();
      return fd;
    }
    case 0xc00caee0: {
      Note(handle, request, StrCat("type ", At<uint32_t>(bytes, 0)));
      if (At<uint32_t>(bytes, 0) != 7) return -ENODEV;
      const int fd = NewHandle(Kind::kVgic, 0);
      if (fd < 0) return fd;
      std::memcpy(bytes + 4, &fd, sizeof(fd));
      return 0;
    }
    case 0x8020aeaf:
      Note(handle, request, "");
      std::memset(bytes, 0, 32);
      bytes[0] = 5;  // KVM_ARM_TARGET_GENERIC_V8
      return 0;
    case 0x4068aea3:
      return EnableCap(handle, bytes);
    case 0xc040aed4:
      return CreateGuestMemfd(handle, bytes);
    case 0x40a0ae49:
      return SetMemoryRegion(handle, bytes);
    case 0x4020aed2: {
      const uint64_t base = At<uint64_t>(bytes, 0), size = At<uint64_t>(bytes, 8);
      Note(handle, request, StrCat(Hex(base), " ", Hex(size), " attributes ", At<uint64_t>(bytes, 16)));
      return At<uint64_t>(bytes, 24) != 0 ? -EINVAL
                                          : realm_->SetAttributes(base, size, At<uint64_t>(bytes, 16));
    }
    case 0x4020aed7:
    case 0xc020aed7:
      return Populate(handle, request, bytes);
    default:
      Note(handle, request, "unknown");
      return -EINVAL;
  }
}

int FakeKvm::EnableCap(const Handle& handle, const uint8_t* argument) {
  const auto capability = At<uint32_t>(argument, 0);
  const auto command = At<uint64_t>(argument, 8);
  // SAFETY: what the code under test passes as the command's structure.
  const auto* structure = reinterpret_cast<const uint8_t*>(At<uint64_t>(argument, 16));
  std::string text = StrCat("cap ", capability, " command ", command);
  if (command == 0) {
    const auto item = At<uint32_t>(structure, 0);
    StrAppend(&text, " config ", item);
    StrAppend(&text, item == 1 ? StrCat(" hash ", At<uint32_t>(structure, 4))
                               : StrCat(" rpv ", int{structure[4]}, "..", int{structure[67]}));
  } else if (command == 2 || command == 3) {
    StrAppend(&text, " ", Hex(At<uint64_t>(structure, 0)), " ", Hex(At<uint64_t>(structure, 8)));
    if (command == 3) StrAppend(&text, " flags ", At<uint32_t>(structure, 16));
    for (size_t i = command == 3 ? 20 : 16; i < 32; ++i) {
      if (structure[i] != 0) return -EINVAL;
    }
  }
  Note(handle, 0x4068aea3, text);
  if (At<uint32_t>(argument, 4) != 0) return -EINVAL;
  if (capability != capability_) return -EINVAL;
  return realm_->EnableCap(abi_->capability, command, structure);
}

int FakeKvm::CreateGuestMemfd(const Handle& handle, const uint8_t* argument) {
  const auto size = At<uint64_t>(argument, 0);
  Note(handle, 0xc040aed4, StrCat("size ", Hex(size), " flags ", At<uint64_t>(argument, 8)));
  if (At<uint64_t>(argument, 8) != 0 || size % 4096 != 0) return -EINVAL;
  return NewHandle(Kind::kGuestMemfd, memfds_++, size);
}

int FakeKvm::SetMemoryRegion(const Handle& handle, const uint8_t* argument) {
  FakeSlot slot = {.base = At<uint64_t>(argument, 8),
                   .size = At<uint64_t>(argument, 16),
                   .user = At<uint64_t>(argument, 24),
                   .guest_memfd = At<int>(argument, 40)};
  Handle* memfd = Find(slot.guest_memfd);
  Note(handle, 0x40a0ae49,
       StrCat("slot ", At<uint32_t>(argument, 0), " flags ", At<uint32_t>(argument, 4), " ", Hex(slot.base),
              " ", Hex(slot.size), " memfd", memfd == nullptr ? 999 : memfd->index, "+",
              At<uint64_t>(argument, 32)));
  if (At<uint32_t>(argument, 4) != 4 || memfd == nullptr || memfd->kind != Kind::kGuestMemfd) return -EINVAL;
  if (slot.base % 4096 != 0 || slot.size % 4096 != 0 || slot.user % 4096 != 0) return -EINVAL;
  for (const FakeSlot& other : realm_->slots) {
    if (slot.base < other.base + other.size && other.base < slot.base + slot.size) return -EEXIST;
  }
  realm_->slots.push_back(slot);
  return 0;
}

int FakeKvm::Populate(const Handle& handle, unsigned long request, uint8_t* argument) {
  const auto base = At<uint64_t>(argument, 0), size = At<uint64_t>(argument, 8);
  const auto source = At<uint64_t>(argument, 16);
  const auto flags = At<uint32_t>(argument, 24), reserved = At<uint32_t>(argument, 28);
  Note(handle, request, StrCat(Hex(base), " ", Hex(size), " flags ", flags, " reserved ", reserved));
  if (!abi_->populate || *abi_->populate != request) return -EINVAL;  // arm64: unknown VM ioctl
  uint64_t done = options_.populate_bytes == 0 ? size : std::min(size, options_.populate_bytes);
  if (options_.populate_stuck) done = 0;
  // SAFETY: what the code under test passes as readable memory.
  const int result =
      realm_->RmiPopulate(base, done, reinterpret_cast<const uint8_t*>(source), flags, reserved);
  if (result != 0) return result;
  if (request == 0x4020aed7) return static_cast<int>(done);
  const uint64_t moved[] = {base + done, size - done, source + done};
  std::memcpy(argument, moved, sizeof(moved));
  return 0;
}

int FakeKvm::VcpuIoctl(Handle& handle, unsigned long request, void* argument) {
  if (realm_ == nullptr) return -EINVAL;
  switch (request) {
    case 0x4020aeae:
      Note(handle, request, StrCat("features ", Hex(At<uint32_t>(argument, 4))));
      return realm_->InitVcpu(handle.index, At<uint32_t>(argument, 4));
    case 0x4010aeab:
    case 0x4010aeac: {
      const auto id = At<uint64_t>(argument, 0);
      // SAFETY: what the code under test passes as the register's value.
      auto* value = reinterpret_cast<uint64_t*>(At<uint64_t>(argument, 8));
      const bool set = request == 0x4010aeac;
      Note(handle, request, set ? StrCat(Hex(id), " = ", Hex(*value)) : Hex(id));
      return set ? realm_->SetRegister(handle.index, id, *value)
                 : realm_->GetRegister(handle.index, id, value);
    }
    case 0x4004aec2:
      Note(handle, request, StrCat("feature ", At<int32_t>(argument, 0)));
      return realm_->FinalizeRec(handle.index, At<int32_t>(argument, 0));
    case 0xae80:
      Note(handle, request, "");
      return Run(handle);
    default:
      Note(handle, request, "unknown");
      return -EINVAL;
  }
}

int FakeKvm::Run(Handle& handle) {
  if (const int result = realm_->PrepareRun(handle.index); result != 0) return result;
  CompleteMmio(handle);
  if (pending_) CheckConversion(*pending_);
  pending_.reset();
  if (exits.empty()) return -EINTR;
  const Exit exit = exits.front();
  exits.pop_front();
  const uint64_t fault[] = {exit.flags, exit.gpa, exit.size};
  std::memcpy(handle.run + 8, &exit.reason, sizeof(exit.reason));
  std::memcpy(handle.run + 32, fault, sizeof(fault));
  if (exit.reason == kExitMemoryFault) pending_ = exit;
  if (exit.reason == kExitMmio) handle.in_mmio = true;
  return exit.result;
}

// The kernel gives a guest what it read only where kvm_run still says that this was an MMIO exit.
void FakeKvm::CompleteMmio(Handle& handle) {
  if (!std::exchange(handle.in_mmio, false)) return;
  uint32_t reason = 0;
  std::memcpy(&reason, handle.run + 8, sizeof(reason));
  if (reason != kExitMmio) violations.push_back(StrCat("vCPU ", handle.index, " never gets what it read"));
  reason = 0;
  std::memcpy(handle.run + 8, &reason, sizeof(reason));
}

void FakeKvm::GuestWants(uint64_t gpa, uint64_t size, bool to_private) {
  const int result = abi_->ripas_exit == RipasExit::kFaultThenNextRun ? -EFAULT : 0;
  exits.push_back({result, kExitMemoryFault, to_private ? uint64_t{8} : 0, gpa, size});
}

void FakeKvm::CheckConversion(const Exit& wish) {
  const bool to_private = wish.flags == 8;
  for (const FakeSlot& slot : realm_->slots) {
    for (uint64_t at = wish.gpa; at < wish.gpa + wish.size; at += 4096) {
      if (at < slot.base || at >= slot.base + slot.size) continue;
      if (abi_->memory_attributes && realm_->IsPrivate(at) != to_private) {
        violations.push_back(StrCat("attribute of ", Hex(at)));
      }
      if (!to_private && realm_->HasPrivatePage(at)) {
        violations.push_back(StrCat("private page of ", Hex(at), " not purged"));
      }
    }
  }
}

}  // namespace cc::cca::realm
