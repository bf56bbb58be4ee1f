// SPDX-License-Identifier: Apache-2.0
#ifndef CC_SHIM_RELAY_H_
#define CC_SHIM_RELAY_H_

namespace cc::shim {

// Copies between two stream sockets in both directions until each side has ended (half-closes are passed on)
// or one fails. One thread, and no buffer while nothing moves: a guest keeps its connections to a registry
// open for long.
void RelayIdleFree(int a, int b);

}  // namespace cc::shim

#endif  // CC_SHIM_RELAY_H_
