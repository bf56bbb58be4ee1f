// SPDX-License-Identifier: Apache-2.0
#include "shim/pod_annotations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cc::shim {
namespace {

using ::testing::HasSubstr;

TEST(PodAnnotationsTest, LimitsOfTheSandboxApiAreThoseOfAnnotations) {
  runtime::v1::LinuxContainerResources limits;
  limits.set_cpu_period(100000);
  limits.set_cpu_quota(250000);
  limits.set_memory_limit_in_bytes(int64_t{2} << 30);
  Annotations annotations;
  SetPodLimits(limits, &annotations);
  Config config;
  ASSERT_TRUE(ApplyAnnotations(annotations, &config).ok());
  EXPECT_EQ(config.vmm.vcpus, 3u);
  EXPECT_EQ(config.vmm.memory_mib, 2048 + config.vmm.overhead_memory_mib);
  Config unlimited;
  SetPodLimits(runtime::v1::LinuxContainerResources(), &annotations);
  ASSERT_TRUE(ApplyAnnotations(annotations, &unlimited).ok());
  EXPECT_EQ(unlimited.vmm.vcpus, Config{}.vmm.vcpus);
  EXPECT_EQ(unlimited.vmm.memory_mib, Config{}.vmm.memory_mib);
}

TEST(PodAnnotationsTest, AContainerOfItsOwnSizesItsVm) {
  grpc::LinuxResources limits;
  limits.mutable_cpu()->set_period(100000);
  limits.mutable_cpu()->set_quota(150000);
  limits.mutable_memory()->set_limit(int64_t{1} << 30);
  Annotations annotations;
  SetPodLimits(limits, &annotations);
  Config config;
  ASSERT_TRUE(ApplyAnnotations(annotations, &config).ok());
  EXPECT_EQ(config.vmm.vcpus, 2u);
  EXPECT_EQ(config.vmm.memory_mib, 1024 + config.vmm.overhead_memory_mib);
}

TEST(PodAnnotationsTest, SizesOfTheVm) {
  struct {
    Annotations annotations;
    uint32_t vcpus, memory_mib;
  } const cases[] = {
      {{}, 1, 512},
      {{{"io.katacontainers.config.hypervisor.default_vcpus", "3"}}, 3, 512},
      {{{"io.katacontainers.config.hypervisor.default_memory", "2048"}}, 1, 2048},
      // 1.5 CPUs, 1 GiB
      {{{"io.kubernetes.cri.sandbox-cpu-period", "100000"},
        {"io.kubernetes.cri.sandbox-cpu-quota", "150000"},
        {"io.kubernetes.cri.sandbox-memory", "1073741824"}},
       2,
       1024 + 256},
      // Less than configured, or no limit.
      {{{"io.kubernetes.cri.sandbox-cpu-period", "100000"},
        {"io.kubernetes.cri.sandbox-cpu-quota", "-1"},
        {"io.kubernetes.cri.sandbox-memory", "1048576"}},
       1,
       512},
      {{{"io.kubernetes.cri.sandbox-memory", "0"}, {"other", "x"}}, 1, 512},
  };
  for (const auto& test : cases) {
    Config config;
    config.vmm.overhead_memory_mib = 256;
    const absl::Status status = ApplyAnnotations(test.annotations, &config);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(config.vmm.vcpus, test.vcpus);
    EXPECT_EQ(config.vmm.memory_mib, test.memory_mib);
  }
}

TEST(PodAnnotationsTest, RefusesWhatIsNotAllowed) {
  struct {
    const char *key, *value, *complaint;
  } const cases[] = {
      {"io.katacontainers.config.hypervisor.kernel_params", "x", "not supported"},
      {"io.katacontainers.config.runtime.sandbox_cgroup_only", "true", "not supported"},
      {"io.katacontainers.config.hypervisor.default_memory", "1024", "pod.annotations"},
      {"io.katacontainers.config.hypervisor.default_vcpus", "many", "is no number"},
      {"io.katacontainers.config.hypervisor.default_vcpus", "4294967296", "out of range"},
      {"io.kubernetes.cri.sandbox-memory", "1Gi", "is no number"},
  };
  for (const auto& test : cases) {
    Config config;
    config.pod.annotations = {"default_vcpus"};
    const absl::Status status = ApplyAnnotations({{test.key, test.value}}, &config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.key;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.complaint)) << test.key;
  }
}

}  // namespace
}  // namespace cc::shim
