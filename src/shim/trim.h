// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SHIM_TRIM_H_
#define CC_SHIM_TRIM_H_

namespace cc::shim {

// Gives memory back that only the start of a process needed: free heap, and the pages of our code and
// constants, which come back from the page cache one by one as they are used. A shim then idles for days.
// Thread-safe.
void TrimMemory();

}  // namespace cc::shim

#endif  // CC_SHIM_TRIM_H_
