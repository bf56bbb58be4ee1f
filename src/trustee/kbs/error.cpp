// SPDX-License-Identifier: Apache-2.0
#include "trustee/kbs/error.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace cc::trustee {
namespace {

constexpr std::string_view kPrefix = "https://github.com/confidential-containers/kbs/errors/";

struct Row {
  KbsErrorType type;
  std::string_view name;
  unsigned status;
};
constexpr Row kRows[] = {
    {KbsErrorType::kSerde, "SerdeError", 400},
    {KbsErrorType::kParsePolicy, "ParsePolicyError", 400},
    {KbsErrorType::kJwe, "JweError", 400},
    {KbsErrorType::kTokenNotFound, "TokenNotFound", 401},
    {KbsErrorType::kTokenVerifier, "TokenVerifierError", 401},
    {KbsErrorType::kAttestation, "AttestationError", 401},
    {KbsErrorType::kAdminAuthAccess, "AdminAuthAccess", 401},
    {KbsErrorType::kPolicyDeny, "PolicyDeny", 403},
    {KbsErrorType::kInvalidRequestPath, "InvalidRequestPath", 404},
    {KbsErrorType::kPluginNotFound, "PluginNotFound", 404},
    {KbsErrorType::kPluginInternal, "PluginInternalError", 404},
    {KbsErrorType::kRvps, "RvpsError", 400},
    {KbsErrorType::kPayloadTooLarge, "PayloadTooLarge", 413},
    {KbsErrorType::kRateLimited, "RateLimited", 429},
    {KbsErrorType::kPolicyEngine, "PolicyEngineError", 500},
    {KbsErrorType::kStorage, "StorageBackendInitialization", 503},
};

}  // namespace

HttpResponse ErrorResponse(KbsErrorType type, std::string_view detail, unsigned status) {
  HttpResponse response;
  response.content_type = "application/json";
  for (const Row& row : kRows) {
    if (row.type != type) continue;
    response.status = status != 0 ? status : row.status;
    const nlohmann::ordered_json body = {{"type", StrCat(kPrefix, row.name)}, {"detail", detail}};
    response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return response;
}

HttpResponse ErrorResponse(KbsErrorType type, const absl::Status& status, unsigned http_status) {
  if (absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) {
    return ErrorResponse(KbsErrorType::kStorage, MessageOf(status));
  }
  if (absl::IsInternal(status)) http_status = 500;
  return ErrorResponse(type, MessageOf(status), http_status);
}

}  // namespace cc::trustee
