// SPDX-License-Identifier: Apache-2.0
// What containerd is told to mount.
#ifndef CC_SNAPSHOTTER_MOUNTS_H_
#define CC_SNAPSHOTTER_MOUNTS_H_

#include <string>

#include "containerd/types.pb.h"

namespace cc::snapshotter {

// The root file system of a container whose image is pulled inside the guest. containerd itself mounts it
// before it creates a container, to look up users, so it must be mountable without a helper program: a
// read-only bind mount of `empty_dir`. Its option io.katacontainers.volume carries a KataVirtualVolume of
// type image_guest_pull, as nydus-snapshotter's mounts do; the kernel ignores it on bind mounts. Our
// shim and Kata's Rust runtime go by this option, whatever the type of the mount; Kata's Go runtime only
// looks for it when the type is fuse.nydus-overlayfs, and needs experimental_force_guest_pull here.
//
// The volume names no image: snapshots are identified by their layers alone, and two images with different
// configurations may share all layers. Shims take the name from the container.
containerd::types::Mount GuestPullMount(const std::string& empty_dir);

// A writable directory into which containerd unpacks a layer.
containerd::types::Mount UnpackMount(const std::string& dir);

}  // namespace cc::snapshotter

#endif  // CC_SNAPSHOTTER_MOUNTS_H_
