// SPDX-License-Identifier: Apache-2.0
// Writes a device tree from front to back with libfdt. The first error is kept and reported at the end, so
// that callers need not check each property.
//
//   FdtWriter fdt(4096);
//   fdt.Begin("");
//   fdt.Cells("#address-cells", {2});
//   fdt.End();
//   CC_ASSIGN_OR_RETURN(std::string blob, std::move(fdt).Finish());
#ifndef CC_VMM_KVM_MACHINE_FDT_WRITER_H_
#define CC_VMM_KVM_MACHINE_FDT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::vmm::kvm {

class FdtWriter {
 public:
  explicit FdtWriter(size_t limit);

  void Begin(const std::string& node);
  void End();
  void Empty(const char* property);
  void Text(const char* property, const std::string& value);
  void Texts(const char* property, std::initializer_list<std::string_view> values);
  void Cells(const char* property, std::span<const uint32_t> values);
  void Cells(const char* property, std::initializer_list<uint32_t> values) {
    Cells(property, std::span(values.begin(), values.size()));
  }
  // Numbers of two cells each: addresses and sizes.
  void Wide(const char* property, std::initializer_list<uint64_t> values);
  void Bytes(const char* property, std::span<const uint8_t> value);

  // ResourceExhausted when the limit was too small.
  absl::StatusOr<std::string> Finish() &&;

 private:
  void Note(int result);

  std::string buffer_;
  int error_ = 0;
};

}  // namespace cc::vmm::kvm

#endif  // CC_VMM_KVM_MACHINE_FDT_WRITER_H_
