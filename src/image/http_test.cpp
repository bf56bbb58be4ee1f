// SPDX-License-Identifier: Apache-2.0
#include "image/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "image/test_http_server.h"

namespace cc::image {
namespace {

using std::chrono::milliseconds;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::TestHttpServer;
using testing::TestRequest;

struct Got {
  absl::StatusOr<HttpResponse> response;
  std::string body;
};

Got Get(const std::shared_ptr<HttpClient>& client, HttpRequest request, std::stop_token stop = {}) {
  Got got{absl::UnknownError("")};
  got.response = client->Get(
      request,
      [&](const HttpResponse&, std::string_view data) {
        got.body.append(data);
        return absl::OkStatus();
      },
      stop);
  return got;
}

HttpOptions For(const TestHttpServer& server) {
  HttpOptions options;
  options.plain_http_hosts = {server.Host()};
  return options;
}

TEST(HttpTest, GetsABodyWithHeaders) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "hello", {{"X-Thing", " v "}}); });
  const auto client = HttpClient::Create(For(server)).value();
  const Got got =
      Get(client, {.url = "http://" + server.Host() + "/a?b", .accept = "x/y", .authorization = "Basic z"});
  ASSERT_TRUE(got.response.ok()) << got.response.status();
  EXPECT_EQ(got.response->status, 200);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.response->Header("x-thing"), "v");
  const TestRequest request = server.Requests().at(0);
  EXPECT_EQ(request.target, "/a?b");
  EXPECT_EQ(request.Header("accept"), "x/y");
  EXPECT_EQ(request.Header("authorization"), "Basic z");
  EXPECT_EQ(request.Header("range"), "");
}

TEST(HttpTest, ReusesItsConnection) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "x"); });
  const auto client = HttpClient::Create(For(server)).value();
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(Get(client, {.url = "http://" + server.Host() + "/"}).response.ok());
  EXPECT_EQ(server.connections(), 1u);
}

TEST(HttpTest, ErrorBodiesAreNotTheBody) {
  TestHttpServer server([](const TestRequest&, auto& c) {
    c.Reply(404, std::string(100000, 'e'), {{"WWW-Authenticate", "Basic realm=\"r\""}});
  });
  const auto client = HttpClient::Create(For(server)).value();
  const Got got = Get(client, {.url = "http://" + server.Host() + "/"});
  ASSERT_TRUE(got.response.ok()) << got.response.status();
  EXPECT_EQ(got.response->status, 404);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(got.response->error_body.size(), 16u << 10);
  EXPECT_THAT(got.response->challenges, ::testing::ElementsAre("Basic realm=\"r\""));
}

TEST(HttpTest, PlainHttpNeedsPermissionForExactlyThatHost) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "x"); });
  for (const std::string& allowed :
       {std::string("127.0.0.1"), std::string("127.0.0.1:1"), std::string("*")}) {
    HttpOptions options;
    options.plain_http_hosts = {allowed};
    const auto client = HttpClient::Create(options).value();
    const Got got = Get(client, {.url = "http://" + server.Host() + "/"});
    EXPECT_EQ(got.response.status().code(), absl::StatusCode::kFailedPrecondition) << allowed;
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST(HttpTest, CredentialsStayAtTheirOrigin) {
  TestHttpServer other([](const TestRequest&, auto& c) { c.Reply(200, "blob"); });
  TestHttpServer server([&](const TestRequest& request, auto& c) {
    if (request.target == "/away")
      return c.Reply(307, "", {{"Location", "http://" + other.Host() + "/blob?sig=1"}});
    if (request.target == "/here") return c.Reply(302, "", {{"Location", "/there"}});
    c.Reply(200, "here");
  });
  HttpOptions options = For(server);
  options.plain_http_hosts.insert(other.Host());
  const auto client = HttpClient::Create(options).value();

  Got got =
      Get(client,
          {.url = "http://" + server.Host() + "/away", .authorization = "Bearer secret", .range_from = 7});
  ASSERT_TRUE(got.response.ok()) << got.response.status();
  EXPECT_EQ(got.body, "blob");
  EXPECT_EQ(other.Requests().at(0).target, "/blob?sig=1");
  EXPECT_EQ(other.Requests().at(0).Header("authorization"), "");
  EXPECT_EQ(other.Requests().at(0).Header("range"), "bytes=7-");

  got = Get(client, {.url = "http://" + server.Host() + "/here", .authorization = "Bearer secret"});
  EXPECT_EQ(got.body, "here");
  EXPECT_EQ(server.Requests().back().Header("authorization"), "Bearer secret");
}

TEST(HttpTest, RedirectsMayNotLeadToPlainHttpOrOtherSchemesOrForever) {
  std::string location;
  TestHttpServer server([&](const TestRequest&, auto& c) { c.Reply(302, "", {{"Location", location}}); });
  const auto client = HttpClient::Create(For(server)).value();
  for (const char* bad : {"http://127.0.0.2:1/", "file:///etc/passwd", "gopher://127.0.0.1/", "/", ""}) {
    location = bad;
    EXPECT_FALSE(Get(client, {.url = "http://" + server.Host() + "/"}).response.ok()) << bad;
  }
}

TEST(HttpTest, ACutConnectionIsUnavailable) {
  TestHttpServer server([](const TestRequest&, auto& c) {
    c.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    c.Close();
  });
  const auto client = HttpClient::Create(For(server)).value();
  const Got got = Get(client, {.url = "http://" + server.Host() + "/"});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kUnavailable) << got.response.status();
  EXPECT_EQ(got.body, "short");
}

TEST(HttpTest, NobodyListeningIsUnavailable) {
  const std::string host = TestHttpServer([](const TestRequest&, auto&) {}).Host();
  HttpOptions options;
  options.plain_http_hosts = {host};
  const Got got = Get(HttpClient::Create(options).value(), {.url = "http://" + host + "/"});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(got.response.status().ToString(), HasSubstr(host));
}

TEST(HttpTest, AStallIsNoticed) {
  TestHttpServer server([](const TestRequest&, auto& c) {
    c.Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    c.WaitForPeerToClose();
    c.Close();
  });
  HttpOptions options = For(server);
  options.stall_timeout = milliseconds(50);
  const Got got = Get(HttpClient::Create(options).value(), {.url = "http://" + server.Host() + "/"});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kDeadlineExceeded);
  // 0 bytes on a machine so busy that even those came too late.
  EXPECT_THAT(got.response.status().ToString(),
              ContainsRegex("sent nothing for 50 ms \\(after [04] bytes\\)"));
}

TEST(HttpTest, AStopEndsAWait) {
  std::stop_source stop;
  TestHttpServer server([&](const TestRequest&, auto& c) {
    stop.request_stop();
    c.WaitForPeerToClose();
    c.Close();
  });
  const Got got = Get(HttpClient::Create(For(server)).value(), {.url = "http://" + server.Host() + "/"},
                      stop.get_token());
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kCancelled);
}

TEST(HttpTest, TheSinksErrorIsTheResult) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "data"); });
  const auto client = HttpClient::Create(For(server)).value();
  const auto response =
      client->Get({.url = "http://" + server.Host() + "/"},
                  [](const HttpResponse&, std::string_view) { return absl::DataLossError("mine"); }, {});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kDataLoss);
}

TEST(HttpTest, TlsNeedsATrustedRoot) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "secret"); }, /*tls=*/true);
  const std::string url = "https://" + server.Host() + "/";
  Got got = Get(HttpClient::Create({}).value(), {.url = url});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kFailedPrecondition) << got.response.status();
  EXPECT_THAT(got.response.status().ToString(), HasSubstr("extra_root_certificates"));
  HttpOptions options;
  options.extra_roots_pem = server.certificate_pem();
  got = Get(HttpClient::Create(options).value(), {.url = url});
  ASSERT_TRUE(got.response.ok()) << got.response.status();
  EXPECT_EQ(got.body, "secret");
}

TEST(HttpTest, TlsNeedsTheRightName) {
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "secret"); }, /*tls=*/true);
  HttpOptions options;
  options.extra_roots_pem = server.certificate_pem();  // for 127.0.0.1, not for this name
  const std::string port = server.Host().substr(server.Host().find(':'));
  const Got got = Get(HttpClient::Create(options).value(), {.url = "https://localhost" + port + "/"});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kFailedPrecondition) << got.response.status();
  EXPECT_EQ(server.Requests().size(), 0u);
}

TEST(HttpTest, ATlsClientAtAPlainServerIsToldWhatToDo) {
  // Answers TLS's first message with HTTP text, as plain registries do.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  std::jthread server([&] {
    const UniqueFd socket = Accept(listener.get()).value();
    std::array<char, 64> hello;
    ASSERT_TRUE(ReadSome(socket.get(), hello).ok());
    ASSERT_TRUE(SendFull(socket.get(), "HTTP/1.0 400 Bad Request\r\n\r\n").ok());
  });
  const Got got = Get(HttpClient::Create({}).value(),
                      {.url = StrCat("https://127.0.0.1:", ntohs(address.sin_port), "/")});
  EXPECT_THAT(got.response.status().ToString(), HasSubstr("cc.insecure_plain_http"));
}

TEST(HttpTest, DamagedRootsAreAConfigurationError) {
  for (const char* bad : {"garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    HttpOptions options;
    options.extra_roots_pem = bad;
    EXPECT_EQ(HttpClient::Create(options).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(HttpTest, IgnoresProxiesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("all_proxy", "http://127.0.0.1:1", 1);
  TestHttpServer server([](const TestRequest&, auto& c) { c.Reply(200, "x"); });
  const Got got = Get(HttpClient::Create(For(server)).value(), {.url = "http://" + server.Host() + "/"});
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
  EXPECT_TRUE(got.response.ok()) << got.response.status();
}

TEST(HttpTest, UsesTheConfiguredProxy) {
  TestHttpServer proxy([](const TestRequest&, auto& c) { c.Reply(200, "from the proxy"); });
  HttpOptions options;
  options.plain_http_hosts = {"registry.invalid:5000"};
  options.http_proxy = "http://" + proxy.Host();
  const Got got = Get(HttpClient::Create(options).value(), {.url = "http://registry.invalid:5000/x"});
  EXPECT_EQ(got.body, "from the proxy");
  EXPECT_EQ(proxy.Requests().at(0).target, "http://registry.invalid:5000/x");
}

// The smallest SOCKS5 server: takes one CONNECT by name and answers the request behind it itself.
void ServeSocks(int fd, std::string* asked) {
  std::array<unsigned char, 4> head;
  ASSERT_TRUE(ReadFull(fd, head.data(), 2).ok());
  std::array<unsigned char, 255> methods;
  ASSERT_TRUE(ReadFull(fd, methods.data(), head[1]).ok());
  ASSERT_TRUE(SendFull(fd, std::string("\x05\x00", 2)).ok());
  ASSERT_TRUE(ReadFull(fd, head.data(), 4).ok());
  ASSERT_EQ(head[3], 3) << "not by name";
  unsigned char length = 0;
  ASSERT_TRUE(ReadFull(fd, &length, 1).ok());
  std::string name(length, '\0');
  ASSERT_TRUE(ReadFull(fd, name.data(), name.size()).ok());
  std::array<unsigned char, 2> port;
  ASSERT_TRUE(ReadFull(fd, port.data(), 2).ok());
  *asked = StrCat(name, ":", port[0] * 256 + port[1]);
  ASSERT_TRUE(SendFull(fd, std::string("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10)).ok());
  std::string request;
  std::array<char, 4096> buffer;
  while (!request.ends_with("\r\n\r\n")) {
    const auto n = ReadSome(fd, buffer);
    ASSERT_TRUE(n.ok() && *n > 0);
    request.append(buffer.data(), *n);
  }
  ASSERT_TRUE(SendFull(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\negress").ok());
}

TEST(HttpTest, EgressCarriesTheConnectionAndTheFarEndResolvesTheName) {
  const TempDir dir = TempDir::Create("/tmp/cc-egress-").value();
  const std::string path = dir.path() + "/socket";
  const UniqueFd listener = ListenUnix(path).value();
  std::string asked;
  std::jthread server([&] { ServeSocks(Accept(listener.get())->get(), &asked); });
  HttpOptions options;
  options.plain_http_hosts = {"registry.invalid:5000"};
  options.http_proxy = "http://127.0.0.1:1";  // must not be used
  options.egress_socket = [&] { return path; };
  const Got got = Get(HttpClient::Create(options).value(), {.url = "http://registry.invalid:5000/x"});
  server.join();
  ASSERT_TRUE(got.response.ok()) << got.response.status();
  EXPECT_EQ(got.body, "egress");
  EXPECT_EQ(asked, "registry.invalid:5000");
}

TEST(HttpTest, AFailingEgressIsNamed) {
  const TempDir dir = TempDir::Create("/tmp/cc-egress-").value();
  const std::string path = dir.path() + "/socket";
  const UniqueFd listener = ListenUnix(path).value();
  std::jthread server([&] { Accept(listener.get()).value().reset(); });
  HttpOptions options;
  options.egress_socket = [&] { return path; };
  const Got got = Get(HttpClient::Create(options).value(), {.url = "https://registry.invalid/x"});
  EXPECT_EQ(got.response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(got.response.status().ToString(), HasSubstr("through the node"));
}

}  // namespace
}  // namespace cc::image
