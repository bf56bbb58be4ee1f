// SPDX-License-Identifier: Apache-2.0
// For tests: Debian's docker-registry on loopback. Skip the test where DockerRegistry::Installed() is false.
#ifndef CC_IMAGE_TEST_DOCKER_REGISTRY_H_
#define CC_IMAGE_TEST_DOCKER_REGISTRY_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"

namespace cc::image::testing {

// Debian's registry in a directory of its own.
class DockerRegistry {
 public:
  static bool Installed() { return ::access("/usr/bin/docker-registry", X_OK) == 0; }

  explicit DockerRegistry(const std::string& dir) {
    const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size);
    host_ = StrCat("127.0.0.1:", ntohs(address.sin_port));
    EXPECT_TRUE(WriteFileAtomic(
                    dir + "/registry.yml",
                    StrCat("version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: ", dir,
                           "/data}\nhttp:\n  addr: ", host_, "\n"))
                    .ok());
  }
  // Starts it and waits for the line that says it listens.
  absl::Status Start(const std::string& dir) {
    std::array<int, 2> pipe;
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return absl::InternalError("pipe");
    reader_ = UniqueFd(pipe[0]);
    UniqueFd writer(pipe[1]);
    auto child = Spawn({.argv = {"docker-registry", "serve", dir + "/registry.yml"},
                        .fds = {{writer.get(), 1}, {writer.get(), 2}},
                        .parent_death_signal = SIGKILL});
    if (!child.ok()) return child.status();
    child_ = std::move(child).value();
    writer.reset();
    std::string log;
    std::array<char, 4096> buffer;
    while (log.find("listening on") == std::string::npos) {
      const auto n = ReadSome(reader_.get(), buffer);
      if (!n.ok() || *n == 0) return absl::UnavailableError(log);
      log.append(buffer.data(), *n);
    }
    // Further lines are read until the process has ended, so that it never waits or dies for its log.
    drain_ = std::jthread([this] {
      std::array<char, 4096> ignored;
      while (ReadSome(reader_.get(), ignored).value_or(0) > 0) continue;
    });
    return absl::OkStatus();
  }
  const std::string& host() const { return host_; }

 private:
  std::string host_;
  UniqueFd reader_;
  std::jthread drain_;
  Child child_;  // ends first
};

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_DOCKER_REGISTRY_H_
