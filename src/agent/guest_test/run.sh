#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Boots a guest (QEMU TCG, x86-64 microvm) whose PID 1 is cc-agent and whose data hub is agent_guest_test; the
# test talks to the agent by vsock loopback. Needs root, crun, busybox-static and an unpacked Debian kernel package.
#
#   src/agent/guest_test/run.sh <build directory> <directory with boot/ and lib/modules/ of the kernel> [kernel parameters]
#
# The kernel gives "GTEST_FILTER=GuestProcess.*" among the parameters on as environment.
set -eu
build=$1
kernel=$2
parameters=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/etc/cc-agent" "$root/bbroot/bin" "$root/bbroot/etc" "$root/modules"
for link in bin sbin lib lib64; do ln -s usr/$link "$root/$link"; done
ln -s bin "$root/usr/sbin"
ln -s lib "$root/usr/lib64"

# Programs with their shared libraries.
cp "$build/bin/cc-agent" "$build/bin/cc-pause" /usr/bin/crun "$root/usr/bin/"
cp "$build/bin/agent_guest_test" "$root/usr/bin/cc-datahub"
for program in cc-agent crun cc-datahub; do
  ldd "$root/usr/bin/$program" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root/usr/lib/$(basename "$(dirname "$library")")"
    case $library in
      /lib64/*) cp -L "$library" "$root/usr/lib/" ;;
      *) mkdir -p "$root/usr/$(dirname "${library#/usr/}")" && cp -L "$library" "$root/usr/${library#/usr/}" ;;
    esac
  done
done
strip "$root"/usr/bin/* 2>/dev/null || true
ln -s usr/bin/cc-agent "$root/init"
cp /bin/busybox "$root/bbroot/bin/busybox"
for applet in sh dd id ps echo cat sleep true head tail hostname tty stty touch df awk ls; do ln -s busybox "$root/bbroot/bin/$applet"; done
cp /bin/busybox "$root/usr/bin/busybox" && ln -s busybox "$root/usr/bin/sh"

modules=$(echo "$kernel"/lib/modules/*)
for module in virtio_ring virtio virtio_mmio vsock vmw_vsock_virtio_transport_common vsock_loopback overlay dummy; do
  path=$(find "$modules" -name "$module.ko" | head -1)
  [ -n "$path" ] || continue
  cp "$path" "$root/modules/"
  echo "/modules/$module.ko" >> "$root/etc/cc-agent/modules"
done
sed -i 's,dummy.ko,dummy.ko numdummies=1,' "$root/etc/cc-agent/modules"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$work/initramfs"

khz=$(awk '/MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
timeout 300 qemu-system-x86_64 -M microvm -accel tcg -cpu max -m 768 -smp 2 -nodefaults -no-user-config -nographic \
  -no-reboot -serial stdio -kernel "$(echo "$kernel"/boot/vmlinuz-*)" -initrd "$work/initramfs" \
  -append "console=ttyS0 quiet panic=-1 tsc_early_khz=$khz tsc=reliable no_timer_check mitigations=off agent.log=debug $parameters" \
  < /dev/null | tee "$work/log"
grep -q 'GUEST TEST PASSED' "$work/log"
