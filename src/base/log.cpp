// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

// Header-only: the shim must not map two more shared objects for its log.
#define SPDLOG_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL_HO
#define FMT_HEADER_ONLY
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#pragma GCC diagnostic pop

#include <memory>
#include <mutex>

namespace cc::log {
namespace {

// Writes each formatted line with one write(2), so that lines of several processes on one pipe stay whole.
class FdSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(int fd) : fd_(fd) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    // A log that cannot be written must not stop the work it describes.
    [[maybe_unused]] ssize_t written = ::write(fd_, line.data(), line.size());
  }
  void flush_() override {}

 private:
  int fd_;
};

void AppendEscaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (byte < 0x20 || byte == 0x7f) {
      out.append("\\u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

struct Logger {
  std::unique_ptr<spdlog::logger> out;
  Format format = Format::kText;
};

std::unique_ptr<spdlog::logger> Make(const Options& options) {
  auto logger = std::make_unique<spdlog::logger>(options.component, std::make_shared<FdSink>(options.fd));
  const std::string name = options.component.empty() ? "" : "%n ";
  logger->set_pattern(options.format == Format::kJson
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","component":"%n",%v})"
                          : "%Y-%m-%dT%H:%M:%S.%fZ %l " + name + "%v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(ToSpdlog(options.level));
  return logger;
}

// The one process-wide logger; written only by Init, before other threads exist.
Logger& Instance() {
  static Logger logger{Make(Options{}), Format::kText};
  return logger;
}

}  // namespace

void Init(const Options& options) { Instance() = Logger{Make(options), options.format}; }

void Write(Level level, std::string_view event, Fields fields) {
  Logger& logger = Instance();
  const spdlog::level::level_enum spdlog_level = ToSpdlog(level);
  if (!logger.out->should_log(spdlog_level)) return;
  const bool json = logger.format == Format::kJson;
  std::string line;
  if (json) {
    line.append("\"event\":");
    AppendEscaped(line, event);
  } else {
    line.append(event);
  }
  for (const Field& field : fields) {
    line.push_back(json ? ',' : ' ');
    if (json) {
      AppendEscaped(line, field.key());
      line.push_back(':');
    } else {
      line.append(field.key());
      line.push_back('=');
    }
    if (field.is_number()) {
      line.append(field.value());
    } else {
      AppendEscaped(line, field.value());
    }
  }
  logger.out->log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace cc::log
