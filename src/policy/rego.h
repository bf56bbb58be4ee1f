/* SPDX-License-Identifier: Apache-2.0
 * The C interface of rego/ (Rust, over regorus). Private to src/policy; everybody else uses policy.h.
 * Each function may be called from any thread; one evaluation belongs to one thread. */
#ifndef CC_POLICY_REGO_H_
#define CC_POLICY_REGO_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cc_rego_policy;
struct cc_rego_evaluation;

/* UTF-8 bytes, borrowed for the call. */
struct cc_rego_text {
  const char* data;
  size_t size;
};

enum { CC_REGO_OK = 0, CC_REGO_UNDEFINED = 1, CC_REGO_ERROR = 2, CC_REGO_TIME_LIMIT = 3 };

/* A result text or, with CC_REGO_ERROR and CC_REGO_TIME_LIMIT, what went wrong. To be given to
 * cc_rego_reply_free. */
struct cc_rego_reply {
  char* data;
  size_t size;
  int32_t code;
};

/* Parses `rego`; the reply is the package ("data.policy"). */
struct cc_rego_reply cc_rego_compile(struct cc_rego_text name, struct cc_rego_text rego,
                                     struct cc_rego_policy** policy);
void cc_rego_policy_free(struct cc_rego_policy* policy);

/* Copies the policy's engine and gives it `input` and (unless empty) `data`, both JSON. */
struct cc_rego_reply cc_rego_start(const struct cc_rego_policy* policy, struct cc_rego_text input,
                                   struct cc_rego_text data, uint64_t time_limit_ms,
                                   struct cc_rego_evaluation** evaluation);
void cc_rego_finish(struct cc_rego_evaluation* evaluation);

/* A function of one string for the policy. `lookup` calls `store(slot, json)` at most once; without it the
 * value is null. */
typedef void (*cc_rego_store)(void* slot, struct cc_rego_text json);
typedef void (*cc_rego_lookup)(void* context, struct cc_rego_text argument, void* slot, cc_rego_store store);
struct cc_rego_reply cc_rego_set_lookup(struct cc_rego_evaluation* evaluation, struct cc_rego_text name,
                                        void* context, cc_rego_lookup lookup);

/* The value of a rule ("data.policy.allow") as JSON. */
struct cc_rego_reply cc_rego_eval(struct cc_rego_evaluation* evaluation, struct cc_rego_text rule);

void cc_rego_reply_free(struct cc_rego_reply reply);

#ifdef __cplusplus
}
#endif

#endif /* CC_POLICY_REGO_H_ */
