// Error replies of an otherwise honest server to each call of the public API: the outcome is exactly what cache.h says,
// nothing is wrongly left in memory, and no text holds the value or the password. And users whose rights lack one
// command each.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status_matchers.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/support/redis_server.h"
#include "tests/support/resp_proxy.h"

namespace nearcache::testing {
namespace {

using absl_testing::IsOk;
using absl_testing::IsOkAndHolds;
using absl_testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;
using Product = RedisServerOptions::Product;

constexpr char kKey[] = "victim";
constexpr char kOld[] = "5";  // A number, so that Increment could go on from it.
constexpr char kNew[] = "1234567890123";
constexpr char kPassword[] = "hunter2-secret";

struct Call {
  const char* name;
  absl::Status (*run)(Cache& cache);
};

// Calls that change something.
constexpr Call kChanges[] = {
    {"Set", [](Cache& cache) { return cache.Set(kKey, kNew); }},
    {"SetMany", [](Cache& cache) { return cache.SetMany({{kKey, kNew}})[0]; }},
    {"Add", [](Cache& cache) { return cache.Add(kKey, kNew); }},
    {"Replace", [](Cache& cache) { return cache.Replace(kKey, kNew); }},
    {"Delete", [](Cache& cache) { return cache.Delete(kKey); }},
    {"DeleteMany", [](Cache& cache) { return cache.DeleteMany({kKey})[0]; }},
    {"Increment", [](Cache& cache) { return cache.Increment(kKey, 2).status(); }},
    {"Touch", [](Cache& cache) { return cache.Touch(kKey, absl::Minutes(1)); }},
    {"Persist", [](Cache& cache) { return cache.Persist(kKey); }},
    {"Expire", [](Cache& cache) { return cache.Expire(kKey); }},
    {"Clear", [](Cache& cache) { return cache.Clear(); }},
};

ReadOptions Fresh() {
  ReadOptions options;
  options.fresh = true;
  return options;
}

constexpr Call kReads[] = {
    {"Get", [](Cache& cache) { return cache.Get(kKey, Fresh()).status(); }},
    {"GetMany", [](Cache& cache) { return cache.GetMany({kKey}, Fresh())[0].status(); }},
    {"TimeToLive", [](Cache& cache) { return cache.TimeToLive(kKey).status(); }},
};

struct ErrorReply {
  const char* text;
  absl::StatusCode code;
};

constexpr ErrorReply kErrors[] = {
    {"OOM command not allowed when used memory > 'maxmemory'.", absl::StatusCode::kResourceExhausted},
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
     absl::StatusCode::kUnavailable},
    {"READONLY You can't write against a read only replica.", absl::StatusCode::kUnavailable},
    {"LOADING Redis is loading the dataset in memory", absl::StatusCode::kUnavailable},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     absl::StatusCode::kUnavailable},
    {"NOREPLICAS Not enough good replicas to write.", absl::StatusCode::kUnavailable},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     absl::StatusCode::kUnavailable},
    {"NOPERM this user has no permissions to run the command", absl::StatusCode::kPermissionDenied},
    {"NOAUTH Authentication required.", absl::StatusCode::kUnauthenticated},
    // Some servers quote the arguments.
    {"ERR unknown command 'EVALSHA', with args beginning with: '1234567890123' ", absl::StatusCode::kInvalidArgument},
};

class CacheErrorRepliesTest : public ::testing::TestWithParam<Product> {
 protected:
  void SetUp() override {
    NEARCACHE_REQUIRE_SERVER();
    if (!RedisServer::Installed(GetParam())) GTEST_SKIP() << "this product is not installed";
    RedisServerOptions options;
    options.product = GetParam();
    auto server = RedisServer::Start(std::move(options));
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  void OpenBehindProxy() {
    proxy_ = std::make_unique<RespProxy>(server_->folder(), server_->socket_path());
    Options options;
    options.remote.unix_socket = proxy_->socket_path();
    options.remote.command_timeout = absl::Seconds(10);
    options.remote.health_timeout = absl::Seconds(20);
    auto cache = Cache::Open(options);
    ASSERT_THAT(cache, IsOk());
    cache_ = *std::move(cache);
    ASSERT_THAT(cache_->WaitUntilReady(absl::Seconds(20)), IsOk());
  }

  // The old value, in both tiers.
  void Seed() {
    proxy_->SetHook(nullptr);
    ASSERT_THAT(cache_->WaitUntilReady(absl::Seconds(20)), IsOk());
    ASSERT_THAT(cache_->Set(kKey, kOld), IsOk());
    ASSERT_THAT(cache_->Get(kKey), IsOkAndHolds(Value::Copy(kOld)));
  }

  // Every command that touches the key, and every script.
  void AnswerWith(const ErrorReply& error) {
    proxy_->SetHook([text = absl::StrCat("-", error.text, "\r\n")](const RespProxy::Command& command) {
      bool ours = absl::StartsWith(command[0], "EVAL");
      for (const std::string& argument : command) ours |= absl::StrContains(argument, kKey);
      return ours ? absl::optional<std::string>(text) : absl::nullopt;
    });
  }

  void ExpectOutcome(const absl::Status& status, const ErrorReply& error, const std::string& what) {
    EXPECT_EQ(status.code(), error.code) << what << ": " << status;
    EXPECT_FALSE(OutcomeUnknown(status)) << what << ": " << status;
    EXPECT_THAT(status.ToString(), Not(HasSubstr(kNew))) << what;
  }

  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<RespProxy> proxy_;
  std::unique_ptr<Cache> cache_;
};

TEST_P(CacheErrorRepliesTest, ARefusedChangeChangesNothingAndLeavesNothingInMemory) {
  OpenBehindProxy();
  for (const Call& call : kChanges) {
    for (const ErrorReply& error : kErrors) {
      const std::string what = absl::StrCat(call.name, " answered with ", error.text);
      Seed();
      AnswerWith(error);
      ExpectOutcome(call.run(*cache_), error, what);
      proxy_->SetHook(nullptr);
      ReadInfo info;
      ReadOptions read;
      read.info = &info;
      EXPECT_THAT(cache_->Get(kKey, read), IsOkAndHolds(Value::Copy(kOld))) << what;
      // A refused Clear has no key of its own, and what memory holds is as good as before.
      EXPECT_TRUE(info.source == ReadInfo::Source::kRemote || call.name == absl::string_view("Clear")) << what;
    }
  }
}

TEST_P(CacheErrorRepliesTest, ARefusedReadFailsAndIsNotTakenForAMiss) {
  OpenBehindProxy();
  for (const Call& call : kReads) {
    for (const ErrorReply& error : kErrors) {
      const std::string what = absl::StrCat(call.name, " answered with ", error.text);
      Seed();
      AnswerWith(error);
      ExpectOutcome(call.run(*cache_), error, what);
      proxy_->SetHook(nullptr);
      EXPECT_THAT(cache_->Get(kKey, Fresh()), IsOkAndHolds(Value::Copy(kOld))) << what;
    }
  }
}

TEST_P(CacheErrorRepliesTest, ALoadGoesOnWithoutTheServerAndKeepsNothing) {
  OpenBehindProxy();
  for (const ErrorReply& error : kErrors) {
    Seed();
    AnswerWith(error);
    ASSERT_THAT(cache_->Delete(kKey), Not(IsOk()));  // So that memory does not answer.
    const auto loaded = cache_->GetOrLoad(kKey, [](absl::string_view) { return std::string(kNew); });
    EXPECT_THAT(loaded, IsOkAndHolds(Value::Copy(kNew))) << error.text;
    proxy_->SetHook(nullptr);
    EXPECT_THAT(cache_->Get(kKey), IsOkAndHolds(Value::Copy(kOld))) << error.text;
  }
}

TEST_P(CacheErrorRepliesTest, ExecutePassesErrorsOnAsReplies) {
  OpenBehindProxy();
  for (const ErrorReply& error : kErrors) {
    AnswerWith(error);
    const auto reply = cache_->Execute({"GET", kKey});
    ASSERT_THAT(reply, IsOk()) << error.text;
    EXPECT_EQ(reply->type, ExecuteReply::Type::kError);
    EXPECT_EQ(reply->string.view(), error.text);
  }
}

// Every command that the library or one of its scripts sends, taken away one at a time. Whatever then fails says so,
// and what succeeds was done.
TEST_P(CacheErrorRepliesTest, AUserWithoutOneOfTheCommandsIsToldAndNeverDeceived) {
  const char* const commands[] = {"hello",    "auth",      "client", "select",   "config",  "info",
                                  "ping",     "get",       "pttl",   "getrange", "unlink",  "evalsha",
                                  "eval",     "subscribe", "set",    "publish",  "pexpire", "persist",
                                  "setrange", "mget",      "multi",  "exec",     "script",  "psetex"};
  for (const char* command : commands) {
    ASSERT_THAT(server_->Command({"ACL", "SETUSER", "app", "reset", "on", absl::StrCat(">", kPassword), "~*", "&*",
                                  "+@all", absl::StrCat("-", command)}),
                IsOk());
    Options options;
    options.remote.unix_socket = server_->socket_path();
    options.remote.user = "app";
    options.remote.password = kPassword;
    options.remote.database = 1;
    options.remote.command_timeout = absl::Milliseconds(100);
    options.key_prefix = absl::StrCat("without-", command);
    auto opened = Cache::Open(options);
    ASSERT_THAT(opened, IsOk());
    Cache& cache = **opened;
    std::vector<absl::Status> all = {cache.WaitUntilReady(absl::Milliseconds(200))};
    const absl::Status set = cache.Set(kKey, kOld);
    all.push_back(set);
    if (set.ok()) {
      EXPECT_THAT(cache.Get(kKey), Not(StatusIs(absl::StatusCode::kNotFound))) << command;
    }
    for (const Call& call : kReads) all.push_back(call.run(cache));
    for (const Call& call : kChanges) all.push_back(call.run(cache));
    for (const absl::Status& status : all) {
      EXPECT_THAT(status.ToString(), Not(HasSubstr(kPassword))) << command;
      EXPECT_FALSE(OutcomeUnknown(status)) << command << ": " << status;
      EXPECT_NE(status.code(), absl::StatusCode::kInternal) << command << ": " << status;
    }
    if (!all[0].ok()) {
      const HealthReport health = cache.Health();
      EXPECT_NE(health.reason, "") << command;
      EXPECT_THAT(health.reason, Not(HasSubstr(kPassword))) << command;
    }
    RecordProperty(command, all[0].ToString());
  }
}

INSTANTIATE_TEST_SUITE_P(Products, CacheErrorRepliesTest, ::testing::Values(Product::kRedis, Product::kValkey),
                         [](const auto& product) { return product.param == Product::kRedis ? "Redis" : "Valkey"; });

}  // namespace
}  // namespace nearcache::testing
