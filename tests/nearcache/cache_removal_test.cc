// The removal listener of a whole cache: what it hears, and what it may do to the cache without harm.

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/removal.h"
#include "tests/nearcache/cache_processes.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;

// What a listener heard, as "key=value cause". Thread-safe.
class Heard {
 public:
  RemovalListener listener() {
    return [this](const Removal& removal) { Add(removal); };
  }
  void Add(const Removal& removal) {
    absl::MutexLock lock(&mutex_);
    texts_.push_back(absl::StrCat(removal.key, "=", removal.value.view(), " ", RemovalCauseName(removal.cause)));
  }
  std::vector<std::string> texts() {
    absl::MutexLock lock(&mutex_);
    return texts_;
  }
  // Waits until `count` came.
  std::vector<std::string> Await(size_t count) {
    const auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return texts_.size() >= count; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&enough));
    return texts_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
};

// A local cache with threads and a clock of its own.
class CacheRemovalTest : public ::testing::Test {
 protected:
  CacheRemovalTest() { options_.local.removal_listener = heard_.listener(); }

  Cache& cache() {
    if (cache_ == nullptr) {
      auto opened = Cache::Open(options_);
      EXPECT_THAT(opened, IsOk());
      cache_ = *std::move(opened);
    }
    return *cache_;
  }

  Heard heard_;
  Options options_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheRemovalTest, HearsOfEachRemovalInItsOrderWithTheBytesThatWereThere) {
  ASSERT_THAT(cache().Set("k", "v1"), IsOk());
  ASSERT_THAT(cache().Set("k", "v2"), IsOk());
  ASSERT_THAT(cache().Delete("k"), IsOk());
  EXPECT_THAT(heard_.Await(2), ElementsAre("k=v1 replaced", "k=v2 explicit"));
  ASSERT_THAT(cache().Close(), IsOk());
  EXPECT_EQ(heard_.texts().size(), 2);
  EXPECT_EQ(cache().GetStats().removals_notified, 2);
}

TEST_F(CacheRemovalTest, CloseDeliversWhatWasRemovedAndDoesNotReportWhatIsLeft) {
  ASSERT_THAT(cache().Set("gone", "v"), IsOk());
  ASSERT_THAT(cache().Set("stays", "v"), IsOk());
  ASSERT_THAT(cache().Delete("gone"), IsOk());
  ASSERT_THAT(cache().Close(absl::InfiniteDuration()), IsOk());
  EXPECT_THAT(heard_.texts(), ElementsAre("gone=v explicit"));
}

TEST_F(CacheRemovalTest, AListenerMayUseTheCache) {
  options_.local.removal_listener = [this](const Removal& removal) {
    EXPECT_THAT(cache_->Set(absl::StrCat("old:", removal.key), removal.value.view()), IsOk());
    heard_.Add(removal);
  };
  ASSERT_THAT(cache().Set("k", "v"), IsOk());
  ASSERT_THAT(cache().Delete("k"), IsOk());
  heard_.Await(1);
  EXPECT_THAT(cache().Get("old:k"), IsOkAndHolds(Value::Copy("v")));
}

TEST_F(CacheRemovalTest, AListenerMayDestroyTheCache) {
  absl::Notification returned;
  absl::Notification destroyed;
  options_.local.removal_listener = [this, &returned, &destroyed](const Removal&) {
    // Nobody may be inside a call of a cache that is destroyed.
    returned.WaitForNotification();
    cache_.reset();
    destroyed.Notify();
  };
  ASSERT_THAT(cache().Set("k", "v"), IsOk());
  ASSERT_THAT(cache().Delete("k"), IsOk());
  returned.Notify();
  destroyed.WaitForNotification();
}

TEST_F(CacheRemovalTest, AListenerThatBlocksHoldsUpNobodyAndIsToldNoMoreThanTheQueueHolds) {
  absl::Notification entered;
  absl::Notification leave;
  options_.local.removal_queue_entries_max = 10;
  options_.local.removal_listener = [&](const Removal& removal) {
    if (!entered.HasBeenNotified()) entered.Notify();
    leave.WaitForNotification();
    heard_.Add(removal);
  };
  ASSERT_THAT(cache().Set("k", "0"), IsOk());
  ASSERT_THAT(cache().Set("k", "1"), IsOk());
  entered.WaitForNotification();
  for (int i = 2; i < 500; ++i) ASSERT_THAT(cache().Set("k", absl::StrCat(i)), IsOk());
  EXPECT_THAT(cache().Get("k"), IsOkAndHolds(Value::Copy("499")));
  EXPECT_LE(cache().GetStats().removals_queued, 10);
  EXPECT_THAT(cache().Close(absl::Milliseconds(1)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  leave.Notify();
  EXPECT_THAT(heard_.Await(1), Contains("k=0 replaced"));
  EXPECT_THAT(cache().Close(absl::InfiniteDuration()), IsOk());
  // What still waited when Close gave up is not delivered, and each removal was counted once.
  EXPECT_LE(heard_.texts().size(), 11);
}

TEST_F(CacheRemovalTest, BytesThatWaitAreBoundedToo) {
  absl::Notification entered;
  absl::Notification leave;
  options_.local.removal_queue_bytes_max = 5000;
  options_.local.removal_listener = [&](const Removal&) {
    if (!entered.HasBeenNotified()) entered.Notify();
    leave.WaitForNotification();
  };
  const std::string value(1000, 'x');
  ASSERT_THAT(cache().Set("k", value), IsOk());
  ASSERT_THAT(cache().Delete("k"), IsOk());
  entered.WaitForNotification();
  for (int i = 0; i < 100; ++i) ASSERT_THAT(cache().Set("k", value), IsOk());
  EXPECT_THAT(cache().Close(absl::ZeroDuration()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  const CacheStats stats = cache().GetStats();
  EXPECT_EQ(stats.removals_notified, 1);
  EXPECT_EQ(stats.removals_dropped, 99);
  leave.Notify();
  // The listener must have left before what it waits on goes.
  EXPECT_THAT(cache().Close(absl::InfiniteDuration()), IsOk());
}

TEST_F(CacheRemovalTest, EveryRemovalOfALongRunIsHeardOrCounted) {
  options_.local.capacity_bytes = size_t{1} << 20;
  options_.local.entry_bytes_max = size_t{64} << 10;
  const std::string value(2000, 'x');
  for (int i = 0; i < 5000; ++i) ASSERT_THAT(cache().Set(absl::StrCat(i), value), IsOk());
  ASSERT_THAT(cache().Close(absl::InfiniteDuration()), IsOk());
  const CacheStats stats = cache().GetStats();
  EXPECT_EQ(stats.removals_notified + stats.removals_dropped, stats.evictions);
  EXPECT_EQ(stats.removals_notified, heard_.texts().size());
  EXPECT_EQ(stats.removals_queued, 0);
}

// With a remote tier, where the test drives the network.
class RemoteRemovalTest : public CacheProcesses {
 protected:
  Options Listening() {
    Options options = DefaultOptions();
    options.local.removal_listener = heard_.listener();
    options.local.stripe_count = 1;
    return options;
  }

  Heard heard_;
};

TEST_F(RemoteRemovalTest, SaysWhoChangedIt) {
  Process listener = Open(Listening());
  Process other = Open();
  ASSERT_THAT(Set(listener, "own", "1"), IsOk());
  ASSERT_THAT(Set(listener, "own", "2"), IsOk());
  ASSERT_THAT(Delete(listener, "own"), IsOk());
  ASSERT_THAT(Set(listener, "shared", "1"), IsOk());
  ASSERT_THAT(Set(other, "shared", "2"), IsOk());
  ASSERT_THAT(Set(listener, "cleared", "1"), IsOk());
  ASSERT_THAT(Clear(other), IsOk());
  const auto all = [this] { return heard_.texts().size() >= 4; };
  while (!all()) Advance(absl::Milliseconds(100));
  EXPECT_THAT(heard_.texts(),
              ElementsAre("own=1 replaced", "own=2 explicit", "shared=1 invalidated", "cleared=1 cleared"));
}

}  // namespace
}  // namespace nearcache::testing
