// Whether bytes found under a key count as a value of the namespace: the same question that the scripts ask on the
// server, by the same fields.

#ifndef NEARCACHE_INTERNAL_REMOTE_LOGICAL_PRESENCE_H_
#define NEARCACHE_INTERNAL_REMOTE_LOGICAL_PRESENCE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "nearcache/internal/base/frame_layout.h"
#include "nearcache/internal/base/operation_id.h"

namespace nearcache::internal::remote {

// The epoch that a frame carries; empty if `frame` is too short.
inline OperationId FrameEpoch(absl::string_view frame) {
  if (frame.size() < kFrameEpochOffset + kFrameEpochSize) return OperationId();
  return OperationId::FromBytes(frame.substr(kFrameEpochOffset, kFrameEpochSize)).value_or(OperationId());
}

// `epoch` is the namespace's; while it is empty, nothing is present.
inline bool IsLogicallyPresent(absl::string_view frame, OperationId epoch) {
  return !epoch.empty() && FrameEpoch(frame) == epoch && frame[kFrameMagicOffset] == kFrameMagic[0] &&
         frame[kFrameMagicOffset + 1] == kFrameMagic[1] &&
         static_cast<uint8_t>(frame[kFrameVersionOffset]) == kFrameVersion &&
         static_cast<FrameState>(frame[kFrameStateOffset]) == FrameState::kLive;
}

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_LOGICAL_PRESENCE_H_
