// GetOrLoad, as every cache does it.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

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

LoadOptions Within(absl::Duration timeout) {
  LoadOptions options;
  options.timeout = timeout;
  return options;
}

// Until `count` calls wait for an answer.
void AwaitCalls(const Cache& cache, uint64_t count) {
  while (cache.GetStats().calls_waiting < count) std::this_thread::yield();
}

TEST_P(CacheContract, ALoadIsStored) {
  int loads = 0;
  const auto loader = [&loads](absl::string_view key) {
    ++loads;
    return "loaded " + std::string(key);
  };
  ReadInfo info;
  LoadOptions options;
  options.info = &info;
  EXPECT_THAT(cache_->GetOrLoad("k", loader, options), IsOkAndHolds(Value::Copy("loaded k")));
  EXPECT_EQ(info.source, ReadInfo::Source::kLoader);
  EXPECT_THAT(cache_->GetOrLoad("k", loader, options), IsOkAndHolds(Value::Copy("loaded k")));
  EXPECT_EQ(info.source, ReadInfo::Source::kLocal);
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("loaded k")));
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(cache_->GetStats().loads, 1u);
}

TEST_P(CacheContract, AValueThatIsThereIsNotLoaded) {
  WriteOptions options;
  options.keep_local = !has_remote();
  ASSERT_THAT(cache_->Set("k", "there", options), IsOk());
  const auto loader = [](absl::string_view) -> absl::StatusOr<std::string> {
    ADD_FAILURE() << "the loader ran";
    return "loaded";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), IsOkAndHolds(Value::Copy("there")));
}

TEST_P(CacheContract, SixteenThreadsShareOneLoad) {
  constexpr int kThreads = 16;
  std::atomic<int> loads{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &loads] {
      const auto loader = [this, &loads](absl::string_view) {
        AwaitCalls(*cache_, kThreads);
        ++loads;
        return "loaded";
      };
      EXPECT_THAT(cache_->GetOrLoad("k", loader, Within(absl::Minutes(1))), IsOkAndHolds(Value::Copy("loaded")));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(loads, 1);
}

TEST_P(CacheContract, AFailedLoadIsToldToAllAndNothingIsStored) {
  absl::Notification loading;
  std::thread leader([this, &loading] {
    const auto loader = [this, &loading](absl::string_view) -> absl::StatusOr<std::string> {
      loading.Notify();
      AwaitCalls(*cache_, 2);
      return absl::DataLossError("the source broke");
    };
    EXPECT_THAT(cache_->GetOrLoad("k", loader, Within(absl::Minutes(1))), StatusIs(absl::StatusCode::kDataLoss));
  });
  loading.WaitForNotification();
  // Joins; or, if the leader was faster after all, loads by itself and fails the same way.
  const auto loader = [](absl::string_view) -> absl::StatusOr<std::string> {
    return absl::DataLossError("the source broke");
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader, Within(absl::Minutes(1))), StatusIs(absl::StatusCode::kDataLoss));
  leader.join();
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, NotFoundFromALoaderIsPassedOnAndNotCached) {
  int loads = 0;
  const auto loader = [&loads](absl::string_view) -> absl::StatusOr<std::string> {
    ++loads;
    return absl::NotFoundError("no such row");
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), StatusIs(absl::StatusCode::kNotFound, "no such row"));
  EXPECT_THAT(cache_->GetOrLoad("k", loader), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(loads, 2);
  EXPECT_EQ(cache_->GetStats().loads_failed, 0u);
}

TEST_P(CacheContract, AWaiterLeavesAtItsDeadlineAndTheLoadGoesOn) {
  absl::Notification loading;
  absl::Notification finish;
  std::thread leader([&] {
    const auto loader = [&](absl::string_view) {
      loading.Notify();
      finish.WaitForNotification();
      return "loaded";
    };
    EXPECT_THAT(cache_->GetOrLoad("k", loader, Within(absl::Minutes(1))), IsOkAndHolds(Value::Copy("loaded")));
  });
  loading.WaitForNotification();
  const auto never = [](absl::string_view) -> absl::StatusOr<std::string> {
    ADD_FAILURE() << "a second load";
    return "";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", never, Within(absl::Milliseconds(5))),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  Catcher<absl::StatusOr<Value>> catcher;
  cache_->GetOrLoadAsync("k", never, catcher.MakeCallback(), Within(absl::Milliseconds(5)));
  EXPECT_THAT(catcher.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  Catcher<absl::StatusOr<Value>> patient;
  cache_->GetOrLoadAsync("k", never, patient.MakeCallback(), Within(absl::Minutes(1)));
  finish.Notify();
  leader.join();
  EXPECT_THAT(patient.Wait(), IsOkAndHolds(Value::Copy("loaded")));
  EXPECT_EQ(catcher.count(), 1u);
}

TEST_P(CacheContract, ALoaderThatLoadsItsOwnKeyIsRefusedAndOneThatLoadsAnotherIsNot) {
  const auto inner = [](absl::string_view) { return "inner"; };
  const auto own = [&](absl::string_view) -> absl::StatusOr<std::string> {
    const absl::StatusOr<Value> value = cache_->GetOrLoad("k", inner);
    EXPECT_THAT(value, StatusIs(absl::StatusCode::kFailedPrecondition));
    return value.status();
  };
  EXPECT_THAT(cache_->GetOrLoad("k", own), StatusIs(absl::StatusCode::kFailedPrecondition));
  const auto other = [&](absl::string_view) -> absl::StatusOr<std::string> {
    const absl::StatusOr<Value> value = cache_->GetOrLoad("other", inner);
    if (!value.ok()) return value.status();
    return "around " + value->ToString();
  };
  EXPECT_THAT(cache_->GetOrLoad("k", other), IsOkAndHolds(Value::Copy("around inner")));
}

TEST_P(CacheContract, DeleteDuringALoadDeliversButDoesNotStore) {
  const auto loader = [this](absl::string_view key) {
    EXPECT_THAT(cache_->Delete(key), IsOk());
    return "read before the delete";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), IsOkAndHolds(Value::Copy("read before the delete")));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, SetDuringALoadWins) {
  const auto loader = [this](absl::string_view key) {
    EXPECT_THAT(cache_->Set(key, "newer"), IsOk());
    return "older";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), IsOkAndHolds(Value::Copy("older")));
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("newer")));
}

TEST_P(CacheContract, ClearDuringALoadDeliversButDoesNotStore) {
  const auto loader = [this](absl::string_view) {
    EXPECT_THAT(cache_->Clear(), IsOk());
    return "read before the clear";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), IsOkAndHolds(Value::Copy("read before the clear")));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(CacheContract, ALoaderMayReadItsOwnKey) {
  const auto loader = [this](absl::string_view key) {
    EXPECT_THAT(cache_->Get(key), StatusIs(absl::StatusCode::kNotFound));
    return "loaded";
  };
  EXPECT_THAT(cache_->GetOrLoad("k", loader), IsOkAndHolds(Value::Copy("loaded")));
}

TEST_P(CacheContract, AnAsynchronousLoadRunsOnTheExecutor) {
  Catcher<absl::StatusOr<Value>> catcher;
  std::thread::id loader_thread;
  const auto loader = [&loader_thread](absl::string_view) {
    loader_thread = std::this_thread::get_id();
    return "loaded";
  };
  cache_->GetOrLoadAsync("k", loader, catcher.MakeCallback());
  EXPECT_THAT(catcher.Wait(), IsOkAndHolds(Value::Copy("loaded")));
  EXPECT_NE(loader_thread, std::this_thread::get_id());
  EXPECT_THAT(cache_->Get("k"), IsOkAndHolds(Value::Copy("loaded")));
}

TEST_P(CacheContract, ALoadedValueAboveTheLimitIsRefused) {
  Options options = DefaultOptions();
  options.limits.value_bytes_max = 100;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  const auto loader = [](absl::string_view) { return std::string(101, 'x'); };
  EXPECT_THAT(cache->GetOrLoad("k", loader),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("limits.value_bytes_max = 100")));
  EXPECT_EQ(cache->GetStats().loads_failed, 1u);
}

}  // namespace
}  // namespace nearcache::testing
