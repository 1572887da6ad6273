// The memory that the coordinator and the workers of one run share: what was asked for, what the faults are, what is
// counted, and the truth about every key. The coordinator creates it as an anonymous file; a worker inherits the
// descriptor. It survives every worker.
//
// Everything in it is a lock-free atomic, or is written before the first worker starts. Zeroed memory is its first
// state.

#ifndef BENCH_COHERENCE_TORTURE_ARENA_H_
#define BENCH_COHERENCE_TORTURE_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/coherence_torture/clear_notice.h"
#include "bench/coherence_torture/sightings.h"
#include "bench/coherence_torture/violation.h"
#include "bench/processes/key_space.h"
#include "bench/processes/mailbox.h"
#include "bench/processes/shared_mapping.h"
#include "bench/processes/version_table.h"
#include "bench/processes/worker_status.h"

namespace nearcache::bench::torture {

constexpr uint32_t kWorkersMax = 16;
constexpr char kUser[] = "torture";
constexpr char kPassword[] = "torture";
constexpr char kKeyPrefix[] = "torture";

struct Setup {
  uint32_t worker_count = 4;
  uint32_t key_count = 2048;
  // What is claimed and checked, and what the workers' caches are opened with: the same, unless a violation is planted.
  int64_t bound_nanos = 0;
  int64_t opened_bound_nanos = 0;
  // How long a call may take.
  int64_t timeout_nanos = 0;
  uint64_t seed = 1;
  int64_t start_nanos = 0;
  char folder[64] = {};
};

enum class Phase : uint32_t { kFilling, kRunning, kStopping };

enum Count {
  kLocalHits,
  kRemoteHits,
  kMisses,
  kReadsFailed,
  kFreshReads,
  kUnjudged,  // Reads while the store stepped into its past: only their bytes were checked.
  kUnplaced,  // Reads of versions whose write got no answer and may take effect at any time.
  kWritesAcknowledged,
  kWritesUnknown,
  kWritesFailed,
  kAdds,  // Acknowledged, as the next two, and among the writes.
  kIncrements,
  kLivesEnded,    // By Touch and by Expire.
  kLivesChanged,  // By Touch and Persist, to more than a run lasts.
  kLoads,
  kLoadsOvertaken,
  kSyncs,
  kClears,
  kLossesNoticed,
  kCountCount,
};

// What a worker says about its process, five times a second.
enum Gauge {
  kReady,  // Whether memory is served under the lease.
  kDescriptors,
  kThreads,
  kHeapBytes,  // Beside what the local tier counts.
  kStalledNanos,
  kGaugeCount,
};

struct alignas(64) WorkerBlock {
  WorkerStatus status;
  std::atomic<int64_t> oldest_nanos;
  alignas(64) std::atomic<uint64_t> counts[kCountCount];
  alignas(64) std::atomic<int64_t> gauges[kGaugeCount];
  // The same a while after the process began; only if `has_baseline`.
  std::atomic<int64_t> baseline[kGaugeCount];
  std::atomic<uint32_t> has_baseline;
};

// The last time the server was made to lose what it held, as everybody is told.
struct LossNotice {
  std::atomic<uint32_t> number;  // Odd while it happens.
  std::atomic<int64_t> begun_nanos;
  std::atomic<int64_t> ended_nanos;
};

class Arena {
 public:
  static absl::StatusOr<std::unique_ptr<Arena>> Create(const Setup& setup);
  static absl::StatusOr<std::unique_ptr<Arena>> Attach(int descriptor);

  int descriptor() const { return mapping_->descriptor(); }
  const Setup& setup() const { return header_->setup; }
  const KeySpace& keys() const { return keys_; }
  std::atomic<Phase>& phase() { return header_->phase; }
  ViolationLog& violations() { return header_->violations; }
  LossNotice& loss() { return header_->loss; }
  ClearNotice& clears() { return header_->clears; }
  WorkerBlock& worker(uint32_t index) { return workers_[index]; }
  std::vector<WorkerStatus*> worker_statuses();
  Mailbox& mailbox(uint32_t slot) { return mailboxes_[slot]; }
  VersionTable& versions() { return versions_; }
  Sightings& sightings() { return sightings_; }

  // When the store came back from its last step into the past; INT64_MAX while it takes one; 0: it never did.
  std::atomic<int64_t>& store_since_nanos() { return header_->store_since_nanos; }

 private:
  struct alignas(64) Header {
    Setup setup;
    alignas(64) std::atomic<Phase> phase;
    std::atomic<int64_t> store_since_nanos;
    LossNotice loss;
    alignas(64) ClearNotice clears;
    alignas(64) ViolationLog violations;
  };

  explicit Arena(std::unique_ptr<SharedMapping> mapping);

  const std::unique_ptr<SharedMapping> mapping_;
  Header* const header_;
  const KeySpace keys_;
  WorkerBlock* const workers_;
  Mailbox* const mailboxes_;
  Sightings sightings_;
  VersionTable versions_;
};

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_ARENA_H_
