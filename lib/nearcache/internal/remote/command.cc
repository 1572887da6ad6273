#include "nearcache/internal/remote/command.h"

#include "absl/strings/str_cat.h"

namespace nearcache::internal::remote {
namespace {

// '*' or '$', twenty digits, CR LF.
constexpr size_t kHeaderBytesMax = 23;

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

}  // namespace nearcache::internal::remote
