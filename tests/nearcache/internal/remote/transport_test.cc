#include "nearcache/internal/remote/transport.h"

#include <poll.h>

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;
using ::testing::HasSubstr;

TransportRequest UnixRequest(const std::string& path) {
  TransportRequest request;
  request.address = Address::Unix(path);
  request.user_timeout = absl::Seconds(1);
  return request;
}

bool WaitFor(const Transport& transport, int16_t events) {
  pollfd ready{transport.descriptor(), events, 0};
  return poll(&ready, 1, 10'000) > 0;
}

IoResult Write(Transport& transport, std::string bytes) {
  iovec part{bytes.data(), bytes.size()};
  return transport.Write(absl::MakeConstSpan(&part, 1));
}

class TransportTest : public ::testing::Test {
 protected:
  void Connect() {
    absl::StatusOr<std::unique_ptr<Transport>> opened = OpenPlainTransport(UnixRequest(server_.socket_path()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    transport_ = *std::move(opened);
    peer_ = server_.Accept();
    ASSERT_TRUE(WaitFor(*transport_, POLLOUT));
    ASSERT_EQ(transport_->FinishConnect().kind, IoResult::Kind::kDone);
  }

  ScriptedServer server_;
  Peer peer_{-1};
  std::unique_ptr<Transport> transport_;
};

TEST_F(TransportTest, MovesBytesBothWays) {
  Connect();
  EXPECT_EQ(Write(*transport_, "*1\r\n$4\r\nPING\r\n").bytes, 14u);
  EXPECT_EQ(peer_.ReadCommand(), std::vector<std::string>{"PING"});
  char buffer[16];
  EXPECT_EQ(transport_->Read(buffer, sizeof(buffer)).kind, IoResult::Kind::kWantRead);
  peer_.Send("+PONG\r\n");
  ASSERT_TRUE(WaitFor(*transport_, POLLIN));
  EXPECT_EQ(transport_->Read(buffer, sizeof(buffer)).bytes, 7u);
}

TEST_F(TransportTest, TellsTheEndOfTheStreamFromAnError) {
  Connect();
  peer_.Close();
  char buffer[16];
  ASSERT_TRUE(WaitFor(*transport_, POLLIN));
  EXPECT_EQ(transport_->Read(buffer, sizeof(buffer)).kind, IoResult::Kind::kClosed);
}

TEST_F(TransportTest, WritingAfterAResetIsAnErrorAndNoSignal) {
  Connect();
  Write(*transport_, "unread");
  peer_.Close();  // With unread bytes: a reset.
  Write(*transport_, "first");
  const IoResult second = Write(*transport_, "second");
  EXPECT_EQ(second.kind, IoResult::Kind::kFailed);
  EXPECT_THAT(second.status.message(), HasSubstr("write"));
}

TEST_F(TransportTest, SaysWhyThereIsNoConnection) {
  server_.StopListening();
  const auto opened = OpenPlainTransport(UnixRequest(server_.socket_path()));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(opened.status().message(), HasSubstr("No such file"));
}

TEST_F(TransportTest, WriteSaysWhenTheSocketIsFull) {
  Connect();
  const std::string block(1 << 20, 'x');
  IoResult result;
  do {
    result = Write(*transport_, block);
  } while (result.kind == IoResult::Kind::kDone);
  EXPECT_EQ(result.kind, IoResult::Kind::kWantWrite);
}

}  // namespace
}  // namespace nearcache::internal::remote
