// What the kinds of change have in common, in words and in counters. Thread-safe.

#ifndef NEARCACHE_INTERNAL_CONDUCTOR_CHANGE_KIND_H_
#define NEARCACHE_INTERNAL_CONDUCTOR_CHANGE_KIND_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/conductor/counters.h"
#include "nearcache/internal/remote/store.h"

namespace nearcache::internal::conductor {

// The name of the call, for errors: "Set", "Increment".
absl::string_view ChangeName(remote::ChangeKind kind);

// The error of a change whose condition did not hold: kAlreadyExists for kAdd, ok for kDelete (a
// key that is gone is what it wanted), else kNotFound.
absl::Status ConditionNotMet(remote::ChangeKind kind, absl::string_view key);

// Counts a change that was made.
void CountChange(remote::ChangeKind kind, Counters* counters);

// Whether the change carries a value that replaces what was there.
bool StoresValue(remote::ChangeKind kind);

}  // namespace nearcache::internal::conductor

#endif  // NEARCACHE_INTERNAL_CONDUCTOR_CHANGE_KIND_H_
