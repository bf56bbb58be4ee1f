// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/metrics.h"

#include "base/strings.h"

namespace cc::trustee {

void Metrics::Count(std::string series) {
  const std::lock_guard lock(mutex_);
  ++counters_[std::move(series)];
}

void Metrics::CountRequest(std::string_view endpoint, unsigned status) {
  Count(StrCat("cc_trustee_requests_total{endpoint=\"", endpoint, "\",status=\"", status, "\"}"));
}

void Metrics::CountAttestation(std::string_view outcome) {
  Count(StrCat("cc_trustee_attestations_total{outcome=\"", outcome, "\"}"));
}

void Metrics::CountDecision(std::string_view outcome) {
  Count(StrCat("cc_trustee_resource_decisions_total{outcome=\"", outcome, "\"}"));
}

std::string Metrics::Render() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  std::string_view family;
  for (const auto& [series, value] : counters_) {
    const std::string_view name = SplitOnce(series, '{').first;
    if (name != family) StrAppend(&text, "# TYPE ", name, " counter\n");
    family = name;
    StrAppend(&text, series, " ", value, "\n");
  }
  return text;
}

}  // namespace cc::trustee
