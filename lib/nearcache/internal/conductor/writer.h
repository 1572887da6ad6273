// Changes in the remote tier, the local tier kept in step:
//
//   begin write (resident dropped, flights voided) -> encode -> store: value and announcement in one
//   atomic step -> end write (kept only if nothing newer happened) -> the caller hears of it
//
// The acknowledgement reaches the local tier before the caller (mechanism M7). A frame must carry
// the namespace's epoch; if the server has another one (kAborted) the change is encoded and sent
// again with the right one, a few times at most. If that cannot be done although the first frame
// was stored (in a group, where it counts as absent), the outcome is unknown.
//
// Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_WRITER_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_WRITER_H_

#include <memory>
#include <string>

#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/conductor/remote_parts.h"
#include "nearcache/internal/conductor/replayer.h"
#include "nearcache/internal/conductor/ways.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::conductor {

class Writer {
 public:
  // `replayer` hears of what was changed; null: nobody does.
  Writer(const RemoteParts& parts, Replayer* replayer) : parts_(parts), replayer_(replayer) {}

  void Change(const ChangeQuery& query, ChangeDone done);

 private:
  struct Write;
  using WritePtr = std::unique_ptr<Write>;

  absl::Status CheckBreaker(const ChangeQuery& query) const;
  void EnsureEpoch(WritePtr write);
  void Send(WritePtr write, OperationId epoch);
  void SendOnWorker(WritePtr write, OperationId epoch);
  void OnResult(WritePtr write, remote::ChangeResult result);
  void End(WritePtr write, remote::ChangeResult result);
  void EndLocally(const Write& write, const remote::ChangeResult& result);
  void Count(const Write& write, const remote::ChangeResult& result);
  std::string Encode(const Write& write, OperationId epoch) const;
  absl::Status Explain(const Write& write, const remote::ChangeResult& result) const;

  const RemoteParts parts_;
  Replayer* const replayer_;
};

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_WRITER_H_
