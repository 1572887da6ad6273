#include "nearcache/internal/conductor/auditor.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/conductor/arguments.h"
#include "nearcache/internal/conductor/remote_look.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/options.h"

namespace nearcache::internal::conductor {
namespace {

// A check reads twice at most.
constexpr int kReadsPerCheck = 2;
constexpr int64_t kMarginNanos = 1'000'000;

void Bump(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

Auditor::Auditor(const RemoteParts& parts, HitSampler* sampler, OnStale on_stale)
    : parts_(parts),
      sampler_(sampler),
      on_stale_(std::move(on_stale)),
      patience_nanos_(absl::ToInt64Nanoseconds(parts.options->coherence.staleness_bound) +
                      parts.clock->CoarseLagNanos() + kMarginNanos),
      refilled_at_(parts.clock->Now()),
      reads_left_(parts.options->audit.reads_per_second_max),
      bytes_left_(static_cast<double>(parts.options->audit.bytes_per_second_max)) {}

// The budget of one second at most is saved up; a large value may overdraw it, and is paid off before the next check.
void Auditor::RefillBudget() {
  const AuditOptions& options = parts_.options->audit;
  const MonotonicNanos now = parts_.clock->Now();
  const double seconds = static_cast<double>(now - refilled_at_) * 1e-9;
  refilled_at_ = now;
  const double reads_max = options.reads_per_second_max;
  const auto bytes_max = static_cast<double>(options.bytes_per_second_max);
  reads_left_ = std::min(reads_max, reads_left_ + seconds * reads_max);
  bytes_left_ = std::min(bytes_max, bytes_left_ + seconds * bytes_max);
}

void Auditor::Maintain() {
  RefillBudget();
  while (reads_left_ >= 1 && bytes_left_ > 0) {
    if (IsFull()) return;
    std::vector<std::string> keys = sampler_->Take(1);
    if (keys.empty()) return;
    Begin(std::move(keys[0]));
  }
}

void Auditor::Begin(std::string key) {
  local::EntrySnapshot entry;
  const HashedKey hashed = HashKey(key, parts_.tier->hash_seed());
  // Gone since it was picked, or of a writer whose writes cannot be told apart.
  if (!parts_.tier->Peek(hashed, parts_.clock->NowCoarse(), &entry) || entry.info.id.empty()) return;
  if (!Enlist(key)) return;
  reads_left_ -= kReadsPerCheck;
  bytes_left_ -= static_cast<double>(entry.value.size()) * kReadsPerCheck;
  auto check = std::make_unique<Check>();
  check->key = std::move(key);
  check->id = entry.info.id;
  Look(std::move(check), &Auditor::OnFirstSight);
}

bool Auditor::IsFull() const {
  absl::MutexLock lock(&mutex_);
  return under_way_.size() >= static_cast<size_t>(parts_.options->audit.checks_max);
}

bool Auditor::Enlist(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  return under_way_.insert(key).second;
}

void Auditor::End(const Check& check) {
  absl::MutexLock lock(&mutex_);
  under_way_.erase(check.key);
}

void Auditor::Look(CheckPointer check, void (Auditor::*then)(CheckPointer, const RemoteSight&)) {
  const MonotonicNanos deadline = AddDuration(parts_.clock->Now(), parts_.options->remote.command_timeout);
  std::string key = check->key;
  LookRemotely(parts_, std::move(key), deadline, [this, then, check = std::move(check)](RemoteSight sight) mutable {
    (this->*then)(std::move(check), sight);
  });
}

Auditor::Finding Auditor::Compare(const RemoteSight& sight, OperationTag id) {
  switch (sight.what) {
    case RemoteSight::What::kPresent:
      return sight.id == id ? Finding::kSame : Finding::kReplaced;
    case RemoteSight::What::kExpired:
    case RemoteSight::What::kCleared:
      // The frame may well be that of the entry: what ended it came after it.
      return Finding::kReplaced;
    case RemoteSight::What::kAbsent:
      return Finding::kMissing;
    case RemoteSight::What::kForeign:
      return Finding::kForeign;
    case RemoteSight::What::kNoRemote:
    case RemoteSight::What::kUnreachable:
    case RemoteSight::What::kUnusable:
      return Finding::kInconclusive;
  }
  return Finding::kInconclusive;
}

void Auditor::OnFirstSight(CheckPointer check, const RemoteSight& sight) {
  Bump(checks_);
  check->first = Compare(sight, check->id);
  if (check->first == Finding::kSame || check->first == Finding::kInconclusive) {
    Count(check->first);
    End(*check);
    return;
  }
  check->replaced_before = sight.answered_at;
  parts_.store->RunAt(sight.answered_at + patience_nanos_,
                      [this, check = std::move(check)]() mutable { LookAtMemoryAgain(std::move(check)); });
}

void Auditor::LookAtMemoryAgain(CheckPointer check) {
  local::EntrySnapshot entry;
  const HashedKey hashed = HashKey(check->key, parts_.tier->hash_seed());
  check->served_at = parts_.clock->Now();  // Before the look: then the staleness is not overstated.
  const bool served = parts_.tier->Peek(hashed, parts_.clock->NowCoarse(), &entry) && entry.info.id == check->id;
  if (!served) {
    End(*check);  // It heard in time.
    return;
  }
  // The latest time that the rounded one may stand for.
  const MonotonicNanos fetched_at = entry.info.fetched_at + local::kFetchStepNanos;
  if (fetched_at > check->replaced_before || check->served_at - check->replaced_before < patience_nanos_) {
    Count(Finding::kInconclusive);  // Fetched after it was replaced: the server has gone back to it.
    End(*check);
    return;
  }
  Look(std::move(check), &Auditor::OnSecondSight);
}

void Auditor::OnSecondSight(CheckPointer check, const RemoteSight& sight) {
  const Finding second = Compare(sight, check->id);
  if (second == Finding::kSame || second == Finding::kInconclusive) {
    Count(Finding::kInconclusive);
    End(*check);
    return;
  }
  // An event like every reply: an entry of another write goes. Before anybody is told: who reads then reads anew.
  parts_.tier->NoteReply(HashKey(check->key, parts_.tier->hash_seed()),
                         sight.what == RemoteSight::What::kPresent ? sight.id : OperationId());
  // Both looks must show the work of a process that announces: the weaker of them counts.
  const Finding finding = second == Finding::kReplaced ? check->first : second;
  Count(finding);
  if (finding == Finding::kReplaced) ReportStale(*check);
  End(*check);
}

void Auditor::ReportStale(const Check& check) {
  const int64_t nanos = check.served_at - check.replaced_before;
  staleness_.Record(nanos);
  CoherenceEvent event;
  event.kind = CoherenceEvent::Kind::kStaleValue;
  event.key = check.key;
  event.staleness = absl::Nanoseconds(nanos);
  event.text = absl::StrCat("the audit found key ", QuoteKey(check.key), " served from memory at least ",
                            absl::FormatDuration(event.staleness), " after it was replaced; the bound is ",
                            absl::FormatDuration(parts_.options->coherence.staleness_bound));
  on_stale_(std::move(event));
}

void Auditor::Count(Finding finding) {
  switch (finding) {
    case Finding::kSame:
      return;
    case Finding::kReplaced:
      Bump(stale_);
      return;
    case Finding::kMissing:
      Bump(missing_);
      return;
    case Finding::kForeign:
      Bump(foreign_);
      return;
    case Finding::kInconclusive:
      Bump(inconclusive_);
      return;
  }
}

AuditStats Auditor::GetStats() const {
  const auto value = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  AuditStats stats;
  stats.checks = value(checks_);
  stats.skipped = sampler_->skipped();
  stats.inconclusive = value(inconclusive_);
  stats.missing = value(missing_);
  stats.foreign = value(foreign_);
  stats.stale = value(stale_);
  stats.staleness = staleness_.Snapshot();
  return stats;
}

}  // namespace nearcache::internal::conductor
