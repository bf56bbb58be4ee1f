// SPDX-License-Identifier: Apache-2.0
// For tests: a KVM that creates whatever is asked for, writes down each call, can refuse one, and whose vCPUs
// leave the guest as the test has prepared. Without an exit left, a vCPU stays in the guest until it is told
// to come out.
#ifndef CC_VMM_KVM_GUEST_TEST_KVM_H_
#define CC_VMM_KVM_GUEST_TEST_KVM_H_

#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cca/realm/kvm_calls.h"
#include "cca/realm/kvm_uapi.h"

namespace cc::vmm::kvm {

class TestKvm : public cca::realm::KvmCalls {
 public:
  static constexpr int kDevice = 9000;  // stands for /dev/kvm

  int Open(const char*, int) override { return -ENOENT; }
  using KvmCalls::Ioctl;
  int Ioctl(int fd, unsigned long request, void* argument) override {
    if (request == KVM_RUN) return Run(fd);
    const std::lock_guard lock(mutex_);
    const std::string name = Name(request);
    const size_t index = calls.size();
    calls.push_back(name);
    if (refuse == name || fail_index == index) return -refuse_error;
    switch (request) {
      case KVM_GET_VCPU_MMAP_SIZE:
        return 4096;
      case KVM_CHECK_EXTENSION: {
        const auto found = capabilities.find(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(argument)));
        return found == capabilities.end() ? 0 : found->second;
      }
      case KVM_CREATE_VM:
        vm_type = reinterpret_cast<uintptr_t>(argument);
        return ::eventfd(0, EFD_CLOEXEC);
      case KVM_CREATE_VCPU:
        return ::eventfd(0, EFD_CLOEXEC);
      case KVM_CREATE_DEVICE:
        static_cast<kvm_create_device*>(argument)->fd = static_cast<uint32_t>(::eventfd(0, EFD_CLOEXEC));
        return 0;
      case KVM_SET_USER_MEMORY_REGION:
        memory = *static_cast<kvm_userspace_memory_region*>(argument);
        return 0;
      case KVM_IRQ_LINE:
        irq_lines.push_back(*static_cast<kvm_irq_level*>(argument));
        return 0;
      case cca::uapi::kArmVcpuInit:
        features.push_back(static_cast<cca::uapi::VcpuInit*>(argument)->features[0]);
        return 0;
      case cca::uapi::kSetOneReg: {
        const auto& reg = *static_cast<cca::uapi::OneReg*>(argument);
        registers[reg.id] = *reinterpret_cast<const uint64_t*>(reg.addr);
        return 0;
      }
      default:
        return 0;
    }
  }
  int CreateMemory(const char*, uint64_t) override { return -ENOSYS; }
  int Mmap(size_t size, int protection, int, int fd, off_t, void** mapped) override {
    const std::lock_guard lock(mutex_);
    *mapped = ::mmap(nullptr, size, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    runs_[fd] = static_cast<kvm_run*>(*mapped);
    ++open_mappings;
    return 0;
  }
  int Munmap(void* address, size_t size) override {
    --open_mappings;
    return ::munmap(address, size);
  }
  int Madvise(void*, size_t, int) override { return 0; }
  int Fallocate(int, int, off_t, off_t) override { return 0; }
  absl::StatusOr<std::string> ReadFile(const std::string&) override { return absl::NotFoundError("none"); }

  // The next exits, whichever vCPU runs; each fills kvm_run and gives KVM_RUN's result.
  void Push(std::function<int(kvm_run&)> exit) {
    const std::lock_guard lock(mutex_);
    exits_.push_back(std::move(exit));
  }
  static int SystemEvent(kvm_run& run, uint32_t type) {
    run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
    run.system_event.type = type;
    return 0;
  }

  std::vector<std::string> calls;
  std::string refuse;            // the name of a call that fails
  size_t fail_index = SIZE_MAX;  // or its number
  int refuse_error = EINVAL;
  std::map<uint32_t, int> capabilities = {{165, 40}};
  uint64_t vm_type = 0;
  kvm_userspace_memory_region memory{};
  std::vector<uint32_t> features;
  std::map<uint64_t, uint64_t> registers;
  std::vector<kvm_irq_level> irq_lines;
  std::atomic<int> open_mappings = 0;

 private:
  static std::string Name(unsigned long request) {
    switch (request) {
      case KVM_GET_VCPU_MMAP_SIZE:
        return "mmap-size";
      case KVM_CHECK_EXTENSION:
        return "check";
      case KVM_CREATE_VM:
        return "vm";
      case KVM_CREATE_VCPU:
        return "vcpu";
      case KVM_CREATE_DEVICE:
        return "gic";
      case KVM_SET_DEVICE_ATTR:
        return "gic-attr";
      case KVM_SET_USER_MEMORY_REGION:
        return "memory";
      case KVM_IRQFD:
        return "irqfd";
      case KVM_IOEVENTFD:
        return "ioeventfd";
      case KVM_IRQ_LINE:
        return "irq-line";
      case cca::uapi::kArmPreferredTarget:
        return "target";
      case cca::uapi::kArmVcpuInit:
        return "init";
      case cca::uapi::kArmVcpuFinalize:
        return "finalize";
      case cca::uapi::kSetOneReg:
        return "reg";
      default:
        return "other";
    }
  }
  int Run(int fd) {
    while (true) {
      kvm_run* run;
      std::function<int(kvm_run&)> exit;
      {
        const std::lock_guard lock(mutex_);
        run = runs_.at(fd);
        if (__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST) != 0) return -EINTR;
        if (!exits_.empty()) {
          exit = std::move(exits_.front());
          exits_.pop_front();
        }
      }
      if (exit) return exit(*run);
      ::sched_yield();  // the only rest that a confined thread has
    }
  }

  std::mutex mutex_;
  std::map<int, kvm_run*> runs_;
  std::deque<std::function<int(kvm_run&)>> exits_;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_GUEST_TEST_KVM_H_
