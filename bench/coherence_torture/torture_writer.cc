#include "bench/coherence_torture/torture_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/judging.h"
#include "bench/coherence_torture/key_use.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "nearcache/cache.h"

namespace nearcache::bench::torture {
namespace {

constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(2);
constexpr absl::Duration kPauseBetweenWrites = absl::Milliseconds(4);
constexpr uint32_t kRefillMax = 64;

// How long ago a key may have been written if readers say that it is missing.
constexpr int64_t kWrittenNanos = 25 * kNanosPerMilli;

// All processes together clear every four seconds.
constexpr uint32_t kMillisPerClear = 4000;

// By then whatever was sent was executed or never will be: no fault holds bytes for that long.
constexpr int64_t kAloneNanos = 10 * kNanosPerSecond;

WriteOutcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return WriteOutcome::kAcknowledged;
  return OutcomeUnknown(status) ? WriteOutcome::kUnknown : WriteOutcome::kFailed;
}

// Each version has another length, so that bytes of two of them never fit together; one key in 16 is large enough to be
// compressed.
size_t BytesOf(uint32_t key, uint32_t version) {
  const size_t base = key % 16 == 0 ? 1500 : kRecordBytesMin;
  return base + (key * 7 + version * 13) % 97;
}

bool IsRefusal(const absl::Status& status) { return absl::IsNotFound(status) || absl::IsAlreadyExists(status); }

}  // namespace

TortureWriter::TortureWriter(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker,
                             uint64_t seed, bool predecessor)
    : cache_(cache),
      arena_(arena),
      drawn_(drawn),
      slot_(worker),
      judging_(arena, session, worker),
      random_(seed),
      counters_(arena->keys().key_count()),
      alone_until_nanos_(arena->keys().key_count(), predecessor ? NowNanos() + kAloneNanos : 0) {
  ScheduleClear();
}

void TortureWriter::Fill() {
  std::vector<uint32_t> keys;
  for (uint32_t key = slot_; key < arena_->keys().key_count(); key += arena_->keys().slot_count()) {
    if (arena_->versions().Find(key, 0).newest_begun == 0) keys.push_back(key);
    if (keys.size() < kRefillMax) continue;
    SetMany(keys);
    keys.clear();
  }
  SetMany(keys);
  judging_.Flush();
}

void TortureWriter::Run() {
  while (arena_->phase().load(std::memory_order_relaxed) != Phase::kStopping) {
    failed_ = false;
    Refill();
    WriteOnce();
    judging_.Flush();
    absl::SleepFor(failed_ ? kPauseAfterFailure + kPauseBetweenWrites : kPauseBetweenWrites);
  }
}

void TortureWriter::WriteOnce() {
  if (NowNanos() >= next_clear_nanos_) return Clear();
  const uint32_t choice = random_.Below(100);
  if (choice < 42) return Set(OwnKeyOf(KeyUse::kRecord), /*only_if_present=*/choice < 10);
  if (choice < 46) return Set(OwnKeyOf(choice < 44 ? KeyUse::kShortLived : KeyUse::kLoaded), false);
  if (choice < 60) return Increment(OwnKeyOf(KeyUse::kCounter));
  if (choice < 63) return LengthenLife(OwnKeyOf(KeyUse::kRecord));
  if (choice < 67) return EndLife(OwnKeyOf(choice < 65 ? KeyUse::kShortLived : KeyUse::kRecord));
  if (choice < 71) return DeleteAndAdd(OwnKeyOf(KeyUse::kRecord));
  if (choice < 74) return Load(OwnKeyOf(KeyUse::kLoaded), Overtaking::kNot);
  if (choice < 78) return Load(OwnKeyOf(KeyUse::kLoaded), choice < 76 ? Overtaking::kBySet : Overtaking::kByDelete);
  if (choice < 94) return SetMany(OwnKeys(2 + random_.Below(12)));
  DeleteMany(OwnKeys(1 + random_.Below(3)));
}

// Keys that readers found missing, unless they were written a moment ago.
void TortureWriter::Refill() {
  std::vector<uint32_t> keys;
  arena_->mailbox(slot_).Receive(kRefillMax, &keys);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  const int64_t before_nanos = NowNanos() - kWrittenNanos;
  const auto written = [&](uint32_t key) { return arena_->versions().LastEndNanos(key) > before_nanos; };
  keys.erase(std::remove_if(keys.begin(), keys.end(), written), keys.end());
  if (!keys.empty() && random_.Below(4) == 0 && UseOf(arena_->keys(), keys.back()) != KeyUse::kCounter) {
    absl::Status status;
    Add(keys.back(), &status);
    keys.pop_back();
  }
  SetMany(keys);
}

uint32_t TortureWriter::OwnKey() { return arena_->keys().NeighbourOwnedBy(slot_, drawn_->At(random_.Next())); }

std::vector<uint32_t> TortureWriter::OwnKeys(uint32_t count) {
  std::vector<uint32_t> keys;
  for (uint32_t i = 0; i < count; ++i) keys.push_back(OwnKey());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void TortureWriter::ScheduleClear() {
  const uint32_t millis = random_.Below(2 * kMillisPerClear * arena_->setup().worker_count);
  next_clear_nanos_ = NowNanos() + millis * kNanosPerMilli;
}

void TortureWriter::Clear() {
  ScheduleClear();
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status = cache_->Clear();
  if (status.ok()) judging_.EndClear(call.begun_nanos);
  failed_ |= !status.ok();
  judging_.EndCall(call);
}

void TortureWriter::Set(uint32_t key, bool only_if_present) {
  const uint32_t version = BeginVersion(key);
  const std::string record = RecordOf(key, version);
  WriteOptions options;
  options.keep_local = random_.Below(4) != 0;
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  End(key, version,
      only_if_present ? cache_->Replace(name.view(), record, options) : cache_->Set(name.view(), record, options));
  judging_.EndCall(call);
}

// Counters go their own way.
void TortureWriter::SetMany(const std::vector<uint32_t>& all_keys) {
  std::vector<uint32_t> keys;
  for (const uint32_t key : all_keys) {
    if (UseOf(arena_->keys(), key) == KeyUse::kCounter) {
      SetCounter(key);
    } else {
      keys.push_back(key);
    }
  }
  if (keys.empty()) return;
  std::vector<KeyName> names(keys.begin(), keys.end());
  std::vector<std::string> records;
  std::vector<uint32_t> versions;
  std::vector<KeyAndValue> entries;
  for (const uint32_t key : keys) {
    versions.push_back(BeginVersion(key));
    records.push_back(RecordOf(key, versions.back()));
  }
  for (size_t i = 0; i < keys.size(); ++i) entries.emplace_back(names[i].view(), records[i]);
  const Judging::Call call = judging_.BeginCall();
  EndAll(keys, versions, cache_->SetMany(entries));
  judging_.EndCall(call);
}

bool TortureWriter::Add(uint32_t key, absl::Status* status) {
  const uint32_t version = BeginVersion(key);
  const std::string record = RecordOf(key, version);
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  *status = cache_->Add(name.view(), record);
  End(key, version, *status);
  judging_.EndCall(call);
  judging_.Add(kAdds, status->ok());
  return status->ok();
}

// A deletion is a version without bytes: it replaces what was there, and nobody can read it.
bool TortureWriter::Delete(uint32_t key) {
  const uint32_t version = BeginVersion(key);
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status = cache_->Delete(name.view());
  End(key, version, status);
  judging_.EndCall(call);
  return status.ok();
}

void TortureWriter::DeleteMany(const std::vector<uint32_t>& keys) {
  std::vector<KeyName> names(keys.begin(), keys.end());
  std::vector<absl::string_view> views;
  std::vector<uint32_t> versions;
  for (size_t i = 0; i < keys.size(); ++i) {
    versions.push_back(BeginVersion(keys[i]));
    views.push_back(names[i].view());
    counters_[keys[i]] = {};
  }
  const Judging::Call call = judging_.BeginCall();
  EndAll(keys, versions, cache_->DeleteMany(views));
  judging_.EndCall(call);
}

// Between the two nobody else stores anything, unless it was sent earlier and is made yet.
void TortureWriter::DeleteAndAdd(uint32_t key) {
  if (IsLeftAlone(key)) return;
  const int64_t since_nanos = StoreSinceNanos();
  if (!Delete(key)) return;
  absl::Status status;
  Add(key, &status);
  if (absl::IsAlreadyExists(status)) judging_.CheckExists(key, since_nanos);
}

std::string TortureWriter::RecordOf(uint32_t key, uint32_t version) const {
  std::string record;
  MakeRecordOfBytes(key, version, BytesOf(key, version), &record);
  return record;
}

uint32_t TortureWriter::BeginVersion(uint32_t key) { return arena_->versions().Begin(key, NowNanos()); }

void TortureWriter::End(uint32_t key, uint32_t version, const absl::Status& status) {
  const WriteOutcome outcome = OutcomeOf(status);
  judging_.EndWrite(key, version, outcome);
  failed_ |= !status.ok() && !IsRefusal(status);
  if (outcome == WriteOutcome::kUnknown) LeaveAlone(key);
}

void TortureWriter::EndAll(const std::vector<uint32_t>& keys, const std::vector<uint32_t>& versions,
                           const std::vector<absl::Status>& statuses) {
  for (size_t i = 0; i < keys.size(); ++i) End(keys[i], versions[i], statuses[i]);
}

void TortureWriter::LeaveAlone(uint32_t key) {
  counters_[key] = {};
  alone_until_nanos_[key] = NowNanos() + kAloneNanos;
}

bool TortureWriter::IsLeftAlone(uint32_t key) const { return NowNanos() < alone_until_nanos_[key]; }

}  // namespace nearcache::bench::torture
