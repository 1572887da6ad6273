// Compares keys. What std::memcmp does, without the call, and what must be saved around a call, for the sizes that most
// keys have.

#ifndef NEARCACHE_INTERNAL_LOCAL_EQUAL_BYTES_H_
#define NEARCACHE_INTERNAL_LOCAL_EQUAL_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace nearcache::internal::local {

// O(size); no branch but on the size up to 64 bytes.
inline bool EqualBytes(absl::string_view a, absl::string_view b) {
  const size_t size = a.size();
  if (size != b.size()) return false;
  const auto word = [](const char* bytes) {
    uint64_t loaded;
    std::memcpy(&loaded, bytes, sizeof(loaded));
    return loaded;
  };
  // The bits in which the sixteen bytes at `offset` differ.
  const auto difference = [&](size_t offset) {
    return (word(a.data() + offset) ^ word(b.data() + offset)) |
           (word(a.data() + offset + 8) ^ word(b.data() + offset + 8));
  };
  // Blocks from the front and from the back, which overlap in the middle.
  if (size - 16 <= 16) return (difference(0) | difference(size - 16)) == 0;
  if (size - 33 <= 31) return (difference(0) | difference(16) | difference(size - 32) | difference(size - 16)) == 0;
  return size == 0 || std::memcmp(a.data(), b.data(), size) == 0;
}

}  // namespace nearcache::internal::local

#endif  // NEARCACHE_INTERNAL_LOCAL_EQUAL_BYTES_H_
