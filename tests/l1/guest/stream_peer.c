// SPDX-License-Identifier: Apache-2.0
// The guest's end of throughput and latency measurements: serves port 5000 of vsock and of TCP. The first
// byte of a connection says what is done with it: 'e' echo, 's' take everything and answer with one byte, 'g'
// give until the other side has had enough.
#include <sys/socket.h>

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { kPort = 5000, kBuffer = 1 << 18 };

static void Serve(int peer) {
  static char buffer[kBuffer];
  const int on = 1;
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  char what = 0;
  if (read(peer, &what, 1) != 1) return;
  ssize_t n;
  switch (what) {
    case 'e':
      while ((n = read(peer, buffer, sizeof(buffer))) > 0) {
        for (ssize_t done = 0; done < n;) {
          const ssize_t sent = write(peer, buffer + done, (size_t)(n - done));
          if (sent <= 0) return;
          done += sent;
        }
      }
      return;
    case 's':
      while (read(peer, buffer, sizeof(buffer)) > 0) {
      }
      if (write(peer, "k", 1) != 1) return;
      return;
    case 'g':
      while (write(peer, buffer, sizeof(buffer)) > 0) {
      }
  }
}

static void Listen(int family, const void* address, socklen_t size) {
  const int listener = socket(family, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, address, size) != 0 || listen(listener, 8) != 0) {
    perror("listen");
    exit(1);
  }
  if (fork() != 0) return;
  for (;;) {
    const int peer = accept(listener, NULL, NULL);
    if (peer < 0) continue;
    if (fork() == 0) {
      Serve(peer);
      _exit(0);
    }
    close(peer);
  }
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  struct sockaddr_vm vsock = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = kPort};
  struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_port = htons(kPort)};
  Listen(AF_VSOCK, &vsock, sizeof(vsock));
  Listen(AF_INET, &tcp, sizeof(tcp));
  puts("peer listens");
  return 0;
}
