// SPDX-License-Identifier: Apache-2.0
#include "owner/node/token_rows.h"

#include "base/strings.h"
#include "cca/token.h"
#include "jose/digest.h"

namespace cc::node_check {
namespace {

Row Compare(std::string name, std::string_view predicted, std::string_view reported, std::string fix) {
  if (predicted == reported) return {std::move(name), State::kOk, jose::ToHex(reported), ""};
  return {std::move(name), State::kFailed,
          StrCat("the token says ", jose::ToHex(reported), ", predicted was ", jose::ToHex(predicted)),
          std::move(fix)};
}

Row Measurement(const Prediction& predicted, std::string_view reported) {
  const std::string name = "token measurement";
  if (predicted.rim != reported && !predicted.other_rim.empty() && predicted.other_rim == reported) {
    return {name, State::kNote,
            StrCat(jose::ToHex(reported), ", as predicted for an RMM of version ", predicted.other_rmm,
                   "; the kernel's series is written for another, which would measure ",
                   jose::ToHex(predicted.rim)),
            ""};
  }
  return Compare(name, predicted.rim, reported,
                 "report this with the host's kernel and RMM versions: prediction and RMM disagree");
}

Row KeyBinding(const cca::UnverifiedToken& token) {
  const std::string name = "token key binding";
  const absl::StatusOr<jose::Hash> hash = cca::HashByTokenName(token.realm().public_key_hash_algorithm);
  if (!hash.ok()) return {name, State::kFailed, std::string(MessageOf(hash.status())), "use another RMM"};
  if (jose::Digest(*hash, token.realm().public_key) == token.platform().challenge) {
    return {name, State::kOk, "the platform token names the realm token's key", ""};
  }
  return {name, State::kFailed, "the platform token names another key than the realm token's",
          "use firmware and RMM that belong together"};
}

}  // namespace

std::vector<Row> CompareToken(std::string_view token, const Prediction& predicted) {
  const absl::StatusOr<cca::UnverifiedToken> parsed = cca::UnverifiedToken::Parse(token);
  if (!parsed.ok()) {
    return {{"token", State::kFailed, std::string(MessageOf(parsed.status())), "report this with the token"}};
  }
  const cca::RealmClaims& realm = parsed->realm();
  const char* form = parsed->form() == cca::TokenForm::kCollection ? "399" : "907";
  return {{"token", State::kOk,
           StrCat(token.size(), " bytes, CBOR tag ", form, ", measured with ", realm.hash_algorithm), ""},
          Measurement(predicted, realm.rim),
          Compare("token personalization", predicted.rpv, realm.rpv, "report this with the kernel's version"),
          Compare("token challenge", predicted.challenge, realm.challenge,
                  "the guest asked with another challenge"),
          KeyBinding(*parsed)};
}

}  // namespace cc::node_check
