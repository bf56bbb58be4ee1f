// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.h"

namespace cc {
namespace {

// Collects what was logged through a pipe.
class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> fds;
    ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK), 0);
    read_ = UniqueFd(fds[0]);
    write_ = UniqueFd(fds[1]);
  }
  void TearDown() override { log::Init({}); }

  std::string Logged() {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(read_.get(), buffer.data(), buffer.size());
    return n > 0 ? std::string(buffer.data(), static_cast<size_t>(n)) : "";
  }

  UniqueFd read_;
  UniqueFd write_;
};

TEST_F(LogTest, TextLineHasEventAndQuotedFields) {
  log::Init({.fd = write_.get(), .component = "shim"});
  log::Info("vm started", {{"sandbox", "a\"b\n"}, {"pid", 42}});
  const std::string line = Logged();
  EXPECT_NE(line.find("info shim vm started sandbox=\"a\\\"b\\n\" pid=42\n"), std::string::npos) << line;
}

TEST_F(LogTest, JsonLineIsOneObject) {
  log::Init({.format = log::Format::kJson, .fd = write_.get(), .component = "agent"});
  log::Error("pull failed", {{"image", "x"}, {"size", 7}});
  const std::string line = Logged();
  EXPECT_NE(line.find(R"("level":"error","component":"agent","event":"pull failed","image":"x","size":7})"),
            std::string::npos)
      << line;
}

TEST_F(LogTest, ControlBytesOfAPeerCannotForgeALine) {
  log::Init({.fd = write_.get()});
  log::Warning("odd", {{"name", "x\n2026-01-01 error forged\x1b[0m"}});
  const std::string line = Logged();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST_F(LogTest, LinesBelowTheLevelAreDropped) {
  log::Init({.level = log::Level::kWarning, .fd = write_.get()});
  log::Info("quiet");
  EXPECT_EQ(Logged(), "");
}

}  // namespace
}  // namespace cc
