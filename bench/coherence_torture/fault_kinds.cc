// The kinds of faults, those of the server apart. What the network may do to whom, and why that is fair, is told in
// proxy_fault.h.

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/coherence_torture/fault_driver.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/coherence_torture/server_faults.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

using Running = FaultDriver::Running;
using Begin = std::function<absl::StatusOr<Running>(FaultDriver&)>;

absl::StatusOr<Running> PauseWorker(FaultDriver& driver) {
  const uint32_t worker = driver.random().Below(static_cast<uint32_t>(driver.worker_count()));
  driver.workers().Signal(worker, SIGSTOP);
  Running running;
  running.worker = static_cast<int>(worker);
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
  running.worker = static_cast<int>(worker);
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
    running.worker = fault.worker;
    running.outlives_finish = true;
    running.lasts_nanos = fault.duration_nanos + fault.delay_nanos + 20 * kNanosPerMilli;
    return running;
  };
}

void Late(FaultDriver& driver, ProxyFault* fault) {
  fault->messages = 1 << 30;
  fault->delay_nanos = driver.random().Below(3000) * driver.bound_nanos() / 1000 + kNanosPerMilli;
}

// One, so that the gap that a second one shows does not make up for the first that nobody noticed; and often.
void Damaged(FaultDriver& driver, ProxyFault* fault) {
  fault->messages = 1;
  fault->duration_nanos = driver.Millis(10, 50);
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
  add("push_corrupted", Network(FaultAction::kCorruptMessages, kChannel, Damaged));
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
    auto* all = new std::vector<FaultKind>(ServerFaultKinds());
    AddNetworkKinds(all);
    all->push_back({"worker_paused", Track::kProcess, PauseWorker});
    all->push_back({"worker_killed", Track::kProcess, KillWorker});
    return all;
  }();
  return *kinds;
}

}  // namespace nearcache::bench::torture
