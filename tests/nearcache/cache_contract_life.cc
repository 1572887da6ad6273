// Lives of values, as every cache keeps them.

#include <string>

#include "absl/status/status_matchers.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_contract.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::AllOf;
using ::testing::Gt;
using ::testing::Le;

// A life that was given as `whole`, a moment ago.
auto AlmostAllOf(absl::Duration whole) { return IsOkAndHolds(AllOf(Gt(whole - absl::Seconds(20)), Le(whole))); }

WriteOptions Living(absl::Duration time_to_live) {
  WriteOptions options;
  options.time_to_live = time_to_live;
  return options;
}

TEST_P(CacheContract, AValueLivesAsLongAsItsWriterSaid) {
  ASSERT_THAT(cache_->Set("usual", "value"), IsOk());
  ASSERT_THAT(cache_->Set("short", "value", Living(absl::Seconds(90))), IsOk());
  ASSERT_THAT(cache_->Set("endless", "value", Living(absl::InfiniteDuration())), IsOk());
  ASSERT_THAT(cache_->Set("a thousand years", "value", Living(absl::Hours(24 * 365 * 1000))), IsOk());
  EXPECT_THAT(cache_->TimeToLive("usual"), AlmostAllOf(absl::Minutes(5)));
  EXPECT_THAT(cache_->TimeToLive("short"), AlmostAllOf(absl::Seconds(90)));
  EXPECT_THAT(cache_->TimeToLive("endless"), IsOkAndHolds(absl::InfiniteDuration()));
  EXPECT_THAT(cache_->TimeToLive("a thousand years"), IsOkAndHolds(absl::InfiniteDuration()));
  EXPECT_THAT(cache_->TimeToLive("nobody"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, ALifeShorterThanAMillisecondIsRoundedUpNotRefused) {
  EXPECT_THAT(cache_->Set("k", "value", Living(absl::Nanoseconds(1))), IsOk());
}

TEST_P(CacheContract, TouchGivesAnotherLife) {
  ASSERT_THAT(cache_->Set("k", "value", Living(absl::InfiniteDuration())), IsOk());
  EXPECT_THAT(cache_->Touch("k", absl::Seconds(90)), IsOk());
  EXPECT_THAT(cache_->TimeToLive("k"), AlmostAllOf(absl::Seconds(90)));
  EXPECT_THAT(cache_->Touch("k", absl::InfiniteDuration()), IsOk());
  EXPECT_THAT(cache_->TimeToLive("k"), IsOkAndHolds(absl::InfiniteDuration()));
  EXPECT_THAT(cache_->Touch("nobody", absl::Seconds(90)), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, PersistTakesTheEndAway) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  EXPECT_THAT(cache_->Persist("k"), IsOk());
  EXPECT_THAT(cache_->TimeToLive("k"), IsOkAndHolds(absl::InfiniteDuration()));
  EXPECT_THAT(cache_->Persist("nobody"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, IncrementGivesANewNumberItsLifeAndLeavesAnOldOneItsOwn) {
  IncrementOptions options;
  options.time_to_live = absl::Seconds(90);
  ASSERT_THAT(cache_->Increment("n", 1, options), IsOk());
  EXPECT_THAT(cache_->TimeToLive("n"), AlmostAllOf(absl::Seconds(90)));
  options.time_to_live = absl::Hours(1);
  ASSERT_THAT(cache_->Increment("n", 1, options), IsOk());
  EXPECT_THAT(cache_->TimeToLive("n"), AlmostAllOf(absl::Seconds(90)));
}

TEST_P(CacheContract, AnExpiredValueIsAbsent) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  EXPECT_THAT(cache_->Expire("k"), IsOk());
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->TimeToLive("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Touch("k", absl::Seconds(90)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Replace("k", "other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Expire("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Add("k", "new"), IsOk());
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("new")));
}

absl::StatusOr<std::string> FailingLoader(absl::string_view) { return absl::UnavailableError("the source is down"); }

TEST_P(CacheContract, AFailingLoadFallsBackToTheExpiredValue) {
  ASSERT_THAT(cache_->Set("k", "stale"), IsOk());
  ASSERT_THAT(cache_->Expire("k"), IsOk());
  EXPECT_THAT(cache_->GetOrLoad("k", FailingLoader), IsOkAndHolds(Value::Copy("stale")));
  // It was given, not revived.
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->GetOrLoad("k", [](absl::string_view) { return "fresh"; }), IsOkAndHolds(Value::Copy("fresh")));
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("fresh")));
}

TEST_P(CacheContract, WhatWasExpiredBeforeADeleteOrAnotherValueDoesNotComeBack) {
  ASSERT_THAT(cache_->Set("deleted", "stale"), IsOk());
  ASSERT_THAT(cache_->Set("replaced", "stale"), IsOk());
  ASSERT_THAT(cache_->Set("cleared", "stale"), IsOk());
  ASSERT_THAT(cache_->Expire("deleted"), IsOk());
  ASSERT_THAT(cache_->Expire("replaced"), IsOk());
  ASSERT_THAT(cache_->Expire("cleared"), IsOk());
  ASSERT_THAT(cache_->Delete("deleted"), IsOk());
  ASSERT_THAT(cache_->Set("replaced", "newer"), IsOk());
  ASSERT_THAT(cache_->Delete("replaced"), IsOk());
  EXPECT_THAT(cache_->GetOrLoad("deleted", FailingLoader), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cache_->GetOrLoad("replaced", FailingLoader), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(cache_->Clear(), IsOk());
  EXPECT_THAT(cache_->GetOrLoad("cleared", FailingLoader), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(CacheContract, ASourceThatSaysNoIsBelievedOverAnExpiredValue) {
  ASSERT_THAT(cache_->Set("k", "stale"), IsOk());
  ASSERT_THAT(cache_->Expire("k"), IsOk());
  const auto gone = [](absl::string_view) -> absl::StatusOr<std::string> { return absl::NotFoundError("no row"); };
  EXPECT_THAT(cache_->GetOrLoad("k", gone), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace nearcache::testing
