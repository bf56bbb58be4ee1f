// SPDX-License-Identifier: Apache-2.0
// How fast and in how little memory a layer is inflated and unpacked: the pipeline of src/image, fed from a
// file, writing to a tmpfs as in the guest. The layer is made of files of this machine's /usr. Each
// measurement runs in a process of its own, so that its peak memory is its own. See --help.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <zlib.h>
#include <zstd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "attest/ocicrypt/layer_cipher.h"
#include "base/file.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/digest.h"
#include "image/inflate.h"
#include "image/layer_unpacker.h"

namespace {

namespace fs = std::filesystem;
using cc::StrCat;
using cc::image::BlockPipe;
using cc::image::Compression;
using cc::image::Digest;

constexpr double kMega = 1e6;
constexpr size_t kPiece = 256 << 10;

// ------------------------------------------------------------------ one measurement (in the child)

struct Cost {
  double wall_s = 0, cpu_s = 0;
};

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::StatusOr<Cost> Measure(const std::function<absl::Status()>& work) {
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  CC_RETURN_IF_ERROR(work());
  return Cost{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
              CpuSeconds() - cpu};
}

cc::image::FetchBlob FromFile(const std::string& path, bool hash) {
  return [=](const cc::image::ByteSink& sink, std::stop_token) -> absl::Status {
    CC_ASSIGN_OR_RETURN(const cc::UniqueFd file, cc::OpenFile(path, O_RDONLY));
    cc::image::Hasher hasher(cc::image::HashAlgorithm::kSha256);  // as a download does
    std::vector<char> buffer(kPiece);
    while (true) {
      CC_ASSIGN_OR_RETURN(const size_t n, cc::ReadSome(file.get(), buffer));
      if (n == 0) return absl::OkStatus();
      const std::string_view data(buffer.data(), n);
      if (hash) hasher.Update(data);
      CC_RETURN_IF_ERROR(sink(data));
    }
  };
}

// Inflation alone, through the same pipes, the output thrown away.
absl::Status InflateOnly(const std::string& blob, const cc::image::Stage& stage) {
  BlockPipe in(kPiece, 4), out(512 << 10, 4);
  std::jthread feeder(
      [&] { in.Finish(FromFile(blob, false)([&](std::string_view d) { return in.Append(d); }, {})); });
  std::jthread worker([&] { out.Finish(stage(in, out)); });
  while (true) {
    CC_ASSIGN_OR_RETURN(const std::string_view block, out.Next());
    if (block.empty()) return absl::OkStatus();
  }
}

// The same by zlib, for comparison.
absl::Status ZlibStage(BlockPipe& in, BlockPipe& out) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return absl::InternalError("zlib");
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    CC_ASSIGN_OR_RETURN(const std::span<char> block, out.Acquire());
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    while (stream.avail_out > 0 && result != Z_STREAM_END) {
      if (stream.avail_in == 0) {
        CC_ASSIGN_OR_RETURN(const std::string_view piece, in.Next());
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
        stream.avail_in = static_cast<uInt>(piece.size());
      }
      result = inflate(&stream, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END) return absl::InternalError("zlib: damaged data");
    }
    out.Commit(block.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  return absl::OkStatus();
}

constexpr std::string_view kEncrypted = "-encrypted";

// What is made ready before the clock starts: for an encrypted layer its ciphertext, beside the blob.
struct Input {
  std::string blob;
  std::vector<cc::image::Stage> stages;
};

absl::StatusOr<Input> Prepare(const std::string& mode, const std::string& blob) {
  const Compression compression = mode.starts_with("unpack-gzip")   ? Compression::kGzip
                                  : mode.starts_with("unpack-zstd") ? Compression::kZstd
                                                                    : Compression::kNone;
  Input input{blob, cc::image::StagesFor(compression)};
  if (!mode.ends_with(kEncrypted)) return input;
  input.blob = blob + ".encrypted";
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd plain, cc::OpenFile(blob, O_RDONLY));
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd cipher, cc::OpenFile(input.blob, O_WRONLY | O_CREAT | O_TRUNC));
  std::vector<char> buffer(kPiece);
  CC_ASSIGN_OR_RETURN(cc::attest::EncryptedLayerInfo info,
                      cc::attest::EncryptLayer(
                          [&]() -> absl::StatusOr<std::string_view> {
                            CC_ASSIGN_OR_RETURN(const size_t n, cc::ReadSome(plain.get(), buffer));
                            return std::string_view(buffer.data(), n);
                          },
                          [&](std::string_view data) { return cc::WriteFull(cipher.get(), data); }));
  // As a key that came under an authenticated wrapping: the HMAC suffices.
  info.secrets.plain_digest.clear();
  input.stages.insert(input.stages.begin(), [secrets = std::make_shared<cc::attest::LayerSecrets>(
                                                 std::move(info.secrets))](BlockPipe& in, BlockPipe& out) {
    return cc::attest::LayerDecryptor(std::move(*secrets))
        .Decrypt([&in] { return in.Next(); }, [&out](std::string_view data) { return out.Append(data); });
  });
  return input;
}

absl::Status Work(const std::string& mode, const Input& input, const std::string& diff_id,
                  const std::string& target) {
  if (mode == "inflate-gzip-isal") return InflateOnly(input.blob, cc::image::InflateGzip);
  if (mode == "inflate-gzip-zlib") return InflateOnly(input.blob, ZlibStage);
  if (mode == "inflate-zstd") return InflateOnly(input.blob, cc::image::InflateZstd);
  CC_ASSIGN_OR_RETURN(cc::UniqueFd root, cc::OpenFile(target, O_RDONLY | O_DIRECTORY));
  CC_ASSIGN_OR_RETURN(Digest digest, Digest::Parse(diff_id));
  return cc::image::UnpackLayer({FromFile(input.blob, true), input.stages, digest, {}}, std::move(root), {})
      .status();
}

int RunChild(const std::string& mode, const std::string& blob, const std::string& diff_id,
             const std::string& target) {
  const absl::StatusOr<Input> input = Prepare(mode, blob);
  const absl::StatusOr<Cost> cost =
      input.ok() ? Measure([&] { return Work(mode, *input, diff_id, target); }) : input.status();
  if (!cost.ok()) {
    std::fprintf(stderr, "%s\n", cost.status().ToString().c_str());
    return 1;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%f %f %ld\n", cost->wall_s, cost->cpu_s, usage.ru_maxrss);
  return 0;
}

// ------------------------------------------------------------------ the layer (in the parent)

// A ustar archive of regular files below `from` until `bytes` are reached.
absl::StatusOr<uint64_t> WriteTar(const std::string& from, const std::string& to, uint64_t bytes) {
  std::vector<std::string> files;
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(from, fs::directory_options::skip_permission_denied, ignored), end;
       it != end && files.size() < 200000; it.increment(ignored)) {
    if (it->is_regular_file(ignored) && !it->is_symlink(ignored)) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  cc::SpawnOptions tar{
      .argv = {"tar", "--format=pax", "--sort=name", "--no-recursion", "-C", "/", "-T", "-", "-cf", to}};
  std::string list;
  uint64_t sum = 0;
  for (const std::string& file : files) {
    const uint64_t size = fs::file_size(file, ignored);
    if (ignored || size > 30'000'000) continue;
    if (sum >= bytes) break;
    sum += size;
    list += file.substr(1) + "\n";
  }
  CC_ASSIGN_OR_RETURN(const cc::Output output, cc::Run(tar, list));
  if (output.exit.Status() > 1) return absl::InternalError(StrCat("tar: ", output.err));
  return fs::file_size(to);
}

absl::Status Compress(const std::vector<std::string>& argv, const std::string& from, const std::string& to) {
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd in, cc::OpenFile(from, O_RDONLY));
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd out, cc::OpenFile(to, O_WRONLY | O_CREAT | O_TRUNC));
  CC_ASSIGN_OR_RETURN(cc::Child child, cc::Spawn({.argv = argv, .fds = {{in.get(), 0}, {out.get(), 1}}}));
  CC_ASSIGN_OR_RETURN(const cc::ExitState exit, child.Wait());
  return exit.Status() == 0 ? absl::OkStatus() : absl::InternalError(StrCat(argv[0], " failed"));
}

absl::StatusOr<std::string> DiffId(const std::string& path) {
  cc::image::Hasher hasher(cc::image::HashAlgorithm::kSha256);
  CC_ASSIGN_OR_RETURN(const cc::UniqueFd file, cc::OpenFile(path, O_RDONLY));
  std::vector<char> buffer(kPiece);
  while (true) {
    CC_ASSIGN_OR_RETURN(const size_t n, cc::ReadSome(file.get(), buffer));
    if (n == 0) return hasher.Finish().ToString();
    hasher.Update(std::string_view(buffer.data(), n));
  }
}

struct Row {
  const char* mode;
  const char* blob;
};
constexpr Row kRows[] = {
    {"inflate-gzip-zlib", "layer.tar.gz"}, {"inflate-gzip-isal", "layer.tar.gz"},
    {"inflate-zstd", "layer.tar.zst"},     {"unpack-tar", "layer.tar"},
    {"unpack-gzip", "layer.tar.gz"},       {"unpack-gzip-encrypted", "layer.tar.gz"},
    {"unpack-zstd", "layer.tar.zst"},      {"unpack-zstd-encrypted", "layer.tar.zst"},
};

std::string FirstLine(const std::string& path, std::string_view prefix = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(prefix)) return line;
  }
  return "";
}

absl::Status RunAll(const std::string& self, const std::string& from, uint64_t size_mb, int rounds) {
  CC_ASSIGN_OR_RETURN(const cc::TempDir dir, cc::TempDir::Create("/tmp/cc-unpack-bench-"));
  const auto path = [&](std::string_view name) { return StrCat(dir.path(), "/", name); };
  std::fprintf(stderr, "making a layer of %lu MB from %s (tar, gzip -6, zstd -3)\n", size_mb, from.c_str());
  CC_ASSIGN_OR_RETURN(const uint64_t bytes, WriteTar(from, path("layer.tar"), size_mb * 1000 * 1000));
  CC_RETURN_IF_ERROR(Compress({"gzip", "-6", "-c"}, path("layer.tar"), path("layer.tar.gz")));
  CC_RETURN_IF_ERROR(Compress({"zstd", "-3", "-q", "-c"}, path("layer.tar"), path("layer.tar.zst")));
  CC_ASSIGN_OR_RETURN(const std::string diff_id, DiffId(path("layer.tar")));
  std::printf(
      "conditions: layer %.0f MB, gzip %.0f MB, zstd %.0f MB; target tmpfs; %u CPUs, %s; load %s; best of "
      "%d\n",
      static_cast<double>(bytes) / kMega, static_cast<double>(fs::file_size(path("layer.tar.gz"))) / kMega,
      static_cast<double>(fs::file_size(path("layer.tar.zst"))) / kMega, std::thread::hardware_concurrency(),
      FirstLine("/proc/cpuinfo", "model name").c_str(), FirstLine("/proc/loadavg").c_str(), rounds);
  std::printf("%-22s %12s %16s %12s\n", "step", "MB/s out", "MB/CPU-second", "peak RSS MB");

  fs::create_directory(path("target"));
  for (const Row& row : kRows) {
    double best_wall = 0, best_cpu = 0, peak = 0;
    for (int round = 0; round < rounds; ++round) {
      if (::mount("tmpfs", path("target").c_str(), "tmpfs", 0, nullptr) != 0) {
        return cc::ErrnoStatus(errno, "mount a tmpfs (this needs root)");
      }
      const auto output =
          cc::Run({.argv = {self, "--child", row.mode, path(row.blob), diff_id, path("target")}});
      ::umount2(path("target").c_str(), MNT_DETACH);
      CC_RETURN_IF_ERROR(output.status());
      double wall = 0, cpu = 0;
      long rss_kib = 0;
      if (output->exit.Status() != 0 ||
          std::sscanf(output->out.c_str(), "%lf %lf %ld", &wall, &cpu, &rss_kib) != 3) {
        return absl::InternalError(StrCat(row.mode, ": ", output->err));
      }
      best_wall = std::max(best_wall, static_cast<double>(bytes) / kMega / wall);
      best_cpu = std::max(best_cpu, static_cast<double>(bytes) / kMega / cpu);
      peak = std::max(peak, static_cast<double>(rss_kib) * 1024 / kMega);
    }
    std::printf("%-22s %12.0f %16.0f %12.1f\n", row.mode, best_wall, best_cpu, peak);
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Benchmark of layer unpacking: MB/s, CPU cost and peak memory"};
  app.footer("Example (as root): unpack_bench --size-mb 300 --rounds 3");
  uint64_t size_mb = 300;
  int rounds = 3;
  std::string from = "/usr";
  std::vector<std::string> child;
  app.add_option("--size-mb", size_mb, "Uncompressed size of the layer");
  app.add_option("--rounds", rounds, "Runs of each step; the best is shown");
  app.add_option("--from", from, "Directory whose files make the layer");
  app.add_option("--child", child, "One measurement; used by the program itself")->expected(4)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!child.empty()) return RunChild(child[0], child[1], child[2], child[3]);
  const absl::Status status = RunAll(fs::read_symlink("/proc/self/exe"), from, size_mb, rounds);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
