// SPDX-License-Identifier: Apache-2.0
#include "shim/oci_spec.h"

#include "base/status.h"
#include "shim/json_object.h"
#include "shim/oci_fields.h"

namespace cc::shim {
namespace {

void ConvertMounts(const JsonObject& in, grpc::Spec* out) {
  for (const JsonObject& from : in.Objects("mounts")) {
    grpc::Mount* mount = out->add_mounts();
    mount->set_destination(from.Text("destination"));
    mount->set_source(from.Text("source"));
    mount->set_type(from.Text("type"));
    AddStrings(from, "options", mount->mutable_options());
  }
}

void ConvertHookList(const JsonObject& in, std::string_view key,
                     google::protobuf::RepeatedPtrField<grpc::Hook>* out) {
  for (const JsonObject& from : in.Objects(key)) {
    grpc::Hook* hook = out->Add();
    hook->set_path(from.Text("path"));
    AddStrings(from, "args", hook->mutable_args());
    AddStrings(from, "env", hook->mutable_env());
    hook->set_timeout(from.Int("timeout"));
  }
}

void ConvertHooks(const JsonObject& in, grpc::Hooks* out) {
  ConvertHookList(in, "prestart", out->mutable_prestart());
  ConvertHookList(in, "poststart", out->mutable_poststart());
  ConvertHookList(in, "poststop", out->mutable_poststop());
  ConvertHookList(in, "createRuntime", out->mutable_createruntime());
  ConvertHookList(in, "createContainer", out->mutable_createcontainer());
  ConvertHookList(in, "startContainer", out->mutable_startcontainer());
}

}  // namespace

void ConvertProcess(const JsonObject& in, grpc::Process* out) {
  out->set_terminal(in.Flag("terminal"));
  if (in.Has("consoleSize")) {
    const JsonObject size = in.Object("consoleSize");
    out->mutable_consolesize()->set_height(size.Unsigned32("height"));
    out->mutable_consolesize()->set_width(size.Unsigned32("width"));
  }
  const JsonObject user = in.Object("user");
  out->mutable_user()->set_uid(user.Unsigned32("uid"));
  out->mutable_user()->set_gid(user.Unsigned32("gid"));
  out->mutable_user()->set_username(user.Text("username"));
  for (uint32_t gid : user.Numbers("additionalGids")) out->mutable_user()->add_additionalgids(gid);
  AddStrings(in, "args", out->mutable_args());
  AddStrings(in, "env", out->mutable_env());
  out->set_cwd(in.Text("cwd"));
  if (in.Has("capabilities")) {
    const JsonObject from = in.Object("capabilities");
    grpc::LinuxCapabilities* to = out->mutable_capabilities();
    AddStrings(from, "bounding", to->mutable_bounding());
    AddStrings(from, "effective", to->mutable_effective());
    AddStrings(from, "inheritable", to->mutable_inheritable());
    AddStrings(from, "permitted", to->mutable_permitted());
    AddStrings(from, "ambient", to->mutable_ambient());
  }
  for (const JsonObject& from : in.Objects("rlimits")) {
    grpc::POSIXRlimit* limit = out->add_rlimits();
    limit->set_type(from.Text("type"));
    limit->set_hard(from.Unsigned("hard"));
    limit->set_soft(from.Unsigned("soft"));
  }
  out->set_nonewprivileges(in.Flag("noNewPrivileges"));
  out->set_apparmorprofile(in.Text("apparmorProfile"));
  out->set_oomscoreadj(in.Int("oomScoreAdj"));
  out->set_selinuxlabel(in.Text("selinuxLabel"));
}

absl::StatusOr<grpc::Spec> ParseSpec(std::string_view json) {
  JsonDocument document(json, "config.json");
  const JsonObject root = document.root();
  grpc::Spec spec;
  spec.set_version(root.Text("ociVersion"));
  ConvertProcess(root.Object("process"), spec.mutable_process());
  spec.mutable_root()->set_path(root.Object("root").Text("path"));
  spec.mutable_root()->set_readonly(root.Object("root").Flag("readonly"));
  spec.set_hostname(root.Text("hostname"));
  ConvertMounts(root, &spec);
  if (root.Has("hooks")) ConvertHooks(root.Object("hooks"), spec.mutable_hooks());
  for (auto& [key, value] : root.StringMap("annotations")) (*spec.mutable_annotations())[key] = value;
  ConvertLinux(root.Object("linux"), spec.mutable_linux());
  CC_RETURN_IF_ERROR(document.status());
  if (!root.Has("process")) return absl::InvalidArgumentError("config.json.process: is missing");
  return spec;
}

absl::StatusOr<grpc::Process> ParseProcess(std::string_view json) {
  JsonDocument document(json, "process");
  grpc::Process process;
  ConvertProcess(document.root(), &process);
  CC_RETURN_IF_ERROR(document.status());
  if (process.args().empty()) return absl::InvalidArgumentError("process.args: must name a program");
  return process;
}

absl::StatusOr<grpc::LinuxResources> ParseResources(std::string_view json) {
  JsonDocument document(json, "resources");
  grpc::LinuxResources resources;
  ConvertResources(document.root(), &resources);
  CC_RETURN_IF_ERROR(document.status());
  return resources;
}

}  // namespace cc::shim
