// SPDX-License-Identifier: Apache-2.0
// Where an image is fetched from: containers-registries.conf(5) as image-rs supports it. Prefixes match whole
// components only, so a rule for example.com says nothing about notexample.com.
#ifndef CC_IMAGE_REGISTRIES_H_
#define CC_IMAGE_REGISTRIES_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/reference.h"

namespace cc::image {

struct RegistryRules {
  struct Mirror {
    std::string location;
    bool insecure = false;  // plain HTTP
  };
  struct Registry {
    std::string prefix;    // "host[:port][/path]" or "*.domain"; empty: the location
    std::string location;  // takes the prefix' place; empty: no rewriting
    bool insecure = false;
    bool blocked = false;
    std::vector<Mirror> mirrors;
  };
  std::vector<std::string> unqualified_search_registries;
  std::vector<Registry> registries;

  // InvalidArgument naming the rule: neither prefix nor location, a location that is no registry, a search
  // registry with a path, a "*." elsewhere than in a prefix.
  absl::Status Check() const;

  // The places to try for an image, in order: of each name that the text can mean (a name without a registry
  // means one in each search registry, docker.io when there are none), its mirrors and then the registry
  // itself. PermissionDenied when the registry is blocked, InvalidArgument when the text is no reference.
  absl::StatusOr<std::vector<Reference>> Places(std::string_view image) const;

  // The hosts ("host" or "host:port") that are spoken to without TLS.
  std::set<std::string> PlainHttpHosts() const;
};

}  // namespace cc::image

#endif  // CC_IMAGE_REGISTRIES_H_
