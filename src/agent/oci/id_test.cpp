// SPDX-License-Identifier: Apache-2.0
#include "agent/oci/id.h"

#include <string>

#include "gtest/gtest.h"

namespace cc::agent {
namespace {

TEST(CheckId, AcceptsContainerdIds) {
  for (const std::string& id : {std::string("a"), std::string("demo_1.2-x"), std::string(64, 'f'),
                                std::string(128, '0'), std::string("_x")}) {
    EXPECT_TRUE(CheckId(id).ok()) << id;
  }
}

TEST(CheckId, RefusesWhatCouldLeaveItsDirectory) {
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string(".agent"), std::string("-rf"),
        std::string("a/b"), std::string("../x"), std::string("a b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string(129, 'a'), std::string("\xc3\xa9")}) {
    EXPECT_EQ(CheckId(id).code(), absl::StatusCode::kInvalidArgument) << id;
  }
}

}  // namespace
}  // namespace cc::agent
