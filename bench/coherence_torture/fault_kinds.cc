// The kinds of faults. What the network may do to whom, and why that is fair, is told in proxy_fault.h.

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
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

constexpr absl::Duration kAnswerTimeout = absl::Seconds(5);
constexpr char kLane[] = "torture:nearcache:lane";

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
    driver.BeginLoss(/*into_past=*/false);
    for (const Arguments& arguments : commands) {
      if (const absl::Status status = Command(driver, arguments); !status.ok()) return status;
    }
    driver.EndLoss(/*into_past=*/false);
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
  if (const absl::Status status = driver.server().KillAndRestart(); !status.ok()) return status;
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

Begin CutAtServer(absl::string_view type) {
  return [type](FaultDriver& driver) -> absl::StatusOr<Running> {
    const absl::StatusOr<int> count = driver.server().CutConnections(type);
    if (!count.ok()) return count.status();
    return Running();
  };
}

absl::StatusOr<Running> PauseWorker(FaultDriver& driver) {
  const uint32_t worker = driver.random().Below(static_cast<uint32_t>(driver.worker_count()));
  driver.workers().Signal(worker, SIGSTOP);
  Running running;
  // Mostly short, sometimes ten seconds: uniform in the logarithm.
  const uint32_t power = driver.random().Below(10);
  running.lasts_nanos = std::min(driver.Millis(10u << power, 20u << power), int64_t{10} * kNanosPerSecond);
  running.end = [&driver, worker] {
    driver.workers().Signal(worker, SIGCONT);
    return absl::OkStatus();
  };
  return running;
}

absl::StatusOr<Running> KillWorker(FaultDriver& driver) {
  const uint32_t worker = driver.random().Below(static_cast<uint32_t>(driver.worker_count()));
  driver.workers().Kill(worker);
  Running running;
  running.lasts_nanos = driver.Millis(10, 500);
  running.end = [&driver, worker] { return driver.workers().Start(worker); };
  return running;
}

// Proxy faults; `change` makes the common order into a particular one.
Begin Network(FaultAction action, ConnectionRole role, std::function<void(FaultDriver&, ProxyFault*)> change = {}) {
  return [=](FaultDriver& driver) -> absl::StatusOr<Running> {
    ProxyFault fault;
    fault.action = action;
    fault.role = role;
    fault.worker = static_cast<int>(driver.random().Below(static_cast<uint32_t>(driver.worker_count() + 1))) - 1;
    fault.messages = 1 + static_cast<int>(driver.random().Below(20));
    fault.duration_nanos = driver.Millis(50, 400);
    if (change) change(driver, &fault);
    Running running;
    running.tally = driver.proxy().Begin(fault);
    running.lasts_nanos = fault.duration_nanos + fault.delay_nanos + 20 * kNanosPerMilli;
    return running;
  };
}

void Late(FaultDriver& driver, ProxyFault* fault) {
  fault->messages = 1 << 30;
  fault->delay_nanos = driver.random().Below(3000) * driver.bound_nanos() / 1000 + kNanosPerMilli;
}

void Held(FaultDriver& driver, ProxyFault* fault) {
  fault->to_server = true;
  fault->duration_nanos = driver.Millis(20, 100);
  fault->delay_nanos = driver.Millis(50, 600);
}

void Slow(FaultDriver& driver, ProxyFault* fault) {
  fault->to_server = true;
  fault->bytes_per_milli = 1 + static_cast<int>(driver.random().Below(200));
}

Begin Silence(ConnectionRole role, bool to_client, bool to_server) {
  return Network(FaultAction::kSilence, role, [=](FaultDriver& driver, ProxyFault* fault) {
    fault->to_client = to_client;
    fault->to_server = to_server;
    fault->duration_nanos = driver.Millis(100, 300) + driver.random().Below(3) * driver.bound_nanos();
    fault->cut_at_end = driver.random().Below(2) == 0;
  });
}

void AddServerKinds(std::vector<FaultKind>* kinds) {
  const auto add = [kinds](const char* name, Begin begin) {
    kinds->push_back({name, Track::kServer, std::move(begin)});
  };
  add("kill_channels", CutAtServer("pubsub"));
  add("kill_data", CutAtServer("normal"));
  add("server_paused", PauseServer);
  add("server_sleeps", Blocking([](FaultDriver& driver) -> std::vector<std::string> {
        return {"DEBUG", "SLEEP", absl::StrCat("0.", 1 + driver.random().Below(5))};
      }));
  add("slow_script", Blocking([](FaultDriver& driver) -> std::vector<std::string> {
        return {"EVAL",
                "local t = redis.call('TIME') local s = t[1] * 1000000 + t[2] repeat t = redis.call('TIME') until "
                "t[1] * 1000000 + t[2] - s > tonumber(ARGV[1]) return 1",
                "0", absl::StrCat(20000 + driver.random().Below(400000))};
      }));
  add("client_pause", [](FaultDriver& driver) -> absl::StatusOr<Running> {
    const std::string millis = absl::StrCat(20 + driver.random().Below(500));
    const char* mode = driver.random().Below(2) == 0 ? "ALL" : "WRITE";
    if (const absl::Status status = Command(driver, {"CLIENT", "PAUSE", millis, mode}); !status.ok()) return status;
    Running running;
    running.lasts_nanos = driver.Millis(500, 600);
    return running;
  });
  add("server_restarted", RestartEmpty);
  add("server_restored", RestartFromSnapshot);
  add("flush_all", Losing({{"FLUSHALL"}}));
  add("flush_db", Losing({{"FLUSHDB"}}));
  add("swap_db", Losing({{"SWAPDB", "0", "1"}}));
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
  add("output_buffer", ForAWhile({{"CONFIG", "SET", "client-output-buffer-limit", "pubsub 1 1 1"}},
                                 {{"CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60"}}));
}

void AddNetworkKinds(std::vector<FaultKind>* kinds) {
  const auto add = [kinds](const char* name, Begin begin) {
    kinds->push_back({name, Track::kNetwork, std::move(begin)});
  };
  constexpr auto kChannel = ConnectionRole::kChannel;
  constexpr auto kData = ConnectionRole::kData;
  constexpr auto kAny = ConnectionRole::kAny;
  add("push_dropped", Network(FaultAction::kDropMessages, kChannel));
  add("push_repeated", Network(FaultAction::kRepeatMessages, kChannel));
  add("pushes_swapped", Network(FaultAction::kSwapMessages, kChannel));
  add("push_corrupted", Network(FaultAction::kCorruptMessages, kChannel));
  add("push_late", Network(FaultAction::kDelay, kChannel, Late));
  add("reply_late", Network(FaultAction::kDelay, kData, Late));
  add("value_corrupted", Network(FaultAction::kCorruptValues, kData));
  add("values_exchanged", Network(FaultAction::kExchangeValues, kData));
  add("cut_channel", Network(FaultAction::kCut, kChannel));
  add("cut_data", Network(FaultAction::kCut, kData));
  add("cut_all", Network(FaultAction::kCut, kAny));
  add("cut_inside", Network(FaultAction::kCutInside, kAny));
  add("commands_held", Network(FaultAction::kHoldCommands, kData, Held));
  add("slow_link", Network(FaultAction::kTrickle, kAny, Slow));
  add("deaf_channel", Silence(kChannel, /*to_client=*/true, /*to_server=*/false));
  add("mute_data", Silence(kData, /*to_client=*/false, /*to_server=*/true));
  add("deaf_data", Silence(kData, /*to_client=*/true, /*to_server=*/false));
  add("black_hole", Silence(kAny, /*to_client=*/true, /*to_server=*/true));
}

}  // namespace

const std::vector<FaultKind>& FaultKinds() {
  static const std::vector<FaultKind>* const kinds = [] {
    auto* all = new std::vector<FaultKind>;
    AddServerKinds(all);
    AddNetworkKinds(all);
    all->push_back({"worker_paused", Track::kProcess, PauseWorker});
    all->push_back({"worker_killed", Track::kProcess, KillWorker});
    return all;
  }();
  return *kinds;
}

}  // namespace nearcache::bench::torture
