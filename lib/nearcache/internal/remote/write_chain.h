// Bytes on their way to a socket: a chain of blocks, so that a partial write moves nothing.
//
// Small commands are gathered in blocks, one copy each; large ones stay where they are and only their place is noted.
// Every byte has an offset in the stream, so that one can tell whether a command has begun to leave.
//
// Not thread-safe.

#ifndef NEARCACHE_INTERNAL_REMOTE_WRITE_CHAIN_H_
#define NEARCACHE_INTERNAL_REMOTE_WRITE_CHAIN_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace nearcache::internal::remote {

class WriteChain {
 public:
  // From this size on the bytes are not copied and must stay valid until they were consumed or the chain is gone.
  static constexpr size_t kBorrowedBytesMin = 4096;

  void Append(absl::string_view bytes);

  // As Append, for bytes of which the first `sent` have left already. REQUIRES: pending_bytes() == 0.
  void AppendSent(absl::string_view bytes, size_t sent);

  // Fills `parts` with the next bytes to write and returns how many parts there are. Valid until the next change.
  size_t Next(absl::Span<iovec> parts) const;

  // The first `bytes` of what Next gave have left.
  void Consume(size_t bytes);

  // Offsets in the stream: of the next byte to be appended, and of the next byte to leave.
  uint64_t appended_offset() const { return appended_offset_; }
  uint64_t sent_offset() const { return sent_offset_; }
  size_t pending_bytes() const { return static_cast<size_t>(appended_offset_ - sent_offset_); }

 private:
  static constexpr size_t kBlockBytes = 16 << 10;

  struct Part {
    std::string block;  // Gathered bytes; empty for a borrowed part.
    absl::string_view borrowed;
    absl::string_view bytes() const { return borrowed.empty() ? absl::string_view(block) : borrowed; }
  };

  void AppendToBlock(absl::string_view bytes);
  void DropFront();

  std::deque<Part> parts_;
  size_t front_consumed_ = 0;  // Bytes of the first part that have left.
  std::string spare_;          // An emptied block, for the next one.
  uint64_t appended_offset_ = 0;
  uint64_t sent_offset_ = 0;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_WRITE_CHAIN_H_
