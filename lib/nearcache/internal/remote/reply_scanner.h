// Finds whole replies of the simplest types at the front of a buffer, where they lie: nothing is copied or allocated.
//
// Nearly all replies are bulk strings, numbers, nils and "+OK", or messages of a subscription, and nearly all of them
// come whole in one read. The general parser (hiredis) first copies every byte into a buffer of its own, and moves the
// rest of it down after each reply; for a value of 500 bytes that is more work than all the rest of the engine does.
//
// Only what is certainly well-formed is taken. Whatever is not, or is of any other type, is left to the general parser,
// which also says what is wrong with it.
//
// Pure, thread-safe. O(1), and O(n) for a status.

#ifndef NEARCACHE_INTERNAL_REMOTE_REPLY_SCANNER_H_
#define NEARCACHE_INTERNAL_REMOTE_REPLY_SCANNER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/reply.h"

namespace nearcache::internal::remote {

struct ScannedReply {
  enum class Kind {
    kWhole,       // It takes `size` bytes; the rest says what it is.
    kUnfinished,  // It will take at least `size` bytes, which are not there yet.
    kOther,       // Not for the scanner.
  };
  Kind kind = Kind::kOther;
  size_t size = 0;
  Reply::Type type = Reply::Type::kNil;
  absl::string_view text;     // Within the buffer; of a push its payload.
  absl::string_view channel;  // Of a push.
  int64_t integer = 0;
};

// Takes $ (bulk string or nil), : (integer), + (status) and, of pushes, the message of a subscription as RESP3 has it:
// >3 "message" channel payload. Only of strings and messages it says that they are unfinished.
ScannedReply ScanReply(absl::string_view buffer);

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REPLY_SCANNER_H_
