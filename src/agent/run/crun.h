// SPDX-License-Identifier: Apache-2.0
// The OCI runtime `crun` (>= 1.8) as commands. Its own messages go to a log file per call, because stderr
// belongs to the container; a failure carries them. Thread-safe; each call blocks until crun has ended.
#ifndef CC_AGENT_RUN_CRUN_H_
#define CC_AGENT_RUN_CRUN_H_

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/run/streams.h"

namespace cc::agent {

struct StartedProcess {
  pid_t pid;
  std::shared_ptr<Streams> streams;
};

class Crun {
 public:
  // `work_dir` is private to this object; crun's state, logs, pid files and console sockets live there.
  static absl::StatusOr<std::unique_ptr<Crun>> Create(std::string program, std::string work_dir);

  // The container of `bundle`, stopped before its first instruction.
  absl::StatusOr<StartedProcess> CreateContainer(const std::string& id, const std::string& bundle,
                                                 bool terminal);
  // One more process; `process` is the JSON of a runtime-spec process.
  absl::StatusOr<StartedProcess> Exec(const std::string& id, std::string_view process, bool terminal);

  absl::Status Start(const std::string& id) { return Simple({"start", id}); }
  // Kills what is left and removes crun's state and the cgroup.
  absl::Status Delete(const std::string& id) { return Simple({"delete", "--force", id}); }
  // `resources` is the JSON of "linux.resources".
  absl::Status Update(const std::string& id, std::string_view resources);

 private:
  Crun(std::string program, std::string work_dir)
      : program_(std::move(program)), work_dir_(std::move(work_dir)) {}
  std::string NextFile(std::string_view suffix);
  std::vector<std::string> Command(const std::string& log) const;
  absl::Status Simple(const std::vector<std::string>& arguments);
  // `command` up to the options common to create and exec, `target` what follows them.
  absl::StatusOr<StartedProcess> Launch(const std::vector<std::string>& command,
                                        const std::vector<std::string>& target, bool terminal);

  const std::string program_;
  const std::string work_dir_;
  std::atomic<uint64_t> next_file_ = 0;
};

// The text of the last error in a log that crun wrote with --log-format=json.
std::string LastCrunError(std::string_view log);

}  // namespace cc::agent

#endif  // CC_AGENT_RUN_CRUN_H_
