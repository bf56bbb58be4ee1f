// SPDX-License-Identifier: Apache-2.0
// One connection to PostgreSQL over libpq: every wait has an end, every value goes as a bound parameter.
#ifndef CC_TRUSTEE_STORE_POSTGRES_CONNECTION_H_
#define CC_TRUSTEE_STORE_POSTGRES_CONNECTION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct pg_conn;
struct pg_result;

namespace cc::trustee {

// The token type for a database reached over a network without a verified certificate.
struct AllowPlaintextDatabase {};

// Where the database is: a connection string of libpq ("host=… dbname=…" or postgresql://…), checked. It may
// hold a password, so no error or log line of ours quotes it.
class PostgresAddress {
 public:
  // InvalidArgument when it cannot be read, or asks for a TLS mode that does not check the server's
  // certificate. What it leaves out: sslmode is verify-full (libpq applies it to TCP only, never to unix
  // sockets), and of several hosts the one that accepts writes is taken.
  static absl::StatusOr<PostgresAddress> Parse(std::string text);
  static absl::StatusOr<PostgresAddress> Parse(std::string text, AllowPlaintextDatabase);

  const std::string& text() const { return text_; }
  const char* default_ssl_mode() const { return default_ssl_mode_; }

 private:
  PostgresAddress(std::string text, const char* mode) : text_(std::move(text)), default_ssl_mode_(mode) {}
  std::string text_;
  const char* default_ssl_mode_;
};

// Thread-compatible.
class PostgresConnection {
 public:
  // Unavailable when nothing accepts the connection; what the server says goes to the log, because this
  // status may reach clients that have no business with names and addresses of databases.
  static absl::StatusOr<PostgresConnection> Open(const PostgresAddress& address);

  // A bound parameter: bytes, or a number.
  using Parameter = std::variant<std::string_view, int64_t>;

  class Result {
   public:
    size_t rows() const;
    std::string Bytes(size_t row) const;  // of the first column
    int64_t Number(size_t row) const;     // likewise, of a bigint
    size_t changed() const;               // rows written or removed

   private:
    friend class PostgresConnection;
    struct Closer {
      void operator()(pg_result* result) const;
    };
    explicit Result(pg_result* result) : result_(result) {}
    std::unique_ptr<pg_result, Closer> result_;
  };

  // One statement. `what` begins the message of an error. After Unavailable it is not known whether a
  // statement that writes took effect.
  absl::StatusOr<Result> Query(std::string_view what, const char* sql,
                               const std::vector<Parameter>& parameters = {});

  // False when it cannot be used any more, also because the server has gone since the last use.
  bool Usable();

 private:
  struct Closer {
    void operator()(pg_conn* connection) const;
  };
  explicit PostgresConnection(pg_conn* connection) : connection_(connection) {}
  absl::Status Await(std::chrono::steady_clock::time_point deadline, std::string_view what);
  absl::Status Failure(std::string_view what, const pg_result* result) const;

  std::unique_ptr<pg_conn, Closer> connection_;
};

}  // namespace cc::trustee

#endif  // CC_TRUSTEE_STORE_POSTGRES_CONNECTION_H_
