// The general parser of replies: hiredis' parser with object functions of our own.
//
// Every byte is hostile (mechanism M15). Depth, number of elements and announced lengths are checked before anything is
// allocated for them; memory grows only with bytes that really came. hiredis never frees nested replies here, so its
// recursion cannot run away, and what it does not check (the end of a bulk string, nested pushes) is checked here.
//
// Not thread-safe. After an error the parser is dead: the connection cannot be trusted any more.

#ifndef NEARCACHE_INTERNAL_REMOTE_REPLY_PARSER_H_
#define NEARCACHE_INTERNAL_REMOTE_REPLY_PARSER_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nearcache/internal/remote/reply.h"

namespace nearcache::internal::remote {

struct ReplyLimits {
  size_t bytes_max = size_t{64} << 20;  // All strings of one reply together.
  size_t elements_max = 1 << 18;        // All elements of one reply together.
  int depth_max = 8;                    // Arrays within arrays.
};

class ReplyParser {
 public:
  explicit ReplyParser(const ReplyLimits& limits);
  ~ReplyParser();

  ReplyParser(const ReplyParser&) = delete;
  ReplyParser& operator=(const ReplyParser&) = delete;

  // Copies the bytes. Some 16 KiB at a time: the parser moves the rest of its buffer after each reply. kInternal if the
  // parser is dead or out of memory.
  absl::Status Feed(absl::string_view bytes);

  // True, and *reply is set, if a whole reply was there; false if more bytes are needed. kInternal, naming the limit or
  // the fault, for bytes that no honest server sends.
  absl::StatusOr<bool> Next(Reply* reply);

  // Whether it is between two replies and has nothing of the next one.
  bool empty() const;

  // When Next has returned false: how many bytes the reply that has begun still takes, at least; 0: unknown.
  size_t missing() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_REPLY_PARSER_H_
