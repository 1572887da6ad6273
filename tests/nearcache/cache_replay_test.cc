// Own invalidations are sent again after the server lost history, so that what they had replaced does not stay back:
// with a scripted server, and with a real replica that is promoted without the last writes.

#include <memory>
#include <string>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "tests/nearcache/cache_processes.h"
#include "tests/support/redis_server.h"
#include "tests/support/resp_proxy.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using internal::remote::FakeKeyspace;

const auto kIsAbsent = StatusIs(absl::StatusCode::kNotFound);

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

class CacheReplay : public CacheProcesses {
 protected:
  CacheStats Stats(Process& process) { return process.cache->GetStats(); }
  // A replica takes over that has heard of nothing since `snapshot`.
  void FailOver(FakeKeyspace snapshot) {
    server_.RestartWith(std::move(snapshot));
    Run();
    Advance(absl::Milliseconds(100));
  }

  Process writer_ = Open();
  Process other_ = Open();
};

TEST_F(CacheReplay, ALostDeleteIsSentAgainAndOthersDropWhatCameBack) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Set(writer_, "kept", "v"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Delete(writer_, "k"), IsOk());
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
  EXPECT_THAT(Get(other_, "kept"), Holds("v"));
  EXPECT_EQ(Stats(writer_).replays, 1u);
  EXPECT_EQ(Stats(writer_).replayed_invalidations, 1u);
  EXPECT_EQ(Stats(writer_).replay_failures, 0u);
}

// The other process is faster and has the old value in memory by then.
TEST_F(CacheReplay, WhatAnotherProcessFetchedBeforeTheReplayGoesAsWell) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Delete(writer_, "k"), IsOk());
  writer_.store->HoldConnects(true);
  FailOver(std::move(before));
  ASSERT_THAT(Get(other_, "k"), Holds("v1"));
  ASSERT_NE(Memory(other_, "k"), absl::nullopt);
  writer_.store->HoldConnects(false);
  Advance(absl::Milliseconds(100));
  EXPECT_EQ(Memory(other_, "k"), absl::nullopt);
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
}

TEST_F(CacheReplay, ALostSetTakesTheValueThatItHadReplacedWithIt) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
  EXPECT_THAT(Get(writer_, "k"), kIsAbsent);
}

TEST_F(CacheReplay, WhatSurvivedStays) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Set(writer_, "gone", "v1"), IsOk());
  ASSERT_THAT(Delete(writer_, "gone"), IsOk());
  FailOver(server_.TakeSnapshot());
  EXPECT_THAT(Get(other_, "k"), Holds("v1"));
  EXPECT_EQ(Stats(writer_).replays, 1u);
  EXPECT_EQ(Stats(writer_).replayed_invalidations, 0u);
}

// Nobody can tell whether it is older or newer; a cache may miss.
TEST_F(CacheReplay, AWriteOfAnotherProcessBehindAnOwnOneGoes) {
  ASSERT_THAT(Set(writer_, "k", "mine"), IsOk());
  ASSERT_THAT(Set(other_, "k", "theirs"), IsOk());
  FailOver(server_.TakeSnapshot());
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
}

TEST_F(CacheReplay, OnlyTheWindowIsReplayed) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Delete(writer_, "k"), IsOk());
  Advance(DefaultOptions().coherence.replay_window + absl::Milliseconds(1));
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "k"), Holds("v1"));
  EXPECT_EQ(Stats(writer_).replays, 0u);
}

TEST_F(CacheReplay, ALostClearIsSentAgain) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Clear(writer_), IsOk());
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
  EXPECT_THAT(Get(writer_, "k"), kIsAbsent);
  EXPECT_THAT(Set(other_, "k", "v2"), IsOk());
  EXPECT_THAT(Get(writer_, "k"), Holds("v2"));
}

TEST_F(CacheReplay, AClearThatAnotherOneFollowedIsNotSentAgain) {
  ASSERT_THAT(Clear(writer_), IsOk());
  ASSERT_THAT(Clear(other_), IsOk());
  ASSERT_THAT(Set(other_, "k", "v"), IsOk());
  FailOver(server_.TakeSnapshot());
  EXPECT_THAT(Get(writer_, "k"), Holds("v"));
  EXPECT_EQ(Stats(writer_).replayed_invalidations, 0u);
  EXPECT_EQ(Stats(other_).replayed_invalidations, 0u);
}

TEST_F(CacheReplay, AnEmptyServerNeedsNothing) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  server_.Restart(/*keep_data=*/false);
  Run();
  Advance(absl::Milliseconds(100));
  EXPECT_THAT(Get(other_, "k"), kIsAbsent);
  EXPECT_EQ(Stats(writer_).replayed_invalidations, 0u);
  EXPECT_EQ(Stats(writer_).replay_failures, 0u);
}

TEST_F(CacheReplay, CountersAreLeftAlone) {
  const Answer<absl::StatusOr<int64_t>> first;
  writer_.cache->IncrementAsync("n", 1, first.callback());
  Run();
  FakeKeyspace before = server_.TakeSnapshot();
  const Answer<absl::StatusOr<int64_t>> second;
  writer_.cache->IncrementAsync("n", 1, second.callback());
  Run();
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "n"), Holds("1"));
}

TEST_F(CacheReplay, WhatFailsIsCountedAndTheRestGoesOn) {
  for (const char* const key : {"a", "b"}) ASSERT_THAT(Set(writer_, key, "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  for (const char* const key : {"a", "b"}) ASSERT_THAT(Delete(writer_, key), IsOk());
  writer_.store->FailNext(internal::remote::kReadCalls, absl::UnavailableError("gone"));
  FailOver(std::move(before));
  EXPECT_EQ(Stats(writer_).replay_failures, 1u);
  EXPECT_EQ(Stats(writer_).replayed_invalidations, 1u);
}

TEST_F(CacheReplay, ItsMemoryIsBoundedAndShown) {
  Options options = DefaultOptions();
  options.coherence.replay_entries_max = 10;
  Process bounded = Open(options);
  for (int i = 0; i < 30; ++i) ASSERT_THAT(Set(bounded, absl::StrCat("key", i), "v"), IsOk());
  const CacheStats stats = Stats(bounded);
  EXPECT_EQ(stats.replay_entries, 10u);
  EXPECT_GT(stats.replay_bytes, 0u);
  EXPECT_EQ(stats.replay_dropped, 20u);
}

TEST_F(CacheReplay, TurnedOffItDoesNothing) {
  Options options = DefaultOptions();
  options.coherence.replay_window = absl::ZeroDuration();
  Process process = Open(options);
  ASSERT_THAT(Set(process, "k", "v1"), IsOk());
  FakeKeyspace before = server_.TakeSnapshot();
  ASSERT_THAT(Delete(process, "k"), IsOk());
  FailOver(std::move(before));
  EXPECT_THAT(Get(other_, "k"), Holds("v1"));
  EXPECT_EQ(Stats(process).replay_entries, 0u);
}

// --- A real fail-over: the replica was cut off before the last writes, and takes over without them.

class CacheReplayOnServers : public ::testing::TestWithParam<RedisServerOptions::Product> {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "the server is not installed";
    primary_ = StartServer();
    replica_ = StartServer();
    ASSERT_THAT(replica_->Command({"REPLICAOF", "127.0.0.1", absl::StrCat(primary_->port())}), IsOk());
    proxy_ = std::make_unique<RespProxy>(primary_->folder(), primary_->socket_path());
  }
  static std::unique_ptr<RedisServer> StartServer() {
    RedisServerOptions options;
    options.product = GetParam();
    options.tcp = true;
    auto server = RedisServer::Start(options);
    EXPECT_THAT(server, IsOk());
    return *std::move(server);
  }
  std::unique_ptr<Cache> OpenCache(absl::Duration replay_window) {
    Options options;
    options.remote.unix_socket = proxy_->socket_path();
    options.coherence.replay_window = replay_window;
    auto cache = Cache::Open(options);
    EXPECT_THAT(cache, IsOk());
    EXPECT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
    return *std::move(cache);
  }
  // Writes, cuts the replica off, writes more, and lets the replica take over.
  void LoseTheLastWrites(Cache& writer) {
    for (const char* const key : {"deleted", "changed", "kept"}) ASSERT_THAT(writer.Set(key, "v1"), IsOk());
    while (!replica_->Command({"GET", ":1:kept"}).ok()) absl::SleepFor(absl::Milliseconds(1));
    ASSERT_THAT(replica_->Command({"REPLICAOF", "NO", "ONE"}), IsOk());
    ASSERT_THAT(writer.Delete("deleted"), IsOk());
    ASSERT_THAT(writer.Set("changed", "v2"), IsOk());
    proxy_->SetServer(replica_->socket_path());
    primary_->Kill();
  }
  static void AwaitReady(Cache& cache) {
    while (cache.GetStats().generations == 0) absl::SleepFor(absl::Milliseconds(1));
    ASSERT_THAT(cache.WaitUntilReady(absl::Seconds(10)), IsOk());
  }

  std::unique_ptr<RedisServer> primary_;
  std::unique_ptr<RedisServer> replica_;
  std::unique_ptr<RespProxy> proxy_;
};

TEST_P(CacheReplayOnServers, APromotedReplicaWithoutTheLastWritesIsPutRight) {
  const std::unique_ptr<Cache> writer = OpenCache(absl::Seconds(30));
  const std::unique_ptr<Cache> other = OpenCache(absl::Seconds(30));
  LoseTheLastWrites(*writer);
  AwaitReady(*other);
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (writer->GetStats().replayed_invalidations < 2 && absl::Now() < give_up) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(writer->GetStats().replayed_invalidations, 2u);
  ASSERT_THAT(other->Sync(), IsOk());
  EXPECT_THAT(other->Get("deleted"), kIsAbsent);
  EXPECT_THAT(other->Get("changed"), kIsAbsent);
  EXPECT_THAT(other->Get("kept"), Holds("v1"));
}

// What the option is for.
TEST_P(CacheReplayOnServers, WithoutReplayWhatWasReplacedIsBack) {
  const std::unique_ptr<Cache> writer = OpenCache(absl::ZeroDuration());
  const std::unique_ptr<Cache> other = OpenCache(absl::ZeroDuration());
  LoseTheLastWrites(*writer);
  AwaitReady(*writer);
  AwaitReady(*other);
  EXPECT_THAT(other->Get("deleted"), Holds("v1"));
  EXPECT_THAT(other->Get("changed"), Holds("v1"));
}

INSTANTIATE_TEST_SUITE_P(OnServer, CacheReplayOnServers,
                         ::testing::Values(RedisServerOptions::Product::kRedis, RedisServerOptions::Product::kValkey),
                         [](const auto& each) {
                           return each.param == RedisServerOptions::Product::kRedis ? "Redis" : "Valkey";
                         });

}  // namespace
}  // namespace nearcache::testing
