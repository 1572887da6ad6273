// What does a hit of the local tier cost? Everything is in: hash of the key, coarse clock read, look-up, expiry and
// lease, statistics.
//
//   Read     visits the bytes in place
//   GetCopy  copies them to a string
//   Get      counts a reference
//   GetMany  the same for a batch, against Gets one by one; also as users call it, on the class Cache
//
// on one key, on 1000 keys that stay in the CPU's caches, and on a million keys that do not (Zipf 0.99), with one
// thread and with two. Keys have 20 to 40 bytes, values 100 to 1000. `insert` and `insert_full` fill an empty tier and
// replace in a full one. The parts of a hit alone are measured beside it: hash, coarse clock, an uncontended seq_cst
// store.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/random/zipf_distribution.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "nearcache/cache.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/options.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

constexpr size_t kStreamLength = size_t{1} << 20;

std::string KeyNumber(size_t number) {
  std::string key = absl::StrCat("user:", number, ":profile:");
  key.resize(20 + number % 21, 'k');
  return absl::StrCat(key.substr(0, key.size() - 8), absl::Hex(number, absl::kZeroPad8));
}

size_t ValueSize(size_t number) { return 100 + (number * 7919) % 901; }

// A request as a server has it: the key lies in the record, and records are read one after the other.
struct Request {
  char key[47];
  uint8_t key_size;

  absl::string_view view() const { return {key, key_size}; }
};

Request RequestFor(size_t number) {
  const std::string key = KeyNumber(number);
  Request request{};
  request.key_size = static_cast<uint8_t>(key.copy(request.key, sizeof(request.key)));
  return request;
}

std::vector<Request> StreamFor(size_t keys, size_t thread) {
  std::mt19937_64 random(thread + 1);
  absl::zipf_distribution<uint64_t> zipf(keys - 1, 1.0001, 1.0);
  std::vector<Request> stream;
  const size_t length = std::min(kStreamLength, keys * 64);
  for (size_t i = 0; i < length; ++i) {
    // Popular keys are scattered over the key space, as they are in life.
    const uint64_t rank = keys > 1 ? zipf(random) : 0;
    stream.push_back(RequestFor(rank * 0x9E3779B1 % keys));
  }
  return stream;
}

// A tier with `keys` entries, and one stream of requests per thread.
struct Load {
  explicit Load(size_t keys) {
    LocalTierOptions options;
    options.capacity_bytes = size_t{2} << 30;
    options.staleness_bound = absl::Seconds(3600);
    tier = LocalTier::Create(options);
    const std::string bytes(1000, 'v');
    OperationIdSource ids(1);
    const MonotonicNanos now = options.clock->NowCoarse();
    for (size_t i = 0; i < keys; ++i) {
      const std::string key = KeyNumber(i);
      const absl::string_view value = absl::string_view(bytes).substr(0, ValueSize(i));
      tier->Put(HashKey(key, tier->hash_seed()), value, ids.Next(), now, now + 3'600'000'000'000);
    }
    while (tier->Maintain(now, 64)) {
    }
    for (size_t thread = 0; thread < 2; ++thread) streams.push_back(StreamFor(keys, thread));
  }

  std::unique_ptr<LocalTier> tier;
  std::vector<std::vector<Request>> streams;
};

Load& LoadOf(size_t keys) {
  static auto* const one = new Load(1);
  static auto* const thousand = new Load(1000);
  if (keys == 1) return *one;
  if (keys == 1000) return *thousand;
  static auto* const million = new Load(1'000'000);
  return *million;
}

template <typename Access>
void RunHits(benchmark::State& state, const Access& access) {
  Load& load = LoadOf(static_cast<size_t>(state.range(0)));
  const std::vector<Request>& stream = load.streams[static_cast<size_t>(state.thread_index())];
  const Clock& clock = *Clock::Real();
  const uint64_t seed = load.tier->hash_seed();
  size_t next = 0;
  uint64_t hits = 0;
  for (auto _ : state) {
    hits += access(*load.tier, HashKey(stream[next].view(), seed), clock.NowCoarse());
    if (++next == stream.size()) next = 0;
  }
  state.counters["hit_ratio"] = benchmark::Counter(static_cast<double>(hits) / static_cast<double>(state.iterations()),
                                                   benchmark::Counter::kAvgThreads);
}

void Read(benchmark::State& state) {
  RunHits(state, [](LocalTier& tier, const HashedKey& key, MonotonicNanos now) {
    return tier.Read(key, now, [](absl::string_view value) { benchmark::DoNotOptimize(value.front() + value.back()); });
  });
}

void GetCopy(benchmark::State& state) {
  std::string copy;
  RunHits(state,
          [&](LocalTier& tier, const HashedKey& key, MonotonicNanos now) { return tier.GetCopy(key, now, &copy); });
}

void Get(benchmark::State& state) {
  Value value;
  EntryInfo info;
  RunHits(state,
          [&](LocalTier& tier, const HashedKey& key, MonotonicNanos now) { return tier.Get(key, now, &value, &info); });
}

// Batches, in turn by Gets and by GetMany; the time shown is of both. The counters are nanoseconds per key, and what
// one is of the other.
void GetManyAgainstGets(benchmark::State& state) {
  Load& load = LoadOf(static_cast<size_t>(state.range(0)));
  const std::vector<Request>& stream = load.streams[0];
  const Clock& clock = *Clock::Real();
  const uint64_t seed = load.tier->hash_seed();
  const auto batch = static_cast<size_t>(state.range(1));
  std::vector<HashedKey> keys(batch);
  std::vector<Value> values(batch);
  EntryInfo info;
  size_t next = 0;
  uint64_t seen = 0;
  MonotonicNanos nanos[2] = {0, 0};
  int64_t batches[2] = {0, 0};
  for (auto _ : state) {
    for (const bool many : {false, true}) {
      const MonotonicNanos begin = clock.Now();
      for (HashedKey& key : keys) {
        key = HashKey(stream[next].view(), seed);
        if (++next == stream.size()) next = 0;
      }
      const MonotonicNanos now = clock.NowCoarse();
      if (many) {
        load.tier->GetMany(keys, now, [&](size_t i, Value value) { values[i] = std::move(value); });
      } else {
        for (size_t i = 0; i < batch; ++i) load.tier->Get(keys[i], now, &values[i], &info);
      }
      for (const Value& value : values) seen += static_cast<unsigned char>(value.view().front());
      benchmark::DoNotOptimize(seen);
      nanos[many ? 1 : 0] += clock.Now() - begin;
      ++batches[many ? 1 : 0];
    }
  }
  const auto keys_read = static_cast<double>(batches[0]) * static_cast<double>(batch);
  state.counters["gets"] = static_cast<double>(nanos[0]) / keys_read;
  state.counters["many"] = static_cast<double>(nanos[1]) / keys_read;
  state.counters["many/gets"] = static_cast<double>(nanos[1]) / static_cast<double>(nanos[0]);
}

BENCHMARK(GetManyAgainstGets)->ArgsProduct({{1000, 1'000'000}, {4, 16, 64}});

// A cache without a server, with `keys` entries; its requests are those of LoadOf.
std::unique_ptr<Cache> OpenCache(size_t keys) {
  Options options;
  options.local.capacity_bytes = size_t{2} << 30;
  std::unique_ptr<Cache> cache = *Cache::Open(options);
  WriteOptions write;
  write.time_to_live = absl::Hours(1);
  const std::string bytes(1000, 'v');
  for (size_t i = 0; i < keys; ++i) {
    cache->Set(KeyNumber(i), absl::string_view(bytes).substr(0, ValueSize(i)), write).IgnoreError();
  }
  return cache;
}

Cache& CacheOf(size_t keys) {
  static Cache* const thousand = OpenCache(1000).release();
  if (keys == 1000) return *thousand;
  static Cache* const million = OpenCache(1'000'000).release();
  return *million;
}

// What Cache::GetMany costs against as many Cache::Gets, the vector of results included; as GetManyAgainstGets.
void CacheGetManyAgainstGets(benchmark::State& state) {
  Cache& cache = CacheOf(static_cast<size_t>(state.range(0)));
  const std::vector<Request> stream = StreamFor(static_cast<size_t>(state.range(0)), /*thread=*/0);
  const Clock& clock = *Clock::Real();
  const auto batch = static_cast<size_t>(state.range(1));
  std::vector<absl::string_view> keys(batch);
  size_t next = 0;
  uint64_t seen = 0;
  uint64_t misses = 0;
  MonotonicNanos nanos[2] = {0, 0};
  int64_t batches = 0;
  const auto look = [&](const absl::StatusOr<Value>& value) {
    if (value.ok()) {
      seen += static_cast<unsigned char>(value->view().front());
    } else {
      ++misses;
    }
  };
  for (auto _ : state) {
    for (const bool many : {false, true}) {
      const MonotonicNanos begin = clock.Now();
      for (absl::string_view& key : keys) {
        key = stream[next].view();
        if (++next == stream.size()) next = 0;
      }
      if (many) {
        for (const absl::StatusOr<Value>& value : cache.GetMany(keys)) look(value);
      } else {
        for (const absl::string_view key : keys) look(cache.Get(key));
      }
      benchmark::DoNotOptimize(seen);
      nanos[many ? 1 : 0] += clock.Now() - begin;
    }
    ++batches;
  }
  const auto keys_read = static_cast<double>(batches) * static_cast<double>(batch);
  state.counters["gets"] = static_cast<double>(nanos[0]) / keys_read;
  state.counters["many"] = static_cast<double>(nanos[1]) / keys_read;
  state.counters["many/gets"] = static_cast<double>(nanos[1]) / static_cast<double>(nanos[0]);
  state.counters["misses"] = static_cast<double>(misses);
}

BENCHMARK(CacheGetManyAgainstGets)->ArgsProduct({{1000, 1'000'000}, {4, 16, 64}});

BENCHMARK(Read)->Arg(1)->Arg(1000)->Arg(1'000'000)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(GetCopy)->Arg(1)->Arg(1000)->Arg(1'000'000)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(Get)->Arg(1)->Arg(1000)->Arg(1'000'000)->ThreadRange(1, 2)->UseRealTime();

void Insert(benchmark::State& state) {
  LocalTierOptions options;
  options.capacity_bytes = static_cast<size_t>(state.range(0)) << 20;
  const std::unique_ptr<LocalTier> tier = LocalTier::Create(options);
  const std::string bytes(1000, 'v');
  size_t number = 0;
  for (auto _ : state) {
    const std::string key = KeyNumber(number);
    tier->Put(HashKey(key, tier->hash_seed()), absl::string_view(bytes).substr(0, ValueSize(number)),
              OperationId{1, number + 1}, Clock::Real()->NowCoarse(), kNever);
    ++number;
  }
  const LocalTierStats stats = tier->GetStats();
  state.counters["entries"] = static_cast<double>(stats.entries);
  state.counters["bytes_per_entry"] =
      static_cast<double>(stats.bytes) / static_cast<double>(std::max<uint64_t>(1, stats.entries));
}

BENCHMARK(Insert)->Name("insert")->Arg(2048)->Iterations(1'000'000);
BENCHMARK(Insert)->Name("insert_full")->Arg(64)->Iterations(1'000'000);

void HashAlone(benchmark::State& state) {
  const std::vector<Request>& stream = LoadOf(1000).streams[0];
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(HashBytes(stream[next].view(), 1));
    if (++next == stream.size()) next = 0;
  }
}

void CoarseClockAlone(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Clock::Real()->NowCoarse());
}

void AnnouncementAlone(benchmark::State& state) {
  std::atomic<uint64_t> slot{0};
  for (auto _ : state) {
    slot.store(1, std::memory_order_seq_cst);
    slot.store(0, std::memory_order_release);
  }
}

BENCHMARK(HashAlone)->Name("part/hash");
BENCHMARK(CoarseClockAlone)->Name("part/coarse_clock");
BENCHMARK(AnnouncementAlone)->Name("part/announcement");

}  // namespace
}  // namespace nearcache::internal::local
