#include "nearcache/internal/conductor/change_kind.h"

#include "absl/strings/str_cat.h"
#include "nearcache/internal/conductor/arguments.h"

namespace nearcache::internal::conductor {

using remote::ChangeKind;

absl::string_view ChangeName(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kSet:
      return "Set";
    case ChangeKind::kAdd:
      return "Add";
    case ChangeKind::kReplace:
      return "Replace";
    case ChangeKind::kDelete:
      return "Delete";
    case ChangeKind::kTouch:
      return "Touch";
    case ChangeKind::kPersist:
      return "Persist";
    case ChangeKind::kExpire:
      return "Expire";
    case ChangeKind::kIncrement:
      return "Increment";
    case ChangeKind::kClear:
      return "Clear";
    case ChangeKind::kForgetAll:
      break;  // Not a call of users.
  }
  return "change";
}

absl::Status ConditionNotMet(ChangeKind kind, absl::string_view key) {
  if (kind == ChangeKind::kDelete) return absl::OkStatus();
  if (kind != ChangeKind::kAdd) return NoValue(key);
  return absl::AlreadyExistsError(absl::StrCat("key ", QuoteKey(key), " has a value already"));
}

void CountChange(ChangeKind kind, Counters* counters) {
  if (kind == ChangeKind::kDelete) {
    counters->deletes.Increment();
  } else if (kind == ChangeKind::kClear) {
    counters->clears.Increment();
  } else {
    counters->writes.Increment();
  }
}

bool StoresValue(ChangeKind kind) {
  return kind == ChangeKind::kSet || kind == ChangeKind::kAdd || kind == ChangeKind::kReplace;
}

}  // namespace nearcache::internal::conductor
