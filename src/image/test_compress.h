// SPDX-License-Identifier: Apache-2.0
// For tests: gzip (by zlib, not by the library under test) and zstd.
#ifndef CC_IMAGE_TEST_COMPRESS_H_
#define CC_IMAGE_TEST_COMPRESS_H_

#include <zlib.h>
#include <zstd.h>

#include <string>

namespace cc::image::testing {

inline std::string Gzip(const std::string& data, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, data.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string Zstd(const std::string& data, int level = 3) {
  std::string out(ZSTD_compressBound(data.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), level));
  return out;
}

}  // namespace cc::image::testing

#endif  // CC_IMAGE_TEST_COMPRESS_H_
