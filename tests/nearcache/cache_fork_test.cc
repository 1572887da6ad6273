// A child of fork() gets refusals from its copy of a cache, and does not disturb the parent's.

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "absl/status/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/support/redis_server.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;

bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) && status.message().find("fork()") != absl::string_view::npos;
}

// In the child: 0, or the number of the first call that was not refused.
int FirstCallThatWasAnswered(std::unique_ptr<Cache> cache) {
  if (!IsRefusal(cache->Get("k").status())) return 1;
  if (cache->Read("k", [](absl::string_view) {})) return 2;
  if (!IsRefusal(cache->Set("k", "child"))) return 3;
  if (!IsRefusal(cache->GetOrLoad("k", [](absl::string_view) { return "child"; }).status())) return 4;
  if (!IsRefusal(cache->Sync())) return 5;
  if (!IsRefusal(cache->Close())) return 6;
  if (cache->Health().state != HealthState::kDown) return 7;
  cache->GetStats();
  cache.reset();
  return 0;
}

void ExpectChildIsRefused(std::unique_ptr<Cache>* cache) {
  ASSERT_THAT((*cache)->Set("k", "parent"), IsOk());
  const pid_t child = ::fork();
  if (child == 0) ::_exit(FirstCallThatWasAnswered(std::move(*cache)));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT((*cache)->Set("k", "after"), IsOk());
    EXPECT_THAT((*cache)->Sync(), IsOk());
    EXPECT_THAT((*cache)->Get("k"), IsOkAndHolds(Value::Copy("after")));
  }
}

TEST(CacheForkTest, WithoutARemoteTier) {
  auto cache = Cache::Open(Options());
  ASSERT_THAT(cache, IsOk());
  ExpectChildIsRefused(&*cache);
}

TEST(CacheForkTest, WithARemoteTier) {
  NEARCACHE_REQUIRE_SERVER();
  const auto server = RedisServer::Start();
  ASSERT_THAT(server, IsOk());
  Options options;
  options.remote.unix_socket = (*server)->socket_path();
  auto cache = Cache::Open(options);
  ASSERT_THAT(cache, IsOk());
  ASSERT_THAT((*cache)->WaitUntilReady(absl::Seconds(10)), IsOk());
  ExpectChildIsRefused(&*cache);
  EXPECT_EQ((*cache)->GetStats().gaps_detected, 0u);
}

}  // namespace
}  // namespace nearcache::testing
