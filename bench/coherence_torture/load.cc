#include "bench/coherence_torture/load.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/coherence_torture/arena.h"
#include "bench/coherence_torture/judging.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/version_table.h"
#include "bench/support/clock.h"
#include "bench/support/random.h"
#include "bench/support/zipf.h"
#include "nearcache/cache.h"
#include "nearcache/value.h"

namespace nearcache::bench::torture {
namespace {

constexpr double kZipfExponent = 0.9;
constexpr size_t kDrawnCount = size_t{1} << 16;
constexpr int kBatch = 256;

// Of a batch. What the server is asked for while memory is closed must not keep memory closed: the proof that it needs
// waits in the same queues.
constexpr size_t kMissedMax = 64;
constexpr uint32_t kBatchesPerFresh = 64;
constexpr uint32_t kBatchesPerSingles = 8;
constexpr int64_t kAbsentNanos = 50 * kNanosPerMilli;
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(2);
constexpr absl::Duration kPauseBetweenWrites = absl::Milliseconds(4);
constexpr uint32_t kRefillMax = 64;

// All processes together clear every four seconds.
constexpr uint32_t kMillisPerClear = 4000;

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

}  // namespace

DrawnKeys::DrawnKeys(const KeySpace& keys, uint64_t seed) : keys_(kDrawnCount) {
  const Zipf popularity(keys.key_count(), kZipfExponent);
  Random random(seed);
  for (uint32_t& key : keys_) key = keys.KeyOfRank(popularity.Draw(&random));
}

Reader::Reader(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker, uint64_t seed)
    : cache_(cache),
      arena_(arena),
      drawn_(drawn),
      judging_(arena, session, worker),
      random_(seed),
      position_(random_.Next()),
      absent_until_nanos_(arena->setup().key_count) {
  for (uint32_t key = 0; key < arena->setup().key_count; ++key) names_.emplace_back(key);
}

void Reader::Run() {
  for (uint64_t batch = 0; arena_->phase().load(std::memory_order_relaxed) != Phase::kStopping; ++batch) {
    ReadMemory();
    ReadMissed();
    if (batch % kBatchesPerFresh == 0) ReadOne(drawn_->At(position_), /*fresh=*/true);
    judging_.Flush();
  }
}

void Reader::ReadMemory() {
  const int64_t batch_nanos = NowNanos();
  missed_.clear();
  for (int i = 0; i < kBatch; ++i) {
    const uint32_t key = drawn_->At(position_++);
    const Judging::Begun begun = judging_.Begin(key);
    RecordIdentity identity;
    if (cache_->Read(names_[key].view(), [&](absl::string_view value) { identity = CheckRecord(value); })) {
      judging_.End(begun, identity, /*from_memory=*/true, /*fresh=*/false);
    } else if (absent_until_nanos_[key] < batch_nanos) {
      missed_.push_back(key);
    }
  }
}

void Reader::ReadMissed() {
  if (missed_.empty()) return;
  std::sort(missed_.begin(), missed_.end());
  missed_.erase(std::unique(missed_.begin(), missed_.end()), missed_.end());
  if (missed_.size() > kMissedMax) {
    std::rotate(missed_.begin(), missed_.begin() + random_.Below(static_cast<uint32_t>(missed_.size())), missed_.end());
    missed_.resize(kMissedMax);
  }
  if (random_.Below(kBatchesPerSingles) == 0) {
    ReadOne(missed_[random_.Below(static_cast<uint32_t>(missed_.size()))], /*fresh=*/false);
    return;
  }
  std::vector<Judging::Begun> begun;
  std::vector<absl::string_view> names;
  for (const uint32_t key : missed_) {
    begun.push_back(judging_.Begin(key));
    names.push_back(names_[key].view());
  }
  const Judging::Call call = judging_.BeginCall();
  const std::vector<absl::StatusOr<Value>> results = cache_->GetMany(names);
  judging_.EndCall(call);
  bool failed = false;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) {
      judging_.End(begun[i], CheckRecord(results[i]->view()), /*from_memory=*/false, /*fresh=*/false);
    } else {
      failed |= NoteNoValue(begun[i].key, results[i].status());
    }
  }
  if (failed) absl::SleepFor(kPauseAfterFailure);
}

void Reader::ReadOne(uint32_t key, bool fresh) {
  ReadInfo info;
  ReadOptions options;
  options.fresh = fresh;
  options.info = &info;
  const Judging::Call call = judging_.BeginCall();
  const Judging::Begun begun = judging_.Begin(key);
  const absl::Status status = cache_->Get(names_[key].view(), &buffer_, options);
  judging_.EndCall(call);
  if (status.ok()) {
    judging_.Add(kFreshReads, fresh);
    judging_.End(begun, CheckRecord(buffer_), info.source == ReadInfo::Source::kLocal, fresh);
  } else if (NoteNoValue(key, status)) {
    absl::SleepFor(kPauseAfterFailure);
  }
}

// True if the read failed; false if there is no value, which its writer is then told.
bool Reader::NoteNoValue(uint32_t key, const absl::Status& status) {
  const bool missing = absl::IsNotFound(status);
  judging_.Add(missing ? kMisses : kReadsFailed);
  if (missing) {
    absent_until_nanos_[key] = NowNanos() + kAbsentNanos;
    arena_->mailbox(arena_->keys().OwnerOf(key)).Send(key);
  }
  return !missing;
}

TortureWriter::TortureWriter(Cache* cache, Arena* arena, Session* session, const DrawnKeys* drawn, uint32_t worker,
                             uint64_t seed)
    : cache_(cache), arena_(arena), drawn_(drawn), slot_(worker), judging_(arena, session, worker), random_(seed) {
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
  if (choice < 70) return Set(OwnKey(), /*only_if_present=*/choice < 10);
  if (choice < 92) return SetMany(OwnKeys(2 + random_.Below(12)));
  DeleteMany(OwnKeys(1 + random_.Below(3)));
}

// Keys that readers found missing, unless they were written a moment ago.
void TortureWriter::Refill() {
  std::vector<uint32_t> keys;
  arena_->mailbox(slot_).Receive(kRefillMax, &keys);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  const int64_t before_nanos = NowNanos() - kAbsentNanos / 2;
  const auto written = [&](uint32_t key) { return arena_->versions().LastEndNanos(key) > before_nanos; };
  keys.erase(std::remove_if(keys.begin(), keys.end(), written), keys.end());
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
  const uint32_t version = arena_->versions().Begin(key, NowNanos());
  std::string record;
  MakeRecordOfBytes(key, version, BytesOf(key, version), &record);
  WriteOptions options;
  options.keep_local = random_.Below(4) != 0;
  const KeyName name(key);
  const Judging::Call call = judging_.BeginCall();
  const absl::Status status =
      only_if_present ? cache_->Replace(name.view(), record, options) : cache_->Set(name.view(), record, options);
  judging_.EndWrite(key, version, OutcomeOf(status));
  failed_ |= !status.ok() && !absl::IsNotFound(status);
  judging_.EndCall(call);
}

void TortureWriter::SetMany(const std::vector<uint32_t>& keys) {
  if (keys.empty()) return;
  std::vector<KeyName> names(keys.begin(), keys.end());
  std::vector<std::string> records(keys.size());
  std::vector<uint32_t> versions;
  std::vector<KeyAndValue> entries;
  for (size_t i = 0; i < keys.size(); ++i) {
    versions.push_back(arena_->versions().Begin(keys[i], NowNanos()));
    MakeRecordOfBytes(keys[i], versions[i], BytesOf(keys[i], versions[i]), &records[i]);
    entries.emplace_back(names[i].view(), records[i]);
  }
  const Judging::Call call = judging_.BeginCall();
  End(keys, versions, cache_->SetMany(entries));
  judging_.EndCall(call);
}

// A deletion is a version without bytes: it replaces what was there, and nobody can read it.
void TortureWriter::DeleteMany(const std::vector<uint32_t>& keys) {
  std::vector<KeyName> names(keys.begin(), keys.end());
  std::vector<absl::string_view> views;
  std::vector<uint32_t> versions;
  for (size_t i = 0; i < keys.size(); ++i) {
    versions.push_back(arena_->versions().Begin(keys[i], NowNanos()));
    views.push_back(names[i].view());
  }
  const Judging::Call call = judging_.BeginCall();
  End(keys, versions, cache_->DeleteMany(views));
  judging_.EndCall(call);
}

void TortureWriter::End(const std::vector<uint32_t>& keys, const std::vector<uint32_t>& versions,
                        const std::vector<absl::Status>& statuses) {
  for (size_t i = 0; i < keys.size(); ++i) {
    judging_.EndWrite(keys[i], versions[i], OutcomeOf(statuses[i]));
    failed_ |= !statuses[i].ok();
  }
}

}  // namespace nearcache::bench::torture
