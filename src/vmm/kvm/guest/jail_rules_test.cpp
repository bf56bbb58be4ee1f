// SPDX-License-Identifier: Apache-2.0
// The jail's rules against the VMM itself: it lives with them, and each is there because it is used. KVM is a
// fake that also makes the system calls which the real one would be asked with.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/socket.h"
#include "base/strings.h"
#include "cca/realm/fake_kvm.h"
#include "cca/realm/memory.h"
#include "vmm/kvm/control/message.h"
#include "vmm/kvm/guest/server.h"
#include "vmm/kvm/guest/test_kvm.h"
#include "vmm/kvm/guest/test_virtio_guest.h"
#include "vmm/kvm/jail/jail.h"
#include "vmm/kvm/jail/test_tracer.h"
#include "vmm/kvm/machine/test_image.h"
#include "vmm/vsock/packet.h"

namespace cc::vmm::kvm {
namespace {

using jail::Jail;
using jail::ThreadKind;

constexpr jail::Limits kLimits = {.file_bytes = 256 << 20, .descriptors = 256, .threads = 16};
constexpr uint32_t kHostPort = 1040;

// Of block, entropy and network devices, for which this test has no drivers: not proven to be used.
const std::set<std::string_view> kNotTried = {
    "getrandom of devices", "ioctl BLKGETSIZE64",    "fcntl F_GETFL",  "preadv", "pwritev", "fdatasync",
    "ioctl TUNSETOFFLOAD",  "ioctl TUNSETVNETHDRSZ", "ioctl TUNGETIFF"};

// The calls go to no descriptor: filters look at them before the kernel does.
template <typename Fake>
class Issuing : public Fake {
 public:
  using Fake::Fake;
  using Fake::Ioctl;
  int Ioctl(int fd, unsigned long request, void* argument) override {
    ::syscall(SYS_ioctl, -1, request, 0);
    return Fake::Ioctl(fd, request, argument);
  }
  int Madvise(void* address, size_t size, int advice) override {
    ::syscall(SYS_madvise, 0, 0, advice);
    return Fake::Madvise(address, size, advice);
  }
};

// Real memory without a VM.
class MemoryOnly : public TestKvm {
 public:
  int Ioctl(int, unsigned long request, void*) override {
    ::syscall(SYS_ioctl, -1, request, 0);
    return request == cca::uapi::kCreateGuestMemfd ? Real().CreateMemory("private", 4 << 20) : 0;
  }
  int CreateMemory(const char* name, uint64_t size) override { return Real().CreateMemory(name, size); }
  int Mmap(size_t size, int protection, int flags, int fd, off_t offset, void** mapped) override {
    return Real().Mmap(size, protection, flags, fd, offset, mapped);
  }
  int Munmap(void* address, size_t size) override { return Real().Munmap(address, size); }
  int Madvise(void* address, size_t size, int advice) override {
    return Real().Madvise(address, size, advice);
  }
  int Fallocate(int fd, int mode, off_t offset, off_t size) override {
    return Real().Fallocate(fd, mode, offset, size);
  }

 private:
  static cca::realm::KvmCalls& Real() { return cca::realm::RealKvm(); }
};

UniqueFd FileOf(std::string_view bytes) {
  UniqueFd file(::memfd_create("guest-file", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

std::string VsockPacket(vsock::Operation operation, uint32_t guest_port, uint32_t host_port,
                        std::string_view payload = {}, uint32_t flags = 0) {
  const vsock::PacketHeader header = {.source_cid = 3,
                                      .target_cid = vsock::kHostCid,
                                      .source_port = guest_port,
                                      .target_port = host_port,
                                      .length = static_cast<uint32_t>(payload.size()),
                                      .operation = operation,
                                      .flags = flags,
                                      .buffer_size = 64 << 10};
  return std::string(reinterpret_cast<const char*>(&header), vsock::kHeaderSize) + std::string(payload);
}

class JailRulesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (jail::kSanitized) GTEST_SKIP() << "sanitizers make calls of their own";
    spec_.id = "test";
    spec_.arch = "aarch64";
    spec_.vcpus = 1;
    spec_.memory_mib = 64;
    spec_.cmdline = {"console=ttyAMA0"};
  }
  Machine Describe() {
    return *DescribeMachine(spec_, {TestImage(), OwnedGuestFile("initramfs", std::string(9000, 'i'))});
  }
  // The child is there, in the directory of its sockets.
  jail::Traced Trace(const std::function<int()>& body) {
    return jail::TraceChild([&] { return ::chdir(directory_.path().c_str()) == 0 ? body() : 1; });
  }
  void Prepare(TestKvm* kvm);
  void PlayShim(int control, const Launch& launch);
  jail::Traced TraceServer(bool events);
  jail::Traced TraceRealms();
  jail::Traced TraceConversions();

  const TempDir directory_ = *TempDir::Create("jail-rules-test");
  VmSpec spec_;
};

// What the guest will do.
void JailRulesTest::Prepare(TestKvm* kvm) {
  const Machine machine = Describe();
  uint64_t console_at = 0, vsock_at = 0;
  for (const DeviceSlot& slot : machine.devices) {
    if (slot.kind == DeviceKind::kConsole) console_at = slot.address;
    if (slot.kind == DeviceKind::kVsock) vsock_at = slot.address;
  }
  static std::optional<TestVirtioGuest> console, vsock;
  console.emplace(kvm, console_at, kRamBase + (32 << 20));
  vsock.emplace(kvm, vsock_at, kRamBase + (33 << 20));
  console->Mmio(kUart, 'u');
  console->Start(2);
  console->Offer(1, "printed", 0);
  console->WaitForUsed(1, 1);
  vsock->Start(2);
  for (int i = 0; i < 8; ++i) vsock->Offer(0, "", 1024);
  vsock->Offer(1, VsockPacket(vsock::Operation::kRequest, 7, kHostPort), 0);
  vsock->Offer(1, VsockPacket(vsock::Operation::kData, 7, kHostPort, "hello"), 0);
  vsock->WaitForUsed(0, 2);  // the host's response and "hi"
  vsock->Offer(1, VsockPacket(vsock::Operation::kShutdown, 7, kHostPort, {}, vsock::kShutdownSend), 0);
}

void JailRulesTest::PlayShim(int control, const Launch& launch) {
  MessageReader reader;
  const auto call = [&](nlohmann::json message) {
    message["id"] = 1;
    EXPECT_TRUE(SendMessage(control, message).ok());
    const auto reply = reader.Next(control, true);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_TRUE(StatusOf(**reply).ok()) << StatusOf(**reply);
  };
  const UniqueFd listener = *ListenUnix(StrCat(directory_.path(), "/vsock_", kHostPort));
  call({{"verb", "create"}, {"launch", LaunchToJson(launch)}});
  call({{"verb", "start"}});
  const auto accepted = Accept(listener.get());
  if (!accepted.ok()) return;  // the child has ended, and said why
  char buffer[64] = {};
  EXPECT_EQ(::recv(accepted->get(), buffer, 5, MSG_WAITALL), 5);
  EXPECT_STREQ(buffer, "hello");
  EXPECT_TRUE(SendFull(accepted->get(), "hi").ok());
  EXPECT_EQ(::recv(accepted->get(), buffer, 1, 0), 0) << "the guest has shut it down";
  const auto client = ConnectUnix(directory_.path() + "/vsock");
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(SendFull(client->get(), "no such line, which closes it\n!!").ok());
  EXPECT_LE(::recv(client->get(), buffer, 1, 0), 0);
  call({{"verb", "pause"}});
  call({{"verb", "resume"}});
  ::shutdown(control, SHUT_RDWR);
}

jail::Traced JailRulesTest::TraceServer(bool events) {
  auto control = *SocketPair();
  { const auto stale = ListenUnix(directory_.path() + "/vsock"); }  // of a VM that was killed
  const UniqueFd kernel = FileOf(ImageBytes()), initramfs = FileOf(std::string(9000, 'i'));
  const UniqueFd console = FileOf("");
  const Launch launch = {.spec = spec_, .kernel_fd = kernel.get(), .initramfs_fd = initramfs.get()};
  std::thread shim([&] { PlayShim(control.first.get(), launch); });
  jail::Traced traced = Trace([&] {
    control.first.reset();
    static Issuing<TestKvm> kvm;
    kvm.capabilities = {{165, 48}, {170, 1}};
    kvm.refuse = events ? "" : "irqfd";
    Prepare(&kvm);
    std::optional<Jail> closed;
    auto server = Server::Create({.kvm = &kvm,
                                  .control = std::move(control.second),
                                  .kvm_device = FileOf(""),
                                  .console = UniqueFd(::dup(console.get())),
                                  .confine =
                                      [&](const Launch&) {
                                        auto jail =
                                            Jail::Close(kLimits, jail::Network::kOwn, jail::Allowed::kTrace);
                                        if (!jail.ok()) return jail.status();
                                        closed = *std::move(jail);
                                        return absl::OkStatus();
                                      },
                                  .enter = [&](ThreadKind kind) { closed->Enter(kind); }});
    const bool ended = (*server)->Run().ok();
    server->reset();
    return ended ? 0 : 1;
  });
  ::shutdown(control.second.get(), SHUT_RDWR);  // whatever became of the child
  shim.join();
  char printed[16] = {};
  EXPECT_EQ(::pread(console.get(), printed, sizeof(printed), 0), 8);
  EXPECT_STREQ(printed, "uprinted");
  return traced;
}

// Every generation's way to a Realm.
jail::Traced JailRulesTest::TraceRealms() {
  spec_.tee = Tee::kCca;
  jail::Traced traced = Trace([&] {
    ::OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);  // of the fake, which measures
    const absl::StatusOr<Jail> jail = Jail::Close(kLimits, jail::Network::kOwn, jail::Allowed::kTrace);
    if (!jail.ok()) return 1;
    for (const cca::GenerationAbi& abi : cca::Generations()) {
      spec_.realm.rpv.fill(abi.config ? 7 : 0);
      Issuing<cca::realm::FakeKvm> kvm({.generation = abi.id});
      const UniqueFd device(kvm.Open("/dev/kvm", O_RDWR));
      const auto guest =
          Guest::Build(spec_, Describe(), {.kvm = &kvm, .kvm_device = device.get(), .vsock_path = "vsock"});
      if (!guest.ok()) {
        ::dprintf(2, "%s\n", std::string(guest.status().message()).c_str());
        return 2;
      }
    }
    return 0;
  });
  return traced;
}

// The guest shares memory and takes it back, on a vCPU's thread.
jail::Traced JailRulesTest::TraceConversions() {
  return Trace([] {
    const absl::StatusOr<Jail> jail = Jail::Close(kLimits, jail::Network::kOwn, jail::Allowed::kTrace);
    if (!jail.ok()) return 1;
    MemoryOnly kvm;
    const cca::InitRipas ram = {.base = 0x80000000, .size = 4 << 20};
    const auto memory = cca::realm::RealmMemory::Create(kvm, 0, std::span(&ram, 1), true);
    if (!memory.ok() || !(*memory)->MakePrivate().ok()) return 2;
    bool converted = false;
    // A stack larger than any that libc keeps of other tests: it is mapped here.
    constexpr size_t kStack = 64 << 20;
    auto vcpu = Thread::Start(
        "vcpu0",
        [&] {
          jail->Enter(ThreadKind::kVcpu);
          converted =
              (*memory)->Convert(ram.base, 8192, false).ok() && (*memory)->Convert(ram.base, 4096, true).ok();
        },
        kStack);
    vcpu->Join();
    return converted ? 0 : 3;
  });
}

TEST_F(JailRulesTest, TheMachineRunsWithThemAndUsesEachOne) {
  std::set<unsigned> used;
  const auto take = [&](const char* what, const jail::Traced& traced) {
    EXPECT_EQ(traced.end, "0") << what;
    used.insert(traced.marks.begin(), traced.marks.end());
  };
  take("a VM with KVM's events", TraceServer(true));
  take("a VM without", TraceServer(false));
  take("changes of memory", TraceConversions());
  take("Realms", TraceRealms());
  for (size_t i = 0; i < jail::Rules().size(); ++i) {
    const jail::Rule& rule = jail::Rules()[i];
    if (!rule.exists() || rule.rare || rule.answer != jail::Rule::Answer::kAllow ||
        kNotTried.contains(rule.name)) {
      continue;
    }
    for (int kind = 0; kind < jail::kThreadKinds; ++kind) {
      const auto thread = static_cast<ThreadKind>(kind);
      if (!rule.Has(thread)) continue;
      EXPECT_TRUE(used.contains(jail::RuleMark(thread, i))) << rule.name << " on a thread of kind " << kind;
    }
  }
}

}  // namespace
}  // namespace cc::vmm::kvm
