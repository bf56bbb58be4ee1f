// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/jail/jail.h"

#include <malloc.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::vmm::kvm::jail {
namespace {

// libc opens files at the first use of these.
void PrepareLibc() {
  ::tzset();                  // the log's times
  ::mallopt(M_ARENA_MAX, 1);  // a second arena asks for the number of processors
  uint8_t byte;
  [[maybe_unused]] const ssize_t n = ::getrandom(&byte, 1, 0);  // state of the vDSO's, since glibc 2.41
}

}  // namespace

absl::StatusOr<Jail> Jail::Close(const Limits& limits, Network network, Allowed allowed) {
  PrepareLibc();
  Jail jail;
  for (int kind = 0; kind < kThreadKinds; ++kind) {
    CC_ASSIGN_OR_RETURN(jail.programs_[static_cast<size_t>(kind)],
                        Compile(Rules(), static_cast<ThreadKind>(kind), allowed));
  }
  CC_ASSIGN_OR_RETURN(const std::vector<std::string> missing, EnterNamespaces(network));
  CC_RETURN_IF_ERROR(EnterEmptyRoot());
  CC_RETURN_IF_ERROR(SetLimits(limits));
  CC_RETURN_IF_ERROR(DropPrivileges());
  if (!missing.empty()) log::Warning("jail is weaker", {{"why", StrJoin(missing, ", ")}});
  CC_RETURN_IF_ERROR(Install(jail.programs_[static_cast<size_t>(ThreadKind::kBuilder)]));
  return jail;
}

void Jail::Enter(ThreadKind kind) const {
  const absl::Status status = Install(programs_[static_cast<size_t>(kind)]);
  if (status.ok()) return;
  log::Error("a thread is not confined", {{"error", status}});
  ::_exit(1);
}

}  // namespace cc::vmm::kvm::jail
