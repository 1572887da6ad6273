// Bad input: refused with a clear error that names what was wrong, and nothing is lost.

#include <string>
#include <thread>

#include "absl/status/status_matchers.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/cache_contract.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::HasSubstr;

absl::StatusOr<std::string> ReturnLoaded(absl::string_view) { return "loaded"; }

// Calls everything that takes a key, and expects each call to be refused.
void ExpectKeyRefused(Cache* cache, absl::string_view key, const std::string& text) {
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text));
  std::string copy;
  EXPECT_THAT(cache->Get(key), refused);
  EXPECT_THAT(cache->Get(key, &copy), refused);
  EXPECT_FALSE(cache->Read(key, [](absl::string_view) {}));
  EXPECT_THAT(cache->GetMany({key})[0], refused);
  EXPECT_THAT(cache->GetOrLoad(key, ReturnLoaded), refused);
  EXPECT_THAT(cache->Set(key, "value"), refused);
  EXPECT_THAT(cache->Add(key, "value"), refused);
  EXPECT_THAT(cache->Replace(key, "value"), refused);
  EXPECT_THAT(cache->SetMany({{key, "value"}})[0], refused);
  EXPECT_THAT(cache->Delete(key), refused);
  EXPECT_THAT(cache->DeleteMany({key})[0], refused);
  EXPECT_THAT(cache->Increment(key), refused);
  EXPECT_THAT(cache->TimeToLive(key), refused);
  EXPECT_THAT(cache->Touch(key, absl::Seconds(1)), refused);
  EXPECT_THAT(cache->Persist(key), refused);
  EXPECT_THAT(cache->Expire(key), refused);
  Catcher<absl::StatusOr<Value>> value;
  Catcher<absl::Status> status;
  cache->GetAsync(key, value.MakeCallback());
  cache->SetAsync(key, "value", status.MakeCallback());
  // Refused calls are answered from inside.
  ASSERT_EQ(value.count(), 1u);
  ASSERT_EQ(status.count(), 1u);
  EXPECT_THAT(value.Wait(), refused);
  EXPECT_THAT(status.Wait(), refused);
}

TEST_P(CacheContract, AnEmptyKeyIsRefused) { ExpectKeyRefused(cache_.get(), "", "the key is empty"); }

TEST_P(CacheContract, AKeyAboveTheLimitIsRefusedAndOneAtTheLimitIsNot) {
  const std::string longest(DefaultOptions().limits.key_bytes_max, 'k');
  EXPECT_THAT(cache_->Set(longest, "value"), IsOk());
  EXPECT_THAT(cache_->Get(longest), IsOkAndHolds(Value::Copy("value")));
  ExpectKeyRefused(cache_.get(), longest + "k", "limits.key_bytes_max = 1024");
}

TEST_P(CacheContract, AValueAboveTheLimitIsRefusedAndTheOldOneStays) {
  Options options = DefaultOptions();
  options.limits.value_bytes_max = 1000;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  const std::string largest(1000, 'x');
  ASSERT_THAT(cache->Set("k", largest), IsOk());
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("limits.value_bytes_max = 1000"));
  EXPECT_THAT(cache->Set("k", largest + "y"), refused);
  EXPECT_THAT(cache->Add("other", largest + "y"), refused);
  EXPECT_THAT(cache->Replace("k", largest + "y"), refused);
  EXPECT_THAT(cache->Get("k"), IsOkAndHolds(Value::Copy(largest)));
}

TEST_P(CacheContract, ErrorsNameTheKeyAndNeverTheValue) {
  Options options = DefaultOptions();
  options.limits.value_bytes_max = 10;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  const absl::Status refused = cache->Set("the-key", "my-secret-value");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the-key"));
  EXPECT_THAT(std::string(refused.message()), ::testing::Not(HasSubstr("secret")));
}

TEST_P(CacheContract, ALifeThatIsNotPositiveIsRefused) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not positive"));
  for (const absl::Duration life : {absl::ZeroDuration(), absl::Nanoseconds(-1), -absl::InfiniteDuration()}) {
    IncrementOptions increment;
    increment.time_to_live = life;
    LoadOptions load;
    load.time_to_live = life;
    const WriteOptions& write = load;
    EXPECT_THAT(cache_->Set("k", "other", write), refused);
    EXPECT_THAT(cache_->Add("new", "other", write), refused);
    EXPECT_THAT(cache_->Replace("k", "other", write), refused);
    EXPECT_THAT(cache_->SetMany({{"k", "other"}}, write)[0], refused);
    EXPECT_THAT(cache_->Increment("n", 1, increment), refused);
    EXPECT_THAT(cache_->GetOrLoad("new", ReturnLoaded, load), refused);
    EXPECT_THAT(cache_->Touch("k", life), refused);
  }
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("value")));
}

TEST_P(CacheContract, ANegativeTimeoutIsRefused) {
  CallOptions options;
  options.timeout = absl::Milliseconds(-1);
  EXPECT_THAT(cache_->Delete("k", options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("timeout of the call is negative")));
}

TEST_P(CacheContract, AnEntryTooLargeForMemoryIsPassedThrough) {
  Options options = DefaultOptions();
  options.local.entry_bytes_max = 1000;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  const std::string large(5000, 'x');
  if (!has_remote()) {
    EXPECT_THAT(cache->Set("k", large),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("local.entry_bytes_max = 1000")));
    return;
  }
  ASSERT_THAT(cache->Set("k", large), IsOk());
  EXPECT_THAT(cache->Get("k"), IsOkAndHolds(Value::Copy(large)));
  const CacheStats stats = cache->GetStats();
  EXPECT_EQ(stats.local_entries, 0u);
  EXPECT_GE(stats.entries_too_large, 1u);
}

TEST_P(CacheContract, WithoutMemoryEveryReadAsksTheRemoteTier) {
  if (!has_remote()) GTEST_SKIP() << "nothing would be left";
  Options options = DefaultOptions();
  options.local.capacity_bytes = 0;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  ASSERT_THAT(cache->Set("k", "value"), IsOk());
  EXPECT_FALSE(cache->Read("k", [](absl::string_view) {}));
  EXPECT_THAT(cache->Get("k"), IsOkAndHolds(Value::Copy("value")));
  EXPECT_THAT(cache->GetOrLoad("k", ReturnLoaded), IsOkAndHolds(Value::Copy("value")));
  EXPECT_THAT(cache->GetOrLoad("new", ReturnLoaded), IsOkAndHolds(Value::Copy("loaded")));
  const CacheStats stats = cache->GetStats();
  EXPECT_EQ(stats.local_entries, 0u);
  EXPECT_EQ(stats.local_bytes, 0u);
  EXPECT_EQ(stats.local_capacity_bytes, 0u);
  EXPECT_EQ(stats.remote_hits, 2u);
}

TEST_P(CacheContract, CallsAboveTheLimitFailAtOnce) {
  Options options = DefaultOptions();
  options.limits.calls_max = 1;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  absl::Notification loading;
  absl::Notification finish;
  std::thread leader([&] {
    const auto loader = [&](absl::string_view) {
      loading.Notify();
      finish.WaitForNotification();
      return "loaded";
    };
    EXPECT_THAT(cache->GetOrLoad("k", loader), IsOk());
  });
  loading.WaitForNotification();
  const auto refused = StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limits.calls_max = 1"));
  EXPECT_THAT(cache->Get("other"), refused);
  EXPECT_THAT(cache->Set("other", "value"), refused);
  EXPECT_THAT(cache->GetMany({"other"})[0], refused);
  EXPECT_EQ(cache->GetStats().calls_waiting, 1u);
  finish.Notify();
  leader.join();
  EXPECT_THAT(cache->Set("other", "value"), IsOk());
  EXPECT_EQ(cache->GetStats().calls_waiting, 0u);
}

TEST_P(CacheContract, ExecuteReachesTheServerAndNothingElse) {
  if (!has_remote()) {
    EXPECT_THAT(cache_->Execute({"PING"}), StatusIs(absl::StatusCode::kFailedPrecondition));
    return;
  }
  for (const absl::string_view command : {"SELECT", "SUBSCRIBE", "MULTI", "AUTH", "MONITOR", "BLPOP"}) {
    EXPECT_THAT(cache_->Execute({command, "1"}), StatusIs(absl::StatusCode::kInvalidArgument)) << command;
  }
  EXPECT_THAT(cache_->Execute({}), StatusIs(absl::StatusCode::kInvalidArgument));
  const absl::StatusOr<ExecuteReply> error = cache_->Execute({"NO-SUCH-COMMAND"});
  ASSERT_THAT(error, IsOk());
  EXPECT_EQ(error->type, ExecuteReply::Type::kError);
}

}  // namespace
}  // namespace nearcache::testing
