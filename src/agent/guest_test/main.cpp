// SPDX-License-Identifier: Apache-2.0
// The agent as a whole, inside a guest: this program is started in the place of the data hub, answers pulls
// with a root made of /bbroot (busybox), talks to the agent by vsock loopback and powers the guest off at the
// end. guest_test/run.sh makes such a guest.
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <future>
#include <iostream>
#include <thread>

#include "agent/guest_test/guest.h"
#include "base/file.h"
#include "coco/cdh.pb.h"
#include "ttrpc/server.h"

namespace cc::agent::guest_test {
namespace {

// The data hub's pull: /bbroot becomes the root file system.
absl::Status Pull(const ttrpc::CallContext& call, const api::ImagePullRequest& in, api::ImagePullResponse&) {
  if (in.image_url() == "example.org/missing") return absl::NotFoundError("no such image");
  if (in.image_url() == "example.org/slow") {
    auto cancelled = std::make_shared<std::promise<void>>();
    call.OnCancel([cancelled] { cancelled->set_value(); });
    cancelled->get_future().wait();
    return absl::CancelledError("given up");
  }
  const std::string root = in.bundle_path() + "/rootfs";
  const std::string work = in.bundle_path() + "/layers";
  if (::mkdir(root.c_str(), 0755) != 0 || ::mkdir(work.c_str(), 0755) != 0 ||
      ::mkdir((work + "/u").c_str(), 0755) != 0 || ::mkdir((work + "/w").c_str(), 0755) != 0 ||
      ::mount("overlay", root.c_str(), "overlay", 0,
              ("lowerdir=/bbroot,upperdir=" + work + "/u,workdir=" + work + "/w").c_str()) != 0) {
    return absl::InternalError(StrCat("mount: ", errno));
  }
  return WriteFileAtomic(
      in.bundle_path() + "/config.json",
      R"({"process":{"args":["echo","from image"],"cwd":"/","env":["PATH=/bin","FROM_IMAGE=yes"]}})");
}

}  // namespace
}  // namespace cc::agent::guest_test

int main(int argc, char** argv) {
  cc::ttrpc::Server hub;
  hub.Handle<api::ImagePullRequest, api::ImagePullResponse>("api.ImagePullService", "PullImage",
                                                            cc::agent::guest_test::Pull);
  auto listener = cc::ListenUnix(std::string(cc::agent_proto::kDataHubSocket));
  std::thread serving([&] { hub.Serve(listener->get()).IgnoreError(); });
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  std::cout << (result == 0 ? "GUEST TEST PASSED" : "GUEST TEST FAILED") << std::endl;
  cc::agent::guest_test::Agent().DestroySandbox({}, std::chrono::seconds(30)).IgnoreError();
  serving.join();
  return result;
}
