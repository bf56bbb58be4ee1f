// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include "absl/status/status.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "policy/nesting.h"
#include "policy/rego.h"

namespace cc::policy {
namespace {

constexpr size_t kMaxPolicySize = 1 << 20;
// The engine recurses over expressions and data; its caller may be a thread with a small stack.
constexpr size_t kStackSize = 16 << 20;

cc_rego_text Text(std::string_view text) { return {text.data(), text.size()}; }

// The reply's text, freed.
std::string Take(const cc_rego_reply& reply) {
  std::string text(reply.data, reply.size);
  cc_rego_reply_free(reply);
  return text;
}

absl::Status ReplyStatus(int32_t code, std::string_view context, std::string_view text,
                         absl::StatusCode error) {
  if (code == CC_REGO_OK || code == CC_REGO_UNDEFINED) return absl::OkStatus();
  if (code == CC_REGO_TIME_LIMIT) error = absl::StatusCode::kDeadlineExceeded;
  return absl::Status(error, StrCat(context, ": ", StrTrim(text)));
}

absl::Status OnLargeStack(const std::function<void()>& body) {
  CC_ASSIGN_OR_RETURN(Thread thread, Thread::Start(
                                         "rego", [&body] { body(); }, kStackSize));
  thread.Join();
  return absl::OkStatus();
}

void CallLookup(void* context, cc_rego_text argument, void* slot, cc_rego_store store) {
  const auto* lookup = static_cast<const Lookup*>(context);
  const std::optional<std::string> reply = lookup->function(std::string_view(argument.data, argument.size));
  if (reply.has_value()) store(slot, Text(*reply));
}

absl::StatusOr<Values> Run(const cc_rego_policy* policy, const std::string& name, const Query& query) {
  cc_rego_evaluation* raw = nullptr;
  const cc_rego_reply started = cc_rego_start(policy, Text(query.input), Text(query.data),
                                              static_cast<uint64_t>(query.time_limit.count()), &raw);
  const int32_t start_code = started.code;
  CC_RETURN_IF_ERROR(ReplyStatus(start_code, StrCat("policy ", name, ": input or data"), Take(started),
                                 absl::StatusCode::kInvalidArgument));
  const std::unique_ptr<cc_rego_evaluation, decltype(&cc_rego_finish)> evaluation(raw, &cc_rego_finish);
  for (const Lookup& lookup : query.lookups) {
    const cc_rego_reply set =
        cc_rego_set_lookup(raw, Text(lookup.name), const_cast<Lookup*>(&lookup), &CallLookup);
    const int32_t code = set.code;
    CC_RETURN_IF_ERROR(ReplyStatus(code, StrCat("policy ", name, ": function ", lookup.name), Take(set),
                                   absl::StatusCode::kInternal));
  }
  Values values;
  for (const std::string& rule : query.rules) {
    const cc_rego_reply reply = cc_rego_eval(raw, Text(rule));
    const int32_t code = reply.code;
    std::string text = Take(reply);
    CC_RETURN_IF_ERROR(ReplyStatus(code, StrCat("policy ", name, ", rule ", rule), text,
                                   absl::StatusCode::kFailedPrecondition));
    if (code == CC_REGO_UNDEFINED) {
      values.push_back(std::nullopt);
    } else {
      values.push_back(std::move(text));
    }
  }
  return values;
}

}  // namespace

absl::StatusOr<Policy> Policy::Compile(std::string_view name, std::string_view text) {
  if (text.size() > kMaxPolicySize) {
    return absl::ResourceExhaustedError(
        StrCat("policy ", name, ": ", text.size(), " bytes, the limit is ", kMaxPolicySize));
  }
  CC_RETURN_IF_ERROR(CheckNesting(name, text));
  cc_rego_policy* raw = nullptr;
  int32_t code = CC_REGO_ERROR;
  std::string reply_text;
  CC_RETURN_IF_ERROR(OnLargeStack([&] {
    const cc_rego_reply reply = cc_rego_compile(Text(name), Text(text), &raw);
    code = reply.code;
    reply_text = Take(reply);
  }));
  CC_RETURN_IF_ERROR(
      ReplyStatus(code, StrCat("compile policy ", name), reply_text, absl::StatusCode::kInvalidArgument));
  return Policy(std::shared_ptr<cc_rego_policy>(raw, &cc_rego_policy_free), std::string(name),
                std::move(reply_text));
}

absl::StatusOr<Values> Policy::Evaluate(const Query& query) const {
  absl::StatusOr<Values> values;
  CC_RETURN_IF_ERROR(OnLargeStack([&] { values = Run(policy_.get(), name_, query); }));
  return values;
}

}  // namespace cc::policy
