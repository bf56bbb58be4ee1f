// SPDX-License-Identifier: Apache-2.0
// Initdata on its way through the host: as a disk (first byte even) and as text (odd).
#include <sys/mman.h>

#include "base/file.h"
#include "base/fuzz.h"
#include "initdata/carrier.h"
#include "initdata/initdata.h"

namespace cc::fuzz {

Target MakeTarget() {
  const std::string text =
      "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"aa.toml\" = "
      "'''\n[token_configs]\n'''\n\"policy.rego\" = \"x\"\n";
  return {.seeds = {std::string(1, '\0') + initdata::MakeDisk(initdata::Compress(text)), "\1" + text},
          .run = [](std::string_view input) {
            if (input.empty()) return;
            std::string text(input.substr(1));
            if (input[0] % 2 == 0) {
              const UniqueFd disk(::memfd_create("disk", MFD_CLOEXEC));
              Check(WriteFull(disk.get(), text).ok(), "a file in memory");
              auto read = initdata::ReadDisk(disk.get());
              if (!read.ok()) return;
              text = *std::move(read);
              Check(text.size() <= initdata::kMaxSize, "what a disk carries has a limit");
            }
            if (const auto parsed = initdata::Parse(text); parsed.ok()) {
              const std::string& hash = parsed->algorithm;
              Check(hash == "sha256" || hash == "sha384" || hash == "sha512",
                    "the algorithm is one that we have");
            }
          }};
}

}  // namespace cc::fuzz
