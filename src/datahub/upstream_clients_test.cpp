// SPDX-License-Identifier: Apache-2.0
// What upstream's ttrpc clients (cdh-tool and aa-client of guest-components 8246e5e0) send and must get back,
// as recorded on the sockets of cc-datahub: see testdata/README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "attest/test_keys.h"
#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "datahub/attestation_agent.h"
#include "datahub/secret_service.h"
#include "datahub/service.h"
#include "image/puller.h"
#include "jose/digest.h"
#include "ttrpc/server.h"

namespace cc::datahub {
namespace {

using nlohmann::json;

constexpr size_t kHeader = 10;  // length, stream, type, flags

// One frame as it is on the wire.
std::string ReadFrame(int fd) {
  std::string frame(kHeader, '\0');
  if (!ReadFull(fd, frame.data(), kHeader).ok()) return "";
  size_t length = 0;
  for (int i = 0; i < 4; ++i)
    length = length << 8 | static_cast<unsigned char>(frame[static_cast<size_t>(i)]);
  if (length > (4u << 20)) return "";
  frame.resize(kHeader + length);
  return ReadFull(fd, frame.data() + kHeader, length).ok() ? frame : "";
}

TEST(UpstreamClients, GetTheAnswersThatTheyUnderstood) {
  const auto text = ReadFile(CC_DATAHUB_TESTDATA "/upstream_clients.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const json recording = json::parse(*text);
  ASSERT_GE(recording["calls"].size(), 6u);

  attest::TestKeys keys{};
  for (const auto& [uri, content] : recording["resources"].items()) keys.Add(uri, content.get<std::string>());
  Attestation attestation({.insecure_sample_evidence = true});
  const TempDir dir = *TempDir::Create("/tmp/cc-upstream-clients-");
  image::PullerOptions options;
  options.store = dir.path() + "/store";
  options.bundle_root = dir.path() + "/bundles";
  const auto puller = image::Puller::Create(options);
  ASSERT_TRUE(puller.ok()) << puller.status();
  ttrpc::Server server;
  RegisterSecretServices(keys, {}, server);
  RegisterAttestationAgent(attestation, server);
  RegisterServices(**puller, server);

  for (const json& call : recording["calls"]) {
    const std::string what = call["what"].get<std::string>();
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok()) << pair.status();
    std::thread serving([&] { server.ServeConnection(std::move(pair->first)); });
    ASSERT_TRUE(SendFull(pair->second.get(), *jose::FromHex(call["request"].get<std::string>())).ok());
    EXPECT_EQ(jose::ToHex(ReadFrame(pair->second.get())), call["response"].get<std::string>()) << what;
    pair->second.reset();
    serving.join();
  }
}

}  // namespace
}  // namespace cc::datahub
