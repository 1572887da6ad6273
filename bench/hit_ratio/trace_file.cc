#include "bench/hit_ratio/trace_file.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace nearcache::hit_ratio {
namespace {

constexpr size_t kNumberBytes = 4;
constexpr size_t kPieceBytes = size_t{1} << 16;

uint32_t LoadLittleEndian(const char* bytes) {
  uint32_t number = 0;
  for (size_t i = kNumberBytes; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

bool EndsWith(absl::string_view text, absl::string_view end) { return absl::ConsumeSuffix(&text, end); }

std::string NameOf(absl::string_view path) {
  const absl::string_view file = path.substr(path.rfind('/') + 1);
  return std::string(file.substr(0, file.find('.')));
}

absl::Status ReadAll(const std::string& path, std::FILE* file, std::string* bytes) {
  std::vector<char> piece(kPieceBytes);
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), file)) {
    bytes->append(piece.data(), got);
    if (bytes->size() > kTraceBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": more than ", kTraceBytesMax, " bytes, which is what a trace may have"));
    }
  }
  if (std::ferror(file) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadPlain(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  std::string bytes;
  const absl::Status status = ReadAll(path, file.get(), &bytes);
  if (!status.ok()) return status;
  return bytes;
}

absl::StatusOr<std::string> Unpack(const std::string& path) {
  // For its message: xz would say the same on standard error only.
  const absl::StatusOr<std::string> packed = ReadPlain(path);
  if (!packed.ok()) return packed;
  const std::string command =
      absl::StrCat("xz --decompress --stdout -- '", absl::StrReplaceAll(path, {{"'", "'\\''"}}), "'");
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("cannot start xz for ", path));
  std::string bytes;
  const absl::Status status = ReadAll(path, pipe, &bytes);
  const int ended = pclose(pipe);
  if (!status.ok()) return status;
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
    return absl::DataLossError(absl::StrCat(path, ": xz cannot unpack it: it is broken, or xz is not installed"));
  }
  return bytes;
}

absl::Status ParseNumbers(absl::string_view path, absl::string_view bytes, Trace* trace) {
  if (bytes.size() % kNumberBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", bytes.size(), " bytes are no whole number of keys of ",
                                                   kNumberBytes, " bytes; ", bytes.size() % kNumberBytes,
                                                   " are left after request ", bytes.size() / kNumberBytes));
  }
  absl::flat_hash_map<uint32_t, uint32_t> numbers;
  trace->requests.reserve(bytes.size() / kNumberBytes);
  for (size_t i = 0; i < bytes.size(); i += kNumberBytes) {
    const uint32_t key = LoadLittleEndian(bytes.data() + i);
    trace->requests.push_back(NumberOf(key, &numbers, &trace->sizes));
  }
  return absl::OkStatus();
}

class LineParser {
 public:
  explicit LineParser(Trace* trace) : trace_(*trace) {}

  // What is wrong with the line, or nothing.
  std::string Parse(absl::string_view line) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::ByAnyChar(" \t,\r"), absl::SkipEmpty());
    if (fields.empty() || fields[0][0] == '#') return "";
    if (fields.size() > 2) return absl::StrCat(fields.size(), " fields; a key, or a key and a size, were expected");
    if (trace_.requests.empty()) trace_.sizes_given = fields.size() == 2;
    if (trace_.sizes_given != (fields.size() == 2)) {
      return trace_.sizes_given ? "no size, but the first request has one" : "a size, but the first request has none";
    }
    uint32_t size = 0;
    if (trace_.sizes_given && (!absl::SimpleAtoi(fields[1], &size) || size == 0 || size > kEntryBytesMax)) {
      return absl::StrCat("size '", fields[1], "' is no number between 1 and ", kEntryBytesMax);
    }
    const uint32_t number = NumberOf(fields[0], &numbers_, &trace_.sizes);
    if (trace_.sizes[number] == 0) trace_.sizes[number] = std::max(size, kKeyBytes);
    trace_.requests.push_back(number);
    return "";
  }

 private:
  Trace& trace_;
  // The keys lie in the text that is being parsed.
  absl::flat_hash_map<absl::string_view, uint32_t> numbers_;
};

absl::Status ParseLines(absl::string_view path, absl::string_view bytes, Trace* trace) {
  LineParser parser(trace);
  size_t line_number = 0;
  for (const absl::string_view line : absl::StrSplit(bytes, '\n')) {
    ++line_number;
    const std::string problem = parser.Parse(line);
    if (!problem.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ":", line_number, ": ", problem));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Trace> ParseTrace(absl::string_view path, absl::string_view bytes) {
  absl::string_view plain = path;
  absl::ConsumeSuffix(&plain, ".xz");
  Trace trace;
  trace.name = NameOf(path);
  trace.recorded = true;
  absl::Status status;
  if (EndsWith(plain, ".u32")) {
    status = ParseNumbers(path, bytes, &trace);
  } else if (EndsWith(plain, ".txt") || EndsWith(plain, ".csv")) {
    status = ParseLines(path, bytes, &trace);
  } else {
    status = absl::InvalidArgumentError(
        absl::StrCat(path, ": its name must end in .u32, .txt or .csv, with .xz after it if it is compressed"));
  }
  if (!status.ok()) return status;
  if (trace.requests.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no request in it"));
  if (!trace.sizes_given) DrawSizes(&trace);
  return trace;
}

absl::StatusOr<Trace> ReadTrace(const std::string& path) {
  const absl::StatusOr<std::string> bytes = EndsWith(path, ".xz") ? Unpack(path) : ReadPlain(path);
  if (!bytes.ok()) return bytes.status();
  return ParseTrace(path, *bytes);
}

}  // namespace nearcache::hit_ratio
