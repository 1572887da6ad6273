#include "tests/support/resp_frame.h"

#include <cstdint>

#include "absl/strings/numbers.h"

namespace nearcache::testing {
namespace {

// The number in the first line of `frame`; *line is its size with CR LF, or 0 if it is not whole.
int64_t Header(absl::string_view frame, size_t* line) {
  const size_t end = frame.find("\r\n");
  *line = end == absl::string_view::npos ? 0 : end + 2;
  int64_t number = 0;
  if (*line == 0 || !absl::SimpleAtoi(frame.substr(1, end - 1), &number)) return 0;
  return number;
}

}  // namespace

size_t RespFrameSize(absl::string_view bytes) {
  size_t at = 0;
  int64_t frames = 1;  // Still to come, those inside of others included.
  while (frames > 0) {
    size_t line = 0;
    const int64_t number = bytes.size() > at ? Header(bytes.substr(at), &line) : 0;
    if (line == 0) return 0;
    const char type = bytes[at];
    at += line;
    --frames;
    const bool is_bulk = type == '$' || type == '=' || type == '!';
    if (is_bulk && number >= 0) at += static_cast<size_t>(number) + 2;
    if (type == '*' || type == '>' || type == '~') frames += number > 0 ? number : 0;
    if (type == '%') frames += 2 * number;
  }
  return at <= bytes.size() ? at : 0;
}

std::vector<std::string> ParseCommand(absl::string_view frame) {
  size_t line = 0;
  std::vector<std::string> arguments;
  if (frame.empty() || frame[0] != '*') return arguments;
  const int64_t count = Header(frame, &line);
  frame.remove_prefix(line);
  for (int64_t i = 0; i < count && !frame.empty(); ++i) {
    const auto size = static_cast<size_t>(Header(frame, &line));
    frame.remove_prefix(line);
    arguments.emplace_back(frame.substr(0, size));
    frame.remove_prefix(size + 2);
  }
  return arguments;
}

}  // namespace nearcache::testing
