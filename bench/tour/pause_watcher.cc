#include "bench/tour/pause_watcher.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/processes/key_space.h"
#include "bench/processes/record.h"
#include "bench/processes/session_floor.h"
#include "bench/support/clock.h"
#include "bench/tour/read_checker.h"
#include "bench/tour/shared_memory.h"
#include "nearcache/cache.h"

namespace nearcache::bench::tour {
namespace {

constexpr absl::Duration kLookInterval = absl::Milliseconds(1);
constexpr uint32_t kPopularKeys = 2000;

}  // namespace

PauseWatcher::PauseWatcher(Cache* cache, SharedMemory* memory, SessionFloor* floors, uint32_t worker)
    : cache_(cache), memory_(memory), checker_(memory, floors, worker) {}

void PauseWatcher::Run() {
  const int64_t pause_nanos = memory_->setup().bound_nanos / 2;
  int64_t last_nanos = NowNanos();
  while (memory_->phase().load(std::memory_order_relaxed) != Phase::kStopping) {
    absl::SleepFor(kLookInterval);
    const int64_t now_nanos = NowNanos();
    if (now_nanos - last_nanos > pause_nanos) ReadPopularKeys();
    last_nanos = now_nanos;
  }
}

void PauseWatcher::ReadPopularKeys() {
  const KeySpace& keys = memory_->keys();
  for (uint32_t rank = 0; rank < std::min(kPopularKeys, keys.key_count()); ++rank) {
    const uint32_t key = keys.KeyOfRank(rank);
    const ReadChecker::Begun begun = checker_.Begin(key);
    RecordIdentity identity;
    const auto check = [&identity](absl::string_view value) { identity = CheckRecord(value); };
    if (cache_->Read(KeyName(key).view(), check)) checker_.End(begun, identity, kLocalHits);
  }
  checker_.Flush();
}

}  // namespace nearcache::bench::tour
