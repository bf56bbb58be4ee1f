// SPDX-License-Identifier: Apache-2.0
// Counters in Prometheus' text format. Names and labels are few and fixed; nothing a client sends becomes a
// label.
#ifndef CC_TRUSTEE_KBS_METRICS_H_
#define CC_TRUSTEE_KBS_METRICS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace cc::trustee {

// Thread-safe.
class Metrics {
 public:
  // cc_trustee_requests_total{endpoint,status}
  void CountRequest(std::string_view endpoint, unsigned status);
  // cc_trustee_attestations_total{outcome}: "issued", "refused"
  void CountAttestation(std::string_view outcome);
  // cc_trustee_resource_decisions_total{outcome}: "allowed", "denied"
  void CountDecision(std::string_view outcome);

  std::string Render() const;

 private:
  void Count(std::string series);
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counters_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_KBS_METRICS_H_
