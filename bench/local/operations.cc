// Does one kind of operation on the local tier, so often that an instruction counter has something to divide by:
//
//   valgrind --tool=callgrind --cache-sim=yes --toggle-collect='*Measured*' bazel-bin/bench/local/operations hit 100000
//
//   hit     visits the bytes in place; all keys are there, Zipf 0.99
//   copy    as `hit`, copies them to a string
//   hold    as `hit`, counts a reference
//   miss    keys that are not there, as far as the hit path goes
//   fill    new keys into a tier that has room
//   evict   new keys into a full tier: each drives out another
//   replace new values of keys that are there, Zipf 0.99
//
// Counts are exact and the same on a busy machine. Divide the counted instructions by the number of operations; the
// program prints the wall time of one as well. Keys have 20 to 40 bytes, values 100 to 1000.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/support/corpus.h"
#include "bench/support/request_stream.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/hashed_key.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/value.h"

namespace nearcache::internal::local {
namespace {

constexpr uint32_t kKeys = 100'000;
constexpr MonotonicNanos kHour = 3'600'000'000'000;

struct Load {
  explicit Load(size_t capacity_bytes) {
    LocalTierOptions options;
    options.capacity_bytes = capacity_bytes;
    options.staleness_bound = absl::Milliseconds(500);
    options.seed = 1;
    tier = LocalTier::Create(options);
    tier->lane(0).Open(clock.Now() + kHour);
  }

  HashedKey Hashed(absl::string_view key) const { return HashKey(key, tier->hash_seed()); }

  // `count` keys from number `begin` on, made beforehand so that making them is not measured.
  std::vector<std::string> Keys(uint32_t begin, uint32_t count) const {
    std::vector<std::string> keys;
    char buffer[bench::Corpus::kKeyBytesLimit];
    for (uint32_t i = 0; i < count; ++i) keys.emplace_back(corpus.Key(begin + i, buffer));
    return keys;
  }

  void Put(const HashedKey& key, absl::string_view value) {
    const MonotonicNanos now = clock.NowCoarse();
    tier->Put(key, value, ids.Next(), now, now + kHour);
  }

  const Clock& clock = *Clock::Real();
  const bench::Corpus corpus{bench::Shape()};
  OperationIdSource ids{1};
  std::unique_ptr<LocalTier> tier;
};

// The one function whose instructions are counted; operations are templates so that no call of ours is among them.
template <typename Operation>
__attribute__((noinline)) void Measured(const Operation& operation, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) operation(i);
}

template <typename Operation>
void Measure(const Operation& operation, uint32_t count) {
  const auto begin = std::chrono::steady_clock::now();
  Measured(operation, count);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%.1f ns per operation\n", 1e9 * seconds.count() / count);
}

void Fill(Load* load) {
  char buffer[bench::Corpus::kKeyBytesLimit];
  for (uint32_t i = 0; i < kKeys; ++i) load->Put(load->Hashed(load->corpus.Key(i, buffer)), load->corpus.Value(i));
}

void MeasureReads(const std::string& kind, uint32_t count) {
  Load load(size_t{1} << 30);
  Fill(&load);
  while (load.tier->Maintain(load.clock.Now(), 64)) {
  }
  const bench::RequestStream stream(load.corpus, kKeys, 0.99, kKeys, 1);
  bench::RequestStream::Cursor cursor(stream);
  uint64_t seen = 0;
  std::string copy;
  Value value;
  EntryInfo info;
  const std::vector<std::string> absent = load.Keys(kKeys, kKeys);
  const auto key_of_next = [&] { return load.Hashed(cursor.Next().key()); };
  const auto visit = [&seen](absl::string_view bytes) { seen += static_cast<unsigned char>(bytes.front()); };
  if (kind == "hit") {
    Measure([&](uint32_t /*i*/) { load.tier->Read(key_of_next(), load.clock.NowCoarse(), visit); }, count);
  } else if (kind == "copy") {
    Measure([&](uint32_t /*i*/) { load.tier->GetCopy(key_of_next(), load.clock.NowCoarse(), &copy); }, count);
  } else if (kind == "hold") {
    Measure([&](uint32_t /*i*/) { load.tier->Get(key_of_next(), load.clock.NowCoarse(), &value, &info); }, count);
  } else if (kind == "replace") {
    Measure(
        [&](uint32_t /*i*/) {
          const bench::Request& request = cursor.Next();
          load.Put(load.Hashed(request.key()), load.corpus.Value(request.number));
        },
        count);
  } else {
    Measure([&](uint32_t i) { load.tier->Read(load.Hashed(absent[i % kKeys]), load.clock.NowCoarse(), visit); }, count);
  }
  if (kind == "hit" && seen == 0) std::printf("nothing was read\n");
}

bool Run(const std::string& kind, uint32_t count) {
  if (kind == "fill" || kind == "evict") {
    Load load(kind == "fill" ? size_t{4} << 30 : size_t{32} << 20);
    if (kind == "evict") Fill(&load);
    const uint32_t begin = kind == "evict" ? kKeys : 0;
    const std::vector<std::string> keys = load.Keys(begin, count);
    Measure([&](uint32_t i) { load.Put(load.Hashed(keys[i]), load.corpus.Value(begin + i)); }, count);
    return true;
  }
  for (const char* known : {"hit", "copy", "hold", "miss", "replace"}) {
    if (kind != known) continue;
    MeasureReads(kind, count);
    return true;
  }
  return false;
}

}  // namespace
}  // namespace nearcache::internal::local

int main(int argc, char** argv) {
  const long count = argc == 3 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (count > 0 && nearcache::internal::local::Run(argv[1], static_cast<uint32_t>(count))) return 0;
  std::fprintf(stderr, "usage: operations hit|copy|hold|miss|fill|evict|replace COUNT\n");
  return 2;
}
