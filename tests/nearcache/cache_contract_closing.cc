// Callbacks and closing, as every cache does it.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/executor.h"
#include "tests/nearcache/cache_contract.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::HasSubstr;

absl::StatusOr<std::string> ReturnLoaded(absl::string_view) { return "loaded"; }

TEST_P(CacheContract, TheAsynchronousTwinsBringTheSameAnswersOnce) {
  Catcher<absl::Status> set, add, replace, touch, persist, expire, removed, cleared, synced;
  Catcher<absl::StatusOr<Value>> value;
  Catcher<std::vector<absl::StatusOr<Value>>> values;
  Catcher<std::vector<absl::Status>> many_set, many_deleted;
  Catcher<absl::StatusOr<int64_t>> number;
  Catcher<absl::StatusOr<absl::Duration>> life;
  cache_->SetAsync("k", "value", set.MakeCallback());
  EXPECT_THAT(set.Wait(), IsOk());
  cache_->GetAsync("k", value.MakeCallback());
  EXPECT_THAT(value.Wait(), IsOkAndHolds(Value::Copy("value")));
  cache_->AddAsync("k", "other", add.MakeCallback());
  EXPECT_THAT(add.Wait(), StatusIs(absl::StatusCode::kAlreadyExists));
  cache_->ReplaceAsync("nobody", "other", replace.MakeCallback());
  EXPECT_THAT(replace.Wait(), StatusIs(absl::StatusCode::kNotFound));
  cache_->TouchAsync("k", absl::Minutes(1), touch.MakeCallback());
  EXPECT_THAT(touch.Wait(), IsOk());
  cache_->PersistAsync("k", persist.MakeCallback());
  EXPECT_THAT(persist.Wait(), IsOk());
  cache_->TimeToLiveAsync("k", life.MakeCallback());
  EXPECT_THAT(life.Wait(), IsOkAndHolds(absl::InfiniteDuration()));
  cache_->IncrementAsync("n", 7, number.MakeCallback());
  EXPECT_THAT(number.Wait(), IsOkAndHolds(7));
  cache_->SetManyAsync({{"a", "1"}, {"", "2"}}, many_set.MakeCallback());
  EXPECT_THAT(many_set.Wait(), ::testing::ElementsAre(IsOk(), StatusIs(absl::StatusCode::kInvalidArgument)));
  cache_->GetManyAsync({"a", "nobody"}, values.MakeCallback());
  EXPECT_THAT(values.Wait(),
              ::testing::ElementsAre(IsOkAndHolds(Value::Copy("1")), StatusIs(absl::StatusCode::kNotFound)));
  cache_->DeleteManyAsync({"a"}, many_deleted.MakeCallback());
  EXPECT_THAT(many_deleted.Wait(), ::testing::ElementsAre(IsOk()));
  cache_->ExpireAsync("k", expire.MakeCallback());
  EXPECT_THAT(expire.Wait(), IsOk());
  cache_->DeleteAsync("k", removed.MakeCallback());
  EXPECT_THAT(removed.Wait(), IsOk());
  cache_->ClearAsync(cleared.MakeCallback());
  EXPECT_THAT(cleared.Wait(), IsOk());
  cache_->SyncAsync(synced.MakeCallback());
  EXPECT_THAT(synced.Wait(), IsOk());
  EXPECT_THAT(cache_->Close(), IsOk());
  for (Catcher<absl::Status>* one : {&set, &add, &replace, &touch, &persist, &expire, &removed, &cleared, &synced}) {
    EXPECT_EQ(one->count(), 1u);
  }
  EXPECT_EQ(value.count() + values.count() + number.count() + life.count(), 4u);
}

TEST_P(CacheContract, CloseAsyncRefusesCallsAtOnceAndTellsWhenAllHasEnded) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  Catcher<absl::Status> closed;
  cache_->CloseAsync(closed.MakeCallback());
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kFailedPrecondition));
  cache_.reset();
  EXPECT_THAT(closed.Wait(), IsOk());
  EXPECT_EQ(closed.count(), 1u);
}

TEST_P(CacheContract, CloseAsyncSaysWhenACallbackStillRuns) {
  // Owned by the loader too: it outlives the test's interest in it.
  struct Gates {
    absl::Notification entered, leave;
  };
  const auto gates = std::make_shared<Gates>();
  Catcher<absl::StatusOr<Value>> value;
  cache_->GetOrLoadAsync(
      "k",
      [gates](absl::string_view) -> absl::StatusOr<std::string> {
        gates->entered.Notify();
        gates->leave.WaitForNotification();
        return "loaded";
      },
      value.MakeCallback());
  gates->entered.WaitForNotification();
  Catcher<absl::Status> closed;
  cache_->CloseAsync(closed.MakeCallback(), absl::ZeroDuration());
  EXPECT_THAT(closed.Wait(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(value.Wait(), StatusIs(absl::StatusCode::kCancelled));
  gates->leave.Notify();
}

TEST_P(CacheContract, AHitIsAnsweredFromInsideTheCall) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  Catcher<absl::StatusOr<Value>> value;
  cache_->GetAsync("k", value.MakeCallback());
  EXPECT_EQ(value.count(), 1u);
}

// Runs tasks on a thread per task, and knows them.
class CountingExecutor final : public Executor {
 public:
  ~CountingExecutor() override { Join(); }
  void Schedule(absl::AnyInvocable<void() &&> task) override {
    absl::MutexLock lock(&mutex_);
    ++scheduled_;
    threads_.emplace_back([task = std::move(task)]() mutable { std::move(task)(); });
  }
  int scheduled() {
    absl::MutexLock lock(&mutex_);
    return scheduled_;
  }
  void Join() {
    std::vector<std::thread> threads;
    {
      absl::MutexLock lock(&mutex_);
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  absl::Mutex mutex_;
  int scheduled_ = 0;
  std::vector<std::thread> threads_;
};

TEST_P(CacheContract, CallbacksAndLoadersRunOnTheUsersExecutor) {
  CountingExecutor executor;
  Options options = DefaultOptions();
  options.executor = &executor;
  const std::unique_ptr<Cache> cache = OpenCache(options);
  Catcher<absl::StatusOr<Value>> value;
  cache->GetOrLoadAsync("k", ReturnLoaded, value.MakeCallback());
  EXPECT_THAT(value.Wait(), IsOk());
  EXPECT_GE(executor.scheduled(), 1);
  EXPECT_THAT(cache->Close(), IsOk());
}

TEST_P(CacheContract, ACallbackMayCallTheCacheAndWait) {
  Catcher<absl::StatusOr<Value>> outer;
  absl::StatusOr<Value> inner;
  cache_->GetOrLoadAsync("k", ReturnLoaded, [&](absl::StatusOr<Value> value) {
    EXPECT_THAT(cache_->Set("inner", "value"), IsOk());
    inner = cache_->Get("inner");
    outer.MakeCallback()(std::move(value));
  });
  EXPECT_THAT(outer.Wait(), IsOk());
  EXPECT_THAT(inner, IsOkAndHolds(Value::Copy("value")));
}

TEST_P(CacheContract, CallsAfterCloseAreRefused) {
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  EXPECT_THAT(cache_->Close(), IsOk());
  EXPECT_THAT(cache_->Close(), IsOk());
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the cache was closed"));
  std::string copy;
  EXPECT_THAT(cache_->Get("k"), refused);
  EXPECT_THAT(cache_->Get("k", &copy), refused);
  EXPECT_FALSE(cache_->Read("k", [](absl::string_view) {}));
  EXPECT_THAT(cache_->GetMany({"k"})[0], refused);
  EXPECT_THAT(cache_->GetOrLoad("k", ReturnLoaded), refused);
  EXPECT_THAT(cache_->Set("k", "value"), refused);
  EXPECT_THAT(cache_->SetMany({{"k", "value"}})[0], refused);
  EXPECT_THAT(cache_->DeleteMany({"k"})[0], refused);
  EXPECT_THAT(cache_->Increment("n"), refused);
  EXPECT_THAT(cache_->TimeToLive("k"), refused);
  EXPECT_THAT(cache_->Clear(), refused);
  EXPECT_THAT(cache_->Execute({"PING"}), refused);
  EXPECT_THAT(cache_->Sync(), refused);
  EXPECT_THAT(cache_->WaitUntilReady(absl::Seconds(1)), refused);
  Catcher<absl::StatusOr<Value>> value;
  cache_->GetOrLoadAsync("k", ReturnLoaded, value.MakeCallback());
  EXPECT_THAT(value.Wait(), refused);
  EXPECT_EQ(cache_->Health().state, HealthState::kDown);
  EXPECT_EQ(cache_->GetStats().writes, 1u);
}

TEST_P(CacheContract, CloseEndsThoseWhoWaitForALoad) {
  absl::Notification loading;
  absl::Notification finish;
  LoadOptions patient;
  patient.timeout = absl::Minutes(5);
  std::thread leader([&] {
    const auto loader = [&](absl::string_view) {
      loading.Notify();
      finish.WaitForNotification();
      return "loaded";
    };
    EXPECT_THAT(cache_->GetOrLoad("k", loader, patient), IsOkAndHolds(Value::Copy("loaded")));
  });
  loading.WaitForNotification();
  Catcher<absl::StatusOr<Value>> waiting;
  cache_->GetOrLoadAsync("k", ReturnLoaded, waiting.MakeCallback(), patient);
  EXPECT_THAT(cache_->Close(), IsOk());
  EXPECT_THAT(waiting.Wait(), StatusIs(absl::StatusCode::kCancelled));
  finish.Notify();
  leader.join();
  EXPECT_EQ(waiting.count(), 1u);
}

TEST_P(CacheContract, CloseSaysWhenACallbackStillRuns) {
  absl::Notification running;
  absl::Notification finish;
  cache_->GetOrLoadAsync(
      "k",
      [&](absl::string_view) {
        running.Notify();
        finish.WaitForNotification();
        return "loaded";
      },
      [](const absl::StatusOr<Value>&) {});
  running.WaitForNotification();
  EXPECT_THAT(cache_->Close(absl::Milliseconds(1)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  finish.Notify();
  EXPECT_THAT(cache_->Close(absl::Minutes(1)), IsOk());
}

TEST_P(CacheContract, ACallbackMayCloseTheCache) {
  Catcher<absl::Status> closed;
  cache_->GetOrLoadAsync("k", ReturnLoaded,
                         [&](const absl::StatusOr<Value>&) { closed.MakeCallback()(cache_->Close(absl::Minutes(1))); });
  EXPECT_THAT(closed.Wait(), IsOk());
}

TEST_P(CacheContract, ACallbackMayDestroyTheCache) {
  for (const int threads : {1, 4}) {
    Options options = DefaultOptions();
    options.callback_threads = threads;
    absl::Notification destroyed;
    std::unique_ptr<Cache> cache = OpenCache(options);
    Cache* const raw = cache.get();
    raw->GetOrLoadAsync("k", ReturnLoaded, [&cache, &destroyed](const absl::StatusOr<Value>&) {
      cache.reset();
      destroyed.Notify();
    });
    destroyed.WaitForNotification();
  }
}

TEST_P(CacheContract, EveryCallbackRunsExactlyOnceWhenTheCacheIsClosedUnderThem) {
  constexpr int kCalls = 500;
  std::vector<std::atomic<int>> answers(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    const std::string key = absl::StrCat("key", i % 50);
    const auto count = [&answers, i](const auto&) { ++answers[i]; };
    if (i == kCalls / 2) {
      EXPECT_THAT(cache_->Close(absl::Minutes(1)), IsOk());
    } else if (i % 3 == 0) {
      cache_->GetAsync(key, count);
      continue;
    } else if (i % 3 == 1) {
      cache_->SetAsync(key, "value", count);
      continue;
    } else {
      cache_->GetOrLoadAsync(key, ReturnLoaded, count);
      continue;
    }
    ++answers[i];
  }
  cache_.reset();
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(answers[i], 1) << i;
}

TEST_P(CacheContract, ThreadsThatCallDuringCloseGetAnAnswerOrARefusal) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, &stop] {
      for (int i = 0; !stop; ++i) {
        const std::string key = absl::StrCat("key", (t * 31 + i) % 20);
        const absl::Status set = cache_->Set(key, "value");
        EXPECT_TRUE(set.ok() || absl::IsFailedPrecondition(set) || absl::IsCancelled(set)) << set;
        const absl::Status loaded = cache_->GetOrLoad(key, ReturnLoaded).status();
        EXPECT_TRUE(loaded.ok() || absl::IsFailedPrecondition(loaded) || absl::IsCancelled(loaded)) << loaded;
      }
    });
  }
  while (cache_->GetStats().writes < 20) std::this_thread::yield();
  EXPECT_THAT(cache_->Close(absl::Minutes(1)), IsOk());
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace nearcache::testing
