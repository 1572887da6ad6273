// Keys and values by number, the same for every candidate and every run.
//
// A key ends with the eight hexadecimal digits of its number, so keys of different numbers differ; the sizes are spread
// evenly between the bounds, without any connection between popularity and size.

#ifndef BENCH_SUPPORT_CORPUS_H_
#define BENCH_SUPPORT_CORPUS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace nearcache::bench {

struct Shape {
  uint32_t key_bytes_min = 20;
  uint32_t key_bytes_max = 40;
  uint32_t value_bytes_min = 100;
  uint32_t value_bytes_max = 1000;
};

// Immutable after construction, so that threads may share one.
class Corpus {
 public:
  static constexpr size_t kKeyBytesLimit = 128;

  // REQUIRES: 8 <= key_bytes_min <= key_bytes_max <= kKeyBytesLimit, 1 <= value_bytes_min <= value_bytes_max
  explicit Corpus(const Shape& shape);

  // Writes the key into `buffer`, which has room for kKeyBytesLimit bytes.
  absl::string_view Key(uint32_t number, char* buffer) const;

  // The same bytes for each number that has the same size; lives as long as the corpus.
  absl::string_view Value(uint32_t number) const { return absl::string_view(bytes_).substr(0, ValueSize(number)); }

  size_t KeySize(uint32_t number) const;
  size_t ValueSize(uint32_t number) const;

  // Key and value, on average.
  double MeanPayload() const;

  const Shape& shape() const { return shape_; }

 private:
  const Shape shape_;
  const std::string bytes_;
};

}  // namespace nearcache::bench

#endif  // BENCH_SUPPORT_CORPUS_H_
