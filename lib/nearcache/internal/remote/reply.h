// One reply of the server, as a value of our own: a tree of at most a few levels.
//
// Not thread-safe; moves freely between threads.

#ifndef NEARCACHE_INTERNAL_REMOTE_REPLY_H_
#define NEARCACHE_INTERNAL_REMOTE_REPLY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nearcache/value.h"

namespace nearcache::internal::remote {

// Every type of RESP2 and RESP3, reduced to what callers tell apart. Maps, sets and attributes arrive as arrays (a map
// of n pairs as 2n elements); big numbers and verbatim strings as strings.
struct Reply {
  enum class Type { kNil, kString, kStatus, kError, kInteger, kDouble, kBool, kArray, kPush };

  Type type = Type::kNil;
  Value string;                 // kString, kStatus, kError.
  int64_t integer = 0;          // kInteger; kBool as 0 or 1.
  double number = 0;            // kDouble.
  std::vector<Reply> elements;  // kArray, kPush.

  bool is_nil() const { return type == Type::kNil; }
  bool is_error() const { return type == Type::kError; }
  absl::string_view text() const { return string.view(); }
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REPLY_H_
