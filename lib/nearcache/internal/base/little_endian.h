// Fixed-width little-endian integers in byte buffers; the order of every number in our formats.

#ifndef NEARCACHE_INTERNAL_BASE_LITTLE_ENDIAN_H_
#define NEARCACHE_INTERNAL_BASE_LITTLE_ENDIAN_H_

#include <cstdint>

namespace nearcache::internal {

template <typename Unsigned>
inline Unsigned LoadLittleEndian(const char* bytes) {
  Unsigned value = 0;
  for (unsigned i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

template <typename Unsigned>
inline void StoreLittleEndian(char* bytes, Unsigned value) {
  for (unsigned i = 0; i < sizeof(Unsigned); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

inline uint32_t LoadLittleEndian32(const char* bytes) { return LoadLittleEndian<uint32_t>(bytes); }
inline uint64_t LoadLittleEndian64(const char* bytes) { return LoadLittleEndian<uint64_t>(bytes); }
inline void StoreLittleEndian32(char* bytes, uint32_t value) { StoreLittleEndian(bytes, value); }
inline void StoreLittleEndian64(char* bytes, uint64_t value) { StoreLittleEndian(bytes, value); }

}  // namespace nearcache::internal

#endif  // NEARCACHE_INTERNAL_BASE_LITTLE_ENDIAN_H_
