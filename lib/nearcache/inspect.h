// What Cache::ForEach and Cache::Explain say: a look at what a cache holds and why it answers as it does. For people,
// tools and tests; nothing here counts as a read, and the eviction policy does not hear of it.

#ifndef NEARCACHE_INSPECT_H_
#define NEARCACHE_INSPECT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nearcache/value.h"

namespace nearcache {

// One entry in memory.
struct EntryView {
  // Lies in the block of `value`: valid as long as any copy of it.
  absl::string_view key;
  Value value;
  // Since the value was fetched from the remote tier, loaded, or written here.
  absl::Duration age;
  // What is left of its life in memory; infinite if it has no end.
  absl::Duration time_to_live;
};

// Everything that is known of one key.
struct Explanation {
  // Whether memory would answer a read of it.
  enum class Memory {
    kAbsent,         // It is not there.
    kServed,         // It would.
    kExpired,        // It is there, and its life is over.
    kCleared,        // It is there from before a Clear, or from before everything was distrusted.
    kNotVouchedFor,  // It is there, older than the staleness bound, and no lease covers it: the channel is down, or
                     // was.
  };
  Memory memory = Memory::kAbsent;

  // What is in progress. While the key is being written here, reads of it go to the remote tier.
  bool being_written = false;
  bool being_read = false;  // A remote read that others may join.
  bool being_loaded = false;

  // Which stripe and which lane (coherence domain) the key belongs to, and the lane's open generation; 0: it is closed,
  // so nothing is leased.
  int stripe = 0;
  int lane = 0;
  uint64_t lane_generation = 0;

  // --- Of the entry in memory, unless it is absent.
  absl::Duration age;
  absl::Duration time_to_live;
  size_t value_bytes = 0;
  size_t entry_bytes = 0;    // All that counts against LocalOptions::capacity_bytes.
  bool read_lately = false;  // Since the policy last looked: it would survive its next turn.
  uint64_t generation = 0;   // The lane's, when it was fetched.
  bool leased = false;       // The lane's lease covers it; otherwise it is served only because it is young.
  std::string operation_id;  // Stands for the write that made it: 16 hexadecimal digits.

  // --- Of the remote tier, when it was asked for.
  enum class Remote {
    kNotAsked,
    kNone,         // The cache has no remote tier.
    kUnreachable,  // `remote_status` says why.
    kAbsent,
    kPresent,
    kExpired,   // By Cache::Expire: its bytes are kept for loads that fail.
    kCleared,   // Written before the last Clear: counts as absent.
    kForeign,   // Not written by this library, or of another Redis type.
    kUnusable,  // Damaged, of another version, or of another key.
  };
  Remote remote = Remote::kNotAsked;
  absl::Status remote_status;
  size_t remote_bytes = 0;  // As stored.
  absl::Duration remote_time_to_live = absl::InfiniteDuration();
  std::string remote_operation_id;

  // Both tiers hold the same write.
  bool same_write() const { return !operation_id.empty() && operation_id == remote_operation_id; }

  // The same in words, on a few lines. Never contains the value.
  std::string ToString() const;
};

}  // namespace nearcache

#endif  // NEARCACHE_INSPECT_H_
