// SPDX-License-Identifier: Apache-2.0
// A fuzz target without a fuzzer:
//
//   fuzz_x               the seeds, then kRounds changed ones
//   fuzz_x --rounds N    the same with N rounds; round i is the same each time, but for keys made anew
//   fuzz_x --round I     that one alone, also written to the file round-I
//   fuzz_x FILE...       what libFuzzer found
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "base/fuzz.h"

namespace {

constexpr size_t kRounds = 300;

// For the handler: "round <number>" as text, because only simple calls are possible there.
char current_text[32];
size_t current_size = 0;

void SayRound(int signal) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, current_text, current_size);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void SetRound(size_t round) {
  current_size =
      static_cast<size_t>(std::snprintf(current_text, sizeof(current_text), "in round %zu\n", round));
}

// A seed with up to eight changes.
std::string Changed(const std::vector<std::string>& seeds, size_t round) {
  std::mt19937_64 random(round);
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : random() % limit; };
  std::string input = seeds[round % seeds.size()];
  for (size_t changes = 1 + below(8); changes > 0; --changes) {
    const size_t at = below(input.size());
    const size_t size = std::min<size_t>(input.size() - at, 1 + below(below(8) == 0 ? 64 : 8));
    switch (below(8)) {
      case 0:  // a bit
        if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:  // bytes
        for (size_t i = 0; i < size; ++i) input[at + i] = static_cast<char>(random());
        break;
      case 2:
        input.erase(at, size);
        break;
      case 3:  // again
        input.insert(at, input.substr(at, size));
        break;
      case 4: {  // limits of numbers
        static constexpr uint64_t kLimits[] = {0,      1,          0x7f,       0xff,        0x7fff,
                                               0xffff, 0x7fffffff, 0xffffffff, ~uint64_t{0}};
        const uint64_t limit = kLimits[below(std::size(kLimits))];
        for (size_t i = 0; i < std::min<size_t>(size, 8); ++i)
          input[at + i] = static_cast<char>(limit >> (8 * i));
        break;
      }
      case 5: {  // a piece of another seed
        const std::string& other = seeds[below(seeds.size())];
        input.insert(at, other.substr(below(other.size()), size * 4));
        break;
      }
      case 6:  // what texts are made of
        if (!input.empty()) input[at] = "\"'\\{}[]()<>:;,./%=#&?*-+0 \n\0\x80"[below(29)];
        break;
      default:
        input.resize(input.size() - below(input.size() / 2 + 1));
    }
  }
  return input;
}

int RunFiles(const cc::fuzz::Target& target, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
    target.run(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  cc::fuzz::SilenceLog();
  const cc::fuzz::Target target = cc::fuzz::MakeTarget();
  if (target.seeds.empty()) return 1;
  const std::string option = argc > 1 ? argv[1] : "--rounds";
  if (!option.starts_with("--")) return RunFiles(target, argc, argv);
  size_t number = kRounds;
  if (argc > 2) {
    const std::string_view text = argv[2];
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) return 1;
  }
  if (option == "--round") {
    const std::string input = Changed(target.seeds, number);
    std::ofstream("round-" + std::to_string(number), std::ios::binary) << input;
    target.run(input);
    return 0;
  }
  for (const std::string& seed : target.seeds) target.run(seed);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, SayRound);
  for (size_t round = 0; round < number; ++round) {
    SetRound(round);
    target.run(Changed(target.seeds, round));
  }
  std::printf("%zu seeds, %zu rounds\n", target.seeds.size(), number);
  return 0;
}
