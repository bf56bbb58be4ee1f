// SPDX-License-Identifier: Apache-2.0
#include "pod_net/net_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/thread.h"
#include "net/link.h"
#include "net/netlink.h"

namespace cc::pod_net {
namespace {

absl::StatusOr<std::string> IdentityOf(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return ErrnoStatus(errno, "look at a network namespace");
  return StrCat(st.st_dev, ":", st.st_ino);
}

// The thread stays in it.
absl::StatusOr<UniqueFd> MakeOnThisThread() {
  if (::unshare(CLONE_NEWNET) != 0) return ErrnoStatus(errno, "unshare");
  CC_ASSIGN_OR_RETURN(net::Netlink netlink, net::Netlink::Open());
  constexpr int kLoopback = 1;  // LOOPBACK_IFINDEX of include/net/flow.h in Linux
  CC_RETURN_IF_ERROR(Annotate(net::SetLinkUp(netlink, kLoopback, true), "bring loopback up"));
  return OpenFile("/proc/thread-self/ns/net", O_RDONLY);
}

}  // namespace

absl::StatusOr<NetNamespace> NetNamespace::Open(const std::string& path) {
  const std::string what = StrCat("network namespace ", path);
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_RDONLY);
  if (!fd.ok()) return Annotate(fd.status(), what);
  if (::ioctl(fd->get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return absl::InvalidArgumentError(StrCat(what, ": this is no network namespace"));
  }
  CC_ASSIGN_OR_RETURN(std::string identity, IdentityOf(fd->get()));
  CC_ASSIGN_OR_RETURN(const UniqueFd own, OpenFile("/proc/self/ns/net", O_RDONLY));
  CC_ASSIGN_OR_RETURN(const std::string own_identity, IdentityOf(own.get()));
  if (identity == own_identity) {
    return absl::FailedPreconditionError(
        StrCat(what,
               ": this is the host's own network, which a virtual machine cannot be given; use a pod "
               "network (hostNetwork: false)"));
  }
  return NetNamespace(std::move(*fd), std::move(identity));
}

absl::StatusOr<NetNamespace> NetNamespace::Make() {
  absl::StatusOr<UniqueFd> made = absl::UnknownError("not made");
  CC_ASSIGN_OR_RETURN(Thread inside, Thread::Start("netns", [&made] { made = MakeOnThisThread(); }));
  inside.Join();
  if (!made.ok()) return Annotate(made.status(), "make a network namespace for the pod");
  CC_ASSIGN_OR_RETURN(std::string identity, IdentityOf(made->get()));
  return NetNamespace(std::move(*made), std::move(identity));
}

absl::Status NetNamespace::Run(absl::AnyInvocable<absl::Status()> body) const {
  absl::Status status;
  CC_ASSIGN_OR_RETURN(Thread inside, Thread::Start("netns", [this, &status, &body] {
                        status = ::setns(fd_.get(), CLONE_NEWNET) == 0
                                     ? body()
                                     : ErrnoStatus(errno, "enter the pod's network namespace");
                      }));
  inside.Join();
  return status;
}

}  // namespace cc::pod_net
