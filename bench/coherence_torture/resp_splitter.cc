#include "bench/coherence_torture/resp_splitter.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace nearcache::bench::torture {
namespace {

constexpr absl::string_view kLineEnd = "\r\n";
constexpr int64_t kCountMax = int64_t{1} << 30;

// The number of a header line such as "$5" at the front of `bytes`; false: it is none. `line` gets the line's length
// with its end.
bool ReadCount(absl::string_view bytes, int64_t* count, size_t* line) {
  const size_t end = bytes.find(kLineEnd);
  if (end == absl::string_view::npos || end == 0) return false;
  *line = end + kLineEnd.size();
  return absl::SimpleAtoi(bytes.substr(1, end - 1), count) && *count <= kCountMax;
}

// Takes one bulk string from the front of `bytes`; false: there is none.
bool ConsumeBulk(absl::string_view* bytes, absl::string_view* payload) {
  int64_t count = 0;
  size_t line = 0;
  if (bytes->empty() || (*bytes)[0] != '$' || !ReadCount(*bytes, &count, &line) || count < 0) return false;
  const size_t size = static_cast<size_t>(count);
  if (bytes->size() < line + size + kLineEnd.size()) return false;
  *payload = bytes->substr(line, size);
  bytes->remove_prefix(line + size + kLineEnd.size());
  return true;
}

}  // namespace

void RespSplitter::Append(absl::string_view bytes) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_.append(bytes.data(), bytes.size());
}

bool RespSplitter::Next(absl::string_view* message) {
  if (!broken_ && !Scan()) return false;
  if (broken_) scanned_ = buffer_.size();
  *message = absl::string_view(buffer_).substr(begin_, scanned_ - begin_);
  begin_ = scanned_;
  needed_ = 1;
  return !message->empty();
}

// True if a whole message ends at scanned_, or the stream is broken.
bool RespSplitter::Scan() {
  while (needed_ > 0) {
    const absl::string_view bytes = absl::string_view(buffer_).substr(scanned_);
    const size_t end = bytes.find(kLineEnd);
    if (end == absl::string_view::npos) return false;
    size_t size = end + kLineEnd.size();
    size_t more = 0;
    int64_t count = 0;
    const char type = bytes[0];
    const bool counted = ReadCount(bytes, &count, &size);
    if (type == '$' || type == '=' || type == '!') {
      broken_ = !counted;
      if (count >= 0) size += static_cast<size_t>(count) + kLineEnd.size();
      if (bytes.size() < size) return broken_;
    } else if (type == '*' || type == '~' || type == '>' || type == '%' || type == '|') {
      broken_ = !counted;
      if (count > 0) more = static_cast<size_t>(type == '%' || type == '|' ? 2 * count : count);
      if (type == '|') ++more;  // Attributes stand before what they describe.
    }
    if (broken_) return true;
    needed_ += more;
    --needed_;
    scanned_ += size;
  }
  return true;
}

RespCommand ReadCommand(absl::string_view message) {
  RespCommand command;
  int64_t count = 0;
  size_t line = 0;
  if (message.empty() || message[0] != '*' || !ReadCount(message, &count, &line)) return command;
  message.remove_prefix(line);
  if (!ConsumeBulk(&message, &command.name)) return command;
  if (count > 1) ConsumeBulk(&message, &command.first_argument);
  return command;
}

absl::string_view BulkPayload(absl::string_view message) {
  absl::string_view payload;
  return ConsumeBulk(&message, &payload) ? payload : absl::string_view();
}

absl::string_view LastBulk(absl::string_view message) {
  int64_t count = 0;
  size_t line = 0;
  if (message.empty() || (message[0] != '>' && message[0] != '*') || !ReadCount(message, &count, &line)) return "";
  message.remove_prefix(line);
  absl::string_view payload;
  while (ConsumeBulk(&message, &payload)) {
  }
  return payload;
}

}  // namespace nearcache::bench::torture
