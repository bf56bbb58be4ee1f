// SPDX-License-Identifier: Apache-2.0
#include "image/url.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace cc::image {
namespace {

TEST(UrlTest, FillsInWhatDecidesAboutTheOrigin) {
  const Url url = Url::Parse("HTTPS://User:Pw@Example.COM/v2/?a=b#frag").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.HostPort(), "example.com:443");
  EXPECT_EQ(url.text.find("Pw"), std::string::npos);
  EXPECT_EQ(url.text.find('#'), std::string::npos);
  EXPECT_EQ(Url::Parse("http://[::1]:5000/x")->HostPort(), "[::1]:5000");
}

TEST(UrlTest, OriginsDifferInSchemeHostAndPort) {
  const Url url = Url::Parse("https://a.example/x").value();
  EXPECT_TRUE(url.SameOrigin(*Url::Parse("https://A.example:443/y")));
  for (const char* other : {"http://a.example/x", "https://b.example/x", "https://a.example:444/x",
                            "https://a.example.evil/x", "https://a.example@evil/x"}) {
    EXPECT_FALSE(url.SameOrigin(*Url::Parse(other))) << other;
  }
}

TEST(UrlTest, ResolvesReferences) {
  const Url url = Url::Parse("https://a.example/v2/x/blobs/1").value();
  EXPECT_EQ(url.Resolve("/other?q=1")->text, "https://a.example/other?q=1");
  EXPECT_EQ(url.Resolve("2")->text, "https://a.example/v2/x/blobs/2");
  EXPECT_EQ(url.Resolve("//b.example/y")->host, "b.example");
  EXPECT_EQ(url.Resolve("http://c.example/")->scheme, "http");
}

TEST(UrlTest, RefusesOtherSchemesAndNonsense) {
  const Url url = Url::Parse("https://a.example/").value();
  for (const char* bad : {"file:///etc/passwd", "gopher://x/", "ftp://x/", "", "https://", "http://a b/"}) {
    EXPECT_FALSE(Url::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(url.Resolve("file:///etc/passwd").ok());
}

TEST(UrlTest, EncodesQueryParameters) {
  // curl's letters of "%3a" differ between versions.
  EXPECT_EQ(ToLower(WithQuery("https://t.example/token?x=1",
                              {{"service", "a b&c"}, {"scope", "repository:a/b:pull"}})
                        .value()),
            "https://t.example/token?x=1&service=a+b%26c&scope=repository%3aa%2fb%3apull");
}

}  // namespace
}  // namespace cc::image
