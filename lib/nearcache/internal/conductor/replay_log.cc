#include "nearcache/internal/conductor/replay_log.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

namespace nearcache::internal::conductor {

void ReplayLog::Note(absl::string_view key, OperationId stores, MonotonicNanos now) {
  absl::MutexLock lock(&mutex_);
  DropOld(now);
  Append({std::string(key), stores, now});
}

void ReplayLog::NoteClear(OperationId id, MonotonicNanos now) {
  absl::MutexLock lock(&mutex_);
  entries_.clear();
  bytes_ = 0;
  Append({std::string(), id, now});
}

void ReplayLog::Append(Entry entry) {
  bytes_ += BytesOf(entry);
  entries_.push_back(std::move(entry));
  while (entries_.size() > options_.entries_max || bytes_ > options_.bytes_max) {
    PopFront();
    ++dropped_;
  }
}

void ReplayLog::PopFront() {
  bytes_ -= BytesOf(entries_.front());
  entries_.pop_front();
}

void ReplayLog::DropOld(MonotonicNanos now) {
  while (!entries_.empty() && now - entries_.front().at > options_.window_nanos) PopFront();
}

std::vector<ReplayLog::Entry> ReplayLog::Newest(MonotonicNanos now) {
  absl::MutexLock lock(&mutex_);
  DropOld(now);
  std::vector<Entry> newest;
  absl::flat_hash_set<absl::string_view> seen;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (seen.insert(entry->key).second) newest.push_back(*entry);
  }
  return newest;
}

ReplayLog::Stats ReplayLog::GetStats() const {
  absl::MutexLock lock(&mutex_);
  return {dropped_, entries_.size(), bytes_};
}

}  // namespace nearcache::internal::conductor
