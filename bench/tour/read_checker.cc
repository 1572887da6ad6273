#include "bench/tour/read_checker.h"

#include <atomic>
#include <cstdint>

#include "bench/processes/judge.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/support/clock.h"
#include "bench/tour/shared_memory.h"

namespace nearcache::bench::tour {
namespace {

void RaiseTo(std::atomic<int64_t>& cell, int64_t value) {
  int64_t seen = cell.load(std::memory_order_relaxed);
  while (seen < value && !cell.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

ReadChecker::ReadChecker(SharedMemory* memory, SessionFloor* floors, uint32_t worker)
    : memory_(memory), floors_(floors), worker_(worker), block_(memory->worker(worker)) {}

ReadChecker::Begun ReadChecker::Begin(uint32_t key) const { return {key, floors_->Of(key), NowNanos()}; }

void ReadChecker::End(const Begun& begun, const RecordIdentity& identity, Count source, bool fresh) {
  const int64_t bound = fresh ? 0 : memory_->setup().bound_nanos;
  const ReadObservation read = {begun.key, static_cast<uint32_t>(identity.version), begun.nanos, begun.floor, bound};
  Verdict verdict;
  if (identity.intact && identity.key == begun.key) {
    verdict = Judge(memory_->versions(), read);
  } else {
    verdict.finding = Finding::kForeign;
  }
  ++tally_[source];
  ++tally_[kFirstFinding + static_cast<int>(verdict.finding)];
  if (verdict.age_nanos > 0 && verdict.finding != Finding::kUnknownVersion) NoteAge(verdict.age_nanos);
  if (IsViolation(verdict.finding)) {
    Log(read, verdict, source == kLocalHits);
  } else {
    floors_->Raise(read.key, read.version);
  }
}

void ReadChecker::NoteAge(int64_t age_nanos) {
  ++tally_[kOutdatedReads];
  block_.outdated_age_nanos.Record(age_nanos);
  for (std::atomic<int64_t>& oldest : block_.oldest_served_nanos) RaiseTo(oldest, age_nanos);
}

void ReadChecker::Log(const ReadObservation& read, const Verdict& verdict, bool from_memory) {
  ViolationLog& log = memory_->violations();
  const int kind = static_cast<int>(verdict.finding);
  const uint32_t number = log.counts[kind].fetch_add(1, std::memory_order_relaxed);
  if (number >= ViolationLog::kRecordsOfEachFinding) return;
  ViolationRecord& record = log.records[kind][number];
  record.finding = verdict.finding;
  record.worker = worker_;
  record.key = read.key;
  record.version = read.version;
  record.successor = verdict.successor;
  record.floor = read.floor;
  record.from_memory = from_memory;
  record.age_nanos = verdict.age_nanos;
  record.begun_nanos = read.begun_nanos;
  record.complete.store(1, std::memory_order_release);
}

void ReadChecker::Flush() {
  for (int i = 0; i < kCountCount; ++i) {
    if (tally_[i] == 0) continue;
    block_.counts[i].fetch_add(tally_[i], std::memory_order_relaxed);
    tally_[i] = 0;
  }
}

}  // namespace nearcache::bench::tour
