// SPDX-License-Identifier: Apache-2.0
#include "image/reference.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }

// The first component is a registry only if it looks like a host; else it belongs to a Docker Hub name.
bool LooksLikeHost(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
         std::any_of(component.begin(), component.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool ValidPort(std::string_view port) {
  uint16_t number = 0;
  return ParseNumber(port, &number) && number != 0;
}

bool ValidDomainName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (std::string_view label : StrSplit(host, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return IsAlnum(c) || c == '-'; })) return false;
  }
  return true;
}

bool ValidIpv6(std::string_view address) {
  return address.size() >= 2 && address.size() <= 45 && address.find(':') != std::string_view::npos &&
         address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

bool ValidRegistry(std::string_view registry) {
  if (!registry.empty() && registry.front() == '[') {
    const size_t end = registry.find(']');
    if (end == std::string_view::npos || !ValidIpv6(registry.substr(1, end - 1))) return false;
    const std::string_view rest = registry.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && ValidPort(rest.substr(1)));
  }
  const SplitPair parts = SplitOnce(registry, ':');
  return ValidDomainName(parts.first) && (!parts.found || ValidPort(parts.second));
}

// Path component: alphanumeric runs joined by one '.', one or two '_', or any number of '-'.
bool ValidPathComponent(std::string_view component) {
  if (component.empty() || !IsLowerAlnum(component.front()) || !IsLowerAlnum(component.back())) return false;
  for (size_t i = 0; i < component.size();) {
    if (IsLowerAlnum(component[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < component.size() && component[end] == component[i]) ++end;
    const size_t run = end - i;
    const bool ok =
        (component[i] == '.' && run == 1) || (component[i] == '_' && run <= 2) || component[i] == '-';
    if (!ok || !IsLowerAlnum(component[end])) return false;
    i = end;
  }
  return true;
}

bool ValidTag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || tag.front() == '.' || tag.front() == '-') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-'; });
}

absl::Status Bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(StrCat("image reference '", text.substr(0, 300), "': ", why));
}

}  // namespace

absl::StatusOr<Reference> Reference::Parse(std::string_view text) {
  const std::string_view original = text;
  if (text.starts_with("docker://")) text.remove_prefix(9);
  if (text.empty()) return Bad(original, "is empty");
  if (text.size() > 1024) return Bad(original, "is longer than 1024 characters");
  if (text.find("://") != std::string_view::npos) return Bad(original, "must be a name, not a URL");

  Reference reference;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    absl::StatusOr<Digest> digest = Digest::Parse(text.substr(at + 1));
    if (!digest.ok()) return Bad(original, MessageOf(digest.status()));
    reference.digest = std::move(digest).value();
    text = text.substr(0, at);
  }
  const size_t slash = text.rfind('/');
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    reference.tag = std::string(text.substr(colon + 1));
    if (!ValidTag(reference.tag)) return Bad(original, "has an invalid tag");
    text = text.substr(0, colon);
  } else if (!reference.digest) {
    reference.tag = "latest";
  }

  const SplitPair first = SplitOnce(text, '/');
  if (first.found && LooksLikeHost(first.first)) {
    if (!ValidRegistry(first.first)) return Bad(original, "has an invalid registry host");
    reference.registry = ToLower(first.first);
    // "Name/app" means a host "Name" to Docker, "name/app" a repository of Docker Hub. Hosts are told apart
    // without regard to case everywhere, so this one would turn into the other when it is written and read
    // again.
    if (!LooksLikeHost(reference.registry)) {
      return Bad(original,
                 "names a registry by capitals alone; write it in full, as name.domain or name:port");
    }
    text = first.second;
  } else {
    reference.registry = "docker.io";
  }
  if (reference.registry == "index.docker.io") reference.registry = "docker.io";
  if (text.size() > 255) return Bad(original, "has a repository name longer than 255 characters");
  for (std::string_view component : StrSplit(text, '/')) {
    if (!ValidPathComponent(component)) {
      return Bad(original, StrCat("repository component '", component,
                                  "' must be lower-case letters and digits joined by '.', '_', '__' or '-'"));
    }
  }
  reference.repository = std::string(text);
  if (reference.registry == "docker.io" && text.find('/') == std::string_view::npos) {
    reference.repository = "library/" + reference.repository;
  }
  return reference;
}

std::string Reference::ToString() const {
  std::string out = Name();
  if (!tag.empty()) StrAppend(&out, ":", tag);
  if (digest) StrAppend(&out, "@", digest->ToString());
  return out;
}

std::string Reference::ApiHost() const { return registry == "docker.io" ? "registry-1.docker.io" : registry; }

}  // namespace cc::image
