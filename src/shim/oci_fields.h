// SPDX-License-Identifier: Apache-2.0
// Parts of the conversion in oci_spec.h, one per object of the specification.
#ifndef CC_SHIM_OCI_FIELDS_H_
#define CC_SHIM_OCI_FIELDS_H_

#include "kata/oci.pb.h"
#include "shim/json_object.h"

namespace cc::shim {

void ConvertProcess(const JsonObject& in, grpc::Process* out);
void ConvertLinux(const JsonObject& in, grpc::Linux* out);
void ConvertResources(const JsonObject& in, grpc::LinuxResources* out);
void ConvertSeccomp(const JsonObject& in, grpc::LinuxSeccomp* out);

template <typename Repeated>
void AddStrings(const JsonObject& in, std::string_view key, Repeated* out) {
  for (std::string& text : in.Strings(key)) *out->Add() = std::move(text);
}

}  // namespace cc::shim

#endif  // CC_SHIM_OCI_FIELDS_H_
