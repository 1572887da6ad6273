#include "bench/support/request_stream.h"

#include <cstring>

#include "bench/support/random.h"
#include "bench/support/zipf.h"

namespace nearcache::bench {

uint32_t NumberOfRank(uint32_t rank, uint32_t key_count) {
  // A prime, so it shares no factor with any count that it is not a factor of; near the golden section of 2^32, so that
  // neighbouring ranks come to lie far apart.
  constexpr uint64_t kStep = 2'654'435'761u;
  return static_cast<uint32_t>(rank * kStep % key_count);
}

RequestStream::RequestStream(const Corpus& corpus, uint32_t key_count, double exponent, size_t length, uint64_t seed) {
  Random random(seed);
  const Zipf zipf(key_count, exponent);
  requests_.resize(length);
  size_t key_bytes = 0;
  for (Request& request : requests_) {
    request.number = NumberOfRank(zipf.Draw(&random), key_count);
    request.dice = static_cast<uint16_t>(random.Below(1000));
    key_bytes += corpus.KeySize(request.number);
  }
  keys_ = std::make_unique<char[]>(key_bytes);
  char buffer[Corpus::kKeyBytesLimit];
  char* at = keys_.get();
  for (Request& request : requests_) {
    const absl::string_view key = corpus.Key(request.number, buffer);
    std::memcpy(at, key.data(), key.size());
    request.key_data = at;
    request.key_size = static_cast<uint16_t>(key.size());
    at += key.size();
  }
}

}  // namespace nearcache::bench
