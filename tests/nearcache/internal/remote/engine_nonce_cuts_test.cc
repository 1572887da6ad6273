// No reply is ever delivered to another operation, part two: connections that are cut at every byte of a conversation,
// and a million operations against a server that cuts, stalls, redirects and pushes at random.

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "nearcache/internal/remote/engine.h"
#include "tests/nearcache/internal/remote/engine_fixture.h"
#include "tests/support/resp_frame.h"
#include "tests/support/scripted_server.h"

namespace nearcache::internal::remote {
namespace {

using ::nearcache::testing::BulkString;
using ::nearcache::testing::ParseCommand;
using ::nearcache::testing::Peer;
using ::nearcache::testing::RespFrameSize;
using ::nearcache::testing::ScriptedServer;

EngineOptions QuickOptions(const ScriptedServer& server) {
  EngineOptions options = TestOptions(server.socket_path());
  options.reconnect_backoff_max = absl::Milliseconds(1);
  return options;
}

const std::string& Push() {
  static const auto* const kPush = new std::string(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
  return *kPush;
}

// --- Every byte

// Five operations and what answers them: a string, a redirection, a pair, nil behind a push, and a string with frames
// inside of it. `ends` is where the replies of each operation end.
struct Conversation {
  std::string bytes;
  std::vector<size_t> ends;
};

Conversation TheConversation() {
  Conversation all;
  const std::string parts[] = {BulkString("nonce-0"), "-MOVED 3999 nonce-1:6381\r\n",
                               BulkString("nonce-2") + Push() + BulkString("nonce-2'"), Push() + "$-1\r\n",
                               BulkString("$7\r\nnonce-0\r\nnonce-4")};
  for (const std::string& part : parts) {
    all.bytes += part;
    all.ends.push_back(all.bytes.size());
  }
  return all;
}

// What operation `number` of the conversation got, shortened to one word.
std::string Outcome(const OperationResult& result) {
  if (!result.status.ok()) return result.unknown ? "unknown" : "not sent";
  std::string all;
  for (const Reply& reply : result.replies) {
    absl::StrAppend(&all, all.empty() ? "" : " ", reply.is_nil() ? "nil" : reply.text());
  }
  return all;
}

TEST(EngineNonceCutsTest, ACutAtAnyByteGivesWholeRepliesToTheirOwnersAndNothingToOthers) {
  const Conversation conversation = TheConversation();
  const std::string right[] = {"nonce-0", "MOVED 3999 nonce-1:6381", "nonce-2 nonce-2'", "nil",
                               "$7\r\nnonce-0\r\nnonce-4"};
  ScriptedServer server;
  RecordingEvents events;
  const std::unique_ptr<Engine> engine = StartEngine(QuickOptions(server), &events);
  ASSERT_NE(engine, nullptr);
  int connections = 0;
  for (size_t cut = 0; cut <= conversation.bytes.size(); ++cut) {
    Peer peer = server.AcceptAndShakeHands();
    ASSERT_NE(events.Await("data ready", ++connections), "");
    std::vector<std::shared_ptr<Running>> running;
    for (int i = 0; i < 5; ++i) {
      const std::string key = absl::StrCat("k", i);
      std::string bytes = EncodeCommand({"GET", key});
      if (i == 2) AppendCommand(&bytes, {"GET", key});
      Operation operation = MakeOperation(std::move(bytes));
      operation.reply_count = i == 2 ? 2 : 1;
      running.push_back(Submit(*engine, std::move(operation)));
    }
    for (int i = 0; i < 6; ++i) ASSERT_FALSE(peer.ReadCommand().empty());
    peer.Send(absl::string_view(conversation.bytes).substr(0, cut));
    peer.Close();
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(Outcome(running[i]->result()), conversation.ends[i] <= cut ? right[i] : "unknown")
          << "operation " << i << ", cut at " << cut;
    }
  }
}

// --- A million

// Answers every GET with its own key, in every wrong way but one: never with another's.
class MischievousServer {
 public:
  explicit MischievousServer(ScriptedServer* listener) : listener_(*listener), thread_([this] { Run(); }) {}
  ~MischievousServer() { Stop(); }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  int cuts() const { return cuts_; }
  int stalls() const { return stalls_; }
  int redirections() const { return redirections_; }

 private:
  void Run() {
    while (!stop_) {
      if (!listener_.IsWanted(20)) continue;
      Peer peer = listener_.AcceptAndShakeHands();
      Serve(peer);
    }
  }

  void Serve(Peer& peer) {
    std::string input = peer.TakeInput();
    while (!stop_) {
      std::string output = AnswerSome(&input);
      if (output.empty()) {
        if (!peer.ReadSome(&input, 20)) return;
      } else if (!Deliver(peer, std::move(output))) {
        return;
      }
    }
  }

  // At most kDeliveryMax whole commands: a slow machine, where more of them wait, has to meet as much mischief.
  std::string AnswerSome(std::string* input) {
    std::string output;
    size_t used = 0;
    for (int i = 0; i < kDeliveryMax; ++i) {
      const size_t size = RespFrameSize(absl::string_view(*input).substr(used));
      if (size == 0) break;
      Answer(ParseCommand(absl::string_view(*input).substr(used, size)), &output);
      used += size;
    }
    input->erase(0, used);
    return output;
  }

  void Answer(const std::vector<std::string>& command, std::string* output) {
    if (random_() % 16 == 0) *output += Push();
    if (command.size() != 2) {
      *output += "+PONG\r\n";
    } else if (random_() % 16 == 0) {
      ++redirections_;
      absl::StrAppend(output, "-MOVED 1 ", command[1], ":6379\r\n");
    } else {
      *output += BulkString(command[1]);
    }
  }

  // False after a cut.
  bool Deliver(Peer& peer, std::string output) {
    const unsigned dice = random_() % 256;
    if (dice == 0) {
      ++cuts_;
      peer.Send(absl::string_view(output).substr(0, random_() % output.size()));
      return false;
    }
    if (dice < 4) {
      ++stalls_;
      absl::SleepFor(absl::Milliseconds(3));
    }
    if (dice < 64) {
      const size_t half = random_() % output.size();
      peer.Send(absl::string_view(output).substr(0, half));
      output.erase(0, half);
    }
    peer.Send(output);
    return true;
  }

  static constexpr int kDeliveryMax = 32;

  ScriptedServer& listener_;
  std::mt19937 random_{1};
  std::atomic<bool> stop_{false};
  std::atomic<int> cuts_{0};
  std::atomic<int> stalls_{0};
  std::atomic<int> redirections_{0};
  std::thread thread_;
};

constexpr int kThreads = 4;
constexpr int kOperationsEach = 225'000;
constexpr int kInFlightEach = 100;

// What all callers saw.
struct Tally {
  std::atomic<int> answered{0};
  std::atomic<int> failed{0};
  std::atomic<int> wrong{0};

  void Count(const std::string& nonce, bool pair, const OperationResult& result) {
    if (!result.status.ok()) {
      ++failed;
      return;
    }
    ++answered;
    const size_t count = pair ? 2 : 1;
    bool right = result.replies.size() == count;
    for (size_t i = 0; right && i < count; ++i) {
      const std::string own = i == 0 ? nonce : nonce + "'";
      const Reply& reply = result.replies[i];
      right = reply.text() == (reply.is_error() ? absl::StrCat("MOVED 1 ", own, ":6379") : own);
    }
    if (!right) ++wrong;
  }
};

class Caller {
 public:
  Caller(Engine* engine, Tally* tally, int number)
      : engine_(*engine), tally_(*tally), number_(number), random_(static_cast<unsigned>(number)) {}

  void Run() {
    for (int i = 0; i < kOperationsEach; ++i) {
      EnterBelow(kInFlightEach);
      SubmitOne(absl::StrCat(number_, "-", i));
    }
    EnterBelow(1);
  }

 private:
  void EnterBelow(int limit) {
    const auto room = [&] { return in_flight_ < limit; };
    absl::MutexLock lock(&mutex_, absl::Condition(&room));
    ++in_flight_;
  }

  void SubmitOne(const std::string& nonce) {
    const bool pair = random_() % 4 == 0;
    std::string bytes = EncodeCommand({"GET", nonce});
    if (pair) AppendCommand(&bytes, {"GET", nonce + "'"});
    const int milliseconds = random_() % 8 == 0 ? 1 + static_cast<int>(random_() % 4) : 20'000;
    Operation operation = MakeOperation(std::move(bytes), absl::Milliseconds(milliseconds));
    operation.reply_count = pair ? 2 : 1;
    operation.resends_max = static_cast<int>(random_() % 3);
    operation.done = [this, nonce, pair](OperationResult result) {
      tally_.Count(nonce, pair, result);
      absl::MutexLock lock(&mutex_);
      --in_flight_;
    };
    engine_.Submit(std::move(operation));
  }

  Engine& engine_;
  Tally& tally_;
  const int number_;
  std::mt19937 random_;
  absl::Mutex mutex_;
  int in_flight_ = 0;
};

TEST(EngineNonceCutsTest, AMillionOperationsThroughEveryMischief) {
  ScriptedServer listener;
  MischievousServer server(&listener);
  RecordingEvents events;
  Tally tally;
  const std::unique_ptr<Engine> engine = StartEngine(QuickOptions(listener), &events);
  ASSERT_NE(engine, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&engine, &tally, i] { Caller(engine.get(), &tally, i).Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  const EngineStats stats = engine->GetStats();
  engine->Shutdown();
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.answered + tally.failed, kThreads * kOperationsEach);  // Each exactly once.
  EXPECT_EQ(stats.protocol_errors, 0u);
  // The mischief was real, and so was the work.
  EXPECT_GT(tally.answered, kThreads * kOperationsEach / 2);
  EXPECT_GT(server.cuts(), 10);
  EXPECT_GT(server.stalls(), 10);
  EXPECT_GT(server.redirections(), 1000);
  EXPECT_GT(stats.late_replies, 0u);
  EXPECT_GT(stats.resends, 0u);
}

}  // namespace
}  // namespace nearcache::internal::remote
