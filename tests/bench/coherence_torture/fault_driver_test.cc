// Each fault of the server and of the processes on a real server: that it does what it says, and that its end mends it.
// What the network does is in fault_proxy_test.cc.

#include "bench/coherence_torture/fault_driver.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/torture_server.h"
#include "bench/processes/resp_client.h"
#include "bench/processes/server_process.h"
#include "bench/processes/temp_folder.h"
#include "bench/processes/worker_processes.h"
#include "bench/processes/worker_status.h"
#include "bench/support/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/redis_server.h"

namespace nearcache::bench::torture {
namespace {

using ::nearcache::testing::RedisServer;
using ::nearcache::testing::RedisServerOptions;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMuchLater = INT64_MAX / 2;
constexpr char kChannel[] = "torture:nearcache:0:invalidate";
constexpr char kLane[] = "torture:nearcache:lane";

bool HasServer() { return RedisServer::Installed(RedisServerOptions::Product::kRedis); }

Setup TwoWorkers() {
  Setup setup;
  setup.worker_count = 2;
  setup.key_count = 64;
  setup.bound_nanos = 100 * kNanosPerMilli;
  return setup;
}

class FaultDriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasServer()) GTEST_SKIP() << "no redis-server on PATH";
    folder_ = *TempFolder::Create();
    server_ = *ServerProcess::Start(*FindServer("redis"), folder_->path(), TortureServer());
    arena_ = *Arena::Create(TwoWorkers());
    proxy_ = *FaultProxy::Start(folder_->path(), 2, server_->socket_path(), 1);
    workers_ = std::make_unique<WorkerProcesses>(arena_->descriptor(), arena_->worker_statuses());
  }

  // Begins the one fault of that name.
  void Begin(absl::string_view name) {
    driver_ = *FaultDriver::Create(name, arena_.get(), proxy_.get(), server_.get(), workers_.get());
    driver_->Advance(NowNanos());
    ASSERT_THAT(driver_->problems(), IsEmpty());
    ASSERT_EQ(driver_->records().size(), 1u);
  }
  void End() {
    driver_->Advance(kMuchLater);
    ASSERT_THAT(driver_->problems(), IsEmpty());
    ASSERT_NE(driver_->records()[0].ended_nanos, 0);
  }
  bool Happened() const { return driver_->records()[0].happened; }

  std::string Ask(const std::vector<absl::string_view>& arguments) const {
    const absl::StatusOr<std::string> reply = server_->Command(arguments);
    return reply.ok() ? *reply : std::string(reply.status().message());
  }
  std::string Set(absl::string_view key) const { return Ask({"SET", key, "1"}); }
  bool Exists(absl::string_view key) const { return Ask({"EXISTS", key}) == "1"; }
  // As the workers' user.
  std::string AskAsWorker(const std::vector<absl::string_view>& arguments) const {
    const std::unique_ptr<RespClient> client = *RespClient::Connect(server_->socket_path(), absl::Seconds(5));
    EXPECT_EQ(*client->Command({"AUTH", kUser, kPassword}), "OK");
    const absl::StatusOr<std::string> reply = client->Command(arguments);
    return reply.ok() ? *reply : std::string(reply.status().message());
  }
  std::unique_ptr<RespClient> Through(int worker) const {
    return *RespClient::Connect(FaultProxy::SocketPath(folder_->path(), worker), absl::Seconds(5));
  }

  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<WorkerProcesses> workers_;
  std::unique_ptr<FaultDriver> driver_;
};

TEST_F(FaultDriverTest, FlushesForgetEverythingAndSaySo) {
  for (const char* name : {"flush_all", "flush_db"}) {
    const uint32_t number = arena_->loss().number.load();
    Set("a");
    const int64_t before_nanos = NowNanos();
    Begin(name);
    EXPECT_FALSE(Exists("a")) << name;
    EXPECT_EQ(arena_->loss().number.load(), number + 2);
    EXPECT_GE(arena_->loss().begun_nanos.load(), before_nanos);
    EXPECT_GE(arena_->loss().ended_nanos.load(), arena_->loss().begun_nanos.load());
    EXPECT_EQ(arena_->store_since_nanos().load(), 0) << "an empty store is no step into the past";
    End();
    EXPECT_TRUE(Happened());
  }
}

TEST_F(FaultDriverTest, LaneDeletedTakesTheRegisterAlone) {
  Set("a");
  Set(kLane);
  Begin("lane_deleted");
  EXPECT_FALSE(Exists(kLane));
  EXPECT_TRUE(Exists("a"));
}

TEST_F(FaultDriverTest, SwappedDatabaseIsEmptyEveryTime) {
  for (const char* key : {"a", "b"}) {
    Set(key);
    Begin("swap_db");
    EXPECT_EQ(Ask({"DBSIZE"}), "0") << "what an earlier swap put aside may not come back";
    End();
  }
}

TEST_F(FaultDriverTest, SwapBackIsAStepIntoThePast) {
  Set("a");
  Begin("swap_db_back");
  EXPECT_FALSE(Exists("a"));
  EXPECT_EQ(arena_->store_since_nanos().load(), 0);
  Set("b");
  End();
  EXPECT_TRUE(Exists("a"));
  EXPECT_FALSE(Exists("b"));
  EXPECT_GT(arena_->store_since_nanos().load(), 0);
  EXPECT_LE(arena_->store_since_nanos().load(), NowNanos());
  EXPECT_EQ(arena_->loss().number.load(), 4u);
}

TEST_F(FaultDriverTest, RestartedServerIsEmpty) {
  Set("a");
  const pid_t before = server_->pid();
  Begin("server_restarted");
  EXPECT_EQ(arena_->loss().number.load(), 1u) << "under way until it answers";
  End();
  EXPECT_NE(server_->pid(), before);
  EXPECT_FALSE(Exists("a"));
  EXPECT_EQ(arena_->loss().number.load(), 2u);
}

TEST_F(FaultDriverTest, RestoredServerHasItsSnapshot) {
  Set("a");
  Begin("server_restored");
  Set("b");
  EXPECT_EQ(arena_->loss().number.load(), 0u) << "nothing is lost yet";
  End();
  EXPECT_TRUE(Exists("a"));
  EXPECT_FALSE(Exists("b"));
  EXPECT_GT(arena_->store_since_nanos().load(), 0);
  EXPECT_EQ(arena_->loss().number.load(), 2u);
}

TEST_F(FaultDriverTest, FailoverLeavesTheOldPrimaryAliveAndItsChannelsDeaf) {
  Set("a");
  const std::unique_ptr<RespClient> data = Through(0);
  const std::unique_ptr<RespClient> channel = Through(0);
  ASSERT_TRUE(data->Command({"PING"}).ok());
  channel->Command({"SUBSCRIBE", kChannel}).IgnoreError();
  const pid_t old = server_->pid();
  Begin("failover_deaf");
  EXPECT_NE(driver_->server().pid(), old);
  EXPECT_TRUE(absl::IsUnavailable(data->Command({"PING"}).status())) << "data connections were cut";
  const std::unique_ptr<RespClient> moved = Through(0);
  EXPECT_EQ(*moved->Command({"EXISTS", "a"}), "1") << "nothing is lost";
  EXPECT_EQ(*moved->Command({"PUBLISH", kChannel, "x"}), "0") << "nobody hears the new one";
  EXPECT_EQ(Ask({"PUBSUB", "NUMPAT"}), "0") << "the old one answers";
  EXPECT_EQ(arena_->loss().number.load(), 0u);
  End();
  while (server_->Running()) usleep(1000);
  driver_->Advance(kMuchLater + 10 * kNanosPerSecond);
  EXPECT_EQ(*driver_->server().Command({"EXISTS", "a"}), "1");
  EXPECT_EQ(driver_->records().size(), 2u) << "and the same again, from the one that took its place";
  EXPECT_THAT(driver_->problems(), IsEmpty());
}

TEST_F(FaultDriverTest, LossyFailoverIsAStepIntoThePast) {
  Set("a");
  Begin("failover_lossy");
  EXPECT_EQ(arena_->loss().number.load(), 1u);
  EXPECT_EQ(arena_->store_since_nanos().load(), INT64_MAX);
  Set("b");
  EXPECT_EQ(*driver_->server().Command({"EXISTS", "a", "b"}), "1");
  End();
  EXPECT_EQ(arena_->loss().number.load(), 2u);
  EXPECT_LE(arena_->store_since_nanos().load(), NowNanos());
}

TEST_F(FaultDriverTest, RefusalsBeginAndEnd) {
  const struct {
    const char* fault;
    const char* refusal;
  } kCases[] = {{"out_of_memory", "OOM"}, {"no_replicas", "NOREPLICAS"}, {"read_only", "READONLY"}};
  for (const auto& test : kCases) {
    Begin(test.fault);
    EXPECT_THAT(Set("a"), HasSubstr(test.refusal));
    End();
    EXPECT_EQ(Set("a"), "OK") << test.fault;
  }
}

TEST_F(FaultDriverTest, RightsAreRevokedAndGivenBack) {
  Begin("write_revoked");
  EXPECT_THAT(AskAsWorker({"SET", "a", "1"}), HasSubstr("NOPERM"));
  EXPECT_EQ(AskAsWorker({"EXISTS", "a"}), "0");
  End();
  EXPECT_EQ(AskAsWorker({"SET", "a", "1"}), "OK");
  Begin("channel_revoked");
  EXPECT_THAT(AskAsWorker({"PUBLISH", kChannel, "x"}), HasSubstr("NOPERM"));
  End();
  EXPECT_EQ(AskAsWorker({"PUBLISH", kChannel, "x"}), "0");
}

TEST_F(FaultDriverTest, EvictionHasLittleMemory) {
  Begin("eviction");
  EXPECT_THAT(Ask({"INFO", "memory"}), HasSubstr("maxmemory:3145728\r"));
  EXPECT_THAT(Ask({"INFO", "memory"}), HasSubstr("maxmemory_policy:allkeys-random"));
  End();
  EXPECT_THAT(Ask({"INFO", "memory"}), HasSubstr("maxmemory:734003200\r"));
}

TEST_F(FaultDriverTest, PausedServerAnswersNobodyUntilItGoesOn) {
  Begin("server_paused");
  const std::unique_ptr<RespClient> client = *RespClient::Connect(server_->socket_path(), absl::Milliseconds(20));
  EXPECT_EQ(client->Command({"PING"}).status().code(), absl::StatusCode::kUnavailable);
  End();
  EXPECT_EQ(Ask({"PING"}), "PONG");
}

TEST_F(FaultDriverTest, StallsEndByThemselves) {
  for (const char* name : {"server_sleeps", "slow_script", "client_pause"}) {
    Begin(name);
    End();
    EXPECT_TRUE(Happened());
    EXPECT_EQ(Set("a"), "OK") << name;
  }
}

TEST_F(FaultDriverTest, ScriptsAreForgottenAndReloadForgetsNothing) {
  Set("a");
  const std::string script = Ask({"SCRIPT", "LOAD", "return 7"});
  EXPECT_EQ(Ask({"EVALSHA", script, "0"}), "7");
  Begin("script_flush");
  EXPECT_THAT(Ask({"EVALSHA", script, "0"}), HasSubstr("NOSCRIPT"));
  Begin("reload");
  EXPECT_TRUE(Exists("a"));
  EXPECT_EQ(arena_->loss().number.load(), 0u);
}

TEST_F(FaultDriverTest, ConnectionsOfOneTypeAreKilled) {
  const std::unique_ptr<RespClient> data = Through(0);
  const std::unique_ptr<RespClient> channel = Through(0);
  ASSERT_TRUE(data->Command({"PING"}).ok());
  ASSERT_EQ(channel->Command({"SUBSCRIBE", "x"}).status().code(), absl::StatusCode::kInternal) << "an array";
  Begin("kill_channels");
  absl::Status status;
  // The rest of the confirmation, then the end.
  for (int i = 0; i < 10 && !absl::IsUnavailable(status); ++i) status = channel->ReceiveReply().status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(*data->Command({"PING"}), "PONG");
  Begin("kill_data");
  EXPECT_TRUE(absl::IsUnavailable(data->Command({"PING"}).status()));
}

TEST_F(FaultDriverTest, SubscriberThatStopsToReadIsCut) {
  const std::unique_ptr<RespClient> first = Through(0);
  const std::unique_ptr<RespClient> second = Through(1);
  for (RespClient* client : {first.get(), second.get()}) {
    client->Command({"SUBSCRIBE", kChannel}).IgnoreError();
  }
  Begin("output_buffer");
  EXPECT_FALSE(Happened());
  End();
  EXPECT_TRUE(Happened());
  EXPECT_EQ(driver_->happened(), 1u);
}

// The state of a process: R, S, T, …
char StateOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string id;
  std::string name;
  char state = '?';
  file >> id >> name >> state;
  return state;
}

TEST_F(FaultDriverTest, WorkerIsPausedAndGoesOn) {
  ASSERT_TRUE(workers_->StartAll().ok());
  Begin("worker_paused");
  const FaultRecord& record = driver_->records()[0];
  ASSERT_GE(record.worker, 0);
  const pid_t pid = workers_->pid(static_cast<uint32_t>(record.worker));
  while (StateOf(pid) != 'T') usleep(1000);
  EXPECT_NE(StateOf(workers_->pid(static_cast<uint32_t>(1 - record.worker))), 'T');
  driver_->Finish();
  while (StateOf(pid) == 'T') usleep(1000);
}

TEST_F(FaultDriverTest, WorkerIsKilledAndAnotherTakesItsPlace) {
  ASSERT_TRUE(workers_->StartAll().ok());
  const pid_t before[] = {workers_->pid(0), workers_->pid(1)};
  Begin("worker_killed");
  const uint32_t worker = static_cast<uint32_t>(driver_->records()[0].worker);
  EXPECT_EQ(workers_->pid(worker), 0);
  EXPECT_EQ(arena_->worker(worker).status.state.load(), WorkerState::kAbsent);
  EXPECT_THAT(workers_->TakeProblems(), IsEmpty()) << "it did not end by itself";
  End();
  EXPECT_GT(workers_->pid(worker), 0);
  EXPECT_NE(workers_->pid(worker), before[worker]);
  EXPECT_EQ(workers_->pid(1 - worker), before[1 - worker]);
}

TEST_F(FaultDriverTest, FaultOfTheNetworkThatMeetsNothingDoesNotCount) {
  int kinds = 0;
  for (const FaultKind& kind : FaultKinds()) {
    if (kind.track != Track::kNetwork) continue;
    ++kinds;
    Begin(kind.name);
    End();
    EXPECT_FALSE(Happened()) << kind.name;
    EXPECT_EQ(driver_->happened(), 0u);
  }
  EXPECT_GE(kinds, 18);
}

TEST_F(FaultDriverTest, TracksRunSideBySideAndFinishMendsThem) {
  ASSERT_TRUE(workers_->StartAll().ok());
  driver_ = *FaultDriver::Create("read_only,worker_paused,black_hole", arena_.get(), proxy_.get(), server_.get(),
                                 workers_.get());
  const int64_t now_nanos = NowNanos();
  driver_->Advance(now_nanos);
  EXPECT_EQ(driver_->UnderWay(), "read_only, worker_paused, black_hole");
  driver_->Advance(now_nanos);
  EXPECT_EQ(driver_->records().size(), 3u) << "one at a time on each";
  EXPECT_THAT(Set("a"), HasSubstr("READONLY"));
  EXPECT_GT(driver_->Finish(), NowNanos()) << "the black hole ends by itself";
  EXPECT_EQ(driver_->UnderWay(), "");
  EXPECT_EQ(Set("a"), "OK");
  EXPECT_THAT(driver_->problems(), IsEmpty());
  EXPECT_EQ(driver_->happened(), 2u);
  EXPECT_EQ(driver_->kinds_happened(), 2u);
}

TEST_F(FaultDriverTest, FaultThatCannotBeDoneIsAProblemAndDoesNotCount) {
  server_->Signal(SIGKILL);
  while (server_->Running()) usleep(1000);
  driver_ = *FaultDriver::Create("flush_all", arena_.get(), proxy_.get(), server_.get(), workers_.get());
  driver_->Advance(NowNanos());
  EXPECT_EQ(driver_->problems().size(), 1u);
  EXPECT_EQ(driver_->happened(), 0u);
  EXPECT_EQ(arena_->loss().number.load() % 2, 0u) << "no loss stays under way";
}

TEST_F(FaultDriverTest, AllAreThoseThereAre) {
  EXPECT_TRUE(FaultDriver::Create("all", arena_.get(), proxy_.get(), server_.get(), workers_.get()).ok());
  const absl::Status unknown =
      FaultDriver::Create("flush_all,flood", arena_.get(), proxy_.get(), server_.get(), workers_.get()).status();
  EXPECT_THAT(unknown.message(), HasSubstr("'flood'"));
  for (const FaultKind& kind : FaultKinds()) EXPECT_TRUE(absl::StrContains(unknown.message(), kind.name));
}

}  // namespace
}  // namespace nearcache::bench::torture

// As a worker, this program waits to be killed.
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (absl::StartsWith(argv[i], "--worker=")) return pause();
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
