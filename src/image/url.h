// SPDX-License-Identifier: Apache-2.0
// The parts of a URL that decide where a request and its credentials go; parsed by libcurl's own parser, so
// that what is checked is what is contacted.
#ifndef CC_IMAGE_URL_H_
#define CC_IMAGE_URL_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace cc::image {

struct Url {
  std::string text;    // normalised, without user, password and fragment
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; IPv6 in brackets
  std::string port;    // always set

  // Only http and https.
  static absl::StatusOr<Url> Parse(std::string_view text);
  // `location` may be relative to this URL.
  absl::StatusOr<Url> Resolve(std::string_view location) const;

  bool SameOrigin(const Url& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
  std::string HostPort() const { return host + ":" + port; }
};

// `text` with "name=value" parameters added, each percent-encoded.
absl::StatusOr<std::string> WithQuery(const std::string& text,
                                      std::initializer_list<std::pair<std::string, std::string>> parameters);

}  // namespace cc::image

#endif  // CC_IMAGE_URL_H_
