// SPDX-License-Identifier: Apache-2.0
// A CBOR map with integer keys, read by key and type. Every error names the key and its meaning. Keys of text
// are tolerated and not seen: registered claims have numbers.
#ifndef CC_CCA_CBOR_MAP_H_
#define CC_CCA_CBOR_MAP_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cca/cbor.h"

namespace cc::cca {

// A view: the CborValue must outlive it.
class CborMap {
 public:
  // InvalidArgument when the value is no map.
  static absl::StatusOr<CborMap> Of(const CborValue& value);

  // nullptr when absent.
  const CborValue* Find(int64_t key) const;

  // InvalidArgument when absent or of another type. `name` says in errors what the key means.
  absl::StatusOr<const CborValue*> Get(int64_t key, std::string_view name) const;
  absl::StatusOr<int64_t> Int(int64_t key, std::string_view name) const;
  absl::StatusOr<std::string_view> Text(int64_t key, std::string_view name) const;
  absl::StatusOr<std::string_view> Bytes(int64_t key, std::string_view name) const;
  // Bytes whose length is one of `sizes`.
  absl::StatusOr<std::string_view> Bytes(int64_t key, std::string_view name,
                                         std::initializer_list<size_t> sizes) const;
  // nullopt when absent; still InvalidArgument for another type.
  absl::StatusOr<std::optional<std::string_view>> OptionalText(int64_t key, std::string_view name) const;

  // InvalidArgument when the map has any key that is not in `keys`.
  absl::Status AllowOnly(std::initializer_list<int64_t> keys) const;

 private:
  explicit CborMap(std::span<const CborValue> entries) : entries_(entries) {}
  std::span<const CborValue> entries_;
};

// OK when the length of `bytes` is one of `sizes`.
absl::Status CheckSize(std::string_view bytes, std::initializer_list<size_t> sizes);

}  // namespace cc::cca

#endif  // CC_CCA_CBOR_MAP_H_
