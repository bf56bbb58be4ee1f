// SPDX-License-Identifier: Apache-2.0
// The least a guest can do: say that it is there, then power off. The yardstick for boot times.
#include <linux/reboot.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  static const char kLine[] = "bare-init-ready\n";
  if (write(1, kLine, sizeof(kLine) - 1) < 0) return 1;
  reboot(LINUX_REBOOT_CMD_POWER_OFF);
  return 0;
}
