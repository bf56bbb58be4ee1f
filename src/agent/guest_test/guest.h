// SPDX-License-Identifier: Apache-2.0
// What the tests inside a guest share: the agent's client over vsock loopback, and requests in short form.
#ifndef CC_AGENT_GUEST_TEST_GUEST_H_
#define CC_AGENT_GUEST_TEST_GUEST_H_

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "agent_proto/agent_client.h"
#include "base/socket.h"
#include "base/strings.h"

namespace cc::agent::guest_test {

using agent_proto::AgentClient;
using std::chrono::seconds;

constexpr uint32_t kLoopbackCid = 1;
constexpr seconds kTimeout{60};

inline AgentClient& Agent() {
  static AgentClient client(*ConnectVsock(kLoopbackCid, agent_proto::kAgentPort));
  return client;
}

template <typename Value>
std::string ErrorOf(const absl::StatusOr<Value>& result) {
  return result.ok() ? "" : result.status().ToString();
}

template <typename Value>
void ExpectCode(const absl::StatusOr<Value>& result, absl::StatusCode code) {
  EXPECT_EQ(result.status().code(), code) << ErrorOf(result);
}

// A request for a container that runs `args` in the busybox image.
inline grpc::CreateContainerRequest Request(const std::string& id, const std::vector<std::string>& args) {
  grpc::CreateContainerRequest in;
  in.set_container_id(id);
  in.set_exec_id(id);
  grpc::Storage* storage = in.add_storages();
  storage->set_driver("image_guest_pull");
  storage->set_source("example.org/busybox:latest");
  storage->set_fstype("overlay");
  storage->set_mount_point(StrCat("/run/kata-containers/", id, "/rootfs"));
  grpc::Spec* spec = in.mutable_oci();
  for (const std::string& arg : args) spec->mutable_process()->add_args(arg);
  spec->mutable_process()->set_cwd("/");
  const std::vector<std::array<std::string, 3>> mounts = {
      {"/proc", "proc", "proc"},        {"/dev", "tmpfs", "tmpfs"},
      {"/dev/pts", "devpts", "devpts"}, {"/dev/mqueue", "mqueue", "mqueue"},
      {"/sys", "sysfs", "sysfs"},       {"/sys/fs/cgroup", "cgroup", "cgroup"}};
  for (const auto& [destination, type, source] : mounts) {
    grpc::Mount* mount = spec->add_mounts();
    mount->set_destination(destination);
    mount->set_type(type);
    mount->set_source(source);
    if (type == "sysfs" || type == "cgroup") mount->add_options("ro");
  }
  for (const char* type : {"pid", "ipc", "uts", "mount", "network"}) {
    spec->mutable_linux()->add_namespaces()->set_type(type);
  }
  spec->mutable_linux()->set_cgroupspath("/anything");
  return in;
}

template <typename Message>
Message Named(const std::string& id, const std::string& exec_id = {}) {
  Message message;
  message.set_container_id(id);
  if constexpr (requires { message.set_exec_id(exec_id); }) message.set_exec_id(exec_id);
  return message;
}

inline std::string ReadAll(const std::string& id, const std::string& exec_id = {}, bool err = false,
                           int* reads = nullptr) {
  std::string out;
  while (true) {
    auto in = Named<grpc::ReadStreamRequest>(id, exec_id);
    in.set_len(1 << 20);
    auto got = err ? Agent().ReadStderr(in) : Agent().ReadStdout(in);
    EXPECT_TRUE(got.ok()) << ErrorOf(got);
    if (!got.ok() || got->data().empty()) return out;
    out += got->data();
    if (reads != nullptr) ++*reads;
  }
}

inline int Wait(const std::string& id, const std::string& exec_id = {}) {
  auto got = Agent().WaitProcess(Named<grpc::WaitProcessRequest>(id, exec_id), kTimeout);
  EXPECT_TRUE(got.ok()) << ErrorOf(got);
  return got.ok() ? got->status() : -1;
}

inline void Start(const grpc::CreateContainerRequest& request) {
  auto created = Agent().CreateContainer(request, kTimeout);
  ASSERT_TRUE(created.ok()) << ErrorOf(created);
  auto started = Agent().StartContainer(Named<grpc::StartContainerRequest>(request.container_id()), kTimeout);
  ASSERT_TRUE(started.ok()) << ErrorOf(started);
}

inline void Remove(const std::string& id) {
  auto removed = Agent().RemoveContainer(Named<grpc::RemoveContainerRequest>(id), kTimeout);
  EXPECT_TRUE(removed.ok()) << ErrorOf(removed);
}

inline auto Kill(const std::string& id, int signal, const std::string& exec_id = {}) {
  auto in = Named<grpc::SignalProcessRequest>(id, exec_id);
  in.set_signal(static_cast<uint32_t>(signal));
  return Agent().SignalProcess(in, kTimeout);
}

inline grpc::ExecProcessRequest Exec(const std::string& id, const std::string& exec_id,
                                     const std::vector<std::string>& args) {
  auto in = Named<grpc::ExecProcessRequest>(id, exec_id);
  for (const std::string& arg : args) in.mutable_process()->add_args(arg);
  return in;
}

inline absl::StatusOr<grpc::WriteStreamResponse> Write(const std::string& id, const std::string& data,
                                                       const std::string& exec_id = {}) {
  auto in = Named<grpc::WriteStreamRequest>(id, exec_id);
  in.set_data(data);
  return Agent().WriteStdin(in, kTimeout);
}

}  // namespace cc::agent::guest_test

#endif  // CC_AGENT_GUEST_TEST_GUEST_H_
