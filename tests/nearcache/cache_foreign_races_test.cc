// The races of strangers' writes with reads, writes and loads of this process, one by one, through the whole cache.

#include <string>

#include "absl/status/status_matchers.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using internal::remote::kChangeCalls;
using internal::remote::kReadCalls;
using ::testing::Optional;

auto Holds(absl::string_view bytes) { return IsOkAndHolds(Value::Copy(bytes)); }

class CacheForeignRaces : public CacheProcesses {
 protected:
  static Options Following() {
    Options options = DefaultOptions();
    options.coherence.foreign_writers = true;
    return options;
  }
  // A stranger deletes "k", and the server says so.
  void Foreign() {
    server_.Erase(":1:k");
    process_.store->ReportKeys({"k"});
  }
  void Echo() { process_.store->ReportKeys({"k"}); }

  Process process_ = Open(Following());
};

TEST_F(CacheForeignRaces, AReplyThatAStrangersWriteOvertookIsDeliveredButNotStored) {
  ASSERT_THAT(Set(process_, "k", "v1"), IsOk());
  Echo();
  Advance(kBound + absl::Milliseconds(50));
  ASSERT_EQ(Memory(process_, "k"), absl::nullopt);
  process_.store->HoldReplies(kReadCalls);
  const auto late = BeginGet(process_, "k");
  Foreign();
  process_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*late, Holds("v1"));
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
  EXPECT_THAT(Get(process_, "k"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CacheForeignRaces, ReadersDoNotJoinAFlightThatAStrangersWriteOvertook) {
  ASSERT_THAT(Set(process_, "k", "v1"), IsOk());
  Echo();
  Advance(kBound + absl::Milliseconds(50));
  process_.store->HoldReplies(kReadCalls);
  const auto older = BeginGet(process_, "k");
  Foreign();
  const auto newer = BeginGet(process_, "k");
  process_.store->ResumeReplies();
  Run();
  EXPECT_THAT(*older, Holds("v1"));
  EXPECT_THAT(*newer, StatusIs(absl::StatusCode::kNotFound));
}

// The echo may come before the acknowledgement, and often does.
TEST_F(CacheForeignRaces, AnEchoBeforeTheAcknowledgementLeavesTheWriteForTheBound) {
  process_.store->HoldReplies(kChangeCalls);
  const Answer<absl::Status> set;
  process_.cache->SetAsync("k", "v1", set.callback());
  Run();
  Echo();
  process_.store->ResumeReplies();
  Run();
  ASSERT_THAT(*set, IsOk());
  EXPECT_THAT(Memory(process_, "k"), Optional(std::string("v1")));
  Advance(kBound + absl::Milliseconds(50));
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
  EXPECT_EQ(process_.cache->GetStats().foreign_echoes, 1u);
}

TEST_F(CacheForeignRaces, AStrangersWriteBehindTheEchoVoidsTheWriteUnderWay) {
  process_.store->HoldReplies(kChangeCalls);
  const Answer<absl::Status> set;
  process_.cache->SetAsync("k", "v1", set.callback());
  Run();
  Echo();
  Foreign();
  process_.store->ResumeReplies();
  Run();
  ASSERT_THAT(*set, IsOk());
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
}

// One report for both: the promise is the bound.
TEST_F(CacheForeignRaces, AStrangersWriteInTheTurnOfAnOwnOneIsSeenWithinTheBound) {
  ASSERT_THAT(Set(process_, "k", "v1"), IsOk());
  Foreign();  // The only report of the key in this turn, behind the message of "v1".
  EXPECT_THAT(Memory(process_, "k"), Optional(std::string("v1")));
  Advance(kBound + absl::Milliseconds(5));
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
  EXPECT_THAT(Get(process_, "k"), StatusIs(absl::StatusCode::kNotFound));
}

// Sentence 2: what a fresh read saw is not taken back by the copy that is still young enough.
TEST_F(CacheForeignRaces, AReadThatSawTheStrangersWriteEndsTheDoubtedCopy) {
  ASSERT_THAT(Set(process_, "k", "v1"), IsOk());
  Foreign();
  ReadOptions fresh;
  fresh.fresh = true;
  EXPECT_THAT(Get(process_, "k", fresh), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
}

// Sentence 3: what a loader read before the change is not kept after it.
TEST_F(CacheForeignRaces, ALoadThatAStrangersWriteOvertookIsDeliveredButNotStored) {
  const absl::StatusOr<Value> loaded =
      GetOrLoad(process_, "k", [this](absl::string_view) -> absl::StatusOr<std::string> {
        process_.store->ReportKeys({"k"});
        return "from the source, before";
      });
  EXPECT_THAT(loaded, Holds("from the source, before"));
  EXPECT_EQ(Memory(process_, "k"), absl::nullopt);
  EXPECT_EQ(server_.Peek(":1:k"), absl::nullopt);
}

TEST_F(CacheForeignRaces, AfterTheBoundAnOwnWriteIsReadOnceMoreAndThenStays) {
  ASSERT_THAT(Set(process_, "k", "v1"), IsOk());
  Echo();
  Advance(kBound + absl::Milliseconds(50));
  ASSERT_THAT(Get(process_, "k"), Holds("v1"));
  for (int i = 0; i < 20; ++i) {
    Advance(kBound / 4);
    EXPECT_THAT(Memory(process_, "k"), Optional(std::string("v1"))) << "leased, as usual";
  }
}

}  // namespace
}  // namespace nearcache::testing
