// SPDX-License-Identifier: Apache-2.0
// A hostile guest: reads and writes every device register at random, in every width, then powers off.
//   mmio_poke <address> <bytes> <accesses> <seed>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/reboot.h>

static uint64_t state;

static uint64_t Random(void) {  // xorshift64*, Vigna 2016
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dull;
}

// Registers take small numbers and addresses: random ones alone would get nowhere.
static uint64_t Value(void) {
  switch (Random() % 4) {
    case 0:
      return Random() % 16;
    case 1:
      return 0x40000000 + Random() % 0x10000000;
    case 2:
      return 1ull << Random() % 32;
    default:
      return Random();
  }
}

static void Access(volatile uint8_t* at, int width, int write) {
  switch (width) {
    case 1:
      if (write)
        *at = (uint8_t)Value();
      else
        (void)*at;
      return;
    case 2:
      if (write)
        *(volatile uint16_t*)at = (uint16_t)Value();
      else
        (void)*(volatile uint16_t*)at;
      return;
    case 4:
      if (write)
        *(volatile uint32_t*)at = (uint32_t)Value();
      else
        (void)*(volatile uint32_t*)at;
      return;
    default:
      if (write)
        *(volatile uint64_t*)at = Value();
      else
        (void)*(volatile uint64_t*)at;
  }
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const off_t address = strtoll(argv[1], NULL, 0);
  const uint64_t size = strtoull(argv[2], NULL, 0), accesses = strtoull(argv[3], NULL, 0);
  state = strtoull(argv[4], NULL, 0) | 1;
  const int memory = open("/dev/mem", O_RDWR | O_SYNC);
  volatile uint8_t* const page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, address);
  if (page == MAP_FAILED) {
    perror("map the devices");
    return 1;
  }
  for (uint64_t i = 0; i < accesses; ++i) {
    const int width = 1 << Random() % 4;
    // The registers before the configuration of a device, mostly.
    const uint64_t offset = Random() % 8 != 0 ? Random() % 0x108 : Random() % 0x1000;
    Access(page + Random() % (size / 0x1000) * 0x1000 + offset / width * width, width, Random() % 4 != 0);
  }
  printf("%llu accesses made\n", (unsigned long long)accesses);
  fflush(stdout);
  reboot(LINUX_REBOOT_CMD_POWER_OFF);
  return 1;
}
