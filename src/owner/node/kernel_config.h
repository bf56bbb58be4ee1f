// SPDX-License-Identifier: Apache-2.0
// How a guest kernel was built, as far as a file tells: the configuration inside an image with
// CONFIG_IKCONFIG, or the file that Debian ships beside a kernel.
#ifndef CC_OWNER_NODE_KERNEL_CONFIG_H_
#define CC_OWNER_NODE_KERNEL_CONFIG_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::node_check {

// "CONFIG_SWIOTLB" -> "y", "m" or a value; what is not set is absent.
using KernelOptions = std::map<std::string, std::string, std::less<>>;

struct KernelConfig {
  std::string source;  // where it was found
  KernelOptions options;
};

// NotFound when neither the (decompressed) image nor a file beside `path` tells: <path>.config,
// config-<version> for a vmlinuz-<version>, or `config` in the same directory.
absl::StatusOr<KernelConfig> FindKernelConfig(std::string_view image, const std::string& path);

KernelOptions ParseKernelConfig(std::string_view text);

}  // namespace cc::node_check

#endif  // CC_OWNER_NODE_KERNEL_CONFIG_H_
