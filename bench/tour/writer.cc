#include "bench/tour/writer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "nearcache/cache.h"

namespace nearcache::bench::tour {
namespace {

WriteOutcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return WriteOutcome::kAcknowledged;
  return OutcomeUnknown(status) ? WriteOutcome::kUnknown : WriteOutcome::kFailed;
}

Count CountOf(WriteOutcome outcome) {
  if (outcome == WriteOutcome::kAcknowledged) return kWritesAcknowledged;
  return outcome == WriteOutcome::kUnknown ? kWritesUnknown : kWritesFailed;
}

}  // namespace

Writer::Writer(Cache* cache, SharedMemory* memory, SessionFloor* floors, ReadChecker* checker)
    : cache_(cache), memory_(memory), floors_(floors), checker_(checker) {}

bool Writer::Write(uint32_t key) {
  const uint32_t version = memory_->versions().Begin(key, NowNanos());
  MakeRecord(key, version, &record_);
  const absl::Status status = cache_->Set(KeyName(key).view(), record_);
  NoteEnd(key, version, status);
  return status.ok();
}

uint32_t Writer::WriteMany(absl::Span<const uint32_t> keys, bool keep_local) {
  std::vector<KeyName> names(keys.size());
  std::vector<std::string> records(keys.size());
  std::vector<uint32_t> versions(keys.size());
  std::vector<KeyAndValue> entries(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    names[i] = KeyName(keys[i]);
    versions[i] = memory_->versions().Begin(keys[i], NowNanos());
    MakeRecord(keys[i], versions[i], &records[i]);
    entries[i] = {names[i].view(), records[i]};
  }
  WriteOptions options;
  options.keep_local = keep_local;
  const std::vector<absl::Status> statuses = cache_->SetMany(entries, options);
  uint32_t acknowledged = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    NoteEnd(keys[i], versions[i], statuses[i]);
    acknowledged += statuses[i].ok();
  }
  return acknowledged;
}

// The time is taken after the call returned, so it is never before the true acknowledgement.
void Writer::NoteEnd(uint32_t key, uint32_t version, const absl::Status& status) {
  const WriteOutcome outcome = OutcomeOf(status);
  memory_->versions().End(key, version, outcome, NowNanos());
  if (outcome == WriteOutcome::kAcknowledged) floors_->Raise(key, version);
  checker_->Add(CountOf(outcome));
}

}  // namespace nearcache::bench::tour
