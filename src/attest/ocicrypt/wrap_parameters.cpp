// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/wrap_parameters.h"

#include <map>

#include "base/status.h"
#include "base/strings.h"

namespace cc::attest {

absl::StatusOr<WrapParameters> ParseWrapParameters(std::string_view text) {
  constexpr std::string_view kWhat = "parameters of the key provider";
  std::map<std::string_view, std::string_view> values{{"keyid", {}}, {"keypath", {}}, {"algorithm", {}}};
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find("::");
    const SplitPair pair = SplitOnce(rest.substr(0, end), '=');
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    if (pair.first == "sample") {
      return absl::InvalidArgumentError(
          StrCat(kWhat, ": 'sample' stands for a key that everybody knows; give keyid and keypath"));
    }
    const auto value = values.find(pair.first);
    if (value == values.end() || pair.second.empty() || !value->second.empty()) {
      return absl::InvalidArgumentError(
          StrCat(kWhat, ": '", pair.first.substr(0, 64),
                 "' is unknown, repeated or empty; expected "
                 "keyid=<KBS URI>::keypath=<file>[::algorithm=A256GCM|A256CTR]"));
    }
    value->second = pair.second;
  }
  if (values["keyid"].empty() || values["keypath"].empty()) {
    return absl::InvalidArgumentError(StrCat(kWhat, ": keyid and keypath are both needed"));
  }
  WrapParameters parameters{.keyid = {}, .keypath = std::string(values["keypath"])};
  absl::StatusOr<ResourceUri> keyid = ResourceUri::Parse(values["keyid"]);
  if (!keyid.ok()) return Annotate(keyid.status(), StrCat(kWhat, ": keyid"));
  parameters.keyid = *std::move(keyid);
  if (!values["algorithm"].empty()) {
    CC_ASSIGN_OR_RETURN(parameters.algorithm, ParseWrapType(values["algorithm"]));
  }
  return parameters;
}

}  // namespace cc::attest
