// SPDX-License-Identifier: Apache-2.0
// Linux' TSM report interface (Documentation/ABI/testing/configfs-tsm-report): a directory per request,
// made and removed by us; `inblob` takes the report data, `outblob` gives the report, `generation` counts the
// writes.
#ifndef CC_ATTEST_ATTESTER_TSM_REPORT_H_
#define CC_ATTEST_ATTESTER_TSM_REPORT_H_

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cc::attest {

inline constexpr std::string_view kTsmReportRoot = "/sys/kernel/config/tsm/report";

// configfs as we use it: making a directory makes its attribute files too. Tests put theirs here.
struct ConfigFs {
  std::function<int(const char*)> make_directory = [](const char* path) { return ::mkdir(path, 0700); };
  std::function<int(const char*)> remove_directory = [](const char* path) { return ::rmdir(path); };
};

// Any thread may call; requests do not disturb each other.
class TsmReport {
 public:
  // `root` is kTsmReportRoot but in tests.
  explicit TsmReport(std::string root, ConfigFs configfs = {})
      : root_(std::move(root)), configfs_(std::move(configfs)) {}

  // The driver behind the interface, e.g. "arm_cca_guest". NotFound when the kernel offers none, any other
  // error when there is something that does not work.
  absl::StatusOr<std::string> Provider() const;

  // The report over `inblob`. FailedPrecondition when the driver is not `provider`, Aborted when somebody
  // else wrote to the same request (the report might then be over their data).
  absl::StatusOr<std::string> Get(std::string_view provider, std::string_view inblob) const;

 private:
  std::string root_;
  ConfigFs configfs_;
};

}  // namespace cc::attest

#endif  // CC_ATTEST_ATTESTER_TSM_REPORT_H_
