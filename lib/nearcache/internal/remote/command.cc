#include "nearcache/internal/remote/command.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

// '*' or '$', twenty digits, CR LF.
constexpr size_t kHeaderBytesMax = 23;
constexpr size_t kCommandNameSizeMax = 32;
constexpr absl::string_view kLineEnd = "\r\n";
// Up to here it is cheaper to put an argument together on the stack and append it at once: each append to a string
// costs as much as the copying of some hundred bytes.
constexpr size_t kShortArgumentMax = 128;

size_t WriteHeader(char* to, char mark, size_t number) {
  *to = mark;
  char* const end = std::to_chars(to + 1, to + kHeaderBytesMax - kLineEnd.size(), number).ptr;
  std::memcpy(end, kLineEnd.data(), kLineEnd.size());
  return static_cast<size_t>(end - to) + kLineEnd.size();
}

}  // namespace

CommandWriter& CommandWriter::Begin(size_t argument_count) {
  char piece[kHeaderBytesMax];
  out_.append(piece, WriteHeader(piece, '*', argument_count));
  return *this;
}

CommandWriter& CommandWriter::Argument(absl::string_view bytes) {
  char piece[kHeaderBytesMax + kShortArgumentMax + kLineEnd.size()];
  size_t size = WriteHeader(piece, '$', bytes.size());
  if (bytes.size() > kShortArgumentMax) {
    out_.append(piece, size);
    out_.append(bytes.data(), bytes.size());
    out_.append(kLineEnd.data(), kLineEnd.size());
    return *this;
  }
  if (!bytes.empty()) std::memcpy(piece + size, bytes.data(), bytes.size());
  size += bytes.size();
  std::memcpy(piece + size, kLineEnd.data(), kLineEnd.size());
  out_.append(piece, size + kLineEnd.size());
  return *this;
}

CommandWriter& CommandWriter::Argument(int64_t number) {
  const absl::AlphaNum digits(number);
  return Argument(digits.Piece());
}

void AppendCommand(std::string* out, absl::Span<const absl::string_view> arguments) {
  size_t bytes = kHeaderBytesMax;
  for (const absl::string_view argument : arguments) bytes += argument.size() + kHeaderBytesMax + 2;
  // Growing to exactly what is needed each time would make a pipeline of many commands quadratic.
  if (out->empty()) out->reserve(bytes);
  CommandWriter writer(out);
  writer.Begin(arguments.size());
  for (const absl::string_view argument : arguments) writer.Argument(argument);
}

absl::string_view CommandName(absl::string_view encoded) {
  for (int lines = 2; lines > 0; --lines) {
    const size_t end = encoded.find(kLineEnd);
    if (end == absl::string_view::npos) return absl::string_view();
    encoded.remove_prefix(end + kLineEnd.size());
  }
  const absl::string_view name = encoded.substr(0, encoded.find(kLineEnd));
  const bool is_word =
      std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); });
  return is_word && name.size() <= kCommandNameSizeMax ? name : absl::string_view();
}

}  // namespace nearcache::internal::remote
