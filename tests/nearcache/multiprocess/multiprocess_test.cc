// Four real processes on one real server, for a few seconds, with faults: no read may return a value that was replaced
// longer than the bound ago. The workers check each value that they read against shared memory (shared_versions.h).

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/multiprocess/shared_versions.h"
#include "tests/support/redis_server.h"

extern char** environ;

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;

constexpr int kProcesses = 4;
constexpr absl::Duration kBound = absl::Milliseconds(500);

std::string WorkerPath() {
  return absl::StrCat(::testing::internal::GetArgvs()[0].substr(0, ::testing::internal::GetArgvs()[0].rfind('/')),
                      "/worker");
}

class MultiprocessTest : public ::testing::TestWithParam<RedisServerOptions::Product> {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "the server is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    auto server = RedisServer::Start(options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    shared_path_ = absl::StrCat(server_->folder(), "/versions");
    versions_ = SharedVersions::Create(shared_path_);
    ASSERT_NE(versions_, nullptr);
    workers_.resize(kProcesses, -1);
    for (int i = 0; i < kProcesses; ++i) Spawn(i);
  }

  void TearDown() override {
    if (versions_ != nullptr) versions_->stop() = true;
    for (const pid_t worker : workers_) {
      if (worker <= 0) continue;
      ::kill(worker, SIGCONT);
      int status = 0;
      ASSERT_EQ(::waitpid(worker, &status, 0), worker);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a worker ended with status " << status;
    }
  }

  void Spawn(int index) {
    const std::vector<std::string> arguments = {
        WorkerPath(),        server_->socket_path(),   shared_path_,
        absl::StrCat(index), absl::StrCat(kProcesses), absl::StrCat(absl::ToInt64Milliseconds(kBound))};
    std::vector<char*> raw;
    for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
    raw.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&workers_[index], raw[0], nullptr, nullptr, raw.data(), environ), 0) << raw[0];
  }

  // Until this many more reads were answered from memory: work goes on, and L1 is in use.
  void AwaitHits(uint64_t more) {
    const uint64_t goal = versions_->totals().hits + more;
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (versions_->totals().hits < goal) {
      ASSERT_LT(absl::Now(), give_up) << "memory answers no more";
      absl::SleepFor(absl::Milliseconds(10));
    }
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

  void KillWorker(int index) {
    ::kill(workers_[index], SIGKILL);
    ASSERT_EQ(::waitpid(workers_[index], nullptr, 0), workers_[index]);
    workers_[index] = -1;
  }

  std::unique_ptr<RedisServer> server_;
  std::string shared_path_;
  std::unique_ptr<SharedVersions> versions_;
  std::vector<pid_t> workers_;
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
                         [](const auto& each) {
                           return each.param == RedisServerOptions::Product::kRedis ? "Redis" : "Valkey";
                         });

}  // namespace
}  // namespace nearcache::testing
