// SPDX-License-Identifier: Apache-2.0
#include "agent/run/create_container.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "agent/oci/id.h"
#include "agent/oci/image_process.h"
#include "agent/oci/spec_json.h"
#include "agent/oci/spec_policy.h"
#include "agent/run/bundle.h"
#include "agent/run/release.h"
#include "agent/run/sysctl.h"
#include "agent/storage/guest_pull.h"
#include "agent/storage/pause_bundle.h"
#include "agent_proto/names.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxConfig = 4 << 20;

// What the request asks for, judged before anything is done.
struct Plan {
  grpc::Spec spec;
  ConfinedSpec confined;
  std::string image;  // reference or "pause"; empty = the root is a volume
  std::vector<const grpc::Storage*> volumes;
};

bool IsGuestPull(const grpc::Storage& storage) { return storage.driver() == agent_proto::kGuestPullDriver; }

absl::Status SortStorages(Sandbox& sandbox, const grpc::CreateContainerRequest& request, Plan* plan) {
  for (const grpc::Storage& storage : request.storages()) {
    if (!IsGuestPull(storage)) {
      CC_RETURN_IF_ERROR(sandbox.volumes().Check(storage));
      plan->volumes.push_back(&storage);
      continue;
    }
    if (!plan->image.empty() || storage.source().empty()) {
      return absl::InvalidArgumentError("a container has exactly one image, and its reference is not empty");
    }
    plan->image = storage.source();
  }
  return absl::OkStatus();
}

absl::StatusOr<Plan> MakePlan(Sandbox& sandbox, const grpc::CreateContainerRequest& request) {
  CC_RETURN_IF_ERROR(CheckId(request.container_id()));
  static constexpr std::array<std::string_view, 3> kReserved = {"shared", "sandbox", "image"};
  if (std::find(kReserved.begin(), kReserved.end(), request.container_id()) != kReserved.end()) {
    return absl::InvalidArgumentError(
        StrCat("container id ", request.container_id(), " is taken by a directory"));
  }
  if (!request.has_oci()) return absl::InvalidArgumentError("the request has no OCI specification");
  if (request.devices_size() > 0) {
    return absl::UnimplementedError(
        StrCat("device ", request.devices(0).container_path(), ": devices of the host are not supported"));
  }
  if (request.shared_mounts_size() > 0) return absl::UnimplementedError("shared mounts are not supported");
  if (request.stdin_port() != 0 || request.stdout_port() != 0 || request.stderr_port() != 0) {
    return absl::UnimplementedError("streams by descriptor passing are not supported; leave the ports 0");
  }
  Plan plan;
  plan.spec = request.oci();
  CC_RETURN_IF_ERROR(SortStorages(sandbox, request, &plan));
  SpecContext context{.container_id = request.container_id(),
                      .base = sandbox.config().base,
                      .rootfs = {},
                      .shared_pidns = {}};
  if (!plan.image.empty()) context.rootfs = StrCat(context.base, "/", request.container_id(), "/rootfs");
  if (request.sandbox_pidns() || sandbox.shares_pidns()) context.shared_pidns = sandbox.SharedPidNamespace();
  CC_ASSIGN_OR_RETURN(plan.confined, ConfineSpec(context, &plan.spec));
  return plan;
}

absl::Status FetchRoot(Sandbox& sandbox, Container& container, Plan* plan) {
  if (plan->image == "pause") {
    return MakePauseBundle(container.bundle(), sandbox.config().pause, plan->spec.mutable_process());
  }
  if (!plan->image.empty()) {
    CC_RETURN_IF_ERROR(PullImage({.socket = sandbox.config().data_hub,
                                  .image = plan->image,
                                  .bundle = container.bundle(),
                                  .timeout = sandbox.config().image_pull_timeout,
                                  .cancel = container.cancel()}));
    CC_ASSIGN_OR_RETURN(const std::string config,
                        ReadFile(StrCat(container.bundle(), "/config.json"), kMaxConfig));
    return MergeImageProcess(config, plan->spec.mutable_process());
  }
  return container.resources().binds->Pin(plan->spec.mutable_root()->mutable_path(), true);
}

absl::Status PinBinds(Container& container, Plan* plan) {
  for (int index : plan->confined.binds) {
    grpc::Mount* mount = plan->spec.mutable_mounts(index);
    const auto has = [mount](std::string_view option) {
      return std::find(mount->options().begin(), mount->options().end(), option) != mount->options().end();
    };
    const bool recursive = has("rbind");
    // crun goes by the option, not by the type.
    if (!recursive && !has("bind")) mount->add_options("bind");
    CC_RETURN_IF_ERROR(Annotate(container.resources().binds->Pin(mount->mutable_source(), recursive),
                                StrCat("mount on ", mount->destination())));
  }
  return absl::OkStatus();
}

// The Kubernetes termination message lies in the bind mount on the path that the annotation names.
std::string TerminationLog(const grpc::Spec& spec) {
  const auto path = spec.annotations().find("io.kubernetes.container.terminationMessagePath");
  if (path == spec.annotations().end()) return {};
  for (const grpc::Mount& mount : spec.mounts()) {
    if (mount.destination() == path->second) return mount.source();
  }
  return {};
}

absl::Status Build(Sandbox& sandbox, const ttrpc::CallContext& call, Container& container, Plan plan) {
  CC_RETURN_IF_ERROR(CreateBundle(container.bundle()));
  container.resources().binds =
      std::make_unique<BindSources>(container.bundle(), sandbox.config().base, sandbox.base_fd());
  for (const grpc::Storage* storage : plan.volumes) {
    CC_RETURN_IF_ERROR(sandbox.volumes().Add(*storage));
    container.resources().volumes.push_back(storage->mount_point());
  }
  CC_RETURN_IF_ERROR(FetchRoot(sandbox, container, &plan));
  container.facts() = {.process = plan.spec.process(), .termination_log = TerminationLog(plan.spec)};
  CC_RETURN_IF_ERROR(PinBinds(container, &plan));
  CC_RETURN_IF_ERROR(WriteSysctls(plan.confined.sysctls));
  CC_RETURN_IF_ERROR(WriteFileAtomic(StrCat(container.bundle(), "/config.json"), SpecText(plan.spec), 0600));

  container.resources().known_to_crun = true;
  const Reaper::Expectation expectation(&sandbox.reaper());
  CC_ASSIGN_OR_RETURN(
      StartedProcess started,
      sandbox.crun().CreateContainer(container.id(), container.bundle(), plan.spec.process().terminal()));
  sandbox.OfferPidNamespace(container, started.pid);
  auto init = std::make_shared<Process>(started.pid, std::move(started.streams));
  sandbox.reaper().WatchPid(started.pid, [init, cgroup = sandbox.CgroupOf(container)](int status) {
    // With a shared PID namespace the kernel does not end the others with init.
    cgroup.Kill().IgnoreError();
    init->MarkExited(status);
  });
  if (absl::Status status = sandbox.oom().Add(container.id(), sandbox.CgroupOf(container)); !status.ok()) {
    log::Warning("no out-of-memory events", {{"container", container.id()}, {"error", status}});
  }
  // A container that nobody was told of would hold its id for ever.
  if (call.cancelled()) return absl::CancelledError("the caller stopped waiting for the container");
  container.MarkReady(std::move(init));
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateContainer(Sandbox& sandbox, const ttrpc::CallContext& call,
                             const grpc::CreateContainerRequest& request) {
  absl::StatusOr<Plan> planned = MakePlan(sandbox, request);
  if (!planned.ok()) {
    const std::string& id = request.container_id();
    if (CheckId(id).ok() && !sandbox.Find(id).ok()) sandbox.copies().RemoveOf(id).IgnoreError();
    return planned.status();
  }
  Plan plan = *std::move(planned);
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Container> container, sandbox.Reserve(request.container_id()));
  call.OnCancel([cancel = container->cancel()] { cancel->Set(); });
  log::Info("creating container", {{"container", container->id()}, {"image", plan.image}});
  const absl::Status status = Build(sandbox, call, *container, std::move(plan));
  if (status.ok()) {
    log::Info("container created", {{"container", container->id()}});
    return status;
  }
  log::Warning("container not created", {{"container", container->id()}, {"error", status}});
  Release(sandbox, *container).IgnoreError();
  container->MarkFailed();
  sandbox.Erase(container->id());
  return status;
}

}  // namespace cc::agent
