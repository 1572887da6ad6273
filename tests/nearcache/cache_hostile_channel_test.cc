// A server that is honest but for the invalidation connection, where anything may come: whatever it is, the process
// goes on, nothing hangs, no read returns what nobody wrote, a connection that cannot be understood is replaced and
// what memory held before is distrusted.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "tests/support/redis_server.h"
#include "tests/support/resp_proxy.h"
#include "tests/support/scripted_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using ::testing::AnyOf;

constexpr absl::Duration kPatience = absl::Seconds(20);

bool Eventually(absl::FunctionRef<bool()> condition) {
  for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end; absl::SleepFor(absl::Milliseconds(1))) {
    if (condition()) return true;
  }
  return false;
}

// Frames. In RESP2 what is a push is an array.
struct Dialect {
  int resp = 3;
  std::string channel;

  std::string Begin(int parts) const { return absl::StrCat(resp == 3 ? ">" : "*", parts, "\r\n"); }
  std::string Frame(const std::vector<std::string>& parts) const {
    std::string frame = Begin(static_cast<int>(parts.size()));
    for (const std::string& part : parts) frame += part;
    return frame;
  }
  std::string Nil() const { return resp == 3 ? "_\r\n" : "$-1\r\n"; }
  std::string Message(const std::string& payload) const {
    return Frame({BulkString("message"), BulkString(channel), BulkString(payload)});
  }
};

struct Attack {
  std::string name;
  std::string bytes;
};

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// What no server may send to a subscriber: the connection is replaced.
std::vector<Attack> Unforgivable(const Dialect& d) {
  const std::string message = BulkString("message");
  const std::string channel = BulkString(d.channel);
  return {
      {"a status that nobody asked for", "+OK\r\n"},
      {"an error that nobody asked for", "-ERR what\r\n"},
      {"an integer", ":1\r\n"},
      {"a nil", d.Nil()},
      {"a string", BulkString("message")},
      {"no RESP at all", "GARBAGE\r\n"},
      {"zeros", std::string(64, '\0')},
      {"an empty push", d.Begin(0)},
      {"a push of a negative size", d.Begin(-7)},
      {"a push of too many elements", d.Begin(99'999'999)},
      {"a size that is no number", absl::StrCat(d.resp == 3 ? ">" : "*", "3x\r\n")},
      {"a message without anything", d.Frame({message})},
      {"a message without payload", d.Frame({message, channel})},
      {"a message with too much", d.Frame({message, channel, BulkString("a"), BulkString("b")})},
      {"a message whose channel is a number", d.Frame({message, ":7\r\n", BulkString("a")})},
      {"a message whose channel is nil", d.Frame({message, d.Nil(), BulkString("a")})},
      {"a message whose payload is a number", d.Frame({message, channel, ":7\r\n"})},
      {"a message whose payload is nil", d.Frame({message, channel, d.Nil()})},
      {"a message whose payload is an error", d.Frame({message, channel, "-ERR\r\n"})},
      {"a message whose payload is an array", d.Frame({message, channel, "*1\r\n$1\r\na\r\n"})},
      {"a kind that is a number", d.Frame({":1\r\n", channel, BulkString("a")})},
      {"a kind that is nil", d.Frame({d.Nil(), channel, BulkString("a")})},
      {"a kind that is an array", d.Frame({"*1\r\n$7\r\nmessage\r\n", channel, BulkString("a")})},
      {"deep nesting", d.Begin(1) + Repeated("*1\r\n", 10'000)},
      {"a payload larger than reply_bytes_max", d.Begin(3) + message + channel + "$999999999\r\n"},
      {"a payload of a negative size", d.Begin(3) + message + channel + "$-7\r\n"},
      {"a payload whose end is not there", d.Begin(3) + message + channel + "$1\r\nabc\r\n"},
      {"a size that overflows", d.Begin(3) + message + channel + "$99999999999999999999999\r\n"},
      {"a truncated message", d.Message("abc").substr(0, d.Message("abc").size() - 4) + "\r\n:1\r\n:1\r\n"},
      {"the end of our subscription", d.Frame({BulkString("unsubscribe"), channel, ":0\r\n"})},
      {"a confirmation without a count", d.Frame({BulkString("subscribe"), channel, BulkString("one")})},
  };
}

// What is none of our business: nothing happens.
std::vector<Attack> Ignorable(const Dialect& d) {
  std::vector<Attack> attacks = {
      {"a message for another channel", d.Frame({BulkString("message"), BulkString("other"), BulkString("x")})},
      {"a flood for another channel",
       Repeated(d.Frame({BulkString("message"), BulkString("other"), BulkString(std::string(100, 'x'))}), 2000)},
      {"a second confirmation", d.Frame({BulkString("subscribe"), BulkString(d.channel), ":1\r\n"})},
      {"the end of another subscription", d.Frame({BulkString("unsubscribe"), BulkString("other"), ":1\r\n"})},
  };
  if (d.resp == 3) {
    attacks.push_back({"a push of an unknown kind", d.Frame({BulkString("weather"), BulkString("rain")})});
    attacks.push_back(
        {"a push of an unknown kind with odd parts", d.Frame({BulkString("weather"), d.Nil(), ":1\r\n"})});
    attacks.push_back({"invalidations that nobody wanted", d.Frame({BulkString("invalidate"), d.Nil()})});
  }
  return attacks;
}

class CacheHostileChannelTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    auto server = RedisServer::Start();
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    proxy_ = std::make_unique<RespProxy>(server_->folder(), server_->socket_path());
    proxy_->SetHook([this](const RespProxy::Command& command) {
      absl::MutexLock lock(&mutex_);
      if (command.size() > 1 && command[0] == "SUBSCRIBE") channel_ = command[1];
      return absl::optional<std::string>();
    });
    cache_ = Open(proxy_->socket_path());
    other_ = Open(server_->socket_path());
    dialect_.resp = GetParam();
    absl::MutexLock lock(&mutex_);
    dialect_.channel = channel_;
    ASSERT_NE(channel_, "");
  }

  static std::unique_ptr<Cache> Open(const std::string& socket) {
    Options options;
    options.remote.unix_socket = socket;
    options.remote.resp_version = GetParam();
    options.remote.reconnect_backoff_max = absl::Milliseconds(20);
    options.remote.reconnects_per_second_max = 1000;
    options.remote.command_timeout = absl::Seconds(5);
    options.remote.health_timeout = absl::Seconds(5);
    options.coherence.staleness_bound = absl::Milliseconds(500);
    auto cache = Cache::Open(options);
    EXPECT_THAT(cache, IsOk());
    EXPECT_THAT((*cache)->WaitUntilReady(kPatience), IsOk());
    return *std::move(cache);
  }

  // Puts a value into the memory of the cache that is going to be attacked.
  void Seed(const std::string& value) {
    ASSERT_THAT(cache_->WaitUntilReady(kPatience), IsOk());
    ASSERT_THAT(cache_->Set("k", value), IsOk());
    ASSERT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy(value)));
  }

  // What another process writes is seen, and until then only what was there before.
  void ExpectStillCoherent(const std::string& before, const std::string& after) {
    ASSERT_THAT(other_->Set("k", after), IsOk());
    EXPECT_TRUE(Eventually([&] {
      const absl::StatusOr<Value> value = cache_->Get("k");
      EXPECT_THAT(value, IsOkAndHolds(AnyOf(Value::Copy(before), Value::Copy(after))));
      return value.ok() && value->view() == after;
    }));
  }

  absl::Mutex mutex_;
  std::string channel_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RespProxy> proxy_;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<Cache> other_;
  Dialect dialect_;
};

TEST_P(CacheHostileChannelTest, WhatCannotBeUnderstoodReplacesTheConnectionAndEndsTrust) {
  int number = 0;
  for (const Attack& attack : Unforgivable(dialect_)) {
    SCOPED_TRACE(attack.name);
    const std::string value = absl::StrCat("value-", ++number);
    Seed(value);
    const CacheStats before = cache_->GetStats();
    proxy_->SendToSubscribers(attack.bytes);
    EXPECT_TRUE(Eventually([&] { return cache_->GetStats().disconnects > before.disconnects; }));
    EXPECT_TRUE(Eventually([&] { return cache_->GetStats().generations > before.generations; })) << "memory is suspect";
    EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy(value)));
    EXPECT_THAT(cache_->WaitUntilReady(kPatience), IsOk());
    ExpectStillCoherent(value, absl::StrCat(value, "-new"));
    const CacheStats after = cache_->GetStats();
    EXPECT_EQ(after.channel_losses, before.channel_losses + 1);
    const bool broken = attack.name != "the end of our subscription";
    EXPECT_EQ(after.protocol_errors, before.protocol_errors + (broken ? 1 : 0));
    EXPECT_THAT(after.nodes[0].last_disconnect, ::testing::StartsWith("invalidation connection: "));
  }
}

TEST_P(CacheHostileChannelTest, WhatIsNoneOfOurBusinessChangesNothing) {
  for (const Attack& attack : Ignorable(dialect_)) {
    SCOPED_TRACE(attack.name);
    Seed("value");
    const CacheStats before = cache_->GetStats();
    proxy_->SendToSubscribers(attack.bytes);
    ExpectStillCoherent("value", "new");
    const CacheStats after = cache_->GetStats();
    EXPECT_EQ(after.disconnects, before.disconnects);
    EXPECT_EQ(after.generations, before.generations);
    EXPECT_EQ(after.messages_rejected, before.messages_rejected);
  }
}

TEST_P(CacheHostileChannelTest, MessagesOfOurChannelThatCannotBeReadCountAsLost) {
  const std::string payloads[] = {"",
                                  "x",
                                  std::string(32, '\0'),
                                  std::string(32, '\xFF'),
                                  std::string(15, 'a'),
                                  "message",
                                  std::string(1 << 20, 'z')};
  for (const std::string& payload : payloads) {
    SCOPED_TRACE(payload.size());
    Seed("value");
    const CacheStats before = cache_->GetStats();
    proxy_->SendToSubscribers(dialect_.Message(payload));
    ExpectStillCoherent("value", "new");
    EXPECT_EQ(cache_->GetStats().disconnects, before.disconnects);
  }
}

INSTANTIATE_TEST_SUITE_P(Resp, CacheHostileChannelTest, ::testing::Values(3, 2),
                         [](const auto& each) { return absl::StrCat("Resp", each.param); });

}  // namespace
}  // namespace nearcache::testing
