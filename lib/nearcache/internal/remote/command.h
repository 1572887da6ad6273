// Encodes commands as RESP arrays of bulk strings, the one form that every server version and every proxy understands.
//
// Cost: one pass over the arguments; EncodeCommand allocates once. Bytes are opaque: zeros, CR and LF are fine.

#ifndef NEARCACHE_INTERNAL_REMOTE_COMMAND_H_
#define NEARCACHE_INTERNAL_REMOTE_COMMAND_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace nearcache::internal::remote {

// Appends one command to `out`. REQUIRES: !arguments.empty().
void AppendCommand(std::string* out, absl::Span<const absl::string_view> arguments);

inline void AppendCommand(std::string* out, std::initializer_list<absl::string_view> arguments) {
  AppendCommand(out, absl::MakeConstSpan(arguments.begin(), arguments.size()));
}

inline std::string EncodeCommand(std::initializer_list<absl::string_view> arguments) {
  std::string out;
  AppendCommand(&out, arguments);
  return out;
}

inline std::string EncodeCommand(absl::Span<const absl::string_view> arguments) {
  std::string out;
  AppendCommand(&out, arguments);
  return out;
}

// The name of the first command in `encoded`, for messages: what an operation was, without its keys and values. Empty
// if there is none, or if it is no word of letters.
absl::string_view CommandName(absl::string_view encoded);

// For commands with computed arguments (GET of n keys, EVAL with n keys): Begin says how many follow, then exactly that
// many Arguments.
class CommandWriter {
 public:
  explicit CommandWriter(std::string* out) : out_(*out) {}

  CommandWriter& Begin(size_t argument_count);
  CommandWriter& Argument(absl::string_view bytes);
  CommandWriter& Argument(int64_t number);

 private:
  std::string& out_;
};

}  // namespace nearcache::internal::remote

#endif  // NEARCACHE_INTERNAL_REMOTE_COMMAND_H_
