// SPDX-License-Identifier: Apache-2.0
#include "shim/egress_rules.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace cc::shim {
namespace {

constexpr size_t kMaxHost = 253;  // RFC 1035

struct Companion {
  std::string_view registry;
  std::string_view host;
};
// Where these registries send their clients for tokens and blobs.
constexpr Companion kCompanions[] = {
    {"docker.io", "registry-1.docker.io"},
    {"docker.io", "auth.docker.io"},
    {"docker.io", "production.cloudflare.docker.com"},
    {"docker.io", "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com"},
    {"quay.io", "cdn.quay.io"},
    {"quay.io", "cdn01.quay.io"},
    {"quay.io", "cdn02.quay.io"},
    {"quay.io", "cdn03.quay.io"},
    {"ghcr.io", "pkg-containers.githubusercontent.com"},
    {"gcr.io", "storage.googleapis.com"},
    {"registry.k8s.io", "*.pkg.dev"},
    {"registry.k8s.io", "*.amazonaws.com"},
    {"mcr.microsoft.com", "*.data.mcr.microsoft.com"},
};

bool ValidHost(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  if (host.empty() || host.size() > kMaxHost) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

bool Matches(const HostPort& rule, std::string_view host, uint16_t port) {
  if (rule.port != port) return false;
  if (!rule.host.starts_with("*.")) return rule.host == host;
  const std::string_view suffix = std::string_view(rule.host).substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const std::string original(text);
  HostPort result;
  if (text.starts_with("https://")) text.remove_prefix(8);
  if (text.starts_with("http://")) {
    text.remove_prefix(7);
    result.port = 80;
  }
  text = SplitOnce(text, '/').first;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos)
      return absl::InvalidArgumentError(StrCat("'", original, "' lacks a ]"));
    result.host = ToLower(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    if (!text.empty() && text[0] != ':')
      return absl::InvalidArgumentError(StrCat("'", original, "' is no host:port"));
    port = text.empty() ? text : text.substr(1);
  } else {
    const SplitPair parts = SplitOnce(text, ':');
    result.host = ToLower(parts.first);
    port = parts.second;
    if (parts.found && port.empty())
      return absl::InvalidArgumentError(StrCat("'", original, "' is no host:port"));
  }
  if (!port.empty() && (!ParseNumber(port, &result.port) || result.port == 0)) {
    return absl::InvalidArgumentError(StrCat("'", original, "' has no valid port"));
  }
  if (!ValidHost(result.host)) return absl::InvalidArgumentError(StrCat("'", original, "' is no host name"));
  return result;
}

std::string RegistryOf(std::string_view image) {
  const SplitPair parts = SplitOnce(image, '/');
  const bool names_registry =
      parts.found && (parts.first.find('.') != std::string_view::npos ||
                      parts.first.find(':') != std::string_view::npos || parts.first == "localhost");
  if (!names_registry || parts.first == "index.docker.io") return "docker.io";
  return ToLower(parts.first);
}

absl::Status EgressRules::Allow(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    // "registry=mirror" names the mirror behind the sign.
    const SplitPair parts = SplitOnce(entry, '=');
    absl::StatusOr<HostPort> rule = ParseHostPort(parts.found ? parts.second : parts.first);
    if (!rule.ok()) return Annotate(rule.status(), "host that images may be pulled from");
    const std::lock_guard lock(mutex_);
    allowed_.insert(*std::move(rule));
  }
  return absl::OkStatus();
}

void EgressRules::SetPlainHttp(const std::vector<std::string>& registries) {
  const std::lock_guard lock(mutex_);
  for (const std::string& registry : registries) plain_http_.insert(ToLower(registry));
}

absl::Status EgressRules::AllowImage(std::string_view image) {
  const std::string registry = RegistryOf(image);
  bool plain_http = false;
  {
    const std::lock_guard lock(mutex_);
    plain_http = plain_http_.contains(registry);
  }
  std::vector<std::string> hosts{plain_http ? "http://" + registry : registry};
  for (const Companion& companion : kCompanions) {
    if (companion.registry == registry) hosts.emplace_back(companion.host);
  }
  return Annotate(Allow(hosts), StrCat("image ", image));
}

bool EgressRules::Allows(std::string_view host, uint16_t port) const {
  std::string name = ToLower(host);
  if (name.ends_with('.')) name.pop_back();
  const std::lock_guard lock(mutex_);
  return std::any_of(allowed_.begin(), allowed_.end(),
                     [&](const HostPort& rule) { return Matches(rule, name, port); });
}

}  // namespace cc::shim
