// What a cache makes of what its remote tier says and does: loads, lives, bytes that are no values, and being away.

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using internal::remote::kReadCalls;
using ::testing::Optional;

const auto kIsAbsent = StatusIs(absl::StatusCode::kNotFound);

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

absl::StatusOr<std::string> ReturnLoaded(absl::string_view) { return "loaded"; }

class CacheRemote : public CacheProcesses {
 protected:
  Process reader_ = Open();
  Process writer_ = Open();
};

// --- Loads

TEST_F(CacheRemote, AnInvalidationThatIsHeardDuringALoadMeansDeliverAndDoNotStore) {
  const auto loader = [this](absl::string_view key) {
    EXPECT_THAT(Delete(writer_, key), IsOk());
    return "read before the change";
  };
  EXPECT_THAT(GetOrLoad(reader_, "k", loader), Holds("read before the change"));
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
  EXPECT_THAT(Get(writer_, "k"), kIsAbsent);
}

TEST_F(CacheRemote, ALoadNeverReplacesWhatAWriterStored) {
  reader_.store->HoldMessages();
  const auto loader = [this](absl::string_view key) {
    EXPECT_THAT(Set(writer_, key, "newer"), IsOk());
    return "older";
  };
  EXPECT_THAT(GetOrLoad(reader_, "k", loader), Holds("older"));
  EXPECT_THAT(Get(writer_, "k"), Holds("newer"));
  EXPECT_THAT(Get(reader_, "k"), Holds("newer"));
}

TEST_F(CacheRemote, ALoadedValueIsSharedWithOtherProcesses) {
  EXPECT_THAT(GetOrLoad(reader_, "k", ReturnLoaded), Holds("loaded"));
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("loaded")));
  EXPECT_THAT(Get(writer_, "k"), Holds("loaded"));
}

TEST_F(CacheRemote, WhoJoinedLoadsByItselfWhenTheLeaderGaveUp) {
  reader_.store->HoldReplies(kReadCalls);
  LoadOptions hasty;
  hasty.timeout = absl::Milliseconds(10);
  LoadOptions patient;
  patient.timeout = absl::Seconds(100);
  const Answer<absl::StatusOr<Value>> leader;
  const Answer<absl::StatusOr<Value>> joiner;
  const auto never = [](absl::string_view) -> absl::StatusOr<std::string> {
    ADD_FAILURE() << "the loader of a caller who is gone";
    return "";
  };
  // The look into the remote tier is given half of the leader's time, so its reply comes late for it, too.
  reader_.cache->GetOrLoadAsync("k", never, leader.callback(), hasty);
  reader_.cache->GetOrLoadAsync("k", ReturnLoaded, joiner.callback(), patient);
  Run();
  clock_.Advance(absl::Milliseconds(20));
  while (!leader.came()) executor_.RunOne();
  EXPECT_THAT(*leader, StatusIs(absl::StatusCode::kDeadlineExceeded));
  reader_.store->ResumeReplies();
  Run();
  ASSERT_TRUE(joiner.came());
  EXPECT_THAT(*joiner, Holds("loaded"));
}

TEST_F(CacheRemote, TheLoaderRunsWhenTheRemoteTierIsDown) {
  server_.SetReachable(false);
  Run();
  EXPECT_THAT(GetOrLoad(reader_, "k", ReturnLoaded), Holds("loaded"));
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  server_.SetReachable(true);
  Run();
  Advance(absl::Seconds(1));
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
}

TEST_F(CacheRemote, TheLoaderRunsWhenTheRemoteTierDoesNotAnswerInHalfOfTheTime) {
  reader_.store->HoldReplies(kReadCalls);
  const Answer<absl::StatusOr<Value>> loaded;
  reader_.cache->GetOrLoadAsync("k", ReturnLoaded, loaded.callback());
  Run();
  EXPECT_FALSE(loaded.came());
  Advance(absl::Milliseconds(550));
  ASSERT_TRUE(loaded.came());
  EXPECT_THAT(*loaded, Holds("loaded"));
}

// --- Lives (mechanism M12)

TEST_F(CacheRemote, MemoryDoesNotKeepAValueLongerThanItLives) {
  WriteOptions options;
  options.time_to_live = absl::Seconds(10);
  ASSERT_THAT(Set(writer_, "k", "v1", options), IsOk());
  Advance(absl::Seconds(4));
  ReadInfo info;
  ReadOptions read;
  read.info = &info;
  ASSERT_THAT(Get(reader_, "k", read), Holds("v1"));
  EXPECT_LE(info.time_to_live, absl::Seconds(6));
  EXPECT_GT(info.time_to_live, absl::Milliseconds(5990));
  for (int i = 0; i < 59; ++i) Advance(absl::Milliseconds(100));
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
  EXPECT_THAT(Memory(writer_, "k"), Optional(std::string("v1")));
  Advance(absl::Milliseconds(101));
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_EQ(Memory(writer_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
}

TEST_F(CacheRemote, MemoryKeepsNothingLongerThanItsOwnLimit) {
  Options options = DefaultOptions();
  options.local.time_to_live_max = absl::Seconds(2);
  Process process = Open(options);
  ASSERT_THAT(Set(process, "own", "v1"), IsOk());
  ASSERT_THAT(Set(writer_, "other", "v1"), IsOk());
  ASSERT_THAT(Get(process, "other"), Holds("v1"));
  for (int i = 0; i < 21; ++i) Advance(absl::Milliseconds(100));
  EXPECT_EQ(Memory(process, "own"), absl::nullopt);
  EXPECT_EQ(Memory(process, "other"), absl::nullopt);
  EXPECT_THAT(Get(process, "other"), Holds("v1"));
}

// --- Bytes that are no values (mechanism M14)

TEST_F(CacheRemote, AStrangersValueIsAMissAndACounter) {
  server_.Put(":1:k", "a stranger's value");
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
  EXPECT_EQ(reader_.cache->GetStats().frames_foreign, 1u);
  EXPECT_THAT(GetOrLoad(reader_, "k", ReturnLoaded), Holds("loaded"));
  EXPECT_THAT(Get(writer_, "k"), Holds("loaded"));
}

TEST_F(CacheRemote, AFrameWithAnyByteChangedOrCutIsAMissNeverAnotherValue) {
  ASSERT_THAT(Set(writer_, "k", "the value"), IsOk());
  const std::string frame = *server_.Peek(":1:k");
  for (size_t i = 0; i < frame.size(); ++i) {
    std::string damaged = frame;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x41);
    server_.Put(":1:k", damaged);
    EXPECT_THAT(Get(reader_, "k"), kIsAbsent) << "byte " << i;
    server_.Put(":1:k", frame.substr(0, i));
    EXPECT_THAT(Get(reader_, "k"), kIsAbsent) << "cut at " << i;
  }
  const CacheStats stats = reader_.cache->GetStats();
  EXPECT_EQ(stats.frames_corrupt + stats.frames_foreign + stats.frames_cleared, 2 * frame.size());
  EXPECT_GT(stats.frames_corrupt, frame.size());
  server_.Put(":1:k", frame);
  EXPECT_THAT(Get(reader_, "k"), Holds("the value"));
}

TEST_F(CacheRemote, AFrameOfAnotherKeyIsAMiss) {
  ASSERT_THAT(Set(writer_, "one", "the value of one"), IsOk());
  server_.Put(":1:two", *server_.Peek(":1:one"));
  EXPECT_THAT(Get(reader_, "two"), kIsAbsent);
  EXPECT_EQ(reader_.cache->GetStats().frames_corrupt, 1u);
}

TEST_F(CacheRemote, AKeyOfAnotherTypeIsAnErrorThatNamesIt) {
  server_.PutOtherType(":1:k");
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("\"k\""));
  EXPECT_THAT(Get(reader_, "k"), refused);
  const auto never = [](absl::string_view) -> absl::StatusOr<std::string> {
    ADD_FAILURE() << "what should it be stored in?";
    return "";
  };
  EXPECT_THAT(GetOrLoad(reader_, "k", never), refused);
  const Answer<absl::StatusOr<int64_t>> number;
  reader_.cache->IncrementAsync("k", 1, number.callback());
  Run();
  EXPECT_THAT(*number, StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(CacheRemote, KeysOfOtherPrefixesAndVersionsAreOtherKeys) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  Options options = DefaultOptions();
  options.key_version = 2;
  Process newer = Open(options);
  options.key_prefix = "app";
  Process prefixed = Open(options);
  EXPECT_THAT(Get(newer, "k"), kIsAbsent);
  EXPECT_THAT(Get(prefixed, "k"), kIsAbsent);
  ASSERT_THAT(Set(prefixed, "k", "v2"), IsOk());
  EXPECT_TRUE(server_.Peek("app:2:k").has_value());
  ASSERT_THAT(Clear(prefixed), IsOk());
  EXPECT_THAT(Get(writer_, "k"), Holds("v1"));
}

// --- Being away

TEST_F(CacheRemote, HealthSaysWhatIsWrong) {
  EXPECT_EQ(reader_.cache->Health().state, HealthState::kHealthy);
  reader_.store->HoldConnects(true);
  reader_.store->CutChannel();
  Run();
  HealthReport health = reader_.cache->Health();
  EXPECT_EQ(health.state, HealthState::kDegraded);
  EXPECT_NE(health.reason, "");
  reader_.store->CutData();
  Run();
  health = reader_.cache->Health();
  EXPECT_EQ(health.state, HealthState::kDown);
  EXPECT_NE(health.reason, "");
  Advance(absl::Seconds(3));
  EXPECT_EQ(reader_.cache->Health().since, absl::Seconds(3));
  reader_.store->HoldConnects(false);
  Run();
  Advance(absl::Seconds(1));
  EXPECT_EQ(reader_.cache->Health().state, HealthState::kHealthy) << reader_.cache->Health().reason;
}

class CacheLinkDown : public CacheProcesses {
 protected:
  // Holds "k" in memory, and has just lost its channel.
  Process Deafened(LinkDownPolicy policy) {
    Options options = DefaultOptions();
    options.coherence.link_down_policy = policy;
    Process process = Open(options);
    EXPECT_THAT(Set(process, "k", "v1"), IsOk());
    EXPECT_THAT(Memory(process, "k"), Optional(std::string("v1")));
    process.store->HoldConnects(true);
    process.store->CutChannel();
    Run();
    return process;
  }
};

TEST_F(CacheLinkDown, ServeWithinBoundGoesOnForTheBound) {
  Process process = Deafened(LinkDownPolicy::kServeWithinBound);
  EXPECT_THAT(Memory(process, "k"), Optional(std::string("v1")));
  Advance(kBound + absl::Milliseconds(50));
  EXPECT_EQ(Memory(process, "k"), absl::nullopt);
  EXPECT_THAT(Get(process, "k"), Holds("v1"));
}

TEST_F(CacheLinkDown, GoRemoteStopsAtOnceAndAsksTheServer) {
  Process process = Deafened(LinkDownPolicy::kGoRemote);
  EXPECT_EQ(Memory(process, "k"), absl::nullopt);
  EXPECT_THAT(Get(process, "k"), Holds("v1"));
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Memory(process, "k"), absl::nullopt);
}

TEST_F(CacheLinkDown, FailRefusesReadsUntilTheChannelIsBack) {
  Process process = Deafened(LinkDownPolicy::kFail);
  EXPECT_THAT(Get(process, "k"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(GetOrLoad(process, "k", ReturnLoaded), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Set(process, "k", "v2"), IsOk());
  process.store->HoldConnects(false);
  Run();
  Advance(absl::Seconds(1));
  EXPECT_THAT(Get(process, "k"), Holds("v2"));
}

TEST_F(CacheRemote, AServerThatLostEverythingIsNoticed) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  server_.FlushAll();
  for (int i = 0; i < 12; ++i) Advance(kBound / 10);
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
  EXPECT_THAT(Set(reader_, "k", "v2"), IsOk());
  EXPECT_THAT(Get(writer_, "k"), Holds("v2"));
}

}  // namespace
}  // namespace nearcache::testing
