// SPDX-License-Identifier: Apache-2.0
// Layers as tar streams, unpacked for real (root, for owners and whiteouts). The first byte says whether
// check sums are made to fit, so that changes of headers are read.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/fuzz.h"
#include "image/test_tar.h"
#include "image/unpack.h"

namespace cc::fuzz {
namespace {

using image::testing::TarBuilder;

void FitCheckSums(std::string& archive) {
  for (size_t at = 0; at + 512 <= archive.size(); at += 512) {
    if (archive.compare(at + 257, 5, "ustar") != 0) continue;
    archive.replace(at + 148, 8, "        ");
    unsigned sum = 0;
    for (size_t k = 0; k < 512; ++k) sum += static_cast<unsigned char>(archive[at + k]);
    char text[9];
    std::snprintf(text, sizeof(text), "%06o", sum & 0777777);
    archive.replace(at + 148, 7, text, 7);
  }
}

void Unpack(std::string archive, bool fit) {
  if (fit) FitCheckSums(archive);
  const TempDir dir = *TempDir::Create(std::filesystem::is_directory("/dev/shm") ? "/dev/shm/fuzz-unpack-"
                                                                                 : "/tmp/fuzz-unpack-");
  const std::string root = dir.path() + "/root";
  std::filesystem::create_directory(root);
  Check(WriteFileAtomic(dir.path() + "/canary", "alive").ok(), "a canary");
  size_t at = 0;
  const image::ReadBlock read = [&]() -> absl::StatusOr<std::string_view> {
    const std::string_view piece = std::string_view(archive).substr(at, 700);
    at += piece.size();
    return piece;
  };
  image::UnpackTar(read, *OpenFile(root, O_RDONLY | O_DIRECTORY), {.max_bytes = 1 << 20})
      .status()
      .IgnoreError();
  Check(*ReadFile(dir.path() + "/canary") == "alive", "nothing outside of the root changes");
  const auto beside = std::filesystem::directory_iterator(dir.path());
  Check(std::distance(begin(beside), end(beside)) == 2, "nothing comes up beside the root");
}

}  // namespace

Target MakeTarget() {
  const std::string archive =
      TarBuilder()
          .Dir("d")
          .File("d/f", "content")
          .Symlink("l", "../outside")
          .File(".wh.gone", "")
          .File("d/.wh..wh..opq", "")
          .Hardlink("h", "d/f")
          .Add({.name = "p", .data = "1", .pax = {{"path", "long/name"}, {"mtime", "1.5"}}})
          .Add({.name = "q", .type = '6'})
          .Finish();
  return {.seeds = {"\1" + archive, std::string(1, '\0') + archive,
                    "\1" + TarBuilder().File("../x", "y").Finish()},
          .run = [](std::string_view input) {
            if (input.empty() || ::geteuid() != 0) return;
            Unpack(std::string(input.substr(1)), input[0] % 2 != 0);
          }};
}

}  // namespace cc::fuzz
