// SPDX-License-Identifier: Apache-2.0
// cc-pause: the one process of a pod's pause container. It holds the pod's namespaces, does not leave zombies
// when the pod shares its PID namespace, and ends on SIGINT or SIGTERM.
#include <signal.h>
#include <unistd.h>

#include <initializer_list>

int main() {
  ::signal(SIGCHLD, SIG_IGN);  // the kernel reaps
  for (int signal : {SIGINT, SIGTERM}) {
    ::signal(signal, [](int) { ::_exit(0); });
  }
  while (true) ::pause();
}
