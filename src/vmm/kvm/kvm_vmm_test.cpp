// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/kvm_vmm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"

namespace cc::vmm::kvm {
namespace {

using ::testing::HasSubstr;

VmSpec Spec() {
  VmSpec spec;
  spec.id = "test";
  spec.arch = "aarch64";
  spec.kernel = spec.initramfs = "/bin/sh";
  spec.binary = "/bin/false";
  spec.state_dir = "/tmp";
  return spec;
}

struct BadCase {
  const char* text;
  std::function<void(VmSpec&, Host&)> spoil;
};

TEST(KvmVmm, SaysWhyItCannotRunHereAndWhatToDo) {
  const BadCase cases[] = {
      {"this machine is x86_64", [](VmSpec&, Host& h) { h.arch = "x86_64"; }},
      {"the guest x86_64; use backend = \"qemu\"", [](VmSpec& s, Host&) { s.arch = "x86_64"; }},
      {"cannot emulate", [](VmSpec& s, Host&) { s.accel = Accel::kTcg; }},
      {"does not exist", [](VmSpec&, Host& h) { h.kvm_device = "/nonexistent/kvm"; }},
      {"is no KVM", [](VmSpec&, Host& h) { h.kvm_device = "/dev/null"; }},
  };
  for (const BadCase& bad : cases) {
    VmSpec spec = Spec();
    Host host{.arch = "aarch64"};
    bad.spoil(spec, host);
    KvmVmm vmm(host);
    const Capabilities found = vmm.Probe(spec);
    EXPECT_FALSE(found.usable);
    EXPECT_THAT(found.reason, HasSubstr(bad.text));
    EXPECT_FALSE(vmm.Create(spec).ok());
  }
}

}  // namespace
}  // namespace cc::vmm::kvm
