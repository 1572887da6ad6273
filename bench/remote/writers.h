// Changes as the library makes them, and as one makes them without it: what the benchmarks of writes share.

#ifndef BENCH_REMOTE_WRITERS_H_
#define BENCH_REMOTE_WRITERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "bench/remote/raw_connection.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/coherence/coordinator.h"
#include "nearcache/internal/local/local_tier.h"
#include "nearcache/internal/remote/redis_store.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::bench {

constexpr size_t kWrittenValueBytes = 500;

// Of the 10,000 that are written.
std::string WrittenKey(uint64_t number);

// The namespace that is written to.
const internal::remote::ScriptNames& WrittenNames();
inline constexpr char kWrittenChannel[] = "g:channel";
inline constexpr internal::OperationId kWrittenEpoch{9, 9};

// A value as the library stores it, of kWrittenValueBytes bytes with its frame.
std::string WrittenFrame(const std::string& key, internal::OperationId id);

// SET with a time to live and PUBLISH, pipelined: `n` of both leave together, the next when all are answered. Not
// atomic, no chain.
void WritePlainly(RawConnection* connection, int n, int writes);

// The library from the store down, with the protocol going on beside it. REQUIRES: the namespace's epoch is
// kWrittenEpoch
class StoreWriter {
 public:
  explicit StoreWriter(const std::string& socket_path);
  ~StoreWriter();

  // `n` in flight all the time: the next leaves as soon as one is answered. Returns when the last is.
  void Write(int n, int writes);

  internal::remote::StoreStats stats() const { return store_->GetStats(); }

 private:
  void Next();

  internal::OperationIdSource ids_{internal::OperationIdSource::RandomNonce()};
  std::unique_ptr<internal::local::LocalTier> tier_;
  std::unique_ptr<internal::remote::RedisStore> store_;
  std::unique_ptr<internal::coherence::Coordinator> coordinator_;
  std::atomic<int> left_to_send_{0};
  std::atomic<int> left_to_end_{0};
  std::atomic<uint64_t> number_{0};
  absl::Notification* end_ = nullptr;
};

}  // namespace nearcache::bench

#endif  // BENCH_REMOTE_WRITERS_H_
