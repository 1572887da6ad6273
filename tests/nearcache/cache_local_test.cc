// What only a cache without a remote tier can be tested for exactly: lives to the nanosecond, and the byte budget.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/options.h"
#include "nearcache/testing/cache_test_peer.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;

class CacheLocalTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(Options()); }

  void Open(const Options& options) {
    auto cache = CacheTestPeer::Open(options, nullptr, &clock_);
    ASSERT_THAT(cache, IsOk());
    cache_ = *std::move(cache);
  }

  WriteOptions Living(absl::Duration time_to_live) {
    WriteOptions options;
    options.time_to_live = time_to_live;
    return options;
  }

  internal::FakeClock clock_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheLocalTest, AValueLivesToTheEndOfItsLifeAndNotLonger) {
  ASSERT_THAT(cache_->Set("k", "value", Living(absl::Seconds(10))), IsOk());
  clock_.Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_THAT(cache_->Get("k"), IsOk());
  EXPECT_THAT(cache_->TimeToLive("k"), IsOkAndHolds(absl::Nanoseconds(1)));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Add("k", "next"), IsOk());
}

TEST_F(CacheLocalTest, AValueLivesAsLongAsItsWriterSaidWhateverTheLimitForCopies) {
  ASSERT_THAT(cache_->Set("k", "value", Living(absl::Hours(24))), IsOk());
  ASSERT_THAT(cache_->Set("endless", "value", Living(absl::InfiniteDuration())), IsOk());
  clock_.Advance(absl::Hours(23));
  EXPECT_THAT(cache_->Get("k"), IsOk());
  clock_.Advance(absl::Hours(24 * 365));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cache_->Get("endless"), IsOk());
}

TEST_F(CacheLocalTest, ALoadedValueLivesFromTheEndOfItsLoad) {
  LoadOptions options;
  options.time_to_live = absl::Seconds(10);
  const auto slow = [this](absl::string_view) {
    clock_.Advance(absl::Seconds(5));
    return "loaded";
  };
  ASSERT_THAT(cache_->GetOrLoad("k", slow, options), IsOk());
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(cache_->Get("k"), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(cache_->Get("k"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CacheLocalTest, AnExpiredValueIsKeptForFailingLoadsUntilItsLifeEnds) {
  const auto failing = [](absl::string_view) -> absl::StatusOr<std::string> { return absl::UnavailableError("down"); };
  ASSERT_THAT(cache_->Set("k", "stale", Living(absl::Seconds(10))), IsOk());
  ASSERT_THAT(cache_->Expire("k"), IsOk());
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(cache_->GetOrLoad("k", failing), IsOkAndHolds(Value::Copy("stale")));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(cache_->GetOrLoad("k", failing), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(CacheLocalTest, TheBudgetHoldsWithExpiredValuesToo) {
  Options options;
  options.local.capacity_bytes = size_t{1} << 20;
  options.local.entry_bytes_max = size_t{16} << 10;
  Open(options);
  const std::string value(1000, 'x');
  for (int i = 0; i < 5000; ++i) {
    const std::string key = absl::StrCat("key", i);
    ASSERT_THAT(cache_->Set(key, value), IsOk());
    if (i % 3 == 0) {
      ASSERT_THAT(cache_->Expire(key), IsOk());
    }
    const CacheStats stats = cache_->GetStats();
    ASSERT_LE(stats.local_bytes, options.local.capacity_bytes);
    ASSERT_LE(stats.local_capacity_bytes, options.local.capacity_bytes);
  }
  EXPECT_GT(cache_->GetStats().evictions, 1000u);
}

TEST_F(CacheLocalTest, CountingThreadsLoseNothing) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 2000; ++i) ASSERT_THAT(cache_->Increment("n"), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(cache_->Increment("n", 0), IsOkAndHolds(16000));
}

TEST_F(CacheLocalTest, InvalidOptionsAreRefusedByOpen) {
  Options options;
  options.limits.key_bytes_max = 0;
  EXPECT_THAT(Cache::Open(options).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("key_bytes_max")));
  options = Options();
  options.remote.host = "localhost";
  options.remote.tls = true;
  EXPECT_THAT(Cache::Open(options).status(), StatusIs(absl::StatusCode::kUnimplemented));
}

// How many of a hundred keys that are read now and then are still there after ten times the memory has passed through.
int KeptThroughAScan(const Options& options, internal::FakeClock* clock) {
  auto cache = CacheTestPeer::Open(options, nullptr, clock);
  EXPECT_THAT(cache, IsOk());
  const std::string value(1000, 'v');
  const auto read_all = [&cache] {
    int kept = 0;
    for (int i = 0; i < 100; ++i) kept += (*cache)->Get(absl::StrCat("wanted", i)).ok() ? 1 : 0;
    return kept;
  };
  for (int i = 0; i < 100; ++i) EXPECT_THAT((*cache)->Set(absl::StrCat("wanted", i), value), IsOk());
  // Half the memory is taken by others, and what is wanted is read: now a policy can know.
  const int fitting = static_cast<int>(options.local.capacity_bytes / value.size());
  for (int i = 0; i < fitting / 2; ++i) EXPECT_THAT((*cache)->Set(absl::StrCat("other", i), value), IsOk());
  EXPECT_EQ(read_all(), 100);
  for (int i = 0; i < 10 * fitting; ++i) EXPECT_THAT((*cache)->Set(absl::StrCat("once", i), value), IsOk());
  return read_all();
}

TEST_F(CacheLocalTest, KeysAskedForOnceDriveOutNoOthersUnlessAskedToBehaveLikeLru) {
  Options options;
  options.local.capacity_bytes = size_t{1} << 20;
  options.local.entry_bytes_max = options.local.capacity_bytes / LocalOptions::kEntriesMin;
  options.local.stripe_count = 1;
  EXPECT_GE(KeptThroughAScan(options, &clock_), 95);
  options.local.policy = LocalPolicy::kLru;
  EXPECT_EQ(KeptThroughAScan(options, &clock_), 0);
}

class CacheCapacityTest : public CacheLocalTest {
 protected:
  static constexpr size_t kMebibyte = size_t{1} << 20;

  void SetUp() override { OpenWith(8 * kMebibyte); }

  void OpenWith(size_t capacity_bytes) {
    Options options;
    options.local.capacity_bytes = capacity_bytes;
    options.local.entry_bytes_max = kMebibyte / 16;
    Open(options);
  }

  // Each of 1000 bytes, twice as many as fit into 8 MiB.
  void SetMany() {
    for (int i = 0; i < 16'000; ++i) ASSERT_THAT(cache_->Set(absl::StrCat("key-", i), std::string(1000, 'v')), IsOk());
  }

  uint64_t bytes() { return cache_->GetStats().local_bytes; }
};

TEST_F(CacheCapacityTest, MoreIsUsedAtOnceAndLessIsReachedByLaterCalls) {
  SetMany();
  EXPECT_LE(bytes(), 8 * kMebibyte);
  ASSERT_THAT(cache_->SetLocalCapacity(12 * kMebibyte), IsOk());
  SetMany();
  EXPECT_GT(bytes(), 11 * kMebibyte);
  ASSERT_THAT(cache_->SetLocalCapacity(2 * kMebibyte), IsOk());
  SetMany();
  EXPECT_LE(bytes(), 2 * kMebibyte);
  EXPECT_EQ(cache_->GetStats().local_capacity_bytes, 2 * kMebibyte);
}

// What Expire keeps has a part of the budget: the sum is what was asked for, whichever came first.
TEST_F(CacheCapacityTest, TheSumIsTheBudgetWithAndWithoutExpiredValues) {
  ASSERT_THAT(cache_->SetLocalCapacity(4 * kMebibyte), IsOk());
  ASSERT_THAT(cache_->Set("k", "value"), IsOk());
  ASSERT_THAT(cache_->Expire("k"), IsOk());
  EXPECT_EQ(cache_->GetStats().local_capacity_bytes, 4 * kMebibyte);
  ASSERT_THAT(cache_->SetLocalCapacity(6 * kMebibyte), IsOk());
  EXPECT_EQ(cache_->GetStats().local_capacity_bytes, 6 * kMebibyte);
  SetMany();
  EXPECT_LE(bytes(), 6 * kMebibyte);
}

TEST_F(CacheCapacityTest, RefusesWhatOpenWouldRefuse) {
  using ::testing::HasSubstr;
  for (const size_t bytes : {size_t{0}, size_t{1}, kMebibyte - 1, ~size_t{0}}) {
    EXPECT_THAT(cache_->SetLocalCapacity(bytes),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("local.capacity_bytes")));
  }
  EXPECT_EQ(cache_->GetStats().local_capacity_bytes, 8 * kMebibyte);
  ASSERT_THAT(cache_->Close(), IsOk());
  EXPECT_THAT(cache_->SetLocalCapacity(2 * kMebibyte), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(CacheCapacityTest, MemoryThatIsOffStaysOff) {
  OpenWith(0);
  EXPECT_THAT(cache_->SetLocalCapacity(2 * kMebibyte), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace nearcache::testing
