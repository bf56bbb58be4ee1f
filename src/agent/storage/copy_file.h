// SPDX-License-Identifier: Apache-2.0
// CopyFile: the host puts small files, directories and symbolic links into the guest, beneath one directory
// and nowhere else. No link on the way is followed; a file appears under its name only when it is complete.
#ifndef CC_AGENT_STORAGE_COPY_FILE_H_
#define CC_AGENT_STORAGE_COPY_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "kata/agent.pb.h"

namespace cc::agent {

// `root` is created when missing; request.path must lie beneath it. A file comes in chunks: each begins at
// most where the last ended (InvalidArgument otherwise), and the one that reaches file_size completes it.
absl::Status CopyFile(const std::string& root, const grpc::CopyFileRequest& request);

}  // namespace cc::agent

#endif  // CC_AGENT_STORAGE_COPY_FILE_H_
