// SPDX-License-Identifier: Apache-2.0
// For tests: a PostgreSQL server of their own from Debian's programs, run by an unprivileged user in a
// temporary directory and reached by unix socket only.
#ifndef CC_TRUSTEE_STORE_TEST_POSTGRES_H_
#define CC_TRUSTEE_STORE_TEST_POSTGRES_H_

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"

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

  // As a machine that loses power: nobody is told anything.
  void Kill() {
    if (!server_.running()) return;
    EXPECT_TRUE(server_.Kill(SIGKILL).ok());
    EXPECT_TRUE(server_.Wait().ok());
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
