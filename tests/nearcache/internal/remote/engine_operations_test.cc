// What becomes of operations, against a server that does exactly what the test says.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/internal/metrics/histogram.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::Peer;
using ::nearcache::testing::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Command = std::vector<std::string>;

class EngineOperationsTest : public ::testing::Test {
 protected:
  EngineOptions Options() { return TestOptions(server_.socket_path()); }

  void Start(EngineOptions options) {
    engine_ = StartEngine(std::move(options), &events_);
    ASSERT_NE(engine_, nullptr);
  }
  void StartAndConnect() {
    Start(Options());
    peer_ = server_.AcceptAndShakeHands();
    ASSERT_TRUE(peer_.connected());
    ASSERT_NE(events_.Await("data ready"), "");
  }

  std::shared_ptr<Running> Get(absl::string_view key, absl::Duration timeout = kPatience) {
    return Submit(*engine_, {"GET", key}, timeout);
  }
  std::shared_ptr<Running> GetWithResends(absl::string_view key, int resends_max) {
    Operation operation = MakeOperation(EncodeCommand({"GET", key}));
    operation.resends_max = resends_max;
    return Submit(*engine_, std::move(operation));
  }

  ScriptedServer server_;
  RecordingEvents events_;
  Peer peer_{-1};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineOperationsTest, RepliesGoToTheirOperationsInOrder) {
  StartAndConnect();
  const auto a = Get("a");
  const auto b = Get("b");
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "a"}));
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "b"}));
  peer_.Send(BulkString("va") + BulkString("vb"));
  EXPECT_EQ(a->reply().text(), "va");
  EXPECT_EQ(b->reply().text(), "vb");
  EXPECT_GT(a->result().sent_at, 0);
}

TEST_F(EngineOperationsTest, AnOperationOfManyCommandsGetsAllItsReplies) {
  StartAndConnect();
  std::string bytes = EncodeCommand({"MULTI"});
  AppendCommand(&bytes, {"INCR", "n"});
  AppendCommand(&bytes, {"EXEC"});
  Operation operation = MakeOperation(bytes);
  operation.reply_count = 3;
  const auto running = Submit(*engine_, std::move(operation));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(peer_.ReadCommand().empty());
  peer_.Send("+OK\r\n+QUEUED\r\n*1\r\n");
  peer_.Send(":5\r\n");
  ASSERT_EQ(running->result().replies.size(), 3u);
  EXPECT_EQ(running->result().replies[2].elements[0].integer, 5);
}

TEST_F(EngineOperationsTest, ALateReplyFallsOnATombstoneAndTheNextOneGetsItsOwn) {
  StartAndConnect();
  const auto late = Get("late", absl::Milliseconds(200));
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "late"}));
  EXPECT_EQ(late->result().status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(late->result().unknown);
  const auto next = Get("next");
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "next"}));
  peer_.Send(BulkString("the late one"));
  peer_.Send(BulkString("the next one"));
  EXPECT_EQ(next->reply().text(), "the next one");
  EXPECT_EQ(engine_->GetStats().late_replies, 1u);
  EXPECT_EQ(engine_->GetStats().timeouts, 1u);
  const metrics::HistogramSnapshot latencies = engine_->GetLatencies(CommandClass::kControl);
  EXPECT_EQ(latencies.count(), 2u) << "the late one, too; the handshake is none";
  EXPECT_GE(latencies.max(), absl::Milliseconds(200));
  EXPECT_EQ(engine_->GetStats().queued_operations, 0u);
}

TEST_F(EngineOperationsTest, WhatTimesOutWhileDownWasNeverSentAndNamesAddressAndCause) {
  server_.StopListening();
  Start(Options());
  ASSERT_NE(events_.Await("data failed"), "");
  const OperationResult result = Get("too late", absl::Milliseconds(10))->result();
  EXPECT_EQ(result.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(result.status.message(), HasSubstr(server_.socket_path()));
  EXPECT_THAT(result.status.message(), HasSubstr("No such file"));
  EXPECT_FALSE(result.unknown);
  const auto patient = Get("patient");
  server_.ListenAgain();
  peer_ = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "patient"}));
  peer_.Send(BulkString("v"));
  EXPECT_TRUE(patient->result().status.ok());
}

TEST_F(EngineOperationsTest, ADeadlineInThePastIsNeverSent) {
  StartAndConnect();
  const OperationResult past = Get("past", -absl::Seconds(1))->result();
  EXPECT_EQ(past.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(past.unknown);
  Get("next");
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "next"}));
}

TEST_F(EngineOperationsTest, AReplyThatNobodyAskedForClosesTheConnection) {
  StartAndConnect();
  peer_.Send("+OK\r\n");
  EXPECT_THAT(events_.Await("data down"), HasSubstr("nobody had asked for"));
  EXPECT_TRUE(peer_.WaitForHangUp());
  EXPECT_EQ(engine_->GetStats().protocol_errors, 1u);
}

TEST_F(EngineOperationsTest, AReplyOfAnImpossibleTypeClosesTheConnection) {
  StartAndConnect();
  Operation operation = MakeOperation(EncodeCommand({"SET", "k", "v"}));
  operation.reply_types = {ReplyTypeSet::Of(Reply::Type::kStatus, Reply::Type::kNil)};
  const auto shifted = Submit(*engine_, std::move(operation));
  const auto behind = Get("k");
  EXPECT_EQ(peer_.ReadCommand().size(), 3u);
  EXPECT_EQ(peer_.ReadCommand().size(), 2u);
  peer_.Send(":1\r\n:2\r\n");
  for (const auto& running : {shifted, behind}) {
    EXPECT_EQ(running->result().status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(running->result().status.message(), HasSubstr("shifted"));
    EXPECT_TRUE(running->result().unknown);
  }
}

TEST_F(EngineOperationsTest, AnErrorIsAPossibleReplyToEverything) {
  StartAndConnect();
  Operation operation = MakeOperation(EncodeCommand({"SET", "k", "v"}));
  operation.reply_types = {ReplyTypeSet::Of(Reply::Type::kStatus)};
  const auto running = Submit(*engine_, std::move(operation));
  peer_.ReadCommand();
  peer_.Send("-OOM command not allowed\r\n");
  EXPECT_TRUE(running->result().status.ok());
  EXPECT_TRUE(running->reply().is_error());
}

TEST_F(EngineOperationsTest, HalfAReplyThenHangUpIsUnknown) {
  StartAndConnect();
  const auto running = Get("k");
  peer_.ReadCommand();
  peer_.Send("$5\r\nhel");
  peer_.Close();
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(running->result().status.message(), HasSubstr("closed the connection"));
  EXPECT_TRUE(running->result().unknown);
  EXPECT_TRUE(running->result().replies.empty());
}

TEST_F(EngineOperationsTest, AnOversizedReplyIsRefusedByItsAnnouncement) {
  EngineOptions options = Options();
  options.reply_bytes_max = 100;
  Start(std::move(options));
  // INFO must fit too, so the handshake is short.
  peer_ = server_.AcceptAndShakeHands();
  const auto running = Get("big");
  peer_.ReadCommand();
  peer_.Send("$101\r\n");
  EXPECT_EQ(running->result().status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(running->result().status.message(), HasSubstr("reply_bytes_max is 100"));
}

TEST_F(EngineOperationsTest, WhatMayBeRepeatedIsSentAgainAsOftenAsAllowed) {
  StartAndConnect();
  const auto once = GetWithResends("once", 1);
  const auto never = Get("never");
  peer_.ReadCommand();
  peer_.ReadCommand();
  peer_.Close();
  EXPECT_TRUE(never->result().unknown);
  peer_ = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "once"}));
  peer_.Close();
  EXPECT_EQ(once->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(once->result().unknown);
  EXPECT_EQ(engine_->GetStats().resends, 1u);
}

TEST_F(EngineOperationsTest, ARepeatedOperationSucceedsOnTheNextConnection) {
  StartAndConnect();
  const auto first = GetWithResends("first", 3);
  const auto second = GetWithResends("second", 3);
  peer_.ReadCommand();
  peer_.Send(BulkString("1"));
  ASSERT_TRUE(first->result().status.ok());
  peer_.Close();
  peer_ = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "second"}));
  peer_.Send(BulkString("2"));
  EXPECT_EQ(second->reply().text(), "2");
}

TEST_F(EngineOperationsTest, RetriesHaveABudgetThatSuccessesRefill) {
  EngineOptions options = Options();
  options.retry_share = 0.5;
  options.retries_max = 1;
  Start(std::move(options));
  peer_ = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  EXPECT_EQ(engine_->GetStats().retry_budget, 1u);
  const auto first = GetWithResends("first", 1);
  const auto second = GetWithResends("second", 1);
  peer_.ReadCommand();
  peer_.ReadCommand();
  peer_.Close();
  EXPECT_EQ(second->result().status.code(), absl::StatusCode::kUnavailable) << "the budget is spent";
  EXPECT_TRUE(second->result().unknown);
  peer_ = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "first"}));
  EXPECT_EQ(engine_->GetStats().resends, 1u);
  EXPECT_EQ(engine_->GetStats().retries_refused, 1u);
  EXPECT_EQ(engine_->GetStats().retry_budget, 0u);
  peer_.Send(BulkString("1"));
  EXPECT_TRUE(first->result().status.ok());
  const auto third = Get("third");
  peer_.ReadCommand();
  peer_.Send(BulkString("3"));
  EXPECT_TRUE(third->result().status.ok());
  EXPECT_EQ(engine_->GetStats().retry_budget, 1u) << "two successes at one half each";
}

TEST_F(EngineOperationsTest, WhatHadNotBegunToLeaveIsSentOnTheNextConnection) {
  StartAndConnect();
  const std::string large(16 << 20, 'x');  // More than any socket buffer.
  const auto stuck = Submit(*engine_, {"SET", "k", large});
  const auto behind = Get("behind");
  // The first bytes have left, the rest cannot.
  while (engine_->GetStats().bytes_sent < 65'536) {
    std::this_thread::yield();
  }
  peer_.Close();
  EXPECT_EQ(stuck->result().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(stuck->result().unknown);
  peer_ = server_.AcceptAndShakeHands();
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "behind"}));
  peer_.Send(BulkString("v"));
  EXPECT_TRUE(behind->result().status.ok());
}

TEST_F(EngineOperationsTest, OfManyOnlyThoseThatBeganToLeaveAreUnknown) {
  constexpr int kCount = 100;
  StartAndConnect();
  std::vector<std::shared_ptr<Running>> all;
  const std::string value(10'000, 'x');
  absl::Notification blocked;
  engine_->Post([&] {
    for (int i = 0; i < kCount; ++i) all.push_back(Submit(*engine_, {"SET", absl::StrCat(i), value}));
    // Runs when the loop has sent what the socket takes.
    engine_->RunAt(Clock::Real()->Now() + 1'000'000, [&] { blocked.Notify(); });
  });
  ASSERT_TRUE(blocked.WaitForNotificationWithTimeout(kPatience));
  peer_.Close();
  peer_ = server_.AcceptAndShakeHands();
  int unknown = 0;
  while (unknown < kCount && all[static_cast<size_t>(unknown)]->completed()) ++unknown;
  EXPECT_GT(unknown, 0);
  EXPECT_LT(unknown, kCount);
  for (int i = 0; i < kCount; ++i) {
    if (i < unknown) {
      EXPECT_TRUE(all[static_cast<size_t>(i)]->result().unknown);
    } else {
      EXPECT_EQ(peer_.ReadCommand(), (Command{"SET", absl::StrCat(i), value})) << "or completed without being sent";
      peer_.Send("+OK\r\n");
      EXPECT_TRUE(all[static_cast<size_t>(i)]->result().status.ok());
    }
  }
}

TEST_F(EngineOperationsTest, ALargeCommandArrivesWhole) {
  StartAndConnect();
  std::string large(5 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('a' + i % 26);
  const auto before = Get("before");
  const auto set = Submit(*engine_, {"SET", "k", large});
  const auto after = Get("after");
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "before"}));
  EXPECT_TRUE(peer_.ReadCommand() == (Command{"SET", "k", large}));
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "after"}));
  peer_.Send(BulkString(large) + "+OK\r\n" + BulkString("a"));
  EXPECT_TRUE(before->reply().text() == large);
  EXPECT_EQ(after->reply().text(), "a");
}

TEST_F(EngineOperationsTest, TooManyOperationsAreRefusedAtOnceWhileDown) {
  server_.StopListening();
  EngineOptions options = Options();
  options.operations_max = 2;
  Start(std::move(options));
  const auto first = Get("1");
  const auto second = Get("2", absl::Milliseconds(10));
  const auto third = Get("3");
  ASSERT_TRUE(third->completed());  // From inside Submit.
  EXPECT_EQ(third->result().status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(third->result().status.message(), HasSubstr("operations_max, 2"));
  EXPECT_FALSE(third->result().unknown);
  EXPECT_EQ(engine_->GetStats().queued_operations, 2u);
  EXPECT_EQ(engine_->GetStats().rejected, 1u);
  second->Wait();
  EXPECT_FALSE(Get("4")->completed());  // There is room again.
}

TEST_F(EngineOperationsTest, TooManyBytesAreRefusedAtOnce) {
  server_.StopListening();
  EngineOptions options = Options();
  options.bytes_max = 1000;
  Start(std::move(options));
  const auto first = Submit(*engine_, {"SET", "k", std::string(600, 'x')});
  const auto second = Submit(*engine_, {"SET", "k", std::string(600, 'x')});
  const auto huge = Submit(*engine_, {"SET", "k", std::string(5000, 'x')});
  EXPECT_FALSE(first->completed());
  ASSERT_TRUE(second->completed());
  EXPECT_THAT(second->result().status.message(), HasSubstr("bytes_max is 1000"));
  EXPECT_EQ(huge->result().status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LE(engine_->GetStats().queued_bytes, 1000u);
}

TEST_F(EngineOperationsTest, ATombstoneCountsUntilItsReplyComes) {
  EngineOptions options = Options();
  options.operations_max = 1;
  Start(std::move(options));
  peer_ = server_.AcceptAndShakeHands();
  ASSERT_NE(events_.Await("data ready"), "");
  const auto dead = Get("dead", absl::Milliseconds(200));
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "dead"}));
  dead->Wait();
  EXPECT_EQ(Get("no room")->result().status.code(), absl::StatusCode::kResourceExhausted);
  peer_.Send(BulkString("late"));
  while (engine_->GetStats().late_replies == 0) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(Get("room")->completed());
}

TEST_F(EngineOperationsTest, MalformedOperationsAreRefused) {
  StartAndConnect();
  EXPECT_EQ(Submit(*engine_, MakeOperation(""))->result().status.code(), absl::StatusCode::kInvalidArgument);
  Operation operation = MakeOperation(EncodeCommand({"GET", "k"}));
  operation.reply_count = 0;
  EXPECT_EQ(Submit(*engine_, std::move(operation))->result().status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineOperationsTest, WhatIsReadyInOneTurnLeavesWithOneSystemCall) {
  StartAndConnect();
  const uint64_t writes_before = engine_->GetStats().writes;
  std::vector<std::shared_ptr<Running>> all;
  absl::Notification submitted;
  engine_->Post([&] {
    for (int i = 0; i < 100; ++i) all.push_back(Get(absl::StrCat(i)));
    submitted.Notify();
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(peer_.ReadCommand().size(), 2u);
  submitted.WaitForNotification();
  for (int i = 0; i < 100; ++i) peer_.Send(BulkString(absl::StrCat(i)));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(all[static_cast<size_t>(i)]->reply().text(), absl::StrCat(i));
  }
  EXPECT_EQ(engine_->GetStats().writes - writes_before, 1u);
}

TEST_F(EngineOperationsTest, CompletionsMaySubmit) {
  StartAndConnect();
  auto second = std::make_shared<Running>();
  Operation operation = MakeOperation(EncodeCommand({"GET", "first"}));
  operation.done = [&, second](OperationResult) {
    EXPECT_TRUE(engine_->OnLoopThread());
    Operation next = MakeOperation(EncodeCommand({"GET", "second"}));
    next.done = [second](OperationResult result) { second->Complete(std::move(result)); };
    engine_->Submit(std::move(next));
  };
  engine_->Submit(std::move(operation));
  peer_.ReadCommand();
  peer_.Send(BulkString("1"));
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "second"}));
  peer_.Send(BulkString("2"));
  EXPECT_EQ(second->reply().text(), "2");
}

TEST_F(EngineOperationsTest, CompletionsMayCutTheirOwnConnection) {
  StartAndConnect();
  Operation operation = MakeOperation(EncodeCommand({"GET", "first"}));
  operation.done = [&](OperationResult) { engine_->ResetData(absl::UnavailableError("enough")); };
  engine_->Submit(std::move(operation));
  const auto second = Get("second");
  peer_.ReadCommand();
  peer_.ReadCommand();
  peer_.Send(BulkString("1") + BulkString("2"));  // The second reply is there, but no longer believed.
  EXPECT_THAT(second->result().status.message(), HasSubstr("enough"));
  EXPECT_TRUE(second->result().unknown);
  peer_ = server_.AcceptAndShakeHands();
  const auto third = Get("third");
  EXPECT_EQ(peer_.ReadCommand(), (Command{"GET", "third"}));
  peer_.Send(BulkString("3"));
  EXPECT_EQ(third->reply().text(), "3");
}

TEST_F(EngineOperationsTest, ADeadlineMayCutTheConnectionOfAllOthers) {
  StartAndConnect();
  Operation operation = MakeOperation(EncodeCommand({"GET", "first"}), absl::Milliseconds(50));
  operation.done = [&](OperationResult) { engine_->ResetData(absl::UnavailableError("too slow")); };
  engine_->Submit(std::move(operation));
  const auto same_tick = Get("second", absl::Milliseconds(50));
  const auto later = Get("third");
  for (int i = 0; i < 3; ++i) peer_.ReadCommand();
  EXPECT_THAT(later->result().status.message(), HasSubstr("too slow"));
  EXPECT_FALSE(same_tick->result().status.ok());
  EXPECT_TRUE(server_.AcceptAndShakeHands().connected());
}

TEST_F(EngineOperationsTest, TasksRunInOrderAndTimedOnesNotEarly) {
  StartAndConnect();
  std::vector<std::string> order;
  absl::Notification done;
  const MonotonicNanos due = Clock::Real()->Now() + 20'000'000;
  engine_->RunAt(due, [&] {
    EXPECT_GE(Clock::Real()->Now(), due);
    order.push_back("timed");
    done.Notify();
  });
  engine_->Post([&] { order.push_back("first"); });
  engine_->Post([&] { order.push_back("second"); });
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
  EXPECT_THAT(order, ElementsAre("first", "second", "timed"));
}

}  // namespace
}  // namespace nearcache::internal::remote
