// Two processes that only read, and a writer that knows nothing of the library: it stores raw bytes by SET, as
// redis-cli would. No read may return a value that was replaced longer than the bound ago, whatever breaks meanwhile.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/nearcache/multiprocess/shared_versions.h"
#include "tests/support/redis_server.h"

extern char** environ;

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using Product = RedisServerOptions::Product;

constexpr int kWorkers = 2;
constexpr size_t kKeys = 8;  // Those that the workers read most.
constexpr uint64_t kVersions = 60;
constexpr absl::Duration kBound = absl::Milliseconds(500);

class ForeignWritersTest : public ::testing::TestWithParam<Product> {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "the server is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    auto server = RedisServer::Start(options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    versions_ = SharedVersions::Create(absl::StrCat(server_->folder(), "/versions"));
    ASSERT_NE(versions_, nullptr);
    CollectFrames();
  }

  void TearDown() override {
    if (versions_ != nullptr) versions_->stop() = true;
    for (const pid_t worker : workers_) {
      ::kill(worker, SIGCONT);
      int status = 0;
      ASSERT_EQ(::waitpid(worker, &status, 0), worker);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a worker ended with status " << status;
    }
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

  void Spawn(int index) {
    const std::vector<std::string> arguments = {WorkerPath(),
                                                server_->socket_path(),
                                                absl::StrCat(server_->folder(), "/versions"),
                                                absl::StrCat(index),
                                                absl::StrCat(kWorkers),
                                                absl::StrCat(absl::ToInt64Milliseconds(kBound)),
                                                "foreign"};
    std::vector<char*> raw;
    for (const std::string& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
    raw.push_back(nullptr);
    pid_t worker = -1;
    ASSERT_EQ(::posix_spawn(&worker, raw[0], nullptr, nullptr, raw.data(), environ), 0) << raw[0];
    workers_.push_back(worker);
  }

  static std::string WorkerPath() {
    const std::string self = ::testing::internal::GetArgvs()[0];
    return absl::StrCat(self.substr(0, self.rfind('/')), "/worker");
  }

  // Memory is in use while the next version comes.
  void AwaitHits(uint64_t more) {
    const uint64_t goal = versions_->totals().hits + more;
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (versions_->totals().hits < goal) {
      ASSERT_LT(absl::Now(), give_up) << "memory answers no more";
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<SharedVersions> versions_;
  std::vector<std::vector<std::string>> frames_;  // By key and version - 1.
  std::vector<pid_t> workers_;
};

TEST_P(ForeignWritersTest, NoReadIsOlderThanTheBound) {
  for (int i = 0; i < kWorkers; ++i) Spawn(i);
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
                         [](const auto& each) { return each.param == Product::kRedis ? "Redis" : "Valkey"; });

}  // namespace
}  // namespace nearcache::testing
