#include "bench/coherence_torture/history.h"

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bench/coherence_torture/fault_record.h"
#include "bench/coherence_torture/recovery_watch.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/key_space.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"

namespace nearcache::bench::torture {
namespace {

// How long before a violation faults are still told.
constexpr int64_t kToldNanos = 10 * kNanosPerSecond;

double Millis(int64_t nanos) { return static_cast<double>(nanos) / kNanosPerMilli; }

std::string At(int64_t nanos, int64_t start_nanos) {
  return absl::StrFormat("%.4f s", static_cast<double>(nanos - start_nanos) / kNanosPerSecond);
}

absl::string_view OutcomeName(WriteOutcome outcome) {
  switch (outcome) {
    case WriteOutcome::kNone:
      return "has not ended";
    case WriteOutcome::kAcknowledged:
      return "acknowledged";
    case WriteOutcome::kUnknown:
      return "no answer: may take effect later, once";
    case WriteOutcome::kFailed:
      return "failed: not executed";
  }
  return "?";
}

std::string Reader(const ViolationRecord& record, int64_t start_nanos) {
  return absl::StrFormat("At %s worker %d began a %sread of key %d (%s), which ended at %s with version %d from %s.",
                         At(record.at_nanos, start_nanos), record.worker, record.fresh ? "fresh " : "", record.key,
                         KeyName(record.key).view(), At(record.ended_nanos, start_nanos), record.version,
                         record.from_memory ? "memory" : "the server");
}

std::string Replaced(const ViolationRecord& record) {
  return absl::StrFormat("Version %d had been acknowledged %.1f ms before it began; at most %.1f ms are allowed.",
                         record.successor, Millis(record.age_nanos), Millis(record.bound_nanos));
}

std::string WhatHappened(const ViolationRecord& record, int64_t start_nanos) {
  const std::string at = At(record.at_nanos, start_nanos);
  switch (record.violation) {
    case Violation::kTooOld:
      return absl::StrCat(Reader(record, start_nanos), " ", Replaced(record));
    case Violation::kCleared:
      return absl::StrFormat(
          "%s It had been written before a Clear began that had been acknowledged %.1f ms before the read began; at "
          "most "
          "%.1f ms are allowed.",
          Reader(record, start_nanos), Millis(record.age_nanos), Millis(record.bound_nanos));
    case Violation::kWentBack:
      return absl::StrCat(Reader(record, start_nanos), " This process had shown version ", record.floor,
                          " before, by a read or an acknowledged write.");
    case Violation::kForeignBytes:
      return absl::StrCat(Reader(record, start_nanos),
                          " Nobody ever wrote that, or the bytes are of another key, torn or mixed.");
    case Violation::kPhantom:
      return absl::StrCat(Reader(record, start_nanos), " The write of that version was reported as not executed.");
    case Violation::kTookEffectTwice:
      return absl::StrCat(Reader(record, start_nanos),
                          " Its write got no answer, was seen to have taken effect, and was replaced since. ",
                          Replaced(record));
    case Violation::kMiscounted:
      return absl::StrFormat(
          "At %s worker %d, who alone changes key %d (%s), incremented it from %d and was told the sum %d.", at,
          record.worker, record.key, KeyName(record.key).view(), record.allowed, record.amount);
    case Violation::kWrongCondition:
      return absl::StrFormat(
          "At %s worker %d, who alone changes key %d (%s), had deleted it and added it, and was told that it exists.",
          at, record.worker, record.key, KeyName(record.key).view());
    case Violation::kLateCall:
      return absl::StrFormat("A call that worker %d began at %s ended %.1f ms after its deadline; %.1f ms are allowed.",
                             record.worker, at, Millis(record.amount), Millis(record.allowed));
    case Violation::kCallsLeft:
      return absl::StrFormat("Worker %d had %d calls waiting at %s though nobody called any more.", record.worker,
                             record.amount, at);
    case Violation::kLossUnnoticed:
      return absl::StrFormat(
          "The server lost what it held. At %s worker %d vouched for its memory again, without a new generation.", at,
          record.worker);
    case Violation::kKeptAcrossLoss:
      return absl::StrFormat(
          "The server lost what it held. At %s worker %d served from memory what it had got %.1f ms before.", at,
          record.worker, Millis(record.amount));
    case Violation::kNoticedLate:
      return absl::StrFormat(
          "The server lost what it held. By %s, %.1f ms later, worker %d had not begun a new generation; at most "
          "%.1f ms are allowed.",
          at, Millis(record.amount), record.worker, Millis(record.allowed));
    case Violation::kNotRecovered:
      return absl::StrFormat("At %s worker %d had not recovered from the last fault: %s (%d, allowed are %d).", at,
                             record.worker, LackName(static_cast<RecoveryWatch::Lack>(record.lack)), record.amount,
                             record.allowed);
    case Violation::kDied:
      return absl::StrCat("At ", at, ": ", record.text, ".");
  }
  return "?";
}

void AppendWrites(const ViolationRecord& record, int64_t start_nanos, std::string* text) {
  if (record.history_count == 0) return;
  absl::StrAppend(text, "  Writes of the key, newest first:\n");
  for (int i = 0; i < record.history_count; ++i) {
    const VersionEntry& entry = record.history[i];
    absl::StrAppendFormat(text, "    version %-6d %s to %s  %s\n", entry.version, At(entry.begun_nanos, start_nanos),
                          At(entry.ended_nanos, start_nanos), OutcomeName(entry.outcome));
  }
}

void AppendFaults(const ViolationRecord& record, const std::vector<FaultRecord>& faults, int64_t start_nanos,
                  std::string* text) {
  absl::StrAppend(text, "  Faults in the ten seconds before:\n");
  for (const FaultRecord& fault : faults) {
    const bool over = fault.ended_nanos != 0 && fault.ended_nanos < record.at_nanos - kToldNanos;
    if (over || fault.begun_nanos > record.ended_nanos) continue;
    absl::StrAppendFormat(
        text, "    %-18s %-9s %s to %s%s\n", fault.name, fault.worker < 0 ? "" : absl::StrCat("worker ", fault.worker),
        At(fault.begun_nanos, start_nanos), fault.ended_nanos == 0 ? "the end" : At(fault.ended_nanos, start_nanos),
        fault.ended_nanos == 0 || fault.happened ? "" : "  (met nothing)");
  }
}

}  // namespace

absl::string_view ViolationName(Violation violation) {
  switch (violation) {
    case Violation::kTooOld:
      return "a value older than the bound (C1)";
    case Violation::kCleared:
      return "a value from before a Clear (C1, C2)";
    case Violation::kWentBack:
      return "a process went back in time (C2)";
    case Violation::kForeignBytes:
      return "bytes that nobody wrote (C3)";
    case Violation::kPhantom:
      return "a failed write became visible (C4)";
    case Violation::kTookEffectTwice:
      return "a write without an answer took effect twice (C4)";
    case Violation::kMiscounted:
      return "a sum that the increments do not give (C4)";
    case Violation::kWrongCondition:
      return "a deleted key was said to exist (C4)";
    case Violation::kLateCall:
      return "a call ended after its deadline (C4)";
    case Violation::kCallsLeft:
      return "calls were left waiting (C4)";
    case Violation::kLossUnnoticed:
      return "a loss went unnoticed (C5)";
    case Violation::kKeptAcrossLoss:
      return "memory was kept across a loss (C5)";
    case Violation::kNoticedLate:
      return "a loss was noticed late (C5)";
    case Violation::kNotRecovered:
      return "a process did not recover (C6)";
    case Violation::kDied:
      return "a process died";
  }
  return "?";
}

std::string DescribeViolation(const ViolationRecord& record, const std::vector<FaultRecord>& faults,
                              int64_t start_nanos) {
  std::string text = absl::StrCat(ViolationName(record.violation), "\n  ", WhatHappened(record, start_nanos), "\n");
  AppendWrites(record, start_nanos, &text);
  AppendFaults(record, faults, start_nanos, &text);
  return text;
}

std::string DescribeViolations(const ViolationLog& log, const std::vector<FaultRecord>& faults, int64_t start_nanos,
                               absl::string_view heading) {
  if (log.Total() == 0) return "";
  std::string text = absl::StrCat(heading, "\n\nTimes are seconds since the load began.\n\n");
  for (int kind = 0; kind < kViolationCount; ++kind) {
    const uint64_t count = log.counts[kind].load(std::memory_order_relaxed);
    if (count == 0) continue;
    absl::StrAppend(&text, count, " x ", ViolationName(static_cast<Violation>(kind)), "\n");
  }
  for (const auto& records : log.records) {
    for (const ViolationRecord& record : records) {
      if (record.complete.load(std::memory_order_acquire) == 0) continue;
      absl::StrAppend(&text, "\n", DescribeViolation(record, faults, start_nanos));
    }
  }
  return text;
}

absl::Status WriteHistory(const std::string& path, absl::string_view text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace nearcache::bench::torture
