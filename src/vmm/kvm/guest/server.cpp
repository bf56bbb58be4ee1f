// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/guest/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "vmm/kvm/machine/guest_file.h"

namespace cc::vmm::kvm {
namespace {

using nlohmann::json;

absl::StatusOr<Seed> RandomSeed() {
  Seed seed;
  if (::getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size())) {
    return ErrnoStatus(errno, "get random bytes");
  }
  return seed;
}

absl::StatusOr<Machine> Describe(const Launch& launch) {
  const UniqueFd kernel(launch.kernel_fd), initramfs(launch.initramfs_fd);
  GuestFiles files;
  CC_ASSIGN_OR_RETURN(files.kernel, MapGuestFile(kernel.get(), launch.spec.kernel));
  CC_ASSIGN_OR_RETURN(files.initramfs, MapGuestFile(initramfs.get(), launch.spec.initramfs));
  std::optional<Seed> seed;
  if (launch.spec.tee == Tee::kNone) {
    CC_ASSIGN_OR_RETURN(seed, RandomSeed());
  }
  return DescribeMachine(launch.spec, std::move(files), {}, seed);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(Options options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  server->ended_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!server->ended_event_) return ErrnoStatus(errno, "create an eventfd");
  // A console that nobody reads must not hold up the devices.
  const int console = server->options_.console.get();
  if (console >= 0) ::fcntl(console, F_SETFL, ::fcntl(console, F_GETFL) | O_NONBLOCK);
  return server;
}

absl::Status Server::Run() {
  while (true) {
    std::array<pollfd, 2> waits = {pollfd{.fd = options_.control.get(), .events = POLLIN},
                                   pollfd{.fd = ended_event_.get(), .events = POLLIN}};
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "wait for the shim");
    }
    if (waits[1].revents != 0) {
      // What the guest printed last comes before the word of its end: the devices' thread ends here.
      guest_.reset();
      return SendMessage(options_.control.get(), {{"ended", ending_}});
    }
    CC_ASSIGN_OR_RETURN(const bool connected, HandleMessages());
    if (!connected) return absl::OkStatus();
  }
}

absl::StatusOr<bool> Server::HandleMessages() {
  while (true) {
    absl::StatusOr<std::optional<json>> message = reader_.Next(options_.control.get(), false);
    if (absl::IsUnavailable(message.status())) return false;
    CC_RETURN_IF_ERROR(message.status());
    if (!message->has_value()) return true;
    const json reply = Reply(NumberOf(**message, "id"), Handle(**message));
    if (!SendMessage(options_.control.get(), reply).ok()) return false;
  }
}

absl::Status Server::Handle(const json& message) {
  const std::string verb = TextOf(message, "verb");
  if (verb == "create") {
    if (guest_ != nullptr || !options_.confine) return absl::FailedPreconditionError("there is a VM already");
    const auto launch = message.find("launch");
    return CreateGuest(launch != message.end() ? *launch : json());
  }
  if (guest_ == nullptr) return absl::FailedPreconditionError(StrCat(verb, ": there is no VM"));
  if (verb == "start") {
    if (std::exchange(running_, true)) return absl::FailedPreconditionError("the VM was started before");
    CC_RETURN_IF_ERROR(guest_->Start());
    options_.enter(jail::ThreadKind::kMain);
    return absl::OkStatus();
  }
  if (!running_) return absl::FailedPreconditionError(StrCat(verb, ": the VM has not been started"));
  if (verb == "pause") {
    guest_->Pause();
    return absl::OkStatus();
  }
  if (verb == "resume") {
    guest_->Resume();
    return absl::OkStatus();
  }
  return absl::UnimplementedError(StrCat("cc-vmm knows no ", verb));
}

absl::Status Server::CreateGuest(const json& description) {
  CC_ASSIGN_OR_RETURN(const Launch launch, LaunchFromJson(description));
  std::vector<UniqueFd> taps, disks;
  for (const Nic& nic : launch.spec.nics) taps.emplace_back(nic.tap_fd);
  for (const int fd : launch.disk_fds) disks.emplace_back(fd);
  CC_RETURN_IF_ERROR(std::exchange(options_.confine, nullptr)(launch));
  CC_ASSIGN_OR_RETURN(const Machine machine, Describe(launch));
  CC_ASSIGN_OR_RETURN(guest_, Guest::Build(launch.spec, machine,
                                           {.kvm = options_.kvm,
                                            .kvm_device = options_.kvm_device.get(),
                                            .vsock_path = kVsockName,
                                            .console = std::move(options_.console),
                                            .taps = std::move(taps),
                                            .disks = std::move(disks),
                                            .on_end =
                                                [this](std::string why) {
                                                  ending_ = std::move(why);
                                                  ::eventfd_write(ended_event_.get(), 1);
                                                },
                                            .enter = options_.enter}));
  return absl::OkStatus();
}

}  // namespace cc::vmm::kvm
