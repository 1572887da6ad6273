// The proxy between a client and a server that the test plays both. Bytes are compared; times only from below.

#include "bench/coherence_torture/fault_proxy.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/processes/temp_folder.h"
#include "bench/support/clock.h"
#include "gtest/gtest.h"

namespace nearcache::bench::torture {
namespace {

constexpr char kPing[] = "*1\r\n$4\r\nPING\r\n";
constexpr char kPong[] = "+PONG\r\n";
constexpr int64_t kLong = 60 * kNanosPerSecond;

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A socket that this test reads from and writes to, and waits for at most ten seconds.
class End {
 public:
  explicit End(int descriptor) : descriptor_(descriptor) {
    const timeval timeout = {10, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }
  ~End() { Close(); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  void Close() {
    if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
  }
  void Send(absl::string_view bytes) const {
    ASSERT_EQ(send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  // So many bytes, or fewer if the connection ends before.
  std::string Receive(size_t bytes) const {
    std::string received;
    char buffer[4096];
    while (received.size() < bytes) {
      const ssize_t count = recv(descriptor_, buffer, std::min(sizeof(buffer), bytes - received.size()), 0);
      if (count <= 0) break;
      received.append(buffer, static_cast<size_t>(count));
    }
    return received;
  }
  // A reset is what it is called when something that had been sent was not read any more.
  bool Ended() const {
    char byte = 0;
    const ssize_t count = recv(descriptor_, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }
  bool HasNothing() const {
    char byte = 0;
    return recv(descriptor_, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

 private:
  int descriptor_;
};

class FaultProxyTest : public testing::Test {
 protected:
  struct Link {
    std::unique_ptr<End> client;
    std::unique_ptr<End> server;
  };

  FaultProxyTest() : folder_(*TempFolder::Create()), server_path_(folder_->path() + "/server.sock") {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = AddressOf(server_path_);
    EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    proxy_ = *FaultProxy::Start(folder_->path(), /*worker_count=*/2, server_path_, /*seed=*/1);
  }
  ~FaultProxyTest() override { close(listener_); }

  // A connection that has been used already, of data or, with `subscribes`, of messages.
  Link Connect(int worker, bool subscribes = false) const {
    Link link;
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = AddressOf(FaultProxy::SocketPath(folder_->path(), worker));
    EXPECT_EQ(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    link.client = std::make_unique<End>(descriptor);
    link.server = std::make_unique<End>(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    const std::string command = subscribes ? "*2\r\n$9\r\nSUBSCRIBE\r\n$2\r\nch\r\n" : kPing;
    RoundTrip(link, command);
    return link;
  }

  static void RoundTrip(const Link& link, absl::string_view command = kPing) {
    link.client->Send(command);
    EXPECT_EQ(link.server->Receive(command.size()), command);
    link.server->Send(kPong);
    EXPECT_EQ(link.client->Receive(sizeof(kPong) - 1), kPong);
  }

  static ProxyFault Fault(FaultAction action, int64_t duration_nanos = kLong) {
    ProxyFault fault;
    fault.action = action;
    fault.duration_nanos = duration_nanos;
    return fault;
  }

  std::unique_ptr<TempFolder> folder_;
  const std::string server_path_;
  int listener_ = -1;
  std::unique_ptr<FaultProxy> proxy_;
};

TEST_F(FaultProxyTest, PassesEverythingUnchangedBothWays) {
  const Link link = Connect(0);
  std::string value(300'000, 'v');
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7);
  const std::string reply = absl::StrCat("$", value.size(), "\r\n", value, "\r\n");
  link.client->Send(kPing);
  EXPECT_EQ(link.server->Receive(sizeof(kPing) - 1), kPing);
  std::string received;
  // In pieces that a socket takes.
  for (size_t i = 0; i < reply.size(); i += 100'000) {
    link.server->Send(absl::string_view(reply).substr(i, 100'000));
    if (i + 100'000 < reply.size()) continue;
    received = link.client->Receive(reply.size());
  }
  EXPECT_EQ(received, reply);
}

TEST_F(FaultProxyTest, EndOfOneSideIsTheEndOfTheOther) {
  const Link link = Connect(0);
  link.server->Send("+last\r\n");
  link.server->Close();
  EXPECT_EQ(link.client->Receive(7), "+last\r\n");
  EXPECT_TRUE(link.client->Ended());
}

TEST_F(FaultProxyTest, CutConcernsTheWorkerAndTheRoleAskedFor) {
  const Link data = Connect(0);
  const Link channel = Connect(0, /*subscribes=*/true);
  const Link other = Connect(1, /*subscribes=*/true);
  ProxyFault fault = Fault(FaultAction::kCut, 0);
  fault.worker = 0;
  fault.role = ConnectionRole::kChannel;
  const FaultTally tally = proxy_->Begin(fault);
  EXPECT_TRUE(channel.client->Ended());
  EXPECT_TRUE(channel.server->Ended());
  EXPECT_EQ(tally->load(), 1);
  RoundTrip(data);
  RoundTrip(other);
}

TEST_F(FaultProxyTest, DropsPushesOfTheChannelAlone) {
  const Link channel = Connect(0, /*subscribes=*/true);
  ProxyFault fault = Fault(FaultAction::kDropMessages);
  fault.role = ConnectionRole::kChannel;
  fault.messages = 1;
  const FaultTally tally = proxy_->Begin(fault);
  channel.server->Send(">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\na\r\n>3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nb\r\n");
  const std::string second = ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nb\r\n";
  EXPECT_EQ(channel.client->Receive(second.size()), second);
  EXPECT_EQ(tally->load(), 1);
}

TEST_F(FaultProxyTest, ExchangesValuesOfTwoGets) {
  const Link link = Connect(0);
  const std::string commands = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nget\r\n$1\r\nb\r\n";
  const std::string a = absl::StrCat("$100\r\n", std::string(100, 'a'), "\r\n");
  const std::string b = absl::StrCat("$100\r\n", std::string(100, 'b'), "\r\n");
  ProxyFault fault = Fault(FaultAction::kExchangeValues);
  fault.messages = 1;
  const FaultTally tally = proxy_->Begin(fault);
  link.client->Send(commands);
  EXPECT_EQ(link.server->Receive(commands.size()), commands);
  link.server->Send(a + b);
  EXPECT_EQ(link.client->Receive(a.size() + b.size()), b + a);
  EXPECT_EQ(tally->load(), 1);
}

TEST_F(FaultProxyTest, DelayedReplyComesNotBeforeItsTime) {
  const Link link = Connect(0);
  ProxyFault fault = Fault(FaultAction::kDelay);
  fault.delay_nanos = 50 * kNanosPerMilli;
  const int64_t begun_nanos = NowNanos();
  const FaultTally tally = proxy_->Begin(fault);
  RoundTrip(link);
  EXPECT_GE(NowNanos() - begun_nanos, fault.delay_nanos);
  EXPECT_EQ(tally->load(), 1);
}

TEST_F(FaultProxyTest, SilenceHoldsOneDirectionUntilItsEnd) {
  const Link link = Connect(0);
  const int64_t begun_nanos = NowNanos();
  const FaultTally tally = proxy_->Begin(Fault(FaultAction::kSilence, 100 * kNanosPerMilli));
  link.client->Send(kPing);
  EXPECT_EQ(link.server->Receive(sizeof(kPing) - 1), kPing) << "the other direction goes on";
  link.server->Send(kPong);
  EXPECT_EQ(link.client->Receive(sizeof(kPong) - 1), kPong);
  EXPECT_GE(NowNanos() - begun_nanos, 100 * kNanosPerMilli);
  EXPECT_EQ(tally->load(), 1);
}

TEST_F(FaultProxyTest, SilenceCanEndWithACut) {
  const Link link = Connect(0);
  ProxyFault fault = Fault(FaultAction::kSilence, 50 * kNanosPerMilli);
  fault.to_server = true;
  fault.cut_at_end = true;
  proxy_->Begin(fault);
  link.client->Send(kPing);
  link.server->Send(kPong);
  EXPECT_TRUE(link.client->Ended());
  EXPECT_EQ(link.server->Receive(1), "");
}

TEST_F(FaultProxyTest, TrickleLosesNothing) {
  const Link link = Connect(0);
  ProxyFault fault = Fault(FaultAction::kTrickle);
  fault.bytes_per_milli = 10;
  const int64_t begun_nanos = NowNanos();
  const FaultTally tally = proxy_->Begin(fault);
  const std::string reply = absl::StrCat("$400\r\n", std::string(400, 't'), "\r\n");
  link.server->Send(reply);
  EXPECT_EQ(link.client->Receive(reply.size()), reply);
  EXPECT_GE(NowNanos() - begun_nanos, 30 * kNanosPerMilli);
  EXPECT_GT(tally->load(), 0);
}

TEST_F(FaultProxyTest, CutInsideDeliversHalfAMessage) {
  const Link link = Connect(0);
  const FaultTally tally = proxy_->Begin(Fault(FaultAction::kCutInside));
  link.server->Send("$6\r\nabcdef\r\n");
  EXPECT_EQ(link.client->Receive(100), "$6\r\nab");
  EXPECT_TRUE(link.server->Ended());
  EXPECT_EQ(tally->load(), 1);
}

TEST_F(FaultProxyTest, HeldCommandsArriveAfterTheirSenderSawTheEnd) {
  const Link link = Connect(0);
  ProxyFault fault = Fault(FaultAction::kHoldCommands, 30 * kNanosPerMilli);
  fault.to_server = true;
  fault.delay_nanos = 50 * kNanosPerMilli;
  const FaultTally tally = proxy_->Begin(fault);
  link.client->Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
  EXPECT_TRUE(link.client->Ended());
  EXPECT_TRUE(link.server->HasNothing());
  EXPECT_EQ(link.server->Receive(27), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
  EXPECT_EQ(tally->load(), 1);
  EXPECT_TRUE(link.server->Ended());
}

TEST_F(FaultProxyTest, FaultEndsAfterItsTime) {
  const Link link = Connect(0, /*subscribes=*/true);
  const std::string push = ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\na\r\n";
  const FaultTally tally = proxy_->Begin(Fault(FaultAction::kDropMessages, kNanosPerMilli));
  const int64_t begun_nanos = NowNanos();
  while (NowNanos() - begun_nanos <= 2 * kNanosPerMilli) RoundTrip(link);
  link.server->Send(push);
  EXPECT_EQ(link.client->Receive(push.size()), push);
  EXPECT_EQ(tally->load(), 0);
}

TEST_F(FaultProxyTest, NewConnectionsGoToTheNewServer) {
  const Link old = Connect(0);
  const std::string path = folder_->path() + "/second.sock";
  const int second = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  ASSERT_EQ(bind(second, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(second, 16), 0);
  close(std::exchange(listener_, second));
  proxy_->SetServer(path);
  const Link link = Connect(0);
  RoundTrip(link);
  RoundTrip(old);
}

}  // namespace
}  // namespace nearcache::bench::torture
