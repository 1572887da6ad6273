// A cache in two tiers: the memory of this process in front of a Redis that all processes share. When any process
// changes a value, every other process stops serving the old one, and a read is never staler than
// Options::coherence.staleness_bound, whatever breaks. README tells the promise and its limits in five sentences.
//
//   absl::StatusOr<std::unique_ptr<nearcache::Cache>> cache = nearcache::Cache::Open(options);
//   absl::Status stored = (*cache)->Set("user:42", bytes);
//   absl::StatusOr<nearcache::Value> value = (*cache)->Get("user:42");
//
// Conventions, for every call below:
//
// * Threads. A Cache is thread-safe. Open one per service, not one per request.
// * Cost. A read that memory answers takes no lock, allocates nothing and makes no system call; the rest waits for the
//   server, for at most the call's deadline (CallOptions::timeout, else Options::remote.command_timeout).
// * Keys are binary-safe, not empty, at most Options::limits.key_bytes_max bytes. Values at most value_bytes_max.
// * A missing key is not an error of the cache, yet has no Value: it is kNotFound.
// * Async twins (…Async) take a callback. It is called exactly once: during the call if memory had the answer or the
// call
//   was refused, else on the executor (Options::executor). It may use the cache, and may even destroy it.
// * Errors. Besides what a call says itself, each can end with
//     kInvalidArgument     key, value or option out of bounds; the text names the limit
//     kDeadlineExceeded    no answer in time
//     kUnavailable         no connection to the server, it refuses to work just now, or the circuit breaker is open
//     kResourceExhausted   a limit of Options::limits or Options::remote was reached, or the server is out of memory
//     kFailedPrecondition  the key holds another Redis type (Set and Delete replace and remove it all the same), or the
//                          cache was closed
//     kPermissionDenied, kUnauthenticated   the server's ACL or password
//     kInternal            the server broke its protocol
// * Outcome of changes. A change whose Status carries OutcomeUnknown() may have taken effect, or may yet, once; any
//   other error means that it was certainly not executed. Nothing is retried behind your back except deletes, within a
//   budget (RemoteOptions::retry_share).
// * Breaker. While the circuit breaker is open (Options::remote.breaker) each call does what its lines below say;
//   "refused" is kUnavailable at once, certainly not executed, with the words "circuit breaker" in the text.
// * After a change that failed on its way this process serves neither the old nor the new value from memory. One that
//   was refused at once (arguments, limits of this process, the breaker, a closed cache) leaves everything as it was.
// * Without a remote tier (Options::has_remote) memory is all there is: changes are exact and immediate, values live as
//   long as their writers say, local.time_to_live_max or not, and what does not fit into memory is kInvalidArgument.
// * A child of fork() must open a cache of its own: on the parent's, its calls are kFailedPrecondition.

#ifndef NEARCACHE_CACHE_H_
#define NEARCACHE_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "nearcache/inspect.h"
#include "nearcache/options.h"
#include "nearcache/stats.h"
#include "nearcache/value.h"

namespace nearcache {

namespace internal::conductor {
class Core;
}  // namespace internal::conductor

namespace testing {
class CacheTestPeer;
}  // namespace testing

// True if a failed change may nevertheless take effect: the answer of the server never came.
bool OutcomeUnknown(const absl::Status& status);

// What every call takes. Aggregates: CallOptions{.timeout = …} in C++20, assignments in C++17.
struct CallOptions {
  // How long the call may take; infinite means Options::remote.command_timeout. Not negative.
  absl::Duration timeout = absl::InfiniteDuration();
};

// Which tier answered a read, and what it knew. Filled on success when asked for.
struct ReadInfo {
  enum class Source { kLocal, kRemote, kLoader };
  Source source = Source::kLocal;
  // Since the value was fetched from the remote tier or loaded.
  absl::Duration age;
  // Remaining life, as far as that tier knows: that of a copy in memory may end earlier (local.time_to_live_max).
  // Infinite if it has no end.
  absl::Duration time_to_live = absl::InfiniteDuration();
};

struct ReadOptions : CallOptions {
  // Skip memory and ask the remote tier: nothing acknowledged before this call began is missing from the answer.
  bool fresh = false;
  // Not owned; may be null.
  ReadInfo* info = nullptr;
};

struct WriteOptions : CallOptions {
  // Life of the value; unset means Options::default_time_to_live. Zero and negative ones are refused (delete the key
  // instead), absl::InfiniteDuration() keeps it until it is evicted or deleted, and so does any life above a hundred
  // years. Rounded up to whole milliseconds.
  absl::optional<absl::Duration> time_to_live;
  // Keep the value in this process's memory once it is acknowledged. False: only the remote tier gets it, if there is
  // one.
  bool keep_local = true;
};

struct IncrementOptions : WriteOptions {
  // Whether an absent key begins at 0, with time_to_live, or is kNotFound. An existing number keeps its own life.
  bool create = true;
};

struct ExplainOptions : CallOptions {
  // Ask the remote tier, too: one round trip.
  bool ask_remote = false;
};

struct LoadOptions : WriteOptions {
  // Not owned; may be null.
  ReadInfo* info = nullptr;
};

// The answer of Execute: one reply of the server, of any type of the Redis protocol.
struct ExecuteReply {
  enum class Type { kNil, kString, kError, kInteger, kDouble, kBool, kArray };
  Type type = Type::kNil;
  Value string;                        // kString, kError.
  int64_t integer = 0;                 // kInteger, kBool.
  double number = 0;                   // kDouble.
  std::vector<ExecuteReply> elements;  // kArray; a map of n pairs has 2n elements.
};

template <typename T>
using Callback = absl::AnyInvocable<void(T) &&>;

// Produces the bytes of a value that neither tier has. Runs on the executor, or for GetOrLoad on the caller's thread.
// Must not throw. kNotFound from a loader is passed on and not cached.
using Loader = absl::AnyInvocable<absl::StatusOr<std::string>(absl::string_view key) &&>;

using KeyAndValue = std::pair<absl::string_view, absl::string_view>;

class Cache {
 public:
  // Opens a cache. Returns as soon as the options are validated and the threads started, without waiting for the
  // server: a service must be able to start while Redis is down. WaitUntilReady waits.
  //
  //   kInvalidArgument, kUnimplemented   as Options::Validate
  //   kResourceExhausted                 no threads or descriptors left
  static absl::StatusOr<std::unique_ptr<Cache>> Open(const Options& options);

  // Closes with a deadline of one second, if Close was not called. May be called from a callback of this cache.
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // Waits until the remote tier answers and memory may be served under the lease, or says what is in the way. Ok at
  // once without a remote tier.
  absl::Status WaitUntilReady(absl::Duration timeout);

  // --- Reading

  // The value of `key`, from memory if it is there, otherwise from the remote tier. Concurrent misses of one key share
  // one remote read. kNotFound: neither tier has it. Breaker open: memory answers as always, the rest is refused.
  absl::StatusOr<Value> Get(absl::string_view key, const ReadOptions& options = {});
  void GetAsync(absl::string_view key, Callback<absl::StatusOr<Value>> done, const ReadOptions& options = {});

  // As Get, but copies the bytes into `value`, which is reused: no shared counter is written, so many threads may read
  // one hot key at full speed. `value` is unchanged unless the result is ok.
  absl::Status Get(absl::string_view key, std::string* value, const ReadOptions& options = {});

  // The cheapest read, of memory only: calls `visitor` with the bytes where they lie and returns true, or returns false
  // when memory cannot answer. The visitor must not block, nor call this cache; the bytes end with it.
  bool Read(absl::string_view key, absl::FunctionRef<void(absl::string_view value)> visitor);

  // One result per key, in order; only the keys that memory lacks travel, in one batch. A key given twice is read once
  // or twice, with equal right. Breaker open: as Get, each key on its own.
  //
  // Memory is searched for 16 keys at a time, so that the processor waits for their entries together: of a million
  // entries a key takes 0.4 of the time of a Get (batches of 16 and of 64; of 4: two thirds). Of entries that lie in
  // the processor's caches it takes as long as a Get.
  std::vector<absl::StatusOr<Value>> GetMany(absl::Span<const absl::string_view> keys, const ReadOptions& options = {});
  void GetManyAsync(absl::Span<const absl::string_view> keys, Callback<std::vector<absl::StatusOr<Value>>> done,
                    const ReadOptions& options = {});

  // As Get; if neither tier has the key, runs `loader` once per key and process, stores what it returns, and gives it
  // to everybody who waits. The loader's error goes to all of them and nothing is stored. If the remote tier is down,
  // or does not answer in half of the time, the loader still runs and its value is returned. A change of the key that
  // is heard of while the loader runs means that its value is returned and not stored. Breaker open: as if the remote
  // tier were down.
  //
  // Who waits for another's load leaves at its own deadline with kDeadlineExceeded, and the load goes on. A loader
  // itself is never interrupted: its caller gets the value, however late. A loader must not load its own key:
  // kFailedPrecondition.
  absl::StatusOr<Value> GetOrLoad(absl::string_view key, Loader loader, const LoadOptions& options = {});
  void GetOrLoadAsync(absl::string_view key, Loader loader, Callback<absl::StatusOr<Value>> done,
                      const LoadOptions& options = {});

  // --- Writing

  // Stores `value` in the remote tier and tells every process, in one atomic step. Breaker open: refused.
  absl::Status Set(absl::string_view key, absl::string_view value, const WriteOptions& options = {});
  void SetAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                const WriteOptions& options = {});

  // As Set, only if the key is absent. kAlreadyExists otherwise. Breaker open: refused.
  absl::Status Add(absl::string_view key, absl::string_view value, const WriteOptions& options = {});
  void AddAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                const WriteOptions& options = {});

  // As Set, only if the key is present. kNotFound otherwise. Breaker open: refused.
  absl::Status Replace(absl::string_view key, absl::string_view value, const WriteOptions& options = {});
  void ReplaceAsync(absl::string_view key, absl::string_view value, Callback<absl::Status> done,
                    const WriteOptions& options = {});

  // Removes the key from every tier and every process. Ok whether it was there or not. Breaker open: sent all the same,
  // if there is a connection within the deadline.
  absl::Status Delete(absl::string_view key, const CallOptions& options = {});
  void DeleteAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options = {});

  // Each key on its own: one Status per key, in order. Not atomic together; sent together. Breaker open: as Set, and as
  // Delete.
  std::vector<absl::Status> SetMany(absl::Span<const KeyAndValue> entries, const WriteOptions& options = {});
  void SetManyAsync(absl::Span<const KeyAndValue> entries, Callback<std::vector<absl::Status>> done,
                    const WriteOptions& options = {});
  std::vector<absl::Status> DeleteMany(absl::Span<const absl::string_view> keys, const CallOptions& options = {});
  void DeleteManyAsync(absl::Span<const absl::string_view> keys, Callback<std::vector<absl::Status>> done,
                       const CallOptions& options = {});

  // Adds `delta` to the number stored at `key`, atomically among all processes, and returns the sum. Numbers are values
  // whose bytes are a decimal 64-bit integer without sign or zeros to spare; Set("n", "5") stores one.
  //   kNotFound             absent, and options.create is false
  //   kFailedPrecondition   the value is not such a number
  //   kOutOfRange           the sum does not fit into 64 bits; the value is unchanged
  // Breaker open: refused.
  absl::StatusOr<int64_t> Increment(absl::string_view key, int64_t delta = 1, const IncrementOptions& options = {});
  void IncrementAsync(absl::string_view key, int64_t delta, Callback<absl::StatusOr<int64_t>> done,
                      const IncrementOptions& options = {});

  // --- Life of a value

  // Remaining life; infinite if it has no end. kNotFound if absent. Always asks the remote tier, if there is one.
  // Breaker open: refused.
  absl::StatusOr<absl::Duration> TimeToLive(absl::string_view key, const CallOptions& options = {});
  void TimeToLiveAsync(absl::string_view key, Callback<absl::StatusOr<absl::Duration>> done,
                       const CallOptions& options = {});

  // Gives the value a new life from now. kNotFound if absent; kInvalidArgument if not positive. Breaker
  // open: refused.
  absl::Status Touch(absl::string_view key, absl::Duration time_to_live, const CallOptions& options = {});
  void TouchAsync(absl::string_view key, absl::Duration time_to_live, Callback<absl::Status> done,
                  const CallOptions& options = {});

  // Takes the end of its life away. kNotFound if absent. Breaker open: refused.
  absl::Status Persist(absl::string_view key, const CallOptions& options = {});
  void PersistAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options = {});

  // Makes the value stale everywhere but keeps its bytes until their life ends: reads miss, and a GetOrLoad whose
  // loader fails falls back to them. kNotFound if absent. Breaker open: as Delete.
  absl::Status Expire(absl::string_view key, const CallOptions& options = {});
  void ExpireAsync(absl::string_view key, Callback<absl::Status> done, const CallOptions& options = {});

  // Forgets every key of this prefix (all processes, all versions), O(1), and nothing else on the server.
  // Refused by the server, it leaves memory as it was; with an unknown outcome memory is given up, too. Breaker open:
  // as Delete.
  absl::Status Clear(const CallOptions& options = {});
  void ClearAsync(Callback<absl::Status> done, const CallOptions& options = {});

  // --- Beside the cache

  // Sends any command to the same server, past memory and past coherence: keys are used as they are given. Refuses
  // commands that would change the connection (SELECT, SUBSCRIBE, MULTI, AUTH, …) or block it: kInvalidArgument. An
  // error reply of the server is a reply. Without a remote tier: kFailedPrecondition. Breaker open: refused.
  absl::StatusOr<ExecuteReply> Execute(absl::Span<const absl::string_view> arguments, const CallOptions& options = {});
  void ExecuteAsync(absl::Span<const absl::string_view> arguments, Callback<absl::StatusOr<ExecuteReply>> done,
                    const CallOptions& options = {});

  // Waits until everything that any process had acknowledged before this call is known here: from then on memory serves
  // nothing older. Used where two processes talk by another way than the cache. Breaker open: goes on as always.
  absl::Status Sync(const CallOptions& options = {});
  void SyncAsync(Callback<absl::Status> done, const CallOptions& options = {});

  // Both look at counters alone and never wait, so they have no twins.
  CacheStats GetStats() const;
  HealthReport Health() const;

  // Changes the budget of memory while the cache is in use (LocalOptions::capacity_bytes): at once for what is stored
  // from now on; what is too much is driven out in bounded steps, by later calls and by the library's own thread, in
  // the order of the policy. Safe from any thread; never waits. Without a remote tier an eighth belongs to the values
  // that Expire keeps, as soon as there are any.
  //
  //   kInvalidArgument     below 1 MiB, or below sixteen times local.entry_bytes_max
  //   kFailedPrecondition  memory was turned off at Open (capacity_bytes = 0), or the cache is closed
  absl::Status SetLocalCapacity(size_t bytes);

  // --- Looking in

  // Calls `visitor` for every entry that memory would serve, until it returns false. A snapshot by stripe, weakly
  // consistent: an entry that is there during the whole walk comes exactly once; one that comes, goes or is replaced
  // meanwhile comes or does not. The visitor runs on this thread, under no lock: it may take its time, keep the value,
  // and use the cache. Readers are not disturbed; writers of a stripe wait while about 16 entries are looked at.
  // Memory: 16 bytes per entry of one stripe. Counts as no read.
  absl::Status ForEach(absl::FunctionRef<bool(const EntryView& entry)> visitor) const;

  // The entries that memory would keep longest, and those that it would drive out first, in the order of the eviction
  // policy: the first of each stripe, then the second of each, and so on. At most 1000, however many are asked for;
  // empty if the cache is closed. Writers of a stripe wait while its share is looked at. Counts as no read.
  std::vector<EntryView> Hottest(size_t count) const;
  std::vector<EntryView> Coldest(size_t count) const;

  // What is known of `key`, and why a read of it would be answered as it would (inspect.h). Without ask_remote it does
  // not wait. Ok for absent keys, and when the remote tier does not answer: the explanation says so. Counts as no read.
  absl::StatusOr<Explanation> Explain(absl::string_view key, const ExplainOptions& options = {}) const;
  void ExplainAsync(absl::string_view key, Callback<absl::StatusOr<Explanation>> done,
                    const ExplainOptions& options = {}) const;

  // Fails everything that waits with kCancelled, waits for running callbacks up to `timeout`, frees threads and
  // connections. Calls after it give kFailedPrecondition. Idempotent; never called twice is fine, too. Called from a
  // callback it does not wait for that callback. kDeadlineExceeded: something still runs, and is left to end by itself.
  absl::Status Close(absl::Duration timeout = absl::Seconds(1));
  // The cache takes no more calls when this returns; the executor then waits and runs `done` with what Close says. The
  // Cache may be destroyed meanwhile.
  void CloseAsync(Callback<absl::Status> done, absl::Duration timeout = absl::Seconds(1));

 private:
  friend class testing::CacheTestPeer;

  explicit Cache(std::shared_ptr<internal::conductor::Core> core);

  const std::shared_ptr<internal::conductor::Core> core_;
};

}  // namespace nearcache

#endif  // NEARCACHE_CACHE_H_
