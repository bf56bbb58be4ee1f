// SPDX-License-Identifier: Apache-2.0
#include "attest/ocicrypt/key_provider.h"

#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/strings.h"
#include "jose/base64.h"
#include "jose/json.h"

namespace cc::attest {
namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "key provider message";
constexpr size_t kMaxJson = 256 << 10;

absl::StatusOr<json> ParseMessage(std::string_view text) {
  if (text.size() > kMaxJson)
    return absl::InvalidArgumentError(StrCat(kWhat, ": longer than ", kMaxJson, " bytes"));
  return jose::ParseJsonObject(text, kWhat);
}

absl::StatusOr<json> ObjectMember(const json& object, const std::string& key) {
  const auto member = object.find(key);
  if (member == object.end() || !member->is_object()) {
    return absl::InvalidArgumentError(StrCat(kWhat, ": '", key, "' must be an object"));
  }
  return *member;
}

absl::StatusOr<std::string> Bytes(const json& object, const std::string& key) {
  const absl::Status bad = absl::InvalidArgumentError(
      StrCat(kWhat, ": '", key, "' must be base64 or a list of numbers from 0 to 255"));
  const auto member = object.find(key);
  if (member == object.end()) return bad;
  if (member->is_string()) {
    absl::StatusOr<std::string> bytes = jose::Base64Decode(member->get_ref<const std::string&>());
    return bytes.ok() ? std::move(bytes) : bad;
  }
  if (!member->is_array()) return bad;
  std::string bytes;
  for (const json& number : *member) {
    if (!number.is_number_unsigned() || number.get<uint64_t>() > 255) return bad;
    bytes.push_back(static_cast<char>(number.get<uint8_t>()));
  }
  return bytes;
}

absl::Status CheckOperation(const json& message, std::string_view expected) {
  CC_ASSIGN_OR_RETURN(const std::string op, jose::StringMember(message, "op", kWhat));
  if (op == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(kWhat, ": operation '", op.substr(0, 32), "', expected ", expected));
}

std::string Result(const char* member, const char* field, std::string_view bytes) {
  return json{{member, {{field, std::vector<uint8_t>(bytes.begin(), bytes.end())}}}}.dump();
}

absl::StatusOr<std::string> ParseResult(std::string_view text, const char* member, const char* field) {
  CC_ASSIGN_OR_RETURN(const json message, ParseMessage(text));
  CC_ASSIGN_OR_RETURN(const json result, ObjectMember(message, member));
  return Bytes(result, field);
}

// {"Parameters": {provider: [base64, …]}}
absl::Status ReadParameters(const json& config, std::map<std::string, std::vector<std::string>>* parameters) {
  const auto all = config.find("Parameters");
  if (all == config.end() || all->is_null()) return absl::OkStatus();
  if (!all->is_object()) return absl::InvalidArgumentError(StrCat(kWhat, ": 'Parameters' must be an object"));
  for (const auto& [provider, values] : all->items()) {
    for (const json& value : values) {
      absl::StatusOr<std::string> bytes = value.is_string()
                                              ? jose::Base64Decode(value.get_ref<const std::string&>())
                                              : absl::InvalidArgumentError("");
      if (!values.is_array() || !bytes.ok()) {
        return absl::InvalidArgumentError(
            StrCat(kWhat, ": parameters of a provider must be a list of base64 texts"));
      }
      (*parameters)[provider].push_back(*std::move(bytes));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyWrapRequest> ParseKeyWrapRequest(std::string_view text) {
  CC_ASSIGN_OR_RETURN(const json message, ParseMessage(text));
  CC_RETURN_IF_ERROR(CheckOperation(message, "keywrap"));
  CC_ASSIGN_OR_RETURN(const json params, ObjectMember(message, "keywrapparams"));
  KeyWrapRequest request;
  // The Rust client puts the options in as they are, a JSON text.
  const auto options = params.find("optsdata");
  if (options != params.end() && options->is_string() &&
      options->get_ref<const std::string&>().starts_with('{')) {
    request.options = SecretBytes::CopyOf(options->get_ref<const std::string&>());
  } else {
    CC_ASSIGN_OR_RETURN(std::string bytes, Bytes(params, "optsdata"));
    request.options = SecretBytes(std::move(bytes));
  }
  if (const auto ec = params.find("ec"); ec != params.end() && ec->is_object()) {
    CC_RETURN_IF_ERROR(ReadParameters(*ec, &request.parameters));
  }
  return request;
}

absl::StatusOr<std::string> ParseKeyUnwrapRequest(std::string_view text) {
  CC_ASSIGN_OR_RETURN(const json message, ParseMessage(text));
  CC_RETURN_IF_ERROR(CheckOperation(message, "keyunwrap"));
  CC_ASSIGN_OR_RETURN(const json params, ObjectMember(message, "keyunwrapparams"));
  return Bytes(params, "annotation");
}

std::string KeyUnwrapRequest(std::string_view annotation) {
  return nlohmann::ordered_json{
      {"op", "keyunwrap"},
      {"keywrapparams", {{"ec", nullptr}, {"optsdata", nullptr}}},
      {"keyunwrapparams", {{"dc", nullptr}, {"annotation", jose::Base64Encode(annotation)}}}}
      .dump();
}

std::string KeyWrapResult(std::string_view annotation) {
  return Result("keywrapresults", "annotation", annotation);
}

SecretBytes KeyUnwrapResult(std::string_view options) {
  return SecretBytes(Result("keyunwrapresults", "optsdata", options));
}

absl::StatusOr<std::string> ParseKeyWrapResult(std::string_view text) {
  return ParseResult(text, "keywrapresults", "annotation");
}

absl::StatusOr<SecretBytes> ParseKeyUnwrapResult(std::string_view text) {
  CC_ASSIGN_OR_RETURN(std::string bytes, ParseResult(text, "keyunwrapresults", "optsdata"));
  return SecretBytes(std::move(bytes));
}

}  // namespace cc::attest
