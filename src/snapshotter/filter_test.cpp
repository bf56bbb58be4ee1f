// SPDX-License-Identifier: Apache-2.0
#include "snapshotter/filter.h"

#include <gtest/gtest.h>

#include <map>

#include "base/strings.h"

namespace cc::snapshotter {
namespace {

std::optional<std::string> Lookup(const std::vector<std::string>& path) {
  static const std::map<std::string, std::string> fields{{"name", "k8s.io/3/sha256:abc"},
                                                         {"kind", "committed"},
                                                         {"labels containerd.io/snapshot.ref", "sha256:abc"},
                                                         {"labels quote", "a\"b,c\n"},
                                                         {"labels plain", "one"}};
  const auto it = fields.find(StrJoin(path, " "));
  return it == fields.end() ? std::nullopt : std::optional(it->second);
}

bool Matches(const std::vector<std::string>& expressions) {
  const absl::StatusOr<Filter> filter = Filter::Parse(expressions);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.ok() && filter->Matches(Lookup);
}

TEST(Filter, MatchesAsContainerdDoes) {
  const struct {
    const char* expression;
    bool matches;
  } cases[] = {
      {R"(labels."containerd.io/snapshot.ref"==sha256:abc)", true},
      {R"(labels."containerd.io/snapshot.ref"==sha256:abcd)", false},
      {R"(labels."containerd.io/snapshot.ref"==sha256:abc,name=="k8s.io/3/sha256:abc")", true},
      {R"(labels."containerd.io/snapshot.ref"==sha256:abc,name==other)", false},
      {"kind==committed", true},
      {"kind!=committed", false},
      {"kind!=active", true},
      {"parent", false},
      {"labels.plain", true},
      {"labels.absent", false},
      {"labels.absent!=x", true},
      {"labels.absent==x", false},
      {R"(labels.quote=="a\"b,c\n")", true},
      {R"(labels.quote=="a\x22b,c\x0a")", true},
      {"name~=sha256:a.c", true},
      {"name~=^sha256", false},
      {"name~=/io.3.sha256/", true},
      {"name~=|k8s|,kind~=^comm", true},
      {R"(name~=/io\/3/)", true},
      {"", true},
  };
  for (const auto& [expression, matches] : cases) EXPECT_EQ(Matches({expression}), matches) << expression;
}

TEST(Filter, OneOfSeveralExpressionsSuffices) {
  EXPECT_TRUE(Matches({"kind==active", "labels.plain==one"}));
  EXPECT_FALSE(Matches({"kind==active", "labels.plain==two"}));
  EXPECT_TRUE(Matches({}));
}

TEST(Filter, RefusesWhatItCannotRead) {
  for (const char* bad :
       {"==x", "name==", "name=x", "name==a b", "name,", ",name", "labels.", "name==\"open", "name==\"a\\q\"",
        "name==\"a\\x2\"", "name~=(", "name~=/open", "name;kind", "\"\\", " "}) {
    EXPECT_EQ(Filter::Parse({bad}).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(Filter::Parse({std::string(70000, 'a')}).ok());
}

}  // namespace
}  // namespace cc::snapshotter
