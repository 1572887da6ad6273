// Two processes that only read, and a writer that knows nothing of the library: it stores raw bytes by SET, as
// redis-cli would. No read may return a value that was replaced longer than the bound ago, whatever breaks meanwhile.

#include <signal.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/nearcache/multiprocess/shared_versions.h"
#include "tests/nearcache/multiprocess/worker_group.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using Product = RedisServerOptions::Product;

constexpr size_t kKeys = 8;  // Those that the workers read most.
constexpr uint64_t kVersions = 60;

class ForeignWritersTest : public WorkerGroupTest {
 protected:
  ForeignWritersTest() : WorkerGroupTest(/*count=*/2) {}

  void SetUp() override {
    WorkerGroupTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) CollectFrames();
  }

  static std::string RedisKey(size_t key) { return absl::StrCat(":1:key", key); }

  // What the library stores for each version of each key, to be written again by somebody else.
  void CollectFrames() {
    Options options;
    options.remote.unix_socket = server_->socket_path();
    auto cache = Cache::Open(options);
    ASSERT_THAT(cache, IsOk());
    frames_.resize(kKeys);
    for (size_t key = 0; key < kKeys; ++key) {
      for (uint64_t version = 1; version <= kVersions; ++version) {
        ASSERT_THAT((*cache)->Set(absl::StrCat("key", key), MakeVersionedValue(key, version)), IsOk());
        absl::StatusOr<std::string> frame = server_->Command({"GET", RedisKey(key)});
        ASSERT_THAT(frame, IsOk());
        frames_[key].push_back(*std::move(frame));
      }
      Write(key);
    }
  }

  // The next version.
  void Write(size_t key) {
    const uint64_t version = versions_->NextVersion(key);
    if (!server_->Command({"SET", RedisKey(key), frames_[key][version - 1]}).ok()) return;
    versions_->NoteAcknowledged(key, version, SharedNow());
  }

  std::vector<std::vector<std::string>> frames_;  // By key and version - 1.
};

TEST_P(ForeignWritersTest, NoReadIsOlderThanTheBound) {
  SpawnAll({"foreign"});
  AwaitHits(1000);
  for (uint64_t version = 2; version <= kVersions; ++version) {
    if (version == 20) ::kill(workers_[0], SIGSTOP);
    for (size_t key = 0; key < kKeys; ++key) Write(key);
    if (version == 30) {
      // It slept while ten versions came, for longer than the bound, and must not wake up and serve what it knew.
      absl::SleepFor(kBound);
      ::kill(workers_[0], SIGCONT);
    }
    if (version == 40) server_->Command({"CLIENT", "KILL", "TYPE", "pubsub"}).IgnoreError();
    if (version == 50) server_->Command({"CLIENT", "KILL", "TYPE", "normal"}).IgnoreError();
    AwaitHits(200);
  }
  AwaitHits(1000);
  // What was written last stays in memory: a worker that missed something would serve it for minutes.
  absl::SleepFor(kBound);
  AwaitHits(1000);
  const SharedVersions::Totals& totals = versions_->totals();
  EXPECT_EQ(totals.violations, 0u);
  RecordProperty("reads", absl::StrCat(totals.reads.load()));
  RecordProperty("hits", absl::StrCat(totals.hits.load()));
  RecordProperty("oldest_microseconds", absl::StrCat(totals.oldest_nanos.load() / 1000));
}

INSTANTIATE_TEST_SUITE_P(OnServer, ForeignWritersTest, ::testing::Values(Product::kRedis, Product::kValkey),
                         ProductName);

}  // namespace
}  // namespace nearcache::testing
