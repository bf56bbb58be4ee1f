// SPDX-License-Identifier: Apache-2.0
// For tests: a PostgreSQL server of their own from Debian's programs, run by an unprivileged user in a
// temporary directory and reached by unix socket only.
#ifndef CC_TRUSTEE_STORE_TEST_POSTGRES_H_
#define CC_TRUSTEE_STORE_TEST_POSTGRES_H_

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace cc::trustee {

class TestPostgres {
 public:
  TestPostgres() { Must({"cp", "-a", Template(), data()}); }
  ~TestPostgres() { Kill(); }

  // Serves when it returns.
  void Start() {
    using std::chrono::steady_clock;
    const auto deadline = steady_clock::now() + std::chrono::seconds(60);
    while (steady_clock::now() < deadline) {
      // Just after a SIGKILL it may find the memory of the last server in use, and end.
      if (!server_.running() || server_.Wait(std::chrono::milliseconds(0)).ok()) {
        auto started = Spawn(
            {.argv = AsUser({Program("postgres"), "-D", data(), "-k", dir_.path(), "-c",
                             "listen_addresses=", "-c", "max_connections=40", "-c", "shared_buffers=8MB"}),
             .cwd = "/"});
        ASSERT_TRUE(started.ok()) << started.status();
        server_ = *std::move(started);
      }
      if (PQping(address().c_str()) == PQPING_OK) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "PostgreSQL does not start in " << dir_.path();
  }

  // As a machine that loses power: nobody is told anything, and nothing of it answers any more. The processes
  // that serve connections would live on for a moment after their parent.
  void Kill() {
    if (!server_.running()) return;
    const std::vector<UniqueFd> serving = Children();
    EXPECT_TRUE(server_.Kill(SIGKILL).ok());
    EXPECT_TRUE(server_.Wait().ok());
    for (const UniqueFd& process : serving) {
      ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
      pollfd gone{process.get(), POLLIN, 0};
      EXPECT_EQ(::poll(&gone, 1, 60000), 1);
    }
  }

  std::string address() const { return StrCat("host=", dir_.path(), " user=trustee dbname=postgres"); }

 private:
  static constexpr unsigned kNobody = 65534;

  // For whom the server runs: it refuses to run as root.
  static TempDir MakeDir() {
    TempDir dir = *TempDir::Create("/tmp/cc-pg-");
    EXPECT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown(dir.path().c_str(), kNobody, kNobody), 0);
    }
    return dir;
  }
  // An empty cluster, made once: copying is faster.
  static std::string Template() {
    static const TempDir dir = [] {
      TempDir made = MakeDir();
      Must({Program("initdb"), "-D", made.path() + "/data", "-U", "trustee", "-A", "trust", "--no-sync",
            "--locale=C", "-E", "UTF8"});
      return made;
    }();
    return dir.path() + "/data";
  }
  static void Must(const std::vector<std::string>& command) {
    const auto done = Run({.argv = AsUser(command), .cwd = "/"});
    EXPECT_TRUE(done.ok() && done->exit.Status() == 0)
        << command[0] << ": " << (done.ok() ? done->err : done.status().ToString());
  }
  // Handles of the server's own processes.
  std::vector<UniqueFd> Children() const {
    const std::string pid = std::to_string(server_.pid());
    const auto text = ReadFile(StrCat("/proc/", pid, "/task/", pid, "/children"));
    EXPECT_TRUE(text.ok()) << text.status();
    std::vector<UniqueFd> children;
    for (const std::string_view word : StrSplit(text.value_or(""), ' ')) {
      uint32_t child = 0;
      if (!ParseNumber(word, &child)) continue;
      UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
      if (handle) children.push_back(std::move(handle));
    }
    return children;
  }
  std::string data() const { return dir_.path() + "/data"; }
  static std::string Program(const std::string& name) {
    for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql")) {
      const std::string path = StrCat(version.path().string(), "/bin/", name);
      if (::access(path.c_str(), X_OK) == 0) return path;
    }
    ADD_FAILURE() << "install Debian's package postgresql";
    return name;
  }
  static std::vector<std::string> AsUser(std::vector<std::string> command) {
    if (::geteuid() != 0) return command;
    const std::string id = std::to_string(kNobody);
    std::vector<std::string> argv = {"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"};
    argv.insert(argv.end(), command.begin(), command.end());
    return argv;
  }

  TempDir dir_ = MakeDir();
  Child server_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_TEST_POSTGRES_H_
