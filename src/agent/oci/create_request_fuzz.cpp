// SPDX-License-Identifier: Apache-2.0
// CreateContainer as the host sends it: to the policy's JSON, and through the confinement to crun's
// config.json.
#include <nlohmann/json.hpp>

#include "agent/oci/id.h"
#include "agent/oci/image_process.h"
#include "agent/oci/spec_json.h"
#include "agent/oci/spec_policy.h"
#include "agent/policy/request_json.h"
#include "base/fuzz.h"
#include "kata/agent.pb.h"

namespace cc::fuzz {
namespace {

using namespace agent;

constexpr char kBase[] = "/run/kata-containers";

std::string Request() {
  grpc::CreateContainerRequest request;
  request.set_container_id("c1");
  grpc::Storage* storage = request.add_storages();
  storage->set_driver("image_guest_pull");
  storage->set_source("docker.io/library/busybox");
  storage->set_mount_point("/run/kata-containers/c1/rootfs");
  grpc::Spec& spec = *request.mutable_oci();
  spec.mutable_process()->add_args("sh");
  spec.mutable_process()->add_env("A=b");
  spec.mutable_process()->mutable_user()->set_uid(7);
  spec.mutable_process()->mutable_capabilities()->add_bounding("CAP_CHOWN");
  spec.mutable_root()->set_path("/run/kata-containers/c1/rootfs");
  grpc::Mount* bind = spec.add_mounts();
  bind->set_destination("/data");
  bind->set_type("bind");
  bind->set_source("/run/kata-containers/shared/containers/data");
  bind->add_options("rbind");
  spec.mutable_linux()->add_namespaces()->set_type("pid");
  spec.mutable_linux()->mutable_resources()->mutable_memory()->set_limit(int64_t{1} << 30);
  (*spec.mutable_linux()->mutable_sysctl())["net.ipv4.ip_forward"] = "1";
  grpc::LinuxDevice* device = spec.mutable_linux()->add_devices();
  device->set_path("/dev/null");
  device->set_type("c");
  device->set_major(1);
  device->set_minor(3);
  (*spec.mutable_annotations())["io.kubernetes.cri.container-type"] = "container";
  return request.SerializeAsString();
}

}  // namespace

Target MakeTarget() {
  return {.seeds = {Request()}, .run = [](std::string_view input) {
            const auto json = RequestJson("grpc.CreateContainerRequest", input);
            grpc::CreateContainerRequest request;
            const bool parses = request.ParseFromArray(input.data(), static_cast<int>(input.size()));
            Check(json.ok() == parses, "the policy sees every request that is acted upon");
            if (!parses) return;
            Check(nlohmann::json::accept(*json), "the policy's input is JSON");
            if (!CheckId(request.container_id()).ok()) return;
            grpc::Spec spec = request.oci();
            const auto confined =
                ConfineSpec({.container_id = request.container_id(),
                             .base = kBase,
                             .rootfs = std::string(kBase) + "/" + request.container_id() + "/rootfs",
                             .shared_pidns = {}},
                            &spec);
            if (!confined.ok()) return;
            for (const int index : confined->binds) {
              Check(IsVolumePath(spec.mounts(index).source(), kBase), "a bind mount's source is a volume");
            }
            Check(!spec.has_hooks() || spec.hooks().ByteSizeLong() == 0, "no hook gets through");
            const auto config = nlohmann::json::parse(SpecText(spec), nullptr, false);
            Check(config.is_object() && config.contains("process"), "crun's configuration is JSON");
          }};
}

}  // namespace cc::fuzz
