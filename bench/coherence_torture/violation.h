// What is wrong with a read, a call or a process, as it is kept in the shared memory until somebody writes it down.

#ifndef BENCH_COHERENCE_TORTURE_VIOLATION_H_
#define BENCH_COHERENCE_TORTURE_VIOLATION_H_

#include <atomic>
#include <cstdint>

#include "bench/processes/version_table.h"

namespace nearcache::bench::torture {

enum class Violation : uint32_t {
  kTooOld,           // C1
  kCleared,          // C1, C2: from before a Clear.
  kWentBack,         // C2
  kForeignBytes,     // C3
  kPhantom,          // C4: the write had failed for certain.
  kTookEffectTwice,  // C4: a write without an answer, after something newer had replaced it.
  kMiscounted,       // C4: the sum of an increment shows that one was lost, made twice, or made though it had failed.
  kWrongCondition,   // C4: a key that had been deleted was said to exist.
  kLateCall,         // C4
  kCallsLeft,        // C4: calls still waiting when nobody calls any more.
  kLossUnnoticed,    // C5
  kKeptAcrossLoss,   // C5
  kNoticedLate,      // C5
  kNotRecovered,     // C6
  kDied,             // A worker ended that nobody had killed.
};
constexpr int kViolationCount = 15;

struct ViolationRecord {
  static constexpr int kHistory = 16;

  std::atomic<uint32_t> complete;
  Violation violation;
  uint32_t worker;
  uint32_t key;
  uint32_t version;
  uint32_t successor;
  uint32_t floor;
  bool from_memory;
  bool fresh;
  int64_t at_nanos;  // When the read or call began.
  int64_t ended_nanos;
  int64_t age_nanos;
  int64_t bound_nanos;
  int64_t amount;  // Of what the violation is about, if not of a read: generations, bytes, calls, a sum.
  int64_t allowed;
  uint32_t lack;   // Of kNotRecovered: a RecoveryWatch::Lack.
  char text[256];  // Of kDied: how it ended.
  int history_count;
  VersionEntry history[kHistory];
};

struct ViolationLog {
  static constexpr uint32_t kRecordsOfEach = 4;

  std::atomic<uint64_t> counts[kViolationCount];
  ViolationRecord records[kViolationCount][kRecordsOfEach];

  // A record to fill in, or null if there are enough of its kind. Store 1 in `complete` at the end.
  ViolationRecord* Add(Violation violation) {
    const int kind = static_cast<int>(violation);
    const uint64_t number = counts[kind].fetch_add(1, std::memory_order_relaxed);
    if (number >= kRecordsOfEach) return nullptr;
    records[kind][number].violation = violation;
    return &records[kind][number];
  }

  uint64_t Total() const {
    uint64_t total = 0;
    for (const std::atomic<uint64_t>& count : counts) total += count.load(std::memory_order_relaxed);
    return total;
  }
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_VIOLATION_H_
