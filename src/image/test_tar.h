// SPDX-License-Identifier: Apache-2.0
// For tests: tar archives byte by byte, so that they can be wrong in any way.
#ifndef CC_IMAGE_TEST_TAR_H_
#define CC_IMAGE_TEST_TAR_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cc::image::testing {

struct Entry {
  std::string name;
  char type = '0';
  std::string data;
  std::string link = "";
  unsigned mode = 0644;
  unsigned uid = 0, gid = 0;
  uint64_t mtime = 1700000000;
  unsigned major = 0, minor = 0;
  std::vector<std::pair<std::string, std::string>> pax = {};
  std::optional<std::string> size_field = std::nullopt;  // raw, instead of data's size
};

class TarBuilder {
 public:
  TarBuilder& Add(const Entry& entry) {
    std::vector<std::pair<std::string, std::string>> pax = entry.pax;
    if (entry.name.size() > 100) pax.emplace_back("path", entry.name);
    if (entry.link.size() > 100) pax.emplace_back("linkpath", entry.link);
    if (!pax.empty()) AddPax(pax);
    AppendHeader(entry, entry.data.size());
    return AddData(entry.data);
  }
  TarBuilder& Dir(std::string name, unsigned mode = 0755) {
    return Add({.name = name, .type = '5', .mode = mode});
  }
  TarBuilder& File(std::string name, std::string data) { return Add({.name = name, .data = data}); }
  TarBuilder& Symlink(std::string name, std::string target) {
    return Add({.name = name, .type = '2', .link = target, .mode = 0777});
  }
  TarBuilder& Hardlink(std::string name, std::string target) {
    return Add({.name = name, .type = '1', .link = target});
  }

  TarBuilder& AddPax(const std::vector<std::pair<std::string, std::string>>& records, char type = 'x') {
    std::string body;
    for (const auto& [key, value] : records) body += PaxRecord(key, value);
    return AddRawPax(body, type);
  }
  TarBuilder& AddRawPax(const std::string& body, char type = 'x') {
    AppendHeader({.name = "pax", .type = type}, body.size());
    return AddData(body);
  }
  TarBuilder& Raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  std::string Finish() const { return out_ + std::string(1024, '\0'); }
  std::string Unfinished() const { return out_; }

  static std::string PaxRecord(const std::string& key, const std::string& value) {
    const size_t rest = key.size() + value.size() + 3;  // ' ', '=', '\n'
    size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length) ++length;
    return std::to_string(length) + " " + key + "=" + value + "\n";
  }

 private:
  TarBuilder& AddData(const std::string& data) {
    out_ += data;
    out_.resize((out_.size() + 511) / 512 * 512);
    return *this;
  }

  void AppendHeader(const Entry& entry, uint64_t size) {
    std::string h(512, '\0');
    const auto put = [&h](size_t at, std::string_view text, size_t room) {
      std::memcpy(&h[at], text.data(), std::min(text.size(), room));
    };
    const auto octal = [](uint64_t value, int digits) {
      std::string text(static_cast<size_t>(digits), '0');
      for (size_t i = text.size(); i-- > 0; value >>= 3) text[i] = static_cast<char>('0' + (value & 7));
      return text;
    };
    put(0, entry.name, 100);
    put(100, octal(entry.mode, 7), 8);
    put(108, octal(entry.uid, 7), 8);
    put(116, octal(entry.gid, 7), 8);
    put(124, entry.size_field ? *entry.size_field : octal(size, 11), 12);
    put(136, octal(entry.mtime, 11), 12);
    put(148, "        ", 8);
    h[156] = entry.type;
    put(157, entry.link, 100);
    put(257, std::string_view("ustar\00000", 8), 8);
    put(329, octal(entry.major, 7), 8);
    put(337, octal(entry.minor, 7), 8);
    unsigned sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + std::string("\0 ", 2), 8);
    out_ += h;
  }

  std::string out_;
};

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_TAR_H_
