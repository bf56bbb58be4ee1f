// SPDX-License-Identifier: Apache-2.0
// What a Realm that really ran left behind: its token, the public test key of its platform and the input of
// its RIM. The files are outside the project; a test that needs them is skipped where they are not.
#ifndef CC_CCA_TESTDATA_H_
#define CC_CCA_TESTDATA_H_

#include <filesystem>
#include <string>

namespace cc::cca {

inline std::string TestDataPath(const std::string& name) { return std::string(CC_CCA_TESTDATA) + "/" + name; }
inline bool HaveTestData() { return std::filesystem::exists(TestDataPath("token-sha256.cbor")); }

}  // namespace cc::cca

#define CC_SKIP_WITHOUT_TESTDATA() \
  if (!::cc::cca::HaveTestData()) GTEST_SKIP() << "no recorded Realm at " << CC_CCA_TESTDATA

#endif  // CC_CCA_TESTDATA_H_
