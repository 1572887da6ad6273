#include "nearcache/internal/remote/command.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

// '*' or '$', twenty digits, CR LF.
constexpr size_t kHeaderBytesMax = 23;
constexpr size_t kCommandNameSizeMax = 32;

}  // namespace

CommandWriter& CommandWriter::Begin(size_t argument_count) {
  absl::StrAppend(&out_, "*", argument_count, "\r\n");
  return *this;
}

CommandWriter& CommandWriter::Argument(absl::string_view bytes) {
  absl::StrAppend(&out_, "$", bytes.size(), "\r\n", bytes, "\r\n");
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
  constexpr absl::string_view kLineEnd = "\r\n";
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
