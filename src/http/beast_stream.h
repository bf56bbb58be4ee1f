// SPDX-License-Identifier: Apache-2.0
// Boost.Beast over our own sockets: no Asio, no exceptions.
#ifndef CC_HTTP_BEAST_STREAM_H_
#define CC_HTTP_BEAST_STREAM_H_

#include <array>

#define BOOST_ERROR_CODE_HEADER_ONLY
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#pragma GCC diagnostic pop

#include "absl/status/statusor.h"

namespace cc::http {

// What Beast reads from and writes to. `Socket` has Read and Write as TimedSocket has, and outlives the
// stream. Errors of either become io_error.
template <typename Socket>
class BeastStream {
 public:
  using error_code = boost::beast::error_code;
  explicit BeastStream(Socket& socket) : socket_(socket) {}

  template <typename Buffers>
  size_t read_some(const Buffers& buffers, error_code& error) {
    for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
      if (buffer.size() == 0) continue;
      const absl::StatusOr<size_t> count = socket_.Read(static_cast<char*>(buffer.data()), buffer.size());
      error = !count.ok()   ? make_error_code(boost::system::errc::io_error)
              : *count == 0 ? make_error_code(boost::asio::error::eof)
                            : error_code();
      return count.ok() ? *count : 0;
    }
    error = {};
    return 0;
  }
  // Beast gives headers and body as separate buffers; one write for both saves a packet.
  template <typename Buffers>
  size_t write_some(const Buffers& buffers, error_code& error) {
    error = {};
    std::array<char, 16384> gathered;
    const size_t size = boost::asio::buffer_copy(boost::asio::buffer(gathered), buffers);
    if (size == 0) return 0;
    const absl::StatusOr<size_t> count = socket_.Write(gathered.data(), size);
    if (!count.ok()) error = make_error_code(boost::system::errc::io_error);
    return count.ok() ? *count : 0;
  }
  // Beast asks for the throwing forms too; it does not call them.
  template <typename Buffers>
  size_t read_some(const Buffers& buffers) {
    error_code error;
    return read_some(buffers, error);
  }
  template <typename Buffers>
  size_t write_some(const Buffers& buffers) {
    error_code error;
    return write_some(buffers, error);
  }

 private:
  Socket& socket_;
};

}  // namespace cc::http

#endif  // CC_HTTP_BEAST_STREAM_H_
