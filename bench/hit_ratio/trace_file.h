// Reads recorded traces.
//
//   *.u32          one little-endian number of four bytes per request: its key
//   *.txt, *.csv   one line per request: a key, or a key and the bytes of key and value, with blanks, tabs or a comma
//                  between them; empty lines and those that begin with '#' say nothing. The first line decides whether
//                  there are sizes; the first request of a key decides its size.
//   *.xz           one of those, compressed; the program `xz` unpacks it

#ifndef BENCH_HIT_RATIO_TRACE_FILE_H_
#define BENCH_HIT_RATIO_TRACE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/hit_ratio/trace.h"

namespace nearcache::hit_ratio {

// What a trace may have, unpacked.
inline constexpr size_t kTraceBytesMax = size_t{1} << 30;
// What key and value may have.
inline constexpr uint32_t kEntryBytesMax = uint32_t{1} << 30;

// The name is that of the file without folder and endings. Takes the whole file into memory.
//
// kNotFound, kPermissionDenied, …: what the system says when it is opened. kInvalidArgument names the file and, for
// text, the line: an ending that is not known, no request in it, not a whole number of keys, a size that is no number
// or out of bounds, a field too many or too few. kResourceExhausted: above kTraceBytesMax. kDataLoss: `xz` cannot
// unpack it.
absl::StatusOr<Trace> ReadTrace(const std::string& path);

// The same from memory; `path` for its endings (.xz left aside) and for messages.
absl::StatusOr<Trace> ParseTrace(absl::string_view path, absl::string_view bytes);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_TRACE_FILE_H_
