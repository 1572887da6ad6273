// Does anything leak, hang or get lost when the server and the network break every second, for as long as one likes?
//
//   ./bazelw run -c opt //bench:remote_soak [-- --seconds=1200]
//
// One process: a cache behind a proxy, a server of its own, calls of every sort with values from 10 bytes to 64 KiB,
// and a fault a second (faults.cc). Each minute the load pauses, the connections are cut, the cache is cleared, and
// what the process holds is written down; at the end it must be what it was after the first minute.
//
// Exit code 0: it was, every call came back, and every answer was right. 1: not. 2: bad flags, or no server to be had.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/fault_proxy.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/processes/interrupt.h"
#include "bench/processes/server_process.h"
#include "bench/processes/temp_folder.h"
#include "bench/remote_soak/faults.h"
#include "bench/remote_soak/footprint.h"
#include "bench/remote_soak/load.h"
#include "bench/support/clock.h"
#include "bench/support/goals.h"
#include "nearcache/cache.h"

ABSL_FLAG(uint32_t, seconds, 1200, "How long: 3 to 86400.");
ABSL_FLAG(uint32_t, rate, 1000, "Calls per second of each of the five threads: 1 to 1000000.");
ABSL_FLAG(uint64_t, seed, 1, "Of load and faults.");
ABSL_FLAG(std::string, server, "", "redis, valkey or a path; empty: whichever is on PATH.");

namespace nearcache::remote_soak {
namespace {

constexpr absl::Duration kCheckInterval = absl::Minutes(1);
constexpr absl::Duration kFaultInterval = absl::Seconds(1);
// Far above every deadline, and above what a machine that is busy with other things takes: a call that is still out
// then is one that hangs.
constexpr absl::Duration kReadyTimeout = absl::Minutes(1);
constexpr absl::Duration kHangTimeout = absl::Minutes(1);
constexpr absl::Duration kOverrunMax = absl::Seconds(20);

[[noreturn]] void Die(int code, const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  std::_Exit(code);
}

Options CacheOptions(const std::string& socket_path) {
  Options options;
  options.remote.unix_socket = socket_path;
  options.remote.client_name = "nearcache-soak";
  options.remote.connect_timeout = absl::Milliseconds(500);
  options.remote.command_timeout = absl::Milliseconds(300);
  options.remote.health_timeout = absl::Milliseconds(500);
  options.remote.reconnect_backoff_max = absl::Milliseconds(200);
  options.local.capacity_bytes = size_t{16} << 20;
  options.key_prefix = "soak";
  return options;
}

class Soak {
 public:
  Soak(std::unique_ptr<bench::TempFolder> folder, std::unique_ptr<bench::ServerProcess> server)
      : folder_(std::move(folder)), server_(std::move(server)) {}

  int Run(absl::Duration length) {
    auto proxy = bench::torture::FaultProxy::Start(folder_->path(), 1, server_->socket_path(), Seed());
    if (!proxy.ok()) Die(2, proxy.status().ToString());
    proxy_ = *std::move(proxy);
    auto cache = Cache::Open(CacheOptions(bench::torture::FaultProxy::SocketPath(folder_->path(), 0)));
    if (!cache.ok()) Die(2, cache.status().ToString());
    cache_ = *std::move(cache);
    LoadOptions load_options;
    load_options.calls_per_second = static_cast<int>(absl::GetFlag(FLAGS_rate));
    load_options.seed = Seed();
    load_ = std::make_unique<Load>(cache_.get(), load_options);
    faults_ = std::make_unique<Faults>(server_.get(), proxy_.get(), Seed());
    begun_at_ = absl::Now();
    // A short run compares its last two thirds.
    const absl::Duration interval = std::min(kCheckInterval, length / 3);
    BreakUntil(begun_at_ + interval);
    const Footprint first = Check();
    Footprint last = first;
    for (absl::Duration at = 2 * interval; at <= length && !bench::Interrupted(); at += interval) {
      BreakUntil(begun_at_ + at);
      last = Check();
    }
    return Judge(first, last);
  }

 private:
  static uint64_t Seed() { return absl::GetFlag(FLAGS_seed); }

  void BreakUntil(absl::Time end) {
    load_->Resume();
    absl::Time next = absl::Now() + kFaultInterval;
    while (next <= end && !bench::Interrupted()) {
      if (const absl::Status status = faults_->BreakOnce(); !status.ok()) Die(2, status.ToString());
      absl::SleepFor(next - absl::Now());
      next += kFaultInterval;
    }
    absl::SleepFor(end - absl::Now());
  }

  // Everything whole, nobody calling, nothing in memory.
  Footprint Check() {
    if (!load_->Pause(kHangTimeout)) Die(1, absl::StrCat("a call does not come back: ", Situation()));
    CutAll();
    const absl::Status ready = Recover();
    if (!ready.ok()) Die(1, absl::StrCat("the cache does not recover: ", ready.ToString()));
    const Footprint footprint = SettledFootprint();
    std::printf("%5.0f s: %s; %s\n", absl::ToDoubleSeconds(absl::Now() - begun_at_), ToString(footprint).c_str(),
                Situation().c_str());
    std::fflush(stdout);
    return footprint;
  }

  // A circuit breaker that the last fault opened refuses calls for a while yet.
  absl::Status Recover() {
    const absl::Time deadline = absl::Now() + kReadyTimeout;
    absl::Status status;
    do {
      status = cache_->WaitUntilReady(kReadyTimeout);
      if (status.ok()) status = cache_->Clear();
      if (!status.ok()) absl::SleepFor(absl::Milliseconds(100));
    } while (!status.ok() && absl::Now() < deadline);
    return status;
  }

  // So that no buffer of a connection, here or in the proxy, is as large as its busiest moment was.
  void CutAll() {
    bench::torture::ProxyFault cut;
    cut.duration_nanos = bench::kNanosPerMilli;
    proxy_->Begin(cut);
    absl::SleepFor(absl::Milliseconds(10));
  }

  std::string Situation() const {
    const CacheStats stats = cache_->GetStats();
    return absl::StrFormat("%d calls, %d failed, %d faults, %d connects, %d waiting, %d queued", load_->calls(),
                           load_->failures(), faults_->count(), stats.connects, stats.calls_waiting,
                           stats.queued_operations);
  }

  int Judge(const Footprint& first, const Footprint& last) {
    std::printf("\nfaults that hit something: %s\n", faults_->ToString().c_str());
    std::printf("failed calls: %s; the latest came %.0f ms after its deadline\n", load_->FailuresByCode().c_str(),
                absl::ToDoubleMilliseconds(load_->overrun_max()));
    std::printf("after the first minute: %s\nat the end:             %s\n\n", ToString(first).c_str(),
                ToString(last).c_str());
    const std::vector<std::string> violations = load_->violations();
    for (const std::string& violation : violations) std::printf("violation: %s\n", violation.c_str());
    bool ok = violations.empty() && load_->overrun_max() <= kOverrunMax;
    for (const bench::Verdict& verdict : Compare(first, last)) {
      std::printf("%s\n", bench::GoalLine(verdict).c_str());
      ok = ok && verdict.ok();
    }
    load_.reset();
    return ok ? 0 : 1;
  }

  // The first is destroyed last.
  std::unique_ptr<bench::TempFolder> folder_;
  std::unique_ptr<bench::ServerProcess> server_;
  std::unique_ptr<bench::torture::FaultProxy> proxy_;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<Load> load_;
  std::unique_ptr<Faults> faults_;
  absl::Time begun_at_;
};

int Main() {
  const uint32_t seconds = absl::GetFlag(FLAGS_seconds);
  if (seconds < 3 || seconds > 86400) Die(2, absl::StrCat("--seconds=", seconds, " must be between 3 and 86400"));
  const uint32_t rate = absl::GetFlag(FLAGS_rate);
  if (rate < 1 || rate > 1'000'000) Die(2, absl::StrCat("--rate=", rate, " must be between 1 and 1000000"));
  bench::CatchInterrupts();
  const absl::StatusOr<std::string> program = bench::FindServer(absl::GetFlag(FLAGS_server));
  if (!program.ok()) Die(2, program.status().ToString());
  auto folder = bench::TempFolder::Create();
  if (!folder.ok()) Die(2, folder.status().ToString());
  auto server = bench::ServerProcess::Start(*program, (*folder)->path());
  if (!server.ok()) Die(2, server.status().ToString());
  std::printf("%s, %d s, a fault a second, seed %d\n", (*server)->name().c_str(), seconds,
              static_cast<int>(absl::GetFlag(FLAGS_seed)));
  return Soak(*std::move(folder), *std::move(server)).Run(absl::Seconds(seconds));
}

}  // namespace
}  // namespace nearcache::remote_soak

int main(int argc, char** argv) {
  nearcache::remote_soak::RestartWithoutThreadCaches(argv);
  absl::SetProgramUsageMessage("A cache under load and a fault a second; must hold at the end what it held before.");
  absl::ParseCommandLine(argc, argv);
  return nearcache::remote_soak::Main();
}
