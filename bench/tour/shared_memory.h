// The memory that the coordinator and the workers of one tour share: what was asked for, how far everybody is, what is
// counted, and the truth about every key. The coordinator creates it as an anonymous file; a worker inherits the
// descriptor and maps the same bytes. It survives every worker: one that is killed leaves its counts behind and its
// successor goes on with them.
//
// Everything in it is a lock-free atomic, or is written before the first worker starts. Zeroed memory is its first
// state.

#ifndef BENCH_TOUR_SHARED_MEMORY_H_
#define BENCH_TOUR_SHARED_MEMORY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/processes/judge.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/shared_mapping.h"
#include "bench/processes/version_table.h"
#include "bench/processes/worker_status.h"
#include "bench/support/histogram.h"

namespace nearcache::bench::tour {

constexpr uint32_t kWorkerCountMax = 16;

// What every process has to know. Written once, before the first worker starts.
struct Setup {
  uint32_t worker_count = 4;
  uint32_t threads_per_worker = 2;
  uint32_t key_count = 200'000;
  double zipf_exponent = 0.99;
  double write_percent = 1;
  int64_t bound_nanos = 0;
  uint64_t local_bytes = 0;
  uint64_t seed = 1;
  // One worker keeps serving private copies that nobody invalidates, to show that the judge notices; -1: none does.
  int32_t stale_worker = -1;
  // Path of the server's unix socket; empty: there is no server and each worker is a world of its own.
  char socket_path[108] = {};

  bool has_server() const { return socket_path[0] != '\0'; }
  uint32_t slot_count() const { return worker_count * threads_per_worker; }
};

// The next one begins when every worker is as far; all open their caches for the load in the calm after the fill.
enum class Phase : uint32_t { kFilling, kOpening, kRunning, kStopping };

// What a worker's threads count, from outside the cache.
enum Count {
  kLocalHits,
  kRemoteHits,
  kMisses,
  kReadsFailed,
  kFreshReads,     // Of the remote hits: those that had to be fresh.
  kOutdatedReads,  // Of all: the value had been replaced already, within the bound.
  kWritesAcknowledged,
  kWritesUnknown,
  kWritesFailed,
  kRefills,       // Of the acknowledged writes: because the key was found missing.
  kFirstFinding,  // One per Finding from here on.
  kCountCount = kFirstFinding + kFindingCount,
};
using Counts = std::array<uint64_t, kCountCount>;

// What a worker's cache says about itself (CacheStats), published ten times a second.
enum Gauge {
  kLagP50Nanos,
  kLagP99Nanos,
  kLagMaxNanos,
  kHeartbeatAgeNanos,
  kGenerations,
  kChannelLosses,
  kConnects,
  kInvalidations,
  kFillsRefused,
  kLeaseMisses,
  kLocalBytes,
  kLocalEntries,
  kFramesUnusable,
  kGaugeCount,
};
using Gauges = std::array<int64_t, kGaugeCount>;

// Who asks for the oldest value served since he last asked.
enum class Observer { kSeries, kTable, kSummary };
constexpr int kObserverCount = 3;

struct alignas(64) WorkerBlock {
  WorkerStatus status;
  alignas(64) std::atomic<uint64_t> counts[kCountCount];
  alignas(64) std::atomic<int64_t> gauges[kGaugeCount];
  alignas(64) std::atomic<int64_t> oldest_served_nanos[kObserverCount];
  Histogram remote_latency_nanos;
  Histogram hit_tenths_of_nanos;  // Per read of a sampled batch.
  Histogram outdated_age_nanos;   // How long ago outdated values had been replaced.
};

// The first violations of each kind, in full.
struct ViolationRecord {
  std::atomic<uint32_t> complete;
  Finding finding;
  uint32_t worker;
  uint32_t key;
  uint32_t version;
  uint32_t successor;
  uint32_t floor;
  bool from_memory;
  int64_t age_nanos;
  int64_t begun_nanos;
};

struct ViolationLog {
  static constexpr uint32_t kRecordsOfEachFinding = 4;

  std::atomic<uint32_t> counts[kFindingCount];
  ViolationRecord records[kFindingCount][kRecordsOfEachFinding];
};

class SharedMemory {
 public:
  // kResourceExhausted, kInternal: the system refused the memory.
  static absl::StatusOr<std::unique_ptr<SharedMemory>> Create(const Setup& setup);

  // Maps what `descriptor`, inherited from the creator, refers to.
  static absl::StatusOr<std::unique_ptr<SharedMemory>> Attach(int descriptor);

  int descriptor() const { return mapping_->descriptor(); }
  const Setup& setup() const { return header_->setup; }
  const KeySpace& keys() const { return keys_; }

  std::atomic<Phase>& phase() { return header_->phase; }
  ViolationLog& violations() { return header_->violations; }
  WorkerBlock& worker(uint32_t index) { return workers_[index]; }
  std::vector<WorkerStatus*> worker_statuses();
  Mailbox& mailbox(uint32_t slot) { return mailboxes_[slot]; }
  VersionTable& versions() { return versions_; }

 private:
  struct alignas(64) Header {
    Setup setup;
    std::atomic<Phase> phase;
    ViolationLog violations;
  };

  explicit SharedMemory(std::unique_ptr<SharedMapping> mapping);
  static size_t BytesNeeded(const Setup& setup);

  const std::unique_ptr<SharedMapping> mapping_;
  Header* const header_;
  const KeySpace keys_;
  WorkerBlock* const workers_;
  Mailbox* const mailboxes_;
  VersionTable versions_;
};

}  // namespace nearcache::bench::tour

#endif  // BENCH_TOUR_SHARED_MEMORY_H_
