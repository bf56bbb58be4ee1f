// SPDX-License-Identifier: Apache-2.0
// Writes CBOR in its shortest form, item after item; the caller keeps the count of a container. What the
// signature of a COSE message covers is built with it.
#ifndef CC_CCA_CBOR_WRITER_H_
#define CC_CCA_CBOR_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cc::cca {

class CborWriter {
 public:
  CborWriter& Int(int64_t value);
  CborWriter& Bytes(std::string_view bytes);
  CborWriter& Text(std::string_view text);
  CborWriter& Array(size_t elements);  // the elements follow
  CborWriter& Map(size_t entries);     // key and value of each entry follow
  CborWriter& Tag(uint64_t number);    // the tagged item follows
  CborWriter& Null();
  // Something that is encoded already.
  CborWriter& Raw(std::string_view encoded);

  const std::string& str() const& { return out_; }
  std::string str() && { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace cc::cca

#endif  // CC_CCA_CBOR_WRITER_H_
