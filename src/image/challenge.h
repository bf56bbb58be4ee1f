// SPDX-License-Identifier: Apache-2.0
// WWW-Authenticate of RFC 7235, as registries use it.
#ifndef CC_IMAGE_CHALLENGE_H_
#define CC_IMAGE_CHALLENGE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cc::image {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case
};

// All challenges of one header value; what cannot be parsed ends the list.
std::vector<Challenge> ParseChallenges(std::string_view header);

}  // namespace cc::image

#endif  // CC_IMAGE_CHALLENGE_H_
