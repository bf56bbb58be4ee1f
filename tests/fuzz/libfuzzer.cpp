// SPDX-License-Identifier: Apache-2.0
// A fuzz target for libFuzzer. The seeds are put into the first directory of the command line.
#include <filesystem>
#include <fstream>
#include <string>

#include "base/fuzz.h"

namespace {

const cc::fuzz::Target& Target() {
  static const cc::fuzz::Target target = cc::fuzz::MakeTarget();
  return target;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  cc::fuzz::SilenceLog();
  for (int i = 1; i < *argc; ++i) {
    const std::filesystem::path directory((*argv)[i]);
    if (!std::filesystem::is_directory(directory)) continue;
    for (size_t number = 0; number < Target().seeds.size(); ++number) {
      std::ofstream(directory / ("seed-" + std::to_string(number)), std::ios::binary)
          << Target().seeds[number];
    }
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // SAFETY: bytes as characters.
  Target().run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
