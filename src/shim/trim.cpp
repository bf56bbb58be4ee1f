// SPDX-License-Identifier: Apache-2.0
#include "shim/trim.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace cc::shim {
namespace {

int DropReadOnlySegments(dl_phdr_info* info, size_t, void*) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    // What the loader relocated lives in writable segments and must stay.
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (info->dlpi_addr + header.p_vaddr + page - 1) & ~(page - 1);
    const uintptr_t end = (info->dlpi_addr + header.p_vaddr + header.p_memsz) & ~(page - 1);
    // SAFETY: pages of a private, never written file mapping are read again from the file on their next use.
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void TrimMemory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(DropReadOnlySegments, nullptr);
}

}  // namespace cc::shim
