// SPDX-License-Identifier: Apache-2.0
#include "vmm/vsock/host_socket.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"

namespace cc::vmm::vsock {
namespace {

TEST(ParseConnectTest, TakesExactlyTheLineOfTheProtocol) {
  const struct {
    const char* line;
    std::optional<uint32_t> want;
  } kCases[] = {
      {"CONNECT 1024", 1024},     {"connect 1", 1},       {"CONNECT 4294967295", UINT32_MAX},
      {"CONNECT 4294967296", {}}, {"CONNECT", {}},        {"CONNECT ", {}},
      {"CONNECT 10 24", {}},      {"CONNECT -1", {}},     {"CONNECT 1024 ", {}},
      {"Connect 1024", {}},       {"CONNECT 0x10", {}},   {"", {}},
      {" CONNECT 1", {}},         {"GET / HTTP/1.1", {}}, {"CONNECT 1\r", {}},
  };
  for (const auto& c : kCases) EXPECT_EQ(ParseConnect(c.line), c.want) << c.line;
}

class HostListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = *TempDir::Create("vsock-test");
    path_ = directory_->path() + "/v";
    loop_ = *EventLoop::Create();
    listener_ = *HostListener::Create(loop_.get(), path_, [this](UniqueFd socket, uint32_t port) {
      EXPECT_TRUE(SendFull(socket.get(), StrCat("port ", port)).ok());
      if (--expected_ == 0) loop_->Stop();
    });
  }
  std::string ReadAll(int fd) {
    std::string text;
    std::array<char, 64> buffer;
    for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    return text;
  }
  std::optional<TempDir> directory_;
  std::string path_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<HostListener> listener_;
  int expected_ = 1;
};

TEST_F(HostListenerTest, HandsAClientOverWithItsPort) {
  const UniqueFd client = *ConnectUnix(path_);
  std::thread thread([&] { loop_->Run(); });
  ASSERT_TRUE(SendFull(client.get(), "CONN").ok());
  ASSERT_TRUE(SendFull(client.get(), "ECT 77\n").ok());
  EXPECT_EQ(ReadAll(client.get()), "port 77");
  thread.join();
}

TEST_F(HostListenerTest, ClosesClientsThatDoNotSpeakTheProtocol) {
  std::thread thread([&] { loop_->Run(); });
  for (const char* line : {"HELLO\n", "CONNECT x\n", "CONNECT 1111111111111111111111111111111111"}) {
    const UniqueFd client = *ConnectUnix(path_);
    ASSERT_TRUE(SendFull(client.get(), line).ok());
    EXPECT_EQ(ReadAll(client.get()), "") << line;
  }
  loop_->Stop();
  thread.join();
}

TEST_F(HostListenerTest, ABurstOfClientsIsServedWholly) {
  constexpr int kClients = 60;  // the listener's backlog
  expected_ = kClients;
  std::vector<UniqueFd> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(*ConnectUnix(path_));
    ASSERT_TRUE(SendFull(clients.back().get(), "CONNECT 5\n").ok());
  }
  loop_->Run();
  for (const UniqueFd& client : clients) EXPECT_EQ(ReadAll(client.get()), "port 5");
}

TEST_F(HostListenerTest, TheOldestSilentClientMakesRoom) {
  expected_ = 1;
  std::thread thread([&] { loop_->Run(); });
  std::vector<UniqueFd> silent;
  for (size_t i = 0; i <= HostListener::kMaxWaiting; ++i) silent.push_back(*ConnectUnix(path_));
  EXPECT_EQ(ReadAll(silent.front().get()), "");
  ASSERT_TRUE(SendFull(silent.back().get(), "CONNECT 9\n").ok());
  EXPECT_EQ(ReadAll(silent.back().get()), "port 9");
  thread.join();
}

TEST_F(HostListenerTest, WithoutDescriptorsClientsAreClosedAndTheLoopRests) {
  const UniqueFd client = *ConnectUnix(path_);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // Everything below the spare descriptor's number is in use.
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(client.get()) + 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  loop_->RunReady();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(ReadAll(client.get()), "");

  std::thread thread([&] { loop_->Run(); });
  const UniqueFd next = *ConnectUnix(path_);
  ASSERT_TRUE(SendFull(next.get(), "CONNECT 3\n").ok());
  EXPECT_EQ(ReadAll(next.get()), "port 3");
  thread.join();
}

TEST(ConnectPortTest, ReachesTheListenerOfThatPortOnly) {
  const TempDir directory = *TempDir::Create("vsock-test");
  const std::string path = directory.path() + "/v";
  const UniqueFd listener = *ListenUnix(PortPath(path, 7));
  EXPECT_TRUE(ConnectPort(path, 7).ok());
  EXPECT_TRUE(absl::IsUnavailable(ConnectPort(path, 8).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ConnectPort(std::string(120, 'p'), 7).status()));
}

TEST(ConnectPortTest, AFullListenerDoesNotBlock) {
  const TempDir directory = *TempDir::Create("vsock-test");
  const std::string path = directory.path() + "/v";
  const UniqueFd listener = *ListenUnix(PortPath(path, 7));
  std::vector<UniqueFd> waiting;
  absl::StatusOr<UniqueFd> next = ConnectPort(path, 7);
  while (next.ok() && waiting.size() < 1000) {
    waiting.push_back(*std::move(next));
    next = ConnectPort(path, 7);
  }
  EXPECT_TRUE(absl::IsUnavailable(next.status()));
}

}  // namespace
}  // namespace cc::vmm::vsock
