#include "nearcache/internal/remote/command.h"

#include "absl/strings/numbers.h"

namespace nearcache::internal::remote {
namespace {

// '*' or '$', twenty digits, CR LF.
constexpr size_t kHeaderBytesMax = 23;

void AppendHeader(std::string* out, char type, size_t count) {
  char digits[absl::numbers_internal::kFastToBufferSize];
  const char* const end = absl::numbers_internal::FastIntToBuffer(uint64_t{count}, digits);
  out->push_back(type);
  out->append(digits, static_cast<size_t>(end - digits));
  out->append("\r\n", 2);
}

}  // namespace

CommandWriter& CommandWriter::Begin(size_t argument_count) {
  AppendHeader(&out_, '*', argument_count);
  return *this;
}

CommandWriter& CommandWriter::Argument(absl::string_view bytes) {
  AppendHeader(&out_, '$', bytes.size());
  out_.append(bytes.data(), bytes.size());
  out_.append("\r\n", 2);
  return *this;
}

CommandWriter& CommandWriter::Argument(int64_t number) {
  char digits[absl::numbers_internal::kFastToBufferSize];
  const char* const end = absl::numbers_internal::FastIntToBuffer(number, digits);
  return Argument(absl::string_view(digits, static_cast<size_t>(end - digits)));
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
