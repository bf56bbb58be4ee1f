// SPDX-License-Identifier: Apache-2.0
// CBOR (RFC 8949) as attestation tokens use it, read strictly: one item and nothing after it, definite
// lengths only, map keys that are integers or text and occur once, UTF-8 text, no floats; depth, size and
// number of items are bounded before anything is built. libcbor's streaming decoder does the decoding and is
// hidden here.
#ifndef CC_CCA_CBOR_H_
#define CC_CCA_CBOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cc::cca {

struct CborLimits {
  size_t max_bytes = 64 << 10;  // of the encoded item
  size_t max_items = 1024;      // of all kinds, nested ones included
  size_t max_depth = 8;         // of arrays, maps and tags inside each other
};

// One decoded item. Strings are views into the parsed bytes, which must outlive the value.
class CborValue {
 public:
  enum class Type { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kBool, kNull };

  // InvalidArgument for anything that breaks the rules above; `what` names the bytes in the error.
  static absl::StatusOr<CborValue> Parse(std::string_view bytes, std::string_view what,
                                         const CborLimits& limits = {});

  Type type() const { return type_; }
  bool IsNull() const { return type_ == Type::kNull; }
  bool IsTag(uint64_t number) const { return type_ == Type::kTag && number_ == number; }

  // The value as the given type, or InvalidArgument "expected bytes, found text".
  absl::StatusOr<int64_t> Int() const;
  absl::StatusOr<std::string_view> Bytes() const;
  absl::StatusOr<std::string_view> Text() const;
  absl::StatusOr<std::span<const CborValue>> Array() const;
  // Keys and values in turn, in the order of the encoding.
  absl::StatusOr<std::span<const CborValue>> MapEntries() const;

  // Of a tag only.
  uint64_t tag_number() const { return number_; }
  const CborValue& tagged() const { return children_.front(); }

  // Same type and same value; only for what can be a map key (integers and text).
  bool SameKey(const CborValue& other) const {
    return type_ == other.type_ && number_ == other.number_ && string_ == other.string_;
  }

 private:
  friend class CborBuilder;
  CborValue(Type type, uint64_t number, std::string_view string)
      : type_(type), number_(number), string_(string) {}

  Type type_;
  uint64_t number_ = 0;              // the integer, n of -1 - n, the tag number, the truth value
  std::string_view string_;          // bytes or text
  std::vector<CborValue> children_;  // elements, keys and values in turn, or the tagged item
};

// "bytes", "text", "array", …
std::string_view CborTypeName(CborValue::Type type);

}  // namespace cc::cca

#endif  // CC_CCA_CBOR_H_
