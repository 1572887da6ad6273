#include "bench/remote_soak/faults.h"

#include <signal.h>

#include <algorithm>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/coherence_torture/proxy_fault.h"
#include "bench/support/spread.h"

namespace nearcache::remote_soak {
namespace {

using bench::torture::FaultAction;
using bench::torture::ProxyFault;

enum class ServerFault { kKill, kStop, kCutData, kCutChannel };

struct Kind {
  const char* name;
  std::optional<ServerFault> server;  // Of the server's, or else of the network's.
  FaultAction action = FaultAction::kCut;
};

constexpr Kind kKinds[] = {
    {"kill", ServerFault::kKill},
    {"stop", ServerFault::kStop},
    {"client-kill", ServerFault::kCutData},
    {"client-kill-channel", ServerFault::kCutChannel},
    {"cut", std::nullopt, FaultAction::kCut},
    {"cut-inside", std::nullopt, FaultAction::kCutInside},
    {"slow-drip", std::nullopt, FaultAction::kTrickle},
    {"black-hole", std::nullopt, FaultAction::kSilence},
    {"late", std::nullopt, FaultAction::kDelay},
    {"held", std::nullopt, FaultAction::kHoldCommands},
};

constexpr absl::Duration kAnswerTimeout = absl::Minutes(1);

}  // namespace

size_t Faults::kinds() { return std::size(kKinds); }

absl::Duration Faults::Between(int least_millis, int most_millis) {
  const auto more = random_.Below(static_cast<uint32_t>(most_millis - least_millis + 1));
  return absl::Milliseconds(least_millis + static_cast<int>(more));
}

absl::Status Faults::BreakOnce() {
  happened_.resize(kinds());
  if (bag_.empty()) bag_ = bench::ShuffledOrder(kinds(), &random_);
  const size_t kind = bag_.back();
  bag_.pop_back();
  ++count_;
  if (!kKinds[kind].server.has_value()) {
    ProxyFault fault;
    fault.action = kKinds[kind].action;
    fault.to_server = random_.Below(2) == 0;
    const absl::Duration lasts = Between(100, 600);
    fault.duration_nanos = absl::ToInt64Nanoseconds(lasts);
    if (fault.action == FaultAction::kDelay) fault.delay_nanos = absl::ToInt64Nanoseconds(Between(1, 300));
    if (fault.action == FaultAction::kHoldCommands) fault.delay_nanos = absl::ToInt64Nanoseconds(Between(50, 200));
    fault.bytes_per_milli = 1 + static_cast<int>(random_.Below(200));
    fault.cut_at_end = random_.Below(2) == 0;
    const bench::torture::FaultTally tally = proxy_.Begin(fault);
    absl::SleepFor(lasts + absl::Nanoseconds(fault.delay_nanos));
    happened_[kind] += tally->load() > 0;
    return absl::OkStatus();
  }
  ++happened_[kind];
  switch (*kKinds[kind].server) {
    case ServerFault::kKill:
      if (const absl::Status killed = server_.KillAndRestart(); !killed.ok()) return killed;
      return server_.WaitUntilItAnswers(kAnswerTimeout);
    case ServerFault::kStop:
      server_.Signal(SIGSTOP);
      absl::SleepFor(Between(50, 800));
      server_.Signal(SIGCONT);
      return absl::OkStatus();
    case ServerFault::kCutData:
      return server_.CutConnections("normal").status();
    case ServerFault::kCutChannel:
      return server_.CutConnections("pubsub").status();
  }
  return absl::OkStatus();
}

size_t Faults::kinds_happened() const {
  return static_cast<size_t>(std::count_if(happened_.begin(), happened_.end(), [](int times) { return times > 0; }));
}

std::string Faults::ToString() const {
  std::string text;
  for (size_t i = 0; i < happened_.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", kKinds[i].name, " ", happened_[i]);
  }
  return text;
}

}  // namespace nearcache::remote_soak
