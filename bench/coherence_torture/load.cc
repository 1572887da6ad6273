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
#include "bench/coherence_torture/counter_value.h"
#include "bench/coherence_torture/judging.h"
#include "bench/coherence_torture/key_use.h"
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
  for (uint32_t key = 0; key < arena->setup().key_count; ++key) {
    names_.emplace_back(key);
    is_counter_.push_back(UseOf(arena->keys(), key) == KeyUse::kCounter);
  }
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
    if (cache_->Read(names_[key].view(), [&](absl::string_view value) { identity = Check(key, value); })) {
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
      judging_.End(begun[i], Check(missed_[i], results[i]->view()), /*from_memory=*/false, /*fresh=*/false);
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
  const bool load = !fresh && random_.Below(2) == 0;
  const Judging::Call call = judging_.BeginCall();
  const Judging::Begun begun = judging_.Begin(key);
  const absl::Status status = load ? GetOrLoad(key, &info) : cache_->Get(names_[key].view(), &buffer_, options);
  judging_.EndCall(call);
  if (!status.ok()) {
    if (NoteNoValue(key, status)) absl::SleepFor(kPauseAfterFailure);
    return;
  }
  judging_.Add(kFreshReads, fresh);
  const RecordIdentity identity = Check(key, buffer_);
  if (info.source == ReadInfo::Source::kLoader) {
    judging_.EndLoaded(begun, identity);
  } else {
    judging_.End(begun, identity, info.source == ReadInfo::Source::kLocal, fresh);
  }
}

// With a loader that finds nothing: only a key's owner makes values.
absl::Status Reader::GetOrLoad(uint32_t key, ReadInfo* info) {
  LoadOptions options;
  options.info = info;
  const absl::StatusOr<Value> value = cache_->GetOrLoad(
      names_[key].view(),
      [](absl::string_view) -> absl::StatusOr<std::string> { return absl::NotFoundError("not this reader's"); },
      options);
  if (value.ok()) buffer_.assign(value->view().data(), value->view().size());
  return value.status();
}

RecordIdentity Reader::Check(uint32_t key, absl::string_view value) const {
  return is_counter_[key] ? CheckCounter(value) : CheckRecord(value);
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

}  // namespace nearcache::bench::torture
