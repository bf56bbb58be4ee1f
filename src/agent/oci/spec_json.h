// SPDX-License-Identifier: Apache-2.0
// Kata's protobuf form of the OCI runtime specification -> config.json for crun. A plain change of notation:
// what may be in a spec is decided before, in spec_policy.h.
#ifndef CC_AGENT_OCI_SPEC_JSON_H_
#define CC_AGENT_OCI_SPEC_JSON_H_

#include <string>

#include "kata/oci.pb.h"

namespace cc::agent {

// The text of config.json. Hooks, Solaris, Windows, AppArmor, SELinux and Intel RDT have no meaning in the
// guest and are not carried over. Annotations neither: crun acts on some of them (run.oci.*), and they are
// the host's.
std::string SpecText(const grpc::Spec& spec);

// The text of a file for `crun update --resources`.
std::string ResourcesText(const grpc::LinuxResources& resources);

}  // namespace cc::agent

#endif  // CC_AGENT_OCI_SPEC_JSON_H_
