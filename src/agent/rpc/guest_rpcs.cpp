// SPDX-License-Identifier: Apache-2.0
// The guest as a machine: details, processors, time, randomness.
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "agent/rpc/services.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "kata/agent.pb.h"

namespace cc::agent {
namespace {

using ttrpc::CallContext;

constexpr size_t kMaxSysfs = 4096;
constexpr size_t kMaxSeed = 4096;

absl::Status GetGuestDetails(const Sandbox& sandbox, const grpc::GuestDetailsRequest& in,
                             grpc::GuestDetailsResponse& out) {
  if (in.mem_block_size()) {
    // A kernel without memory hot-plug has no such file; 0 says so.
    absl::StatusOr<std::string> text = ReadFile("/sys/devices/system/memory/block_size_bytes", kMaxSysfs);
    uint64_t size = 0;
    if (text.ok() && ParseNumber(StrTrim(*text), &size, 16)) out.set_mem_block_size_bytes(size);
  }
  if (in.mem_hotplug_probe()) {
    out.set_support_mem_hotplug_probe(::access("/sys/devices/system/memory/probe", F_OK) == 0);
  }
  grpc::AgentDetails* details = out.mutable_agent_details();
  details->set_version(CC_VERSION);
  details->set_init_daemon(sandbox.config().init);
  for (std::string_view driver :
       {std::string_view("ephemeral"), std::string_view("local"), agent_proto::kGuestPullDriver}) {
    details->add_storage_handlers(std::string(driver));
  }
  details->set_supports_seccomp(true);
  return absl::OkStatus();
}

// Writes "1" to <directory>/<prefix>*/online where it says 0.
absl::Status Online(const std::string& directory, std::string_view prefix, uint32_t limit) {
  std::error_code error;
  uint32_t done = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (limit != 0 && done >= limit) break;
    if (entry.path().filename().string().compare(0, prefix.size(), prefix) != 0) continue;
    const std::string file = entry.path().string() + "/online";
    absl::StatusOr<std::string> state = ReadFile(file, kMaxSysfs);
    if (!state.ok() || StrTrim(*state) != "0") continue;
    CC_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(file, O_WRONLY));
    CC_RETURN_IF_ERROR(Annotate(WriteFull(fd.get(), "1"), StrCat("bring ", file, " online")));
    ++done;
  }
  return absl::OkStatus();
}

absl::Status OnlineCpuMem(const grpc::OnlineCPUMemRequest& in) {
  CC_RETURN_IF_ERROR(Online("/sys/devices/system/cpu", "cpu", in.nb_cpus()));
  if (in.cpu_only()) return absl::OkStatus();
  return Online("/sys/devices/system/memory", "memory", 0);
}

// The host's bytes are mixed in and counted as no entropy at all.
absl::Status ReseedRandom(const grpc::ReseedRandomDevRequest& in) {
  if (in.data().empty() || in.data().size() > kMaxSeed) {
    return absl::InvalidArgumentError("seed must have 1 to 4096 bytes");
  }
  CC_ASSIGN_OR_RETURN(UniqueFd device, OpenFile("/dev/random", O_RDWR));
  CC_RETURN_IF_ERROR(WriteFull(device.get(), in.data()));
  if (::ioctl(device.get(), RNDRESEEDCRNG) != 0) return ErrnoStatus(errno, "reseed the random generator");
  return absl::OkStatus();
}

absl::Status SetDateTime(const grpc::SetGuestDateTimeRequest& in) {
  if (in.sec() < 0 || in.usec() < 0 || in.usec() >= 1000000) {
    return absl::InvalidArgumentError("no valid time of day");
  }
  const timeval time{.tv_sec = in.sec(), .tv_usec = in.usec()};
  if (::settimeofday(&time, nullptr) != 0) return ErrnoStatus(errno, "set the clock");
  log::Info("clock set by the host", {{"seconds", in.sec()}});
  return absl::OkStatus();
}

}  // namespace

void RegisterGuest(ttrpc::Server* server, Sandbox* sandbox) {
  server->Handle<grpc::GuestDetailsRequest, grpc::GuestDetailsResponse>(
      agent_proto::kAgentService, "GetGuestDetails",
      [sandbox](const CallContext&, const auto& in, auto& out) {
        return GetGuestDetails(*sandbox, in, out);
      });
  HandleEmpty<grpc::OnlineCPUMemRequest>(server, "OnlineCPUMem",
                                         [](const CallContext&, const auto& in) { return OnlineCpuMem(in); });
  HandleEmpty<grpc::ReseedRandomDevRequest>(
      server, "ReseedRandomDev", [](const CallContext&, const auto& in) { return ReseedRandom(in); });
  HandleEmpty<grpc::SetGuestDateTimeRequest>(
      server, "SetGuestDateTime", [](const CallContext&, const auto& in) { return SetDateTime(in); });
}

}  // namespace cc::agent
