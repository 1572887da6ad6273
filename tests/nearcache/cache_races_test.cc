// The races of the protocol, one by one, through the whole cache. The numbers are those of lib/DESIGN.md's catalogue.

#include "absl/status/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using internal::remote::kAllCalls;
using internal::remote::kChangeCalls;
using internal::remote::kReadCalls;
using ::testing::Optional;

const auto kIsAbsent = StatusIs(absl::StatusCode::kNotFound);

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

ReadOptions Within(absl::Duration timeout) {
  ReadOptions options;
  options.timeout = timeout;
  return options;
}

ReadOptions Fresh() {
  ReadOptions options;
  options.fresh = true;
  return options;
}

class CacheRaces : public CacheProcesses {
 protected:
  Process reader_ = Open();
  Process writer_ = Open();
};

TEST_F(CacheRaces, AChangeOfAnotherProcessEndsWhatMemoryHolds) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  ASSERT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
  EXPECT_EQ(reader_.cache->GetStats().invalidations, 1u);
}

// Race 1.
TEST_F(CacheRaces, AReplyThatAnInvalidationOvertookIsDeliveredButNotStored) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  const auto late = BeginGet(reader_, "k");
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*late, Holds("v1"));
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
  EXPECT_EQ(reader_.cache->GetStats().fills_refused, 1u);
}

// Race 2.
TEST_F(CacheRaces, ALateReplyDoesNotHideAnOwnWrite) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  reader_.store->HoldMessages();
  const auto late = BeginGet(reader_, "k");
  ASSERT_THAT(Set(reader_, "k", "v2"), IsOk());
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*late, Holds("v1"));
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
}

TEST_F(CacheRaces, AnAcknowledgedWriteIsReadBackFromMemoryAndItsOwnEchoLeavesIt) {
  reader_.store->HoldMessages();
  ASSERT_THAT(Set(reader_, "k", "v1"), IsOk());
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
  reader_.store->ResumeMessages();
  Run();
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
}

// Race 4.
TEST_F(CacheRaces, AWriteThatWasOvertakenIsNotKept) {
  reader_.store->HoldReplies(kChangeCalls);
  const Answer<absl::Status> older;
  reader_.cache->SetAsync("k", "v1", older.callback());
  Run();
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*older, IsOk());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
}

// Race 6.
TEST_F(CacheRaces, AReadThatBeginsAfterAnOwnWriteDoesNotJoinAnOlderFlight) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  const auto older = BeginGet(reader_, "k");
  ASSERT_THAT(Delete(reader_, "k"), IsOk());
  const auto newer = BeginGet(reader_, "k");
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*older, Holds("v1"));
  EXPECT_THAT(*newer, kIsAbsent);
}

TEST_F(CacheRaces, ConcurrentMissesShareOneReadAndEachKeepsItsOwnDeadline) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  const auto hasty = BeginGet(reader_, "k", Within(absl::Milliseconds(10)));
  const auto patient = BeginGet(reader_, "k", Within(absl::Milliseconds(900)));
  const auto hasty_too = BeginGet(reader_, "k", Within(absl::Milliseconds(10)));
  EXPECT_EQ(reader_.store->held_replies(), 1u);
  Advance(absl::Milliseconds(20));
  // Deadlines of calls are kept by a thread of real time.
  while (!hasty.came() || !hasty_too.came()) Run();
  EXPECT_THAT(*hasty, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(*hasty_too, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_FALSE(patient.came());
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*patient, Holds("v1"));
  EXPECT_EQ(reader_.cache->GetStats().reads_joined, 2u);
}

TEST_F(CacheRaces, AFreshReadJoinsNothing) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  reader_.store->HoldMessages();
  const auto plain = BeginGet(reader_, "k");
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  const auto fresh = BeginGet(reader_, "k", Fresh());
  reader_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*plain, Holds("v1"));
  EXPECT_THAT(*fresh, Holds("v2"));
  // Two replies with different values: nobody knows here which is newer.
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
}

// Race 14: the channel is silent, and nothing says so.
TEST_F(CacheRaces, MemoryIsServedNoLongerThanTheBoundWhenMessagesDoNotCome) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  reader_.store->HoldMessages();
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
  for (int i = 0; i < 10; ++i) Advance(kBound / 10);
  Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
}

TEST_F(CacheRaces, MemoryIsServedBeyondTheBoundWhileHeartbeatsProveIt) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  for (int i = 0; i < 50; ++i) Advance(kBound / 10);
  EXPECT_THAT(Memory(reader_, "k"), Optional(std::string("v1")));
}

TEST_F(CacheRaces, AfterSyncMemoryServesNothingOlder) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  reader_.store->HoldMessages();
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  const Answer<absl::Status> synced;
  reader_.cache->SyncAsync(synced.callback());
  Run();
  EXPECT_FALSE(synced.came());
  reader_.store->ResumeMessages();
  Run();
  ASSERT_TRUE(synced.came());
  EXPECT_THAT(*synced, IsOk());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
}

TEST_F(CacheRaces, ALostMessageEndsTheGeneration) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  reader_.store->DropMessages(1);
  ASSERT_THAT(Set(writer_, "k", "v2"), IsOk());
  ASSERT_THAT(Set(writer_, "other", "value"), IsOk());
  EXPECT_EQ(reader_.cache->GetStats().gaps_detected, 1u);
  // Within the bound an entry stands for itself; the generation no longer does.
  Advance(kBound + absl::Milliseconds(50));
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
}

// --- Clear

TEST_F(CacheRaces, ClearInOneProcessEmptiesTheOther) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  ASSERT_THAT(Clear(writer_), IsOk());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
  EXPECT_THAT(Get(writer_, "k"), kIsAbsent);
  EXPECT_GE(reader_.cache->GetStats().frames_cleared, 1u);
}

TEST_F(CacheRaces, AnOwnClearIsSeenHereBeforeItsMessageComes) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  reader_.store->HoldMessages();
  ASSERT_THAT(Clear(reader_), IsOk());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
}

TEST_F(CacheRaces, AReadThatAnOwnClearOvertookIsNotStored) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  reader_.store->HoldReplies(kReadCalls);
  const auto late = BeginGet(reader_, "k");
  ASSERT_THAT(Clear(reader_), IsOk());
  reader_.store->ResumeReplies();
  Run();
  ASSERT_TRUE(late.came());
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), kIsAbsent);
}

TEST_F(CacheRaces, AWriteUnderAnEpochThatHasPassedIsSentAgain) {
  ASSERT_THAT(Set(reader_, "other", "value"), IsOk());
  reader_.store->HoldMessages();
  ASSERT_THAT(Clear(writer_), IsOk());
  EXPECT_THAT(Set(reader_, "k", "v1"), IsOk());
  EXPECT_THAT(Get(writer_, "k"), Holds("v1"));
  EXPECT_THAT(Get(reader_, "k", Fresh()), Holds("v1"));
  EXPECT_EQ(reader_.cache->GetStats().writes, 2u);
}

// --- Outcomes

TEST_F(CacheRaces, AWriteWhoseAnswerNeverCameIsUnknownAndLeavesNothingInMemory) {
  ASSERT_THAT(Set(writer_, "k", "v1"), IsOk());
  ASSERT_THAT(Get(reader_, "k"), Holds("v1"));
  reader_.store->HoldMessages();
  reader_.store->HoldReplies(kChangeCalls);
  const Answer<absl::Status> unknown;
  reader_.cache->SetAsync("k", "v2", unknown.callback());
  Run();
  Advance(absl::Seconds(2));
  ASSERT_TRUE(unknown.came());
  EXPECT_THAT(*unknown, StatusIs(absl::StatusCode::kDeadlineExceeded, ::testing::HasSubstr("\"k\"")));
  EXPECT_TRUE(OutcomeUnknown(*unknown));
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v2"));
  EXPECT_EQ(reader_.cache->GetStats().changes_unknown, 1u);
}

TEST_F(CacheRaces, AWriteThatWasExecutedThoughItFailedIsNotKept) {
  reader_.store->FailNext(kChangeCalls, absl::DeadlineExceededError("no reply"), /*unknown=*/true, /*executed=*/true);
  const absl::Status unknown = Set(reader_, "k", "v1");
  EXPECT_TRUE(OutcomeUnknown(unknown)) << unknown;
  EXPECT_EQ(Memory(reader_, "k"), absl::nullopt);
  EXPECT_THAT(Get(reader_, "k"), Holds("v1"));
}

TEST_F(CacheRaces, AWriteThatWasCertainlyNotExecutedSaysSo) {
  reader_.store->FailNext(kChangeCalls, absl::UnavailableError("no connection"));
  const absl::Status failed = Set(reader_, "k", "v2");
  EXPECT_THAT(failed, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(OutcomeUnknown(failed));
  EXPECT_EQ(reader_.cache->GetStats().changes_failed, 1u);
  EXPECT_EQ(reader_.cache->GetStats().calls_waiting, 0u);
}

TEST_F(CacheRaces, CloseEndsWhatWaitsForTheServer) {
  reader_.store->HoldRequests(kAllCalls);
  const auto read = BeginGet(reader_, "k");
  const Answer<absl::Status> write;
  reader_.cache->SetAsync("k", "v1", write.callback());
  const Answer<absl::StatusOr<Value>> load;
  reader_.cache->GetOrLoadAsync("other", [](absl::string_view) { return "loaded"; }, load.callback());
  Run();
  EXPECT_THAT(reader_.cache->Close(absl::ZeroDuration()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  Run();
  EXPECT_THAT(reader_.cache->Close(), IsOk());
  EXPECT_THAT(*read, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(*write, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(*load, StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace nearcache::testing
