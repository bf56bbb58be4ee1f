// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attest/attester/cca_attester.h"
#include "attest/attester/detect.h"
#include "attest/attester/sample_attester.h"
#include "base/file.h"
#include "cca/token_samples.h"

namespace cc::attest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string TokenWithRpv(const std::string& rpv) {
  cca::RealmClaims realm = cca::SampleRealm();
  realm.rpv = rpv;
  return cca::MintToken(cca::TokenForm::kCollection, cca::SamplePlatform(), realm, cca::SampleCpak(),
                        cca::SampleRak())
      .value();
}

// A directory whose sub-directories get a TSM request's attributes when made, as in configfs.
class FakeTsm {
 public:
  FakeTsm() : root_(*TempDir::Create("/tmp/tsm-test-")) {}

  TsmReport Reports() {
    return TsmReport(root_.path(), {.make_directory =
                                        [this](const char* path) {
                                          if (make_error != 0) {
                                            errno = make_error;
                                            return -1;
                                          }
                                          std::filesystem::create_directory(path);
                                          const std::string directory = path;
                                          std::ofstream(directory + "/provider") << provider;
                                          std::ofstream(directory + "/outblob") << report;
                                          std::ofstream(directory + "/generation") << generation;
                                          std::ofstream(directory + "/inblob");
                                          return 0;
                                        },
                                    .remove_directory =
                                        [this](const char* path) {
                                          std::ifstream in(std::string(path) + "/inblob", std::ios::binary);
                                          inblob.assign(std::istreambuf_iterator<char>(in), {});
                                          return std::filesystem::remove_all(path) > 0 ? 0 : -1;
                                        }});
  }
  bool Empty() const { return std::filesystem::is_empty(root_.path()); }

  std::string provider = "arm_cca_guest\n", report = TokenWithRpv(std::string(64, '\0')), generation = "1\n";
  int make_error = 0;
  std::string inblob;  // of the request removed last

 private:
  TempDir root_;
};

TEST(SampleAttester, RepeatsTheReportData) {
  SampleAttester attester{AllowSampleEvidence{}};
  EXPECT_EQ(attester.tee(), "sample");
  EXPECT_EQ(nlohmann::json::parse(*attester.GetEvidence("\x01\x02\xff")),
            nlohmann::json::parse(R"({"svn":"1","report_data":"AQL/"})"));
  EXPECT_EQ(attester.GetEvidence(std::string(65, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CcaAttester, AsksForATokenOverTheZeroPaddedChallenge) {
  FakeTsm tsm;
  CcaAttester attester(tsm.Reports());
  const absl::StatusOr<std::string> evidence = attester.GetEvidence(std::string(48, 'h'));
  ASSERT_TRUE(evidence.ok()) << evidence.status();
  const std::vector<uint8_t> bytes(tsm.report.begin(), tsm.report.end());
  EXPECT_EQ(*evidence, (nlohmann::json{{"token", bytes}}.dump()));
  EXPECT_EQ(tsm.inblob, std::string(48, 'h') + std::string(16, '\0'));
  EXPECT_TRUE(tsm.Empty());
  EXPECT_FALSE(attester.GetEvidence(std::string(65, 'h')).ok());
}

TEST(CcaAttester, GivesNoEvidenceForOtherInitdataThanItsOwn) {
  const std::string digest(48, 'd'), padded = digest + std::string(16, '\0'), none(64, '\0');
  const struct {
    std::string digest, rpv;
    const char* message;  // empty: evidence is given
  } kCases[] = {
      {"", none, ""},
      {digest, padded, ""},
      {"", padded, "delivered none"},
      {digest, none, "is not the one"},
      {std::string(64, 'e'), padded, "is not the one"},
      {digest, digest + std::string(16, 'x'), "is not the one"},
  };
  for (const auto& c : kCases) {
    FakeTsm tsm;
    tsm.report = TokenWithRpv(c.rpv);
    const absl::Status status = CcaAttester(tsm.Reports(), c.digest).GetEvidence("data").status();
    if (*c.message == '\0') {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
      EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    }
  }
}

TEST(CcaAttester, TrustsNoReportItDidNotAskFor) {
  const struct {
    const char *provider, *report, *generation;
    absl::StatusCode code;
    const char* message;
  } kCases[] = {
      {"tdx_guest\n", "token", "1\n", absl::StatusCode::kFailedPrecondition, "tdx_guest"},
      {"arm_cca_guest\n", "token", "2\n", absl::StatusCode::kAborted, "2 times"},
      {"arm_cca_guest\n", "token", "one\n", absl::StatusCode::kInternal, "generation"},
      {"arm_cca_guest\n", "", "1\n", absl::StatusCode::kInternal, "empty"},
      {"arm_cca_guest\n", "token", "1\n", absl::StatusCode::kInvalidArgument, "the token of this Realm"},
  };
  for (const auto& c : kCases) {
    FakeTsm tsm;
    tsm.provider = c.provider;
    tsm.report = c.report;
    tsm.generation = c.generation;
    CcaAttester attester(tsm.Reports());
    const absl::Status status = attester.GetEvidence("data").status();
    EXPECT_EQ(status.code(), c.code) << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
    EXPECT_TRUE(tsm.Empty());
  }
}

TEST(DetectAttester, PrefersTheTee) {
  FakeTsm tsm;
  absl::StatusOr<std::unique_ptr<Attester>> attester =
      DetectAttester({.reports = tsm.Reports(), .sample = AllowSampleEvidence{}});
  ASSERT_TRUE(attester.ok()) << attester.status();
  EXPECT_EQ((*attester)->tee(), "cca");
}

TEST(DetectAttester, SampleEvidenceNeedsPermissionAndTheAbsenceOfATee) {
  const TsmReport none("/nonexistent/tsm");
  const absl::Status refused = DetectAttester({.reports = none, .sample = {}}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no TEE found"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not allow sample evidence"));
  EXPECT_EQ((*DetectAttester({.reports = none, .sample = AllowSampleEvidence{}}))->tee(), "sample");

  FakeTsm no_driver;
  no_driver.make_error = ENXIO;
  EXPECT_EQ((*DetectAttester({.reports = no_driver.Reports(), .sample = AllowSampleEvidence{}}))->tee(),
            "sample");

  FakeTsm broken;
  broken.make_error = EBUSY;
  EXPECT_FALSE(DetectAttester({.reports = broken.Reports(), .sample = AllowSampleEvidence{}}).ok());
  FakeTsm foreign;
  foreign.provider = "sev_guest\n";
  EXPECT_FALSE(DetectAttester({.reports = foreign.Reports(), .sample = AllowSampleEvidence{}}).ok());
}

}  // namespace
}  // namespace cc::attest
