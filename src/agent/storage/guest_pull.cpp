// SPDX-License-Identifier: Apache-2.0
#include "agent/storage/guest_pull.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "agent_proto/data_hub_end.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "coco/cdh.pb.h"
#include "ttrpc/client.h"

namespace cc::agent {
namespace {

using Clock = std::chrono::steady_clock;

// A socket file is there from bind(2) on, but takes connections only after listen(2), of which inotify says
// nothing.
constexpr std::chrono::milliseconds kListenRetry{20};
constexpr size_t kMaxReason = 8192;

absl::StatusOr<UniqueFd> WatchDirectoryOf(const std::string& socket) {
  UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch) return ErrnoStatus(errno, "create inotify");
  const std::string directory = std::filesystem::path(socket).parent_path();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (::inotify_add_watch(watch.get(), directory.c_str(), IN_CREATE | IN_ATTRIB | IN_MOVED_TO) < 0) {
    return ErrnoStatus(errno, StrCat("watch ", directory));
  }
  return watch;
}

// Connects as soon as somebody listens.
absl::StatusOr<UniqueFd> ConnectWhenReady(const PullRequest& request, Clock::time_point deadline) {
  CC_ASSIGN_OR_RETURN(UniqueFd watch, WatchDirectoryOf(request.socket));
  while (true) {
    absl::StatusOr<UniqueFd> connection = ConnectUnix(request.socket);
    if (connection.ok()) return connection;
    const absl::StatusOr<std::string> failed =
        ReadFile(StrCat(request.socket, agent_proto::kDataHubFailedSuffix), kMaxReason);
    if (failed.ok()) {
      return absl::FailedPreconditionError(
          StrCat("pull ", request.image, ": the guest's data hub does not run: ", *failed));
    }
    auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (wait.count() <= 0) {
      return absl::DeadlineExceededError(
          StrCat("the data hub did not start: ", MessageOf(connection.status())));
    }
    if (absl::IsUnavailable(connection.status())) wait = std::min(wait, kListenRetry);
    std::array<pollfd, 2> polled{{{.fd = watch.get(), .events = POLLIN, .revents = 0},
                                  {.fd = request.cancel->fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(wait.count())) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "poll");
    }
    if (polled[1].revents != 0) return absl::CancelledError("the pull was given up");
    std::array<char, 4096> events;
    while (::read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

// Ends the calls of `client` when `cancel` is set, for as long as it lives.
class Canceller {
 public:
  static absl::StatusOr<std::unique_ptr<Canceller>> Start(ttrpc::Client* client,
                                                          std::shared_ptr<Latch> cancel) {
    CC_ASSIGN_OR_RETURN(std::shared_ptr<Latch> done, Latch::Create());
    return std::unique_ptr<Canceller>(new Canceller(client, std::move(cancel), std::move(done)));
  }
  ~Canceller() {
    done_->Set();
    thread_.join();
  }

 private:
  Canceller(ttrpc::Client* client, std::shared_ptr<Latch> cancel, std::shared_ptr<Latch> done)
      : done_(done), thread_([client, cancel = std::move(cancel), done = std::move(done)] {
          std::array<pollfd, 2> polled{{{.fd = done->fd(), .events = POLLIN, .revents = 0},
                                        {.fd = cancel->fd(), .events = POLLIN, .revents = 0}}};
          while (::poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
          }
          if (polled[1].revents != 0) client->Close();
        }) {}
  std::shared_ptr<Latch> done_;
  std::thread thread_;
};

bool IsSet(const Latch& latch) {
  pollfd polled{.fd = latch.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

absl::Status PullImage(const PullRequest& request) {
  const Clock::time_point deadline = Clock::now() + request.timeout;
  CC_ASSIGN_OR_RETURN(UniqueFd connection, ConnectWhenReady(request, deadline));
  ttrpc::Client client(std::move(connection));
  CC_ASSIGN_OR_RETURN(const auto canceller, Canceller::Start(&client, request.cancel));
  api::ImagePullRequest message;
  message.set_image_url(request.image);
  message.set_bundle_path(request.bundle);
  const absl::Status status =
      client
          .Call<api::ImagePullResponse>("api.ImagePullService", "PullImage", message,
                                        {.timeout = deadline - Clock::now(), .metadata = {}})
          .status();
  if (status.ok()) return status;
  if (IsSet(*request.cancel)) return absl::CancelledError("the pull was given up");
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError(
        StrCat("pull ", request.image, ": not done after ", request.timeout.count(),
               " s; raise the guest kernel parameter agent.image_pull_timeout"));
  }
  return status;
}

}  // namespace cc::agent
