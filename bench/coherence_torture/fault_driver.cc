#include "bench/coherence_torture/fault_driver.h"

#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/arena.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

// Between two faults of one track: long enough for memory to be served again, short enough for a thousand in ten
// minutes.
constexpr uint32_t kPauseMillisMin = 150;
constexpr uint32_t kPauseMillisMax = 900;

}  // namespace

absl::StatusOr<std::unique_ptr<FaultDriver>> FaultDriver::Create(absl::string_view names, Arena* arena,
                                                                 FaultProxy* proxy, ServerProcess* server,
                                                                 WorkerProcesses* workers) {
  auto driver = absl::WrapUnique(new FaultDriver(arena, proxy, server, workers));
  const std::vector<FaultKind>& kinds = FaultKinds();
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    bool known = false;
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (name != "all" && name != kinds[i].name) continue;
      known = true;
      driver->places_[static_cast<int>(kinds[i].track)].kinds.push_back(static_cast<int>(i));
    }
    if (!known) {
      return absl::InvalidArgumentError(
          absl::StrCat("--faults: there is no '", name, "'; it may be all, none, or of: ", KindNames()));
    }
  }
  return driver;
}

FaultDriver::FaultDriver(Arena* arena, FaultProxy* proxy, ServerProcess* server, WorkerProcesses* workers)
    : arena_(arena), proxy_(proxy), server_(server), workers_(workers), random_(arena->setup().seed * 77) {}

std::string FaultDriver::KindNames() {
  std::string names;
  for (const FaultKind& kind : FaultKinds()) absl::StrAppend(&names, names.empty() ? "" : ",", kind.name);
  return names;
}

int64_t FaultDriver::Millis(uint32_t least, uint32_t most) {
  return (least + random_.Below(most - least + 1)) * kNanosPerMilli;
}

void FaultDriver::Advance(int64_t now_nanos) {
  for (Place& place : places_) {
    if (place.kinds.empty()) continue;
    if (place.busy && now_nanos >= place.next_nanos) {
      End(&place, now_nanos);
    } else if (!place.busy && now_nanos >= place.next_nanos) {
      Begin(&place, now_nanos);
    }
  }
}

void FaultDriver::Begin(Place* place, int64_t now_nanos) {
  const int kind = place->kinds[random_.Below(static_cast<uint32_t>(place->kinds.size()))];
  place->record = records_.size();
  records_.push_back({FaultKinds()[static_cast<size_t>(kind)].name, -1, now_nanos, 0, false});
  absl::StatusOr<Running> running = FaultKinds()[static_cast<size_t>(kind)].begin(*this);
  if (!running.ok()) {
    problems_.push_back(absl::StrCat(records_.back().name, ": ", running.status().message()));
    records_.back().ended_nanos = NowNanos();
    place->next_nanos = now_nanos + Millis(kPauseMillisMin, kPauseMillisMax);
    return;
  }
  place->running = *std::move(running);
  records_[place->record].worker = place->running.worker;
  place->busy = true;
  place->next_nanos = now_nanos + place->running.lasts_nanos;
}

void FaultDriver::End(Place* place, int64_t now_nanos) {
  FaultRecord& record = records_[place->record];
  if (place->running.end != nullptr) {
    if (const absl::Status ended = place->running.end(); !ended.ok()) {
      problems_.push_back(absl::StrCat("end of ", record.name, ": ", ended.message()));
    }
  }
  record.happened = place->running.tally == nullptr || place->running.tally->load() > 0;
  record.ended_nanos = NowNanos();
  place->busy = false;
  place->running = {};
  place->next_nanos = now_nanos + Millis(kPauseMillisMin, kPauseMillisMax);
}

int64_t FaultDriver::Finish() {
  int64_t calm_since_nanos = 0;
  for (Place& place : places_) {
    if (!place.busy) continue;
    const int64_t over_nanos = place.running.outlives_finish ? place.next_nanos : 0;
    End(&place, NowNanos());
    calm_since_nanos = std::max(calm_since_nanos, over_nanos);
  }
  return std::max(calm_since_nanos, NowNanos());
}

std::string FaultDriver::UnderWay() const {
  std::string names;
  for (const Place& place : places_) {
    if (place.busy) absl::StrAppend(&names, names.empty() ? "" : ", ", records_[place.record].name);
  }
  return names;
}

uint64_t FaultDriver::happened() const {
  return static_cast<uint64_t>(
      std::count_if(records_.begin(), records_.end(), [](const FaultRecord& record) { return record.happened; }));
}

size_t FaultDriver::kinds_happened() const {
  std::set<std::string> kinds;
  for (const FaultRecord& record : records_) {
    if (record.happened) kinds.insert(record.name);
  }
  return kinds.size();
}

void FaultDriver::BeginLoss(bool into_past) {
  if (into_past) arena_->store_since_nanos().store(INT64_MAX);
  loss_begun_nanos_ = NowNanos();
  arena_->loss().number.fetch_add(1, std::memory_order_release);
}

void FaultDriver::EndLoss(bool into_past) {
  const int64_t now_nanos = NowNanos();
  if (into_past) arena_->store_since_nanos().store(now_nanos);
  arena_->loss().begun_nanos.store(loss_begun_nanos_);
  arena_->loss().ended_nanos.store(now_nanos);
  arena_->loss().number.fetch_add(1, std::memory_order_release);
}

absl::Status FaultDriver::StartReplacement() {
  absl::StatusOr<std::unique_ptr<ServerProcess>> started =
      server_->StartSuccessor(absl::StrCat("server-", records_.size()));
  if (!started.ok()) return started.status();
  replaced_ = server_;
  server_ = started->get();
  replacements_.push_back(*std::move(started));
  proxy_->SetServer(server_->socket_path());
  return absl::OkStatus();
}

void FaultDriver::StopReplaced() {
  replaced_->Signal(SIGKILL);
  if (replacements_.size() > 1) replacements_.erase(replacements_.begin());
  replaced_ = nullptr;
}

}  // namespace nearcache::bench::torture
