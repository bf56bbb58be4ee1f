// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/socket.h"
#include "jose/openssl.h"
#include "trustee/kbs/connection.h"
#include "trustee/test_service.h"

namespace cc::trustee {
namespace {

using ::testing::HasSubstr;

struct Identity {
  std::string certificate;  // PEM
  std::string key;
};

// Self-signed for 127.0.0.1.
Identity NewIdentity() {
  const jose::Key key = *jose::Key::Generate(jose::KeyType::kP256);
  const jose::X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, jose::Bytes(std::string_view("kbs")), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const jose::BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {std::string(data, static_cast<size_t>(size)), *key.PrivatePem()};
}

class TlsTest : public ServiceTest {
 protected:
  void StartTls() {
    config_.tls.certificate = dir_.path() + "/tls.pem";
    config_.tls.key = dir_.path() + "/tls.key";
    ASSERT_TRUE(WriteFileAtomic(config_.tls.certificate, identity_.certificate).ok());
    ASSERT_TRUE(WriteFileAtomic(config_.tls.key, identity_.key, 0600).ok());
    Start();
    url_ = StrCat("https://", service_->address());
  }
  const Identity identity_ = NewIdentity();
};

TEST_F(TlsTest, ServesClientsThatTrustItsCertificate) {
  StartTls();
  http_ = *attest::HttpClient::Create({.roots_pem = identity_.certificate});
  EndorseSample();
  const std::string secret(1 << 20, 's');
  PutResource("default/key/1", secret);
  attest::KbsOptions options;
  options.http.roots_pem = identity_.certificate;
  const auto released = Guest(options)->Get(*attest::ResourceUri::Parse("kbs:///default/key/1"));
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_EQ(released->view(), secret);
}

TEST_F(TlsTest, OtherRootsAndPlainHttpGetNothing) {
  StartTls();
  attest::KbsOptions options;
  options.retry_delays.clear();
  options.http.roots_pem = NewIdentity().certificate;
  EXPECT_FALSE(Guest(options)->Get(*attest::ResourceUri::Parse("kbs:///default/key/1")).ok());
  const auto plain =
      http_->Send({.method = "GET", .url = StrCat("http://", service_->address(), "/healthz")});
  EXPECT_FALSE(plain.ok());
  http_ = *attest::HttpClient::Create({.roots_pem = identity_.certificate});
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
}

TEST_F(TlsTest, AClientThatSaysNothingMeetsTheDeadline) {
  const std::string certificate = dir_.path() + "/a.pem";
  const std::string key = dir_.path() + "/b.key";
  ASSERT_TRUE(WriteFileAtomic(certificate, identity_.certificate).ok());
  ASSERT_TRUE(WriteFileAtomic(key, identity_.key, 0600).ok());
  const auto tls = TlsServer::Load(certificate, key);
  ASSERT_TRUE(tls.ok()) << tls.status();
  const auto pair = *SocketPair();
  Connection connection(pair.first.get(), tls->get());
  connection.SetDeadline(std::chrono::milliseconds(20));
  char byte;
  EXPECT_EQ(connection.Read(&byte, 1).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(TlsTest, FilesThatDoNotFitAreNamed) {
  const std::string certificate = dir_.path() + "/a.pem";
  const std::string key = dir_.path() + "/b.key";
  ASSERT_TRUE(WriteFileAtomic(certificate, identity_.certificate).ok());
  ASSERT_TRUE(WriteFileAtomic(key, NewIdentity().key, 0600).ok());
  EXPECT_THAT(std::string(TlsServer::Load(certificate, key).status().message()), HasSubstr(key));
  EXPECT_THAT(std::string(TlsServer::Load(key, key).status().message()), HasSubstr("certificate"));
  EXPECT_FALSE(TlsServer::Load(dir_.path() + "/none", key).ok());
}

}  // namespace
}  // namespace cc::trustee
