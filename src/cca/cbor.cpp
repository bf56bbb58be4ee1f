// SPDX-License-Identifier: Apache-2.0
#include "cca/cbor.h"

#include <cbor.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace cc::cca {

// Puts the events of libcbor's decoder together to a value. The stack holds the containers that are still
// open, so that depth is checked before a level is entered and no recursion follows the input.
class CborBuilder {
 public:
  CborBuilder(const CborLimits& limits, size_t size) : limits_(limits), bytes_left_(size) {}

  absl::StatusOr<CborValue> Run(std::string_view bytes) {
    const cbor_callbacks callbacks = Callbacks();
    size_t offset = 0;
    while (!root_.has_value()) {
      const cbor_decoder_result step = Decode(bytes.substr(offset), callbacks);
      if (!error_.empty()) return Refuse(error_, offset);
      if (step.status == CBOR_DECODER_NEDATA) return Refuse("the item is cut short", offset);
      if (step.status != CBOR_DECODER_FINISHED) return Refuse("not well-formed", offset);
      offset += step.read;
      bytes_left_ = bytes.size() - offset;
      if (!Close()) return Refuse(error_, offset);
    }
    if (offset != bytes.size()) {
      return Refuse(StrCat(bytes.size() - offset, " bytes follow the item"), offset);
    }
    return *std::move(root_);
  }

 private:
  struct Open {
    CborValue value;
    uint64_t missing;  // items until the container is complete
  };

  cbor_decoder_result Decode(std::string_view rest, const cbor_callbacks& callbacks) {
    // libcbor 0.8 refuses tags 6 to 20 in their shortest form, as if they were reserved; 18 is COSE_Sign1.
    if (!rest.empty() && (rest[0] & 0xe0) == 0xc0 && (rest[0] & 0x1f) < 24) {
      OnTag(this, rest[0] & 0x1f);
      return {.read = 1, .status = CBOR_DECODER_FINISHED};
    }
    return cbor_stream_decode(reinterpret_cast<const unsigned char*>(rest.data()), rest.size(), &callbacks,
                              this);
  }

  static absl::Status Refuse(std::string_view why, size_t offset) {
    return absl::InvalidArgumentError(StrCat("CBOR at byte ", offset, ": ", why));
  }

  static CborBuilder& Self(void* context) { return *static_cast<CborBuilder*>(context); }

  // libcbor 0.8 passes lengths as size_t and later versions as uint64_t, hence the `auto`.
  static void OnUnsigned(void* self, auto value) {
    Self(self).Add(CborValue(CborValue::Type::kUnsigned, value, {}));
  }
  static void OnNegative(void* self, auto value) {
    Self(self).Add(CborValue(CborValue::Type::kNegative, value, {}));
  }
  static void OnBytes(void* self, cbor_data data, auto size) {
    Self(self).Add(CborValue(CborValue::Type::kBytes, 0, View(data, size)));
  }
  static void OnText(void* self, cbor_data data, auto size) {
    const std::string_view text = View(data, size);
    if (!IsUtf8(text)) return Self(self).Fail("text is not UTF-8");
    Self(self).Add(CborValue(CborValue::Type::kText, 0, text));
  }
  static void OnArray(void* self, auto size) { Self(self).Enter(CborValue::Type::kArray, 0, size, 1); }
  static void OnMap(void* self, auto size) { Self(self).Enter(CborValue::Type::kMap, 0, size, 2); }
  static void OnTag(void* self, uint64_t number) { Self(self).Enter(CborValue::Type::kTag, number, 1, 1); }
  static void OnBool(void* self, bool value) {
    Self(self).Add(CborValue(CborValue::Type::kBool, value ? 1 : 0, {}));
  }
  static void OnNull(void* self) { Self(self).Add(CborValue(CborValue::Type::kNull, 0, {})); }
  static void OnIndefinite(void* self) { Self(self).Fail("indefinite length"); }
  static void OnUndefined(void* self) { Self(self).Fail("undefined value"); }
  static void OnFloat(void* self, auto) { Self(self).Fail("floating point value"); }

  static std::string_view View(cbor_data data, uint64_t size) {
    return {reinterpret_cast<const char*>(data), static_cast<size_t>(size)};
  }

  static cbor_callbacks Callbacks() {
    cbor_callbacks callbacks = cbor_empty_callbacks;
    callbacks.uint8 = OnUnsigned;
    callbacks.uint16 = OnUnsigned;
    callbacks.uint32 = OnUnsigned;
    callbacks.uint64 = OnUnsigned;
    callbacks.negint8 = OnNegative;
    callbacks.negint16 = OnNegative;
    callbacks.negint32 = OnNegative;
    callbacks.negint64 = OnNegative;
    callbacks.byte_string = OnBytes;
    callbacks.byte_string_start = OnIndefinite;
    callbacks.string = OnText;
    callbacks.string_start = OnIndefinite;
    callbacks.array_start = OnArray;
    callbacks.indef_array_start = OnIndefinite;
    callbacks.map_start = OnMap;
    callbacks.indef_map_start = OnIndefinite;
    callbacks.indef_break = OnIndefinite;
    callbacks.tag = OnTag;
    callbacks.float2 = OnFloat;
    callbacks.float4 = OnFloat;
    callbacks.float8 = OnFloat;
    callbacks.undefined = OnUndefined;
    callbacks.null = OnNull;
    callbacks.boolean = OnBool;
    return callbacks;
  }

  void Fail(std::string error) {
    if (error_.empty()) error_ = std::move(error);
  }

  bool Count() {
    if (++items_ > limits_.max_items) {
      Fail(StrCat("more than ", limits_.max_items, " items"));
      return false;
    }
    return true;
  }

  void Enter(CborValue::Type type, uint64_t number, uint64_t size, uint64_t items_each) {
    if (!Count()) return;
    if (open_.size() == limits_.max_depth) {
      return Fail(StrCat("nested deeper than ", limits_.max_depth, " levels"));
    }
    // Each item takes a byte at least, so a length beyond what is left is a lie.
    if (size > bytes_left_) return Fail(StrCat("a container of ", size, " entries is cut short"));
    open_.push_back({CborValue(type, number, {}), size * items_each});
  }

  void Add(CborValue value) {
    if (Count()) Complete(std::move(value));
  }

  // Hands a complete item to its container, or makes it the result.
  void Complete(CborValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    --parent.missing;
    const bool is_key = parent.value.type_ == CborValue::Type::kMap && parent.missing % 2 == 1;
    if (is_key && !CheckKey(parent.value, value)) return;
    parent.value.children_.push_back(std::move(value));
  }

  bool CheckKey(const CborValue& map, const CborValue& key) {
    if (key.type_ != CborValue::Type::kUnsigned && key.type_ != CborValue::Type::kNegative &&
        key.type_ != CborValue::Type::kText) {
      Fail(StrCat("a map key is of type ", CborTypeName(key.type_)));
      return false;
    }
    for (size_t i = 0; i < map.children_.size(); i += 2) {
      if (!map.children_[i].SameKey(key)) continue;
      Fail(StrCat("map key ", key.type_ == CborValue::Type::kText ? std::string(key.string_) : Number(key),
                  " occurs twice"));
      return false;
    }
    return true;
  }

  static std::string Number(const CborValue& key) {
    return key.type_ == CborValue::Type::kNegative ? StrCat("-1-", key.number_) : StrCat(key.number_);
  }

  // Closes the containers that the last item completed.
  bool Close() {
    while (error_.empty() && !open_.empty() && open_.back().missing == 0) {
      CborValue value = std::move(open_.back().value);
      open_.pop_back();
      Complete(std::move(value));
    }
    return error_.empty();
  }

  const CborLimits& limits_;
  size_t bytes_left_;
  size_t items_ = 0;
  std::vector<Open> open_;
  std::optional<CborValue> root_;
  std::string error_;
};

absl::StatusOr<CborValue> CborValue::Parse(std::string_view bytes, std::string_view what,
                                           const CborLimits& limits) {
  if (bytes.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        StrCat(what, ": ", bytes.size(), " bytes of CBOR, at most ", limits.max_bytes, " are read"));
  }
  absl::StatusOr<CborValue> value = CborBuilder(limits, bytes.size()).Run(bytes);
  if (!value.ok()) return Annotate(value.status(), what);
  return value;
}

std::string_view CborTypeName(CborValue::Type type) {
  switch (type) {
    case CborValue::Type::kUnsigned:
    case CborValue::Type::kNegative:
      return "integer";
    case CborValue::Type::kBytes:
      return "bytes";
    case CborValue::Type::kText:
      return "text";
    case CborValue::Type::kArray:
      return "array";
    case CborValue::Type::kMap:
      return "map";
    case CborValue::Type::kTag:
      return "tag";
    case CborValue::Type::kBool:
      return "bool";
    case CborValue::Type::kNull:
      return "null";
  }
  return "unknown";
}

namespace {

absl::Status WrongType(std::string_view expected, CborValue::Type found) {
  return absl::InvalidArgumentError(StrCat("expected ", expected, ", found ", CborTypeName(found)));
}

}  // namespace

absl::StatusOr<int64_t> CborValue::Int() const {
  if (type_ != Type::kUnsigned && type_ != Type::kNegative) return WrongType("integer", type_);
  if (number_ > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return absl::InvalidArgumentError("integer beyond 64 bits with sign");
  }
  const auto magnitude = static_cast<int64_t>(number_);
  return type_ == Type::kUnsigned ? magnitude : -1 - magnitude;
}

absl::StatusOr<std::string_view> CborValue::Bytes() const {
  if (type_ != Type::kBytes) return WrongType("bytes", type_);
  return string_;
}

absl::StatusOr<std::string_view> CborValue::Text() const {
  if (type_ != Type::kText) return WrongType("text", type_);
  return string_;
}

absl::StatusOr<std::span<const CborValue>> CborValue::Array() const {
  if (type_ != Type::kArray) return WrongType("array", type_);
  return std::span<const CborValue>(children_);
}

absl::StatusOr<std::span<const CborValue>> CborValue::MapEntries() const {
  if (type_ != Type::kMap) return WrongType("map", type_);
  return std::span<const CborValue>(children_);
}

}  // namespace cc::cca
