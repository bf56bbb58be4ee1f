// SPDX-License-Identifier: Apache-2.0
// For tests: a resource source out of a map.
#ifndef CC_ATTEST_TEST_KEYS_H_
#define CC_ATTEST_TEST_KEYS_H_

#include <map>
#include <string>

#include "attest/resource_source.h"

namespace cc::attest {

class TestKeys final : public ResourceSource {
 public:
  TestKeys(std::initializer_list<std::pair<const std::string, std::string>> resources)
      : resources_(resources) {}
  void Add(const std::string& uri, const std::string& value) { resources_[uri] = value; }
  void set_error(absl::Status error) { error_ = std::move(error); }
  int asked() const { return asked_; }

  absl::StatusOr<SecretBytes> Get(const ResourceUri& uri) override {
    ++asked_;
    if (!error_.ok()) return error_;
    const auto found = resources_.find(uri.ToString());
    if (found == resources_.end()) return absl::NotFoundError("no such resource: " + uri.ToString());
    return SecretBytes::CopyOf(found->second);
  }

 private:
  std::map<std::string, std::string> resources_;
  absl::Status error_;
  int asked_ = 0;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_TEST_KEYS_H_
