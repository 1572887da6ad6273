#include "bench/support/corpus.h"

#include <cassert>
#include <cstring>

#include "bench/support/random.h"

namespace nearcache::bench {
namespace {

constexpr char kFiller[] =
    "session:user:profile:article:comment:product:order:price:stock:index:page:fragment:menu:tag:x";
constexpr char kDigits[] = "0123456789abcdef";
constexpr size_t kNumberDigits = 8;

size_t Spread(uint32_t number, uint32_t salt, uint32_t min, uint32_t max) {
  return min + Random(number * uint64_t{2} + salt).Below(max - min + 1);
}

std::string SomeBytes(size_t size) {
  Random random(1);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>('a' + random.Below(26));
  return bytes;
}

}  // namespace

Corpus::Corpus(const Shape& shape) : shape_(shape), bytes_(SomeBytes(shape.value_bytes_max)) {
  assert(shape.key_bytes_min >= kNumberDigits && shape.key_bytes_max <= kKeyBytesLimit);
}

absl::string_view Corpus::Key(uint32_t number, char* buffer) const {
  const size_t size = KeySize(number);
  const size_t filler = size - kNumberDigits;
  for (size_t at = 0; at < filler;) {
    const size_t part = filler - at < sizeof(kFiller) - 1 ? filler - at : sizeof(kFiller) - 1;
    std::memcpy(buffer + at, kFiller, part);
    at += part;
  }
  for (size_t i = 0; i < kNumberDigits; ++i) buffer[filler + i] = kDigits[(number >> (28 - 4 * i)) & 15];
  return {buffer, size};
}

size_t Corpus::KeySize(uint32_t number) const { return Spread(number, 0, shape_.key_bytes_min, shape_.key_bytes_max); }

size_t Corpus::ValueSize(uint32_t number) const {
  return Spread(number, 1, shape_.value_bytes_min, shape_.value_bytes_max);
}

double Corpus::MeanPayload() const {
  return (shape_.key_bytes_min + shape_.key_bytes_max + shape_.value_bytes_min + shape_.value_bytes_max) / 2.0;
}

}  // namespace nearcache::bench
