// SPDX-License-Identifier: Apache-2.0
// GetMetrics: Prometheus text about the agent (kata_agent_*) and the guest (kata_guest_*), under the names of
// upstream's agent.
#ifndef CC_AGENT_RPC_METRICS_H_
#define CC_AGENT_RPC_METRICS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cc::agent {

// One metric family in the text exposition format. Label values are escaped.
class MetricFamily {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  MetricFamily(std::string_view name, std::string_view type, std::string_view help);
  void Add(double value, const Labels& labels = {});
  // Empty when nothing was added.
  std::string Text() const;

 private:
  std::string name_;
  std::string head_;
  std::string samples_;
};

// Reads /proc. `scrapes` is how often it was called so far.
std::string CollectMetrics(uint64_t scrapes);

}  // namespace cc::agent

#endif  // CC_AGENT_RPC_METRICS_H_
