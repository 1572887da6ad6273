#include "bench/processes/version_table.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/processes/key_space.h"

namespace nearcache::bench {
namespace {

constexpr size_t kLineBytes = 64;

size_t RoundUpToLine(size_t bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }

template <typename T>
T* At(void* memory, size_t offset) {
  return reinterpret_cast<T*>(static_cast<char*>(memory) + offset);
}

size_t EntryCountsBytes(const KeySpace& keys) { return keys.slot_count() * kLineBytes; }

}  // namespace

// Deep enough for the first fill and for half a minute of writes of the busiest slot.
size_t VersionTable::RingEntries(const KeySpace& keys) {
  const size_t wanted = std::max<size_t>(size_t{1} << 17, 2 * keys.key_count() / keys.slot_count());
  size_t entries = 1;
  while (entries < wanted) entries *= 2;
  return entries;
}

size_t VersionTable::BytesNeeded(const KeySpace& keys) {
  return EntryCountsBytes(keys) + RoundUpToLine(keys.key_count() * sizeof(KeyState)) +
         RoundUpToLine(keys.slot_count() * RingEntries(keys) * sizeof(Entry));
}

VersionTable::VersionTable(void* memory, const KeySpace& keys)
    : keys_(keys),
      ring_entries_(RingEntries(keys)),
      entry_counts_(At<std::atomic<uint64_t>>(memory, 0)),
      key_states_(At<KeyState>(memory, EntryCountsBytes(keys))),
      entries_(At<Entry>(memory, EntryCountsBytes(keys) + RoundUpToLine(keys.key_count() * sizeof(KeyState)))) {}

uint32_t VersionTable::Begin(uint32_t key, int64_t now_nanos, uint32_t count) {
  KeyState& state = key_states_[key];
  const uint32_t version = state.newest_begun.load(std::memory_order_relaxed) + count;
  state.newest_begun_nanos.store(now_nanos, std::memory_order_release);
  state.newest_begun.store(version, std::memory_order_release);
  return version;
}

// The order of the stores is what makes both a reader's view and a kill at any point safe: the entry is complete before
// it is counted, and counted before a key points to it. The acquire and release orders of the entry's own fields let a
// reader that saw a field of a later entry also see the count that tells it so.
void VersionTable::End(uint32_t key, uint32_t version, WriteOutcome outcome, int64_t now_nanos) {
  KeyState& state = key_states_[key];
  const uint32_t slot = keys_.OwnerOf(key);
  const uint64_t number = EntryCount(slot).load(std::memory_order_relaxed) + 1;
  Entry& entry = EntryAt(slot, number);
  entry.previous.store(state.newest_entry.load(std::memory_order_relaxed), std::memory_order_release);
  entry.begun_nanos.store(state.newest_begun_nanos.load(std::memory_order_relaxed), std::memory_order_release);
  entry.ended_nanos.store(now_nanos, std::memory_order_release);
  entry.version.store(version, std::memory_order_release);
  entry.outcome.store(outcome, std::memory_order_release);
  if (outcome == WriteOutcome::kFailed) state.newest_failed.store(version, std::memory_order_release);
  if (outcome == WriteOutcome::kUnknown) state.newest_unknown.store(version, std::memory_order_release);
  EntryCount(slot).store(number, std::memory_order_release);
  state.newest_entry.store(number, std::memory_order_release);
  state.newest_ended.store(version, std::memory_order_release);
}

void VersionTable::RecoverSlot(uint32_t slot, int64_t now_nanos) {
  for (uint32_t key = slot; key < keys_.key_count(); key += keys_.slot_count()) {
    const KeyState& state = key_states_[key];
    const uint32_t begun = state.newest_begun.load(std::memory_order_relaxed);
    const uint32_t ended = state.newest_ended.load(std::memory_order_relaxed);
    if (begun != ended) End(key, begun, WriteOutcome::kUnknown, now_nanos);
  }
}

VersionHistory VersionTable::Find(uint32_t key, uint32_t version, int64_t successors_from_nanos) const {
  const KeyState& state = key_states_[key];
  VersionHistory history;
  history.begun_nanos = state.newest_begun_nanos.load(std::memory_order_acquire);
  // Another may have begun between the two loads, so that the time is not this one's.
  history.newest_begun = state.newest_begun.load(std::memory_order_acquire);
  if (version < history.newest_begun) {
    history.begun_nanos = 0;
    WalkBack(key, version, successors_from_nanos, &history);
    return history;
  }
  if (version == state.newest_failed.load(std::memory_order_acquire)) history.outcome = WriteOutcome::kFailed;
  if (version == state.newest_unknown.load(std::memory_order_acquire)) history.outcome = WriteOutcome::kUnknown;
  return history;
}

VersionTable::Progress VersionTable::ProgressOf(uint32_t key, uint32_t version) const {
  const KeyState& state = key_states_[key];
  if (state.newest_begun.load(std::memory_order_acquire) != version) return Progress::kOther;
  if (state.newest_ended.load(std::memory_order_acquire) != version) return Progress::kInFlight;
  const bool acknowledged = state.newest_failed.load(std::memory_order_relaxed) != version &&
                            state.newest_unknown.load(std::memory_order_relaxed) != version;
  return acknowledged ? Progress::kNewest : Progress::kOther;
}

int VersionTable::CopyHistory(uint32_t key, VersionEntry* entries, int entry_count) const {
  uint64_t number = key_states_[key].newest_entry.load(std::memory_order_acquire);
  EntryCopy entry;
  int count = 0;
  for (; count < entry_count && number != 0 && CopyEntry(keys_.OwnerOf(key), number, &entry); ++count) {
    entries[count] = {entry.version, entry.outcome, entry.begun_nanos, entry.ended_nanos};
    number = entry.previous;
  }
  return count;
}

int64_t VersionTable::AcknowledgedNanos(uint32_t key, uint32_t version) const {
  uint64_t number = key_states_[key].newest_entry.load(std::memory_order_acquire);
  EntryCopy entry;
  while (number != 0 && CopyEntry(keys_.OwnerOf(key), number, &entry) && entry.version >= version) {
    if (entry.version == version) return entry.outcome == WriteOutcome::kAcknowledged ? entry.ended_nanos : 0;
    number = entry.previous;
  }
  return 0;
}

int64_t VersionTable::LastEndNanos(uint32_t key) const {
  const uint64_t newest = key_states_[key].newest_entry.load(std::memory_order_acquire);
  EntryCopy entry;
  return newest != 0 && CopyEntry(keys_.OwnerOf(key), newest, &entry) ? entry.ended_nanos : 0;
}

bool VersionTable::CopyEntry(uint32_t slot, uint64_t number, EntryCopy* copy) const {
  const Entry& entry = EntryAt(slot, number);
  copy->previous = entry.previous.load(std::memory_order_acquire);
  copy->begun_nanos = entry.begun_nanos.load(std::memory_order_acquire);
  copy->ended_nanos = entry.ended_nanos.load(std::memory_order_acquire);
  copy->version = entry.version.load(std::memory_order_acquire);
  copy->outcome = entry.outcome.load(std::memory_order_acquire);
  // Entry number + ring_entries_ takes this one's place, and is being written when its predecessor is the newest.
  return EntryCount(slot).load(std::memory_order_acquire) + 1 < number + ring_entries_;
}

void VersionTable::WalkBack(uint32_t key, uint32_t version, int64_t successors_from_nanos,
                            VersionHistory* history) const {
  const KeyState& state = key_states_[key];
  const uint32_t slot = keys_.OwnerOf(key);
  uint64_t number = state.newest_entry.load(std::memory_order_acquire);
  EntryCopy entry;
  while (number != 0) {
    if (!CopyEntry(slot, number, &entry)) {
      // How this version's own write ended is forgotten: unless no write of the key near it was unknown, it may be.
      const bool maybe = version <= state.newest_unknown.load(std::memory_order_acquire);
      history->outcome = maybe ? WriteOutcome::kUnknown : WriteOutcome::kAcknowledged;
      return;
    }
    if (entry.version <= version) {
      if (entry.version != version) return;
      history->outcome = entry.outcome;
      history->begun_nanos = entry.begun_nanos;
      return;
    }
    if (entry.outcome == WriteOutcome::kAcknowledged && entry.begun_nanos >= successors_from_nanos) {
      history->successor = entry.version;
      history->successor_acknowledged_nanos = entry.ended_nanos;
    }
    number = entry.previous;
  }
}

}  // namespace nearcache::bench
