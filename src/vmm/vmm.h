// SPDX-License-Identifier: Apache-2.0
// The seam between the shim and whatever runs a virtual machine. A back end registers under a name
// (registry.h) and needs no change outside its own folder.
#ifndef CC_VMM_VMM_H_
#define CC_VMM_VMM_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace cc::vmm {

enum class Accel { kAuto, kKvm, kTcg };
enum class Tee { kNone, kCca };

// One network interface of the guest: the other end of a tap of the pod's network namespace.
struct Nic {
  int tap_fd =
      -1;  // opened with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR; not owned, must live until Start returned
  std::array<uint8_t, 6> mac = {};
  uint32_t mtu = 1500;  // told to the guest as the largest it may use; 0 = it is told none
};

// One block device of the guest, a file of the host. Its bytes are hostile to the guest, which verifies or
// encrypts them itself.
struct Disk {
  std::string path;
  bool read_only = true;
  std::string serial;  // how the guest finds it: at most 20 bytes, /sys/block/*/serial
};

// What a Realm is asked for beyond its size; without effect when tee = kNone. Both are bound into the
// attestation token, the hash also decides how the initial measurement is made.
struct RealmSpec {
  enum class Hash { kSha256, kSha512 };
  Hash hash = Hash::kSha256;
  std::array<uint8_t, 64> rpv = {};  // Realm personalization value: digest of the initdata, zero-padded
};

// All that defines a guest. What is measured (kernel, initramfs, command line) is here and nowhere else.
struct VmSpec {
  std::string id;    // sandbox id, for logs and process names
  std::string arch;  // "x86_64" or "aarch64", of the guest
  uint32_t vcpus = 1;
  uint32_t memory_mib = 512;
  std::string kernel;                // path of bzImage or Image
  std::string initramfs;             // path of a cpio archive
  std::vector<std::string> cmdline;  // kernel parameters, without those the back end itself must add
  Accel accel = Accel::kAuto;
  Tee tee = Tee::kNone;
  RealmSpec realm;
  std::vector<Nic> nics;
  std::vector<Disk> disks;
  std::string binary;     // VMM program; empty = the back end's own default
  std::string state_dir;  // private directory (0700) for the VM's sockets; the caller removes it
  int console_fd = -1;    // where the guest's console goes; not owned; -1 = discarded
  // The network namespace that the VMM process runs in; not owned, must live until Start returned; -1 = the
  // caller's.
  int network_namespace = -1;
};

// What a machine can do, for `auto` and for error messages.
struct Capabilities {
  bool usable = false;
  Accel accel = Accel::kTcg;  // what `auto` would choose
  std::string reason;         // why it is not usable or why this accelerator was chosen
};

struct VmStats {
  uint64_t rss_bytes = 0;  // resident memory of the VMM process, guest RAM included
  uint64_t cpu_usec = 0;   // user + system time of the VMM process
};

// One virtual machine. Thread-safe. The destructor stops it and leaves no process behind.
class Vm {
 public:
  virtual ~Vm() = default;

  // Starts executing. Returns when the VMM process runs, before the guest has booted.
  virtual absl::Status Start() = 0;

  // A stream to a vsock port of the guest. Unavailable when the guest's driver is not up or nothing
  // listens there; does not retry.
  virtual absl::StatusOr<UniqueFd> Connect(uint32_t port) = 0;

  // A listening unix socket that receives the guest's connections to (CID 2, port); path sockets, one VM
  // each. Call before Start for ports that the guest uses at boot.
  virtual absl::StatusOr<UniqueFd> Listen(uint32_t port) = 0;

  virtual absl::Status Pause() = 0;
  virtual absl::Status Resume() = 0;

  // Ends the VM now, without asking the guest. Idempotent, returns when the process is gone.
  virtual void Stop() = 0;

  // Blocks until the VM has ended, however it did. Returns a sentence for people ("guest powered off",
  // "qemu was killed by signal 9"), the tail of the VMM's own error output included.
  virtual std::string Wait() = 0;

  virtual pid_t pid() const = 0;  // of the VMM process; -1 before Start
  virtual absl::StatusOr<VmStats> Stats() = 0;
};

// A back end.
class Vmm {
 public:
  virtual ~Vmm() = default;
  // Can this machine run `spec`? Never fails open: tee = cca without a usable Realm is not usable.
  virtual Capabilities Probe(const VmSpec& spec) = 0;
  // Checks the spec (files exist, TEE available, accelerator usable) and prepares; nothing runs yet.
  virtual absl::StatusOr<std::unique_ptr<Vm>> Create(const VmSpec& spec) = 0;
};

}  // namespace cc::vmm

#endif  // CC_VMM_VMM_H_
