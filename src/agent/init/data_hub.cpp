// SPDX-License-Identifier: Apache-2.0
#include "agent/init/data_hub.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent_proto/data_hub_end.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc::agent {
namespace {

constexpr int kMaxStarts = 5;
constexpr int kVerdictFd = 3;

}  // namespace

absl::Status DataHub::Launch(int verdict) {
  ++starts_;
  // Its log goes to the console, beside the agent's.
  SpawnOptions options{.argv = {program_}, .env = {}, .fds = {{2, 1}, {2, 2}}, .cwd = {}};
  options.argv.insert(options.argv.end(), arguments_.begin(), arguments_.end());
  if (verdict >= 0) {
    options.argv.push_back(StrCat(initdata::kVerdictOption, "=", kVerdictFd));
    options.fds.emplace_back(verdict, kVerdictFd);
  }
  CC_ASSIGN_OR_RETURN(Child child, Spawn(options));
  reaper_->WatchPid(child.Release(), [this](int status) { Ended(status); });
  return absl::OkStatus();
}

void DataHub::Start() {
  if (const absl::Status status = Launch(-1); !status.ok()) {
    GiveUp(std::string(MessageOf(status)));
  }
}

absl::StatusOr<initdata::Binding> DataHub::StartForVerdict() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe for the data hub's verdict");
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  if (absl::Status status = Launch(write.get()); !status.ok()) {
    return Annotate(status, "initdata: nobody can say whether the hardware vouches for it");
  }
  write.reset();  // its end is the data hub's then
  return initdata::ReadVerdict(read.get());
}

void DataHub::Ended(int status) {
  log::Warning("the data hub has ended", {{"status", status}});
  if (starts_ < kMaxStarts) return Start();
  GiveUp(StrCat(program_, " keeps ending"));
}

void DataHub::GiveUp(const std::string& reason) const {
  log::Error("no data hub: images cannot be pulled", {{"error", reason}});
  constexpr size_t kMaxWords = 4096;
  const absl::StatusOr<std::string> words =
      ReadFile(StrCat(socket_, agent_proto::kDataHubErrorSuffix), kMaxWords);
  const absl::Status status = WriteFileAtomic(StrCat(socket_, agent_proto::kDataHubFailedSuffix),
                                              words.ok() ? StrCat(reason, ": ", *words) : reason, 0600);
  if (!status.ok()) log::Error("those who wait for the data hub are not told", {{"error", status}});
}

}  // namespace cc::agent
