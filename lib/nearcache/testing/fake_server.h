// An in-memory server for tests: several FakeStores attach to one FakeServer as several processes attach to one Redis.
//
// Everything happens on its loop (fake_loop.h), by hand and deterministically with a FakeClock, or on a thread of its
// own:
//
//   FakeClock clock;
//   FakeServer server(&clock);
//   FakeStore first(&server), second(&server);
//   ...
//   server.RunUntilIdle();                    // or Step(), or Advance(absl::Seconds(1))
//
//   server.StartThread();                     // From now on calls may block.
//
// All functions may be called on any thread while the thread runs, and otherwise on the one that drives the loop. The
// server must outlive its stores.

#ifndef NEARCACHE_TESTING_FAKE_SERVER_H_
#define NEARCACHE_TESTING_FAKE_SERVER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/fake_clock.h"
#include "nearcache/testing/fake_keyspace.h"
#include "nearcache/testing/fake_loop.h"

namespace nearcache::internal::remote {

// What a store attached to the server hears from it, on the loop.
class FakePeer {
 public:
  virtual ~FakePeer() = default;
  virtual void OnPublished(absl::string_view channel, absl::string_view payload) = 0;
  // All connections broke.
  virtual void OnServerGone(const absl::Status& cause) = 0;
  // Connecting may succeed again.
  virtual void OnServerBack() = 0;
};

class FakeServer {
 public:
  explicit FakeServer(FakeClock* clock) : loop_(clock, clock) {}
  // In real time: needs StartThread.
  explicit FakeServer(const Clock* clock) : loop_(clock, nullptr) {}

  // --- Driving it; see FakeLoop.
  bool Step() { return loop_.Step(); }
  size_t RunUntilIdle() { return loop_.RunUntilIdle(); }
  void Advance(absl::Duration by) { loop_.Advance(by); }
  void StartThread() { loop_.StartThread(); }
  void StopThread() { loop_.StopThread(); }

  // --- A stranger's hand in the data: without announcement, past the lane.
  absl::optional<std::string> Peek(absl::string_view key);
  // Remaining life; nullopt if it has none or is absent.
  absl::optional<absl::Duration> PeekTimeToLive(absl::string_view key);
  void Put(absl::string_view key, absl::string_view bytes, absl::Duration time_to_live = absl::InfiniteDuration());
  void PutOtherType(absl::string_view key);
  bool HoldsOtherType(absl::string_view key);
  void Erase(absl::string_view key);
  void FlushAll();
  // Any bytes on any channel, as anybody may publish them.
  void Publish(absl::string_view channel, absl::string_view payload);

  // --- Faults
  void SetRefusals(FakeRefusals refusals);
  // False: all connections break and none comes about. True again: stores connect.
  void SetReachable(bool reachable);
  // Another identity: all connections break, stores connect anew and see another server (mechanism M8).
  void Restart(bool keep_data);
  // For a fail-over that loses writes: take a snapshot, let things happen, restart with the snapshot put back.
  FakeKeyspace TakeSnapshot();
  void RestartWith(FakeKeyspace snapshot);

  // --- For FakeStore, on the loop.
  FakeLoop& loop() { return loop_; }
  FakeKeyspace& keyspace() { return keyspace_; }
  const FakeRefusals& refusals() const { return refusals_; }
  bool reachable() const { return reachable_; }
  int identity() const { return identity_; }
  void Attach(FakePeer* peer) { peers_.push_back(peer); }
  void Detach(FakePeer* peer);
  void PublishNow(absl::string_view channel, absl::string_view payload);

 private:
  void RestartNow();

  FakeKeyspace keyspace_;
  FakeRefusals refusals_;
  bool reachable_ = true;
  int identity_ = 1;
  std::vector<FakePeer*> peers_;
  FakeLoop loop_;  // Last: its thread uses all of the above.
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTING_FAKE_SERVER_H_
