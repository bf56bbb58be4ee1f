// SPDX-License-Identifier: Apache-2.0
#include "agent/run/release.h"

#include <signal.h>

#include "agent/oci/id.h"
#include "agent/run/bundle.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

void Keep(absl::Status* first, const absl::Status& status) {
  if (first->ok()) *first = status;
}

// For a container that does not want to go while the sandbox ends.
constexpr std::chrono::seconds kLastTimeout{10};

absl::Status End(Sandbox& sandbox, const ttrpc::CallContext& call, Container& container,
                 std::optional<std::chrono::seconds> timeout) {
  CC_RETURN_IF_ERROR(sandbox.CgroupOf(container).Kill());
  CC_ASSIGN_OR_RETURN(const std::shared_ptr<Process> init, container.Init());
  init->Signal(SIGKILL).IgnoreError();
  CC_RETURN_IF_ERROR(init->Wait(call, timeout).status());
  return Release(sandbox, container);
}

}  // namespace

absl::Status Release(Sandbox& sandbox, Container& container) {
  absl::Status first;
  sandbox.oom().Remove(container.id());
  Keep(&first, sandbox.CgroupOf(container).Kill());
  if (container.resources().known_to_crun) Keep(&first, sandbox.crun().Delete(container.id()));
  container.resources().binds.reset();
  Keep(&first, RemoveBundle(container.bundle()));
  for (const std::string& mount_point : container.resources().volumes) sandbox.volumes().Release(mount_point);
  container.resources().volumes.clear();
  Keep(&first, sandbox.copies().RemoveOf(container.id()));
  return first;
}

absl::Status RemoveContainer(Sandbox& sandbox, const ttrpc::CallContext& call, const std::string& id,
                             std::optional<std::chrono::seconds> timeout) {
  absl::StatusOr<std::shared_ptr<Container>> found = sandbox.Find(id);
  if (!found.ok()) {
    // Files may have been copied for a container that never came.
    if (CheckId(id).ok()) sandbox.copies().RemoveOf(id).IgnoreError();
    return found.status();
  }
  const std::shared_ptr<Container> container = *std::move(found);
  if (container->creating()) {
    container->cancel()->Set();
    container->AwaitCreation();
  }
  if (absl::Status begun = container->BeginRemoval(); !begun.ok()) {
    // Its creation was ended above and has undone itself.
    return absl::IsNotFound(begun) ? absl::OkStatus() : begun;
  }
  const absl::Status status = End(sandbox, call, *container, timeout);
  if (!status.ok()) {
    // It stays known, so that the host can try again.
    container->AbandonRemoval();
    return Annotate(status, StrCat("remove container ", id));
  }
  sandbox.Erase(id);
  log::Info("container removed", {{"container", id}});
  return absl::OkStatus();
}

void RemoveAll(Sandbox& sandbox, const ttrpc::CallContext& call) {
  for (const std::shared_ptr<Container>& container : sandbox.Containers()) {
    const absl::Status status = RemoveContainer(sandbox, call, container->id(), kLastTimeout);
    if (!status.ok()) log::Warning("end of the sandbox", {{"error", status}});
  }
}

}  // namespace cc::agent
