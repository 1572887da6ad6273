// Looking into a whole cache: what Explain says of both tiers, and what ForEach shows.

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/inspect.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::StatusIs;
using internal::remote::kReadCalls;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using Memory = Explanation::Memory;
using Remote = Explanation::Remote;

class CacheInspect : public CacheProcesses {
 protected:
  // Both tiers.
  Explanation Explain(absl::string_view key) {
    const Answer<absl::StatusOr<Explanation>> answer;
    ExplainOptions options;
    options.ask_remote = true;
    process_.cache->ExplainAsync(key, answer.callback(), options);
    Run();
    EXPECT_TRUE(answer.came());
    EXPECT_THAT(*answer, IsOk());
    return **answer;
  }

  Process process_ = Open();
  Process other_ = Open();
};

TEST_F(CacheInspect, OneWriteInBothTiers) {
  WriteOptions minute;
  minute.time_to_live = absl::Minutes(1);
  ASSERT_THAT(Set(process_, "k", "value", minute), IsOk());
  clock_.Advance(absl::Milliseconds(100));
  const Explanation explanation = Explain("k");
  EXPECT_EQ(explanation.memory, Memory::kServed);
  EXPECT_EQ(explanation.age, absl::Milliseconds(100));
  EXPECT_EQ(explanation.time_to_live, absl::Minutes(1) - absl::Milliseconds(100));
  EXPECT_EQ(explanation.value_bytes, 5);
  EXPECT_TRUE(explanation.leased);
  EXPECT_EQ(explanation.remote, Remote::kPresent);
  EXPECT_GT(explanation.remote_time_to_live, absl::Seconds(59));
  EXPECT_LE(explanation.remote_time_to_live, absl::Minutes(1));
  EXPECT_TRUE(explanation.same_write());
  EXPECT_THAT(explanation.ToString(), HasSubstr("the same write"));
}

TEST_F(CacheInspect, MemoryThatHasNotHeardYet) {
  ASSERT_THAT(Set(process_, "k", "1"), IsOk());
  process_.store->HoldMessages();
  ASSERT_THAT(Set(other_, "k", "2"), IsOk());
  const Explanation explanation = Explain("k");
  EXPECT_EQ(explanation.memory, Memory::kServed);
  EXPECT_EQ(explanation.remote, Remote::kPresent);
  EXPECT_FALSE(explanation.same_write());
  EXPECT_NE(explanation.operation_id, explanation.remote_operation_id);
}

TEST_F(CacheInspect, AbsentInBothTiers) {
  const Explanation explanation = Explain("k");
  EXPECT_EQ(explanation.memory, Memory::kAbsent);
  EXPECT_EQ(explanation.remote, Remote::kAbsent);
  EXPECT_FALSE(explanation.same_write());
}

TEST_F(CacheInspect, ClearedInBothTiers) {
  ASSERT_THAT(Set(process_, "k", "1"), IsOk());
  ASSERT_THAT(Clear(other_), IsOk());
  EXPECT_EQ(Explain("k").remote, Remote::kCleared);
}

TEST_F(CacheInspect, AStrangersValue) {
  server_.keyspace().RunCommand({"SET", ":1:k", "no frame"}, clock_.Now());
  EXPECT_EQ(Explain("k").remote, Remote::kForeign);
  server_.keyspace().RunCommand({"SET", ":1:k", std::string("\xC4\x4E", 2)}, clock_.Now());
  EXPECT_EQ(Explain("k").remote, Remote::kUnusable);
}

TEST_F(CacheInspect, ARemoteTierThatDoesNotAnswerIsPartOfTheExplanation) {
  ASSERT_THAT(Set(process_, "k", "1"), IsOk());
  process_.store->FailNext(kReadCalls, absl::UnavailableError("gone for a walk"));
  const Explanation explanation = Explain("k");
  EXPECT_EQ(explanation.memory, Memory::kServed);
  EXPECT_EQ(explanation.remote, Remote::kUnreachable);
  EXPECT_THAT(explanation.ToString(), HasSubstr("gone for a walk"));
}

TEST_F(CacheInspect, ALargeValueIsCheckedAllTheSame) {
  ASSERT_THAT(Set(process_, "k", std::string(100'000, 'x')), IsOk());
  const Answer<absl::StatusOr<Explanation>> answer;
  ExplainOptions options;
  options.ask_remote = true;
  process_.cache->ExplainAsync("k", answer.callback(), options);
  do {
    Run();
  } while (!answer.came());
  ASSERT_THAT(*answer, IsOk());
  EXPECT_EQ((*answer)->remote, Remote::kPresent);
  EXPECT_TRUE((*answer)->same_write());
}

TEST_F(CacheInspect, SaysWhatWritesAndReadsAreInProgress) {
  process_.store->HoldReplies();
  const Answer<absl::StatusOr<Value>> read = BeginGet(process_, "read");
  const Answer<absl::Status> write;
  process_.cache->SetAsync("written", "v", write.callback());
  const absl::StatusOr<Explanation> of_read = process_.cache->Explain("read");
  const absl::StatusOr<Explanation> of_written = process_.cache->Explain("written");
  ASSERT_THAT(of_read, IsOk());
  ASSERT_THAT(of_written, IsOk());
  EXPECT_TRUE(of_read->being_read);
  EXPECT_TRUE(of_written->being_written);
  EXPECT_EQ(of_written->remote, Remote::kNotAsked);
  EXPECT_THAT(of_written->ToString(), HasSubstr("being written"));
  process_.store->ResumeReplies();
  Run();
}

TEST_F(CacheInspect, RefusesWhatEveryCallRefuses) {
  EXPECT_THAT(process_.cache->Explain(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(process_.cache->Close(), IsOk());
  EXPECT_THAT(process_.cache->Explain("k"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(process_.cache->ForEach([](const EntryView&) { return true; }),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(CacheInspectLocalTest, ForEachShowsKeysValuesAndLives) {
  Options options;
  absl::StatusOr<std::unique_ptr<Cache>> cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  WriteOptions endless;
  endless.time_to_live = absl::InfiniteDuration();
  ASSERT_THAT((*cache)->Set("a", "1"), IsOk());
  ASSERT_THAT((*cache)->Set("b", "2", endless), IsOk());
  EXPECT_EQ((*cache)->Hottest(10).size(), 2);
  EXPECT_EQ((*cache)->Coldest(1).size(), 1);
  std::vector<std::string> seen;
  ASSERT_THAT((*cache)->ForEach([&](const EntryView& entry) {
    seen.push_back(absl::StrCat(entry.key, "=", entry.value.view()));
    EXPECT_GE(entry.age, absl::ZeroDuration());
    EXPECT_EQ(entry.time_to_live == absl::InfiniteDuration(), entry.key == "b");
    // It may use the cache.
    EXPECT_THAT((*cache)->Delete(entry.key), IsOk());
    return true;
  }),
              IsOk());
  EXPECT_THAT(seen, UnorderedElementsAre("a=1", "b=2"));
  ExplainOptions both;
  both.ask_remote = true;
  const absl::StatusOr<Explanation> explanation = (*cache)->Explain("a", both);
  ASSERT_THAT(explanation, IsOk());
  EXPECT_EQ(explanation->memory, Memory::kAbsent);
  EXPECT_EQ(explanation->remote, Remote::kNone);
}

}  // namespace
}  // namespace nearcache::testing
