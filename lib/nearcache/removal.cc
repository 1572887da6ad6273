#include "nearcache/removal.h"

namespace nearcache {

absl::string_view RemovalCauseName(RemovalCause cause) {
  switch (cause) {
    case RemovalCause::kExplicit:
      return "explicit";
    case RemovalCause::kReplaced:
      return "replaced";
    case RemovalCause::kExpired:
      return "expired";
    case RemovalCause::kCapacity:
      return "capacity";
    case RemovalCause::kInvalidated:
      return "invalidated";
    case RemovalCause::kCleared:
      return "cleared";
  }
  return "unknown";
}

}  // namespace nearcache
