// A real server and processes of worker.cc that check what they read against shared memory (shared_versions.h): the
// common part of the tests with several processes. The parameter is the product of the server.

#ifndef NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_WORKER_GROUP_H_
#define NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_WORKER_GROUP_H_

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/nearcache/multiprocess/shared_versions.h"
#include "tests/support/redis_server.h"

extern char** environ;

namespace nearcache::testing {

class WorkerGroupTest : public ::testing::TestWithParam<RedisServerOptions::Product> {
 protected:
  static constexpr absl::Duration kBound = absl::Milliseconds(500);

  explicit WorkerGroupTest(int count) : workers_(static_cast<size_t>(count), -1) {}

  void SetUp() override {
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "the server is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    auto server = RedisServer::Start(options);
    ASSERT_THAT(server, absl_testing::IsOk());
    server_ = *std::move(server);
    versions_ = SharedVersions::Create(SharedPath());
    ASSERT_NE(versions_, nullptr);
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

  // `more`: further arguments of the worker.
  void Spawn(size_t index, const std::vector<std::string>& more = {}) {
    const std::string self = ::testing::internal::GetArgvs()[0];
    std::vector<std::string> arguments = {absl::StrCat(self.substr(0, self.rfind('/')), "/worker"),
                                          server_->socket_path(),
                                          SharedPath(),
                                          absl::StrCat(index),
                                          absl::StrCat(workers_.size()),
                                          absl::StrCat(absl::ToInt64Milliseconds(kBound))};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    ASSERT_EQ(::posix_spawn(&workers_[index], raw[0], nullptr, nullptr, raw.data(), environ), 0) << raw[0];
  }
  void SpawnAll(const std::vector<std::string>& more = {}) {
    for (size_t i = 0; i < workers_.size(); ++i) Spawn(i, more);
  }

  // Until this many more reads were answered from memory: work goes on, and L1 is in use.
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
  std::vector<pid_t> workers_;  // -1: does not run.

 private:
  std::string SharedPath() const { return absl::StrCat(server_->folder(), "/versions"); }
};

inline std::string ProductName(const ::testing::TestParamInfo<RedisServerOptions::Product>& each) {
  return each.param == RedisServerOptions::Product::kRedis ? "Redis" : "Valkey";
}

}  // namespace nearcache::testing

#endif  // NEARCACHE_TESTS_NEARCACHE_MULTIPROCESS_WORKER_GROUP_H_
