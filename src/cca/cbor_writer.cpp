// SPDX-License-Identifier: Apache-2.0
#include "cca/cbor_writer.h"

#include <cbor.h>

namespace cc::cca {
namespace {

// A head of CBOR is nine bytes at most.
template <typename Encode, typename Number>
void Head(std::string& out, Encode encode, Number number) {
  unsigned char buffer[9];
  const size_t size = encode(number, buffer, sizeof(buffer));
  out.append(reinterpret_cast<const char*>(buffer), size);
}

}  // namespace

CborWriter& CborWriter::Int(int64_t value) {
  if (value >= 0) {
    Head(out_, cbor_encode_uint, static_cast<uint64_t>(value));
  } else {
    Head(out_, cbor_encode_negint, static_cast<uint64_t>(-1 - value));
  }
  return *this;
}

CborWriter& CborWriter::Bytes(std::string_view bytes) {
  Head(out_, cbor_encode_bytestring_start, bytes.size());
  return Raw(bytes);
}

CborWriter& CborWriter::Text(std::string_view text) {
  Head(out_, cbor_encode_string_start, text.size());
  return Raw(text);
}

CborWriter& CborWriter::Array(size_t elements) {
  Head(out_, cbor_encode_array_start, elements);
  return *this;
}

CborWriter& CborWriter::Map(size_t entries) {
  Head(out_, cbor_encode_map_start, entries);
  return *this;
}

CborWriter& CborWriter::Tag(uint64_t number) {
  Head(out_, cbor_encode_tag, number);
  return *this;
}

CborWriter& CborWriter::Null() {
  unsigned char buffer[1];
  out_.append(reinterpret_cast<const char*>(buffer), cbor_encode_null(buffer, sizeof(buffer)));
  return *this;
}

CborWriter& CborWriter::Raw(std::string_view encoded) {
  out_.append(encoded);
  return *this;
}

}  // namespace cc::cca
