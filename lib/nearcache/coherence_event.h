// What CoherenceOptions::on_event hears: the beginnings and ends of generations, and what the audit found.
//
// A generation is the time in which memory is vouched for without a break. When one ends, everything in memory from
// before is distrusted: it is served for what is left of the staleness bound at most (LinkDownPolicy), and is fetched
// anew.

#ifndef NEARCACHE_COHERENCE_EVENT_H_
#define NEARCACHE_COHERENCE_EVENT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"

namespace nearcache {

struct CoherenceEvent {
  enum class Kind {
    kGenerationOpened,  // Memory is vouched for from now on.
    kGenerationEnded,   // `cause` says why. Also reported when a loss shows only at the beginning of the next one.
    kStaleValue,        // The audit has shown that memory served a value longer than the promise allows.
  };
  enum class Cause {
    kNone,
    kGap,               // A message was missed while the connection lived.
    kChannelLost,       // The invalidation connection went away.
    kHeartbeatTimeout,  // What the server had announced was not heard within the bound.
    kLaneMissing,       // The namespace's register is gone: FLUSHALL, an empty server.
    kLaneRegressed,     // The register went back: the server lost history.
    kEpochChanged,      // The namespace's epoch changed or went without a Clear.
    kServerLeft,        // The server refuses writes, or is no primary any more.
    kSuspended,         // The machine slept.
    kFlushed,           // The server said that a database was flushed (CoherenceOptions::foreign_writers).
  };
  Kind kind = Kind::kGenerationOpened;
  Cause cause = Cause::kNone;
  // The same in words, with numbers. Never contains a value or a secret.
  std::string text;

  // kGenerationEnded: entries in memory, which are suspect now, and how long ago everything was last known to be heard;
  // infinite: never.
  uint64_t suspect_entries = 0;
  absl::Duration heartbeat_age;

  // kStaleValue: which key, and for how long at least its value had been replaced when memory still served it.
  std::string key;
  absl::Duration staleness;
};

using CoherenceListener = std::function<void(const CoherenceEvent& event)>;

}  // namespace nearcache

#endif  // NEARCACHE_COHERENCE_EVENT_H_
