// What the server knows, in memory: keys, their lives, and the effect of each script, written a second time in C++ from
// the description in remote/scripts.h. The contract suite runs over it and over real servers.
//
// Not thread-safe. Copyable: a copy is a snapshot.

#ifndef NEARCACHE_TESTING_FAKE_KEYSPACE_H_
#define NEARCACHE_TESTING_FAKE_KEYSPACE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "nearcache/internal/base/clock.h"
#include "nearcache/internal/base/operation_id.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/scripts.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::remote {

// How a server may refuse. Empty: it does not.
struct FakeRefusals {
  std::string writes;          // Error text of every write: "READONLY ...", "NOREPLICAS ...", "MISCONF ...".
  std::string publish;         // Error text of PUBLISH: "NOPERM ...".
  bool out_of_memory = false;  // Refuses what stores values; lets through what takes them away.
};

class FakeKeyspace {
 public:
  struct Entry {
    std::string bytes;
    bool other_type = false;  // A hash, a list: not a string.
    MonotonicNanos expires_at = kNever;
  };

  struct ScriptOutcome {
    Reply reply;
    absl::optional<std::string> published;  // The payload.
  };

  // Null if there is none, or its life has ended. Valid until the next change.
  const Entry* Find(absl::string_view key, MonotonicNanos now) const;
  void Put(absl::string_view key, Entry entry) { entries_.insert_or_assign(std::string(key), std::move(entry)); }
  bool Erase(absl::string_view key) { return entries_.erase(std::string(key)) != 0; }
  void Clear() { entries_.clear(); }
  size_t size() const { return entries_.size(); }

  // An id stored under `key`; empty if there is none, or something else.
  OperationId FindId(absl::string_view key, MonotonicNanos now) const;

  ScriptOutcome RunChange(const ScriptNames& names, const ChangeRequest& request, OperationId lane_id,
                          absl::string_view message, const FakeRefusals& refusals, MonotonicNanos now);
  Reply RunEnsureEpoch(const ScriptNames& names, OperationId epoch, const FakeRefusals& refusals, MonotonicNanos now);
  Fetched Fetch(absl::string_view key, MonotonicNanos now) const;
  // A handful of plain commands: PING, ECHO, GET, SET, DEL, EXISTS, FLUSHALL.
  Reply RunCommand(const std::vector<std::string>& arguments, MonotonicNanos now);

 private:
  absl::optional<Reply> Conditions(const ScriptNames& names, const ChangeRequest& request, MonotonicNanos now);
  absl::optional<Reply> CheckNumber(const ChangeRequest& request, const Entry* entry, bool live, int64_t* sum) const;
  Reply Mutate(const ScriptNames& names, const ChangeRequest& request, int64_t sum, MonotonicNanos now);

  absl::flat_hash_map<std::string, Entry> entries_;
};

Reply ErrorReply(absl::string_view text);
Reply StringReply(absl::string_view text);
Reply IntegerReply(int64_t integer);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_TESTING_FAKE_KEYSPACE_H_
