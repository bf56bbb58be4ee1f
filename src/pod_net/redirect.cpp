// SPDX-License-Identifier: Apache-2.0
#include "pod_net/redirect.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <sys/socket.h>

// After sys/socket.h.
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace cc::pod_net {
namespace {

using net::Link;
using net::Netlink;
using net::NetlinkRequest;

constexpr uint32_t kIngressHandle = 0xffff0000;
// Where the filters of an ingress and of a clsact qdisc for received frames are.
constexpr uint32_t kFilterParent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
// Ours among the filters, and late among them, so that others can look first.
constexpr uint32_t kPriority = 0xcc5a;
constexpr char kIngressKind[] = "ingress";

void PutTarget(NetlinkRequest& request, int index, uint32_t parent, uint32_t handle, uint32_t info) {
  auto* target = request.PutExtra<tcmsg>();
  target->tcm_family = AF_UNSPEC;
  target->tcm_ifindex = index;
  target->tcm_parent = parent;
  target->tcm_handle = handle;
  target->tcm_info = info;
}

uint32_t FilterInfo() { return TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL)); }

absl::Status AddQdisc(Netlink& netlink, const Link& link) {
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  PutTarget(request, link.index, TC_H_INGRESS, kIngressHandle, 0);
  request.PutString(TCA_KIND, kIngressKind);
  const absl::Status status = netlink.Execute(request, StrCat("add an ingress qdisc to ", link.name));
  return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
}

absl::Status AddFilter(Netlink& netlink, const Link& from, const Link& to) {
  NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
  PutTarget(request, from.index, kFilterParent, 0, FilterInfo());
  request.PutString(TCA_KIND, "u32");
  request.PutNested(TCA_OPTIONS, [&] {
    tc_u32_sel all{};  // no keys: every frame, however short
    all.flags = TC_U32_TERMINAL;
    request.PutBytes(TCA_U32_SEL, &all, sizeof(all));
    request.PutNested(TCA_U32_ACT, [&] {
      request.PutNested(1, [&] {
        request.PutString(TCA_ACT_KIND, "mirred");
        request.PutNested(TCA_ACT_OPTIONS, [&] {
          tc_mirred redirect{};
          redirect.action = TC_ACT_STOLEN;
          redirect.eaction = TCA_EGRESS_REDIR;
          redirect.ifindex = static_cast<uint32_t>(to.index);
          request.PutBytes(TCA_MIRRED_PARMS, &redirect, sizeof(redirect));
        });
      });
    });
  });
  return netlink.Execute(request, StrCat("redirect ", from.name, " to ", to.name));
}

// The interface that a mirred action names; 0 when that is gone.
std::optional<int> TargetOfAction(const nlattr* action) {
  std::optional<int> target;
  net::ForEachNested(action, [&](const nlattr* part) {
    if (mnl_attr_get_type(part) != TCA_ACT_OPTIONS) return;
    net::ForEachNested(part, [&](const nlattr* option) {
      if (mnl_attr_get_type(option) != TCA_MIRRED_PARMS ||
          mnl_attr_get_payload_len(option) < sizeof(tc_mirred)) {
        return;
      }
      tc_mirred redirect;
      std::memcpy(&redirect, mnl_attr_get_payload(option), sizeof(redirect));
      target = static_cast<int>(redirect.ifindex);
    });
  });
  return target;
}

struct Filters {
  std::vector<int> targets;  // of ours
  bool others = false;
};

absl::StatusOr<Filters> ListFilters(Netlink& netlink, const Link& link) {
  NetlinkRequest request(RTM_GETTFILTER, NLM_F_DUMP);
  PutTarget(request, link.index, kFilterParent, 0, 0);
  Filters filters;
  CC_RETURN_IF_ERROR(
      netlink.Dump(request, StrCat("list the filters of ", link.name), [&](const nlmsghdr* message) {
        const auto* target = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
        if (TC_H_MAJ(target->tcm_info) >> 16 != kPriority) {
          filters.others = true;
          return;
        }
        net::ForEachAttribute(message, sizeof(*target), [&](const nlattr* attribute) {
          if (mnl_attr_get_type(attribute) != TCA_OPTIONS) return;
          net::ForEachNested(attribute, [&](const nlattr* option) {
            if (mnl_attr_get_type(option) != TCA_U32_ACT) return;
            net::ForEachNested(option, [&](const nlattr* action) {
              if (const std::optional<int> index = TargetOfAction(action)) filters.targets.push_back(*index);
            });
          });
        });
      }));
  return filters;
}

// Kind of the qdisc for received frames; empty when there is none.
absl::StatusOr<std::string> IngressKind(Netlink& netlink, const Link& link) {
  NetlinkRequest request(RTM_GETQDISC, NLM_F_DUMP);
  PutTarget(request, link.index, 0, 0, 0);
  std::string kind;
  CC_RETURN_IF_ERROR(
      netlink.Dump(request, StrCat("list the qdiscs of ", link.name), [&](const nlmsghdr* message) {
        const auto* target = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
        if (target->tcm_ifindex != link.index || target->tcm_parent != TC_H_INGRESS) return;
        net::ForEachAttribute(message, sizeof(*target), [&](const nlattr* attribute) {
          if (mnl_attr_get_type(attribute) == TCA_KIND) kind = mnl_attr_get_str(attribute);
        });
      }));
  return kind;
}

absl::Status RemoveOurs(Netlink& netlink, const Link& link, bool others) {
  NetlinkRequest filter(RTM_DELTFILTER, 0);
  PutTarget(filter, link.index, kFilterParent, 0, FilterInfo());
  CC_RETURN_IF_ERROR(netlink.Execute(filter, StrCat("remove the redirect of ", link.name)));
  if (others) return absl::OkStatus();
  CC_ASSIGN_OR_RETURN(const std::string kind, IngressKind(netlink, link));
  if (kind != kIngressKind) return absl::OkStatus();  // a clsact qdisc is never ours
  NetlinkRequest qdisc(RTM_DELQDISC, 0);
  PutTarget(qdisc, link.index, TC_H_INGRESS, kIngressHandle, 0);
  return netlink.Execute(qdisc, StrCat("remove the ingress qdisc of ", link.name));
}

absl::Status Redirect(Netlink& netlink, const Link& from, const Link& to) {
  CC_ASSIGN_OR_RETURN(const Filters filters, ListFilters(netlink, from));
  if (!filters.targets.empty()) {
    return absl::AlreadyExistsError(
        StrCat("interface ", from.name, " already belongs to another virtual machine in this namespace"));
  }
  CC_RETURN_IF_ERROR(AddQdisc(netlink, from));
  return AddFilter(netlink, from, to);
}

}  // namespace

absl::Status Connect(Netlink& netlink, const Link& interface, const Link& tap) {
  CC_RETURN_IF_ERROR(Redirect(netlink, interface, tap));
  return Redirect(netlink, tap, interface);
}

absl::Status RemoveDeadRedirects(Netlink& netlink) {
  CC_ASSIGN_OR_RETURN(const std::vector<Link> links, net::ListLinks(netlink));
  absl::Status result;
  for (const Link& link : links) {
    absl::StatusOr<Filters> filters = ListFilters(netlink, link);
    result.Update(filters.status());
    if (!filters.ok()) continue;
    const bool dead = std::any_of(filters->targets.begin(), filters->targets.end(), [&](int target) {
      return std::none_of(links.begin(), links.end(), [&](const Link& l) { return l.index == target; });
    });
    if (dead) result.Update(RemoveOurs(netlink, link, filters->others));
  }
  return result;
}

}  // namespace cc::pod_net
