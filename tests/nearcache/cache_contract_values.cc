// Reading and writing, as every cache does it.

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_contract.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::StatusIs;

std::string TextOf(const absl::StatusOr<Value>& value) {
  return value.ok() ? value->ToString() : value.status().ToString();
}

ReadOptions Fresh() {
  ReadOptions options;
  options.fresh = true;
  return options;
}

TEST_P(CacheContract, AMissingKeyIsNotFound) {
  const absl::StatusOr<Value> value = cache_->Get("nobody");
  EXPECT_THAT(value, StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("\"nobody\"")));
}

TEST_P(CacheContract, AValueThatWasSetIsRead) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  EXPECT_EQ(TextOf(cache_->Get("k")), "value");
  EXPECT_EQ(TextOf(cache_->Get("k", Fresh())), "value");
  std::string copy = "before";
  EXPECT_THAT(cache_->Get("k", &copy), IsOk());
  EXPECT_EQ(copy, "value");
}

TEST_P(CacheContract, TheCopyingGetLeavesTheTextAloneWhenItFails) {
  std::string copy = "before";
  EXPECT_THAT(cache_->Get("nobody", &copy), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(copy, "before");
}

TEST_P(CacheContract, AnyBytesAreAKeyAndAValue) {
  const std::string key("a\0b\r\n{}:*\xff", 10);
  const std::string value("\0\r\n\xC4\x4E\xff", 6);
  ASSERT_THAT(cache_->Set(key, value), IsOk());
  EXPECT_EQ(TextOf(cache_->Get(key, Fresh())), value);
  ASSERT_THAT(cache_->Set("empty", ""), IsOk());
  EXPECT_EQ(TextOf(cache_->Get("empty", Fresh())), "");
}

TEST_P(CacheContract, ValuesOfEverySizeComeBackWhole) {
  for (const size_t size : {size_t{1}, size_t{1000}, size_t{20000}, size_t{600000}}) {
    std::string value;
    while (value.size() < size) absl::StrAppend(&value, "row ", value.size(), ";");
    ASSERT_THAT(cache_->Set("k", value), IsOk());
    EXPECT_EQ(TextOf(cache_->Get("k", Fresh())), value);
  }
}

TEST_P(CacheContract, AValueOutlivesItsEntryAndTheCache) {
  ASSERT_THAT(cache_->Set("k", std::string(1000, 'x')), IsOk());
  absl::StatusOr<Value> value = cache_->Get("k");
  ASSERT_THAT(value, IsOk());
  ASSERT_THAT(cache_->Delete("k"), IsOk());
  cache_.reset();
  EXPECT_EQ(value->ToString(), std::string(1000, 'x'));
}

TEST_P(CacheContract, ReadVisitsWhatMemoryHolds) {
  EXPECT_FALSE(cache_->Read("k", [](absl::string_view) {}));
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  std::string seen;
  EXPECT_TRUE(cache_->Read("k", [&seen](absl::string_view value) { seen = std::string(value); }));
  EXPECT_EQ(seen, "value");
}

TEST_P(CacheContract, ADeletedKeyIsGone) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  EXPECT_THAT(cache_->Delete("k"), IsOk());
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Delete("k"), IsOk());
}

TEST_P(CacheContract, AddStoresOnlyWhereNothingIs) {
  EXPECT_THAT(cache_->Add("k", "first"), IsOk());
  EXPECT_THAT(cache_->Add("k", "second"), StatusIs(absl::StatusCode::kAlreadyExists, ::testing::HasSubstr("\"k\"")));
  EXPECT_EQ(TextOf(cache_->Get("k")), "first");
}

TEST_P(CacheContract, ReplaceStoresOnlyWhereSomethingIs) {
  EXPECT_THAT(cache_->Replace("k", "first"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(cache_->Set("k", "first"), IsOk());
  EXPECT_THAT(cache_->Replace("k", "second"), IsOk());
  EXPECT_EQ(TextOf(cache_->Get("k")), "second");
}

TEST_P(CacheContract, ManyKeysAnswerInOrder) {
  const std::vector<KeyAndValue> entries = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  for (const absl::Status& status : cache_->SetMany(entries)) EXPECT_THAT(status, IsOk());
  const std::vector<absl::string_view> keys = {"c", "missing", "a", "", "b", "a"};
  for (const bool fresh : {false, true}) {
    ReadOptions options;
    options.fresh = fresh;
    const auto values = cache_->GetMany(keys, options);
    ASSERT_EQ(values.size(), 6u);
    EXPECT_EQ(TextOf(values[0]), "3");
    EXPECT_THAT(values[1], StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(TextOf(values[2]), "1");
    EXPECT_THAT(values[3], StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(TextOf(values[4]), "2");
    EXPECT_EQ(TextOf(values[5]), "1");
  }
  const std::vector<absl::string_view> gone = {"a", "c", "missing"};
  for (const absl::Status& status : cache_->DeleteMany(gone)) EXPECT_THAT(status, IsOk());
  EXPECT_THAT(cache_->Get("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(TextOf(cache_->Get("b")), "2");
  EXPECT_TRUE(cache_->GetMany({}).empty());
  EXPECT_TRUE(cache_->SetMany({}).empty());
  EXPECT_TRUE(cache_->DeleteMany({}).empty());
}

TEST_P(CacheContract, GetManyReadsAHundredKeysThatMemoryLacks) {
  WriteOptions remote_only;
  remote_only.keep_local = !has_remote();
  std::vector<std::string> names;
  std::vector<KeyAndValue> entries;
  for (int i = 0; i < 100; ++i) names.push_back(absl::StrCat("key", i));
  for (const std::string& name : names) entries.emplace_back(name, name);
  for (const absl::Status& status : cache_->SetMany(entries, remote_only)) ASSERT_THAT(status, IsOk());
  const std::vector<absl::string_view> keys(names.begin(), names.end());
  const auto values = cache_->GetMany(keys);
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(TextOf(values[i]), keys[i]);
}

TEST_P(CacheContract, IncrementCounts) {
  EXPECT_THAT(cache_->Increment("n"), absl_testing::IsOkAndHolds(1));
  EXPECT_THAT(cache_->Increment("n", 41), absl_testing::IsOkAndHolds(42));
  EXPECT_THAT(cache_->Increment("n", -50), absl_testing::IsOkAndHolds(-8));
  EXPECT_EQ(TextOf(cache_->Get("n")), "-8");
  ASSERT_THAT(cache_->Set("n", "5"), IsOk());
  EXPECT_THAT(cache_->Increment("n"), absl_testing::IsOkAndHolds(6));
}

TEST_P(CacheContract, IncrementRefusesWhatIsNoNumber) {
  IncrementOptions no_create;
  no_create.create = false;
  EXPECT_THAT(cache_->Increment("n", 1, no_create), StatusIs(absl::StatusCode::kNotFound));
  for (const absl::string_view text : {"", "five", "05", "+5", " 5", "5.0"}) {
    ASSERT_THAT(cache_->Set("n", text), IsOk());
    EXPECT_THAT(cache_->Increment("n"), StatusIs(absl::StatusCode::kFailedPrecondition)) << text;
    EXPECT_EQ(TextOf(cache_->Get("n")), text);
  }
}

TEST_P(CacheContract, IncrementKeepsTheNumberWhenTheSumDoesNotFit) {
  const std::string most = absl::StrCat(std::numeric_limits<int64_t>::max());
  ASSERT_THAT(cache_->Set("n", most), IsOk());
  EXPECT_THAT(cache_->Increment("n"), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(TextOf(cache_->Get("n")), most);
}

TEST_P(CacheContract, ClearForgetsEverything) {
  ASSERT_THAT(cache_->Set("a", "1"), IsOk());
  ASSERT_THAT(cache_->Set("b", "2"), IsOk());
  EXPECT_THAT(cache_->Clear(), IsOk());
  EXPECT_THAT(cache_->Get("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Get("b", Fresh()), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(cache_->Set("a", "3"), IsOk());
  EXPECT_EQ(TextOf(cache_->Get("a", Fresh())), "3");
}

TEST_P(CacheContract, InfoSaysWhereAValueCameFrom) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  ReadInfo info;
  ReadOptions options;
  options.info = &info;
  ASSERT_THAT(cache_->Get("k", options), IsOk());
  EXPECT_EQ(info.source, ReadInfo::Source::kLocal);
  EXPECT_GT(info.time_to_live, absl::Minutes(4));
  EXPECT_LE(info.time_to_live, absl::Minutes(5));
  options.fresh = true;
  ASSERT_THAT(cache_->Get("k", options), IsOk());
  EXPECT_EQ(info.source, has_remote() ? ReadInfo::Source::kRemote : ReadInfo::Source::kLocal);
  EXPECT_GE(info.age, absl::ZeroDuration());
}

TEST_P(CacheContract, StatisticsCountWhatHappened) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  ASSERT_THAT(cache_->Get("k"), IsOk());
  EXPECT_THAT(cache_->Get("nobody"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(cache_->Delete("k"), IsOk());
  ASSERT_THAT(cache_->Clear(), IsOk());
  const CacheStats stats = cache_->GetStats();
  EXPECT_EQ(stats.local_hits, 1u);
  EXPECT_EQ(stats.local_misses, 1u);
  EXPECT_EQ(stats.remote_misses, has_remote() ? 1u : 0u);
  EXPECT_EQ(stats.writes, 1u);
  EXPECT_EQ(stats.deletes, 1u);
  EXPECT_EQ(stats.clears, 1u);
  EXPECT_EQ(stats.calls_waiting, 0u);
  EXPECT_EQ(stats.local_capacity_bytes, DefaultOptions().local.capacity_bytes);
  EXPECT_THAT(stats.ToString(), ::testing::HasSubstr("\nlocal_misses 1\n"));
}

TEST_P(CacheContract, AReadyCacheIsHealthy) {
  const HealthReport health = cache_->Health();
  EXPECT_EQ(health.state, HealthState::kHealthy) << health.reason;
  EXPECT_EQ(health.reason, "");
}

TEST_P(CacheContract, SyncEnds) { EXPECT_THAT(cache_->Sync(), IsOk()); }

}  // namespace
}  // namespace nearcache::testing
