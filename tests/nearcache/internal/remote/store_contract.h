// The contract of remote/store.h as tests, for any implementation: FakeStore and RedisStore run the same suite, so that
// what is proved over the fake holds for the real one.
//
// An implementation gives a StoreHarness: a server, a hand in its data, and its faults. A Process is one store on it
// with blocking calls and a record of its channel.

#ifndef NEARCACHE_TESTS_INTERNAL_REMOTE_STORE_CONTRACT_H_
#define NEARCACHE_TESTS_INTERNAL_REMOTE_STORE_CONTRACT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::remote {

class StoreHarness {
 public:
  virtual ~StoreHarness() = default;

  // A store on the server, not started. The harness outlives it.
  virtual std::unique_ptr<Store> NewStore() = 0;
  ScriptNames names() const { return {"ns:lane", "ns:epoch", "ns:missing", "ns:channel"}; }

  // --- A stranger's hand, past the store.
  virtual void Put(absl::string_view key, absl::string_view bytes) = 0;
  virtual void PutOtherType(absl::string_view key) = 0;
  virtual bool HoldsOtherType(absl::string_view key) = 0;
  virtual absl::optional<std::string> Peek(absl::string_view key) = 0;
  // Nullopt: no expiry, or absent.
  virtual absl::optional<absl::Duration> PeekTimeToLive(absl::string_view key) = 0;
  virtual void FlushAll() = 0;
  virtual void ForgetScripts() = 0;
  virtual void Publish(absl::string_view payload) = 0;

  // --- Faults of the server.
  virtual void SetOutOfMemory(bool on) = 0;
  virtual void SetReadOnly(bool on) = 0;
  virtual void SetPublishForbidden(bool on) = 0;
  // Accepts everything, answers nothing.
  virtual void Freeze() = 0;
  virtual void Thaw() = 0;
  // All connections break and none comes about.
  virtual void Stop() = 0;
  // Another identity, no data.
  virtual void Restart() = 0;
};

struct ContractParameter {
  std::string name;
  std::function<std::unique_ptr<StoreHarness>()> make;  // Null if it cannot run here.
  friend std::ostream& operator<<(std::ostream& out, const ContractParameter& p) { return out << p.name; }
};

inline std::string ContractName(const ::testing::TestParamInfo<ContractParameter>& parameter) {
  return parameter.param.name;
}

// --- Frames and announcements of the suite

// A frame as the scripts see it. `payload` follows a header with everything else zero.
std::string MakeFrame(OperationId epoch, OperationId id, absl::string_view payload, FrameCodec codec = FrameCodec::kRaw,
                      FrameState state = FrameState::kLive);
// Behind the header; the whole if it is shorter.
std::string PayloadOf(absl::string_view frame);
OperationId IdOf(absl::string_view frame);

// What the suite's encoder writes.
std::string Announcement(OperationId lane_id, absl::Span<const Announced> changes);
std::string Announcement(const ChangeRequest& request);

// --- A process

class Process final : public ChannelEvents {
 public:
  // Started and subscribed.
  explicit Process(StoreHarness* harness, uint64_t nonce);
  ~Process() override;

  Store& store() { return *store_; }
  OperationId NextId() { return ids_.Next(); }

  // A request with a fresh id, and for those that carry a frame one of `epoch`.
  ChangeRequest Request(ChangeKind kind, absl::string_view key, OperationId epoch, absl::string_view payload = "");
  ChangeRequest Increment(absl::string_view key, OperationId epoch, int64_t delta);

  ChangeResult Change(ChangeRequest request);
  // All of them are asked for before the store's loop sees the second one: it finds them ready together.
  std::vector<ChangeResult> ChangeTogether(std::vector<ChangeRequest> requests);
  absl::StatusOr<ReadReply> Read(std::vector<std::string> keys, bool want_epoch = false);
  absl::StatusOr<ReadReply> ReadTimeToLive(const std::string& key);
  LaneReading ReadLane();
  absl::StatusOr<OperationId> EnsureEpoch(OperationId epoch);
  absl::StatusOr<Reply> Execute(std::vector<std::string> arguments);

  // --- What the channel said.
  std::vector<std::string> Messages() const;
  // Waits until there are that many; gives up after ten seconds.
  std::vector<std::string> WaitForMessages(size_t count) const;
  bool WaitForSubscriptions(int count) const;
  bool WaitForDowns(int count) const;
  int subscriptions() const;
  int downs() const;
  // The lane ids of all announcements that were acknowledged, in order.
  std::vector<OperationId> Acknowledged() const;
  // How long calls may take; ten seconds unless set.
  void set_timeout(absl::Duration timeout) { timeout_ = timeout; }
  MonotonicNanos Deadline() const;

 private:
  void OnSubscribed() override;
  void OnMessage(absl::string_view payload) override;
  void OnChannelDown(const absl::Status& cause) override;
  void OnAcknowledged(OperationId lane_id) override;

  const AnnouncementEncoder encoder_;
  OperationIdSource ids_;
  absl::Duration timeout_ = absl::Seconds(10);
  mutable absl::Mutex mutex_;
  std::vector<std::string> messages_ ABSL_GUARDED_BY(mutex_);
  std::vector<OperationId> acknowledged_ ABSL_GUARDED_BY(mutex_);
  int subscriptions_ ABSL_GUARDED_BY(mutex_) = 0;
  int downs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<Store> store_;
};

// Waits until `condition` holds, asking again and again; false after ten seconds.
bool Eventually(absl::FunctionRef<bool()> condition);

// --- The fixture: one server, one process, an epoch.
class StoreContract : public ::testing::TestWithParam<ContractParameter> {
 protected:
  void SetUp() override;

  StoreHarness& server() { return *harness_; }
  Process& process() { return *process_; }
  OperationId epoch() const { return epoch_; }

  // Stores `payload` in a frame of the current epoch, through the store.
  OperationId StoreValue(const std::string& key, absl::string_view payload);

  // The chain of all messages of `reader` from its `first` one on: each bears the lane id of the one before.
  static void ExpectChain(const std::vector<std::string>& messages, OperationId before_first);

  std::unique_ptr<StoreHarness> harness_;
  std::unique_ptr<Process> process_;
  OperationId epoch_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTS_INTERNAL_REMOTE_STORE_CONTRACT_H_
