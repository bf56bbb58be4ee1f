// SPDX-License-Identifier: Apache-2.0
// For tests: the measurement input of a Realm that ran, as recorded (rim-*.json or .json.gz; testdata.h).
#ifndef CC_CCA_RECORDED_RIM_H_
#define CC_CCA_RECORDED_RIM_H_

#include <zlib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cca/plan.h"
#include "jose/digest.h"

namespace cc::cca {

struct RecordedRim {
  explicit RecordedRim(const std::string& path) {
    const nlohmann::json json = nlohmann::json::parse(Read(path));
    const nlohmann::json& in = json.at("realm_params");
    params = {.flags = in.at("flags"),
              .ipa_bits = in.at("s2sz"),
              .sve_vl = in.at("sve_vl"),
              .num_bps = in.at("num_bps"),
              .num_wps = in.at("num_wps"),
              .pmu_num_ctrs = in.at("pmu_num_ctrs"),
              .hash = static_cast<RealmHash>(in.at("hash_algo").get<uint8_t>())};
    // One range or several.
    const nlohmann::json& ranges = json.at("ripas");
    for (const nlohmann::json& range : ranges.is_array() ? ranges : nlohmann::json::array({ranges})) {
      const uint64_t base = Number(range.at("base"));
      ripas.push_back({base, Number(range.at("top")) - base});
    }
    // Address and hash; a page without one was not measured.
    for (const nlohmann::json& page : json.at("data_pages")) {
      const bool measured = page.size() > 1 && page[1].is_string();
      pages.emplace_back(Number(page.at(0)),
                         measured ? jose::FromHex(page[1].get<std::string>()).value() : "");
    }
    boot = {.runnable = true, .pc = Number(json.at("rec").at("pc"))};
    for (size_t i = 0; i < boot.gprs.size(); ++i) boot.gprs[i] = Number(json.at("rec").at("gprs").at(i));
    rim_after_params = json.at("rim_after_params");
    rim = json.at("expected_rim");
  }

  RealmParams params;
  std::vector<InitRipas> ripas;
  std::vector<std::pair<uint64_t, std::string>> pages;
  CreateRec boot;
  std::string rim_after_params, rim;  // hexadecimal

 private:
  // zlib passes on what is not compressed.
  static std::string Read(const std::string& path) {
    gzFile file = ::gzopen(path.c_str(), "rb");
    std::string out;
    char buffer[65536];
    for (int n; (n = ::gzread(file, buffer, sizeof(buffer))) > 0;) out.append(buffer, static_cast<size_t>(n));
    ::gzclose(file);
    return out;
  }
  static uint64_t Number(const nlohmann::json& value) {
    return value.is_string() ? std::stoull(value.get<std::string>(), nullptr, 16) : value.get<uint64_t>();
  }
};

}  // namespace cc::cca

#endif  // CC_CCA_RECORDED_RIM_H_
