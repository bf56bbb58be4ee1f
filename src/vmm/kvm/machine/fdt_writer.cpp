// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/machine/fdt_writer.h"

#include "base/strings.h"

#include <libfdt.h>

namespace cc::vmm::kvm {
namespace {

void AppendBigEndian(std::string* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

FdtWriter::FdtWriter(size_t limit) : buffer_(limit, '\0') {
  Note(::fdt_create(buffer_.data(), static_cast<int>(limit)));
  Note(::fdt_finish_reservemap(buffer_.data()));
}

void FdtWriter::Note(int result) {
  if (error_ == 0) error_ = result;
}

void FdtWriter::Begin(const std::string& node) { Note(::fdt_begin_node(buffer_.data(), node.c_str())); }

void FdtWriter::End() { Note(::fdt_end_node(buffer_.data())); }

void FdtWriter::Empty(const char* property) { Note(::fdt_property(buffer_.data(), property, nullptr, 0)); }

void FdtWriter::Text(const char* property, const std::string& value) {
  Note(::fdt_property(buffer_.data(), property, value.c_str(), static_cast<int>(value.size() + 1)));
}

void FdtWriter::Texts(const char* property, std::initializer_list<std::string_view> values) {
  std::string joined;
  for (const std::string_view value : values) {
    joined.append(value);
    joined.push_back('\0');
  }
  Note(::fdt_property(buffer_.data(), property, joined.data(), static_cast<int>(joined.size())));
}

void FdtWriter::Cells(const char* property, std::span<const uint32_t> values) {
  std::string bytes;
  for (const uint32_t value : values) AppendBigEndian(&bytes, value);
  Note(::fdt_property(buffer_.data(), property, bytes.data(), static_cast<int>(bytes.size())));
}

void FdtWriter::Wide(const char* property, std::initializer_list<uint64_t> values) {
  std::string bytes;
  for (const uint64_t value : values) {
    AppendBigEndian(&bytes, static_cast<uint32_t>(value >> 32));
    AppendBigEndian(&bytes, static_cast<uint32_t>(value));
  }
  Note(::fdt_property(buffer_.data(), property, bytes.data(), static_cast<int>(bytes.size())));
}

void FdtWriter::Bytes(const char* property, std::span<const uint8_t> value) {
  Note(::fdt_property(buffer_.data(), property, value.data(), static_cast<int>(value.size())));
}

absl::StatusOr<std::string> FdtWriter::Finish() && {
  Note(::fdt_finish(buffer_.data()));
  if (error_ == -FDT_ERR_NOSPACE) {
    return absl::ResourceExhaustedError(StrCat("the device tree is longer than ", buffer_.size(), " bytes"));
  }
  if (error_ != 0) {
    return absl::InternalError(StrCat("writing the device tree: ", ::fdt_strerror(error_)));
  }
  buffer_.resize(fdt_totalsize(buffer_.data()));  // a macro
  return std::move(buffer_);
}

}  // namespace cc::vmm::kvm
