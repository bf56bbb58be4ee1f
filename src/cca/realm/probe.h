// SPDX-License-Identifier: Apache-2.0
// Whether this machine makes Realms, by which generation of KVM's ABI, and within which limits. Safe on any
// kernel: capability queries, and trial VMs of Realm type that are closed at once. A capability number proves
// nothing (generation.h), so each candidate must be seen on /dev/kvm, make a VM, and be seen again on that
// VM.
#ifndef CC_CCA_REALM_PROBE_H_
#define CC_CCA_REALM_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cca/generation.h"
#include "cca/realm/kvm_calls.h"

namespace cc::cca::realm {

struct ProbeRequest {
  std::string device = "/dev/kvm";
  std::string live_capability = std::string(kLiveCapabilityPath);
  uint8_t ipa_bits = 33;  // that the guest needs, the shared half included
  RealmHash hash = RealmHash::kSha256;
  bool rpv = false;         // the guest needs a personalization value
  size_t page_size = 4096;  // of the host
};

struct RealmSupport {
  const GenerationAbi* abi = nullptr;  // of the Realms to make; null = not usable
  uint32_t capability = 0;             // its number here, which may differ from the table's
  // Names of all generations that fit, newest first: v6 and v7 look alike until a Realm runs. Not empty also
  // where Realms work, but not the one that was asked for.
  std::vector<std::string> generations;
  uint8_t max_ipa_bits = 0;
  bool sve = false;
  bool sha256 = false, sha512 = false;
  std::string finding;  // one sentence, either way
  std::string fix;      // what to do; empty when usable

  bool usable() const { return abi != nullptr; }
};

RealmSupport ProbeRealm(KvmCalls& kvm, const ProbeRequest& request);

// The same on an open /dev/kvm.
RealmSupport ProbeRealmOn(KvmCalls& kvm, int device, const ProbeRequest& request);

}  // namespace cc::cca::realm

#endif  // CC_CCA_REALM_PROBE_H_
