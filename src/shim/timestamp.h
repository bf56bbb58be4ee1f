// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SHIM_TIMESTAMP_H_
#define CC_SHIM_TIMESTAMP_H_

#include <time.h>

#include "google/protobuf/timestamp.pb.h"

namespace cc::shim {

inline google::protobuf::Timestamp Now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(now.tv_sec);
  timestamp.set_nanos(static_cast<int>(now.tv_nsec));
  return timestamp;
}

}  // namespace cc::shim

#endif  // CC_SHIM_TIMESTAMP_H_
