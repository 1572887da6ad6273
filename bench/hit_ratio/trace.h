// A trace: which keys were asked for, in their order, and how large each is.

#ifndef BENCH_HIT_RATIO_TRACE_H_
#define BENCH_HIT_RATIO_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nearcache::hit_ratio {

// The least size of a key with its value: keys have so many bytes in every trace.
inline constexpr uint32_t kKeyBytes = 8;

struct Trace {
  std::string name;
  // Numbers below key_count(), each of which occurs.
  std::vector<uint32_t> requests;
  // Bytes of key and value, by number; at least kKeyBytes.
  std::vector<uint32_t> sizes;
  // The sizes come from the trace, not from DrawSizes.
  bool sizes_given = false;
  // Recorded, not generated. Goals are judged on these alone.
  bool recorded = false;

  uint32_t key_count() const { return static_cast<uint32_t>(sizes.size()); }
};

// Gives numbers without gaps, in the order of their first request, to keys of any kind; `sizes` grows with 0 for each
// new one. Key is hashable.
template <typename Key, typename Map>
uint32_t NumberOf(const Key& key, Map* numbers, std::vector<uint32_t>* sizes) {
  const auto [place, added] = numbers->try_emplace(key, static_cast<uint32_t>(sizes->size()));
  if (added) sizes->push_back(0);
  return place->second;
}

// Sizes for a trace that tells none: by number alone, log-normal with a median of 500 bytes and a standard deviation of
// 1.3 in the logarithm (so one in a hundred is above 10 KB), between 32 bytes and 256 KiB. Popularity plays no part.
void DrawSizes(Trace* trace);

}  // namespace nearcache::hit_ratio

#endif  // BENCH_HIT_RATIO_TRACE_H_
