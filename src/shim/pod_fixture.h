// SPDX-License-Identifier: Apache-2.0
// For tests: a pod behind its services, as containerd calls them, on a fake VM.
#ifndef CC_SHIM_POD_FIXTURE_H_
#define CC_SHIM_POD_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/thread.h"
#include "containerd/task.pb.h"
#include "containerd/types.pb.h"
#include "google/protobuf/empty.pb.h"
#include "shim/events.h"
#include "shim/fake_guest.h"
#include "shim/pod.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"

namespace cc::shim {

class PodFixture : public ::testing::Test {
 protected:
  explicit PodFixture(std::string id) : id_(std::move(id)) {}
  void SetUp() override;
  void TearDown() override;

  std::string path(const std::string& name) const { return dir_->path() + "/" + name; }
  // Of the next sandbox. `vmm` are lines of that table.
  void Configure(const std::string& vmm);

  // Events that containerd has got, in their order.
  std::vector<containerd::types::Envelope> events();
  std::vector<std::string> topics();
  void AwaitTopic(const std::string& topic);

  const std::string id_;  // the sandbox's
  std::unique_ptr<TempDir> dir_;
  const std::shared_ptr<FakeGuest> guest_ = std::make_shared<FakeGuest>();
  std::promise<void> abandoned_;
  std::atomic<int> shutdowns_ = 0;
  std::shared_ptr<Pod> pod_;
  std::unique_ptr<ttrpc::Client> client_;

 private:
  vmm::Registry backends_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<containerd::types::Envelope> events_;
  std::shared_ptr<EventPublisher> publisher_;
  ttrpc::Server server_;
  Thread serving_;
};

// Calls of the task service. The sandbox's container is c1.
class TaskFixture : public PodFixture {
 protected:
  using Empty = google::protobuf::Empty;

  TaskFixture() : PodFixture("c1") {}

  template <typename Response = Empty, typename Request>
  absl::StatusOr<Response> Call(const char* method, const Request& request) {
    return client_->Call<Response>("containerd.task.v3.Task", method, request);
  }

  // `mounts` are the elements of the specification's list.
  absl::Status Create(const std::string& id, const std::string& annotations = "",
                      const std::string& mounts = "");
  absl::Status CreateSandboxContainer();
  absl::Status CreateMember(const std::string& id, const std::string& mounts = "");

  // Requests that name a container and a process only.
  template <typename Request>
  static Request Of(const std::string& id, const std::string& exec_id = "") {
    Request request;
    request.set_id(id);
    request.set_exec_id(exec_id);
    return request;
  }
  absl::Status Start(const std::string& id, const std::string& exec_id = "");
  absl::StatusOr<containerd::task::v2::DeleteResponse> Delete(const std::string& id,
                                                              const std::string& exec_id = "");
  absl::StatusOr<containerd::task::v2::WaitResponse> Wait(const std::string& id,
                                                          const std::string& exec_id = "");
  absl::StatusOr<containerd::task::v2::StateResponse> State(const std::string& id,
                                                            const std::string& exec_id = "");
  absl::Status Kill(const std::string& id, uint32_t signal, const std::string& exec_id = "",
                    bool all = false);
  absl::Status Exec(const std::string& id, const std::string& exec_id,
                    const std::string& spec = R"({"args":["p"]})");
  absl::Status Pause(const std::string& id);
  absl::Status Resume(const std::string& id);

  std::string network_ = R"({"type":"network"})";  // in linux.namespaces of the next container
};

}  // namespace cc::shim

#endif  // CC_SHIM_POD_FIXTURE_H_
