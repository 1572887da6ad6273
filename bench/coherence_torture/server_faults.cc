// The kinds of faults of the server.

#include "bench/coherence_torture/server_faults.h"

#include <signal.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/fault_driver.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/processes/resp_client.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

using Running = FaultDriver::Running;
using Arguments = std::vector<absl::string_view>;
using Begin = std::function<absl::StatusOr<Running>(FaultDriver&)>;

using Arguments = std::vector<absl::string_view>;
using Begin = std::function<absl::StatusOr<Running>(FaultDriver&)>;

constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
constexpr char kLane[] = "torture:nearcache:lane";
constexpr size_t kNoiseBytes = 16 << 10;
constexpr int kNoiseCount = 64;
constexpr char kInvalidations[] = "torture:nearcache:0:invalidate";

const Arguments kFlushOtherDatabase = {"EVAL", "redis.call('SELECT', 1) return redis.call('FLUSHDB')", "0"};

absl::Status Command(FaultDriver& driver, const Arguments& arguments) {
  return driver.server().Command(arguments).status();
}

// One command, and that is it.
Begin Once(Arguments arguments) {
  return [arguments](FaultDriver& driver) -> absl::StatusOr<Running> {
    if (const absl::Status status = Command(driver, arguments); !status.ok()) return status;
    return Running();
  };
}

// Commands that break something, and others that mend it a while later.
Begin ForAWhile(std::vector<Arguments> breaking, std::vector<Arguments> mending) {
  return [breaking, mending](FaultDriver& driver) -> absl::StatusOr<Running> {
    for (const Arguments& arguments : breaking) {
      if (const absl::Status status = Command(driver, arguments); !status.ok()) return status;
    }
    Running running;
    running.lasts_nanos = driver.Millis(100, 700);
    running.end = [&driver, mending] {
      absl::Status status;
      for (const Arguments& arguments : mending) status.Update(Command(driver, arguments));
      return status;
    };
    return running;
  };
}

// Commands after which the server has forgotten what it held.
Begin Losing(std::vector<Arguments> commands) {
  return [commands](FaultDriver& driver) -> absl::StatusOr<Running> {
    absl::Status status;
    driver.BeginLoss(/*into_past=*/false);
    for (const Arguments& arguments : commands) status.Update(Command(driver, arguments));
    driver.EndLoss(/*into_past=*/false);
    if (!status.ok()) return status;
    return Running();
  };
}

// A command during which the server answers nobody.
Begin Blocking(std::function<std::vector<std::string>(FaultDriver&)> make) {
  return [make](FaultDriver& driver) -> absl::StatusOr<Running> {
    absl::StatusOr<std::unique_ptr<RespClient>> client =
        RespClient::Connect(driver.server().socket_path(), kAnswerTimeout);
    if (!client.ok()) return client.status();
    const std::vector<std::string> words = make(driver);
    if (const absl::Status sent = (*client)->Post({words.begin(), words.end()}); !sent.ok()) return sent;
    Running running;
    running.lasts_nanos = driver.Millis(50, 100);
    running.end = [client = std::shared_ptr<RespClient>(*std::move(client))] {
      return client->ReceiveReply().status();
    };
    return running;
  };
}

absl::StatusOr<Running> PauseServer(FaultDriver& driver) {
  driver.server().Signal(SIGSTOP);
  Running running;
  running.lasts_nanos = driver.Millis(20, 1200);
  running.end = [&driver] {
    driver.server().Signal(SIGCONT);
    return absl::OkStatus();
  };
  return running;
}

absl::StatusOr<Running> RestartEmpty(FaultDriver& driver) {
  driver.BeginLoss(false);
  if (const absl::Status status = driver.server().KillAndRestart(); !status.ok()) {
    driver.EndLoss(false);
    return status;
  }
  Running running;
  running.lasts_nanos = driver.Millis(50, 100);
  running.end = [&driver] {
    absl::Status status = driver.server().WaitUntilItAnswers(kAnswerTimeout);
    driver.EndLoss(false);
    return status;
  };
  return running;
}

// Takes a snapshot, lets some time pass, and lets the server come back with it.
absl::StatusOr<Running> RestartFromSnapshot(FaultDriver& driver) {
  if (const absl::Status saved = Command(driver, {"SAVE"}); !saved.ok()) return saved;
  Running running;
  running.lasts_nanos = driver.Millis(300, 1000);
  running.end = [&driver] {
    driver.BeginLoss(/*into_past=*/true);
    absl::Status status = driver.server().KillAndRestore();
    if (status.ok()) status = driver.server().WaitUntilItAnswers(kAnswerTimeout);
    driver.EndLoss(/*into_past=*/true);
    return status;
  };
  return running;
}

// The empty database takes the place of the full one, and a while later the full one is back, as it was.
absl::StatusOr<Running> SwapAndSwapBack(FaultDriver& driver) {
  driver.BeginLoss(/*into_past=*/false);
  absl::Status swapped = Command(driver, kFlushOtherDatabase);
  if (swapped.ok()) swapped = Command(driver, {"SWAPDB", "0", "1"});
  driver.EndLoss(/*into_past=*/false);
  if (!swapped.ok()) return swapped;
  Running running;
  running.lasts_nanos = driver.Millis(100, 1000);
  running.end = [&driver] {
    driver.BeginLoss(/*into_past=*/true);
    absl::Status status = Command(driver, {"SWAPDB", "0", "1"});
    driver.EndLoss(/*into_past=*/true);
    return status;
  };
  return running;
}

// How many clients the server has cut because they did not read; 0 from servers that do not count them.
absl::StatusOr<int64_t> OverflowCount(FaultDriver& driver) {
  const absl::StatusOr<std::string> info = driver.server().Command({"INFO", "stats"});
  if (!info.ok()) return info.status();
  const std::vector<std::string> parts = absl::StrSplit(*info, "client_output_buffer_limit_disconnections:");
  int64_t count = 0;
  const bool counts = parts.size() == 2 && absl::SimpleAtoi(parts[1].substr(0, parts[1].find('\r')), &count);
  return counts ? count : 0;
}

// One subscriber stops to read while more is published than the server is willing to keep for him.
absl::StatusOr<Running> OverflowOutputBuffer(FaultDriver& driver) {
  const absl::StatusOr<int64_t> before = OverflowCount(driver);
  if (!before.ok()) return before.status();
  absl::Status status = Command(driver, {"CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 128kb 1"});
  if (!status.ok()) return status;
  ProxyFault fault;
  fault.action = FaultAction::kSilence;
  fault.role = ConnectionRole::kChannel;
  fault.worker = static_cast<int>(driver.random().Below(static_cast<uint32_t>(driver.worker_count())));
  fault.duration_nanos = driver.Millis(150, 500);
  driver.proxy().Begin(fault);
  Running running;
  running.worker = fault.worker;
  running.lasts_nanos = fault.duration_nanos;
  running.tally = std::make_shared<std::atomic<int>>(0);
  // No message that anybody understands, each less than the limit, all of them more than limit and socket take.
  const std::string noise(kNoiseBytes, '\0');
  for (int i = 0; i < kNoiseCount; ++i) status.Update(Command(driver, {"PUBLISH", kInvalidations, noise}));
  running.end = [&driver, status, before = *before, tally = running.tally] {
    absl::Status ended = status;
    const absl::StatusOr<int64_t> after = OverflowCount(driver);
    ended.Update(after.status());
    if (after.ok() && *after > before) *tally += static_cast<int>(*after - before);
    ended.Update(Command(driver, {"CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60"}));
    return ended;
  };
  return running;
}

Begin CutAtServer(absl::string_view type) {
  return [type](FaultDriver& driver) -> absl::StatusOr<Running> {
    const absl::StatusOr<int> count = driver.server().CutConnections(type);
    if (!count.ok()) return count.status();
    return Running();
  };
}

// What an operator does by hand: the replacement begins with all that the primary holds, data connections are moved to
// it, and nobody stops the old primary, which still answers on the channels that were left behind. With `lossy` writes
// go on between the snapshot and the move, and are lost.
absl::StatusOr<Running> MoveToReplacement(FaultDriver& driver, bool lossy) {
  absl::Status moved;
  if (lossy) {
    driver.BeginLoss(/*into_past=*/true);
  } else {
    moved.Update(Command(driver, {"CLIENT", "PAUSE", "20000", "WRITE"}));
  }
  moved.Update(Command(driver, {"SAVE"}));
  if (moved.ok()) moved = driver.StartReplacement();
  if (moved.ok()) {
    ProxyFault cut;
    cut.action = FaultAction::kCut;
    cut.role = ConnectionRole::kData;
    driver.proxy().Begin(cut);
  } else if (!lossy) {
    moved.Update(Command(driver, {"CLIENT", "UNPAUSE"}));
  }
  if (!moved.ok()) {
    if (lossy) driver.EndLoss(/*into_past=*/true);
    return moved;
  }
  Running running;
  running.lasts_nanos = driver.Millis(200, 1200);
  running.end = [&driver, lossy] {
    driver.StopReplaced();
    if (lossy) driver.EndLoss(/*into_past=*/true);
    return absl::OkStatus();
  };
  return running;
}

}  // namespace

std::vector<FaultKind> ServerFaultKinds() {
  std::vector<FaultKind> kinds;
  const auto add = [&kinds](const char* name, Begin begin) {
    kinds.push_back({name, Track::kServer, std::move(begin)});
  };
  add("kill_channels", CutAtServer("pubsub"));
  add("kill_data", CutAtServer("normal"));
  add("server_paused", PauseServer);
  add("server_sleeps", Blocking([](FaultDriver& driver) -> std::vector<std::string> {
        return {"DEBUG", "SLEEP", absl::StrCat("0.", 1 + driver.random().Below(5))};
      }));
  add("slow_script", Blocking([](FaultDriver& driver) -> std::vector<std::string> {
        // Not until a given time: scripts see a clock that stands still.
        return {"EVAL", "local x = 0 for i = 1, tonumber(ARGV[1]) do x = (x + i) % 7 end return x", "0",
                absl::StrCat(500'000 + driver.random().Below(10'000'000))};
      }));
  add("client_pause", [](FaultDriver& driver) -> absl::StatusOr<Running> {
    const std::string millis = absl::StrCat(20 + driver.random().Below(500));
    const char* mode = driver.random().Below(2) == 0 ? "ALL" : "WRITE";
    if (const absl::Status status = Command(driver, {"CLIENT", "PAUSE", millis, mode}); !status.ok()) return status;
    Running running;
    running.lasts_nanos = driver.Millis(500, 600);
    running.outlives_finish = true;
    return running;
  });
  add("server_restarted", RestartEmpty);
  add("server_restored", RestartFromSnapshot);
  add("flush_all", Losing({{"FLUSHALL"}}));
  add("flush_db", Losing({{"FLUSHDB"}}));
  add("swap_db", Losing({kFlushOtherDatabase, {"SWAPDB", "0", "1"}}));
  add("swap_db_back", SwapAndSwapBack);
  add("lane_deleted", Losing({{"DEL", kLane}}));
  add("script_flush", Once({"SCRIPT", "FLUSH"}));
  add("reload", Once({"DEBUG", "RELOAD"}));
  add("out_of_memory",
      ForAWhile({{"CONFIG", "SET", "maxmemory-policy", "noeviction"}, {"CONFIG", "SET", "maxmemory", "1"}},
                {{"CONFIG", "SET", "maxmemory", "700mb"}}));
  add("eviction",
      ForAWhile({{"CONFIG", "SET", "maxmemory-policy", "allkeys-random"}, {"CONFIG", "SET", "maxmemory", "3mb"}},
                {{"CONFIG", "SET", "maxmemory", "700mb"}}));
  add("no_replicas",
      ForAWhile({{"CONFIG", "SET", "min-replicas-to-write", "1"}}, {{"CONFIG", "SET", "min-replicas-to-write", "0"}}));
  add("read_only", ForAWhile({{"REPLICAOF", "127.0.0.1", "1"}}, {{"REPLICAOF", "NO", "ONE"}}));
  add("write_revoked", ForAWhile({{"ACL", "SETUSER", kUser, "-@write"}}, {{"ACL", "SETUSER", kUser, "+@all"}}));
  add("channel_revoked", ForAWhile({{"ACL", "SETUSER", kUser, "resetchannels"}}, {{"ACL", "SETUSER", kUser, "&*"}}));
  add("output_buffer", OverflowOutputBuffer);
  add("failover_deaf", [](FaultDriver& driver) { return MoveToReplacement(driver, /*lossy=*/false); });
  add("failover_lossy", [](FaultDriver& driver) { return MoveToReplacement(driver, /*lossy=*/true); });
  return kinds;
}

}  // namespace nearcache::bench::torture
