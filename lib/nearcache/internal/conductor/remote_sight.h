// What a look at the remote tier showed (remote_look.h).

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_SIGHT_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_SIGHT_H_

#include <cstddef>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::conductor {

struct RemoteSight {
  enum class What {
    kNoRemote,     // The cache has no remote tier.
    kUnreachable,  // `status` says why.
    kAbsent,
    kPresent,
    kExpired,   // Marked as expired, its bytes kept for loads that fail.
    kCleared,   // Written before the last Clear.
    kForeign,   // Of a stranger, or of another Redis type.
    kUnusable,  // Damaged, of another version, or of another key.
  };
  What what = What::kNoRemote;
  absl::Status status;
  OperationId id;                               // kPresent, kExpired, kCleared: of the write.
  size_t bytes = 0;                             // As stored.
  absl::optional<absl::Duration> time_to_live;  // Nullopt: it has no end, or there is nothing.
  // When the answer was here: whatever it shows was executed before.
  MonotonicNanos answered_at = 0;
};

using RemoteSightDone = absl::AnyInvocable<void(RemoteSight) &&>;

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_REMOTE_SIGHT_H_
