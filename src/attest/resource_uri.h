// SPDX-License-Identifier: Apache-2.0
// The name of a resource that a key broker serves:
//
//   kbs://[host[:port]]/<repository>/<type>/<tag>          what nearly everybody uses
//   kbs+<plugin>://[host[:port]]/<segment>[/<segment>…]    another plugin of the broker
//
// with an optional ?query. Texts come from image annotations, secrets and configuration, all of which a host
// may have written. The host part is read and dropped: it is the configured broker that is asked, always.
#ifndef CC_ATTEST_RESOURCE_URI_H_
#define CC_ATTEST_RESOURCE_URI_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::attest {

class ResourceUri {
 public:
  // InvalidArgument, naming the text and the first rule it breaks. A segment is a letter, digit, '_' or '-',
  // followed by those and '.'; so there is nothing to encode, and no way to say "..".
  static absl::StatusOr<ResourceUri> Parse(std::string_view text);
  // "<repository>/<type>/<tag>", with or without a leading '/'.
  static absl::StatusOr<ResourceUri> FromPath(std::string_view path);

  // "resource" for a kbs:// URI.
  const std::string& plugin() const { return plugin_; }
  // Without a leading '/'.
  const std::string& path() const { return path_; }
  const std::string& query() const { return query_; }

  // Without the host: kbs:///<path>[?<query>].
  std::string ToString() const;

  bool operator==(const ResourceUri&) const = default;

 private:
  std::string plugin_, path_, query_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_RESOURCE_URI_H_
