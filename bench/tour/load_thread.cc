#include "bench/tour/load_thread.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/support/clock.h"
#include "bench/support/random.h"
#include "bench/support/zipf.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "bench/tour/writer.h"
#include "nearcache/cache.h"
#include "nearcache/value.h"

namespace nearcache::bench::tour {
namespace {

constexpr int kBatchesPerTimedOne = 16;
constexpr int kBatchesPerFreshRead = 8;
constexpr uint32_t kBatchesPerSingleReads = 4;
constexpr uint32_t kWritesPerCall = 128;
constexpr uint32_t kRefillsPerBatch = 64;

// A key found missing is not written again this soon: its readers may have missed it before the last write.
constexpr int64_t kRefillPauseNanos = 100 * kNanosPerMilli;

// What a service would do when its store does not answer: not ask again at once.
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(1);

uint64_t SeedOf(const Setup& setup, uint32_t slot) { return Random(setup.seed * 1000 + slot).Next(); }

}  // namespace

LoadThread::LoadThread(Cache* cache, SharedMemory* memory, SessionFloor* floors, const Zipf* popularity,
                       uint32_t worker, uint32_t thread)
    : cache_(cache),
      memory_(memory),
      popularity_(popularity),
      block_(memory->worker(worker)),
      slot_(worker * memory->setup().threads_per_worker + thread),
      first_slot_of_worker_(worker * memory->setup().threads_per_worker),
      serves_stale_copies_(memory->setup().stale_worker == static_cast<int32_t>(worker)),
      checker_(memory, floors, worker),
      writer_(cache, memory, floors, &checker_),
      random_(SeedOf(memory->setup(), slot_)) {}

void LoadThread::Fill() {
  std::vector<uint32_t> missing;
  for (uint32_t key = slot_; key < memory_->keys().key_count(); key += memory_->keys().slot_count()) {
    if (memory_->versions().Find(key, 0).newest_begun == 0) missing.push_back(key);
  }
  WriteInChunks(missing, /*keep_local=*/!memory_->setup().has_server());
  checker_.Flush();
}

void LoadThread::WriteInChunks(const std::vector<uint32_t>& keys, bool keep_local) {
  const absl::Span<const uint32_t> all(keys);
  for (size_t done = 0; done < all.size(); done += kWritesPerCall) {
    if (memory_->phase().load(std::memory_order_relaxed) == Phase::kStopping) return;
    writer_.WriteMany(all.subspan(done, kWritesPerCall), keep_local);
  }
}

void LoadThread::Run() {
  const bool has_server = memory_->setup().has_server();
  for (uint64_t batch = 0; memory_->phase().load(std::memory_order_relaxed) != Phase::kStopping; ++batch) {
    DrawBatch();
    if (batch % kBatchesPerTimedOne == 0) {
      ReadBatchTimed();
    } else {
      ReadBatch();
    }
    if (has_server && batch % kBatchesPerFreshRead == 0) ReadThrough(keys_[0], names_[0], /*fresh=*/true);
    WriteShare();
    Refill();
    checker_.Flush();
  }
}

void LoadThread::DrawBatch() {
  const Setup& setup = memory_->setup();
  for (int i = 0; i < kBatch; ++i) {
    uint32_t key = memory_->keys().KeyOfRank(popularity_->Draw(&random_));
    if (!setup.has_server()) {
      // Without a server the workers share nothing: each has its own part of the keys.
      key = memory_->keys().NeighbourOwnedBy(first_slot_of_worker_ + key % setup.threads_per_worker, key);
    }
    keys_[i] = key;
    names_[i] = KeyName(key);
  }
}

void LoadThread::ReadBatch() {
  const bool one_by_one = random_.Below(kBatchesPerSingleReads) == 0;
  std::vector<int> missed;
  for (int i = 0; i < kBatch; ++i) {
    const ReadChecker::Begun begun = checker_.Begin(keys_[i]);
    RecordIdentity identity;
    if (ReadMemory(keys_[i], names_[i], [&](absl::string_view value) { identity = CheckRecord(value); })) {
      checker_.End(begun, identity, kLocalHits);
    } else if (one_by_one) {
      ReadThrough(keys_[i], names_[i], /*fresh=*/false);
    } else {
      missed.push_back(i);
    }
  }
  if (!missed.empty()) ReadManyThrough(missed);
}

// With --inject_stale, one worker answers part of its reads from copies that it never gives up: a cache without
// invalidation, which the judge must catch.
bool LoadThread::ReadMemory(uint32_t key, const KeyName& name, absl::FunctionRef<void(absl::string_view)> visitor) {
  if (!serves_stale_copies_ || key % 4 != 0) return cache_->Read(name.view(), visitor);
  const auto copy = stale_copies_.find(key);
  if (copy != stale_copies_.end()) {
    visitor(copy->second);
    return true;
  }
  return cache_->Read(name.view(), [&](absl::string_view value) {
    visitor(value);
    stale_copies_.emplace(key, std::string(value));
  });
}

void LoadThread::ReadBatchTimed() {
  std::array<ReadChecker::Begun, kBatch> begun;
  std::array<RecordIdentity, kBatch> identities;
  std::array<bool, kBatch> hit;
  for (int i = 0; i < kBatch; ++i) begun[i] = checker_.Begin(keys_[i]);
  const int64_t start = NowNanos();
  for (int i = 0; i < kBatch; ++i) {
    RecordIdentity& identity = identities[i];
    hit[i] = cache_->Read(names_[i].view(), [&identity](absl::string_view value) { identity = PeekRecord(value); });
  }
  const int64_t elapsed = NowNanos() - start;
  // A look-up that finds nothing costs about as much as a hit, but too many of them would be another measurement.
  const auto hits = std::count(hit.begin(), hit.end(), true);
  if (hits * 2 >= kBatch) block_.hit_tenths_of_nanos.Record(elapsed * 10 / kBatch);
  for (int i = 0; i < kBatch; ++i) {
    if (hit[i]) {
      checker_.End(begun[i], identities[i], kLocalHits);
    } else {
      ReadThrough(keys_[i], names_[i], /*fresh=*/false);
    }
  }
}

void LoadThread::ReadManyThrough(const std::vector<int>& places) {
  std::vector<ReadChecker::Begun> begun;
  std::vector<absl::string_view> names;
  for (const int place : places) {
    begun.push_back(checker_.Begin(keys_[place]));
    names.push_back(names_[place].view());
  }
  const std::vector<absl::StatusOr<Value>> results = cache_->GetMany(names);
  bool failed = false;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) {
      checker_.End(begun[i], CheckRecord(results[i]->view()), memory_->setup().has_server() ? kRemoteHits : kLocalHits);
    } else {
      failed |= NoteNoValue(begun[i].key, results[i].status());
    }
  }
  if (failed) absl::SleepFor(kPauseAfterFailure);
}

void LoadThread::ReadThrough(uint32_t key, const KeyName& name, bool fresh) {
  ReadInfo info;
  ReadOptions options;
  options.fresh = fresh;
  options.info = &info;
  const ReadChecker::Begun begun = checker_.Begin(key);
  const absl::Status status = cache_->Get(name.view(), &buffer_, options);
  if (status.ok()) {
    const bool local = info.source == ReadInfo::Source::kLocal || !memory_->setup().has_server();
    if (!local) block_.remote_latency_nanos.Record(NowNanos() - begun.nanos);
    checker_.Add(kFreshReads, fresh);
    checker_.End(begun, CheckRecord(buffer_), local ? kLocalHits : kRemoteHits, fresh);
  } else if (NoteNoValue(key, status)) {
    absl::SleepFor(kPauseAfterFailure);
  }
}

// True if the read failed; false if there is no value, which its writer is then told.
bool LoadThread::NoteNoValue(uint32_t key, const absl::Status& status) {
  const bool missing = absl::IsNotFound(status);
  checker_.Add(missing ? kMisses : kReadsFailed);
  if (missing) memory_->mailbox(memory_->keys().OwnerOf(key)).Send(key);
  return !missing;
}

void LoadThread::WriteShare() {
  const double percent = memory_->setup().write_percent;
  writes_due_ += kBatch * percent / (100 - percent);
  for (; writes_due_ >= 1; --writes_due_) {
    if (writer_.Write(DrawOwnKey())) continue;
    writes_due_ = 0;  // What cannot be written now is not made up for later.
    absl::SleepFor(kPauseAfterFailure);
    return;
  }
}

// As popular keys are read more, they are written more. Most draws are of keys that others own.
uint32_t LoadThread::DrawOwnKey() {
  const KeySpace& keys = memory_->keys();
  uint32_t key = 0;
  for (uint32_t i = 0; i < 64 * keys.slot_count(); ++i) {
    key = keys.KeyOfRank(popularity_->Draw(&random_));
    if (keys.OwnerOf(key) == slot_) return key;
  }
  return keys.NeighbourOwnedBy(slot_, key);
}

void LoadThread::Refill() {
  std::vector<uint32_t> wanted;
  memory_->mailbox(slot_).Receive(kRefillsPerBatch, &wanted);
  if (wanted.empty()) return;
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  const int64_t written_before = NowNanos() - kRefillPauseNanos;
  const auto written_lately = [&](uint32_t key) { return memory_->versions().LastEndNanos(key) > written_before; };
  wanted.erase(std::remove_if(wanted.begin(), wanted.end(), written_lately), wanted.end());
  if (!wanted.empty()) checker_.Add(kRefills, writer_.WriteMany(wanted, /*keep_local=*/true));
}

}  // namespace nearcache::bench::tour
