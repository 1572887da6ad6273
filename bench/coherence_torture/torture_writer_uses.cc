// The writer's calls of the keys that have a use of their own, and those about lives.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/counter_value.h"
#include "bench/coherence_torture/judging.h"
#include "bench/coherence_torture/torture_writer.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "nearcache/cache.h"
#include "nearcache/value.h"

namespace nearcache::bench::torture {
namespace {

// More than there can be increments, of this process and of one that was killed, that may be made after a counter was
// set: they leave keys alone after the first.
constexpr uint32_t kVersionsPerSet = 16;

constexpr absl::Duration kShortLife = absl::Milliseconds(15);
// The clock that ends lives in memory has coarse steps, that of the server whole milliseconds.
constexpr absl::Duration kLifeError = absl::Milliseconds(20);
constexpr absl::Duration kLongLife = absl::Hours(2);

}  // namespace

// --- Counters. None knows of the others' increments, so the version that one makes is known by its sum alone.

void TortureWriter::SetCounter(uint32_t key) {
  if (IsLeftAlone(key)) return;
  const int64_t since_nanos = StoreSinceNanos();
  const uint32_t version = arena_->versions().Begin(key, NowNanos(), kVersionsPerSet) - kVersionsPerSet + 1;
  const std::string number = absl::StrCat(CounterOf(key, version));
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status = cache_->Set(name.view(), number);
  counters_[key] = {};
  End(key, version, status);
  judging_.EndCall(call);
  if (status.ok()) counters_[key] = {version, since_nanos};
}

void TortureWriter::Increment(uint32_t key) {
  if (IsLeftAlone(key)) return;
  const Counter from = counters_[key];
  if (from.version == 0 || from.store_since_nanos != StoreSinceNanos()) return SetCounter(key);
  arena_->versions().Begin(key, NowNanos());
  IncrementOptions options;
  options.create = false;
  options.keep_local = random_.Below(4) != 0;
  const KeyName name(key);
  counters_[key] = {};
  const Judging::Call call = judging_.BeginCall();
  const absl::StatusOr<int64_t> sum = cache_->Increment(name.view(), kCounterStep, options);
  judging_.EndCall(call);
  if (!sum.ok()) {
    const bool unknown = OutcomeUnknown(sum.status());
    judging_.Add(unknown ? kWritesUnknown : kWritesFailed);
    if (unknown) return LeaveAlone(key);
    failed_ |= !absl::IsNotFound(sum.status());
    // It was not made, so the counter is what it was.
    if (!absl::IsNotFound(sum.status())) counters_[key] = from;
    return;
  }
  const uint32_t version = VersionOfCounter(*sum);
  judging_.CheckSum(key, from.version, version, from.store_since_nanos);
  if (version != from.version + 1 || from.store_since_nanos != StoreSinceNanos()) return SetCounter(key);
  judging_.Add(kIncrements);
  judging_.EndWrite(key, version, WriteOutcome::kAcknowledged);
  counters_[key] = {version, from.store_since_nanos};
}

// --- Lives

// The end of a life is a version without bytes, too, acknowledged when it must be over.
void TortureWriter::EndLife(uint32_t key) {
  const bool expire = UseOf(arena_->keys(), key) == KeyUse::kRecord;
  const uint32_t version = BeginVersion(key);
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status = expire ? cache_->Expire(name.view()) : cache_->Touch(name.view(), kShortLife);
  judging_.EndCall(call);
  if (status.ok() && !expire) absl::SleepFor(kShortLife + kLifeError);
  End(key, version, status);
  judging_.Add(kLivesEnded, status.ok());
}

void TortureWriter::LengthenLife(uint32_t key) {
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status =
      random_.Below(2) == 0 ? cache_->Touch(name.view(), kLongLife) : cache_->Persist(name.view());
  judging_.EndCall(call);
  judging_.Add(kLivesChanged, status.ok());
}

// --- Loads. Readers' loaders find nothing, so this thread alone makes values.

void TortureWriter::Load(uint32_t key, Overtaking overtaking) {
  if (random_.Below(2) == 0 && !Delete(key)) return;
  uint32_t version = 0;
  ReadInfo info;
  LoadOptions options;
  options.info = &info;
  options.keep_local = random_.Below(4) != 0;
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const Judging::Begun begun = judging_.Begin(key);
  const absl::StatusOr<Value> value =
      cache_->GetOrLoad(name.view(), [&](absl::string_view) { return MakeLoaded(key, overtaking, &version); }, options);
  // A loader that takes its time is waited for.
  if (overtaking == Overtaking::kNot || version == 0) judging_.EndCall(call);
  if (overtaking == Overtaking::kNot && version != 0) judging_.EndLoad(key, version);
  failed_ |= !value.ok() && !absl::IsNotFound(value.status());
  if (!value.ok()) return;
  const RecordIdentity identity = CheckRecord(value->view());
  if (info.source == ReadInfo::Source::kLoader) {
    judging_.EndLoaded({key, version, begun.nanos, begun.synced_nanos, begun.store_since_nanos}, identity);
  } else {
    judging_.End(begun, identity, info.source == ReadInfo::Source::kLocal, /*fresh=*/false);
  }
}

absl::StatusOr<std::string> TortureWriter::MakeLoaded(uint32_t key, Overtaking overtaking, uint32_t* version) {
  *version = BeginVersion(key);
  std::string record = RecordOf(key, *version);
  if (overtaking == Overtaking::kNot) return record;
  judging_.EndOvertakenLoad(key, *version);
  bool changed = false;
  if (overtaking == Overtaking::kByDelete) {
    changed = Delete(key);
  } else {
    const uint32_t newer = BeginVersion(key);
    const absl::Status status = cache_->Set(KeyName(key).view(), RecordOf(key, newer));
    End(key, newer, status);
    changed = status.ok();
  }
  // Without that acknowledgement nothing voids what was made, and it might be stored.
  if (!changed) return absl::UnavailableError("the change that overtakes this load failed");
  return record;
}

}  // namespace nearcache::bench::torture
