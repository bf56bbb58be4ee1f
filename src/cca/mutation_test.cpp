// SPDX-License-Identifier: Apache-2.0
// A hundred thousand damaged copies of the recorded token: none may crash the reader, none may verify.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "cca/token_samples.h"
#include "cca/verify.h"

namespace cc::cca {
namespace {

class Mutator {
 public:
  explicit Mutator(std::string token) : token_(std::move(token)) {}

  std::string Next() {
    std::string bytes = token_;
    // Up to four changes; a fresh start when they have undone each other.
    do {
      bytes = token_;
      for (size_t changes = 1 + Random(4); changes > 0; --changes) Change(bytes);
    } while (bytes == token_);
    return bytes;
  }

 private:
  size_t Random(size_t below) { return random_() % below; }

  void Change(std::string& bytes) {
    if (bytes.empty()) bytes = "x";
    const size_t at = Random(bytes.size());
    const size_t size = 1 + Random(std::min<size_t>(16, bytes.size() - at));
    switch (Random(8)) {
      case 0:  // one bit
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << Random(8)));
        break;
      case 1:  // one byte
        bytes[at] = static_cast<char>(Random(256));
        break;
      case 2:  // cut out
        bytes.erase(at, size);
        break;
      case 3:  // put in
        bytes.insert(at, size, static_cast<char>(Random(256)));
        break;
      case 4:  // repeat a piece elsewhere
        bytes.insert(Random(bytes.size()), bytes.substr(at, size));
        break;
      case 5:  // exchange pieces
        bytes.replace(Random(bytes.size() - size + 1), size, bytes.substr(at, size));
        break;
      case 6:  // cut short
        bytes.resize(at);
        break;
      case 7:  // a head of CBOR with another length
        bytes[at] = static_cast<char>((bytes[at] & 0xe0) | static_cast<char>(Random(32)));
        break;
    }
  }

  std::string token_;
  std::mt19937_64 random_{20261124};
};

TEST(Mutation, NoDamagedTokenVerifies) {
  CC_SKIP_WITHOUT_TESTDATA();
  const TrustAnchors anchors = RecordedAnchors();
  const std::string challenge(64, 'A');
  ASSERT_TRUE(VerifyToken(UnverifiedToken::Parse(RecordedToken()).value(), anchors, challenge).ok());
  Mutator mutator(RecordedToken());
  int parsed = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string bytes = mutator.Next();
    const auto token = UnverifiedToken::Parse(bytes);
    if (!token.ok()) continue;
    ++parsed;
    ASSERT_FALSE(VerifyToken(*token, anchors, challenge).ok()) << "case " << i;
  }
  // The test means nothing when the parser stops everything.
  EXPECT_GT(parsed, 1000);
  RecordProperty("parsed", parsed);
}

}  // namespace
}  // namespace cc::cca
