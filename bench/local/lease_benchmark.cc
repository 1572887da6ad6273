// What does coherence cost a hit? The hit path as it is, and the same path without its look at the lease (deadline and
// generation of the lane, age of the entry), in turns: the difference of two slices that follow each other, in
// nanoseconds of CPU time, its median over all pairs. The clock read is in both: the time to live needs it.
//
//   lease/N   N keys, Zipf 0.99, all in memory, each older than the bound: so the lease must vouch for every hit
//
// The line at the end of each: goal=coherence_per_hit keys=N value=… limit=3 ok=yes. Instructions, exact on a busy
// machine (twice, once for each path; divide by the hits that the program counts):
//
//   valgrind --tool=callgrind --toggle-collect='*HitsWithLease*' bazel-bin/bench/local/lease_benchmark
//       --benchmark_filter=lease/1000$ --benchmark_min_time=20x

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/support/corpus.h"
#include "bench/support/request_stream.h"
#include "benchmark/benchmark.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/base/thread_slot.h"
#include "nearcache/internal/local/epoch.h"
#include "nearcache/internal/local/striped_local_tier.h"

namespace nearcache::internal::local {

// StripedLocalTier::Hit, with and without its look at the lease.
class LeaseBenchmarkPeer {
 public:
  template <bool kLease>
  static bool Read(StripedLocalTier* tier, const HashedKey& key, MonotonicNanos now,
                   absl::FunctionRef<void(absl::string_view)> visitor) {
    TierState& state = tier->state_;
    const EntryIndex& index = tier->StripeOf(key.hash).index();
    const EntryIndex::Start start = index.Prefetch(key.hash);
    const MonotonicNanos lease = kLease ? state.LeaseOf(key) : 0;
    ThreadSlot& slot = ThisThreadSlot();
    const EpochSection section(slot);
    Entry* const entry = index.Find(key, start);
    if (entry == nullptr) return false;
    const MonotonicNanos latest = state.Latest(now);
    const bool servable =
        kLease ? state.Servable(*entry, latest, lease)
               : entry->era == state.CurrentEra() && latest < entry->expires_at() && !state.IdleTooLong(*entry, latest);
    if (!servable) return false;
    visitor(entry->value());
    state.NoteHit(entry, latest);
    state.counters.Add(slot, Count::kHits);
    return true;
  }
};

namespace {

constexpr double kLimitNanos = 3;
constexpr uint32_t kHitsPerSlice = 2048;
constexpr MonotonicNanos kHour = 3'600'000'000'000;

struct Load {
  explicit Load(uint32_t keys) : stream(corpus, keys, 0.99, std::max(keys, 4 * kHitsPerSlice), 1), cursor(stream) {
    LocalTierOptions options;
    options.capacity_bytes = size_t{2} << 30;
    options.staleness_bound = absl::Milliseconds(100);
    options.seed = 1;
    tier = std::make_unique<StripedLocalTier>(options);
    tier->lane(0).Open(clock.Now() + kHour);
    OperationIdSource ids(1);
    char buffer[bench::Corpus::kKeyBytesLimit];
    const MonotonicNanos before = clock.NowCoarse() - absl::ToInt64Nanoseconds(absl::Seconds(1));
    for (uint32_t i = 0; i < keys; ++i) {
      tier->Put(HashKey(corpus.Key(i, buffer), tier->hash_seed()), corpus.Value(i), ids.Next(), before,
                clock.NowCoarse() + kHour);
    }
    while (tier->Maintain(clock.Now(), 64)) {
    }
  }

  const Clock& clock = *Clock::Real();
  const bench::Corpus corpus{bench::Shape()};
  const bench::RequestStream stream;
  bench::RequestStream::Cursor cursor;
  std::unique_ptr<StripedLocalTier> tier;
  uint64_t hits = 0;
  uint64_t seen = 0;
};

template <bool kLease>
void RunSlice(Load* load) {
  const auto visit = [load](absl::string_view bytes) { load->seen += static_cast<unsigned char>(bytes.front()); };
  for (uint32_t i = 0; i < kHitsPerSlice; ++i) {
    const HashedKey key = HashKey(load->cursor.Next().key(), load->tier->hash_seed());
    load->hits += LeaseBenchmarkPeer::Read<kLease>(load->tier.get(), key, load->clock.NowCoarse(), visit);
  }
}

__attribute__((noinline)) void HitsWithLease(Load* load) { RunSlice<true>(load); }
__attribute__((noinline)) void HitsWithoutLease(Load* load) { RunSlice<false>(load); }

double CpuNanos() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

double NanosPerHit(void (*slice)(Load*), Load* load) {
  const double before = CpuNanos();
  slice(load);
  return (CpuNanos() - before) / kHitsPerSlice;
}

double Median(std::vector<double>* values) {
  std::sort(values->begin(), values->end());
  return (*values)[values->size() / 2];
}

// By number of keys; told at the end.
std::map<int64_t, double>& Differences() {
  static auto* const differences = new std::map<int64_t, double>;
  return *differences;
}

void Lease(benchmark::State& state) {
  Load load(static_cast<uint32_t>(state.range(0)));
  std::vector<double> with;
  std::vector<double> without;
  std::vector<double> difference;
  bool turn = false;
  for (auto _ : state) {
    turn = !turn;
    const double first = NanosPerHit(turn ? HitsWithLease : HitsWithoutLease, &load);
    const double second = NanosPerHit(turn ? HitsWithoutLease : HitsWithLease, &load);
    with.push_back(turn ? first : second);
    without.push_back(turn ? second : first);
    difference.push_back(with.back() - without.back());
  }
  if (load.hits != 2 * kHitsPerSlice * static_cast<uint64_t>(state.iterations())) {
    return state.SkipWithError("a read was no hit");
  }
  state.counters["hits_per_path"] = static_cast<double>(load.hits / 2);
  state.counters["with_ns"] = Median(&with);
  state.counters["without_ns"] = Median(&without);
  state.counters["difference_ns"] = Differences()[state.range(0)] = Median(&difference);
}

BENCHMARK(Lease)->Name("lease")->Arg(1)->Arg(1000)->Arg(1'000'000)->MinTime(4)->Unit(benchmark::kMillisecond);

// Whether all are within the limit.
bool TellGoals() {
  bool all = true;
  for (const auto& [keys, nanos] : Differences()) {
    const bool ok = nanos <= kLimitNanos;
    std::printf("goal=coherence_per_hit keys=%lld value=%.2f limit=%.0f ok=%s\n", static_cast<long long>(keys), nanos,
                kLimitNanos, ok ? "yes" : "no");
    all &= ok;
  }
  return all;
}

}  // namespace
}  // namespace nearcache::internal::local

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return nearcache::internal::local::TellGoals() ? 0 : 1;
}
