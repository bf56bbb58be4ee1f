// SPDX-License-Identifier: Apache-2.0
#include "agent/run/crun.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "agent/run/console.h"
#include "base/file.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::agent {
namespace {

constexpr size_t kMaxLog = 64 * 1024;

// Removes a file when the scope ends.
class ScopedFile {
 public:
  explicit ScopedFile(std::string path) : path_(std::move(path)) {}
  ~ScopedFile() { ::unlink(path_.c_str()); }
  ScopedFile(const ScopedFile&) = delete;
  ScopedFile& operator=(const ScopedFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

absl::Status Judge(const ExitState& exit, std::string_view command, const std::string& log) {
  if (exit.Status() == 0) return absl::OkStatus();
  absl::StatusOr<std::string> text = ReadFile(log, kMaxLog);
  const std::string error = text.ok() ? LastCrunError(*text) : std::string();
  return absl::FailedPreconditionError(
      error.empty() ? StrCat("crun ", command, " ended with status ", exit.Status()) : error);
}

absl::StatusOr<pid_t> ReadPid(const std::string& path) {
  CC_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 64));
  uint32_t pid = 0;
  if (!ParseNumber(StrTrim(text), &pid) || pid == 0) return absl::InternalError("crun wrote no pid");
  return static_cast<pid_t>(pid);
}

}  // namespace

std::string LastCrunError(std::string_view log) {
  std::string error;
  for (std::string_view line : StrSplit(log, '\n')) {
    const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    const auto message = entry.find("msg");
    if (message != entry.end() && message->is_string()) error = message->get<std::string>();
  }
  return error;
}

absl::StatusOr<std::unique_ptr<Crun>> Crun::Create(std::string program, std::string work_dir) {
  std::error_code error;
  std::filesystem::create_directories(work_dir + "/crun", error);
  if (error) return ErrnoStatus(error.value(), StrCat("create ", work_dir));
  return std::unique_ptr<Crun>(new Crun(std::move(program), std::move(work_dir)));
}

std::string Crun::NextFile(std::string_view suffix) {
  return StrCat(work_dir_, "/", next_file_++, ".", suffix);
}

std::vector<std::string> Crun::Command(const std::string& log) const {
  return {program_, StrCat("--root=", work_dir_, "/crun"), "--cgroup-manager=cgroupfs", "--log-format=json",
          StrCat("--log=", log)};
}

absl::Status Crun::Simple(const std::vector<std::string>& arguments) {
  const ScopedFile log(NextFile("log"));
  SpawnOptions options{.argv = Command(log.path()), .env = {}, .fds = {}, .cwd = {}};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  CC_ASSIGN_OR_RETURN(Child child, Spawn(options));
  CC_ASSIGN_OR_RETURN(const ExitState exit, child.Wait());
  return Judge(exit, arguments.front(), log.path());
}

absl::Status Crun::Update(const std::string& id, std::string_view resources) {
  const ScopedFile file(NextFile("resources"));
  CC_RETURN_IF_ERROR(WriteFileAtomic(file.path(), resources, 0600));
  return Simple({"update", StrCat("--resources=", file.path()), id});
}

absl::StatusOr<StartedProcess> Crun::CreateContainer(const std::string& id, const std::string& bundle,
                                                     bool terminal) {
  return Launch({"create", StrCat("--bundle=", bundle)}, {id}, terminal);
}

absl::StatusOr<StartedProcess> Crun::Exec(const std::string& id, std::string_view process, bool terminal) {
  const ScopedFile file(NextFile("process"));
  CC_RETURN_IF_ERROR(WriteFileAtomic(file.path(), process, 0600));
  return Launch({"exec", "--detach", StrCat("--process=", file.path())}, {id}, terminal);
}

absl::StatusOr<StartedProcess> Crun::Launch(const std::vector<std::string>& command,
                                            const std::vector<std::string>& target, bool terminal) {
  const ScopedFile log(NextFile("log"));
  const ScopedFile pid_file(NextFile("pid"));
  SpawnOptions options{.argv = Command(log.path()), .env = {}, .fds = {}, .cwd = {}};
  options.argv.insert(options.argv.end(), command.begin(), command.end());
  options.argv.push_back(StrCat("--pid-file=", pid_file.path()));

  std::optional<ConsoleSocket> console;
  std::shared_ptr<Streams> streams;
  Streams::ChildEnds ends;
  if (terminal) {
    CC_ASSIGN_OR_RETURN(ConsoleSocket socket, ConsoleSocket::Create(NextFile("tty")));
    console.emplace(std::move(socket));
    options.argv.push_back(StrCat("--console-socket=", console->path()));
  } else {
    CC_ASSIGN_OR_RETURN(streams, Streams::Pipes(&ends));
    options.fds = {{ends.in.get(), 0}, {ends.out.get(), 1}, {ends.err.get(), 2}};
  }
  options.argv.insert(options.argv.end(), target.begin(), target.end());

  CC_ASSIGN_OR_RETURN(Child child, Spawn(options));
  ends = {};
  CC_ASSIGN_OR_RETURN(const ExitState exit, child.Wait());
  CC_RETURN_IF_ERROR(Judge(exit, command.front(), log.path()));
  CC_ASSIGN_OR_RETURN(const pid_t pid, ReadPid(pid_file.path()));
  if (console.has_value()) {
    absl::StatusOr<UniqueFd> master = console->Receive();
    if (!master.ok()) {
      // Nobody would know of the process.
      ::kill(pid, SIGKILL);
      return master.status();
    }
    CC_ASSIGN_OR_RETURN(streams, Streams::Terminal(*std::move(master)));
  }
  return StartedProcess{pid, std::move(streams)};
}

}  // namespace cc::agent
