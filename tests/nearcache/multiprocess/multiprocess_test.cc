// Four real processes on one real server, for a few seconds, with faults: no read may return a value that was replaced
// longer than the bound ago. The workers check each value that they read against shared memory (shared_versions.h).

#include <signal.h>
#include <sys/wait.h>

#include <cstdint>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/multiprocess/worker_group.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;

class MultiprocessTest : public WorkerGroupTest {
 protected:
  MultiprocessTest() : WorkerGroupTest(/*count=*/4) {}

  void SetUp() override {
    WorkerGroupTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) SpawnAll();
  }

  void AwaitWrites(uint64_t more) {
    const uint64_t goal = versions_->totals().writes + more;
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (versions_->totals().writes < goal) {
      ASSERT_LT(absl::Now(), give_up) << "no write succeeds any more";
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  void AwaitWork() {
    AwaitHits(2000);
    AwaitWrites(100);
  }

  void KillWorker(size_t index) {
    ::kill(workers_[index], SIGKILL);
    ASSERT_EQ(::waitpid(workers_[index], nullptr, 0), workers_[index]);
    workers_[index] = -1;
  }
};

TEST_P(MultiprocessTest, NoReadIsOlderThanTheBoundWhateverBreaks) {
  AwaitWork();
  // A process dies in the middle of whatever it did; another takes its place and its keys.
  KillWorker(0);
  Spawn(0);
  AwaitWork();
  // A process sleeps for longer than the bound while the others write: it must not wake up and serve what it knew.
  ::kill(workers_[1], SIGSTOP);
  const absl::Time wake_up = absl::Now() + 2 * kBound;
  while (absl::Now() < wake_up) AwaitWrites(10);
  ::kill(workers_[1], SIGCONT);
  AwaitWork();
  // Every connection is cut, several times, in the middle of the traffic.
  for (int i = 0; i < 5; ++i) {
    for (const absl::string_view type : {"pubsub", "normal"}) {
      server_->Command({"CLIENT", "KILL", "TYPE", type}).IgnoreError();
      AwaitWrites(20);
    }
  }
  AwaitWork();
  // The server forgets everything, then dies and comes back empty.
  while (!server_->Command({"FLUSHALL"}).ok()) {
  }
  AwaitWork();
  server_->Pause();
  absl::SleepFor(2 * kBound);
  server_->Resume();
  AwaitWork();
  EXPECT_THAT(server_->Restart(), IsOk());
  AwaitWork();

  const SharedVersions::Totals& totals = versions_->totals();
  EXPECT_EQ(totals.violations, 0u);
  RecordProperty("reads", absl::StrCat(totals.reads.load()));
  RecordProperty("oldest_microseconds", absl::StrCat(totals.oldest_nanos.load() / 1000));
}

INSTANTIATE_TEST_SUITE_P(OnServer, MultiprocessTest,
                         ::testing::Values(RedisServerOptions::Product::kRedis, RedisServerOptions::Product::kValkey),
                         ProductName);

}  // namespace
}  // namespace nearcache::testing
