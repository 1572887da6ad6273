// One process of the multi-process test: reads all keys, writes its own, and checks what it reads.
//
//   worker SOCKET SHARED_FILE INDEX PROCESSES BOUND_MILLISECONDS [foreign]
//
// With "foreign" it writes nothing, and follows programs that write without this library.
//
// Ends when the shared stop flag is set; exit code 0 means that it worked to the end, whatever it found: violations are
// in shared memory.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nearcache/cache.h"
#include "nearcache/options.h"
#include "tests/nearcache/multiprocess/shared_versions.h"

namespace nearcache::testing {
namespace {

struct Work {
  Cache* cache;
  SharedVersions* versions;
  size_t index;
  size_t processes;
  int64_t bound_nanos;
};

// The loop of the file in which a machine this busy may stop between the end of a read's clock look and the read itself
// needs no allowance: the look comes first.
void CheckRead(const Work& work, size_t key, absl::string_view value, int64_t began) {
  SharedVersions::Totals& totals = work.versions->totals();
  const uint64_t version = ParseVersionedValue(key, value);
  if (version == 0) {
    std::fprintf(stderr, "worker %zu: key %zu holds %zu bytes that are no value of it\n", work.index, key,
                 value.size());
    totals.violations.fetch_add(1);
    return;
  }
  const int64_t stale = work.versions->StaleNanos(key, version, began);
  int64_t oldest = totals.oldest_nanos.load();
  while (stale > oldest && !totals.oldest_nanos.compare_exchange_weak(oldest, stale)) {
  }
  if (stale <= work.bound_nanos) return;
  std::fprintf(stderr, "worker %zu: version %llu of key %zu was read %lld us after it had been replaced\n", work.index,
               static_cast<unsigned long long>(version), key, static_cast<long long>(stale / 1000));
  totals.violations.fetch_add(1);
}

void ReadLoop(const Work& work, unsigned seed) {
  std::mt19937 random(seed);
  SharedVersions::Totals& totals = work.versions->totals();
  while (!work.versions->stop().load()) {
    // Skewed: half of the reads go to an eighth of the keys.
    const size_t range = random() % 2 == 0 ? SharedVersions::kKeys / 8 : SharedVersions::kKeys;
    const size_t key = random() % range;
    ReadInfo info;
    ReadOptions options;
    options.info = &info;
    const int64_t began = SharedNow();
    const absl::StatusOr<Value> value = work.cache->Get(absl::StrCat("key", key), options);
    totals.reads.fetch_add(1);
    if (!value.ok()) continue;
    if (info.source == ReadInfo::Source::kLocal) totals.hits.fetch_add(1);
    CheckRead(work, key, value->view(), began);
  }
}

void WriteLoop(const Work& work, unsigned seed) {
  std::mt19937 random(seed);
  while (!work.versions->stop().load()) {
    const size_t own = random() % (SharedVersions::kKeys / work.processes);
    const size_t key = own * work.processes + work.index;
    const uint64_t version = work.versions->NextVersion(key);
    if (version >= SharedVersions::kVersionsMax) return;
    const absl::Status set = work.cache->Set(absl::StrCat("key", key), MakeVersionedValue(key, version));
    if (!set.ok()) continue;
    work.versions->NoteAcknowledged(key, version, SharedNow());
    work.versions->totals().writes.fetch_add(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

int Run(char** arguments, bool foreign) {
  Options options;
  options.remote.unix_socket = arguments[1];
  const std::unique_ptr<SharedVersions> versions = SharedVersions::Attach(arguments[2]);
  uint32_t index = 0;
  uint32_t processes = 0;
  int64_t bound_milliseconds = 0;
  if (versions == nullptr || !absl::SimpleAtoi(arguments[3], &index) || !absl::SimpleAtoi(arguments[4], &processes) ||
      !absl::SimpleAtoi(arguments[5], &bound_milliseconds)) {
    return 2;
  }
  options.coherence.staleness_bound = absl::Milliseconds(bound_milliseconds);
  options.coherence.foreign_writers = foreign;
  const absl::StatusOr<std::unique_ptr<Cache>> cache = Cache::Open(options);
  if (!cache.ok()) return 3;
  const Work work = {cache->get(), versions.get(), index, processes, bound_milliseconds * 1'000'000};
  const unsigned seed = std::random_device()();
  std::fprintf(stderr, "worker %u: seed %u\n", index, seed);
  std::vector<std::thread> threads;
  threads.emplace_back(ReadLoop, work, seed);
  threads.emplace_back(ReadLoop, work, seed + 1);
  if (!foreign) threads.emplace_back(WriteLoop, work, seed + 2);
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace nearcache::testing

int main(int argc, char** argv) {
  const bool foreign = argc == 7 && std::string(argv[6]) == "foreign";
  if (argc != 6 && !foreign) return 1;
  return nearcache::testing::Run(argv, foreign);
}
