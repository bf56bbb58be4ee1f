// SPDX-License-Identifier: Apache-2.0
// containerd's filter expressions, as its snapshots proxy passes them to List:
//
//   labels."containerd.io/snapshot.ref"==sha256:abc,parent=="k8s.io/3/sha256:def"
//
// One expression is selectors joined by commas, all of which must hold; of several expressions one must. A
// selector is a field path, alone (the field is present) or with ==, != or ~= (a regular expression, RE2) and
// a value. Parts and values may be quoted as in Go; after ~= also between slashes or bars.
#ifndef CC_SNAPSHOTTER_FILTER_H_
#define CC_SNAPSHOTTER_FILTER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace cc::snapshotter {

// The value of a field path such as {"labels", "a/b"}; nullopt when it is not present.
using FieldLookup = std::function<std::optional<std::string>(const std::vector<std::string>& path)>;

class Filter {
 public:
  // No expression matches everything. InvalidArgument names the place of a mistake.
  static absl::StatusOr<Filter> Parse(const std::vector<std::string>& expressions);

  bool Matches(const FieldLookup& lookup) const;

 private:
  friend class FilterParser;
  enum class Operator { kPresent, kEqual, kNotEqual, kMatches };
  struct Selector {
    std::vector<std::string> path;
    Operator op = Operator::kPresent;
    std::string value;
    std::shared_ptr<re2::RE2> regex;  // of kMatches
  };
  using Conjunction = std::vector<Selector>;
  static bool Holds(const Selector& selector, const FieldLookup& lookup);

  std::vector<Conjunction> alternatives_;
};

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_FILTER_H_
