// Turns the bytes of a server into replies: a bulk string is copied once, from the read buffer into the counted block
// that becomes the caller's Value.
//
// Simple replies are taken as they lie (reply_scanner.h), all others by the general parser (reply_parser.h). A simple
// reply that was cut by the end of a read is put together in a buffer of at most 16 KiB first.
//
// Not thread-safe. After an error the reader is dead: the connection cannot be trusted any more.

#ifndef NEARCACHE_INTERNAL_REMOTE_REPLY_READER_H_
#define NEARCACHE_INTERNAL_REMOTE_REPLY_READER_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/reply.h"
#include "nearcache/internal/remote/reply_parser.h"
#include "nearcache/internal/remote/reply_scanner.h"

namespace nearcache::internal::remote {

class ReplyReader {
 public:
  explicit ReplyReader(const ReplyLimits& limits) : limits_(limits), parser_(limits) {}

  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  // Takes in bytes as they came; they must stay where they are until Next has returned false or failed. REQUIRES: so it
  // did, for what was fed before. kInternal if the reader is dead.
  absl::Status Feed(absl::string_view bytes);

  // True, and *reply is set, if a whole reply was there; false if more bytes are needed. kInternal, naming the limit or
  // the fault, for bytes that no honest server sends.
  absl::StatusOr<bool> Next(Reply* reply);

  // True if the next reply is a message of a subscription (RESP3) in its usual form: no Reply is built then, and both
  // views live until the next call. False says nothing: ask Next.
  bool NextMessage(absl::string_view* channel, absl::string_view* payload);

 private:
  absl::string_view Front() const { return carry_.empty() || carry_taken_ ? rest_ : carry_; }
  ScannedReply Scan();
  void DropFront(size_t size);
  bool IsTooLarge(const ScannedReply& scanned) const;
  absl::StatusOr<bool> Parse(absl::string_view first, Reply* reply);

  const ReplyLimits limits_;
  ReplyParser parser_;
  absl::Status status_;
  absl::string_view rest_;    // Of what was fed last.
  std::string carry_;         // The beginning of a simple reply, from earlier feeds.
  bool carry_taken_ = false;  // It was handed out.
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REPLY_READER_H_
