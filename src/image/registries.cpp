// SPDX-License-Identifier: Apache-2.0
#include "image/registries.h"

#include "base/status.h"
#include "base/strings.h"

namespace cc::image {
namespace {

std::string_view HostOf(std::string_view location) { return SplitOnce(location, '/').first; }

// How many characters of `name` the prefix covers; 0 when it does not match.
size_t Covers(std::string_view prefix, std::string_view name) {
  if (prefix.starts_with("*.")) {
    const std::string_view host = HostOf(name);
    return host.size() > prefix.size() - 1 && host.ends_with(prefix.substr(1)) ? host.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  return name.size() == prefix.size() || name[prefix.size()] == '/' ? prefix.size() : 0;
}

std::string PrefixOf(const RegistryRules::Registry& registry) {
  return ToLower(registry.prefix.empty() ? registry.location : registry.prefix);
}

const RegistryRules::Registry* BestMatch(const std::vector<RegistryRules::Registry>& registries,
                                         std::string_view name) {
  const RegistryRules::Registry* best = nullptr;
  size_t longest = 0;
  for (const RegistryRules::Registry& registry : registries) {
    const std::string prefix = PrefixOf(registry);
    // Among rules that match, the longest written prefix is the most specific.
    if (Covers(prefix, name) > 0 && prefix.size() > longest) {
      best = &registry;
      longest = prefix.size();
    }
  }
  return best;
}

// "registry/repository" with the same tag or digest.
absl::StatusOr<Reference> Named(std::string_view name, const Reference& like) {
  std::string text(name);
  if (!like.tag.empty()) StrAppend(&text, ":", like.tag);
  if (like.digest) StrAppend(&text, "@", like.digest->ToString());
  return Reference::Parse(text);
}

// True when the text names its registry.
bool Qualified(std::string_view image, const Reference& reference) {
  if (image.starts_with("docker://")) image.remove_prefix(9);
  const std::string first = ToLower(HostOf(image));
  return first.size() < image.size() && (first == reference.registry || first == "index.docker.io");
}

// "mirror/x" would be a name on Docker Hub: a host has a dot or a port, or is localhost.
absl::Status CheckLocation(std::string_view location) {
  CC_ASSIGN_OR_RETURN(const Reference reference, Reference::Parse(StrCat(location, "/x")));
  const std::string host = ToLower(HostOf(location));
  if (host == reference.registry || host == "index.docker.io") return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("'", location.substr(0, 300), "' does not begin with a registry host"));
}

}  // namespace

absl::Status RegistryRules::Check() const {
  for (const std::string& host : unqualified_search_registries) {
    if (host.empty() || host.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          StrCat("unqualified-search-registries: '", host, "' is not a registry host"));
    }
    CC_RETURN_IF_ERROR(Annotate(CheckLocation(host), "unqualified-search-registries"));
  }
  for (const Registry& registry : registries) {
    const std::string prefix = PrefixOf(registry);
    if (prefix.empty()) return absl::InvalidArgumentError("a [[registry]] has neither prefix nor location");
    const std::string what = StrCat("[[registry]] ", prefix);
    const std::string_view plain = prefix.starts_with("*.") ? std::string_view(prefix).substr(2) : prefix;
    CC_RETURN_IF_ERROR(Annotate(CheckLocation(plain), what));
    if (!registry.location.empty()) CC_RETURN_IF_ERROR(Annotate(CheckLocation(registry.location), what));
    for (const Mirror& mirror : registry.mirrors) {
      CC_RETURN_IF_ERROR(Annotate(CheckLocation(mirror.location), StrCat(what, ", mirror")));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Reference>> RegistryRules::Places(std::string_view image) const {
  CC_ASSIGN_OR_RETURN(const Reference written, Reference::Parse(image));
  std::vector<Reference> names;
  if (Qualified(image, written) || unqualified_search_registries.empty()) {
    names.push_back(written);
  } else {
    std::string_view repository = written.repository;
    if (repository.starts_with("library/") && image.find("library/") == std::string_view::npos) {
      repository.remove_prefix(8);
    }
    for (const std::string& host : unqualified_search_registries) {
      CC_ASSIGN_OR_RETURN(names.emplace_back(), Named(StrCat(host, "/", repository), written));
    }
  }
  std::vector<Reference> places;
  for (const Reference& name : names) {
    const std::string full = name.Name();
    const Registry* rule = BestMatch(registries, full);
    if (rule == nullptr) {
      places.push_back(name);
      continue;
    }
    if (rule->blocked) {
      return absl::PermissionDeniedError(
          StrCat("image ", name.ToString(), ": the guest's registry rules block ", PrefixOf(*rule)));
    }
    const std::string_view rest = std::string_view(full).substr(Covers(PrefixOf(*rule), full));
    for (const Mirror& mirror : rule->mirrors) {
      CC_ASSIGN_OR_RETURN(places.emplace_back(), Named(StrCat(mirror.location, rest), name));
    }
    if (rule->location.empty()) {
      places.push_back(name);
    } else {
      CC_ASSIGN_OR_RETURN(places.emplace_back(), Named(StrCat(rule->location, rest), name));
    }
  }
  return places;
}

std::set<std::string> RegistryRules::PlainHttpHosts() const {
  std::set<std::string> hosts;
  for (const Registry& registry : registries) {
    const std::string& location = registry.location.empty() ? registry.prefix : registry.location;
    if (registry.insecure && !location.starts_with("*.")) hosts.insert(ToLower(HostOf(location)));
    for (const Mirror& mirror : registry.mirrors) {
      if (mirror.insecure) hosts.insert(ToLower(HostOf(mirror.location)));
    }
  }
  return hosts;
}

}  // namespace cc::image
