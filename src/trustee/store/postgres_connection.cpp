// SPDX-License-Identifier: Apache-2.0
#include "trustee/store/postgres_connection.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace cc::trustee {
namespace {

using std::chrono::steady_clock;

// Longer than statement_timeout below: a server that lives says itself that a statement took too long.
constexpr std::chrono::seconds kStatementTime(12);
constexpr int kBinary = 1;

// A commit that was answered is on disk, whatever the server's default says; statements and locks end.
constexpr char kSettings[] =
    "SELECT set_config('statement_timeout', '10s', false), set_config('lock_timeout', '5s', false), "
    "set_config('idle_in_transaction_session_timeout', '30s', false), "
    "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, false)";

void Discard(void*, const PGresult*) {}

// First line of what libpq or the server said.
std::string FirstLine(const char* text) {
  return std::string(StrTrim(SplitOnce(text != nullptr ? text : "", '\n').first));
}

absl::Status Unreachable(std::string_view what) {
  return absl::UnavailableError(StrCat(what, ": the database cannot be reached; try again later"));
}

absl::StatusOr<PQconninfoOption*> ParseOptions(const std::string& text) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(text.c_str(), &error);
  PQfreemem(error);  // it may quote the password
  if (options != nullptr) return options;
  return absl::InvalidArgumentError(
      "store.postgres: not a connection string of libpq; expected \"host=… dbname=… user=…\" or "
      "postgresql://USER@HOST/DATABASE");
}

}  // namespace

absl::StatusOr<PostgresAddress> PostgresAddress::Parse(std::string text) {
  CC_ASSIGN_OR_RETURN(PQconninfoOption * options, ParseOptions(text));
  std::string mode;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "sslmode" && option->val != nullptr) mode = option->val;
  }
  PQconninfoFree(options);
  if (!mode.empty() && mode != "verify-full" && mode != "verify-ca") {
    return absl::InvalidArgumentError(
        StrCat("store.postgres: sslmode=", mode,
               " sends secrets to whoever answers; use verify-full with sslrootcert=FILE, or set "
               "insecure_postgres_plaintext = true"));
  }
  return PostgresAddress(std::move(text), "verify-full");
}

absl::StatusOr<PostgresAddress> PostgresAddress::Parse(std::string text, AllowPlaintextDatabase) {
  CC_ASSIGN_OR_RETURN(PQconninfoOption * options, ParseOptions(text));
  PQconninfoFree(options);
  return PostgresAddress(std::move(text), "prefer");
}

void PostgresConnection::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }
void PostgresConnection::Result::Closer::operator()(pg_result* result) const { PQclear(result); }

size_t PostgresConnection::Result::rows() const { return static_cast<size_t>(PQntuples(result_.get())); }

std::string PostgresConnection::Result::Bytes(size_t row) const {
  const int index = static_cast<int>(row);
  return {PQgetvalue(result_.get(), index, 0), static_cast<size_t>(PQgetlength(result_.get(), index, 0))};
}

int64_t PostgresConnection::Result::Number(size_t row) const {
  const std::string bytes = Bytes(row);
  uint64_t number = 0;
  if (bytes.size() == sizeof(number)) std::memcpy(&number, bytes.data(), sizeof(number));
  return static_cast<int64_t>(be64toh(number));
}

size_t PostgresConnection::Result::changed() const {
  size_t count = 0;
  return ParseNumber(PQcmdTuples(result_.get()), &count) ? count : 0;
}

absl::StatusOr<PostgresConnection> PostgresConnection::Open(const PostgresAddress& address) {
  // What stands before the connection string is a default, what stands after it holds.
  const std::array<const char*, 9> keys = {"sslmode",          "target_session_attrs", "connect_timeout",
                                           "tcp_user_timeout", "keepalives_idle",      "keepalives_count",
                                           "dbname",           "application_name",     nullptr};
  const std::array<const char*, 9> values = {
      address.default_ssl_mode(), "read-write", "5",    "10000", "5", "3",
      address.text().c_str(),     "cc-trustee", nullptr};
  PGconn* raw = PQconnectdbParams(keys.data(), values.data(), /*expand_dbname=*/1);
  if (raw == nullptr) return absl::ResourceExhaustedError("connect to the database: out of memory");
  PostgresConnection connection(raw);
  if (PQstatus(raw) != CONNECTION_OK) {
    log::Error("cannot connect to the database", {{"error", FirstLine(PQerrorMessage(raw))}});
    return Unreachable("connect to the database");
  }
  PQsetNoticeReceiver(raw, Discard, nullptr);
  CC_RETURN_IF_ERROR(connection.Query("set up the connection to the database", kSettings).status());
  return connection;
}

bool PostgresConnection::Usable() {
  if (PQstatus(connection_.get()) != CONNECTION_OK ||
      PQtransactionStatus(connection_.get()) != PQTRANS_IDLE) {
    return false;
  }
  // Nothing is awaited: what can be read is the server's farewell.
  pollfd waiting{PQsocket(connection_.get()), POLLIN, 0};
  if (::poll(&waiting, 1, 0) == 0) return true;
  return PQconsumeInput(connection_.get()) == 1 && PQstatus(connection_.get()) == CONNECTION_OK;
}

// Sends what is left and reads until a result is complete.
absl::Status PostgresConnection::Await(steady_clock::time_point deadline, std::string_view what) {
  while (true) {
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) return Failure(what, nullptr);
    if (unsent == 0 && PQisBusy(connection_.get()) == 0) return absl::OkStatus();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    pollfd waiting{PQsocket(connection_.get()), static_cast<short>(POLLIN | (unsent != 0 ? POLLOUT : 0)), 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready == 0) {
      log::Error("the database does not answer", {{"attempt", what}});
      return Unreachable(what);
    }
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, what);
    if (ready > 0 && (waiting.revents & ~POLLOUT) != 0 && PQconsumeInput(connection_.get()) != 1) {
      return Failure(what, nullptr);
    }
  }
}

absl::Status PostgresConnection::Failure(std::string_view what, const pg_result* result) const {
  const char* field = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const std::string state = field != nullptr ? field : "";
  const char* primary = result != nullptr ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
  const std::string error = FirstLine(primary != nullptr ? primary : PQerrorMessage(connection_.get()));
  log::Error("the database refuses", {{"attempt", what}, {"sqlstate", state}, {"error", error}});
  const std::string kind = state.substr(0, 2);
  // Classes of appendix A of PostgreSQL's manual.
  if (kind.empty() || kind == "08" || kind == "57" || kind == "40" || kind == "55" || state == "25006") {
    return Unreachable(what);
  }
  const std::string message = StrCat(what, ": database error ", state, "; the log has its text");
  if (kind == "53") return absl::ResourceExhaustedError(message);
  if (kind == "54") return absl::InvalidArgumentError(message);
  if (kind == "28" || state == "42501") return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

absl::StatusOr<PostgresConnection::Result> PostgresConnection::Query(
    std::string_view what, const char* sql, const std::vector<Parameter>& parameters) {
  std::vector<uint64_t> numbers(parameters.size());
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(parameters.size(), kBinary);
  constexpr Oid kBytea = 17;  // fixed in pg_type.dat
  constexpr Oid kBigint = 20;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (const auto* bytes = std::get_if<std::string_view>(&parameters[i])) {
      types.push_back(kBytea);
      values.push_back(bytes->data() != nullptr ? bytes->data() : "");
      lengths.push_back(static_cast<int>(bytes->size()));
    } else {
      numbers[i] = htobe64(static_cast<uint64_t>(std::get<int64_t>(parameters[i])));
      types.push_back(kBigint);
      values.push_back(reinterpret_cast<const char*>(&numbers[i]));
      lengths.push_back(sizeof(uint64_t));
    }
  }
  const auto deadline = steady_clock::now() + kStatementTime;
  if (PQsetnonblocking(connection_.get(), 1) != 0 ||
      PQsendQueryParams(connection_.get(), sql, static_cast<int>(parameters.size()), types.data(),
                        values.data(), lengths.data(), formats.data(), kBinary) != 1) {
    return Failure(what, nullptr);
  }
  CC_RETURN_IF_ERROR(Await(deadline, what));
  Result result(PQgetResult(connection_.get()));
  // The end of the answer is a null result; only then may the next statement be sent.
  while (true) {
    CC_RETURN_IF_ERROR(Await(deadline, what));
    PGresult* more = PQgetResult(connection_.get());
    if (more == nullptr) break;
    PQclear(more);
  }
  const ExecStatusType status = PQresultStatus(result.result_.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return result;
  return Failure(what, result.result_.get());
}

}  // namespace cc::trustee
