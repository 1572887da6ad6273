#include "tests/simulation/truth.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nearcache::simulation {

Truth::Truth(int keys, int processes, int64_t bound_nanos, const Scheduler* scheduler)
    : bound_(bound_nanos),
      scheduler_(scheduler),
      histories_(keys),
      places_(keys),
      floors_(processes, std::vector<Place>(keys, kBefore)),
      synced_from_(processes, 0) {}

void Truth::Executed(int key, OperationTag id, bool counts, bool may_repeat) {
  const Place before = PlaceOf(key, id);
  if (before != kBefore && !may_repeat && histories_[key][static_cast<size_t>(before)].counts) {
    Fail(absl::StrCat("operation ", id.ToString(), " on key ", key, " was executed twice"));
  }
  places_[key][id] = static_cast<Place>(histories_[key].size());
  histories_[key].emplace_back();
  histories_[key].back().id = id;
  histories_[key].back().counts = counts;
}

void Truth::ExecutedClear(OperationTag id) {
  for (size_t key = 0; key < histories_.size(); ++key) {
    Executed(static_cast<int>(key), id);
    histories_[key].back().clear = true;
  }
}

Position Truth::Now() const {
  Position position;
  for (size_t key = 0; key < histories_.size(); ++key) position.push_back(Last(static_cast<int>(key)));
  return position;
}

void Truth::Lost(const Position& position, const std::vector<bool>& knows) {
  for (size_t key = 0; key < histories_.size(); ++key) {
    for (size_t i = static_cast<size_t>(position[key] + 1); i < histories_[key].size(); ++i) {
      Operation& operation = histories_[key][i];
      if (operation.lost) continue;
      operation.lost = true;
      operation.lost_at = scheduler_->now();
      operation.loss_known = knows;
    }
    for (std::vector<Place>& floors : floors_) floors[key] = std::min(floors[key], position[key]);
  }
}

MonotonicNanos Truth::LostSince(int key, OperationTag id) const {
  const Place place = PlaceOf(key, id);
  if (place == kBefore) return internal::kNever;
  const Operation& operation = histories_[key][static_cast<size_t>(place)];
  return operation.lost ? operation.lost_at : internal::kNever;
}

void Truth::Acknowledged(int process, OperationTag id) {
  for (size_t key = 0; key < histories_.size(); ++key) {
    const Place place = PlaceOf(static_cast<int>(key), id);
    if (place == kBefore) continue;
    Operation& operation = histories_[key][static_cast<size_t>(place)];
    if (!operation.counts) Fail(absl::StrCat("operation ", id.ToString(), " was acknowledged, and counts as absent"));
    operation.acknowledged_at = scheduler_->now();
    Saw(process, static_cast<int>(key), place);
  }
}

void Truth::AcknowledgedToStranger(int key, OperationTag id) {
  histories_[key][static_cast<size_t>(PlaceOf(key, id))].acknowledged_at = scheduler_->now();
}

Truth::Read Truth::Begin(int process, int key) const {
  return {process, key, scheduler_->now(), floors_[process][static_cast<size_t>(key)], synced_from_[process]};
}

void Truth::Returned(const Read& read, OperationTag id, Way way) {
  ++reads_checked_;
  const Place place = PlaceOf(read.key, id);
  if (place == kBefore) {
    Fail(read, place, absl::StrCat("no operation ", id.ToString(), " was ever executed on this key"));
    return;
  }
  const Operation& operation = histories_[read.key][static_cast<size_t>(place)];
  const bool must_know = operation.loss_known.empty() || operation.loss_known[static_cast<size_t>(read.process)];
  if (operation.lost && must_know && operation.lost_at < read.begun_at - bound_) {
    Fail(read, place,
         absl::StrCat("lost by the server ", (read.begun_at - operation.lost_at) / kMillisecond,
                      " ms before the read began"));
  }
  if (place < read.floor && !histories_[read.key][static_cast<size_t>(read.floor)].lost) {
    Fail(read, place, absl::StrCat("the process had seen operation ", read.floor, " already"));
  }
  CheckBound(read, place, way);
  Saw(read.process, read.key, place);
}

void Truth::CheckBound(const Read& read, Place place, Way way) {
  const MonotonicNanos horizon = std::max(read.begun_at - bound_, read.synced_from);
  const History& history = histories_[read.key];
  for (size_t i = static_cast<size_t>(place + 1); i < history.size(); ++i) {
    const Operation& successor = history[i];
    if (successor.lost) continue;
    // A read that the server answered may still have used an epoch that the lease vouched for.
    const bool at_once = way == Way::kFresh || (way == Way::kServer && !successor.clear);
    if (successor.acknowledged_at >= (at_once ? read.begun_at : horizon)) continue;
    Fail(read, place,
         absl::StrCat(successor.clear ? "cleared" : "replaced", " by operation ", i, ", acknowledged ",
                      (read.begun_at - successor.acknowledged_at) / kMicrosecond, " us before the read began"));
    return;
  }
}

void Truth::ReturnedNothing(const Read& read, Place place) {
  ++reads_checked_;
  Saw(read.process, read.key, place);
}

void Truth::Synced(int process, MonotonicNanos begun_at) {
  synced_from_[process] = std::max(synced_from_[process], begun_at);
}

Place Truth::PlaceOf(int key, OperationTag id) const {
  const auto found = places_[key].find(id);
  return found == places_[key].end() ? kBefore : found->second;
}

void Truth::Saw(int process, int key, Place place) {
  if (place == kBefore || histories_[key][static_cast<size_t>(place)].lost) return;
  floors_[process][key] = std::max(floors_[process][key], place);
}

void Truth::Fail(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

void Truth::Fail(const Read& read, Place place, const std::string& what) {
  if (!violation_.empty()) return;
  violation_ = absl::StrCat("process ", read.process, " read key ", read.key, " from ", read.begun_at / kMicrosecond,
                            " us to ", scheduler_->now() / kMicrosecond, " us and got operation ", place, ": ", what);
}

}  // namespace nearcache::simulation
