// A Store over a FakeServer, with a hand on everything that a network can do: requests, replies and messages can be
// held and released one by one, delayed and dropped, connections cut, calls made to fail.
//
// The way of a call:
//
//   Change(...) --[requests]--> server executes --[replies]--> completion
//                                     |
//                                     +----------[messages]--> OnMessage of every store on it
//
// Each bracket is a gate that a test can close (Hold...), open for the oldest few (Release...) and open for good
// (Resume...). Held per kind of call: a held read does not hold up a write behind it, which is what several connections
// can do to a process. What is held when its connection is cut: requests stay, and execute when they are released,
// though nobody hears of it (a zombie write); replies and messages are lost.
//
// Differences from RedisStore: no probes, so OnSubscribed comes right after the connection; a kDelete under a cut
// connection is not sent again but unknown.
//
// Events and completions come from the server's loop (fake_server.h), those of Shutdown in manual mode from inside it.

#ifndef NEARCACHE_TESTING_FAKE_STORE_H_
#define NEARCACHE_TESTING_FAKE_STORE_H_

#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/remote/store.h"
#include "nearcache/testing/fake_server.h"

namespace nearcache::internal::remote {

struct FakeStoreOptions {
  std::string lane_key = "lane";
  std::string epoch_key = "epoch";
  std::string missing_key = "missing";
  std::string channel = "channel";
  // Between a cut and the next attempt.
  absl::Duration reconnect_delay = absl::ZeroDuration();
  // Above it calls are refused with kResourceExhausted.
  size_t operations_max = 65536;
};

// Kinds of calls, as bits.
enum FakeCallKind : unsigned {
  kReadCalls = 1,    // Read, ReadTimeToLive.
  kChangeCalls = 2,  // Change.
  kLaneCalls = 4,    // ReadLane.
  kOtherCalls = 8,   // EnsureEpoch, Execute.
  kAllCalls = 15,
};

class FakeStore final : public Store {
 public:
  static constexpr size_t kAll = std::numeric_limits<size_t>::max();

  explicit FakeStore(FakeServer* server, FakeStoreOptions options = {});
  ~FakeStore() override;

  absl::Status Start(ChannelEvents* events, const AnnouncementEncoder* encoder) override;
  void Read(ReadRequest request, ReadCallback done) override;
  void Change(ChangeRequest request, ChangeCallback done) override;
  void ReadTimeToLive(std::string redis_key, MonotonicNanos deadline, ReadCallback done) override;
  void Execute(std::vector<std::string> argv, MonotonicNanos deadline,
               absl::AnyInvocable<void(absl::StatusOr<Reply>) &&> done) override;
  void ReadLane(MonotonicNanos deadline, LaneCallback done) override;
  void EnsureEpoch(OperationId epoch, MonotonicNanos deadline,
                   absl::AnyInvocable<void(absl::StatusOr<OperationId>) &&> done) override;
  void ResetChannel(const absl::Status& cause) override;
  void ResetSession(const absl::Status& cause) override;
  void RunAt(MonotonicNanos when, absl::AnyInvocable<void() &&> task) override;
  void Shutdown() override;
  bool IsDown() const override;
  StoreStats GetStats() const override;
  absl::Status LinkStatus() const override;

  // --- Gates. A call or message that arrives at a closed gate waits there.
  void HoldRequests(unsigned kinds = kAllCalls);
  void HoldReplies(unsigned kinds = kAllCalls);
  void HoldMessages();
  // Lets the oldest `count` go on; the gate stays closed.
  void ReleaseRequests(size_t count = kAll);
  void ReleaseReplies(size_t count = kAll);
  void ReleaseMessages(size_t count = kAll);
  // Opens the gate and lets all go on.
  void ResumeRequests();
  void ResumeReplies();
  void ResumeMessages();
  size_t held_requests() const;
  size_t held_replies() const;
  size_t held_messages() const;

  // --- Time on the way; later ones never overtake earlier ones.
  void SetDelays(absl::Duration request, absl::Duration reply, absl::Duration message);

  // --- Losses
  // The next `count` messages vanish from a connection that stays up.
  void DropMessages(size_t count);
  // The next `count` replies vanish: the calls end at their deadlines, unknown.
  void DropReplies(size_t count);
  // The next call of one of `kinds` ends with `status`, executed or not. `unknown` is what a change says of itself.
  void FailNext(unsigned kinds, absl::Status status, bool unknown = false, bool executed = false);
  // Cuts a connection; the next attempt follows after reconnect_delay, unless connects are held.
  void CutData();
  void CutChannel();
  // What a server reports of foreign writers (ChannelEvents), while the channel is up. A test that reports a change of
  // this library does so behind its message.
  void ReportKeys(std::vector<std::string> keys);
  void ReportFlush();

  // While held, connections that are down stay down.
  void HoldConnects(bool held);

 private:
  class Core;

  const std::shared_ptr<Core> core_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTING_FAKE_STORE_H_
