// Finds where each message of a Redis protocol stream (RESP2 or RESP3, replies, pushes or commands) ends, without
// understanding more of it than that. Bytes go in as they come from the socket; whole messages come out.

#ifndef BENCH_COHERENCE_TORTURE_RESP_SPLITTER_H_
#define BENCH_COHERENCE_TORTURE_RESP_SPLITTER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::bench::torture {

class RespSplitter {
 public:
  void Append(absl::string_view bytes);

  // The next whole message with its framing; false: there is none yet. The view ends with the next Append. A stream
  // that is not RESP comes out as it is.
  bool Next(absl::string_view* message);

  // What lies here and is not a whole message.
  absl::string_view rest() const { return absl::string_view(buffer_).substr(begin_); }

 private:
  bool Scan();

  std::string buffer_;
  size_t begin_ = 0;    // Of the message that comes next.
  size_t scanned_ = 0;  // How far that message was understood.
  size_t needed_ = 1;   // How many elements it lacks from there on.
  bool broken_ = false;
};

// The beginning of a command, which is an array of bulk strings; empty if it is something else. The views point into
// the message.
struct RespCommand {
  absl::string_view name;
  absl::string_view first_argument;
};
RespCommand ReadCommand(absl::string_view message);

// The payload of a bulk string, where it lies; empty for every other type.
absl::string_view BulkPayload(absl::string_view message);

// The last bulk string of a push or an array: the payload of a Pub/Sub message. Empty: there is none.
absl::string_view LastBulk(absl::string_view message);

}  // namespace nearcache::bench::torture

#endif  // BENCH_COHERENCE_TORTURE_RESP_SPLITTER_H_
