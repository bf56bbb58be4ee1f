// SPDX-License-Identifier: Apache-2.0
// Creation of a container. The work runs on a thread of its own, because a pull may take minutes while Kill,
// Delete or the caller's death must end the call at once.
#include <sys/random.h>

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "containerd/events.pb.h"
#include "shim/oci_spec.h"
#include "shim/pod.h"
#include "shim/pod_annotations.h"
#include "shim/pod_files.h"

namespace cc::shim {

// Shared by the waiting call and the working thread.
struct Pod::Creation {
  containerd::task::v2::CreateTaskRequest request;

  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Container> container;  // once the guest is asked for it
  bool done = false;                     // the worker has ended; `result` is valid
  absl::Status result;
  absl::Status aborted;  // not OK: the call has been told to return this

  // The guest is asked for it next, unless nobody wants it any more.
  absl::Status EnterGuest(std::shared_ptr<Container> made) {
    const std::lock_guard lock(mutex);
    if (aborted.ok()) container = std::move(made);
    return aborted;
  }
};

namespace {

using containerd::task::v2::CreateTaskRequest;

// The id becomes part of paths on both sides.
absl::Status CheckId(const std::string& id) {
  constexpr size_t kMaxId = 128;
  const bool valid = !id.empty() && id.size() <= kMaxId && id[0] != '.' && id[0] != '-' &&
                     std::all_of(id.begin(), id.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '.' || c == '_' || c == '-';
                     });
  if (valid) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("container id '", id, "' must be 1 to 128 letters, digits, '.', '_', '-'"));
}

std::string RandomTag() {
  std::array<char, 8> bytes{};
  [[maybe_unused]] const ssize_t n = ::getrandom(bytes.data(), bytes.size(), 0);
  return absl::BytesToHexString({bytes.data(), bytes.size()});
}

}  // namespace

absl::Status Pod::Create(const ttrpc::CallContext& call, const CreateTaskRequest& request) {
  CC_RETURN_IF_ERROR(CheckId(request.id()));
  if (!request.checkpoint().empty()) {
    return absl::UnimplementedError("create from a checkpoint: a confidential guest cannot be restored");
  }
  const auto creation = std::make_shared<Creation>();
  creation->request = request;
  {
    const std::lock_guard lock(mutex_);
    if (containers_.contains(request.id()) || !creations_.emplace(request.id(), creation).second) {
      return absl::AlreadyExistsError(StrCat("container ", request.id(), ": already exists"));
    }
  }
  absl::StatusOr<Thread> worker = Thread::Start(
      "create", [self = shared_from_this(), creation] { self->RunCreation(creation); },
      2 * Thread::kStackSize);
  if (!worker.ok()) {
    const std::lock_guard lock(mutex_);
    creations_.erase(request.id());
    return worker.status();
  }
  worker->Detach();
  return WaitForCreation(call, creation);
}

absl::Status Pod::WaitForCreation(const ttrpc::CallContext& call, const std::shared_ptr<Creation>& creation) {
  call.OnCancel([creation] {
    const std::lock_guard lock(creation->mutex);
    if (creation->aborted.ok()) creation->aborted = absl::CancelledError("the caller stopped waiting");
    creation->changed.notify_all();
  });
  absl::Status result;
  bool aborted = false;
  std::shared_ptr<Container> container;
  {
    std::unique_lock lock(creation->mutex);
    creation->changed.wait(lock, [&] { return creation->done || !creation->aborted.ok(); });
    aborted = !creation->done;
    result = aborted ? creation->aborted : creation->result;
    container = creation->container;
  }
  {
    const std::lock_guard lock(mutex_);
    creations_.erase(creation->request.id());
    if (result.ok()) containers_.emplace(creation->request.id(), container);
  }
  if (result.ok()) {
    container->FinishCreation();
    return result;
  }
  log::Warning("container not created", {{"container", creation->request.id()}, {"error", result}});
  // Alone, the VM goes too, which also ends a worker that is still in a pull.
  std::shared_ptr<Sandbox> unused;
  {
    const std::lock_guard lock(mutex_);
    unused = TakeUnusedSandboxLocked();
  }
  if (unused != nullptr) {
    unused->Stop();
  } else if (aborted && container != nullptr) {
    GiveUp(std::move(container));
  }
  if (call.cancelled() && empty() && options_.on_abandoned) options_.on_abandoned();
  return result;
}

// Ends a pull that nobody waits for. An agent that cannot do that finishes it, and the worker removes the
// container then.
void Pod::GiveUp(std::shared_ptr<Container> container) {
  absl::StatusOr<Thread> thread =
      Thread::Start("give-up", [container = std::move(container)] { container->RemoveFromGuest(); });
  if (thread.ok()) thread->Detach();
}

bool Pod::AbortCreation(const std::string& id, const std::string& reason) {
  std::shared_ptr<Creation> creation;
  {
    const std::lock_guard lock(mutex_);
    const auto it = creations_.find(id);
    if (it == creations_.end()) return false;
    creation = it->second;
  }
  const std::lock_guard lock(creation->mutex);
  if (creation->done) return false;
  if (creation->aborted.ok())
    creation->aborted = absl::CancelledError(StrCat("create container ", id, ": ", reason));
  creation->changed.notify_all();
  return true;
}

void Pod::RunCreation(const std::shared_ptr<Creation>& creation) {
  absl::Status status = DoCreate(*creation);
  bool unwanted = false;
  {
    const std::lock_guard lock(creation->mutex);
    unwanted = !creation->aborted.ok();
    creation->done = !unwanted;
    creation->result = status;
    creation->changed.notify_all();
  }
  // The call has returned already, so nobody else cleans up what was made meanwhile.
  if (unwanted && status.ok()) creation->container->RemoveFromGuest();
}

absl::StatusOr<std::shared_ptr<Sandbox>> Pod::MakeSandbox(
    const std::string& bundle, const std::string& network_namespace, const Annotations& annotations,
    const std::optional<google::protobuf::Any>& options) {
  CC_ASSIGN_OR_RETURN(std::optional<PodInitData> init_data, InitDataOf(annotations));
  CC_ASSIGN_OR_RETURN(Config config, LoadConfig(options, options_.config_environment));
  CC_RETURN_IF_ERROR(ApplyAnnotations(annotations, &config));
  auto sandbox = std::make_shared<Sandbox>(SandboxOptions{.id = options_.daemon.id,
                                                          .namespace_name = options_.daemon.namespace_name,
                                                          .bundle = bundle,
                                                          .network_namespace = network_namespace,
                                                          .config = std::move(config),
                                                          .init_data = std::move(init_data),
                                                          .backends = options_.backends,
                                                          .shim_started = options_.started});
  sandbox->OnOom([events = options_.events](const std::string& container_id) {
    containerd::events::TaskOOM event;
    event.set_container_id(container_id);
    events->Publish("/tasks/oom", "TaskOOM", event);
  });
  return sandbox;
}

absl::StatusOr<std::shared_ptr<Sandbox>> Pod::GetSandbox(const CreateTaskRequest& request,
                                                         const Grouping& grouping,
                                                         const std::string& network_namespace,
                                                         const Annotations& annotations) {
  // Clients of the Sandbox API other than CRI do not say to which sandbox a container belongs.
  const bool member = grouping.kind == ContainerKind::kMember;
  if (member && grouping.sandbox_id != options_.daemon.id) {
    return absl::InvalidArgumentError(StrCat("container ", request.id(), " is of sandbox ",
                                             grouping.sandbox_id, ", this shim serves ", options_.daemon.id));
  }
  {
    const std::lock_guard lock(mutex_);
    if (sandbox_ != nullptr) return sandbox_;
  }
  // Its annotations and its network are not the pod's: a VM is never made of them.
  if (member) {
    return absl::FailedPreconditionError(
        StrCat("create container ", request.id(), ": its sandbox ", grouping.sandbox_id, " does not run"));
  }
  std::optional<google::protobuf::Any> options = options_.daemon.options;
  if (request.has_options() && !request.options().type_url().empty()) options = request.options();
  CC_ASSIGN_OR_RETURN(std::shared_ptr<Sandbox> sandbox,
                      MakeSandbox(request.bundle(), network_namespace, annotations, options));
  const std::lock_guard lock(mutex_);
  if (sandbox_ == nullptr) sandbox_ = std::move(sandbox);
  return sandbox_;
}

absl::Status Pod::DoCreate(Creation& creation) {
  const CreateTaskRequest& request = creation.request;
  CC_ASSIGN_OR_RETURN(const std::string text, ReadSpecText(request.bundle()));
  CC_ASSIGN_OR_RETURN(grpc::Spec spec, ParseSpec(text));
  Annotations annotations(spec.annotations().begin(), spec.annotations().end());
  const Grouping grouping = GroupingOf(request.id(), annotations);
  if (grouping.kind == ContainerKind::kSingle) SetPodLimits(spec.linux().resources(), &annotations);
  CC_ASSIGN_OR_RETURN(const std::string network_namespace, NetworkNamespaceOf(spec, grouping.kind));
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Sandbox> sandbox,
                      GetSandbox(request, grouping, network_namespace, annotations));
  CC_ASSIGN_OR_RETURN(
      const std::shared_ptr<Container> container,
      Container::Make(
          {.sandbox = sandbox, .events = options_.events, .namespace_name = options_.daemon.namespace_name},
          request, grouping));

  // The look-up and the VM's boot do not need each other.
  absl::StatusOr<std::string> image = absl::UnknownError("not looked up");
  CC_ASSIGN_OR_RETURN(Thread look_up,
                      Thread::Start("image-name", [&] { image = LookUpImage(creation, annotations); }));
  PodIdentity identity{.hostname = spec.hostname(), .dns = ResolverLines(spec)};
  {
    const std::lock_guard lock(mutex_);
    if (settings_.has_value()) {
      identity = settings_->identity;
      MountPodFiles(settings_->bundle, &spec);
      for (const auto& [key, value] : settings_->sysctls)
        (*spec.mutable_linux()->mutable_sysctl())[key] = value;
    }
  }
  const absl::Status booted = sandbox->Boot(identity);
  look_up.Join();
  CC_RETURN_IF_ERROR(booted);
  CC_RETURN_IF_ERROR(image.status());
  CC_RETURN_IF_ERROR(sandbox->egress_rules().AllowImage(*image));

  CC_ASSIGN_OR_RETURN(const GuestContainer guest,
                      MakeGuestContainer(std::move(spec), {.id = request.id(),
                                                           .bundle = request.bundle(),
                                                           .image = *image,
                                                           .grouping = grouping,
                                                           .copy_tag = RandomTag()}));
  for (const std::string& dropped : guest.dropped) {
    log::Info("not given to the guest", {{"container", request.id()}, {"what", dropped}});
  }
  CC_RETURN_IF_ERROR(creation.EnterGuest(container));
  log::Info("creating container", {{"container", request.id()}, {"image", *image}});
  const auto begin = std::chrono::steady_clock::now();
  CC_RETURN_IF_ERROR(container->CreateInGuest(guest));
  const auto now = std::chrono::steady_clock::now();
  const auto milliseconds = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  log::Info("container created", {{"container", request.id()},
                                  {"took", milliseconds(now - begin)},
                                  {"ms", milliseconds(now - options_.started)}});
  return absl::OkStatus();
}

absl::StatusOr<std::string> Pod::LookUpImage(const Creation& creation, const Annotations& annotations) const {
  const Grouping grouping = GroupingOf(creation.request.id(), annotations);
  return ImageName(creation.request.rootfs(), annotations, grouping.kind, [&] {
    return ImageOfRecord(options_.daemon.grpc_address, options_.daemon.namespace_name, creation.request.id());
  });
}

}  // namespace cc::shim
