// Sends own invalidations again after the server lost history: another server took its place (a promoted replica, a
// restart), or its lane went back. Acknowledged changes of the last moments may be gone then, and the values that they
// had replaced are back. Every process drops its memory at such a change of generation, but would fetch them again.
//
// For the last change of each key that this process made within the window it asks the new server what it holds:
//
//   the very write          nothing was lost
//   nothing                 nothing came back
//   anything else           deleted, with its announcement: it is older, or it is a newer write of somebody else, of
//                           which nobody here can tell; a cache may always miss
//
// A Clear is sent again if no process is known to have cleared later and the server's epoch is another one. Increments
// are not among them: a counter that lost its last steps is still the best there is. Nor are changes of a life.
//
// It begins when the channel of the new server is open, so that those who hear it do hear it; a few keys at a time,
// each once; whatever fails is counted and left.
//
// On the loop's thread, except for Note and GetStats. Must outlive the store's loop.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REPLAYER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REPLAYER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/replay_log.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::conductor {

struct ReplayStats {
  uint64_t runs = 0;
  uint64_t invalidations = 0;  // Sent again.
  uint64_t failures = 0;       // Could not be looked at or sent.
  ReplayLog::Stats log;
};

class Replayer {
 public:
  explicit Replayer(const RemoteParts& parts);

  // An own change was acknowledged and made. Any thread.
  void Note(remote::ChangeKind kind, absl::string_view key, OperationId id);

  // The server may have lost changes; `epoch` is the last that was heard of before.
  void OnHistoryLost(OperationId epoch);
  // A generation began: everybody who listens hears what is sent from now on.
  void OnOpened();

  ReplayStats GetStats() const;

 private:
  static constexpr size_t kInFlightMax = 16;

  void Pump();
  void Look(const ReplayLog::Entry& entry);
  void Judge(const ReplayLog::Entry& entry, const absl::StatusOr<remote::ReadReply>& reply);
  void Send(remote::ChangeKind kind, const std::string& key);
  void End(bool failed);

  const RemoteParts parts_;
  ReplayLog log_;

  // The loop's thread.
  bool lost_ = false;  // And nothing was begun since.
  OperationId known_epoch_;
  std::vector<ReplayLog::Entry> waiting_;  // The next one last.
  size_t in_flight_ = 0;
  bool pumping_ = false;

  std::atomic<uint64_t> runs_{0};
  std::atomic<uint64_t> invalidations_{0};
  std::atomic<uint64_t> failures_{0};
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REPLAYER_H_
